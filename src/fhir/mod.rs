//! FHIR R4 (4.0.1) as pure functions: no I/O, no async, no clock.
//!
//! The tree everywhere is [`serde_json::Value`], which keeps decimals as
//! written and members in order. Reading order: [`definitions`], [`json`],
//! [`validate`], [`resource`], [`path`], [`search`], [`permit`].

pub mod about;
pub mod belonging;
pub mod canonical;
pub mod care_plan;
pub mod compartment;
pub mod consent;
pub mod date;
pub mod definitions;
pub mod json;
pub mod knowledge;
pub mod narrative;
pub mod outcome;
pub mod patch;
pub mod path;
pub mod pathway;
pub mod permit;
pub mod profile;
pub mod questionnaire_response;
pub mod reference;
pub mod resource;
pub mod scope;
pub mod sdc;
pub mod search;
pub mod terminology;
pub mod ucum;
pub mod validate;
