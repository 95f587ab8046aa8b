//! What a follow-up meets in life, told over the public API: one file an area.
//!
//! A test is named after what it shows: `row_` and a capability that a service of this kind is
//! expected to have, or `complaint_NN_` and a failing that users of other systems have reported.
//! What such a service is expected to have and this one has not yet, and so no story: accounts and
//! invitations, login of patients, a second factor for staff, an audit trail, tenants, topics to
//! subscribe to, accessible pages (there is no page).
//!
//! To add one: write it in the file of its area, or a new file declared below.

mod enrolment;
mod erasure;
mod publishing;
mod silence;
mod tables;
mod triage;
