//! An erasure changes no figure.

use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    fhir::{
        canonical::{
            ALERT_RULE, FLAG_PRIORITY, FLAG_PRIORITY_CODE, REPORT, SDC_TASK, TASK_CODE, TIME_ZONE,
        },
        permit::Permit,
        resource::Resource,
    },
    figures::live::figures,
    kernel::{
        chance::Generator,
        clock::{SimulatedClock, from_millis},
    },
    store::{Prepared, Store, StoreOptions},
};

const ANY: Permit = Permit::development();

/// 2020-05-18T08:00:00Z.
const START: i64 = 1_589_788_800_000;

struct Bench {
    store: Store,
    _folder: TempDir,
}

/// Two people: one with two follow-ups, in April and in May, the other with one.
async fn bench() -> Bench {
    let folder = TempDir::new().expect("a folder");
    let store = Store::open(StoreOptions {
        path: folder.path().join("vigie.sqlite"),
        readers: 2,
        clock: Arc::new(SimulatedClock::starting_at(from_millis(START))),
        chance: Arc::new(Generator::from_seed(1)),
        reactors: Vec::new(),
    })
    .await
    .expect("a store");
    let mut all = Vec::new();
    for (patient, plan, start) in [
        ("one", "a", "2020-04-20"),
        ("one", "b", "2020-05-11"),
        ("two", "c", "2020-05-12"),
    ] {
        all.extend(course(patient, plan, start));
    }
    put(&store, all).await;
    Bench {
        store,
        _folder: folder,
    }
}

/// A follow-up with a report, its answer and an alert that has been handled.
fn course(patient: &str, plan: &str, start: &str) -> Vec<Value> {
    let (subject, based_on) = (
        json!({ "reference": format!("Patient/{patient}") }),
        json!([{ "reference": format!("CarePlan/{plan}") }]),
    );
    let morning = format!("{start}T08:00:00Z");
    vec![
        json!({
            "resourceType": "Patient", "id": patient,
            "gender": "female", "birthDate": "1950-01-01", "address": [{ "city": "Bron" }],
        }),
        json!({
            "resourceType": "CarePlan", "id": plan, "status": "completed", "intent": "plan",
            "subject": subject, "instantiatesCanonical": ["https://p|1.0.0"],
            "contributor": [{ "reference": "Organization/chu" }],
            "period": { "start": start, "end": start },
            "extension": [{ "url": TIME_ZONE, "valueCode": "Europe/Paris" }],
        }),
        json!({
            "resourceType": "Task", "id": format!("report-{plan}"), "status": "completed",
            "intent": "order", "for": subject, "basedOn": based_on,
            "code": { "coding": [{ "system": SDC_TASK, "code": "complete-questionnaire" }] },
            "identifier": [{ "system": REPORT, "value": format!("{plan}/1") }],
            "restriction": { "period": { "start": morning } },
        }),
        json!({
            "resourceType": "QuestionnaireResponse", "id": format!("answer-{plan}"),
            "status": "completed", "subject": subject, "basedOn": based_on, "authored": morning,
        }),
        json!({
            "resourceType": "Flag", "id": format!("flag-{plan}"), "status": "inactive",
            "subject": subject, "period": { "start": morning },
            "code": { "coding": [{ "system": ALERT_RULE, "code": "U2" }] },
            "extension": [{ "url": FLAG_PRIORITY, "valueCodeableConcept": { "coding": [
                { "system": FLAG_PRIORITY_CODE, "code": "PH" }
            ] } }],
        }),
        json!({
            "resourceType": "Task", "id": format!("handle-{plan}"), "status": "completed",
            "intent": "order", "for": subject, "basedOn": based_on, "authoredOn": morning,
            "code": { "coding": [{ "system": TASK_CODE, "code": "handle-alert" }] },
            "focus": { "reference": format!("Flag/flag-{plan}") },
            "executionPeriod": { "start": format!("{start}T08:04:00Z") },
        }),
    ]
}

