//! Vigie: a FHIR R4-native telemonitoring server.
//!
//! The modules stand in layers; each names only what stands above it in this
//! list, and siblings on one line never meet (`tests/architecture.rs` checks):
//!
//! 1. [`kernel`]: time, chance, problems; nothing of FHIR.
//! 2. [`config`], [`fhir`]: what the operator says; R4 as pure functions.
//! 3. [`store`]: versions, index rows and jobs in one transaction.
//! 4. [`queue`]: durable jobs.
//! 5. [`notify`]: messages and their channels.
//! 6. [`care`]: which follow-up an answer belongs to, and who is told.
//! 7. [`interactions`], [`pathways`], [`alerts`]: what the service does.
//! 8. [`figures`]: what is counted, of those who were erased too.
//! 9. [`publishing`], [`intake`], [`erasure`]: what a pathway must be; tables taken in; who is
//!    erased, and how.
//! 10. [`service`]: who reacts to changes, and who does jobs.
//! 11. [`authoring`]: a pathway tried out.
//! 12. [`http`]: the router table, and problems as HTTP.
//! 13. [`app`]: the composition root.
//! 14. [`cli`], [`demo`]: the commands.

pub mod kernel;

pub mod config;
pub mod fhir;

pub mod store;

pub mod queue;

pub mod notify;

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
