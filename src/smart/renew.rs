//! Who asked for work that is done later, let in again when it is done.
//!
//! The token may have expired; what it came of must not have been revoked, the client and the
//! account must stand, and what the person reaches is what they reach by now. Of a client that acts
//! for itself nothing is left of a token that has expired: that it is still registered is what
//! counts.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{PERMIT, Smart};
use crate::{
    bulk::{
        Renew,
        asker::{Identity, gone},
    },
    fhir::permit::Permit,
    kernel::problem::Result,
    store::{Delegation, Held, Terms, Token, TokenKind},
};

impl Renew for Smart {
    fn renew<'a>(&'a self, who: &'a Identity) -> BoxFuture<'a, Result<Permit>> {
        Box::pin(async move {
            let (client, session) = (who.client.clone(), who.session.clone());
            let found = self.store().write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let ended = tx.is_ended(&session).await?;
                    Ok((tx.client(&client).await?, ended))
                })
            });
            let (Some(client), ended) = found.await? else {
                return Err(gone());
            };
            let is_person = who.account.is_some();
            if ended == Some(true) || ended.is_none() && is_person {
                return Err(gone());
            }
            let scopes: Vec<String> = who.scopes.iter().map(ToString::to_string).collect();
            self.permit_of(&Held {
                token: token(who, scopes.join(" "), self.now()),
                delegation: delegation(who, self.now()),
                client,
            })
            .await
        })
    }
}

/// What the token was, as far as a permit depends on it.
fn token(who: &Identity, scopes: String, now: Timestamp) -> Token {
    Token {
        hash: [0; 32],
        kind: TokenKind::Access,
        delegation: who.session.clone(),
        scopes,
        issued: now,
        expires: now,
        used: false,
    }
}

fn delegation(who: &Identity, now: Timestamp) -> Delegation {
    Delegation {
        id: who.session.clone(),
        client: who.client.clone(),
        account: who.account.clone(),
        session: None,
        patient: who.patient.clone(),
        terms: Terms::default(),
        created: now,
        expires: now,
        ended: false,
    }
}
