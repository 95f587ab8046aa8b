//! The one writer: requests that wait together share one transaction, and so one fsync.
//!
//! Each request runs in a savepoint of its own, so that one that fails leaves the others alone.
//! Nobody is answered before the shared transaction is durable.
//!
//! The writer has a thread of its own, since its statements run where they are asked for.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

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

/// What the writer is asked.
enum Order {
    /// A request's part of a group.
    Write(Item),
    /// Between two groups: a run of pages to be cleared of what deleted rows have left.
    Scrub {
        from: u64,
        answer: oneshot::Sender<Result<Option<u64>>>,
    },
}

/// Who is told of a group.
pub(super) struct Told {
    /// Notified after each group that has added jobs.
    pub jobs: Arc<Notify>,
    /// Raised with each group that has changed definitions, and where somebody else has written.
    pub stamp: Arc<AtomicU64>,
}

/// The sending half; clones share the writer.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Order>,
}

impl Writer {
    /// Starts the thread that owns the writing connection; it ends when the last clone is dropped
    /// and the queue is empty. Should it end before that, whoever waits is told so.
    pub(super) fn start(mut tx: Tx, reactors: Arc<[Arc<dyn Reactor>]>, told: Told) -> Result<Self> {
        tx.attach(Arc::clone(&reactors));
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || runtime.block_on(serve(tx, reactors, waiting, told)))
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
        self.order(Order::Write(Item { permit, part }))?;
        reply
            .await
            .unwrap_or_else(|_| Err(Problem::fault("the writer has stopped")))
    }

    /// Clears a run of pages between two groups; gives where to go on.
    pub(super) async fn scrub(&self, from: u64) -> Result<Option<u64>> {
        let (answer, reply) = oneshot::channel();
        self.order(Order::Scrub { from, answer })?;
        reply
            .await
            .unwrap_or_else(|_| Err(Problem::fault("the writer has stopped")))
    }

    fn order(&self, order: Order) -> Result<()> {
        self.queue.try_send(order).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => {
                Problem::busy("Too many writes are waiting; come again.")
            }
            mpsc::error::TrySendError::Closed(_) => Problem::busy("The server is stopping."),
        })
    }
}

async fn serve(
    mut tx: Tx,
    reactors: Arc<[Arc<dyn Reactor>]>,
    mut waiting: mpsc::Receiver<Order>,
    told: Told,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    let mut left = None;
    loop {
        let order = match left.take() {
            Some(order) => order,
            None => match waiting.recv().await {
                Some(order) => order,
                None => return,
            },
        };
        match order {
            Order::Scrub { from, answer } => {
                // Who asked may have gone; the next one begins anew.
                let _ = answer.send(tx.session().scrub(from).await);
            }
            Order::Write(first) => {
                let queues = (&mut waiting, &mut group);
                left = write_group(&mut tx, &reactors, first, queues, &told).await;
            }
        }
    }
}

/// Writes `first` and what waits with it as one group; gives an order that cannot be part of it.
async fn write_group(
    tx: &mut Tx,
    reactors: &[Arc<dyn Reactor>],
    first: Item,
    (waiting, group): (&mut mpsc::Receiver<Order>, &mut Vec<Box<dyn Part>>),
    told: &Told,
) -> Option<Order> {
    if let Err(problem) = begin(tx).await {
        first.part.conclude(Err(problem));
        return None;
    }
    let (mut next, mut left) = (Some(first), None);
    while let Some(item) = next.take() {
        run_part(tx, reactors, item, group).await;
        if group.len() < GROUP_MAX {
            match waiting.try_recv() {
                Ok(Order::Write(item)) => next = Some(item),
                Ok(other) => left = Some(other),
                Err(_) => {}
            }
        }
    }
    let outcome = match tx.session().commit().await {
        Ok(()) => Ok(()),
        Err(problem) => {
            tracing::error!(reason = problem.internal, "a group could not be committed");
            tx.forget_definitions();
            if let Err(again) = tx.session().rollback().await {
                tracing::error!(reason = again.internal, "nor rolled back");
            }
            Err(problem)
        }
    };
    // Whoever is answered finds what it has defined. A call for nothing, as after a group given
    // up, only costs a look.
    if tx.take_defined() {
        told.stamp.fetch_add(1, Ordering::AcqRel);
    }
    for part in group.drain(..) {
        part.conclude(outcome.clone());
    }
    if tx.take_enqueued() {
        told.jobs.notify_one();
    }
    left
}

/// Opens a group; what is at hand is forgotten where somebody else has written.
async fn begin(tx: &mut Tx) -> Result<()> {
    tx.session().begin().await?;
    match tx.session().others_wrote().await {
        Ok(false) => Ok(()),
        Ok(true) => {
            tx.forget_definitions();
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
