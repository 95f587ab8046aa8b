//! How many connections each peer address holds.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Where a request comes from: with each request, as an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Counts connections, overall and by address; clones share the counts.
#[derive(Debug, Clone)]
pub struct Peers {
    counts: Arc<Mutex<Counts>>,
    total_max: usize,
    each_max: usize,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place; it is given back when dropped.
#[derive(Debug)]
pub struct Seat {
    counts: Arc<Mutex<Counts>>,
    address: IpAddr,
}

impl Peers {
    /// Counts that stop at `total_max` connections, `each_max` of them from one address.
    #[must_use]
    pub fn new(total_max: usize, each_max: usize) -> Self {
        Self {
            counts: Arc::default(),
            total_max,
            each_max,
        }
    }

    /// A place for a connection from `address`, if there is one left.
    #[must_use]
    pub fn seat(&self, address: IpAddr) -> Option<Seat> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.total_max {
            return None;
        }
        let own = counts.by_address.entry(address).or_default();
        if *own >= self.each_max {
            return None;
        }
        *own += 1;
        counts.total += 1;
        Some(Seat {
            counts: self.counts.clone(),
            address,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        if let Some(own) = counts.by_address.get_mut(&self.address) {
            *own -= 1;
            // An address that is gone leaves nothing behind.
            if *own == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    #[test]
    fn each_address_and_all_together_have_a_bound() {
        let peers = Peers::new(3, 2);
        let first = peers.seat(address(1)).unwrap();
        let _second = peers.seat(address(1)).unwrap();
        assert!(peers.seat(address(1)).is_none());
        let _third = peers.seat(address(2)).unwrap();
        assert!(peers.seat(address(3)).is_none());
        drop(first);
        assert!(peers.seat(address(3)).is_some());
    }

    #[test]
    fn an_address_that_left_is_forgotten() {
        let peers = Peers::new(3, 2);
        drop(peers.seat(address(1)));
        assert!(peers.counts.lock().unwrap().by_address.is_empty());
    }
}
