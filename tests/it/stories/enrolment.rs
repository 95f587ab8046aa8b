//! Stories of enrolment and of the course of a follow-up.

mod changes;
mod conversion;
mod course;
mod desk;
mod household;
mod start;
