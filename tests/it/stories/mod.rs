//! What a follow-up meets in life, told over the public API: one file an area.
//!
//! A test is named after what it shows: `row_` and a capability that a service of this kind is
//! expected to have, or `complaint_NN_` and a failing that users of other systems have reported.
//! To add one: write it in the file of its area, or a new file declared below.

mod enrolment;
mod erasure;
mod publishing;
mod silence;
mod tables;
mod triage;
