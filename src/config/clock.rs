//! `[clock]`: the time.

use jiff::Timestamp;
use serde::Deserialize;

use super::{findings::Findings, server::Server};

/// The time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// `clock.simulated`.
    pub simulated: bool,
    /// `clock.start`; empty for the present instant.
    pub start: String,
}

impl Clock {
    /// Where a simulated clock starts, if it is said.
    #[must_use]
    pub fn starting_at(&self) -> Option<Timestamp> {
        self.start.parse().ok()
    }

    pub(super) fn check(&self, server: &Server, findings: &mut Findings) {
        if !self.start.is_empty() && self.starting_at().is_none() {
            findings.refuse(
                "clock.start",
                "It is an instant such as 2020-05-18T06:00:00Z.",
            );
        }
        if self.simulated && !server.listen.ip().is_loopback() {
            findings.refuse(
                "clock.simulated",
                format!(
                    "With a simulated clock the server listens on a loopback address only; {} is \
                     none.",
                    server.listen.ip()
                ),
            );
        }
    }
}
