//! How often somebody may ask the endpoints.
//!
//! A client that has shown that it is itself is counted by its name, wherever it is; nobody else
//! can use up what is its own. Whoever has shown nothing (a client without a secret, one that is not
//! known, one that fails) is counted by the address. An address that has asked too often is refused
//! before anything is looked at.
//!
//! Counts are those of one minute, of this process, and their number is bounded: nothing of them is
//! worth a row in the database.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc6585#section-4>.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::refusal::{Fault, Granted, Refusal};
use crate::people::throttle::place;

/// Addresses that are counted in one minute; those beyond share one counter.
pub const PLACES_MAX: usize = 1 << 16;

/// Seconds of the time that is counted.
const WINDOW_SECONDS: i64 = 60;

/// How often in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateBounds {
    /// One client that has shown that it is itself.
    pub client: u32,
    /// All others of one address.
    pub address: u32,
}

/// Who has asked how often.
#[derive(Debug)]
pub struct Rates {
    bounds: RateBounds,
    window: Mutex<Window>,
}

/// The counts of one minute.
#[derive(Debug, Default)]
struct Window {
    minute: i64,
    clients: HashMap<String, u32>,
    places: HashMap<String, u32>,
    /// Of the addresses for which there was no room.
    crowd: u32,
}

impl Window {
    /// The counter of an address.
    fn of_place(&mut self, place: String) -> &mut u32 {
        if self.places.len() >= PLACES_MAX && !self.places.contains_key(&place) {
            return &mut self.crowd;
        }
        self.places.entry(place).or_default()
    }
}

impl Rates {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new(bounds: RateBounds) -> Self {
        Self {
            bounds,
            window: Mutex::default(),
        }
    }

    /// The counts of this minute.
    fn window(&self, now: Timestamp) -> MutexGuard<'_, Window> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_second().div_euclid(WINDOW_SECONDS);
        if window.minute != minute {
            *window = Window {
                minute,
                ..Window::default()
            };
        }
        window
    }

    /// Refuses an address that has asked too often; what did not come over a socket is let through.
    ///
    /// # Errors
    /// `TooManyRequests`.
    pub fn look(&self, address: Option<IpAddr>, now: Timestamp) -> Granted<()> {
        let Some(address) = address else {
            return Ok(());
        };
        let mut window = self.window(now);
        let place = place(address);
        let is_over = match window.places.get(&place) {
            Some(count) => *count >= self.bounds.address,
            None => *window.of_place(place) >= self.bounds.address,
        };
        if is_over { Err(over(now)) } else { Ok(()) }
    }

    /// Counts a request of somebody who has shown nothing.
    pub fn count_address(&self, address: Option<IpAddr>, now: Timestamp) {
        if let Some(address) = address {
            let mut window = self.window(now);
            let counter = window.of_place(place(address));
            *counter = counter.saturating_add(1);
        }
    }

    /// Counts a request of a client that has shown that it is itself.
    ///
    /// # Errors
    /// `TooManyRequests`, and then it is not counted.
    pub fn count_client(&self, client: &str, now: Timestamp) -> Granted<()> {
        let mut window = self.window(now);
        let counter = window.clients.entry(client.to_owned()).or_default();
        if *counter >= self.bounds.client {
            return Err(over(now));
        }
        *counter += 1;
        Ok(())
    }
}

/// That somebody comes again in the next minute.
fn over(now: Timestamp) -> Refusal {
    let left = WINDOW_SECONDS - now.as_second().rem_euclid(WINDOW_SECONDS);
    Refusal {
        wait: left.unsigned_abs().max(1),
        ..Refusal::new(
            Fault::TooManyRequests,
            "Too many requests: come again in the next minute.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::from_millis;

    const BOUNDS: RateBounds = RateBounds {
        client: 3,
        address: 2,
    };

    fn address(number: u32) -> Option<IpAddr> {
        Some(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn each_client_and_each_address_has_its_own_and_a_minute_ends() {
        let (rates, now) = (Rates::new(BOUNDS), from_millis(59_500));
        for _ in 0..3 {
            rates.count_client("a", now).unwrap();
        }
        let refusal = rates.count_client("a", now).unwrap_err();
        assert_eq!((refusal.fault, refusal.wait), (Fault::TooManyRequests, 1));
        rates.count_client("b", now).unwrap();
        for _ in 0..2 {
            rates.look(address(1), now).unwrap();
            rates.count_address(address(1), now);
        }
        assert!(rates.look(address(1), now).is_err());
        rates.look(address(2), now).unwrap();
        rates.look(None, now).unwrap();
        let later = from_millis(60_000);
        rates.look(address(1), later).unwrap();
        rates.count_client("a", later).unwrap();
        let whole = Rates::new(BOUNDS);
        for _ in 0..2 {
            whole.count_address(address(1), later);
        }
        assert_eq!(whole.look(address(1), later).unwrap_err().wait, 60);
    }

    #[test]
    fn a_customer_with_ipv6_is_one_address() {
        let (rates, now) = (Rates::new(BOUNDS), from_millis(0));
        for last in 0..2 {
            let one: IpAddr = format!("2001:db8:1:2::{last}").parse().unwrap();
            rates.count_address(Some(one), now);
        }
        let third = "2001:db8:1:2:ffff::1".parse().ok();
        assert!(rates.look(third, now).is_err());
    }

    #[test]
    fn addresses_without_end_take_memory_with_one() {
        let (rates, now) = (Rates::new(BOUNDS), from_millis(0));
        let most = u32::try_from(PLACES_MAX).unwrap();
        for number in 0..most {
            rates.count_address(address(number), now);
        }
        for number in most..most + 2 {
            rates.look(address(number), now).unwrap();
            rates.count_address(address(number), now);
        }
        // Those for whom there was no room are counted together; who was counted before goes on.
        assert!(rates.look(address(most + 9), now).is_err());
        rates.look(address(7), now).unwrap();
        assert_eq!(rates.window(now).places.len(), PLACES_MAX);
    }
}
