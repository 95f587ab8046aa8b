//! Follow-ups: what a pathway says, enrolment, due reports, answers and the end.
//!
//! Reading order: [`crate::fhir::pathway`] (a PlanDefinition, read), [`schedule`] (pure: which days, which
//! windows), [`apply`] (enrolment), [`report`] (the job of one due report), [`answer`] and
//! [`closing`] (reactors).
//!
//! A pathway is data. To add one, write its PlanDefinition and Questionnaire as
//! `profiles/README.md` says and `PUT` them; no line here changes.

pub mod answer;
pub mod apply;
pub mod closing;
pub mod report;
pub mod schedule;
