//! One simulation, from the enrolment to the last instant.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    definitions::Definitions,
    draw,
    request::Request,
    script::{Answer, Course, Event, Script},
    stage::{PERMIT, Stage},
};
use crate::{
    care::kind,
    fhir::{
        canonical::{ALERT_RULE, TASK_CODE, code_in},
        reference,
        resource::Resource,
        search::query::Query,
    },
    kernel::{clock::from_millis, problem::Result},
    store::{Prepared, Store, Tx},
};

/// What a simulation has come to; its store still holds everything.
pub(super) struct Played {
    pub store: Store,
    pub course: Course,
    pub answers: Vec<Answer>,
    pub until: Timestamp,
}

/// Runs a simulation.
pub(super) async fn play(request: &Request, definitions: &Definitions) -> Result<Played> {
    let seed = request.seed.unwrap_or_default().unsigned_abs();
    let start = from_millis(request.start.as_millisecond());
    let stage = Stage::open(start, seed, definitions.in_force)?;
    stage.furnish(request, definitions).await?;
    let plan = stage.enrol(request, definitions).await?;
    let course = Course::of(&plan, &definitions.pathway)?;
    let drawn = match request.seed {
        Some(seed) => draw::course(seed, request, definitions, &course)?,
        None => Vec::new(),
    };
    let mut script = Script::of(request, &course, drawn)?;
    let end = course.closes().max(script.last()).unwrap_or(request.start);
    let until = request.until.unwrap_or(end);
    loop {
        for (rule, at) in stage.watch.take() {
            script.raised(&rule, at);
        }
        let event = script.next_at().filter(|at| *at <= until);
        if stage.work(event.unwrap_or(until)).await? {
            continue;
        }
        let Some((at, event)) = event.and_then(|_| script.pop()) else {
            break;
        };
        stage.clock.advance_to(at);
        match event {
            Event::Answer(number) => answer(&stage.store, &script.answers[number]).await?,
            Event::Take(rule) => take(&stage.store, rule).await?,
        }
    }
    stage.clock.advance_to(until);
    Ok(Played {
        store: stage.store,
        course,
        answers: script.answers,
        until,
    })
}

/// An answer comes in, as anybody's does.
async fn answer(store: &Store, answer: &Answer) -> Result<()> {
    let id = answer.id.clone();
    let prepared = Prepared::new(Resource::trusted(answer.response.clone())?);
    let write = store.write(&PERMIT, move |tx| {
        Box::pin(async move { tx.create(&id, prepared).await.map(|_| ()) })
    });
    let written = write.await;
    match &answer.place {
        Some(place) => written.map_err(|problem| problem.within(place)),
        None => written,
    }
}

/// Somebody takes every alert of a rule that nobody has taken.
async fn take(store: &Store, rule: String) -> Result<()> {
    let take = store.write(&PERMIT, move |tx| {
        Box::pin(async move {
            let query = Query::new(kind("Task")?).token("status", None, "requested");
            for hit in tx.search(&query).await?.hits {
                let mut task = hit.stored.tree()?;
                if !is_about(tx, &task, &rule).await? {
                    continue;
                }
                task["status"] = "accepted".into();
                let prepared = Prepared::new(Resource::trusted(task)?);
                let version = Some(hit.stored.version);
                tx.put(&hit.stored.id, prepared, version).await?;
            }
            Ok(())
        })
    });
    take.await
}

async fn is_about(tx: &mut Tx, task: &Value, rule: &str) -> Result<bool> {
    let focus = task["focus"]["reference"].as_str();
    let Some(flag) = focus.and_then(reference::local) else {
        return Ok(false);
    };
    if code_in(&task["code"], TASK_CODE).is_none() || flag.kind.name() != "Flag" {
        return Ok(false);
    }
    let Some(stored) = tx.read(flag.kind, &flag.id).await? else {
        return Ok(false);
    };
    Ok(code_in(&stored.tree()?["code"], ALERT_RULE) == Some(rule))
}
