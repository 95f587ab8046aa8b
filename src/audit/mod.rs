//! Who has seen and done what: a record that nobody can shorten unnoticed.
//!
//! Each access is a row in a file of its own beside the database (`*.audit`), to which rows are only
//! added. A row names nobody: what stands for patients, resources and people is an HMAC, whose key
//! is a file beside the database, so that an erasure has nothing to remove here. Each row's hash
//! covers the row before it ([`chain`]), and the last hash is kept in a second place ([`head`]):
//! a row that is changed, taken away, swapped or put in shows, and so does an end that is cut off.
//!
//! Reading order: [`event`] (what is recorded), [`record`] (one access in clear, and as a row),
//! [`chain`], [`head`], [`log`] (the queue and the thread that writes), [`verify`], [`mention`]
//! (whose data an answer holds), `witness` (what the server does beside its answers), [`query`] and
//! [`resource`] (the record as AuditEvents), [`whose`] (a part of it).
//!
//! What holds:
//!
//! - Nobody is let in when nothing can be recorded: a full queue or a broken file is 503
//!   ([`log::Log::begin`]), before anything is done.
//! - What is done is recorded even when the client has gone meanwhile: a ticket that is dropped
//!   records what it knows.
//! - Writes and events of login are durable in the record before they are answered; reads are
//!   durable some milliseconds later, unless the operator wants it otherwise.
//! - The record holds no health information: names of search parameters, and not their values.
//!
//! Specification: <https://profiles.ihe.net/ITI/BALP/>, <http://hl7.org/fhir/R4/auditevent.html>.

pub mod chain;
pub mod event;
pub mod export;
pub mod head;
pub mod log;
pub mod mention;
pub mod query;
pub mod record;
pub mod resource;
pub mod verify;
pub mod whose;
mod witness;
mod writer;

#[cfg(test)]
mod tamper_tests;

pub use self::{
    event::{Event, Outcome},
    log::{Durability, Log, Settings, Ticket},
    record::{Agent, Record},
};
