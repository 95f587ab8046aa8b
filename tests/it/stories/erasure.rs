//! Stories of stop, end and erasure.
