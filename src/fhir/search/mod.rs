//! Search: parameters, queries and index rows, without a database.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html>. [`parameters`] is the table of what can
//! be searched, [`extract`] turns a resource into [`rows`], [`query`] reads a request into
//! clauses over the same rows. [`hash`], [`text`], [`words`] and [`near`] are what both sides must do alike.

pub mod extract;
pub mod hash;
pub mod near;
pub mod parameters;
pub mod query;
pub mod rows;
pub mod text;
pub mod words;
