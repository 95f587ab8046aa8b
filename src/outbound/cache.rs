//! Answers that are kept while they are fresh: key sets, and what an OpenID provider says of itself.
//!
//! Only successes are kept, by their exact address and never longer than their `Cache-Control`
//! says. A failure is remembered for a moment too, so that nobody can make this server call
//! another one as often as they like.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{Ask, Failure, Fetch, Fetched};
use crate::kernel::clock::Clock;

/// Addresses whose answers are kept; over it, the one that is stale first goes.
const ENTRIES_MAX: usize = 256;

/// For how long an address whose answer was kept is not asked again by who misses something in it,
/// and one that has failed is not asked at all: an unknown key costs nobody more than this.
pub const PAUSE: Duration = Duration::from_secs(10);

/// Keeps what an address has answered.
pub struct Cache {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<String, Entry>>,
}

#[derive(Clone)]
struct Entry {
    outcome: Result<Arc<Fetched>, Failure>,
    asked: Timestamp,
    fresh_until: Timestamp,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

impl Cache {
    /// An empty cache before `fetch`.
    #[must_use]
    pub fn new(fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Self {
            fetch,
            clock,
            kept: Mutex::default(),
        }
    }

    /// What is at an address: kept, if it is still fresh, or fetched.
    ///
    /// # Errors
    /// As [`Fetch::send`]; `Status`, if the answer is no success.
    pub async fn get(&self, url: &str) -> Result<Arc<Fetched>, Failure> {
        let now = self.clock.now();
        match self.known(url) {
            Some(entry) if now < entry.fresh_until => entry.outcome,
            _ => self.fetch(url, now).await,
        }
    }

    /// The same for somebody who misses something in what is kept, such as a key that is new: it
    /// is fetched again, unless that was done less than `PAUSE` ago.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn renew(&self, url: &str) -> Result<Arc<Fetched>, Failure> {
        let now = self.clock.now();
        match self.known(url) {
            Some(entry) if now < after(entry.asked, PAUSE) => entry.outcome,
            _ => self.fetch(url, now).await,
        }
    }

    fn known(&self, url: &str) -> Option<Entry> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(url).cloned()
    }

    async fn fetch(&self, url: &str, now: Timestamp) -> Result<Arc<Fetched>, Failure> {
        let outcome = match self.fetch.send(&Ask::get(url)).await {
            Ok(fetched) if fetched.status == 200 => Ok(Arc::new(fetched)),
            Ok(fetched) => Err(Failure::Status(fetched.status)),
            Err(failure) => Err(failure),
        };
        let kept_for = match &outcome {
            Ok(fetched) => fetched.fresh_for,
            // Our own want of room says nothing of the address.
            Err(Failure::Busy) => return outcome,
            Err(_) => PAUSE,
        };
        let entry = Entry {
            outcome: outcome.clone(),
            asked: now,
            fresh_until: after(now, kept_for),
        };
        self.keep(url, entry);
        outcome
    }

    fn keep(&self, url: &str, entry: Entry) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= ENTRIES_MAX && !kept.contains_key(url) {
            let oldest = kept.iter().min_by_key(|(_, entry)| entry.fresh_until);
            if let Some(url) = oldest.map(|(url, _)| url.clone()) {
                kept.remove(&url);
            }
        }
        kept.insert(url.to_owned(), entry);
    }
}

fn after(instant: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
    instant.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::kernel::clock::{SimulatedClock, from_millis};

    /// Answers with its number of requests so far.
    struct Counting {
        asked: AtomicUsize,
        status: u16,
        fresh_for: Duration,
    }

    impl Fetch for Counting {
        fn send<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Fetched, Failure>> {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let fetched = Fetched {
                status: self.status,
                content_type: None,
                body: Bytes::from(number.to_string()),
                fresh_for: self.fresh_for,
            };
            Box::pin(async move { Ok(fetched) })
        }
    }

    fn cache(status: u16, seconds: u64) -> (Cache, Arc<SimulatedClock>, Arc<Counting>) {
        let clock = Arc::new(SimulatedClock::starting_at(from_millis(0)));
        let fetch = Arc::new(Counting {
            asked: AtomicUsize::new(0),
            status,
            fresh_for: Duration::from_secs(seconds),
        });
        let cache = Cache::new(
            Arc::clone(&fetch) as Arc<dyn Fetch>,
            Arc::clone(&clock) as Arc<dyn Clock>,
        );
        (cache, clock, fetch)
    }

    async fn body(outcome: impl Future<Output = Result<Arc<Fetched>, Failure>>) -> String {
        let fetched = outcome.await.expect("fetched");
        String::from_utf8(fetched.body.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn an_answer_is_kept_while_it_is_fresh_and_no_longer() {
        let (cache, clock, _) = cache(200, 60);
        assert_eq!(body(cache.get("https://a/")).await, "1");
        clock.advance_to(from_millis(59_999));
        assert_eq!(body(cache.get("https://a/")).await, "1");
        assert_eq!(body(cache.get("https://a/?")).await, "2");
        clock.advance_to(from_millis(60_000));
        assert_eq!(body(cache.get("https://a/")).await, "3");
    }

    #[tokio::test]
    async fn an_answer_that_does_not_say_so_is_not_kept() {
        let (cache, _, fetch) = cache(200, 0);
        for _ in 0..3 {
            let _ = cache.get("https://a/").await;
        }
        assert_eq!(fetch.asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn what_is_missed_is_fetched_anew_but_not_at_will() {
        let (cache, clock, _) = cache(200, 3_600);
        assert_eq!(body(cache.get("https://a/")).await, "1");
        assert_eq!(body(cache.renew("https://a/")).await, "1");
        clock.advance_to(from_millis(10_000));
        assert_eq!(body(cache.renew("https://a/")).await, "2");
        assert_eq!(body(cache.get("https://a/")).await, "2");
    }

    #[tokio::test]
    async fn a_failure_is_not_asked_for_at_will() {
        let (cache, clock, fetch) = cache(500, 3_600);
        for _ in 0..3 {
            let failure = cache.get("https://a/").await;
            assert_eq!(failure, Err(Failure::Status(500)));
        }
        assert_eq!(fetch.asked.load(Ordering::SeqCst), 1);
        clock.advance_to(from_millis(10_000));
        let _ = cache.get("https://a/").await;
        assert_eq!(fetch.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn the_number_of_kept_answers_is_bounded() {
        let (cache, _, _) = cache(200, 60);
        for n in 0..=ENTRIES_MAX {
            let _ = cache.get(&format!("https://a/{n}")).await;
        }
        assert_eq!(cache.kept.lock().expect("kept").len(), ENTRIES_MAX);
    }
}
