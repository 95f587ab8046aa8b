//! Browsers with which somebody has logged in before.
//!
//! Whoever guesses at one account from many addresses is slowed down all together, and the person
//! must not be: so a browser in which they have proved who they are is given a cookie, and its tries
//! are counted by themselves. The cookie opens nothing; it only keeps strangers out of the way. That
//! an *address* has been used before would not do: who shares it, as all do within a hospital, could
//! learn from it that the person has an account.

use std::net::IpAddr;

use jiff::SignedDuration;

use super::{
    PERMIT, People,
    charge::Charges,
    secret,
    throttle::{BY_ACCOUNT, BY_ADDRESS, BY_FACTOR, BY_PAIR},
};
use crate::{
    kernel::{
        phi::Phi,
        problem::{Problem, Result},
    },
    store::{Account, Ticket, TicketKind},
};

/// For how long a browser is known after the last login.
pub const DEVICE_LIFE: SignedDuration = SignedDuration::from_hours(24 * 180);

/// Browsers that are known for one account; with one more, the others are forgotten.
pub const DEVICES_MAX: u64 = 32;

/// Where somebody comes from.
#[derive(Debug, Clone)]
pub struct Whence {
    /// The address.
    pub address: IpAddr,
    /// What the browser was given when somebody logged in with it; empty, if nothing.
    pub device: Phi<String>,
}

impl From<IpAddr> for Whence {
    /// A browser that has nothing to show.
    fn from(address: IpAddr) -> Self {
        Self {
            address,
            device: Phi::new(String::new()),
        }
    }
}

impl People {
    /// What a try with a password is charged to.
    pub(super) fn password_charges(&self, login: &str, whence: &Whence) -> Result<Charges> {
        let strangers = vec![
            (self.pair(login, whence.address)?, BY_PAIR),
            (self.place(whence.address)?, BY_ADDRESS),
            (self.anybody(login)?, BY_ACCOUNT),
        ];
        let device = self.device(login, whence)?;
        Ok(Charges {
            strangers,
            device: device.map(|own| (own.clone(), vec![(own, BY_PAIR)])),
        })
    }

    /// What a try with a second factor is charged to.
    pub(super) fn factor_charges(&self, account: &Account, whence: &Whence) -> Result<Charges> {
        let device = match self.device(account.login.reveal(), whence)? {
            None => None,
            Some(own) => {
                let counter = self.key.name("factor-device", &own)?;
                Some((own, vec![(counter, BY_FACTOR)]))
            }
        };
        let counter = self.key.name("factor", account.id.as_bytes())?;
        Ok(Charges {
            strangers: vec![(counter, BY_FACTOR)],
            device,
        })
    }

    /// What counts the tries of all strangers together at one login.
    pub(super) fn anybody(&self, login: &str) -> Result<Vec<u8>> {
        self.key.name("anybody", login.as_bytes())
    }

    /// What stands for a login and a browser; none, if the browser shows nothing.
    pub(super) fn device(&self, login: &str, whence: &Whence) -> Result<Option<Vec<u8>>> {
        let device = whence.device.reveal();
        if device.is_empty() {
            return Ok(None);
        }
        let named = format!("{login}\0{device}");
        self.key.name("device", named.as_bytes()).map(Some)
    }

    /// Remembers that somebody has logged in with this browser; gives the cookie by which it is
    /// known. Several people may use one.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn remember(&self, account: &Account, whence: &Whence) -> Result<Phi<String>> {
        let mut whence = whence.clone();
        if whence.device.reveal().is_empty() {
            whence.device = Phi::new(secret::text(self.chance.as_ref()));
        }
        let Some(hash) = self.device(account.login.reveal(), &whence)? else {
            return Ok(whence.device);
        };
        let expires = self.now().saturating_add(DEVICE_LIFE);
        let ticket = Ticket {
            kind: TicketKind::Device,
            hash,
            account: account.id.clone(),
            content: Phi::new(String::new()),
            tries: 0,
            expires: expires.map_err(Problem::fault)?,
        };
        let written = self.store.write(&PERMIT, move |tx| {
            Box::pin(async move {
                let (account, kind) = (ticket.account.as_str(), ticket.kind);
                if tx.count_tickets(account, kind).await? >= DEVICES_MAX {
                    tx.forget_tickets(account, kind).await?;
                }
                tx.keep_ticket(&ticket).await
            })
        });
        written.await?;
        Ok(whence.device)
    }
}
