//! The thread that writes the record: many rows, one commit.
//!
//! Rows wait for one another for [`FLUSH_AFTER`], unless one must be durable before it is answered.
//! Where a commit fails, its rows are kept and tried again, and until they are written nobody is
//! let in.

use std::{
    mem,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    chain,
    event::{Event, Outcome},
    head::Head,
    log::{Queue, Shared, anchor_at},
    record::{Agent, Record},
};
use crate::{
    erasure::Seal,
    kernel::{clock::Clock, problem::Result},
    store::{AuditFile, AuditTip},
};

/// How long a row waits for others to share its commit.
const FLUSH_AFTER: Duration = Duration::from_millis(50);

/// Rows that are written without waiting for more.
pub(super) const BATCH_MAX: usize = 2_048;

/// The pause after a commit that failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often it is looked whose time is over.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// Rows that are taken away in one commit: rows that wait to be written wait no longer for it.
const SHORTEN_ROWS: u32 = 1_000;

/// How long nothing is to be recorded before pseudonyms are made to lead to rows.
const NAME_AFTER: Duration = Duration::from_millis(200);

/// Rows that pseudonyms are made to lead to in one commit.
const NAME_ROWS: u32 = 4_096;

/// Rows that nothing leads to yet, beyond which an idle moment is not waited for. A search looks
/// through them.
const UNNAMED_MAX: u64 = 1 << 18;

/// Commits after which the head is made durable, should there be no idle moment before.
const HEAD_EVERY: u32 = 32;

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 86_400_000;

/// What the thread owns.
pub(super) struct Writing {
    pub shared: Arc<Shared>,
    pub file: AuditFile,
    pub head: Head,
    pub seal: Seal,
    pub clock: Arc<dyn Clock>,
    pub retention_days: u32,
}

/// Where the thread is in what comes back.
struct Course {
    /// When it was last looked whose time is over.
    looked: Option<Timestamp>,
    /// Whether rows before the beginning are left.
    is_shortening: bool,
    /// Commits since the head was made durable.
    unsynced: u32,
    /// The last row.
    end: u64,
    /// The last row that pseudonyms lead to.
    named: u64,
}

impl Course {
    /// How long it can be waited for rows.
    const fn pause(&self) -> Duration {
        if self.is_shortening {
            Duration::ZERO
        } else if self.named < self.end {
            NAME_AFTER
        } else {
            LOOK_EVERY
        }
    }
}

/// Tells the requests when the thread ends, however it does.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.is_broken.store(true, Ordering::Release);
        self.0.queue().waiting.clear();
    }
}

impl Writing {
    /// Writes until the queue is closed and empty.
    pub fn serve(mut self) {
        let _ending = Ending(Arc::clone(&self.shared));
        let mut course = Course {
            looked: None,
            is_shortening: true,
            unsynced: 0,
            end: self.file.tip().map_or(0, |tip| tip.seq),
            named: self.file.named_until().unwrap_or_default(),
        };
        while let Some(queue) = self.take(course.pause()) {
            let is_last = queue.is_closed;
            let is_idle = queue.records.is_empty();
            self.flush(queue, &mut course);
            if is_idle || is_last || course.end.saturating_sub(course.named) >= UNNAMED_MAX {
                self.name(&mut course);
            }
            if is_last {
                break;
            }
            if let Err(problem) = self.keep_house(&mut course) {
                tracing::error!(
                    reason = problem.internal,
                    "the record of accesses could not be shortened"
                );
                course.is_shortening = false;
            }
        }
        if let Err(problem) = self.head.sync() {
            tracing::error!(reason = problem.internal, "the head is not durable");
        }
    }

