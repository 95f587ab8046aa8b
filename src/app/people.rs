//! Who has an account: the key beside the database, and what works with it.

use std::sync::Arc;

use super::{Channels, clock::Time, open_store, sender, settings};
use crate::{
    config::Config,
    erasure::beside,
    http::accounts::browser::origin_of,
    interactions::Context,
    kernel::{
        chance::{Chance, Generator},
        phi::Phi,
        problem::Result,
    },
    outbound::Cache,
    people::{
        People,
        federation::{Federation, Provider},
        key::Key,
        tell::TellHandler,
    },
};

/// The people of a server. Whatever the server's own chance is, secrets are drawn from the system's.
pub(super) fn of(config: &Config, context: &Context) -> Result<Arc<People>> {
    let chance = Arc::new(Generator::from_system());
    let key = key(config, chance.as_ref())?;
    let (store, clock) = (context.store.clone(), Arc::clone(&context.clock));
    let people = People::new(store, clock, chance, key);
    let people = people.with_origin(origin_of(&context.base));
    Ok(Arc::new(
        people.with_federation(federation(config, context)?),
    ))
}

/// The OpenID provider of a configuration, if there is one.
fn federation(config: &Config, context: &Context) -> Result<Option<Federation>> {
    let asked = &config.federation;
    if asked.issuer.is_empty() {
        return Ok(None);
    }
    let provider = Provider {
        issuer: asked.issuer.clone(),
        client: asked.client.clone(),
        secret: Phi::new(asked.secret.reveal().to_owned()),
        claim: asked.claim.clone(),
        scopes: asked.scopes.split_whitespace().map(str::to_owned).collect(),
        acr: asked.acr.clone(),
        name: asked.name.clone(),
    };
    let fetch = settings::outbound(&config.outbound)?;
    let known = Cache::new(Arc::clone(&fetch), Arc::clone(&context.clock));
    Ok(Some(Federation::new(provider, fetch, Arc::new(known))))
}

/// What sends to people what concerns their accounts; it waits until it is told who they are.
pub(super) fn teller(
    config: &Config,
    time: &Time,
    channels: &Channels,
) -> Result<Arc<TellHandler>> {
    Ok(Arc::new(TellHandler::new(sender(
        config,
        time,
        channels.clone(),
    )?)))
}

/// The people of a configured database, for a command.
///
/// # Errors
/// `Fault`, if the database or the key cannot be opened.
pub async fn open_people(config: &Config, chance: Arc<dyn Chance>) -> Result<People> {
    let store = open_store(config, Arc::clone(&chance)).await?;
    let (clock, key) = (
        Time::of(&config.clock).clock(),
        key(config, chance.as_ref())?,
    );
    let base = config.server.base(config.server.listen);
    Ok(People::new(store, clock, chance, key).with_origin(origin_of(&base)))
}

fn key(config: &Config, chance: &dyn Chance) -> Result<Key> {
    Key::open(&beside(&config.database.path(), "people-key"), chance)
}
