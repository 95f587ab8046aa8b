//! What is tried on a server: it may refuse, and say so, but it may not fail.

use crate::harness::{Client, Reply, Server};

/// Statuses above 499 with which a server says what it does not offer, or that it is busy.
const HONEST: [u16; 2] = [501, 503];

/// A server, and a connection to it.
pub struct Door {
    server: Server,
    client: Client,
}

impl Door {
    /// Starts a server over an empty database.
    pub fn open() -> Self {
        let server = Server::start();
        let client = server.client();
        Self { server, client }
    }

    /// Posts a bundle.
    pub fn bundle(&mut self, input: &[u8]) -> bool {
        let kind = [("content-type", "application/fhir+json")];
        let reply = self.client.send("POST", "", &kind, input);
        self.judge(reply)
    }

    /// Sends a request: its first line has method, path and headers (`name=value`, divided by
    /// tabs), the rest is the body.
    pub fn request(&mut self, input: &[u8]) -> bool {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (head, body) = input.split_at(end.unwrap_or(input.len()));
        let body = body.get(1..).unwrap_or_default();
        let head = String::from_utf8_lossy(head);
        // What would break the frame of HTTP itself is another test's.
        let frames = |c: char| c.is_control() && c != '\t';
        if head.contains(frames) || !head.is_ascii() {
            return false;
        }
        let mut parts = head.split('\t');
        let (method, path) = (parts.next().unwrap_or("GET"), parts.next().unwrap_or("/"));
        let token = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !token(method) || !path.starts_with('/') || path.contains([' ', '#']) {
            return false;
        }
        let headers: Vec<(&str, &str)> = parts
            .filter_map(|part| part.split_once('='))
            .filter(|(name, _)| {
                token(name) && !FRAMING.contains(&name.to_ascii_lowercase().as_str())
            })
            .collect();
        let path = format!("/fhir{path}");
        let reply = self.client.send(method, &path, &headers, body);
        self.judge(reply)
    }

    fn judge(&mut self, reply: std::io::Result<Reply>) -> bool {
        let Ok(reply) = reply else {
            // It may close a connection; it may not go away.
            self.client = self.server.client();
            let alive = self.client.send("GET", "/healthz", &[], b"");
            let alive = alive.is_ok_and(|reply| reply.status == 200);
            assert!(alive, "the server has gone: {}", self.server.output());
            return false;
        };
        let honest = reply.status < 500 || HONEST.contains(&reply.status);
        assert!(honest, "{}: {}", reply.status, reply.text());
        reply.status < 400
    }
}

/// Headers that say where a request ends, or keep it waiting.
const FRAMING: [&str; 5] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "expect",
    "upgrade",
];
