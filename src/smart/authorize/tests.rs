//! Requests, and what is tried with them.
