//! Follow-ups: what a pathway says, enrolment, due reports, answers and the end.
//!
//! Reading order: [`crate::fhir::pathway`] (a PlanDefinition, read), [`schedule`] (pure: which days, which
//! windows), [`enrolment`] and [`apply`] (enrolment), [`report`] (the job of one due report),
//! [`answer`], [`course`] and [`closing`] (reactors), then what else can be asked of a follow-up:
//! [`extend`], [`restart`], [`convert`], [`transfer`].
//!
//! A pathway is data. To add one, write its PlanDefinition and Questionnaire as
//! `profiles/README.md` says and `PUT` them; no line here changes.

pub mod answer;
pub mod apply;
mod begin;
pub mod closing;
pub mod convert;
pub mod course;
pub mod enrolment;
pub mod extend;
pub mod parameters;
pub mod proxy;
pub mod report;
pub mod restart;
pub mod schedule;
mod standing;
pub mod stop;
pub mod transfer;
