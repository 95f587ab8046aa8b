//! Figures: how many were followed, answered, alerted, and how soon somebody saw it.
//!
//! They are computed from the resources that are there and from the counters that are kept of
//! people who have been erased ([`keep`]), so that an erasure changes no figure.
//!
//! - [`tally`]: numbers by name, pathway, establishment and month.
//! - [`contribution`]: what each resource adds to them: pure.
//! - [`keep`]: what is kept of somebody who is erased.
//! - [`live`]: the numbers of a span of days, of all who are there and of all who were.

pub mod contribution;
pub mod keep;
pub mod live;
pub mod tally;

pub use self::keep::keep;
