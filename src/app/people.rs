//! Who has an account: the key beside the database, and what works with it.

use std::sync::Arc;

use super::{clock::Time, open_store};
use crate::{
    config::Config,
    erasure::beside,
    interactions::Context,
    kernel::{
        chance::{Chance, Generator},
        problem::Result,
    },
    people::{People, key::Key},
};

/// The people of a server. Whatever the server's own chance is, secrets are drawn from the system's.
pub(super) fn of(config: &Config, context: &Context) -> Result<Arc<People>> {
    let chance = Arc::new(Generator::from_system());
    let key = key(config, chance.as_ref())?;
    let (store, clock) = (context.store.clone(), Arc::clone(&context.clock));
    Ok(Arc::new(People::new(store, clock, chance, key)))
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
    Ok(People::new(store, clock, chance, key))
}

fn key(config: &Config, chance: &dyn Chance) -> Result<Key> {
    Key::open(&beside(&config.database.path(), "people-key"), chance)
}
