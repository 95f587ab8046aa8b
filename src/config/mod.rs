//! What the operator says: defaults, a file, variables and flags, merged and checked.
//!
//! `default.toml` beside this file is the manual: each key with its default, its unit and what it
//! does. Each section is a file here, with a struct and a `check` that names the keys at fault.
//! To add a key: a line in `default.toml`, a field in its section, and its bound in `check`.

mod audit;
mod auth;
mod clock;
mod database;
mod federation;
mod fhir;
mod figures;
mod findings;
mod log;
mod mail;
mod manual;
mod nearest;
mod outbound;
mod pathways;
mod queue;
mod secret;
mod server;
mod sms;
mod sources;
mod tls;

use serde::Deserialize;

use self::findings::Findings;
pub use self::{
    audit::{Audit, Durability},
    auth::Auth,
    clock::Clock,
    database::Database,
    federation::Federation,
    fhir::{Answers, ConditionalDelete, Fhir, Narrative, OnWrite, Validation},
    figures::Figures,
    log::{Format, Log},
    mail::{Channel, Language, Mail, Tls},
    manual::DEFAULT,
    outbound::Outbound,
    pathways::Pathways,
    queue::Queue,
    secret::Secret,
    server::Server,
    sms::{Sms, SmsChannel},
    sources::{Effective, Origin, Sources, load},
    tls::ServerTls,
};
use crate::kernel::problem::Result;

/// The whole configuration, read and checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where and how the server listens.
    pub server: Server,
    /// Who may come in, and for how long.
    pub auth: Auth,
    /// With whom people may log in beside this server.
    pub federation: Federation,
    /// Where resources are kept.
    pub database: Database,
    /// What the server may fetch from others.
    pub outbound: Outbound,
    /// Bounds on what clients send and ask.
    pub fhir: Fhir,
    /// Durable jobs.
    pub queue: Queue,
    /// What carries messages.
    pub mail: Mail,
    /// What carries text messages.
    pub sms: Sms,
    /// The time.
    pub clock: Clock,
    /// What follow-ups have in common.
    pub pathways: Pathways,
    /// What figures tell of few.
    pub figures: Figures,
    /// The record of accesses.
    pub audit: Audit,
    /// Logs.
    pub log: Log,
}

impl Config {
    /// Checks every section; all faults are told at once.
    ///
    /// # Errors
    /// `Invalid`, with one issue for each key at fault.
    fn check(&self) -> Result<()> {
        let mut findings = Findings::default();
        self.server.check(&mut findings);
        self.auth.check(&mut findings);
        self.federation.check(&mut findings);
        self.database.check(&mut findings);
        self.outbound.check(&self.server, &mut findings);
        self.fhir.check(&mut findings);
        self.queue.check(&mut findings);
        self.mail.check(&mut findings);
        self.sms.check(&self.mail, &mut findings);
        self.clock.check(&self.server, &mut findings);
        self.pathways.check(&mut findings);
        self.figures.check(&mut findings);
        self.audit.check(&mut findings);
        self.log.check(&mut findings);
        findings.into_result()
    }
}

#[cfg(test)]
mod tests;
