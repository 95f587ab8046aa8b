//! The record while the server runs: a bounded queue before the one thread that writes.
//!
//! A request takes a [`Ticket`] before it does anything; where there is none, it is refused. The
//! ticket is concluded with what came of the request, or records by itself that nobody knows.

use std::{
    mem,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{
    chain,
    event::{Event, Outcome},
    head::{self, Head, Told},
    record::{Agent, Record},
    verify,
    writer::Writing,
};
use crate::{
    erasure::Seal,
    kernel::{
        chance::{Chance, Generator},
        clock::Clock,
        problem::{Problem, Result},
    },
    store::{AuditAnchor, AuditFile, AuditQuery, AuditRow, AuditTip},
};

/// When an access is durable in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Writes and events of login before they are answered; reads soon after.
    #[default]
    Batched,
    /// Each before it is answered.
    BeforeReply,
}

/// Where the record is kept, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file of the rows.
    pub file: PathBuf,
    /// The file of the head.
    pub head: PathBuf,
    /// The file of the key.
    pub key: PathBuf,
    /// When an access is durable.
    pub durability: Durability,
    /// Days for which a row is kept; 0 for ever.
    pub retention_days: u32,
    /// Accesses that may be under way or wait to be written; one more is refused.
    pub queue_max: usize,
}

/// What the requests and the thread share.
pub(super) struct Shared {
    pub queue: Mutex<Queue>,
    /// Told when there is something to do at once.
    pub wake: Condvar,
    /// Accesses under way and rows that are not durable yet.
    pub held: AtomicUsize,
    /// Whether the file could not be written when it was last tried, or the thread has ended.
    pub is_broken: AtomicBool,
    durability: Durability,
    clock: Arc<dyn Clock>,
}

/// What waits to be written.
#[derive(Default)]
pub(super) struct Queue {
    pub records: Vec<Record>,
    pub waiting: Vec<oneshot::Sender<()>>,
    pub is_urgent: bool,
    pub is_closed: bool,
}

impl Shared {
    pub fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues records, for whose places whoever calls has seen to; gives what to wait for.
    fn push(&self, records: Vec<Record>) -> Option<oneshot::Receiver<()>> {
        let is_urgent = self.durability == Durability::BeforeReply
            || records.iter().any(|record| record.is_urgent);
        let mut queue = self.queue();
        let was_empty = queue.records.is_empty();
        queue.records.extend(records);
        let reply = is_urgent.then(|| {
            queue.is_urgent = true;
            let (told, reply) = oneshot::channel();
            queue.waiting.push(told);
            reply
        });
        let is_due = is_urgent || was_empty || queue.records.len() >= super::writer::BATCH_MAX;
        drop(queue);
        if is_due {
            self.wake.notify_one();
        }
        reply
    }
}

/// The record of accesses.
pub struct Log {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// For who searches; apart from the one that writes.
    reading: Mutex<AuditFile>,
    seal: Seal,
    queue_max: usize,
    refusals: Mutex<Refusals>,
}

/// Requests of nobody in one minute.
#[derive(Default)]
struct Refusals {
    minute: i64,
    count: u64,
}

/// Requests of nobody that are recorded one by one in a minute; the others are counted.
const REFUSALS_MAX: u64 = 600;

