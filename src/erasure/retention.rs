//! What becomes of a follow-up's data when it has ended, as its pathway says.
//!
//! A reactor writes the job in the commit of the end; the job decides purely and acts once.

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp, ToSpan as _, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    erase::{self, Target},
    seal::Seal,
};
use crate::{
    care::{kind, plan::followed},
    fhir::{
        canonical::{FLAG_PRIORITY, FLAG_PRIORITY_CODE, LEGAL_HOLD, TASK_CODE, code_in, extension},
        care_plan::FollowUp,
        pathway::{Pathway, Retention},
        permit::{Actor, Permit},
        search::query::Query,
    },
    kernel::problem::Result,
    queue::{Failure, Handler, Schedule},
    store::{
        Change, Job, LeasedJob, Reactor, Store, Stored, Tx,
        witness::{Act, Deed},
    },
};

/// The kind of the job; its payload is `{"plan": "<id>"}`.
pub const KIND: &str = "erasure.retention";

/// How long after it was held up an erasure is looked at again.
pub const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// Whether a CarePlan of this status is over.
fn is_over(status: &Value) -> bool {
    matches!(
        status.as_str(),
        Some("completed" | "revoked" | "entered-in-error")
    )
}

/// When the data of a follow-up that ends now is erased: the first local midnight after the days
/// that it is kept; never, if it is kept for good.
#[must_use]
pub fn due(retention: Retention, end: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let days = match retention {
        Retention::Keep => return None,
        Retention::AtEnd { grace_days } => grace_days,
        Retention::Days(days) => days,
    };
    let kept = end
        .to_zoned(zone.clone())
        .checked_add(i64::from(days).days())
        .ok()?;
    let midnight = kept.start_of_day().ok()?;
    if midnight == kept {
        return Some(midnight.timestamp());
    }
    let next = kept.date().tomorrow().ok()?;
    Some(next.to_zoned(zone.clone()).ok()?.timestamp())
}

/// Sees follow-ups that end, and those that go on after all.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetentionReactor;

impl Reactor for RetentionReactor {
    fn name(&self) -> &'static str {
        "erasure.retention"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "CarePlan" && change.resource.is_some()
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(resource) = &change.resource else {
                return Ok(());
            };
            let before = match &change.previous {
                Some(previous) => is_over(&previous.tree()?["status"]),
                None => false,
            };
            match (before, is_over(&resource.tree()["status"])) {
                (false, true) => plan_ahead(tx, &change.stored).await,
                (true, false) => tx.cancel_job(KIND, &change.stored.id).await,
                _ => Ok(()),
            }
        })
    }
}

async fn plan_ahead(tx: &mut Tx, plan: &Stored) -> Result<()> {
    let now = tx.now();
    let Some((follow_up, retention)) = retention_of(tx, plan).await? else {
        return Ok(());
    };
    match due(retention, now, &follow_up.zone) {
        Some(at) => tx.enqueue(&job(&plan.id, at)).await,
        None => Ok(()),
    }
}

fn job(plan: &str, run_at: Timestamp) -> Job {
    Job {
        kind: KIND,
        dedup: Some(plan.to_owned()),
        payload: json!({ "plan": plan }),
        run_at,
    }
}

/// What a follow-up's pathway says; none where the CarePlan is no follow-up. Where the pathway is
/// gone or cannot be read, nothing is erased that somebody may have wanted kept.
async fn retention_of(tx: &mut Tx, plan: &Stored) -> Result<Option<(FollowUp, Retention)>> {
    let Some(followed) = followed(tx, plan.clone()).await? else {
        return Ok(None);
    };
    let pathway = followed
        .definition
        .and_then(|found| Pathway::read(&found.tree).ok());
    let retention = pathway.map_or(Retention::Keep, |pathway| pathway.policy.retention);
    Ok(Some((followed.follow_up, retention)))
}

/// How another follow-up of the same person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// It runs, or is on hold.
    Running,
    /// It is over, and its data is kept, for good or for some time yet.
    Kept,
    /// It is over, and nothing of it need stay.
    Due,
}

/// What holds an erasure up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holds {
    /// Somebody has said that the data must be kept for now: extension `legal-hold`.
    pub legal: bool,
    /// An urgent alert is open that nobody has acknowledged.
    pub unseen: bool,
}

/// What a look at a follow-up that has ended comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Not now: look again.
    Wait,
    /// The data of this follow-up alone.
    Plan,
    /// The whole person.
    Person,
}

/// Decides from what holds it up and from the person's other follow-ups.
#[must_use]
pub fn decide(holds: Holds, others: &[Other]) -> Decision {
    if holds.legal || holds.unseen || others.contains(&Other::Running) {
        Decision::Wait
    } else if others.contains(&Other::Kept) {
        Decision::Plan
    } else {
        Decision::Person
    }
}

/// Runs [`KIND`].
pub struct RetentionHandler(pub Seal);

impl Handler for RetentionHandler {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn schedule(&self) -> Schedule {
        Schedule::ENDLESS
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            // What cannot be told is not done.
            store.watched()?;
            let (seal, job) = (self.0.clone(), job.clone());
            let erased = store
                .write(&Permit::system(KIND), move |tx| {
                    Box::pin(async move { act(tx, &seal, &job).await })
                })
                .await?;
            if let Some(target) = erased {
                store.saw(Deed {
                    act: Act::Erased,
                    actor: Actor::System(KIND),
                    entity: Some((target.root.kind.name(), target.root.id)),
                    patients: vec![target.patient],
                    is_done: true,
                    detail: String::new(),
                });
            }
            Ok(())
        })
    }
}

