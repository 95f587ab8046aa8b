//! The door against what attackers put before it: addresses inside the house in every disguise,
//! names that change their mind, redirects, floods, and servers that never end.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::{
    door::{AT_ONCE_MAX, Outbound, Rules},
    *,
};

const AUTHORITY: &[u8] = include_bytes!("../../fixtures/tls/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../fixtures/tls/first.pem");
const KEY: &[u8] = include_bytes!("../../fixtures/tls/first.key");

/// An address of the public Internet; the stub takes it to the server of the test.
const PUBLIC: &str = "93.184.215.14";

/// A resolver that says what it is told, and a network that leads to one server of the test.
#[derive(Default)]
struct Stub {
    /// What each resolution says, in turn; the last is repeated.
    says: Mutex<VecDeque<Vec<&'static str>>>,
    resolved: Mutex<Vec<String>>,
    connected: Mutex<Vec<SocketAddr>>,
    server: Option<SocketAddr>,
}

impl Stub {
    fn saying(says: &[&[&'static str]], server: Option<SocketAddr>) -> Arc<Self> {
        Arc::new(Self {
            says: Mutex::new(says.iter().map(|ips| ips.to_vec()).collect()),
            server,
            ..Self::default()
        })
    }

    fn connections(&self) -> usize {
        self.connected.lock().unwrap().len()
    }
}

impl Network for Stub {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.resolved.lock().unwrap().push(host.to_owned());
        let mut says = self.says.lock().unwrap();
        let said = if says.len() > 1 {
            says.pop_front()
        } else {
            says.front().cloned()
        };
        let ips = said.unwrap_or_default();
        let ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        Box::pin(async move { Ok(ips) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.connected.lock().unwrap().push(address);
        let server = self.server;
        Box::pin(async move {
            match server {
                Some(server) => TcpStream::connect(server).await,
                None => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}

/// The system's own resolver, with every connection counted and refused.
#[derive(Default)]
struct Counted(Mutex<Vec<SocketAddr>>);

impl Network for Counted {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Internet.resolve(host)
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.0.lock().unwrap().push(address);
        Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
    }
}

fn trusting() -> Rules {
    Rules {
        authority: Some(AUTHORITY.to_vec()),
        ..Rules::default()
    }
}

fn door(network: &Arc<impl Network + 'static>, rules: Rules) -> Outbound {
    Outbound::open(Arc::clone(network) as Arc<dyn Network>, rules).expect("a door")
}

async fn get(door: &Outbound, url: &str) -> Result<Fetched, Failure> {
    door.send(&Ask::get(url)).await
}

fn acceptor() -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(CERTIFICATE)
        .collect::<Result<Vec<_>, _>>()
        .expect("a chain");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    TlsAcceptor::from(Arc::new(config))
}

/// What a server of the test does once a request has come.
#[derive(Clone, Copy)]
enum Does {
    /// Sends this and ends.
    Says(&'static str),
    /// Sends a head without a length, and then bytes without end.
    Floods,
    /// Sends one byte of a head now and then.
    Drips,
    /// Sends nothing.
    Hangs,
}

/// A server with TLS that records the requests that it gets.
struct Server {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            heard: Arc::default(),
        };
        let heard = Arc::clone(&server.heard);
        tokio::spawn(async move {
            let acceptor = acceptor();
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, heard) = (acceptor.clone(), Arc::clone(&heard));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(socket).await {
                        // A client that goes away is what some tests want.
                        let _ = serve(stream, does, &heard).await;
                    }
                });
            }
        });
        server
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve<S>(mut stream: S, does: Does, heard: &Mutex<Vec<String>>) -> io::Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut request = vec![0; 16 << 10];
    let read = stream.read(&mut request).await?;
    request.truncate(read);
    heard
        .lock()
        .unwrap()
        .push(String::from_utf8_lossy(&request).into_owned());
    match does {
        Does::Says(text) => {
            stream.write_all(text.as_bytes()).await?;
            stream.shutdown().await
        }
        Does::Floods => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 8 << 10]).await?;
            }
        }
        Does::Drips => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nx-drip: ").await?;
            loop {
                stream.write_all(b"x").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Does::Hangs => std::future::pending().await,
    }
}

/// What comes of asking a public host whose server does this.
async fn answered(does: Does) -> (Result<Fetched, Failure>, Server, Arc<Stub>) {
    let server = Server::start(does).await;
    let network = Stub::saying(&[&[PUBLIC]], Some(server.address));
    let mut door = door(&network, trusting());
    door.patience = Duration::from_secs(2);
    let fetched = get(&door, "https://keys.example/jwks?a=b").await;
    (fetched, server, network)
}

