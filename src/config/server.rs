//! `[server]`: where and how the server listens.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;

use super::{findings::Findings, tls::ServerTls};
use crate::kernel::block::Block;

/// Where and how the server listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `server.listen`.
    pub listen: SocketAddr,
    /// `server.base_url`; empty for the address itself.
    pub base_url: String,
    /// `server.cors_origins`.
    pub cors_origins: String,
    /// `server.insecure_no_auth`.
    pub insecure_no_auth: bool,
    /// `server.connections_max`.
    pub connections_max: u32,
    /// `server.connections_per_address_max`.
    pub connections_per_address_max: u32,
    /// `server.header_timeout_seconds`.
    pub header_timeout_seconds: u32,
    /// `server.body_timeout_seconds`.
    pub body_timeout_seconds: u32,
    /// `server.idle_timeout_seconds`.
    pub idle_timeout_seconds: u32,
    /// `server.stall_timeout_seconds`.
    pub stall_timeout_seconds: u32,
    /// `server.drain_timeout_seconds`.
    pub drain_timeout_seconds: u32,
    /// `server.trusted_proxies`.
    pub trusted_proxies: String,
    /// `[server.tls]`.
    pub tls: ServerTls,
}

impl Server {
    /// Within what the head of a request must have arrived.
    #[must_use]
    pub fn header_timeout(&self) -> Duration {
        Duration::from_secs(self.header_timeout_seconds.into())
    }

    /// Within what the body of a request must have arrived.
    #[must_use]
    pub fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds.into())
    }

    /// After what a connection that asks for nothing is closed.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout_seconds.into())
    }

    /// After what a connection that takes no byte of its answer is closed.
    #[must_use]
    pub fn stall_timeout(&self) -> Duration {
        Duration::from_secs(self.stall_timeout_seconds.into())
    }

    /// What requests in hand are given when the server stops.
    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.drain_timeout_seconds.into())
    }

    /// The base of every address that the server writes, given where it really listens.
    #[must_use]
    pub fn base(&self, bound: SocketAddr) -> String {
        if self.base_url.is_empty() {
            let scheme = if self.tls.is_on() { "https" } else { "http" };
            format!("{scheme}://{bound}/fhir")
        } else {
            self.base_url.trim_end_matches('/').to_owned()
        }
    }

    /// The proxies whose word is taken for who asks.
    #[must_use]
    pub fn proxies(&self) -> Vec<Block> {
        let proxies = self.trusted_proxies.split_whitespace();
        proxies.filter_map(|text| text.parse().ok()).collect()
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        self.check_limits(findings);
        if !(self.base_url.is_empty() || is_web_address(&self.base_url)) {
            findings.refuse(
                "server.base_url",
                "It is empty or begins with http:// or https://.",
            );
        }
        self.check_origins(findings);
        self.check_encryption(findings);
        if self.insecure_no_auth && !self.listen.ip().is_loopback() {
            findings.refuse(
                "server.insecure_no_auth",
                format!(
                    "Without authentication the server listens on a loopback address only; {} is \
                     none.",
                    self.listen.ip()
                ),
            );
        }
    }

    /// What passes a network passes it encrypted: by this server, or by a proxy before it.
    fn check_encryption(&self, findings: &mut Findings) {
        self.tls.check(findings);
        let mut proxies = self.trusted_proxies.split_whitespace();
        if proxies.any(|text| text.parse::<Block>().is_err()) {
            findings.refuse(
                "server.trusted_proxies",
                "Each is an address or a block such as 10.0.0.0/8.",
            );
        }
        let is_local = self.listen.ip().is_loopback();
        let is_proxied = !self.trusted_proxies.trim().is_empty();
        if !(is_local || is_proxied || self.tls.is_on()) {
            let says = format!(
                "{} is not a loopback address: give the server a certificate (--tls-cert, \
                 --tls-key), or name the proxies before it that speak TLS \
                 (server.trusted_proxies).",
                self.listen.ip()
            );
            findings.refuse("server.listen", says);
        }
        let is_plain = self.base_url.starts_with("http://");
        if is_plain && (self.tls.is_on() || !is_local) {
            let says = "It begins with https://: what it is the base of is served over TLS.";
            findings.refuse("server.base_url", says);
        }
    }

    fn check_limits(&self, findings: &mut Findings) {
        let limits = [
            ("server.connections_max", self.connections_max, 1..=100_000),
            (
                "server.connections_per_address_max",
                self.connections_per_address_max,
                1..=100_000,
            ),
            (
                "server.header_timeout_seconds",
                self.header_timeout_seconds,
                1..=300,
            ),
            (
                "server.body_timeout_seconds",
                self.body_timeout_seconds,
                1..=3_600,
            ),
            (
                "server.idle_timeout_seconds",
                self.idle_timeout_seconds,
                1..=3_600,
            ),
            (
                "server.stall_timeout_seconds",
                self.stall_timeout_seconds,
                1..=3_600,
            ),
            (
                "server.drain_timeout_seconds",
                self.drain_timeout_seconds,
                0..=3_600,
            ),
        ];
        for (key, value, allowed) in limits {
            findings.within(key, value, allowed);
        }
    }

    fn check_origins(&self, findings: &mut Findings) {
        for origin in self.cors_origins.split_whitespace() {
            let host = origin.split_once("://").map(|(_, host)| host);
            let is_origin = is_web_address(origin) && host.is_some_and(|host| !host.contains('/'));
            if origin != "*" && !is_origin {
                findings.refuse(
                    "server.cors_origins",
                    "Each is https://HOST, with a port where it is not the usual one, or *.",
                );
            }
        }
    }
}

pub(super) fn is_web_address(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
    })
}