/// What has been erased, if anything has.
async fn act(tx: &mut Tx, seal: &Seal, leased: &LeasedJob) -> Result<Option<Target>> {
    tx.finish_job(leased).await?;
    let id = leased.payload["plan"].as_str().unwrap_or_default();
    let Some(stored) = tx.read(kind("CarePlan")?, id).await? else {
        return Ok(None);
    };
    let tree = stored.tree()?;
    let Some(follow_up) = FollowUp::read(&tree).filter(|_| is_over(&tree["status"])) else {
        return Ok(None);
    };
    let patient = follow_up.patient;
    let holds = Holds {
        legal: has_legal_hold(tx, &patient).await?,
        unseen: has_unseen_alert(tx, &patient).await?,
    };
    let target = match decide(holds, &others(tx, &patient, id).await?) {
        Decision::Wait => {
            let again = tx
                .now()
                .saturating_add(LOOK_AGAIN)
                .unwrap_or(Timestamp::MAX);
            tx.enqueue(&job(id, again)).await?;
            return Ok(None);
        }
        Decision::Plan => Target::plan(id, &patient)?,
        Decision::Person => Target::person(&patient)?,
    };
    let record = erase::erase(tx, seal, &target, None).await?;
    Ok(record.map(|_| target))
}

async fn has_legal_hold(tx: &mut Tx, patient: &str) -> Result<bool> {
    let stored = tx.read(kind("Patient")?, patient).await?;
    let tree = stored.map(|stored| stored.tree()).transpose()?;
    Ok(tree.is_some_and(|tree| extension(&tree, LEGAL_HOLD) == Some(&Value::Bool(true))))
}

/// Whether an urgent alert is open whose Task nobody has taken.
async fn has_unseen_alert(tx: &mut Tx, patient: &str) -> Result<bool> {
    let flags = Query::new(kind("Flag")?)
        .reference("subject", &format!("Patient/{patient}"))
        .token("status", None, "active");
    for hit in tx.search(&flags).await?.hits {
        let flag = hit.stored.tree()?;
        let priority = extension(&flag, FLAG_PRIORITY);
        let urgent = priority.and_then(|concept| code_in(concept, FLAG_PRIORITY_CODE));
        if urgent != Some("PH") {
            continue;
        }
        let tasks = Query::new(kind("Task")?)
            .reference("focus", &format!("Flag/{}", hit.stored.id))
            .token("status", None, "requested")
            .token("code", Some(TASK_CODE), "handle-alert")
            .limit(1);
        if !tx.search(&tasks).await?.hits.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn others(tx: &mut Tx, patient: &str, plan: &str) -> Result<Vec<Other>> {
    let query = Query::new(kind("CarePlan")?).reference("subject", &format!("Patient/{patient}"));
    let mut others = Vec::new();
    for hit in tx.search(&query).await?.hits {
        if hit.stored.id == plan {
            continue;
        }
        let Some((_, retention)) = retention_of(tx, &hit.stored).await? else {
            continue;
        };
        let status = &hit.stored.tree()?["status"];
        let waits = tx.job_due(KIND, &hit.stored.id).await?;
        others.push(if status == "active" || status == "on-hold" {
            Other::Running
        } else if retention == Retention::Keep || waits.is_some_and(|at| at > tx.now()) {
            Other::Kept
        } else {
            Other::Due
        });
    }
    Ok(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn data_is_kept_to_the_midnight_after_its_days_where_the_patient_lives() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let grace = Retention::AtEnd { grace_days: 3 };
        for (retention, end, expected) in [
            (grace, "2026-03-10T13:00:00Z", Some("2026-03-13T23:00:00Z")),
            // The last window closes at midnight: that day is the end, not the one after it.
            (grace, "2026-03-10T23:00:00Z", Some("2026-03-13T23:00:00Z")),
            // Over the change to summer time.
            (grace, "2026-03-27T13:00:00Z", Some("2026-03-30T22:00:00Z")),
            (
                Retention::AtEnd { grace_days: 0 },
                "2026-03-10T13:00:00Z",
                Some("2026-03-10T23:00:00Z"),
            ),
            (
                Retention::Days(30),
                "2026-03-01T13:00:00Z",
                Some("2026-03-31T22:00:00Z"),
            ),
            (Retention::Keep, "2026-03-10T13:00:00Z", None),
        ] {
            assert_eq!(due(retention, at(end), &zone), expected.map(at), "{end}");
        }
    }

    #[test]
    fn what_somebody_still_needs_is_not_erased() {
        let free = Holds::default();
        let held = [
            Holds {
                legal: true,
                ..free
            },
            Holds {
                unseen: true,
                ..free
            },
        ];
        for holds in held {
            assert_eq!(decide(holds, &[]), Decision::Wait);
        }
        assert_eq!(decide(free, &[Other::Kept, Other::Running]), Decision::Wait);
        assert_eq!(decide(free, &[Other::Due, Other::Kept]), Decision::Plan);
        assert_eq!(decide(free, &[Other::Due]), Decision::Person);
        assert_eq!(decide(free, &[]), Decision::Person);
    }
}
