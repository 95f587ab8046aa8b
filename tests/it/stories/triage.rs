//! Stories of alerts and of those who act on them.

mod advice;
mod climb;
mod clinic;
mod notices;
mod refusals;
mod work;