impl Log {
    /// Opens the record and begins to write. Where there is none yet, it is made.
    ///
    /// # Errors
    /// `Fault`, if a file cannot be opened, or if the record is not what its head says: then
    /// nothing is recorded on top of it, and `vigie audit verify` tells what is wrong.
    pub fn open(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        chance: &dyn Chance,
    ) -> Result<Arc<Self>> {
        let seal = key(settings, chance)?;
        let file = prepare(settings, &seal, (clock.as_ref(), chance))?;
        let head = Head::open(&settings.head, seal.clone())?;
        let tip = file.tip()?;
        head.set(&tip)?;
        head.sync()?;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            held: AtomicUsize::new(0),
            is_broken: AtomicBool::new(false),
            durability: settings.durability,
            clock,
        });
        let writing = Writing {
            shared: Arc::clone(&shared),
            file,
            head,
            seal: seal.clone(),
            clock: Arc::clone(&shared.clock),
            retention_days: settings.retention_days,
        };
        let thread = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writing.serve())
            .map_err(Problem::fault)?;
        let log = Arc::new(Self {
            shared,
            thread: Mutex::new(Some(thread)),
            reading: Mutex::new(AuditFile::open_to_read(&settings.file)?),
            seal,
            queue_max: settings.queue_max,
            refusals: Mutex::default(),
        });
        log.note(Event::Start, Agent::System("serve"), "");
        // The system's own log, which is often kept elsewhere, is a third place.
        tracing::info!(
            row = tip.seq,
            hash = crate::erasure::ledger::hex(&tip.hash),
            "accesses are recorded behind this row"
        );
        Ok(log)
    }

    /// Whether accesses can be recorded.
    ///
    /// # Errors
    /// `Busy`, if the file cannot be written.
    pub fn ready(&self) -> Result<()> {
        if self.shared.is_broken.load(Ordering::Acquire) {
            let says = "Accesses cannot be recorded at the moment; come again.";
            return Err(Problem::busy(says));
        }
        Ok(())
    }

    /// A place for one access, before anything is done.
    ///
    /// # Errors
    /// `Busy`, if the file cannot be written or too many accesses wait to be recorded.
    pub fn begin(&self, event: Event) -> Result<Ticket> {
        self.ready()?;
        if self.shared.held.fetch_add(1, Ordering::AcqRel) >= self.queue_max {
            self.shared.held.fetch_sub(1, Ordering::AcqRel);
            let says = "Too many accesses wait to be recorded; come again.";
            return Err(Problem::busy(says));
        }
        Ok(Ticket {
            record: Some(Record::begun(self.shared.clock.now(), event)),
            shared: Arc::clone(&self.shared),
        })
    }

    /// Whether a request of nobody may still be recorded by itself; else it is only counted.
    #[must_use]
    pub fn admits_refusal(&self) -> bool {
        let minute = self.now().as_second().div_euclid(60);
        let mut told = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if told.minute == minute {
            None
        } else {
            Some(mem::replace(&mut *told, Refusals { minute, count: 0 }))
        };
        told.count += 1;
        let admits = told.count <= REFUSALS_MAX;
        drop(told);
        let left_out = before.map_or(0, |before| before.count.saturating_sub(REFUSALS_MAX));
        if left_out > 0 {
            self.note(Event::Flood, Agent::Unknown, &format!("refused={left_out}"));
        }
        admits
    }

    /// Records an event, and answers once it is durable.
    ///
    /// # Errors
    /// As [`Log::begin`]; `Busy`, if it could not be written.
    pub async fn record(&self, mut record: Record) -> Result<()> {
        record.is_urgent = true;
        let ticket = self.begin(record.event.clone())?;
        ticket.replace(record).conclude(Vec::new()).await
    }

    /// The instant that a record carries.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Queues an event of the server itself.
    fn note(&self, event: Event, agent: Agent, detail: &str) {
        let mut record = Record::begun(self.now(), event);
        record.agent = agent;
        record.tell(detail);
        record.outcome = Outcome::Success;
        self.add(record);
    }

    /// Queues a record of what has been done already, whatever waits.
    pub fn add(&self, record: Record) {
        self.shared.held.fetch_add(1, Ordering::AcqRel);
        self.shared.push(vec![record]);
    }

    /// The rows that satisfy a query.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn search(&self, query: &AuditQuery) -> Result<Vec<AuditRow>> {
        self.reading().search(query)
    }

    /// How many rows satisfy a query.
    ///
    /// # Errors
    /// `Fault`, if the file fails.
    pub fn count(&self, query: &AuditQuery) -> Result<u64> {
        self.reading().count(query)
    }

    fn reading(&self) -> MutexGuard<'_, AuditFile> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What makes pseudonyms.
    #[must_use]
    pub const fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Writes what waits, and ends. What is begun later is refused.
    pub fn close(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(thread) = thread else { return };
        self.note(Event::Stop, Agent::System("serve"), "");
        self.shared.queue().is_closed = true;
        self.shared.wake.notify_one();
        if thread.join().is_err() {
            tracing::error!("the thread that records accesses ended badly");
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

/// Adds one record from beside the server, such as that of a command; durable when it returns.
///
/// # Errors
/// `Fault`, if there is no record yet, or it cannot be written.
pub fn add(settings: &Settings, record: &Record) -> Result<()> {
    if !settings.file.exists() {
        return Err(Problem::fault(format!(
            "there is no record of accesses {}",
            settings.file.display()
        )));
    }
    // The key is there, or nothing is drawn: no chance is taken.
    let seal = key(settings, &Generator::from_seed(0))?;
    let head = Head::open(&settings.head, seal.clone())?;
    let mut file = AuditFile::open(&settings.file)?;
    let made = record.rows(&seal)?;
    let tip = file.append(&mut |tip| {
        let mut rows = made.clone();
        chain::link(tip, &mut rows);
        Ok(rows)
    })?;
    head.set(&tip)?;
    head.sync()
}

/// The key; it is drawn only where there is no record yet.
fn key(settings: &Settings, chance: &dyn Chance) -> Result<Seal> {
    if settings.file.exists() && !settings.key.exists() {
        return Err(Problem::fault(format!(
            "{} is there and its key {} is not",
            settings.file.display(),
            settings.key.display()
        )));
    }
    Seal::open(&settings.key, chance)
}

/// The file, begun where it is new, and as its head says where it is not.
fn prepare(
    settings: &Settings,
    seal: &Seal,
    (clock, chance): (&dyn Clock, &dyn Chance),
) -> Result<AuditFile> {
    let told = head::read(&settings.head, seal)?;
    if told != Told::Nothing && !settings.file.exists() {
        return Err(Problem::fault(format!(
            "{} is gone, of which {} tells",
            settings.file.display(),
            settings.head.display()
        )));
    }
    let mut file = AuditFile::open(&settings.file)?;
    if file.anchors()?.is_empty() {
        let mut tip = AuditTip::default();
        for eight in tip.hash.chunks_mut(8) {
            eight.copy_from_slice(&chance.draw().to_le_bytes()[..eight.len()]);
        }
        let anchor = anchor_at(tip, clock.now(), seal)?;
        file.set_anchor(&anchor)?;
    }
    match verify::end(&file, told, seal)? {
        None => Ok(file),
        Some(finding) => Err(Problem::fault(format!(
            "the record of accesses {}: {finding}; it is not written on",
            settings.file.display()
        ))),
    }
}

/// A beginning of the record, sealed.
///
/// # Errors
/// `Fault`, never in practice.
pub(super) fn anchor_at(tip: AuditTip, now: Timestamp, seal: &Seal) -> Result<AuditAnchor> {
    Ok(AuditAnchor {
        tip,
        at: now.as_millisecond(),
        seal: head::seal_of(seal, "anchor", &tip)?,
    })
}

/// A place in the record for one access, which is recorded whatever happens.
pub struct Ticket {
    record: Option<Record>,
    shared: Arc<Shared>,
}

impl Ticket {
    /// What is known of the access.
    pub fn record(&mut self) -> Option<&mut Record> {
        self.record.as_mut()
    }

    /// The same place, for another record.
    fn replace(mut self, record: Record) -> Self {
        self.record = Some(record);
        self
    }

    /// Gives the place back: there is nothing to record.
    pub fn forget(mut self) {
        self.record = None;
        self.shared.held.fetch_sub(1, Ordering::AcqRel);
    }

    /// Records the access, and others that belong to it; waits until they are durable, if they
    /// must be before it is answered.
    ///
    /// # Errors
    /// `Busy`, if they could not be written; they are tried again and again.
    pub async fn conclude(mut self, others: Vec<Record>) -> Result<()> {
        self.shared.held.fetch_add(others.len(), Ordering::AcqRel);
        let mut records = Vec::with_capacity(1 + others.len());
        records.extend(mem::take(&mut self.record));
        records.extend(others);
        let Some(reply) = self.shared.push(records) else {
            return Ok(());
        };
        reply.await.map_err(|_| {
            let says = "The access could not be recorded. Whether it was done is not told; look \
                        before you ask again.";
            Problem::busy(says)
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            self.shared.push(vec![record]);
        }
    }
}
