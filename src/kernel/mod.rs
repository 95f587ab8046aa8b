//! What every layer stands on: time, chance, ids, blocks of addresses and problems as data.
//!
//! Nothing here knows FHIR, HTTP or a database.

pub mod block;
pub mod chance;
pub mod clock;
pub mod id;
pub mod phi;
pub mod problem;
