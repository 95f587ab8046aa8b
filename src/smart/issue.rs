//! Tokens made and written.

use std::time::Duration;

use super::{Smart, after, secret};
use crate::{
    kernel::problem::Result,
    store::{Delegation, Digest, Token, TokenKind, Tx},
};

/// An access token, and what the client is told with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The token itself; only its digest is kept.
    pub access: String,
    /// What it can be changed for a new one with.
    pub refresh: Option<String>,
    /// Seconds for which it is good.
    pub expires_in: u64,
    /// What it is good for.
    pub scopes: String,
}

/// What is drawn before the transaction: chance and lifetimes are not the writer's matter.
#[derive(Clone)]
pub struct Drawn {
    access: String,
    refresh: Option<String>,
    lifetime: Duration,
}

impl Smart {
    /// Draws what [`Drawn::issue`] writes.
    pub(super) fn draw_tokens(&self, lifetime: Duration, with_refresh: bool) -> Drawn {
        Drawn {
            access: self.draw(secret::ACCESS),
            refresh: with_refresh.then(|| self.draw(secret::REFRESH)),
            lifetime,
        }
    }
}

impl Drawn {
    /// Whether there is to be a refresh token.
    pub(super) const fn has_refresh(&self) -> bool {
        self.refresh.is_some()
    }

    /// There is to be none.
    pub(super) fn leave_refresh(&mut self) {
        self.refresh = None;
    }

    /// Writes an access token, and a refresh token if one was drawn.
    ///
    /// The access token is good for these `scopes`; a refresh token is always good for all that
    /// was agreed.
    pub(super) async fn issue(
        self,
        tx: &mut Tx,
        delegation: &Delegation,
        (scopes, all): (&str, &str),
    ) -> Result<Issued> {
        let now = tx.now();
        let expires = after(now, self.lifetime).min(delegation.expires);
        let token = |text: &str, kind, scopes: &str, expires| Token {
            hash: secret::digest(text),
            kind,
            delegation: delegation.id.clone(),
            scopes: scopes.to_owned(),
            issued: now,
            expires,
            used: false,
        };
        let access = token(&self.access, TokenKind::Access, scopes, expires);
        tx.keep_token(&access).await?;
        if let Some(text) = &self.refresh {
            // It is kept to the end even when it is used up, so that it is known if it comes again.
            let refresh = token(text, TokenKind::Refresh, all, delegation.expires);
            tx.keep_token(&refresh).await?;
        }
        let seconds = expires.as_second() - now.as_second();
        Ok(Issued {
            access: self.access,
            refresh: self.refresh,
            expires_in: seconds.unsigned_abs(),
            scopes: scopes.to_owned(),
        })
    }
}

/// The digest of an access token, if the text is one at all.
pub(super) fn access_digest(text: &str) -> Option<Digest> {
    secret::digest_of(secret::ACCESS, text)
}
