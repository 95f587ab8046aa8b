//! What every layer stands on: time, chance, ids and problems as data.
//!
//! Nothing here knows FHIR, HTTP or a database.

pub mod chance;
pub mod clock;
pub mod id;
pub mod phi;
pub mod problem;
