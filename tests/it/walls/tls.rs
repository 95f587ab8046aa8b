//! The server's own TLS: which versions, how long a handshake may take, certificates that change,
//! and proxies that speak TLS in its place.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};

use crate::harness::{Options, Server, vigie};

const WAIT: Duration = Duration::from_secs(10);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/tls")
        .join(name)
}

/// A certificate of the fixtures.
pub fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(fixture(name)).expect("a certificate")
}

/// A server with the certificate of these files.
fn encrypted(certificate: &Path, key: &Path, environment: &[(&str, &str)]) -> Server {
    let pair = |name: &(&str, &str)| (name.0.to_owned(), name.1.to_owned());
    Server::start_with(Options {
        arguments: vec![
            format!("--tls-cert={}", certificate.display()),
            format!("--tls-key={}", key.display()),
        ],
        environment: environment.iter().map(pair).collect(),
        ..Options::default()
    })
}

/// One with a certificate of the fixtures.
pub fn usual(environment: &[(&str, &str)]) -> Server {
    encrypted(&fixture("first.pem"), &fixture("first.key"), environment)
}

/// What is answered to a GET by one version of TLS, and the certificate that was shown.
fn get(
    address: SocketAddr,
    version: &'static SupportedProtocolVersion,
) -> (String, CertificateDer<'static>) {
    let mut roots = RootCertStore::empty();
    roots.add(certificate("authority.pem")).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(address).expect("a connection");
    socket.set_read_timeout(Some(WAIT)).expect("a time-out");
    let mut stream = StreamOwned::new(connection, socket);
    let request = "GET /fhir/metadata?_summary=true HTTP/1.1\r\nhost: localhost\r\n\
                   connection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let shown = stream.conn.peer_certificates().expect("a certificate")[0].clone();
    (String::from_utf8_lossy(&answer).into_owned(), shown)
}

/// What comes back on a plain socket before it is closed or `WAIT` has passed.
fn raw(address: SocketAddr, bytes: &[u8]) -> (Vec<u8>, Duration) {
    let begun = Instant::now();
    let mut socket = TcpStream::connect(address).expect("a connection");
    socket.set_read_timeout(Some(WAIT)).expect("a time-out");
    socket.write_all(bytes).expect("sent");
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = socket.read_to_end(&mut answer);
    (answer, begun.elapsed())
}

#[test]
fn both_versions_of_tls_are_spoken_and_insisted_on() {
    let server = usual(&[]);
    for version in [&TLS12, &TLS13] {
        let (answer, shown) = get(server.address(), version);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            answer.contains("strict-transport-security: max-age=31536000\r\n"),
            "{answer}"
        );
        assert!(answer.contains(&format!("https://{}/fhir", server.address())));
        assert_eq!(shown, certificate("first.pem"));
    }
}

/// A ClientHello as it was in TLS 1.0 and 1.1: one suite of the time and no extensions.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    // No session; the suite TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA and one more; no compression.
    body.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
    let length = u8::try_from(body.len()).expect("short");
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    record
}

#[test]
fn older_versions_and_plain_text_are_refused() {
    let server = usual(&[]);
    for minor in [0, 1, 2] {
        let (answer, _) = raw(server.address(), &old_hello(minor));
        // A fatal alert, and no handshake.
        assert_eq!(answer.first(), Some(&21), "3.{minor}: {answer:?}");
        assert_eq!(answer.get(5), Some(&2), "3.{minor}: {answer:?}");
    }
    let (answer, _) = raw(
        server.address(),
        b"GET /fhir/metadata HTTP/1.1\r\nhost: a\r\n\r\n",
    );
    let text = String::from_utf8_lossy(&answer);
    assert!(
        !text.contains("HTTP/") && !text.contains("CapabilityStatement"),
        "{text}"
    );
}

#[test]
fn a_handshake_that_does_not_end_is_given_up() {
    let server = usual(&[("VIGIE_SERVER_HEADER_TIMEOUT_SECONDS", "1")]);
    for begun in [&b""[..], &old_hello(3)[..20]] {
        let (answer, waited) = raw(server.address(), begun);
        assert!(answer.is_empty(), "{answer:?}");
        assert!(waited < WAIT, "{waited:?}");
    }
    // The others are served meanwhile and afterwards.
    assert!(get(server.address(), &TLS13).0.starts_with("HTTP/1.1 200"));
}

#[test]
fn a_renewed_certificate_is_shown_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pem, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    let put = |name: &str| {
        fs::copy(fixture(&format!("{name}.pem")), &pem).expect("a certificate");
        fs::copy(fixture(&format!("{name}.key")), &key).expect("a key");
    };
    put("first");
    let server = encrypted(&pem, &key, &[]);
    assert_eq!(get(server.address(), &TLS13).1, certificate("first.pem"));
    put("second");
    let id = server.id().to_string();
    let sent = Command::new("sh")
        .args(["-c", "kill -HUP \"$0\"", &id])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -HUP {id}");
    let begun = Instant::now();
    while get(server.address(), &TLS13).1 != certificate("second.pem") {
        assert!(begun.elapsed() < WAIT, "the first one is still shown");
    }
}

#[test]
fn a_server_does_not_start_in_plain_text_where_it_should_not() {
    let first = fixture("first.pem").display().to_string();
    let other = fixture("second.key").display().to_string();
    for (arguments, says) in [
        (&["--listen", "0.0.0.0:0"][..], "server.listen"),
        (&["--tls-cert", &first], "tls-key"),
        (
            &["--tls-cert", &first, "--tls-key", "/nowhere"],
            "server.tls.key",
        ),
        (
            &["--tls-cert", &first, "--tls-key", &other],
            "server.tls.key",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let database = format!("sqlite:{}", folder.path().join("none.sqlite").display());
        let mut all = vec!["serve", "--database", &database];
        if !arguments.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend(arguments);
        let output = vigie(&all);
        assert!(!output.status.success(), "{all:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(says), "{all:?}: {told}");
        assert!(!told.contains("PRIVATE KEY"), "{told}");
    }
}

#[test]
fn only_a_proxy_that_is_named_is_believed() {
    let https = ("x-forwarded-proto", "https");
    for (proxies, believed) in [("", false), ("192.0.2.1", false), ("127.0.0.0/8", true)] {
        let server = Server::start_with(Options {
            environment: vec![("VIGIE_SERVER_TRUSTED_PROXIES".into(), proxies.into())],
            ..Options::default()
        });
        let mut client = server.client();
        let mut insists = |headers: &[(&str, &str)]| {
            let reply = client
                .send("GET", "metadata", headers, b"")
                .expect("a reply");
            reply.header("strict-transport-security").is_some()
        };
        assert_eq!(insists(&[https]), believed, "{proxies}");
        assert!(!insists(&[]), "{proxies}");
        assert!(!insists(&[("x-forwarded-proto", "http")]), "{proxies}");
    }
}
