//! FHIR dates, partial or whole, as the instants they span.
//!
//! Specification: <http://hl7.org/fhir/R4/datatypes.html#dateTime>.

use jiff::{Timestamp, tz::TimeZone};

/// An instant as FHIR writes it: UTC, milliseconds.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}
