//! The one writer: requests that wait together share one transaction, and so one fsync.
//!
//! Each request runs in a savepoint of its own, so that one that fails leaves the others alone.
//! Nobody is answered before the shared transaction is durable.
//!
//! The writer has a thread of its own, since its statements run where they are asked for.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{Reactor, Tx};
use crate::{
    fhir::permit::Permit,
    kernel::problem::{Problem, Result},
};

/// Most requests that share one transaction: bounds how long the first of them waits.
const GROUP_MAX: usize = 64;

/// Requests that may wait for the writer; one more is told to come again (503).
pub const QUEUE_MAX: usize = 1_024;

/// One request's part of a group.
trait Part: Send {
    /// Does the request's work; its value is kept until the group is durable.
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Result<()>>;

    /// Answers the request.
    fn conclude(self: Box<Self>, outcome: Result<()>);
}

struct Request<T, F> {
    work: Option<F>,
    value: Option<T>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Part for Request<T, F>
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Result<()>> {
        Box::pin(async move {
            if let Some(work) = self.work.take() {
                self.value = Some(work(tx).await?);
            }
            Ok(())
        })
    }

    fn conclude(self: Box<Self>, outcome: Result<()>) {
        let Self { value, answer, .. } = *self;
        let reply =
            outcome.and_then(|()| value.ok_or_else(|| Problem::fault("the writer lost a value")));
        // The client may have gone; its write stands all the same.
        let _ = answer.send(reply);
    }
}

struct Item {
    permit: Permit,
    part: Box<dyn Part>,
}

/// The sending half; clones share the writer.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Item>,
}

impl Writer {
    /// Starts the thread that owns the writing connection; it ends when the last clone is dropped
    /// and the queue is empty. Should it end before that, whoever waits is told so.
    ///
    /// `jobs` is notified after each group that has added jobs.
    pub(super) fn start(
        mut tx: Tx,
        reactors: Arc<[Arc<dyn Reactor>]>,
        jobs: Arc<Notify>,
    ) -> Result<Self> {
        tx.attach(Arc::clone(&reactors));
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || runtime.block_on(serve(tx, reactors, waiting, jobs)))
            .map_err(Problem::fault)?;
        Ok(Self { queue })
    }

    /// Runs `work` in the next group and answers once it is durable.
    pub(super) async fn write<T, F>(&self, permit: Permit, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
    {
        let (answer, reply) = oneshot::channel();
        let part = Box::new(Request {
            work: Some(work),
            value: None,
            answer,
        });
        self.queue
            .try_send(Item { permit, part })
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => {
                    Problem::busy("Too many writes are waiting; come again.")
                }
                mpsc::error::TrySendError::Closed(_) => Problem::busy("The server is stopping."),
            })?;
        reply
            .await
            .unwrap_or_else(|_| Err(Problem::fault("the writer has stopped")))
    }
}

async fn serve(
    mut tx: Tx,
    reactors: Arc<[Arc<dyn Reactor>]>,
    mut waiting: mpsc::Receiver<Item>,
    jobs: Arc<Notify>,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while let Some(first) = waiting.recv().await {
        if let Err(problem) = begin(&mut tx).await {
            first.part.conclude(Err(problem));
            continue;
        }
        let mut next = Some(first);
        while let Some(item) = next {
            run_part(&mut tx, &reactors, item, &mut group).await;
            next = if group.len() < GROUP_MAX {
                waiting.try_recv().ok()
            } else {
                None
            };
        }
        let outcome = match tx.session().commit().await {
            Ok(()) => Ok(()),
            Err(problem) => {
                tracing::error!(reason = problem.internal, "a group could not be committed");
                tx.forget_canonicals();
                if let Err(again) = tx.session().rollback().await {
                    tracing::error!(reason = again.internal, "nor rolled back");
                }
                Err(problem)
            }
        };
        // A call for nothing, as after a group given up, only costs the runner a look.
        if tx.take_enqueued() {
            jobs.notify_one();
        }
        for part in group.drain(..) {
            part.conclude(outcome.clone());
        }
    }
}

/// Opens a group; what is at hand is forgotten where somebody else has written.
async fn begin(tx: &mut Tx) -> Result<()> {
    tx.session().begin().await?;
    match tx.session().others_wrote().await {
        Ok(false) => Ok(()),
        Ok(true) => {
            tx.forget_canonicals();
            Ok(())
        }
        Err(problem) => {
            tx.session().rollback().await?;
            Err(problem)
        }
    }
}

/// Runs one request in its savepoint; a failed one is answered at once, as it has nothing to keep.
async fn run_part(
    tx: &mut Tx,
    reactors: &[Arc<dyn Reactor>],
    item: Item,
    group: &mut Vec<Box<dyn Part>>,
) {
    let Item { permit, mut part } = item;
    if let Err(problem) = tx.session().begin_part().await {
        return part.conclude(Err(problem));
    }
    tx.start(permit);
    // A panic in one request's work must not take the writer, and with it the server, down.
    let worked = AssertUnwindSafe(async {
        part.run(tx).await?;
        tx.settle(reactors).await
    })
    .catch_unwind()
    .await
    .unwrap_or_else(|_| Err(Problem::fault("a panic in the work of a write")));
    match worked {
        Ok(()) => match tx.session().keep_part().await {
            Ok(()) => group.push(part),
            Err(problem) => part.conclude(Err(problem)),
        },
        Err(problem) => {
            if let Err(fault) = tx.session().undo_part().await {
                tracing::error!(reason = fault.internal, "a savepoint could not be undone");
            }
            part.conclude(Err(problem));
        }
    }
}
