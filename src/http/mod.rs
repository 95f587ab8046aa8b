//! FHIR over HTTP: the router table, and replies and problems as responses.
//!
//! A request passes [`mod@router`] (which route), [`auth`] (whose permit), [`negotiate`] (which
//! format), [`fhir`] (its parts, for the interaction) and [`reply`] (status and headers).
//! To add an interaction, give it a line in [`router::ROUTES`]; to add an operation, one in
//! [`operations::OPERATIONS`]. The CapabilityStatement follows from both.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html>.

pub mod accounts;
mod audit;
pub mod auth;
mod binary;
mod bulk;
pub mod clock;
pub mod cors;
pub mod fhir;
pub mod health;
mod later;
pub mod negotiate;
pub mod openapi;
pub mod operations;
pub mod pages;
pub mod peer;
pub mod peers;
pub mod reply;
pub mod router;
pub mod server;
mod shield;
mod smart;
pub mod sms;
pub mod state;
pub mod tls;
pub mod watch;

#[cfg(test)]
mod matrix;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use self::{
    auth::Access,
    cors::{KnownOrigins, Origins},
    later::LaterHandler,
    peer::{Peer, Proxies},
    router::{BASE_PATH, router},
    server::{Entrance, ServerLimits, serve},
    state::{ClockControl, RequestLimits, State},
    tls::Tls,
};
