//! The time of a server: the machine's, or one that stands still until a hand moves it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::{
    config,
    http::ClockControl,
    kernel::{
        clock::{Clock, SimulatedClock, SystemClock},
        problem::{Problem, Result},
    },
    queue::Runner,
};

/// Which time a server lives in.
pub(super) enum Time {
    /// The machine's.
    System,
    /// One that stands still until it is moved.
    Simulated(Arc<SimulatedClock>),
}

impl Time {
    pub(super) fn of(config: &config::Clock) -> Self {
        if !config.simulated {
            return Self::System;
        }
        let start = config.starting_at().unwrap_or_else(|| SystemClock.now());
        Self::Simulated(Arc::new(SimulatedClock::starting_at(start)))
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::System => Arc::new(SystemClock),
            Self::Simulated(clock) => Arc::clone(clock) as Arc<dyn Clock>,
        }
    }
}

/// Moves a simulated clock, one move at a time, and does the work that falls due on the way.
pub(super) struct Hand {
    clock: Arc<SimulatedClock>,
    runner: Arc<Runner>,
    turn: Arc<Mutex<()>>,
}

impl Hand {
    pub(super) fn new(clock: Arc<SimulatedClock>, runner: Arc<Runner>) -> Self {
        Self {
            clock,
            runner,
            turn: Arc::new(Mutex::new(())),
        }
    }

    /// Waits for the move in hand.
    pub(super) async fn rest(&self) {
        drop(self.turn.lock().await);
    }
}

impl ClockControl for Hand {
    fn advance<'a>(&'a self, to: Timestamp) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let now = self.clock.now();
            if to < now {
                let reason = format!("The clock shows {now} and does not go back.");
                return Err(Problem::invalid("business-rule", reason));
            }
            let (clock, runner) = (Arc::clone(&self.clock), Arc::clone(&self.runner));
            // A task of its own: a client that hangs up must not leave jobs half done.
            let work = tokio::spawn(async move {
                let ran = runner.run_until(&clock, to).await;
                drop(turn);
                ran
            });
            let ran = work.await.map_err(Problem::fault)??;
            tracing::debug!(%to, ran, "the clock was moved");
            Ok(())
        })
    }
}
