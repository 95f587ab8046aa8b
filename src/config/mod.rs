//! What the operator says, read once at start.
