//! The operator's wish to stop.

use tokio::signal::unix::{SignalKind, signal};

use crate::kernel::problem::{Problem, Result};

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// `Fault`, if the system lets nobody listen.
pub async fn stop_wanted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Problem::fault)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Problem::fault)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
