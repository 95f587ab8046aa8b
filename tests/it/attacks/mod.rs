//! Attacks, carried out: `SECURITY.md` has the table of them and of their tests.
//!
//! Two hospitals, a patient in each, and what is written about them. Whoever attacks belongs to the
//! first; whatever comes back must have nothing of the second. Its texts all hold one word that
//! stands nowhere else ([`ground::CANARY`]), so that a single byte too much is seen.

mod broken;
mod costs;
mod deputies;
mod fields;
mod floods;
mod flows;
mod ground;
mod keys;
mod logins;
mod objects;
mod timing;
