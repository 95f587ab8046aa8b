//! Durable jobs: leased, retried with back-off, buried when they cannot succeed.
//!
//! A job is written in the transaction of its cause ([`Tx::enqueue`](crate::store::Tx::enqueue)),
//! so that what is committed is done sooner or later, and what is not is never begun.
//!
//! To add a kind of job:
//!
//! 1. Name it after who does it and what, such as `notify.send`, in a constant beside its handler.
//! 2. Implement [`Handler`]. `run` reads what the payload refers to, decides, acts, and then
//!    makes one commit of the outcome together with [`Tx::finish_job`](crate::store::Tx::finish_job).
//!    It may run more than once: after a crash, or when its lease has passed. So the commit is
//!    what counts, and an effect outside the database carries a key that makes a second one
//!    recognisable.
//! 3. Say at each failure whether another try may help: [`Failure::Retry`] or [`Failure::Fail`].
//!    The text is kept and logged, so it holds no health information.
//! 4. Where the last failure must leave something behind, implement [`Handler::died`].
//! 5. Hand it to [`Runner::new`] in `app`.

mod handler;
mod runner;
mod schedule;

pub use self::{
    handler::{Failure, Handler},
    runner::{Runner, RunnerLimits},
    schedule::Schedule,
};
