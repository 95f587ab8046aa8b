//! The door against what attackers put before it.
