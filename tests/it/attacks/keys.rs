//! B6: a client says where its keys are, and means somewhere inside of the house; and that keys
//! which are where they should be are found.

use std::{
    io::{BufRead, BufReader, ErrorKind, Write},
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::ground::Ground;
use crate::harness::{Backend, Options, Reply, Server, backend, client_command};

/// Addresses of this machine and of its network, in all the ways that they can be written.
fn inside(port: u16) -> Vec<String> {
    let port = port.to_string();
    [
        "http://127.0.0.1:P/keys",
        "https://127.0.0.1:P/keys",
        "https://127.0.0.2:P/keys",
        "https://localhost:P/keys",
        "https://localhost.:P/keys",
        "https://[::1]:P/keys",
        "https://[::ffff:127.0.0.1]:P/keys",
        "https://[::ffff:7f00:1]:P/keys",
        "https://[64:ff9b::7f00:1]:P/keys",
        "https://2130706433:P/keys",
        "https://0x7f000001:P/keys",
        "https://0177.0.0.1:P/keys",
        "https://127.1:P/keys",
        "https://0.0.0.0:P/keys",
        "https://0:P/keys",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/keys",
        "https://100.64.0.1/keys",
        "https://192.168.0.1/keys",
        "https://[fd00::1]/keys",
        "https://[fe80::1]/keys",
        "https://a@127.0.0.1:P/keys",
        "file:///etc/passwd",
        "gopher://127.0.0.1:P/",
    ]
    .iter()
    .map(|text| text.replace('P', &port))
    .collect()
}

/// Registers a client whose keys are there; none, if that is refused.
fn registered(server: &Server, id: &str, url: &str) -> bool {
    let arguments = [
        "add",
        "Inside",
        "--id",
        id,
        "--backend",
        "--jwks-uri",
        url,
        "--scope",
        "system/Patient.rs",
    ];
    client_command(server, &arguments).status.success()
}

fn tried(server: &Server, key: &Backend, id: &str) -> Reply {
    let mut claims = key.claims(server);
    claims["iss"] = id.into();
    claims["sub"] = id.into();
    backend::ask(server, "system/Patient.rs", &key.sign(&claims))
}

#[test]
fn b6_no_key_is_fetched_from_inside_of_the_house() {
    let ground = Ground::new();
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
    listener
        .set_nonblocking(true)
        .expect("a listener that does not wait");
    let port = listener.local_addr().expect("its address").port();
    let mut taken = 0;
    for (number, url) in inside(port).iter().enumerate() {
        let id = format!("inside-{number}");
        if !registered(&ground.server, &id, url) {
            continue;
        }
        taken += 1;
        let begun = Instant::now();
        let reply = tried(&ground.server, &ground.backend, &id);
        assert_eq!(
            reply.json()["error"],
            "invalid_client",
            "{url}: {}",
            reply.text()
        );
        assert!(
            [400, 401].contains(&reply.status),
            "{url}: {}",
            reply.status
        );
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "{url} took {:?}",
            begun.elapsed()
        );
        let nobody = listener.accept().map_err(|error| error.kind());
        assert_eq!(nobody.err(), Some(ErrorKind::WouldBlock), "{url} was asked");
        // Who asks learns nothing of why.
        let told = reply.text();
        assert!(
            !told.contains("127.0.0.1") && !told.contains("refused"),
            "{url}: {told}"
        );
    }
    assert!(taken > 5, "most are refused before they are tried: {taken}");
}

#[test]
fn b6_an_assertion_does_not_say_where_its_key_is() {
    let ground = Ground::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener
        .set_nonblocking(true)
        .expect("a listener that does not wait");
    let port = listener.local_addr().expect("its address").port();
    let claims = ground.backend.claims(&ground.server);
    let url = format!("https://127.0.0.1:{port}/keys");
    for (jku, x5u) in [(Some(url.clone()), None), (None, Some(url))] {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES384);
        header.kid = Some(ground.backend.kid.clone());
        (header.jku, header.x5u) = (jku, x5u);
        let signed = jsonwebtoken::encode(&header, &claims, &ground.backend.key).expect("a token");
        let reply = backend::ask(&ground.server, "system/Patient.rs", &signed);
        if header.jku.is_some() {
            assert_eq!(reply.json()["error"], "invalid_client", "{}", reply.text());
        }
        let nobody = listener.accept().map_err(|error| error.kind());
        assert_eq!(
            nobody.err(),
            Some(ErrorKind::WouldBlock),
            "somebody was asked for keys"
        );
    }
}

/// Where a client keeps its public keys.
struct Keys {
    url: String,
    set: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Keys {
    /// Serves a set that may be kept for a minute.
    fn serve(set: &Value) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let url = format!(
            "http://{}/keys",
            listener.local_addr().expect("its address")
        );
        let (set, asked) = (
            Arc::new(Mutex::new(set.to_string())),
            Arc::new(AtomicUsize::new(0)),
        );
        let (shown, counted) = (Arc::clone(&set), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                assert!(first.starts_with("GET /keys "), "{first}");
                counted.fetch_add(1, Ordering::SeqCst);
                let body = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                            Cache-Control: max-age=60\r\nConnection: close\r\n";
                let _ = write!(
                    &stream,
                    "{head}Content-Length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { url, set, asked }
    }

    fn show(&self, set: &Value) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = set.to_string();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The public keys of a client that was registered with them.
fn public(server: &Server, id: &str) -> Value {
    let listing = client_command(server, &["list"]);
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    let clients = listing
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let client = clients
        .into_iter()
        .find(|client| client["id"] == id)
        .expect("a client");
    client["proof"]["keys"].clone()
}

#[test]
fn keys_are_fetched_where_they_were_registered_and_kept_as_long_as_they_say() {
    let server = Server::start_with(Options {
        closed: true,
        environment: vec![("VIGIE_OUTBOUND_LOOPBACK".to_owned(), "true".to_owned())],
        ..Options::default()
    });
    let first = Backend::register(&server, "system/Patient.rs");
    let second = Backend::register(&server, "system/Patient.rs");
    let keys = Keys::serve(&public(&server, &first.id));
    assert!(registered(&server, "by-url", &keys.url));
    tried(&server, &first, "by-url").expect(200);
    tried(&server, &first, "by-url").expect(200);
    assert_eq!(keys.asked(), 1, "they are kept");
    server.set_clock(&server.later(61));
    tried(&server, &first, "by-url").expect(200);
    assert_eq!(keys.asked(), 2, "and not for longer than they say");
    // A key that is not among them yet is looked for once more.
    tried(&server, &second, "by-url").expect(401);
    keys.show(&public(&server, &second.id));
    server.set_clock(&server.later(61));
    tried(&server, &second, "by-url").expect(200);
    tried(&server, &first, "by-url").expect(401);
    for (jku, status) in [(keys.url.clone(), 200), (format!("{}?x", keys.url), 401)] {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES384);
        (header.kid, header.jku) = (Some(second.kid.clone()), Some(jku));
        let mut claims = second.claims(&server);
        (claims["iss"], claims["sub"]) = ("by-url".into(), "by-url".into());
        let signed = jsonwebtoken::encode(&header, &claims, &second.key).expect("a token");
        backend::ask(&server, "system/Patient.rs", &signed).expect(status);
    }
}