    /// What is to be written, once it is due; nothing where there is only house to keep.
    fn take(&self, pause: Duration) -> Option<Queue> {
        let mut queue = self.shared.queue();
        if queue.records.is_empty() && !queue.is_closed {
            let wait = self.shared.wake.wait_timeout_while(queue, pause, |queue| {
                queue.records.is_empty() && !queue.is_closed
            });
            queue = wait.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        if !queue.records.is_empty() {
            let wait = self
                .shared
                .wake
                .wait_timeout_while(queue, FLUSH_AFTER, |queue| {
                    !queue.is_urgent && !queue.is_closed && queue.records.len() < BATCH_MAX
                });
            queue = wait.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        let is_closed = queue.is_closed;
        let taken = mem::take(&mut *queue);
        queue.is_closed = is_closed;
        Some(Queue { is_closed, ..taken })
    }

    /// Writes rows until they are durable, and tells those who wait.
    fn flush(&mut self, queue: Queue, course: &mut Course) {
        if queue.records.is_empty() {
            return;
        }
        let (records, mut waiting) = (queue.records, queue.waiting);
        loop {
            match self.append(&records) {
                Ok(tip) => {
                    self.shared.is_broken.store(false, Ordering::Release);
                    self.shared.held.fetch_sub(records.len(), Ordering::AcqRel);
                    for told in waiting {
                        // Who asked may have gone; it is recorded all the same.
                        let _ = told.send(());
                    }
                    return self.set_head(&tip, course);
                }
                Err(problem) => {
                    tracing::error!(
                        reason = problem.internal,
                        rows = records.len(),
                        "accesses could not be recorded; they are tried again"
                    );
                    self.shared.is_broken.store(true, Ordering::Release);
                    // Dropped: whoever waits is told that it failed.
                    waiting.clear();
                }
            }
            if self.pause() {
                tracing::error!(rows = records.len(), "accesses were never recorded");
                return;
            }
        }
    }

    /// Waits before the next try, and tells whether the server ends meanwhile. Those who come to
    /// wait now are told at once.
    fn pause(&self) -> bool {
        let queue = self.shared.queue();
        let wait = self
            .shared
            .wake
            .wait_timeout_while(queue, RETRY_AFTER, |queue| {
                queue.waiting.clear();
                !queue.is_closed
            });
        let queue = wait.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        queue.is_closed
    }

    fn append(&mut self, records: &[Record]) -> Result<AuditTip> {
        let seal = &self.seal;
        let mut rows = Vec::with_capacity(records.len());
        for record in records {
            rows.extend(record.rows(seal)?);
        }
        self.file.append(&mut |tip| {
            let mut rows = mem::take(&mut rows);
            chain::link(tip, &mut rows);
            Ok(rows)
        })
    }

    /// Makes pseudonyms lead to the next rows.
    fn name(&mut self, course: &mut Course) {
        if course.named >= course.end {
            return;
        }
        course.named = match self.file.name(NAME_ROWS) {
            Ok(named) => named,
            Err(problem) => {
                tracing::error!(
                    reason = problem.internal,
                    "accesses are found more slowly: their pseudonyms could not be written"
                );
                // It is tried again with the next row.
                course.end
            }
        };
    }

    fn set_head(&self, tip: &AuditTip, course: &mut Course) {
        course.unsynced += 1;
        course.end = tip.seq;
        let is_idle = self.shared.queue().records.is_empty();
        let set = self.head.set(tip).and_then(|()| {
            if is_idle || course.unsynced >= HEAD_EVERY {
                course.unsynced = 0;
                return self.head.sync();
            }
            Ok(())
        });
        if let Err(problem) = set {
            // The rows stand; their end is not vouched for until the head can be written again.
            tracing::error!(reason = problem.internal, "the head could not be written");
        }
    }

    /// Takes away what has been kept long enough.
    fn keep_house(&mut self, course: &mut Course) -> Result<()> {
        let now = self.clock.now();
        let is_due = course.looked.is_none_or(|looked| {
            let since = now.as_millisecond() - looked.as_millisecond();
            u128::from(since.unsigned_abs()) >= LOOK_EVERY.as_millis()
        });
        if is_due && self.retention_days > 0 {
            course.looked = Some(now);
            course.is_shortening |= self.begin_later(now)?;
        }
        if course.is_shortening {
            course.is_shortening = self.file.shorten(SHORTEN_ROWS)? > 0;
        }
        Ok(())
    }

    /// Sets a later beginning, if rows are old enough; what is taken away is itself recorded.
    fn begin_later(&mut self, now: Timestamp) -> Result<bool> {
        let kept = i64::from(self.retention_days) * DAY_MILLIS;
        let Some(tip) = self.file.last_before(now.as_millisecond() - kept)? else {
            return Ok(false);
        };
        let begins = self.file.anchors()?.last().map_or(0, |last| last.tip.seq);
        if tip.seq <= begins {
            return Ok(false);
        }
        let mut record = Record::begun(now, Event::Retention);
        record.agent = Agent::System("audit.retention");
        record.outcome = Outcome::Success;
        record.tell(&format!("until={} rows={}", tip.seq, tip.seq - begins));
        self.file.set_anchor(&anchor_at(tip, now, &self.seal)?)?;
        let end = self.append(&[record])?;
        self.head.set(&end)?;
        Ok(true)
    }
}
