//! What the tests stand on: a server to start and kill, a client to speak to it, actors to speak
//! as, chance from a seed.

mod chance;
mod client;
mod server;

pub use self::{
    chance::Chance,
    client::{Client, Reply},
    server::{Options, Server, vigie},
};
