//! How many connections each peer address holds.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

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

    /// A place for a connection from `address`, if there is one left; a proxy brings many clients,
    /// and is bounded only with all others.
    #[must_use]
    pub fn seat(&self, address: IpAddr, is_proxy: bool) -> Option<Seat> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.total_max {
            return None;
        }
        let own = counts.by_address.entry(address).or_default();
        if *own >= self.each_max && !is_proxy {
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
        let first = peers.seat(address(1), false).unwrap();
        let _second = peers.seat(address(1), false).unwrap();
        assert!(peers.seat(address(1), false).is_none());
        let _third = peers.seat(address(2), false).unwrap();
        assert!(peers.seat(address(3), false).is_none());
        drop(first);
        assert!(peers.seat(address(3), false).is_some());
    }

    #[test]
    fn a_proxy_is_bounded_with_all_others_only() {
        let peers = Peers::new(3, 1);
        let seats: Vec<_> = (0..4).map(|_| peers.seat(address(1), true)).collect();
        assert_eq!(seats.iter().flatten().count(), 3);
    }

    #[test]
    fn an_address_that_left_is_forgotten() {
        let peers = Peers::new(3, 2);
        drop(peers.seat(address(1), false));
        assert!(peers.counts.lock().unwrap().by_address.is_empty());
    }
}
