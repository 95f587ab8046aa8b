//! How a command runs and how it ends.
//!
//! Exit status 0: done. 1: the work failed, or found what it was to find fault with. 2: the
//! command was not understood, or the configuration does not allow it.

use std::process::ExitCode;

use tokio::runtime::Runtime;

use super::terminal;
use crate::kernel::problem::{Category, Problem, Result};

/// How a command ends that was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Exit status 0.
    Done,
    /// Exit status 1; the command has said why.
    Faulty,
}

/// Runs a command to its end, on a runtime of its own.
pub fn run(work: impl Future<Output = Result<Ending>>) -> ExitCode {
    let outcome = match Runtime::new() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => Err(Problem::fault(error)),
    };
    conclude(&outcome)
}

/// The exit status of an outcome; a problem is told on standard error.
pub fn conclude(outcome: &Result<Ending>) -> ExitCode {
    match outcome {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Faulty) => ExitCode::FAILURE,
        Err(problem) => {
            terminal::note(&format!("vigie: {problem}"));
            if let Some(internal) = &problem.internal {
                terminal::note(&format!("vigie: {internal}"));
            }
            ExitCode::from(status(problem))
        }
    }
}

const fn status(problem: &Problem) -> u8 {
    match problem.category {
        Category::Invalid => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_can_mend_is_2_and_the_rest_is_1() {
        assert_eq!(
            status(&Problem::invalid("value", "x").at("server.listen")),
            2
        );
        assert_eq!(status(&Problem::fault("disk")), 1);
        assert_eq!(status(&Problem::busy("later")), 1);
    }
}
