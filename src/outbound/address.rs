//! Which addresses are inside the house: pure.
//!
//! Whatever the registries of special-purpose addresses keep from the public Internet is inside:
//! <https://www.iana.org/assignments/iana-ipv4-special-registry/> and
//! <https://www.iana.org/assignments/iana-ipv6-special-registry/>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kernel::block::Block;

/// Blocks of IPv4 that are not public.
const INSIDE_V4: [Block; 15] = [
    // This network, and the unspecified address, which connects to the machine itself.
    Block::v4(Ipv4Addr::new(0, 0, 0, 0), 8),
    // Private use.
    Block::v4(Ipv4Addr::new(10, 0, 0, 0), 8),
    Block::v4(Ipv4Addr::new(172, 16, 0, 0), 12),
    Block::v4(Ipv4Addr::new(192, 168, 0, 0), 16),
    // Shared by the customers of a carrier.
    Block::v4(Ipv4Addr::new(100, 64, 0, 0), 10),
    // The machine itself.
    Block::v4(Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local: where clouds keep their metadata.
    Block::v4(Ipv4Addr::new(169, 254, 0, 0), 16),
    // Protocol assignments, 6to4 relays, documentation, benchmarks.
    Block::v4(Ipv4Addr::new(192, 0, 0, 0), 24),
    Block::v4(Ipv4Addr::new(192, 0, 2, 0), 24),
    Block::v4(Ipv4Addr::new(192, 88, 99, 0), 24),
    Block::v4(Ipv4Addr::new(198, 18, 0, 0), 15),
    Block::v4(Ipv4Addr::new(198, 51, 100, 0), 24),
    Block::v4(Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast; reserved, with the broadcast address.
    Block::v4(Ipv4Addr::new(224, 0, 0, 0), 4),
    Block::v4(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only block of IPv6 that has public addresses.
const GLOBAL_V6: Block = Block::v6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Blocks within it that are not public, or hide an address of IPv4.
const INSIDE_V6: [Block; 4] = [
    // Protocol assignments, with Teredo, which hides an address of IPv4.
    Block::v6(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation.
    Block::v6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    Block::v6(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    // 6to4 hides an address of IPv4.
    Block::v6(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// Whether an address is one that anybody on the Internet can reach.
pub(super) fn is_public(ip: IpAddr) -> bool {
    if ip.is_ipv4() {
        return !INSIDE_V4.iter().any(|block| block.contains(ip));
    }
    // Outside of the global block lie loopback, link-local, unique local, multicast, and what
    // maps or translates IPv4 (::ffff:0:0/96, 64:ff9b::/96).
    GLOBAL_V6.contains(ip) && !INSIDE_V6.iter().any(|block| block.contains(ip))
}

/// Whether an address is this machine's own, IPv4 in IPv6 included.
pub(super) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> bool {
        is_public(text.parse().expect("an address"))
    }

    #[test]
    fn what_is_inside_the_house_is_not_public() {
        for inside in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!judged(inside), "{inside}");
        }
    }

    #[test]
    fn what_everybody_reaches_is_public() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2a01:e0a::1",
        ] {
            assert!(judged(public), "{public}");
        }
    }

    #[test]
    fn loopback_is_known_in_either_family() {
        for (text, own) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(
                is_loopback(text.parse().expect("an address")),
                own,
                "{text}"
            );
        }
    }
}
