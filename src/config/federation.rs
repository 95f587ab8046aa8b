//! `[federation]`: an OpenID provider with which people may log in.

use std::path::PathBuf;

use serde::Deserialize;

use super::{findings::Findings, mail::read_secret, secret::Secret, server::is_web_address};
use crate::kernel::problem::Result;

/// An OpenID provider with which people may log in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Federation {
    /// `federation.issuer`; empty for none.
    pub issuer: String,
    /// `federation.client`.
    pub client: String,
    /// `federation.secret`, or what `federation.secret_file` holds.
    pub secret: Secret,
    /// `federation.secret_file`; empty for none.
    pub secret_file: PathBuf,
    /// `federation.claim`.
    pub claim: String,
    /// `federation.scopes`.
    pub scopes: String,
    /// `federation.acr`; empty to leave it open.
    pub acr: String,
    /// `federation.name`.
    pub name: String,
}

impl Federation {
    /// Reads the file that a key names.
    ///
    /// # Errors
    /// `Invalid` at the key, if its file cannot be read or the secret is given twice.
    pub(super) fn read_files(&mut self) -> Result<()> {
        self.secret = read_secret("federation.secret", &self.secret, &self.secret_file)?;
        Ok(())
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        if self.issuer.is_empty() {
            return;
        }
        if !is_web_address(&self.issuer) || self.issuer.contains(['?', '#']) {
            findings.refuse("federation.issuer", "It is an address, without ? and #.");
        }
        let secret = self.secret.reveal();
        for (key, text) in [
            ("federation.client", self.client.as_str()),
            ("federation.secret", secret),
            ("federation.claim", &self.claim),
            ("federation.name", &self.name),
        ] {
            if text.is_empty() {
                findings.refuse(key, "A provider cannot be asked without it.");
            }
        }
        if !self
            .scopes
            .split_whitespace()
            .any(|scope| scope == "openid")
        {
            findings.refuse("federation.scopes", "The scope openid is among them.");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Sources, load};

    #[test]
    fn a_provider_is_whole_or_absent() {
        let with = |flags: &[(&'static str, &str)]| {
            let flags = flags.iter().map(|(key, text)| (*key, (*text).to_owned()));
            load(&Sources {
                flags: flags.collect(),
                ..Sources::default()
            })
        };
        assert!(with(&[]).is_ok());
        let issuer = ("federation.issuer", "https://id.example");
        let bare = with(&[issuer]).unwrap_err();
        assert_eq!(bare.issues.len(), 2, "{bare}");
        let whole = [
            issuer,
            ("federation.client", "vigie"),
            ("federation.secret", "s3cret"),
        ];
        let effective = with(&whole).unwrap();
        assert!(!effective.print().contains("s3cret"));
        let odd = ("federation.scopes", "email");
        assert!(with(&[whole[0], whole[1], whole[2], odd]).is_err());
    }
}
