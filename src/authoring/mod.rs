//! Trying a pathway before it touches anybody: [`Simulator`] plays a whole follow-up, [`judge`]
//! says which rules hold on one answer and why, [`fhirpath`] what an expression gives. None writes anything in the server's store.
//!
//! A simulation is no second program that could differ from the first: it is the server itself,
//! its own reactors and handlers (`service`), over a store in memory and a clock that is moved.
//!
//! Reading order: [`request`] (what is asked), `definitions` (what is copied), `scene` (who is
//! made up), `stage` (the scratch server), `draw` and `script` (what happens from outside),
//! `play` (the run), `outcome` (what it has come to).

mod definitions;
mod draw;
pub mod fhirpath;
pub mod judge;
mod outcome;
pub mod parameters;
mod play;
pub mod request;
mod scene;
mod script;
mod stage;
mod watch;

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;
use tokio::sync::Semaphore;

use self::request::Request;
use crate::{
    fhir::permit::Permit,
    kernel::problem::{Problem, Result},
    store::Store,
};

/// Most simulations that run at once; one more is told to come again (503).
pub const SIMULATIONS_MAX: usize = 4;

/// Longest a simulation may take.
pub const TIME_MAX: Duration = Duration::from_secs(10);

/// Runs simulations, a few at a time.
#[derive(Debug)]
pub struct Simulator {
    room: Semaphore,
    time: Duration,
}

impl Default for Simulator {
    fn default() -> Self {
        Self::within(SIMULATIONS_MAX, TIME_MAX)
    }
}

impl Simulator {
    /// One with bounds of its own.
    #[must_use]
    pub const fn within(most: usize, time: Duration) -> Self {
        Self {
            room: Semaphore::const_new(most),
            time,
        }
    }

    /// Simulates what the Parameters ask, with the definitions that `permit` reaches; gives the
    /// Parameters that tell what has happened.
    ///
    /// # Errors
    /// `Malformed` or `Invalid`, with every fault and its place; `NotFound`, if there is no such
    /// pathway; `Busy`, if too many run; `Invalid`, if it takes too long.
    pub async fn simulate(
        &self,
        (store, permit): (&Store, &Permit),
        (plan_id, parameters): (Option<&str>, &Value),
        (zone, now): (&TimeZone, Timestamp),
    ) -> Result<Value> {
        let request = Request::read(plan_id, parameters, (zone, now))?;
        let _room = self
            .room
            .try_acquire()
            .map_err(|_| Problem::busy("Too many simulations are running; come again."))?;
        let run = async {
            let definitions = definitions::gather(store, permit, &request).await?;
            let played = play::play(&request, &definitions).await?;
            outcome::parameters(&played, &definitions.pathway.canonical).await
        };
        match tokio::time::timeout(self.time, run).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Problem::invalid(
                "too-costly",
                format!(
                    "The simulation takes more than {} s.",
                    self.time.as_secs_f32()
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests;