#[tokio::test]
async fn a_public_server_with_a_trusted_certificate_is_heard() {
    let keys = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: max-age=60\r\n\
                content-length: 11\r\n\r\n{\"keys\":[]}";
    let (fetched, server, network) = answered(Does::Says(keys)).await;
    let fetched = fetched.expect("fetched");
    assert_eq!(fetched.status, 200);
    assert_eq!(fetched.content_type.as_deref(), Some("application/json"));
    assert_eq!(fetched.fresh_for, Duration::from_secs(60));
    assert_eq!(fetched.json().expect("json")["keys"], serde_json::json!([]));
    let request = server.heard().concat();
    assert!(
        request.starts_with("GET /jwks?a=b HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("host: keys.example\r\n"), "{request}");
    let connected = network.connected.lock().unwrap().clone();
    assert_eq!(connected, [format!("{PUBLIC}:443").parse().unwrap()]);
}

#[tokio::test]
async fn a_form_and_an_authorisation_are_sent_and_not_shown() {
    let server = Server::start(Does::Says(
        "HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\n{}",
    ))
    .await;
    let network = Stub::saying(&[&[PUBLIC]], Some(server.address));
    let ask = Ask::post_form("https://keys.example/token", "code=canary-1")
        .with_authorization("Basic canary-2");
    let fetched = door(&network, trusting())
        .send(&ask)
        .await
        .expect("fetched");
    assert_eq!((fetched.status, fetched.fresh_for), (400, Duration::ZERO));
    assert_eq!(fetched.json(), Err(Failure::Status(400)));
    let request = server.heard().concat();
    assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("canary-1") && request.contains("authorization: Basic canary-2"));
    assert!(!format!("{ask:?}").contains("canary"));
}

#[tokio::test]
async fn what_is_no_https_address_of_a_host_is_not_even_resolved() {
    let network = Stub::saying(&[&[PUBLIC]], None);
    let door = door(&network, Rules::default());
    let long = format!("https://keys.example/{}", "a".repeat(3_000));
    for url in [
        "http://keys.example/",
        "http://127.0.0.1/",
        "ftp://keys.example/",
        "file:///etc/passwd",
        "gopher://keys.example/",
        "data:application/json,{}",
        "keys.example/jwks",
        "/jwks",
        "",
        "https://",
        "https:///jwks",
        "https://keys.example@127.0.0.1/",
        "https://user:word@keys.example/",
        "https://keys.example/#@127.0.0.1",
        "https://keys.example:0/",
        "https://keys.example:99999/",
        "https://keys.example\\@127.0.0.1/",
        "https://keys.example /",
        "https://keys.example/\r\nx: y",
        "https://kéys.example/",
        &long,
    ] {
        assert_eq!(get(&door, url).await, Err(Failure::Address), "{url}");
    }
    assert!(network.resolved.lock().unwrap().is_empty());
    assert_eq!(network.connections(), 0);
}

#[tokio::test]
async fn addresses_inside_the_house_get_no_connection_in_any_disguise() {
    let network = Arc::new(Counted::default());
    let door = door(&network, trusting());
    for host in [
        "127.0.0.1",
        "127.0.0.1:8443",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "[::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "224.0.0.1",
        "255.255.255.255",
        "localhost",
        "LOCALHOST",
        "localhost.",
        // One number, octal, hexadecimal, and with parts left out.
        "2130706433",
        "0177.0.0.1",
        "0x7f000001",
        "0x7f.0.0.1",
        "127.1",
        "0",
        "2852039166",
    ] {
        let outcome = get(&door, &format!("https://{host}/")).await;
        assert!(
            matches!(outcome, Err(Failure::Host | Failure::Address)),
            "{host}: {outcome:?}"
        );
    }
    assert_eq!(*network.0.lock().unwrap(), []);
}

#[tokio::test]
async fn a_name_that_leads_inside_gets_no_connection() {
    for ips in [
        &["127.0.0.1"][..],
        &["10.1.2.3"],
        &["169.254.169.254"],
        &["::1"],
        &["::ffff:10.0.0.1"],
        &["fd00::1"],
        // With one foot inside the house, in either order.
        &[PUBLIC, "10.1.2.3"],
        &["10.1.2.3", PUBLIC],
        &[],
    ] {
        let network = Stub::saying(&[ips], None);
        let outcome = get(&door(&network, trusting()), "https://keys.example/").await;
        assert_eq!(outcome, Err(Failure::Host), "{ips:?}");
        assert_eq!(network.connections(), 0, "{ips:?}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_asked_once_and_held_to_its_word() {
    let server = Server::start(Does::Says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")).await;
    // Public while it is judged, and the machine itself from then on.
    let network = Stub::saying(&[&[PUBLIC], &["127.0.0.1"]], Some(server.address));
    let door = door(&network, trusting());
    assert!(get(&door, "https://keys.example/").await.is_ok());
    assert_eq!(network.resolved.lock().unwrap().len(), 1);
    let connected = network.connected.lock().unwrap().clone();
    assert_eq!(connected, [format!("{PUBLIC}:443").parse().unwrap()]);
    // The next fetch judges anew, and refuses.
    assert_eq!(
        get(&door, "https://keys.example/").await,
        Err(Failure::Host)
    );
    assert_eq!(network.connections(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in ["301", "302", "303", "307", "308"] {
        let text = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: https://127.0.0.1/\r\ncontent-length: 0\r\n\r\n"
        );
        let (fetched, _, network) = answered(Does::Says(text.leak())).await;
        assert_eq!(fetched, Err(Failure::Redirect), "{status}");
        assert_eq!(network.connections(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_flood_is_cut_at_the_bound() {
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n{";
    let begun = Instant::now();
    assert_eq!(
        answered(Does::Says(announced)).await.0,
        Err(Failure::TooLarge)
    );
    assert_eq!(answered(Does::Floods).await.0, Err(Failure::TooLarge));
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "it is cut, not waited for"
    );
    let most = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {BODY_BYTES_MAX}\r\n\r\n{}",
        "x".repeat(BODY_BYTES_MAX)
    );
    assert!(answered(Does::Says(most.leak())).await.0.is_ok());
    let head = format!(
        "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n",
        "x".repeat(HEAD_BYTES_MAX)
    );
    assert_eq!(
        answered(Does::Says(head.leak())).await.0,
        Err(Failure::Connection)
    );
}

#[tokio::test]
async fn who_is_slow_is_given_up() {
    for does in [Does::Drips, Does::Hangs] {
        let server = Server::start(does).await;
        let network = Stub::saying(&[&[PUBLIC]], Some(server.address));
        let mut door = door(&network, trusting());
        assert_eq!(door.patience, Duration::from_secs(5));
        door.patience = Duration::from_millis(300);
        let begun = Instant::now();
        let outcome = get(&door, "https://keys.example/").await;
        assert_eq!(outcome, Err(Failure::TooSlow));
        assert!(begun.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_or_of_another_name_is_refused() {
    let server = Server::start(Does::Says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let network = Stub::saying(&[&[PUBLIC]], Some(server.address));
    let outcome = get(&door(&network, Rules::default()), "https://keys.example/").await;
    assert_eq!(outcome, Err(Failure::Connection));
    let outcome = get(&door(&network, trusting()), "https://other.example/").await;
    assert_eq!(outcome, Err(Failure::Connection));
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn the_operator_opens_single_hosts_and_loopback_and_nothing_more() {
    let inside = Rules {
        inside_hosts: vec!["keys.example".to_owned()],
        ..trusting()
    };
    let network = Stub::saying(&[&["10.1.2.3"]], None);
    let open = door(&network, inside.clone());
    assert_eq!(
        get(&open, "https://KEYS.example/").await,
        Err(Failure::Connection)
    );
    assert_eq!(network.connections(), 1);
    assert_eq!(
        get(&open, "https://keys.example.evil/").await,
        Err(Failure::Host)
    );
    assert_eq!(
        get(&open, "http://keys.example/").await,
        Err(Failure::Address)
    );
    // The machine itself is no host of the house.
    let network = Stub::saying(&[&["127.0.0.1"]], None);
    assert_eq!(
        get(&door(&network, inside), "https://keys.example/").await,
        Err(Failure::Host)
    );

    let loopback = Rules {
        loopback: true,
        ..Rules::default()
    };
    let network = Stub::saying(&[&["10.1.2.3"]], None);
    let open = door(&network, loopback);
    assert_eq!(
        get(&open, "http://127.0.0.1:1/").await,
        Err(Failure::Connection)
    );
    assert_eq!(network.connections(), 1);
    for refused in [
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "http://keys.example/",
        "http://1.1.1.1/",
    ] {
        assert_eq!(get(&open, refused).await, Err(Failure::Host), "{refused}");
    }
    assert_eq!(network.connections(), 1);
}

#[tokio::test]
async fn fetches_at_the_same_time_are_bounded() {
    let server = Server::start(Does::Hangs).await;
    let network = Stub::saying(&[&[PUBLIC]], Some(server.address));
    let mut door = door(&network, trusting());
    door.patience = Duration::from_secs(1);
    let door = Arc::new(door);
    let fetches: Vec<_> = (0..AT_ONCE_MAX + 3)
        .map(|_| {
            let door = Arc::clone(&door);
            tokio::spawn(async move { get(&door, "https://keys.example/").await })
        })
        .collect();
    let mut busy = 0;
    for fetch in fetches {
        busy += usize::from(fetch.await.expect("an end") == Err(Failure::Busy));
    }
    assert_eq!(busy, 3);
    // The seats are given back.
    assert_eq!(
        get(&door, "https://keys.example/").await,
        Err(Failure::TooSlow)
    );
}

#[test]
fn an_authority_that_is_none_is_refused() {
    for pem in [&b""[..], b"nonsense", KEY] {
        let rules = Rules {
            authority: Some(pem.to_vec()),
            ..Rules::default()
        };
        assert!(Outbound::open(Arc::new(Internet), rules).is_err());
    }
}
