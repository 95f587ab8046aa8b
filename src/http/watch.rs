//! A socket with time limits: on the head of a request, on silence between requests, and on a
//! peer that does not take its answer.
//!
//! hyper's own header time-out also counts the silence between two requests, so that one figure
//! would have to serve two purposes. Here they are apart.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// Time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the first byte of a request (or from the connection) to the end of its head.
    pub head: Duration,
    /// Silence between requests.
    pub idle: Duration,
    /// An answer of which the peer takes no byte.
    pub stall: Duration,
}

const IDLE: u32 = 0;
const HEAD: u32 = 1;
const BUSY: u32 = 2;

/// The two bits that tell the phase; the others count how often it has changed, so that two
/// silences in a row are told apart.
const PHASE_BITS: u32 = 0b11;

/// Where a connection stands; shared between its socket and its service.
#[derive(Debug, Clone)]
pub struct Phase(Arc<AtomicU32>);

impl Phase {
    /// A connection just made: its first request is awaited.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Arc::new(AtomicU32::new(HEAD)))
    }

    /// The head of a request has been read.
    pub fn busy(&self) {
        self.enter(BUSY);
    }

    /// The request has been answered.
    pub fn idle(&self) {
        self.enter(IDLE);
    }

    // Socket and service take turns within one task, so that load and store suffice.
    fn enter(&self, phase: u32) {
        let changes = self.get() & !PHASE_BITS;
        let next = changes.wrapping_add(PHASE_BITS + 1) | phase;
        self.0.store(next, Ordering::Release);
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

/// A socket that gives up on a peer that takes too long.
pub struct Watched<S> {
    socket: S,
    phase: Phase,
    patience: Patience,
    /// The phase that `reading` was set for, as counted.
    timed: u32,
    reading: Pin<Box<Sleep>>,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    /// Watches `socket`.
    #[must_use]
    pub fn new(socket: S, phase: Phase, patience: Patience) -> Self {
        Self {
            socket,
            phase,
            patience,
            timed: HEAD,
            reading: Box::pin(sleep(patience.head)),
            stalled: None,
        }
    }

    /// Whether the peer's time has run out, now that it has nothing to say.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let phase = self.phase.get();
        if phase != self.timed {
            self.timed = phase;
            let limit = match phase & PHASE_BITS {
                HEAD => self.patience.head,
                _ => self.patience.idle,
            };
            self.reading.as_mut().reset(Instant::now() + limit);
        }
        match phase & PHASE_BITS {
            // The body of a request has its own limit, and so has the work.
            BUSY => Poll::Pending,
            _ => self.reading.as_mut().poll(cx),
        }
    }

    /// Counts the time in which the peer takes nothing.
    fn poll_stall<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.patience.stall;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match Pin::new(&mut this.socket).poll_read(cx, buffer) {
            Poll::Ready(read) => {
                if this.phase.get() & PHASE_BITS == IDLE {
                    this.phase.enter(HEAD);
                }
                Poll::Ready(read)
            }
            Poll::Pending => {
                ready!(this.poll_silence(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.poll_stall(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.poll_stall(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        // hyper may have asked for more to read while the request was worked on, and will not ask
        // again before it is woken: the silence that begins with the answer starts here.
        if self.poll_silence(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.poll_stall(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_millis(40),
        idle: Duration::from_millis(120),
        stall: Duration::from_millis(40),
    };

    async fn fails_after(work: impl Future<Output = io::Result<usize>>) -> Duration {
        let start = Instant::now();
        let error = work.await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        start.elapsed()
    }

    #[tokio::test]
    async fn a_fresh_connection_must_send_its_head() {
        let (near, _far) = duplex(64);
        let mut socket = Watched::new(near, Phase::fresh(), PATIENCE);
        let waited = fails_after(socket.read(&mut [0; 8])).await;
        assert!(waited >= PATIENCE.head && waited < PATIENCE.idle);
    }

    #[tokio::test]
    async fn silence_between_requests_has_its_own_limit() {
        let (near, mut far) = duplex(64);
        let phase = Phase::fresh();
        let mut socket = Watched::new(near, phase.clone(), PATIENCE);
        phase.idle();
        assert!(fails_after(socket.read(&mut [0; 8])).await >= PATIENCE.idle);

        // A first byte starts the limit of the head.
        phase.idle();
        far.write_all(b"G").await.unwrap();
        socket.read_exact(&mut [0; 1]).await.unwrap();
        let waited = fails_after(socket.read(&mut [0; 8])).await;
        assert!(waited < PATIENCE.idle);
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (near, _far) = duplex(4);
        let mut socket = Watched::new(near, Phase::fresh(), PATIENCE);
        assert_eq!(socket.write(b"1234").await.unwrap(), 4);
        assert!(fails_after(socket.write(b"5")).await >= PATIENCE.stall);
    }
}
