//! The composition root: configuration in, a running server out.
//!
//! `serve`, `demo`, `load` and the integration tests all start the same way: [`start`]. Nothing
//! is decided here; this is where what the other layers offer is put together.
//!
//! - `embedded` and `definitions`: the pathways and terms that come with the program.
//! - `clock`: the hand that moves a simulated clock.
//! - [`client`], [`command`], [`logging`], [`signals`], [`terminal`]: what the commands share.

mod clock;
mod definitions;
mod embedded;
mod erasure;
mod people;
mod settings;
mod smart;

pub mod audit;
pub mod backup;
pub mod client;
pub mod command;
pub mod logging;
pub mod signals;
pub mod terminal;

use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::{
    client::Client,
    clock::{Hand, Time},
};
pub use self::{embedded::EMBEDDED, people::open_people};
use crate::{
    bulk,
    config::{self, Config},
    erasure::Eraser,
    http,
    interactions::Context,
    kernel::{
        chance::Chance,
        problem::{Problem, Result},
    },
    library::{self, Library},
    notify,
    people::tell::TellHandler,
    publishing,
    queue::{Handler, Runner},
    service,
    store::{Store, StoreOptions},
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
    audit: Option<Arc<crate::audit::Log>>,
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
        // After the last request: what was done is recorded before the process ends.
        if let Some(log) = self.audit
            && tokio::task::spawn_blocking(move || log.close())
                .await
                .is_err()
        {
            tracing::error!("the record of accesses ended badly");
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
    let mut reactors = service::reactors();
    reactors.push(erasure::late(config, chance.as_ref())?);
    if config.fhir.validation.answers == config::Answers::Refuse {
        reactors.push(Arc::new(publishing::answers::AnswerReactor));
    }
    Store::open(StoreOptions {
        path: config.database.path(),
        readers: config.database.readers,
        clock: time.clock(),
        chance,
        reactors,
    })
    .await
}

/// What carries mails, and what carries text messages.
type Channels = (
    Arc<dyn notify::Channel>,
    Option<(Arc<dyn notify::Channel>, notify::SmsSenderSettings)>,
);

fn channels(config: &Config) -> Result<Channels> {
    let sms = match settings::sms(&config.sms) {
        Some((channel, settings)) => Some((channel.open()?, settings)),
        None => None,
    };
    Ok((settings::channel(&config.mail).open()?, sms))
}

fn sender(config: &Config, time: &Time, (mail, sms): Channels) -> Result<notify::Sender> {
    let mut sender = notify::Sender::new(mail, time.clock(), settings::messages(&config.mail))?;
    if let Some((channel, settings)) = sms {
        sender = sender.with_sms(channel, settings)?;
    }
    Ok(sender)
}

/// A server put together, before anything moves.
struct Composed {
    context: Context,
    time: Time,
    runner: Arc<Runner>,
    eraser: Arc<Eraser>,
    later: Arc<http::LaterHandler>,
    teller: Arc<TellHandler>,
    again: Arc<smart::Again>,
}

async fn compose(config: &Config, chance: Arc<dyn Chance>) -> Result<Composed> {
    let time = Time::of(&config.clock);
    let store = open(config, &time, Arc::clone(&chance)).await?;
    if library::reindex::begin_if_outdated(&store).await? {
        tracing::warn!(
            "the index is of another version and is made anew; searches may miss what is not done"
        );
    }
    definitions::load(&store).await?;
    let channels = channels(config)?;
    let (eraser, erasing) = erasure::open(config, &store, &time, &channels)?;
    let context = Context {
        library: Library::of(store.clone()),
        store: store.clone(),
        clock: time.clock(),
        chance: Arc::clone(&chance),
        base: config.server.base(config.server.listen).into(),
        limits: settings::interactions(&config.fhir),
    };
    let teller = people::teller(config, &time, &channels)?;
    let mut handlers = service::handlers(sender(config, &time, channels)?);
    handlers.push(Arc::clone(&teller) as Arc<dyn Handler>);
    handlers.extend(erasing);
    let again = Arc::new(smart::Again::default());
    let renew = Arc::clone(&again) as Arc<dyn bulk::Renew>;
    handlers.extend(bulk::handlers(&context, &renew));
    let later = Arc::new(http::LaterHandler::new(renew));
    handlers.push(Arc::clone(&later) as Arc<dyn Handler>);
    let runner = Runner::new(
        store,
        time.clock(),
        chance,
        handlers,
        settings::runner(&config.queue),
    );
    Ok(Composed {
        context,
        time,
        runner: Arc::new(runner),
        eraser,
        later,
        teller,
        again,
    })
}

/// Starts a server: store, definitions, queue and HTTP, in this order.
///
/// # Errors
/// As the configuration cannot be put into effect: the database cannot be opened, the address is
/// taken.
pub async fn start(config: &Config, chance: Arc<dyn Chance>) -> Result<Running> {
    let (listener, address) = listen(config.server.listen).await?;
    let entrance = settings::entrance(listener, &config.server).await?;
    let base = config.server.base(address);
    let mut composed = compose(config, chance).await?;
    // The store has one process: what is lent was lent to one that has ended.
    composed.runner.recover().await?;
    // Before the first request: whom a restored backup has brought back is erased again.
    composed.eraser.resume().await?;
    composed.context.base = base.as_str().into();
    let library = composed.context.library.clone();
    let people = people::of(config, &composed.context)?;
    composed.teller.attach(Arc::clone(&people));
    let access = settings::access(&config.server);
    let audit = audit::open(config, &composed.time, composed.context.chance.as_ref())?;
    if let Some(log) = &audit {
        composed.context.store.witness_by(Arc::clone(log) as _);
    }
    let smart = smart::open(config, &composed.context, (access, &people))?;
    composed.again.by(smart.as_ref());
    let mut state = state(composed.context, access, config)?
        .with_eraser(composed.eraser)
        .with_audit(audit.clone())
        .with_people(people)
        .with_smart(smart);
    let (stop_http, stop_queue) = (CancellationToken::new(), CancellationToken::new());
    let (hand, runner) = match composed.time {
        // A clock that stands still has no background work: moving it does the work.
        Time::Simulated(clock) => {
            let hand = Arc::new(Hand::new(clock, composed.runner));
            state = state.with_simulated_clock(Arc::clone(&hand) as Arc<dyn http::ClockControl>);
            (Some(hand), None)
        }
        Time::System => (None, Some(composed.runner)),
    };
    let state = Arc::new(state);
    composed.later.serve_by(&state);
    let queue = runner.map(|runner| tokio::spawn(serve_jobs(runner, stop_queue.clone())));
    tokio::spawn(read_definitions(library));
    let http = tokio::spawn(http::serve(
        entrance,
        http::router(state),
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
        audit,
    })
}

/// A client of the configured database itself: the same router without a socket, open to this
/// process alone, and without running any job.
///
/// # Errors
/// As [`start`].
pub async fn offline(config: &Config, chance: Arc<dyn Chance>) -> Result<Client> {
    let composed = compose(config, chance).await?;
    let state = state(composed.context, http::Access::Development, config)?;
    Ok(Client::direct(http::router(Arc::new(state))))
}

fn state(context: Context, access: http::Access, config: &Config) -> Result<http::State> {
    let zone = settings::time_zone(config)?;
    let state = http::State::new(context, access, settings::requests(config));
    Ok(state
        .with_time_zone(zone)
        .with_small_cell(config.figures.small_cell)
        .with_origins(http::Origins::read(&config.server.cors_origins))
        .with_gateway_secret(config.sms.callback_secret.reveal()))
}

/// Reads what is loaded: whoever comes first shall not wait for it.
async fn read_definitions(library: Library) {
    if let Err(problem) = library.knowledge().await {
        let reason = problem.internal;
        tracing::error!(reason, "the definitions cannot be read");
    }
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
