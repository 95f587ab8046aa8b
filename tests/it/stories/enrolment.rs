//! Stories of enrolment and of the course of a follow-up.
