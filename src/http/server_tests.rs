//! The accept loop over real sockets.

use std::io::ErrorKind;

use axum::routing::get;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
    time::Instant,
};

use super::*;

const HEAD: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_millis(400);
const WORK: Duration = Duration::from_millis(200);

/// Longest that a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

async fn running(change: impl FnOnce(&mut ServerLimits)) -> Running {
    let mut limits = ServerLimits {
        header_read_timeout: HEAD,
        idle_timeout: IDLE,
        ..ServerLimits::default()
    };
    change(&mut limits);
    let router = Router::new()
        .route("/quick", get(async || "quick"))
        .route(
            "/slow",
            get(async || {
                sleep(WORK).await;
                "slow"
            }),
        )
        .route("/never", get(async || std::future::pending::<()>().await));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(serve(
        Entrance::plain(listener),
        router,
        limits,
        shutdown.clone(),
    ));
    Running {
        address,
        shutdown,
        server,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn ask(socket: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 4_096];
    let read = timeout(PATIENCE, socket.read(&mut buffer)).await.unwrap();
    String::from_utf8(buffer[..read.unwrap_or(0)].to_vec()).unwrap()
}

/// Waits until the server closes the connection.
async fn closed(socket: &mut TcpStream) {
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut rest))
        .await
        .expect("the connection stays open");
    if let Err(error) = read {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    let running = running(|_| {}).await;
    let mut silent = running.connect().await;
    let mut halting = running.connect().await;
    halting.write_all(b"GET /quick HT").await.unwrap();
    closed(&mut silent).await;
    closed(&mut halting).await;
}

#[tokio::test]
async fn silence_between_requests_is_bounded_by_itself() {
    let running = running(|_| {}).await;
    let mut socket = running.connect().await;
    assert!(ask(&mut socket, "/quick").await.starts_with("HTTP/1.1 200"));
    // Longer than a head may take, shorter than a connection may be silent.
    sleep(HEAD * 2).await;
    let start = Instant::now();
    assert!(ask(&mut socket, "/quick").await.ends_with("quick"));
    closed(&mut socket).await;
    assert!(start.elapsed() >= IDLE);
}

#[tokio::test]
async fn a_request_may_work_longer_than_its_head_may_take() {
    let running = running(|_| {}).await;
    let mut socket = running.connect().await;
    assert!(ask(&mut socket, "/slow").await.ends_with("slow"));
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    let running = running(|limits| {
        limits.connections_per_peer_max = 1;
        limits.header_read_timeout = PATIENCE;
    })
    .await;
    let mut first = running.connect().await;
    assert!(ask(&mut first, "/quick").await.ends_with("quick"));
    let start = Instant::now();
    closed(&mut running.connect().await).await;
    assert!(start.elapsed() < PATIENCE);
    // The first is not concerned, and leaves room when it goes.
    assert!(ask(&mut first, "/quick").await.ends_with("quick"));
    drop(first);
    loop {
        let mut next = running.connect().await;
        let request = b"GET /quick HTTP/1.1\r\nhost: a\r\n\r\n";
        if next.write_all(request).await.is_ok()
            && next.read(&mut [0; 64]).await.is_ok_and(|read| read > 0)
        {
            break;
        }
        assert!(start.elapsed() < PATIENCE);
    }
}

#[tokio::test]
async fn requests_under_way_end_before_the_server_does() {
    let running = running(|_| {}).await;
    let mut socket = running.connect().await;
    let answer = tokio::spawn(async move { ask(&mut socket, "/slow").await });
    sleep(WORK / 2).await;
    running.shutdown.cancel();
    timeout(PATIENCE, running.server).await.unwrap().unwrap();
    assert!(answer.await.unwrap().ends_with("slow"));
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn what_never_ends_is_cut_at_the_end_of_the_drain_time() {
    let running = running(|limits| limits.drain_timeout = WORK).await;
    let mut socket = running.connect().await;
    let answer = tokio::spawn(async move { ask(&mut socket, "/never").await });
    sleep(WORK / 2).await;
    running.shutdown.cancel();
    timeout(PATIENCE, running.server).await.unwrap().unwrap();
    assert_eq!(answer.await.unwrap(), "");
}

#[tokio::test]
async fn a_head_has_a_greatest_length() {
    let running = running(|limits| limits.header_bytes_max = 8_192).await;
    let mut socket = running.connect().await;
    let long = format!("/quick?{}", "a".repeat(10_000));
    assert!(ask(&mut socket, &long).await.starts_with("HTTP/1.1 4"));
}
