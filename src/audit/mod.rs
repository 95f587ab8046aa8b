//! Who has seen and done what: a record that nobody can shorten unnoticed.
