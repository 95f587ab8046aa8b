//! `[pathways]`: what follow-ups have in common.

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::findings::Findings;

/// What follow-ups have in common.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pathways {
    /// `pathways.time_zone`.
    pub time_zone: String,
}

impl Pathways {
    pub(super) fn check(&self, findings: &mut Findings) {
        if TimeZone::get(&self.time_zone).is_err() {
            findings.refuse(
                "pathways.time_zone",
                format!("{:?} is no time zone of the IANA database.", self.time_zone),
            );
        }
    }
}
