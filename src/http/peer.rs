//! Who is at the other end: the address that asks, as far as it can be believed.
//!
//! Anybody can send `X-Forwarded-For`; only proxies that the operator has named are believed. What
//! others say is taken out of the request, so that nothing behind this door can be misled by it.
//! `X-Forwarded-Host` and `Forwarded` are believed from nobody: addresses that the server writes
//! begin with the configured base URL.

use std::net::{IpAddr, SocketAddr};

use axum::http::{Extensions, HeaderMap, HeaderName, Request};

use crate::kernel::block::Block;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What proxies say, and anybody else may pretend.
const HEARSAY: [HeaderName; 6] = [
    FORWARDED_FOR,
    FORWARDED_PROTO,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("forwarded"),
];

/// Proxies one behind the other that are followed.
const HOPS_MAX: usize = 16;

/// Who asks, and whether nobody on the way can listen; an extension of each request that came over
/// a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The address of the client, as the nearest trusted proxy has seen it.
    pub address: IpAddr,
    /// Whether the client speaks TLS, to this server or to a proxy that says so.
    pub encrypted: bool,
}

impl Peer {
    /// Who sent a request; none, if it did not come over a socket.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}

/// The proxies whose word is taken.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<Block>);

impl Proxies {
    /// Those within these blocks.
    #[must_use]
    pub const fn new(blocks: Vec<Block>) -> Self {
        Self(blocks)
    }

    /// Whether an address is one of theirs.
    #[must_use]
    pub fn trusts(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|block| block.contains(ip))
    }

    /// Notes in a request who sent it, and takes out what was only said about that.
    pub(super) fn introduce<B>(&self, request: &mut Request<B>, socket: SocketAddr, tls: bool) {
        let peer = self.peer(request.headers(), socket.ip().to_canonical(), tls);
        let headers = request.headers_mut();
        for name in HEARSAY {
            headers.remove(name);
        }
        request.extensions_mut().insert(peer);
    }

    fn peer(&self, headers: &HeaderMap, socket: IpAddr, tls: bool) -> Peer {
        if !self.trusts(socket) {
            return Peer {
                address: socket,
                encrypted: tls,
            };
        }
        let said = headers.get_all(FORWARDED_PROTO).iter().next_back();
        let said = said.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        Peer {
            address: self.client(headers, socket),
            encrypted: said.map_or(tls, |proto| proto.trim().eq_ignore_ascii_case("https")),
        }
    }

    /// From the nearest proxy outwards: the first address that is no proxy's is the client's. What
    /// stands beyond it was written by the client.
    fn client(&self, headers: &HeaderMap, socket: IpAddr) -> IpAddr {
        let mut nearest = socket;
        let values = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = values.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
        for hop in hops.take(HOPS_MAX) {
            let Some(ip) = address(hop.trim()) else {
                break;
            };
            nearest = ip;
            if !self.trusts(ip) {
                break;
            }
        }
        nearest
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse().ok();
    ip.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
        .map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is taken for the client when `socket` sends these headers and proxies are in 10/8.
    fn introduced(socket: &str, headers: &[(&'static str, &str)]) -> (String, bool) {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let mut request = Request::new(());
        for (name, value) in headers {
            let value = value.parse().unwrap();
            request
                .headers_mut()
                .append(HeaderName::from_static(name), value);
        }
        let socket = SocketAddr::new(socket.parse().unwrap(), 4711);
        proxies.introduce(&mut request, socket, false);
        assert!(request.headers().is_empty(), "{:?}", request.headers());
        let peer = Peer::of(request.extensions()).unwrap();
        (peer.address.to_string(), peer.encrypted)
    }

    #[test]
    fn who_is_no_trusted_proxy_is_not_believed() {
        for name in ["x-forwarded-for", "x-real-ip", "forwarded"] {
            let said = introduced("192.0.2.1", &[(name, "198.51.100.7")]);
            assert_eq!(said, ("192.0.2.1".to_owned(), false), "{name}");
        }
        let said = introduced("192.0.2.1", &[("x-forwarded-proto", "https")]);
        assert_eq!(said, ("192.0.2.1".to_owned(), false));
        let said = introduced("192.0.2.1", &[("x-forwarded-host", "evil.example")]);
        assert_eq!(said, ("192.0.2.1".to_owned(), false));
    }

    #[test]
    fn a_trusted_proxy_tells_who_asks_and_no_further() {
        let client = |value: &str| introduced("10.0.0.1", &[("x-forwarded-for", value)]).0;
        assert_eq!(client("198.51.100.7"), "198.51.100.7");
        // What the client itself wrote before it reached the proxy does not count.
        assert_eq!(client("127.0.0.1, 198.51.100.7"), "198.51.100.7");
        assert_eq!(client("10.0.0.9, 198.51.100.7"), "198.51.100.7");
        // Through a second proxy of the house.
        assert_eq!(client("1.2.3.4, 198.51.100.7, 10.0.0.2"), "198.51.100.7");
        assert_eq!(client("[2001:db8::7]"), "2001:db8::7");
        assert_eq!(client("198.51.100.7:55000"), "198.51.100.7");
        assert_eq!(client("[2001:db8::7]:55000"), "2001:db8::7");
        assert_eq!(client("::ffff:198.51.100.7"), "198.51.100.7");
        // Nonsense ends the walk at the last who is known.
        assert_eq!(client("unknown"), "10.0.0.1");
        assert_eq!(client("1.2.3.4, <script>, 10.0.0.2"), "10.0.0.2");
        assert_eq!(client(""), "10.0.0.1");
        let two = [
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(introduced("10.0.0.1", &two).0, "198.51.100.7");
        let endless = "10.0.0.3, ".repeat(10_000) + "10.0.0.2";
        assert_eq!(client(&endless), "10.0.0.3");
    }

    #[test]
    fn a_trusted_proxy_tells_whether_anybody_can_listen() {
        let encrypted = |value: &str| introduced("10.0.0.1", &[("x-forwarded-proto", value)]).1;
        assert!(encrypted("https"));
        assert!(encrypted("http, https"));
        assert!(!encrypted("https, http"));
        assert!(!encrypted("http"));
        assert!(!introduced("10.0.0.1", &[]).1);
    }

    #[test]
    fn an_address_of_ipv4_within_ipv6_is_the_same_address() {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(proxies.trusts("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!proxies.trusts("::ffff:11.1.2.3".parse().unwrap()));
    }
}
