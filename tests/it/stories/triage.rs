//! Stories of alerts and of those who act on them.
