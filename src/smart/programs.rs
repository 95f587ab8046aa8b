//! The programs that somebody has let in, for their own page, and how they are sent away.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata>
//! (`management_endpoint`).

use jiff::Timestamp;

use super::{PERMIT, Smart};
use crate::{kernel::problem::Result, store::DelegationsOf};

/// A program that somebody has let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its `client_id`.
    pub id: String,
    /// What people are shown.
    pub name: String,
    /// Since when, of what has not ended.
    pub since: Timestamp,
    /// Whether it goes on after the person has logged out.
    pub lasts: bool,
}

impl Smart {
    /// The programs that an account has let in, the one let in last before the others.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn programs(&self, account: &str) -> Result<Vec<Program>> {
        let account = account.to_owned();
        let given = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move { tx.given(&account).await })
        });
        let mut all: Vec<Program> = Vec::new();
        for (delegation, client) in given.await? {
            let lasts = delegation.session.is_none();
            match all.iter_mut().find(|one| one.id == client.id) {
                Some(known) => {
                    known.since = known.since.min(delegation.created);
                    known.lasts |= lasts;
                }
                None => all.push(Program {
                    id: client.id,
                    name: client.name,
                    since: delegation.created,
                    lasts,
                }),
            }
        }
        Ok(all)
    }

    /// Ends all that an account has granted to a program.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn send_away(&self, account: &str, client: &str) -> Result<()> {
        let (account, client) = (account.to_owned(), client.to_owned());
        let ended = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move {
                let given = DelegationsOf::Given {
                    account: &account,
                    client: &client,
                };
                tx.end_delegations(given).await
            })
        });
        ended.await.map(drop)
    }
}
