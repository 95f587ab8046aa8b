//! The cohort of spring 2020, lived again in a minute.