async fn put(store: &Store, trees: Vec<Value>) {
    store
        .write(&ANY, move |tx| {
            Box::pin(async move {
                for tree in trees {
                    let resource = Resource::trusted(tree)?;
                    let id = resource.id().unwrap_or_default().to_owned();
                    tx.put(&id, Prepared::new(resource), None).await?;
                }
                Ok(())
            })
        })
        .await
        .expect("written");
}

/// Keeps the figures of what is about to go, and lets it go.
async fn erase(store: &Store, patient: &'static str, plans: Option<Vec<String>>) {
    store
        .write(&ANY, move |tx| {
            Box::pin(async move {
                keep(tx, patient, plans.as_deref()).await?;
                let gone = match &plans {
                    None => vec!["a".to_owned(), "b".to_owned()],
                    Some(plans) => plans.clone(),
                };
                for plan in gone {
                    for (name, id) in [
                        ("CarePlan", plan.clone()),
                        ("Task", format!("report-{plan}")),
                        ("QuestionnaireResponse", format!("answer-{plan}")),
                        ("Flag", format!("flag-{plan}")),
                        ("Task", format!("handle-{plan}")),
                    ] {
                        tx.delete(kind(name)?, &id, None).await?;
                    }
                }
                if plans.is_none() {
                    tx.delete(kind("Patient")?, patient, None).await?;
                }
                Ok(())
            })
        })
        .await
        .expect("erased");
}

async fn shown(store: &Store, days: Days) -> Vec<(String, String, i64)> {
    let figures = figures(store, &ANY, days).await.expect("figures");
    assert_eq!(figures.left_out, Vec::<String>::new());
    let numbers = figures.tally.numbers();
    numbers
        .map(|(key, n)| (key.name.clone(), key.month.clone(), n))
        .collect()
}

fn month(first: &str) -> Days {
    let first: jiff::civil::Date = first.parse().expect("a date");
    Days {
        first,
        last: first.last_of_month(),
    }
}

#[tokio::test]
async fn the_figures_before_and_after_an_erasure_are_equal() {
    let bench = bench().await;
    let spans = [Days::ALL, month("2020-04-01"), month("2020-05-01")];
    let mut before = Vec::new();
    for days in spans {
        before.push(shown(&bench.store, days).await);
    }
    let n = |name: &str, month: &str, n| (name.to_owned(), month.to_owned(), n);
    for expected in [
        n("people", "2020-04", 1),
        n("people", "2020-05", 1),
        n("started/app", "2020-05", 2),
        n("report-answered", "2020-05", 2),
        n("answer/app", "2020-05", 2),
        n("alert/urgent/U2", "2020-05", 2),
        n("acknowledged/urgent/5", "2020-05", 2),
    ] {
        assert!(before[0].contains(&expected), "{expected:?}: {before:?}");
    }
    // First only one follow-up, then the person as a whole.
    erase(&bench.store, "one", Some(vec!["a".to_owned()])).await;
    for (days, before) in spans.iter().zip(&before) {
        assert_eq!(&shown(&bench.store, *days).await, before);
    }
    erase(&bench.store, "one", None).await;
    for (days, before) in spans.iter().zip(&before) {
        assert_eq!(&shown(&bench.store, *days).await, before);
    }
}

#[tokio::test]
async fn what_is_kept_tells_one_person_from_no_other() {
    let bench = bench().await;
    erase(&bench.store, "one", None).await;
    let kept = bench.store.counts(&ANY).await.expect("counters");
    assert!(!kept.is_empty());
    for count in kept {
        assert_eq!(count.pathway, "https://p");
        assert_eq!(count.establishment, "Organization/chu");
        assert_eq!(count.month.len(), "2020-05".len());
        for told in ["one", "female", "1950", "Bron"] {
            assert!(!format!("{count:?}").contains(told), "{count:?}");
        }
    }
}

#[tokio::test]
async fn an_erasure_that_fails_keeps_nothing() {
    let bench = bench().await;
    let failed: Result<()> = bench
        .store
        .write(&ANY, |tx| {
            Box::pin(async move {
                keep(tx, "one", None).await?;
                Err(crate::kernel::problem::Problem::fault("the disk is full"))
            })
        })
        .await;
    assert!(failed.is_err());
    assert!(bench.store.counts(&ANY).await.expect("counters").is_empty());
}
