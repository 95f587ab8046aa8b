//! Notes the instants at which alerts are raised, so that a simulated professional can take them
//! some time later.

use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    fhir::canonical::{ALERT_RULE, FLAG_PRIORITY, code_in, extension},
    kernel::problem::Result,
    store::{Change, Reactor, Tx},
};

/// An alert that was raised: its rule, and when.
pub type Raised = (String, Timestamp);

/// Sees Flags that open or rise.
#[derive(Debug, Default)]
pub struct Watch {
    // A short critical section without await, hence not tokio's mutex.
    raised: Mutex<Vec<Raised>>,
}

impl Watch {
    /// What was raised since the last call.
    pub fn take(&self) -> Vec<Raised> {
        std::mem::take(&mut *self.raised.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reactor for Watch {
    fn name(&self) -> &'static str {
        "authoring.watch"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "Flag"
    }

    fn react<'a>(&'a self, _: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(flag) = &change.resource else {
                return Ok(());
            };
            let before = match &change.previous {
                Some(previous) => previous.tree()?,
                None => Value::Null,
            };
            let priority = |flag: &Value| extension(flag, FLAG_PRIORITY).cloned();
            let rule = code_in(&flag.tree()["code"], ALERT_RULE);
            if let Some(rule) = rule.filter(|_| priority(flag.tree()) != priority(&before)) {
                let raised = (rule.to_owned(), change.stored.updated);
                let mut all = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
                all.push(raised);
            }
            Ok(())
        })
    }
}
