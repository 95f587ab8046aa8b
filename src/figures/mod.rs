//! Figures: how many were followed, answered, alerted, and how soon somebody saw it.
//!
//! They are computed from the resources that are there and from the counters that are kept of
//! people who have been erased ([`mod@keep`]), so that an erasure changes no figure.
//!
//! - [`tally`]: numbers by name, pathway, establishment and month.
//! - [`contribution`]: what each resource adds to them: pure.
//! - [`mod@keep`]: what is kept of somebody who is erased.
//! - [`live`]: the numbers of a span of days, of all who are there and of all who were.
//! - [`catalogue`]: the figures that the numbers make, and by what they can be parted.
//! - [`measure`], [`report`], [`measure_report`]: a Measure asks, a MeasureReport or a table answers.
//! - [`line_list`], [`daily_list`]: one row a follow-up, and one row a report.
//! - [`table`]: CSV that no spreadsheet runs.

pub mod catalogue;
pub mod contribution;
pub mod daily_list;
pub mod keep;
pub mod line_list;
pub mod live;
pub mod measure;
pub mod measure_report;
pub mod report;
pub mod table;
pub mod tally;

pub use self::keep::keep;
