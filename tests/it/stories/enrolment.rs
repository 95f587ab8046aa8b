//! Stories of enrolment and of the course of a follow-up.

mod any_course;
mod changes;
mod conversion;
mod course;
pub mod desk;
mod household;
mod start;
