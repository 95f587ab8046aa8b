//! Vigie: a FHIR R4-native telemonitoring server.
//!
//! The modules stand in layers; each names only what stands above it in this
//! list, and siblings on one line never meet (`tests/architecture.rs` checks):
//!
//! 1. [`kernel`]: time, chance, problems; nothing of FHIR.
//! 2. [`config`], [`fhir`]: what the operator says; R4 as pure functions.
//! 3. [`store`]: versions, index rows and jobs in one transaction.
//! 4. [`library`]: the definitions that are loaded, at hand.
//! 5. [`queue`]: durable jobs.
//! 6. [`notify`]: messages and their channels.
//! 7. [`care`]: which follow-up an answer belongs to, and who is told.
//! 8. [`interactions`], [`pathways`], [`alerts`]: what the service does.
//! 9. [`figures`]: what is counted, of those who were erased too.
//! 10. [`publishing`], [`intake`], [`erasure`]: what a pathway must be; tables taken in; who is
//!     erased, and how.
//! 11. [`service`]: who reacts to changes, and who does jobs.
//! 12. [`authoring`]: a pathway tried out.
//! 13. [`http`]: the router table, and problems as HTTP.
//! 14. [`app`]: the composition root.
//! 15. [`cli`], [`demo`]: the commands.

pub mod kernel;

pub mod config;
pub mod fhir;

pub mod store;

pub mod library;

pub mod queue;

pub mod notify;

pub mod bulk;
pub mod care;

pub mod alerts;
pub mod interactions;
pub mod pathways;

pub mod figures;

pub mod erasure;
pub mod intake;
pub mod publishing;

pub mod service;

pub mod authoring;

pub mod http;

pub mod app;

pub mod cli;
pub mod demo;
