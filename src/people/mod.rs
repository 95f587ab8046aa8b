//! Who has an account, how they prove it, and what they are here.
//!
//! - [`roles`]: what each role may do at most; the table is `profiles/roles.json`. Pure.

pub mod roles;
