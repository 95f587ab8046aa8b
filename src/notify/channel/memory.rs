//! Messages in memory: the latest ones, and how many there were of each kind.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;

use super::{ALL, Accepted, Channel, Message, MessageKind, Rejection};
use crate::kernel::problem::Result;

/// Keeps the latest messages, up to a bound, and counts all.
#[derive(Debug)]
pub struct Memory {
    capacity: usize,
    // A short critical section without await, hence not tokio's mutex.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    latest: VecDeque<Message>,
    counts: BTreeMap<MessageKind, u64>,
}

impl Memory {
    /// A memory of the latest `capacity` messages.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            kept: Mutex::default(),
        }
    }

    /// The latest messages, oldest first; one that was sent twice is here twice.
    #[must_use]
    pub fn latest(&self) -> Vec<Message> {
        self.kept().latest.iter().cloned().collect()
    }

    /// How many messages of each kind were sent.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<MessageKind, u64> {
        self.kept().counts.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, message: &Message) {
        let mut kept = self.kept();
        *kept.counts.entry(message.kind).or_default() += 1;
        if self.capacity == 0 {
            return;
        }
        if kept.latest.len() == self.capacity {
            kept.latest.pop_front();
        }
        kept.latest.push_back(message.clone());
    }
}

impl Channel for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Accepted, Rejection>> {
        Box::pin(async move {
            self.keep(message);
            Ok(Accepted)
        })
    }

    fn forget<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<()>> {
        let is_meant = |message: &Message| {
            let id = message.id.as_str();
            ids.iter()
                .any(|meant| id == meant || meant.ends_with(ALL) && id.starts_with(meant))
        };
        self.kept().latest.retain(|message| !is_meant(message));
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::message, *};

    #[tokio::test]
    async fn the_bound_holds_and_the_counts_go_on() {
        let memory = Memory::new(2);
        for id in ["c-1", "c-2", "c-3"] {
            memory.send(&message(id)).await.unwrap();
        }
        let ids: Vec<_> = memory.latest().into_iter().map(|m| m.id).collect();
        assert_eq!(ids, ["c-2", "c-3"]);
        memory.send(&message("c_4")).await.unwrap();
        memory.forget(&["c_".to_owned()]).await.unwrap();
        assert_eq!(memory.latest().len(), 1);
        assert_eq!(memory.counts()[&MessageKind::Reminder], 4);
        let none = Memory::new(0);
        none.send(&message("c-4")).await.unwrap();
        assert!(none.latest().is_empty());
        assert_eq!(none.counts()[&MessageKind::Reminder], 1);
    }
}
