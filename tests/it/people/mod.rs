//! People with a browser: they log in, and whoever attacks the login gets nowhere.

mod invitation;
mod login;
mod own;
