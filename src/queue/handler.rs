//! What a kind of job does, and how it fails.

use futures_util::future::BoxFuture;
use jiff::SignedDuration;

use super::Schedule;
use crate::{
    kernel::problem::{Category, Problem, Result},
    store::{LeasedJob, Store, Tx},
};

/// Does the jobs of one kind.
pub trait Handler: Send + Sync {
    /// The kind that it does, such as `notify.send`.
    fn kind(&self) -> &'static str;

    /// When to try again; the usual schedule unless the kind has its own. A kind by whose death
    /// somebody would no longer be watched over has [`Schedule::ENDLESS`].
    fn schedule(&self) -> Schedule {
        Schedule::USUAL
    }

    /// Most jobs of this kind that run at once; at least one does.
    ///
    /// A kind that waits for others, such as a mail server, leaves room for those that do not:
    /// a server that hangs then delays its own jobs alone.
    fn concurrency(&self) -> usize {
        usize::MAX
    }

    /// Does one job.
    ///
    /// A job that succeeds has been finished by the handler's own commit; the runner does nothing
    /// more. One that is left unfinished runs again when its lease has passed.
    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>>;

    /// What the last failure leaves behind, in the commit that buries the job.
    ///
    /// If it fails, nothing is buried, and the job is tried again: a death is never silent.
    fn died<'a>(&'a self, tx: &'a mut Tx, job: &'a LeasedJob) -> BoxFuture<'a, Result<()>> {
        let _ = (tx, job);
        Box::pin(async { Ok(()) })
    }
}

/// Why a job has not been done; the text is kept with the job and logged, and so free of health
/// information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Another try may help.
    Retry {
        /// What went wrong.
        error: String,
        /// Not before this much later, where the other side has said so.
        after: Option<SignedDuration>,
    },
    /// No try can help.
    Fail {
        /// What went wrong.
        error: String,
    },
}

impl Failure {
    /// Another try may help, at the time of the schedule.
    pub fn retry(error: impl Into<String>) -> Self {
        Self::Retry {
            error: error.into(),
            after: None,
        }
    }

    /// No try can help.
    pub fn fail(error: impl Into<String>) -> Self {
        Self::Fail {
            error: error.into(),
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn error(&self) -> &str {
        match self {
            Self::Retry { error, .. } | Self::Fail { error } => error,
        }
    }
}

/// A database that is busy or fails, or two writers that met, may do better later; what is
/// against a rule stays so.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let error = describe(&problem);
        match problem.category {
            Category::Busy
            | Category::Fault
            | Category::Conflict
            | Category::PreconditionFailed
            | Category::TooManyRequests => Self::retry(error),
            _ => Self::fail(error),
        }
    }
}

/// Category and code, and what is meant for the operator; diagnostics stay out, as they may
/// quote a resource.
fn describe(problem: &Problem) -> String {
    let code = problem.issues.first().map_or("unknown", |issue| issue.code);
    match &problem.internal {
        Some(internal) => format!("{:?} ({code}): {internal}", problem.category),
        None => format!("{:?} ({code})", problem.category),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_store_is_tried_again_and_a_broken_rule_is_not() {
        let busy = Failure::from(Problem::busy("later"));
        assert_eq!(busy, Failure::retry("Busy (throttled)"));
        let broken = Failure::from(Problem::invalid("value", "Durand is not a date"));
        assert_eq!(broken, Failure::fail("Invalid (value)"));
        assert_eq!(
            Failure::from(Problem::fault("disk I/O error")).error(),
            "Fault (exception): disk I/O error"
        );
    }
}
