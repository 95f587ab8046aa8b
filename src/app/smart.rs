//! The authorization server, put together.

use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;

use crate::{
    bulk,
    config::Config,
    fhir::permit::Permit,
    http::{Access, Origins, cors::KnownOrigins},
    interactions::Context,
    kernel::{chance::Generator, problem::Result},
    outbound::{Cache, Internet, Outbound, Rules},
    people::People,
    smart::{Parts, Settings, Smart, keys::Keys, persons::Persons},
};

/// Who lets in again whom the authorization server knows, once there is one: handlers of jobs are
/// made before the address is known that its name is made of.
#[derive(Default)]
pub(super) struct Renewal(OnceLock<Arc<Smart>>);

impl Renewal {
    /// From now on, this one.
    pub fn serve_by(&self, smart: &Arc<Smart>) {
        // It is set once, at the start.
        let _ = self.0.set(Arc::clone(smart));
    }
}

impl bulk::Renew for Renewal {
    fn renew<'a>(&'a self, who: &'a bulk::asker::Identity) -> BoxFuture<'a, Result<Permit>> {
        match self.0.get() {
            Some(smart) => smart.renew(who),
            None => bulk::NoLogins.renew(who),
        }
    }
}

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
        registration: auth.registration,
        style: (!auth.style_url.is_empty()).then(|| auth.style_url.clone()),
    };
    let fetch = Outbound::open(Arc::new(Internet), Rules::default())?;
    let parts = Parts {
        store: context.store.clone(),
        clock: Arc::clone(&context.clock),
        // Whatever the server's own chance is, secrets are drawn from the system's.
        chance: Arc::new(Generator::from_system()),
        keys: Keys::open(&auth.key_file(&config.database.path()))?,
        sets: Arc::new(Cache::new(Arc::new(fetch), Arc::clone(&context.clock))),
        persons: Arc::clone(people) as Arc<dyn Persons>,
    };
    Ok(Some(Arc::new(Smart::new(settings, parts))))
}

/// The origins whose pages may call: those that the operator names, and those of clients.
pub(super) fn origins(config: &Config, smart: Option<&Arc<Smart>>) -> Origins {
    let named = Origins::read(&config.server.cors_origins);
    match smart {
        Some(smart) => named.with_registered(Arc::clone(smart) as Arc<dyn KnownOrigins>),
        None => named,
    }
}
