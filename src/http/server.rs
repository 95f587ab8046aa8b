//! The accept loop: connections, with TLS or without, with limits on time and number, and an orderly
//! end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::{server::conn::http1, service::Service as _, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    peer::{Peer, Proxies},
    peers::{Peers, Seat},
    shield,
    tls::Tls,
    watch::{Patience, Phase, Watched},
};

/// How long the loop waits after the system has refused it a connection, for lack of file
/// descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds on connections.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections at the same time; one more is closed at once.
    pub connections_max: usize,
    /// Those of one address.
    pub connections_per_peer_max: usize,
    /// From the first byte of a request to the end of its head; and the TLS handshake.
    pub header_read_timeout: Duration,
    /// Silence between two requests of a connection.
    pub idle_timeout: Duration,
    /// An answer of which the peer takes no byte.
    pub write_stall_timeout: Duration,
    /// Most bytes of a request's head.
    pub header_bytes_max: usize,
    /// How long requests under way may take to end once the server stops.
    pub drain_timeout: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            connections_per_peer_max: 256,
            header_read_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            write_stall_timeout: Duration::from_secs(30),
            header_bytes_max: 64 << 10,
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Where connections come in.
#[derive(Debug)]
pub struct Entrance {
    /// The socket.
    pub listener: TcpListener,
    /// The certificate; without one, the socket is served in plain text.
    pub tls: Option<Arc<Tls>>,
    /// The proxies before it.
    pub proxies: Proxies,
}

impl Entrance {
    /// A socket in plain text, with no proxy before it.
    #[must_use]
    pub fn plain(listener: TcpListener) -> Self {
        Self {
            listener,
            tls: None,
            proxies: Proxies::default(),
        }
    }
}

/// Serves `router` at `entrance` until `shutdown`, and then lets requests under way end.
pub async fn serve(
    entrance: Entrance,
    router: Router,
    limits: ServerLimits,
    shutdown: CancellationToken,
) {
    let Entrance {
        listener,
        tls,
        proxies,
    } = entrance;
    let tasks = TaskTracker::new();
    if let Some(tls) = &tls {
        tasks.spawn(Arc::clone(tls).keep_fresh(shutdown.clone()));
    }
    let server = Arc::new(Server {
        router,
        limits,
        tls,
        proxies,
        shutdown: shutdown.clone(),
        abort: CancellationToken::new(),
    });
    let peers = Peers::new(limits.connections_max, limits.connections_per_peer_max);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((socket, address)) => {
                // Without a seat the socket is dropped, and so closed, at once.
                let is_proxy = server.proxies.trusts(address.ip());
                if let Some(seat) = peers.seat(address.ip(), is_proxy) {
                    tasks.spawn(server.clone().converse(socket, address, seat));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    if timeout(limits.drain_timeout, tasks.wait()).await.is_err() {
        tracing::warn!(
            open = tasks.len(),
            "connections are cut at the end of the drain time"
        );
        server.abort.cancel();
        tasks.wait().await;
    }
}

struct Server {
    router: Router,
    limits: ServerLimits,
    tls: Option<Arc<Tls>>,
    proxies: Proxies,
    shutdown: CancellationToken,
    abort: CancellationToken,
}

impl Server {
    /// One connection, from its first request to its last.
    async fn converse(self: Arc<Self>, socket: TcpStream, address: SocketAddr, _seat: Seat) {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, %address, "the socket refuses TCP_NODELAY");
        }
        let Some(tls) = &self.tls else {
            return self.talk(socket, address).await;
        };
        let handshake = timeout(
            self.limits.header_read_timeout,
            tls.acceptor().accept(socket),
        );
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            () = self.shutdown.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.talk(stream, address).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn talk<S>(self: &Arc<Self>, socket: S, address: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let phase = Phase::fresh();
        let patience = Patience {
            head: self.limits.header_read_timeout,
            idle: self.limits.idle_timeout,
            stall: self.limits.write_stall_timeout,
        };
        let io = TokioIo::new(Watched::new(socket, phase.clone(), patience));
        let router = TowerToHyperService::new(self.router.clone());
        let server = Arc::clone(self);
        let service = service_fn(move |mut request| {
            phase.busy();
            (server.proxies).introduce(&mut request, address, server.tls.is_some());
            let is_encrypted = Peer::of(request.extensions()).is_some_and(|peer| peer.encrypted);
            let (answer, phase) = (router.call(request), phase.clone());
            async move {
                let mut answer = answer.await;
                if let (Ok(answer), true) = (&mut answer, is_encrypted) {
                    shield::insist(answer.headers_mut());
                }
                phase.idle();
                answer
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // The watched socket keeps the time of heads.
            .header_read_timeout(None)
            .max_buf_size(self.limits.header_bytes_max)
            .serve_connection(io, service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = self.abort.cancelled() => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
