//! Tables taken in: people to be followed, and answers that were given on paper.
//!
//! A table is a CSV file. It is refused as a whole where it cannot be read as one; beyond that,
//! each row is taken in or refused on its own, in one transaction, and a row that was taken in
//! before changes nothing.
//!
//! Reading order: [`encoding`] (bytes to text), [`sheet`] (text to rows under column names),
//! [`cell`] (a cell to a value), [`person`] and [`answer`] (a row to what is to be written: pure),
//! [`matching`] and [`candidates`] (who is known already), [`enrol`] and [`response`] (the
//! writes), [`import`] (the operation, its Task and its job). [`fault`] says what is wrong where.

pub mod answer;
pub mod candidates;
pub mod cell;
pub mod encoding;
pub mod enrol;
pub mod fault;
pub mod import;
pub mod matching;
pub mod person;
pub mod progress;
pub mod response;
pub mod sheet;
