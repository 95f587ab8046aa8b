//! The walls: what attackers try at the door, on the wire and in what they send, and what comes of
//! it. SECURITY.md has the table of attacks and of the tests that carry them out.

mod first_start;
mod headers;
mod http2;
mod injection;
mod logs;
mod narrative;
mod paths;
mod races;
mod tls;
mod uploads;
mod xml;
