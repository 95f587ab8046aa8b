//! The real `vigie` binary over real sockets, one module a feature.
//!
//! Each test starts its own server with [`harness::Server`], on a free port, over a database of
//! its own and with a clock that the test moves; then its actors speak FHIR to it. Nothing here
//! names the library, except where two implementations of one calculation are compared.
//!
//! To add a feature: one file beside this one, its module declared below. Each is marked
//! `cfg(test)`, although the whole crate is, so that the lints know that its helpers are tests.

#[cfg(test)]
mod harness;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod auditors;
#[cfg(test)]
mod authoring;
#[cfg(test)]
mod authorization;
#[cfg(test)]
mod backend_services;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bulk;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod disclosures;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod fhirpath;
#[cfg(test)]
mod follow_up;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod later;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod library;
#[cfg(test)]
mod people;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod search;
#[cfg(test)]
mod sms;
#[cfg(test)]
mod smtp;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod tenancy;
#[cfg(test)]
mod terminology;
#[cfg(test)]
mod validate;
#[cfg(test)]
mod walls;
