//! Tries and what they are charged to: `throttle` decides, the database counts for all nodes.

use std::net::IpAddr;

use jiff::SignedDuration;

use super::{
    PERMIT, People,
    throttle::{self, Pace, Verdict},
};
use crate::{kernel::problem::Result, store::Tx};

/// Counters that a try is charged to.
pub(super) type Charges = Vec<(Vec<u8>, Pace)>;

impl People {
    pub(super) fn pair(&self, login: &str, address: IpAddr) -> Result<Vec<u8>> {
        let named = format!("{login}\0{}", throttle::place(address));
        self.key.name("pair", named.as_bytes())
    }

    pub(super) fn place(&self, address: IpAddr) -> Result<Vec<u8>> {
        self.key.name("place", throttle::place(address).as_bytes())
    }

    /// Charges a try to its counters before it is looked at; gives how long it has to wait, in
    /// which case nothing is charged.
    pub(super) async fn charge(&self, charges: Charges) -> Result<Option<SignedDuration>> {
        let now = self.now();
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let mut after = Vec::with_capacity(charges.len());
                    let mut wait = None;
                    for (key, pace) in &charges {
                        match throttle::judge(*pace, tx.failures(key).await?, now) {
                            Verdict::Go(failures) => after.push((key, failures)),
                            Verdict::Wait(left) => wait = wait.max(Some(left)),
                        }
                    }
                    for (key, failures) in after.into_iter().filter(|_| wait.is_none()) {
                        tx.keep_failures(key, Some(failures)).await?;
                    }
                    Ok(wait)
                })
            })
            .await
    }

    /// Takes one try back from a counter that many share.
    pub(super) async fn pardon(&self, key: Vec<u8>) -> Result<()> {
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    if let Some(mut failures) = tx.failures(&key).await? {
                        failures.count = failures.count.saturating_sub(1);
                        tx.keep_failures(&key, Some(failures)).await?;
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

async fn forgive(tx: &mut Tx, keys: Vec<Vec<u8>>) -> Result<()> {
    for key in keys {
        tx.keep_failures(&key, None).await?;
    }
    Ok(())
}
