//! Tries and what they are charged to: `throttle` decides, the database counts for all nodes.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::{
    PERMIT, People,
    throttle::{self, Pace, Verdict},
};
use crate::{
    kernel::problem::Result,
    store::{TicketKind, Tx},
};

/// A counter, and how its waits grow.
pub(super) type Counter = (Vec<u8>, Pace);

/// Counters that a try is charged to.
pub(super) struct Charges {
    /// Where it comes from a browser that is not known.
    pub(super) strangers: Vec<Counter>,
    /// What stands for the browser, and the counters of one that is known.
    pub(super) device: Option<(Vec<u8>, Vec<Counter>)>,
}

/// What is said to a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is not looked at before so much later; nothing was charged.
    Wait(SignedDuration),
    /// It is looked at, and charged as a stranger's.
    Stranger,
    /// It is looked at, and charged to a browser that is known.
    Known,
}

impl People {
    pub(super) fn pair(&self, login: &str, address: IpAddr) -> Result<Vec<u8>> {
        let named = format!("{login}\0{}", throttle::place(address));
        self.key.name("pair", named.as_bytes())
    }

    pub(super) fn place(&self, address: IpAddr) -> Result<Vec<u8>> {
        self.key.name("place", throttle::place(address).as_bytes())
    }

    /// Charges a try to its counters before it is looked at.
    pub(super) async fn admit(&self, charges: Charges) -> Result<Admission> {
        let now = self.now();
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let (counters, admission) = match &charges.device {
                        Some((hash, own)) if is_known(tx, hash, now).await? => {
                            (own, Admission::Known)
                        }
                        _ => (&charges.strangers, Admission::Stranger),
                    };
                    let wait = count(tx, counters, now).await?;
                    Ok(wait.map_or(admission, Admission::Wait))
                })
            })
            .await
    }

    /// The same for counters that know of no browsers; gives how long the try has to wait, in which
    /// case nothing is charged.
    pub(super) async fn charge(&self, counters: Vec<Counter>) -> Result<Option<SignedDuration>> {
        let charges = Charges {
            strangers: counters,
            device: None,
        };
        Ok(match self.admit(charges).await? {
            Admission::Wait(wait) => Some(wait),
            Admission::Stranger | Admission::Known => None,
        })
    }

    /// Takes one try back from counters that many share.
    pub(super) async fn pardon(&self, keys: Vec<Vec<u8>>) -> Result<()> {
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    for key in &keys {
                        if let Some(mut failures) = tx.failures(key).await? {
                            failures.count = failures.count.saturating_sub(1);
                            tx.keep_failures(key, Some(failures)).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await
    }

    pub(super) async fn forgive(&self, keys: Vec<Vec<u8>>) -> Result<()> {
        self.store
            .write(&PERMIT, move |tx| Box::pin(forgive(tx, keys)))
            .await
    }
}

/// Charges a try to all counters, or, if one of them says wait, to none.
async fn count(
    tx: &mut Tx,
    counters: &[Counter],
    now: Timestamp,
) -> Result<Option<SignedDuration>> {
    let mut after = Vec::with_capacity(counters.len());
    let mut wait = None;
    for (key, pace) in counters {
        match throttle::judge(*pace, tx.failures(key).await?, now) {
            Verdict::Go(failures) => after.push((key, failures)),
            Verdict::Wait(left) => wait = wait.max(Some(left)),
        }
    }
    for (key, failures) in after.into_iter().filter(|_| wait.is_none()) {
        tx.keep_failures(key, Some(failures)).await?;
    }
    Ok(wait)
}

/// Whether somebody has logged in with a browser before.
async fn is_known(tx: &mut Tx, hash: &[u8], now: Timestamp) -> Result<bool> {
    let ticket = tx.ticket(TicketKind::Device, hash).await?;
    Ok(ticket.is_some_and(|ticket| ticket.expires > now))
}

async fn forgive(tx: &mut Tx, keys: Vec<Vec<u8>>) -> Result<()> {
    for key in keys {
        tx.keep_failures(&key, None).await?;
    }
    Ok(())
}
