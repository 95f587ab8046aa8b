//! The teams in the late afternoon: most open alerts are handled, the urgent ones all.

use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Method;
use serde_json::Value;

use super::{dice::Dice, play::CONNECTIONS};
use crate::{app::client::Client, kernel::problem::Result};

/// Open alerts of a thousand that are handled on the day, the urgent ones apart.
const HANDLED: i64 = 700;

const PURPOSE: u64 = 4;

/// Handles alerts: each Task is completed, which puts its Flag down. Says how many.
pub(super) async fn handle(client: &Client, seed: u64, day: u32) -> Result<usize> {
    let open = "/Task?code=https://vigie.example/fhir/CodeSystem/task-code|handle-alert\
                &status=requested&_sort=_lastUpdated&_count=500";
    let tasks = client.all(open).await?;
    let handled = tasks.into_iter().enumerate().filter(|(n, task)| {
        let urgent = matches!(task["priority"].as_str(), Some("stat" | "asap"));
        urgent || Dice::new(seed, PURPOSE, *n, day).chance(HANDLED)
    });
    stream::iter(handled)
        .map(|(_, task)| complete(client, task))
        .buffer_unordered(CONNECTIONS)
        .try_fold(0, async |sum, ()| Ok(sum + 1))
        .await
}

async fn complete(client: &Client, mut task: Value) -> Result<()> {
    task["status"] = "completed".into();
    let path = format!("/Task/{}", task["id"].as_str().unwrap_or_default());
    client
        .send_tree(Method::PUT, &path, &task)
        .await
        .map(|_| ())
}
