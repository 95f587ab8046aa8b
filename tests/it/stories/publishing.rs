//! Stories of new pathways and their versions.
