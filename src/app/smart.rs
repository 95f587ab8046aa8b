//! The authorization server, put together.

use std::sync::Arc;

use crate::{
    config::Config,
    http::Access,
    interactions::Context,
    kernel::problem::Result,
    outbound::{Cache, Internet, Outbound, Rules},
    people::People,
    smart::{Parts, Settings, Smart, keys::Keys, persons::Persons},
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
        registration: auth.registration,
        style: (!auth.style_url.is_empty()).then(|| auth.style_url.clone()),
    };
    let fetch = Outbound::open(Arc::new(Internet), Rules::default())?;
    let parts = Parts {
        store: context.store.clone(),
        clock: Arc::clone(&context.clock),
        chance: Arc::clone(&context.chance),
        keys: Keys::open(&auth.key_file(&config.database.path()))?,
        sets: Arc::new(Cache::new(Arc::new(fetch), Arc::clone(&context.clock))),
        persons: Arc::clone(people) as Arc<dyn Persons>,
    };
    Ok(Some(Arc::new(Smart::new(settings, parts))))
}
