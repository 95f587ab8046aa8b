//! The job of the library as the queue knows it.

use futures_util::future::BoxFuture;

use crate::{
    library::reindex,
    queue::{Failure, Handler, Schedule},
    store::{LeasedJob, Store},
};

/// Runs [`reindex::KIND`].
pub(super) struct ReindexHandler;

impl Handler for ReindexHandler {
    fn kind(&self) -> &'static str {
        reindex::KIND
    }

    fn concurrency(&self) -> usize {
        1
    }

    /// A search by what is not indexed is refused for as long as it takes.
    fn schedule(&self) -> Schedule {
        Schedule::ENDLESS
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        leased: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { reindex::run(store, leased).await.map_err(Failure::from) })
    }
}
