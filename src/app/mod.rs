//! The composition root: configuration in, a running server out.
//!
//! `serve`, `demo`, `load` and the integration tests all start the same way: [`start`]. Nothing
//! is decided here; this is where what the other layers offer is put together.
//!
//! - `embedded` and `definitions`: the pathways and terms that come with the program.
//! - `clock`: the hand that moves a simulated clock.
//! - [`client`], [`terminal`], [`logging`], [`signals`]: what the commands share.

mod clock;
mod definitions;
mod embedded;
mod settings;

pub mod client;
pub mod logging;
pub mod signals;
pub mod terminal;

use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::clock::{Hand, Time};
pub use self::embedded::EMBEDDED;
use crate::{
    alerts,
    config::Config,
    http,
    interactions::Context,
    kernel::{
        chance::Chance,
        problem::{Problem, Result},
    },
    notify, pathways,
    queue::{Handler, Runner},
    store::{Reactor, Store, StoreOptions},
};

/// A server that runs.
pub struct Running {
    address: SocketAddr,
    base: String,
    stop_http: CancellationToken,
    stop_queue: CancellationToken,
    http: JoinHandle<()>,
    queue: Option<JoinHandle<()>>,
    hand: Option<Arc<Hand>>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The service base URL, such as `http://127.0.0.1:8080/fhir`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Takes no more requests, lets those in hand end, and then the jobs in hand.
    ///
    /// What has been acknowledged is durable already; what waits is in the database.
    pub async fn stop(self) {
        self.stop_http.cancel();
        ended("HTTP server", self.http).await;
        self.stop_queue.cancel();
        if let Some(queue) = self.queue {
            ended("queue", queue).await;
        }
        if let Some(hand) = self.hand {
            hand.rest().await;
        }
    }
}

async fn ended(what: &'static str, task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(what, %error, "a part of the server ended badly");
    }
}

/// Opens the store of a configuration, with everything that reacts to its changes.
///
/// # Errors
/// `Fault`, if the database cannot be opened.
pub async fn open_store(config: &Config, chance: Arc<dyn Chance>) -> Result<Store> {
    open(config, &Time::of(&config.clock), chance).await
}

async fn open(config: &Config, time: &Time, chance: Arc<dyn Chance>) -> Result<Store> {
    Store::open(StoreOptions {
        path: config.database.path(),
        readers: config.database.readers,
        clock: time.clock(),
        chance,
        reactors: reactors(),
    })
    .await
}

/// Who sees each change in its transaction.
///
/// An answer first settles its report and then is judged, so that alerts stand beside what they
/// are about; the end of a follow-up comes last.
fn reactors() -> Vec<Arc<dyn Reactor>> {
    vec![
        Arc::new(pathways::answer::AnswerReactor),
        Arc::new(alerts::answer::JudgeReactor::default()),
        Arc::new(alerts::silence::SilenceReactor),
        Arc::new(alerts::handled::HandledReactor),
        Arc::new(alerts::technical::DeliveryReactor),
        Arc::new(pathways::closing::ClosingReactor),
    ]
}

/// Who does which jobs.
fn handlers(config: &Config, time: &Time) -> Result<Vec<Arc<dyn Handler>>> {
    let channel = settings::channel(&config.mail).open()?;
    let sender = notify::Send::new(channel, time.clock(), settings::messages(&config.mail));
    Ok(vec![
        Arc::new(pathways::report::ReportHandler),
        Arc::new(sender),
    ])
}

/// Starts a server: store, definitions, queue and HTTP, in this order.
///
/// # Errors
/// As the configuration cannot be put into effect: the database cannot be opened, the address is
/// taken.
pub async fn start(config: &Config, chance: Arc<dyn Chance>) -> Result<Running> {
    let time = Time::of(&config.clock);
    let store = open(config, &time, Arc::clone(&chance)).await?;
    definitions::load(&store).await?;
    let runner = Arc::new(Runner::new(
        store.clone(),
        time.clock(),
        Arc::clone(&chance),
        handlers(config, &time)?,
        settings::runner(&config.queue),
    ));
    let (listener, address) = listen(config.server.listen).await?;
    let base = config.server.base(address);
    let context = Context {
        store,
        clock: time.clock(),
        chance,
        base: base.as_str().into(),
        limits: settings::interactions(&config.fhir),
    };
    let mut state = http::State::new(
        context,
        settings::access(&config.server),
        settings::requests(config),
    );
    let stop_queue = CancellationToken::new();
    let (hand, queue) = match time {
        // A clock that stands still has no background work: moving it does the work.
        Time::Simulated(clock) => {
            let hand = Arc::new(Hand::new(clock, runner));
            state = state.with_simulated_clock(Arc::clone(&hand) as Arc<dyn http::ClockControl>);
            (Some(hand), None)
        }
        Time::System => (
            None,
            Some(tokio::spawn(serve_jobs(runner, stop_queue.clone()))),
        ),
    };
    let stop_http = CancellationToken::new();
    let http = tokio::spawn(http::serve(
        listener,
        http::router(Arc::new(state)),
        settings::connections(&config.server),
        stop_http.clone(),
    ));
    Ok(Running {
        address,
        base,
        stop_http,
        stop_queue,
        http,
        queue,
        hand,
    })
}

async fn serve_jobs(runner: Arc<Runner>, stop: CancellationToken) {
    runner.serve(stop).await;
}

async fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let refused = |e: std::io::Error| {
        Problem::invalid("value", format!("{wanted} cannot be listened on: {e}."))
            .at("server.listen")
    };
    let listener = TcpListener::bind(wanted).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}
