//! Search: parameters, queries and index rows, without a database.

pub mod extract;
pub mod parameters;
pub mod query;
pub mod rows;
