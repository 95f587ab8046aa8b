//! `[auth]`: who may come in, and for how long.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{findings::Findings, server::is_web_address};

/// Who may come in, and for how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// `auth.issuer`; empty for what `server.base_url` leads to.
    pub issuer: String,
    /// `auth.access_seconds`.
    pub access_seconds: u32,
    /// `auth.backend_seconds`.
    pub backend_seconds: u32,
    /// `auth.offline_days`.
    pub offline_days: u32,
    /// `auth.consent_days`; 0 for none.
    pub consent_days: u32,
    /// `auth.key_file`; empty for a file beside the database.
    pub key_file: PathBuf,
    /// `auth.registration`.
    pub registration: bool,
    /// `auth.style_url`; empty for the server's own.
    pub style_url: String,
    /// `auth.requests_per_client_max`.
    pub requests_per_client_max: u32,
    /// `auth.requests_per_address_max`.
    pub requests_per_address_max: u32,
}

impl Auth {
    /// How long an access token is good.
    #[must_use]
    pub fn access(&self) -> Duration {
        Duration::from_secs(self.access_seconds.into())
    }

    /// How long an access token of a client is good that acts for itself.
    #[must_use]
    pub fn backend(&self) -> Duration {
        Duration::from_secs(self.backend_seconds.into())
    }

    /// How long a client may go on without the person.
    #[must_use]
    pub fn offline(&self) -> Duration {
        Duration::from_secs(u64::from(self.offline_days) * 86_400)
    }

    /// How long a person's yes is remembered.
    #[must_use]
    pub fn consent(&self) -> Duration {
        Duration::from_secs(u64::from(self.consent_days) * 86_400)
    }

    /// The name of the authorization server, given the service base URL: that URL without its last
    /// segment, where it has one.
    #[must_use]
    pub fn issuer(&self, base: &str) -> String {
        if !self.issuer.is_empty() {
            return self.issuer.trim_end_matches('/').to_owned();
        }
        let path = base.find("://").map_or(0, |at| at + 3);
        match base[path..].rfind('/') {
            Some(at) => base[..path + at].to_owned(),
            None => base.to_owned(),
        }
    }

    /// The file with the keys that ID tokens are signed with.
    #[must_use]
    pub fn key_file(&self, database: &Path) -> PathBuf {
        if !self.key_file.as_os_str().is_empty() {
            return self.key_file.clone();
        }
        let mut name = database.as_os_str().to_owned();
        name.push(".signing-key");
        name.into()
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        findings.within("auth.access_seconds", self.access_seconds, 60..=3_600);
        findings.within("auth.backend_seconds", self.backend_seconds, 30..=300);
        findings.within("auth.offline_days", self.offline_days, 1..=365);
        findings.within("auth.consent_days", self.consent_days, 0..=365);
        for (key, most) in [
            ("auth.requests_per_client_max", self.requests_per_client_max),
            (
                "auth.requests_per_address_max",
                self.requests_per_address_max,
            ),
        ] {
            findings.within(key, most, 1..=1_000_000);
        }
        for (key, text) in [
            ("auth.issuer", &self.issuer),
            ("auth.style_url", &self.style_url),
        ] {
            let is_plain = !text.contains(['?', '#']);
            if !(text.is_empty() || is_web_address(text) && is_plain) {
                findings.refuse(
                    key,
                    "It is empty, or begins with http:// or https://, without ? and #.",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Sources, load};

    #[test]
    fn the_issuer_stands_beside_the_base() {
        let auth = load(&Sources::default()).unwrap().config.auth;
        for (base, issuer) in [
            ("https://a.example/fhir", "https://a.example"),
            ("https://a.example/x/fhir", "https://a.example/x"),
            ("http://127.0.0.1:8080/fhir", "http://127.0.0.1:8080"),
            ("https://fhir.example", "https://fhir.example"),
        ] {
            assert_eq!(auth.issuer(base), issuer);
        }
    }

    #[test]
    fn a_life_that_is_too_long_or_a_rate_that_is_none_is_refused_by_name() {
        let flags = vec![
            ("auth.access_seconds", "3601".to_owned()),
            ("auth.backend_seconds", "301".to_owned()),
            ("auth.consent_days", "366".to_owned()),
            ("auth.issuer", "https://a.example?x".to_owned()),
            ("auth.requests_per_client_max", "0".to_owned()),
            ("auth.requests_per_address_max", "0".to_owned()),
        ];
        let sources = Sources {
            flags,
            ..Sources::default()
        };
        assert_eq!(load(&sources).unwrap_err().issues.len(), 6);
    }
}
