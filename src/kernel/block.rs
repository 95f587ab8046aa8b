//! Blocks of network addresses, as operators and registries write them: `10.0.0.0/8`, `fd00::/8`.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// All addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    first: IpAddr,
    length: u32,
}

/// The text is neither an address nor a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoBlock;

impl fmt::Display for NoBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither an address nor a block such as 10.0.0.0/8")
    }
}

impl std::error::Error for NoBlock {}

impl Block {
    /// The block of IPv4 that begins with the first `length` bits of `first`; at most 32.
    #[must_use]
    pub const fn v4(first: Ipv4Addr, length: u32) -> Self {
        Self {
            first: IpAddr::V4(first),
            length,
        }
    }

    /// The block of IPv6 that begins with the first `length` bits of `first`; at most 128.
    #[must_use]
    pub const fn v6(first: Ipv6Addr, length: u32) -> Self {
        Self {
            first: IpAddr::V6(first),
            length,
        }
    }

    /// Whether an address is in it. The families are kept apart: an address of IPv4 that is
    /// written as one of IPv6 is in blocks of IPv6 alone.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.first, ip) {
            (IpAddr::V4(first), IpAddr::V4(ip)) => {
                let differing = u32::from(first) ^ u32::from(ip);
                self.length <= differing.leading_zeros()
            }
            (IpAddr::V6(first), IpAddr::V6(ip)) => {
                let differing = u128::from(first) ^ u128::from(ip);
                self.length <= differing.leading_zeros()
            }
            _ => false,
        }
    }
}

impl FromStr for Block {
    type Err = NoBlock;

    /// Reads `ADDRESS` (the block of it alone) or `ADDRESS/LENGTH`.
    fn from_str(text: &str) -> Result<Self, NoBlock> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| NoBlock)?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(length) => length.parse().map_err(|_| NoBlock)?,
        };
        if length > most {
            return Err(NoBlock);
        }
        Ok(Self { first, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(block: &str, ip: &str) -> bool {
        let block: Block = block.parse().expect("a block");
        block.contains(ip.parse().expect("an address"))
    }

    #[test]
    fn a_block_holds_what_begins_with_its_bits() {
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("192.0.2.7", "192.0.2.7"));
        assert!(!contains("192.0.2.7", "192.0.2.6"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(contains("fd00::/8", "fdff::1"));
        assert!(!contains("fd00::/8", "fe80::1"));
        assert!(contains("::1", "::1"));
        assert!(contains("::/0", "::ffff:10.0.0.1"));
        assert!(!contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(!contains("0.0.0.0/0", "::1"));
    }

    #[test]
    fn what_is_no_block_is_not_read() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/-1",
            "host",
            "10.0.0.0/8/8",
            " 10.0.0.0",
            "[::1]",
        ] {
            assert_eq!(text.parse::<Block>(), Err(NoBlock), "{text}");
        }
    }
}
