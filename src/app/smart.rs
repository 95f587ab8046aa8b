//! The authorization server, put together.

use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;

use super::settings;
use crate::{
    bulk::{NoLogins, Renew, asker::Identity},
    config::Config,
    fhir::permit::Permit,
    http::Access,
    interactions::Context,
    kernel::{
        chance::Generator,
        problem::{Problem, Result},
    },
    outbound::Cache,
    people::People,
    smart::{Parts, Settings, Smart, keys::Keys, persons::Persons, rates::RateBounds},
};

/// The authorization server, where tokens are asked for.
pub(super) fn open(
    config: &Config,
    context: &Context,
    (access, people): (Access, &Arc<People>),
) -> Result<Option<Arc<Smart>>> {
    if access != Access::Tokens {
        return Ok(None);
    }
    let auth = &config.auth;
    let settings = Settings {
        issuer: auth.issuer(&context.base),
        base: context.base.as_ref().to_owned(),
        access: auth.access(),
        backend: auth.backend(),
        offline: auth.offline(),
        consent: auth.consent(),
        registration: auth.registration,
        rates: RateBounds {
            client: auth.requests_per_client_max,
            address: auth.requests_per_address_max,
        },
        style: if auth.style_url.is_empty() {
            format!("{}/auth/style.json", auth.issuer(&context.base))
        } else {
            auth.style_url.clone()
        },
    };
    let fetch = settings::outbound(&config.outbound)?;
    let parts = Parts {
        store: context.store.clone(),
        clock: Arc::clone(&context.clock),
        // Whatever the server's own chance is, secrets are drawn from the system's.
        chance: Arc::new(Generator::from_system()),
        keys: Keys::open(&auth.key_file(&config.database.path()))?,
        sets: Arc::new(Cache::new(fetch, Arc::clone(&context.clock))),
        persons: Arc::clone(people) as Arc<dyn Persons>,
    };
    Ok(Some(Arc::new(Smart::new(settings, parts))))
}

/// Lets in again those who asked for what is done later, once it is known who lets in.
#[derive(Default)]
pub(super) struct Again(OnceLock<Option<Arc<Smart>>>);

impl Again {
    /// Tells who lets in, if anybody does; only the first counts.
    pub(super) fn by(&self, smart: Option<&Arc<Smart>>) {
        let _ = self.0.set(smart.map(Arc::clone));
    }
}

impl Renew for Again {
    fn renew<'a>(&'a self, who: &'a Identity) -> BoxFuture<'a, Result<Permit>> {
        match self.0.get() {
            Some(Some(smart)) => smart.renew(who),
            Some(None) => NoLogins.renew(who),
            None => Box::pin(async { Err(Problem::busy("No server serves yet.")) }),
        }
    }
}
