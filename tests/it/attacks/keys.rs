//! B6: a client says where its keys are, and means somewhere inside of the house.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};

use super::ground::Ground;
use crate::harness::{Backend, Reply, Server, backend, client_command};

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
