//! What every request shares.

use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::{Timestamp, tz::TimeZone};

use super::{auth::Access, cors::Origins};
use crate::{
    audit, authoring::Simulator, erasure::Eraser, fhir::search::parameters::Parameters,
    interactions::Context, kernel::problem::Result, people::People, smart::Smart,
};

/// Moves a simulated clock.
pub trait ClockControl: Send + Sync {
    /// Moves the clock to `to` and does all work due by then before it answers.
    fn advance<'a>(&'a self, to: Timestamp) -> BoxFuture<'a, Result<()>>;
}

/// Bounds on one request.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    /// Most bytes of a body.
    pub body_bytes_max: usize,
    /// A body that takes longer to arrive is given up.
    pub body_read_timeout: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 << 20,
            body_read_timeout: Duration::from_secs(30),
        }
    }
}

/// What every request shares.
pub struct State {
    /// What the interactions take: store, clock, base URL, limits.
    pub context: Context,
    /// Who may come in.
    pub access: Access,
    /// Bounds on one request.
    pub limits: RequestLimits,
    /// The calendar of a patient whose time zone is not told.
    pub time_zone: TimeZone,
    /// Counts below this are masked in figures; 0 masks none.
    pub small_cell: u32,
    /// Moves the clock, where it is a simulated one.
    pub simulated: Option<Arc<dyn ClockControl>>,
    /// Erases people, where the server has a ledger for it.
    pub eraser: Option<Arc<Eraser>>,
    /// Who gives out tokens and knows them, where that is done.
    pub smart: Option<Arc<Smart>>,
    /// Everybody who has an account, where the server has a login.
    pub people: Option<Arc<People>>,
    /// The origins whose pages may call.
    pub origins: Origins,
    /// Tries pathways out.
    pub simulator: Simulator,
    /// The record of accesses, where there is one.
    pub audit: Option<Arc<audit::Log>>,
    /// The digest of the secret that the gateway of text messages shows, if there is one.
    pub(super) gateway_secret: Option<blake3::Hash>,
    capabilities: Mutex<Option<(Arc<Parameters>, Bytes)>>,
    started: i64,
    requests: AtomicU64,
}

impl State {
    /// The state of a server without a simulated clock.
    #[must_use]
    pub fn new(context: Context, access: Access, limits: RequestLimits) -> Self {
        let started = context.clock.now().as_millisecond();
        Self {
            context,
            access,
            limits,
            time_zone: TimeZone::UTC,
            small_cell: 0,
            simulated: None,
            eraser: None,
            smart: None,
            people: None,
            origins: Origins::default(),
            simulator: Simulator::default(),
            audit: None,
            gateway_secret: None,
            capabilities: Mutex::default(),
            started,
            requests: AtomicU64::new(0),
        }
    }

    /// The same state, with the calendar of patients whose time zone is not told.
    #[must_use]
    pub fn with_time_zone(mut self, zone: TimeZone) -> Self {
        self.time_zone = zone;
        self
    }

    /// The same state, with who erases people.
    #[must_use]
    pub fn with_eraser(mut self, eraser: Arc<Eraser>) -> Self {
        self.eraser = Some(eraser);
        self
    }

    /// The same state, with who gives out tokens.
    #[must_use]
    pub fn with_smart(mut self, smart: Option<Arc<Smart>>) -> Self {
        self.smart = smart;
        self
    }

    /// The same state, with people who have accounts.
    #[must_use]
    pub fn with_people(mut self, people: Arc<People>) -> Self {
        self.people = Some(people);
        self
    }

    /// The same state, with figures in which counts below this are masked.
    #[must_use]
    pub const fn with_small_cell(mut self, small_cell: u32) -> Self {
        self.small_cell = small_cell;
        self
    }

    /// The same state, open to pages of these origins.
    #[must_use]
    pub fn with_origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// The same state, with the record of accesses.
    #[must_use]
    pub fn with_audit(mut self, log: Option<Arc<audit::Log>>) -> Self {
        self.audit = log;
        self
    }

    /// The same state, with a clock that `PUT /clock` moves.
    #[must_use]
    pub fn with_simulated_clock(mut self, control: Arc<dyn ClockControl>) -> Self {
        self.simulated = Some(control);
        self
    }

    /// The same state, open to a gateway of text messages that shows this secret.
    #[must_use]
    pub fn with_gateway_secret(mut self, secret: &str) -> Self {
        self.gateway_secret = (!secret.is_empty()).then(|| blake3::hash(secret.as_bytes()));
        self
    }

    /// What this server offers with these search parameters; made once, and again where they have
    /// changed.
    pub(super) fn capabilities(
        &self,
        parameters: &Arc<Parameters>,
        make: impl FnOnce() -> Bytes,
    ) -> Bytes {
        let mut told = self
            .capabilities
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match told.as_ref() {
            Some((known, bytes)) if Arc::ptr_eq(known, parameters) => bytes.clone(),
            _ => {
                let bytes = make();
                *told = Some((Arc::clone(parameters), bytes.clone()));
                bytes
            }
        }
    }

    /// A name for one request, by which its answer and its log lines are matched.
    pub(super) fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut id = String::with_capacity(24);
        // Writing to a string cannot fail.
        let _ = write!(id, "{:x}-{number:x}", self.started);
        id
    }
}
