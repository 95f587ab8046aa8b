//! The files of erasure beside the database, and who works with them.

use std::sync::Arc;

use super::{Channels, clock::Time};
use crate::{
    config::Config,
    erasure::{CompleteHandler, Eraser, LateReactor, RetentionHandler, Seal, beside},
    kernel::{
        chance::{Chance, Generator},
        problem::Result,
    },
    queue::Handler,
    store::{Reactor, Store},
};

/// Who erases, and those of its jobs.
type Erasing = (Arc<Eraser>, Vec<Arc<dyn Handler>>);

pub(super) fn seal(config: &Config, chance: &dyn Chance) -> Result<Seal> {
    Seal::open(&beside(&config.database.path(), "erasure-key"), chance)
}

/// Who refuses what comes after an erasure.
pub(super) fn late(config: &Config, chance: &dyn Chance) -> Result<Arc<dyn Reactor>> {
    Ok(Arc::new(LateReactor(seal(config, chance)?)))
}

/// Who erases, at a request and when it is time.
pub(super) fn open(
    config: &Config,
    store: &Store,
    time: &Time,
    (mail, sms): &Channels,
) -> Result<Erasing> {
    // The store's reactors have drawn the key already, should there have been none.
    let seal = seal(config, &Generator::from_system())?;
    let mut channels = vec![Arc::clone(mail)];
    channels.extend(sms.iter().map(|(channel, _)| Arc::clone(channel)));
    let eraser = Arc::new(Eraser::new(
        store.clone(),
        time.clock(),
        channels,
        seal.clone(),
        &config.database.path(),
    ));
    let handlers: Vec<Arc<dyn Handler>> = vec![
        Arc::new(CompleteHandler(Arc::clone(&eraser))),
        Arc::new(RetentionHandler(seal)),
    ];
    Ok((eraser, handlers))
}
