//! C18: HTTP/2 is not spoken, by any of the ways to it; what its attacks send is no request here.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::aws_lc_rs,
};

use super::tls::{certificate, usual};
use crate::harness::Server;

const WAIT: Duration = Duration::from_secs(10);

/// What every connection of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame: its type, its flags, its stream and its content.
fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("short").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(content);
    bytes
}

/// The beginnings of four attacks: requests that are taken back at once, headers that never end,
/// data without content, a table that swells.
fn attacks() -> Vec<Vec<u8>> {
    let settings = frame(4, 0, 0, &[]);
    // `GET` `http` `/` of the static table, and an authority.
    let request = [0x82, 0x86, 0x84, 0x41, 1, b'a'];
    let begun = |more: Vec<u8>| [PREFACE, &settings, &more].concat();
    let streams = (0..500_u32).map(|number| number * 2 + 1);
    let resets = streams.flat_map(|stream| {
        [
            frame(1, 5, stream, &request),
            frame(3, 0, stream, &[0, 0, 0, 8]),
        ]
        .concat()
    });
    let mut endless = frame(1, 1, 1, &request);
    endless.extend((0..500).flat_map(|_| frame(9, 0, 1, &[0x40, 1, b'x', 1, b'y'])));
    let mut empty = frame(1, 4, 1, &request);
    empty.extend((0..2_000).flat_map(|_| frame(0, 0, 1, &[])));
    let large = [&[0x40, 1, b'x', 0x7f, 0x80, 0x1e][..], &[b'y'; 4_000]].concat();
    let mut swelling = frame(1, 0, 1, &large);
    swelling.extend((0..200).flat_map(|_| frame(9, 0, 1, &[0xbe; 1_000])));
    vec![
        begun(resets.collect()),
        begun(endless),
        begun(empty),
        begun(swelling),
    ]
}

/// What comes back before the connection is closed.
fn answered(mut stream: impl Read + Write, bytes: &[u8]) -> Vec<u8> {
    // It may be closed before all is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn plain(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let socket = TcpStream::connect(server.address()).expect("a connection");
    socket.set_read_timeout(Some(WAIT)).expect("a time-out");
    answered(socket, bytes)
}

/// Whether an answer is none, or a refusal of HTTP/1.1: no frame.
#[track_caller]
fn is_refused(answer: &[u8]) {
    let text = String::from_utf8_lossy(answer);
    let refused =
        answer.is_empty() || text.starts_with("HTTP/1.1 4") || text.starts_with("HTTP/1.1 5");
    assert!(refused, "{text:?}");
    assert!(!text.contains("CapabilityStatement"), "{text}");
}

#[track_caller]
fn goes_on(server: &Server) {
    let reply = server.client().send("GET", "/healthz", &[], b"");
    reply.expect("a reply").expect(200);
}

#[test]
fn c18_what_begins_like_http_2_is_no_request() {
    let server = Server::start();
    is_refused(&plain(&server, &[PREFACE, &frame(4, 0, 0, &[])].concat()));
    for attack in attacks() {
        is_refused(&plain(&server, &attack));
        goes_on(&server);
    }
    // Many at once, and then the server is what it was.
    std::thread::scope(|scope| {
        for attack in attacks().into_iter().cycle().take(40) {
            let server = &server;
            scope.spawn(move || is_refused(&plain(server, &attack)));
        }
    });
    goes_on(&server);
}

#[test]
fn c18_nobody_is_led_over_to_http_2() {
    let server = Server::start();
    for headers in [
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "connection: upgrade\r\nupgrade: h2c\r\n",
        "connection: upgrade\r\nupgrade: h2, websocket\r\n",
    ] {
        let request = format!(
            "GET /healthz HTTP/1.1\r\nhost: a\r\n{headers}\r\nGET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        );
        let text = String::from_utf8_lossy(&plain(&server, request.as_bytes())).into_owned();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(
            !text.contains(" 101 ") && !text.to_lowercase().contains("upgrade"),
            "{text}"
        );
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    }
}

fn encrypted(server: &Server, protocols: &[&[u8]]) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate("authority.pem")).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
    let name = "localhost".try_into().expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(server.address()).expect("a connection");
    socket.set_read_timeout(Some(WAIT)).expect("a time-out");
    StreamOwned::new(connection, socket)
}

#[test]
fn c18_tls_agrees_on_http_1_1_or_on_nothing() {
    let server = usual(&[]);
    let mut both = encrypted(&server, &[b"h2", b"http/1.1"]);
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    both.write_all(request).expect("sent");
    assert_eq!(both.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut answer = Vec::new();
    let _ = both.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    // Who speaks nothing else is not spoken to.
    let only = answered(encrypted(&server, &[b"h2"]), PREFACE);
    assert!(only.is_empty(), "{only:?}");
    // Nor does who has agreed on one and speaks the other get anywhere.
    for attack in attacks() {
        is_refused(&answered(encrypted(&server, &[b"http/1.1"]), &attack));
        is_refused(&answered(encrypted(&server, &[]), &attack));
    }
    let mut again = encrypted(&server, &[]);
    again.write_all(request).expect("sent");
}
