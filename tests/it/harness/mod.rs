//! What the tests stand on: a server to start and kill, a client to speak to it, actors to speak
//! as, chance from a seed.

pub mod app;
pub mod backend;
mod chance;
mod client;
mod gateway;
mod log;
mod people;
mod server;
mod visitor;

pub use self::{
    app::App,
    backend::{Backend, client_command, printed},
    chance::Chance,
    client::{Client, Reply},
    gateway::{Behaviour, Gateway},
    people::{Nurse, Patient, about, evidence_of, rule_of, ward},
    server::{Options, Server, vigie},
    visitor::{PASSWORD, START, Visitor, add_user, code_of, encoded, form, forms},
};
