//! Vigie: a FHIR R4-native telemonitoring server.
//!
//! The modules stand in layers; each names only what stands above it in this
//! list, and siblings on one line never meet (`tests/architecture.rs` checks):
//!
//! 1. [`kernel`]: time, chance, problems; nothing of FHIR.
//! 2. [`config`], [`fhir`]: what the operator says; R4 as pure functions.
//! 3. [`outbound`]: what the server fetches from others, and where it never asks.
//! 4. [`store`]: versions, index rows and jobs in one transaction.
//! 5. [`library`]: the definitions that are loaded, at hand.
//! 6. [`queue`]: durable jobs.
//! 7. [`notify`]: messages and their channels.
//! 8. [`care`]: which follow-up an answer belongs to, and who is told.
//! 9. [`interactions`], [`pathways`], [`alerts`]: what the service does.
//! 10. [`figures`]: what is counted, of those who were erased too.
//! 11. [`publishing`], [`intake`], [`erasure`], [`bulk`]: what a pathway must be; tables taken in;
//!     who is erased, and how; resources in and out in bulk.
//! 12. [`service`]: who reacts to changes, and who does jobs.
//! 13. [`authoring`]: a pathway tried out.
//! 14. [`people`]: who has an account, how they prove it, and what they are here.
//! 15. [`smart`]: clients, tokens, and the permits that they stand for.
//! 16. [`audit`]: who has seen and done what.
//! 17. [`http`]: the router table, and problems as HTTP.
//! 18. [`app`]: the composition root.
//! 19. [`cli`], [`demo`]: the commands.

pub mod kernel;

pub mod config;
pub mod fhir;

pub mod outbound;

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

pub mod people;

pub mod smart;

pub mod audit;

pub mod http;

pub mod app;

pub mod cli;
pub mod demo;
