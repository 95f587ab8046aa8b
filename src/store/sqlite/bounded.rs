//! Searches within bounds: for so long, and so many of one caller at once.
//!
//! What a search may ask is bounded by its form (`fhir::search::query`); what it costs depends on
//! what is stored. So one that takes too long is interrupted: SQLite asks every few thousand of its
//! steps whether it is to stop. It stops likewise when nobody waits for it any more, because the
//! client has gone. And nobody holds more than half of the reading connections, so that whoever asks
//! for the most expensive thing again and again leaves the other half to the others.
//!
//! The work of the server itself is not bounded here.

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rusqlite::InterruptHandle;
use sqlx::{
    pool::PoolConnection,
    sqlite::{Sqlite, SqliteConnection},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
    time::timeout,
};

use super::rows::problem;
use crate::{
    fhir::permit::{Actor, Permit},
    kernel::problem::{Category, Problem, Result},
};

/// How long a client's search may take, all of its statements together.
pub(super) const SEARCH_TIME_MAX: Duration = Duration::from_secs(5);

/// The same where it is part of a write, such as a condition: all writes wait for it meanwhile.
pub(super) const CONDITION_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a search waits until others of the same caller have ended.
const TURN_TIME_MAX: Duration = Duration::from_secs(5);

/// Steps of SQLite's machine between two looks: some tenths of a millisecond.
const STEPS: i32 = 4_000;

/// Callers that are remembered before those who have gone are forgotten.
const CALLERS_MAX: usize = 1_024;

/// That a search has taken too long.
pub(super) fn too_costly() -> Problem {
    Problem::new(
        Category::Busy,
        "too-costly",
        "The search takes too long and was stopped: narrow it.",
    )
}

/// Whether a permit is that of somebody outside, who does not act through a task of the server.
pub(super) fn is_clients(permit: &Permit) -> bool {
    permit.task().is_none()
}

/// Waits for `work` as long as a client's search may take.
///
/// # Errors
/// `Busy`, if it takes longer.
pub(super) async fn within<T>(
    permit: &Permit,
    most: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    if !is_clients(permit) {
        return work.await;
    }
    timeout(most, work).await.map_err(|_| too_costly())?
}

/// A connection whose statement stops when this is dropped.
pub(super) struct Bounded {
    connection: PoolConnection<Sqlite>,
    stop: Arc<AtomicBool>,
}

impl Bounded {
    pub(super) async fn over(mut connection: PoolConnection<Sqlite>) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let mut handle = connection.lock_handle().await.map_err(problem)?;
        handle.set_progress_handler(STEPS, move || !told.load(Ordering::Relaxed));
        drop(handle);
        Ok(Self { connection, stop })
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Deref for Bounded {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Bounded {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

/// Whose turn it is: so many searches of one caller at once.
#[derive(Clone)]
pub(super) struct Turns {
    each: usize,
    callers: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

impl Turns {
    /// Turns at so many connections.
    pub(super) fn at(connections: u32) -> Self {
        Self {
            each: usize::try_from(connections / 2).unwrap_or(1).max(1),
            callers: Arc::default(),
        }
    }

    /// Waits for the turn of who asks; the server itself, and who is not known, need none.
    ///
    /// # Errors
    /// `Busy`, if others of the same caller do not end.
    pub(super) async fn take(&self, permit: &Permit) -> Result<Option<OwnedSemaphorePermit>> {
        let (Actor::Login(login), true) = (permit.actor(), is_clients(permit)) else {
            return Ok(None);
        };
        let account = login.account.as_deref().unwrap_or_default();
        let own = self.of(format!("{}\0{account}", login.client));
        let turn = timeout(TURN_TIME_MAX, own.acquire_owned()).await;
        let busy = |_| Problem::busy("Too many of your searches run already; come again.");
        turn.map_err(busy)?.map(Some).map_err(Problem::fault)
    }

    fn of(&self, caller: String) -> Arc<Semaphore> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= CALLERS_MAX {
            // Whoever waits or searches holds another reference.
            callers.retain(|_, own| Arc::strong_count(own) > 1);
        }
        let own = callers.entry(caller);
        Arc::clone(own.or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }
}

/// Interrupts what a connection does when its time is over, unless this was dropped before.
pub(super) struct Watch {
    is_done: Arc<Mutex<bool>>,
    timer: AbortHandle,
}

impl Watch {
    pub(super) fn over(handle: InterruptHandle, most: Duration) -> Self {
        let is_done = Arc::new(Mutex::new(false));
        let told = Arc::clone(&is_done);
        let timer = tokio::spawn(async move {
            tokio::time::sleep(most).await;
            // Under the lock, so that it never meets a statement that comes afterwards.
            let is_done = told.lock().unwrap_or_else(PoisonError::into_inner);
            if !*is_done {
                handle.interrupt();
            }
        });
        Self {
            is_done,
            timer: timer.abort_handle(),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.is_done.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.timer.abort();
    }
}

#[cfg(test)]
#[path = "bounded_tests.rs"]
mod tests;
