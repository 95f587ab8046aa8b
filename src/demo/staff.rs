//! The teams: they take what is urgent while they are at work, most of it within the hour; in the
//! late afternoon most open alerts are handled, the urgent ones all.

use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Method;
use serde_json::{Value, json};

use super::{dice::Dice, play::CONNECTIONS, timeline::Round};
use crate::{app::client::Client, fhir::canonical::ALERT_OUTCOME, kernel::problem::Result};

/// Open alerts of a thousand that are handled on the day, the urgent ones apart.
const HANDLED: i64 = 700;

/// Urgent alerts of a thousand that are taken in the round after they are raised; the others go
/// on to who is next.
const TAKEN: i64 = 930;

/// Handled alerts of a thousand that were worth it.
const USEFUL: i64 = 800;

const PURPOSE: u64 = 4;

const OPEN: &str = "/Task?code=https://vigie.example/fhir/CodeSystem/task-code|handle-alert";

/// One round of the teams.
pub(super) async fn round(client: &Client, round: Round, seed: u64, number: u32) -> Result<()> {
    let chance = |n: usize, permille| Dice::new(seed, PURPOSE, n, number).chance(permille);
    match round {
        Round::Away => Ok(()),
        Round::Takes => {
            let open =
                format!("{OPEN}&status=requested&priority=stat&_sort=_lastUpdated&_count=500");
            let tasks = client.all(&open).await?.into_iter().enumerate();
            let taken = tasks.filter(|(n, _)| chance(*n, TAKEN));
            put(client, taken.map(|(_, task)| take(task))).await
        }
        Round::Handles => {
            let open = format!("{OPEN}&status=requested,accepted&_sort=_lastUpdated&_count=500");
            let tasks = client.all(&open).await?.into_iter().enumerate();
            let handled = tasks.filter(|(n, task)| {
                let urgent = matches!(task["priority"].as_str(), Some("stat" | "asap"));
                urgent || chance(*n, HANDLED)
            });
            let handled = handled.map(|(n, task)| resolve(task, chance(n, USEFUL)));
            put(client, handled).await
        }
    }
}

fn take(mut task: Value) -> Value {
    task["status"] = "accepted".into();
    task
}

fn resolve(mut task: Value, useful: bool) -> Value {
    let output = |code: &str| json!({ "coding": [{ "system": ALERT_OUTCOME, "code": code }] });
    let outcome = if useful { "called-back" } else { "no-action" };
    task["status"] = "completed".into();
    task["output"] = json!([
        { "type": output("outcome"), "valueCodeableConcept": output(outcome) },
        { "type": output("useful"), "valueBoolean": useful },
    ]);
    task
}

async fn put(client: &Client, tasks: impl Iterator<Item = Value>) -> Result<()> {
    stream::iter(tasks)
        .map(|task| async move {
            let path = format!("/Task/{}", task["id"].as_str().unwrap_or_default());
            client
                .send_tree(Method::PUT, &path, &task)
                .await
                .map(|_| ())
        })
        .buffer_unordered(CONNECTIONS)
        .try_collect()
        .await
}
