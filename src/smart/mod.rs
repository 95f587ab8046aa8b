//! The authorization server: clients, what they are granted, tokens, and the permits that they
//! stand for.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/>.
