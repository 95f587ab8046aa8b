//! The bundled pathways, tried out.

use std::{fs, path::Path, sync::Arc};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    fhir::{definitions::ResourceType, resource::Resource, search::query::Query},
    kernel::{
        chance::Generator,
        clock::{SimulatedClock, from_millis},
        problem::Category,
    },
    service,
    store::{Prepared, StoreOptions},
};

/// Nine o'clock in Paris: the due time of the bundled pathways.
const START: &str = "2030-03-25T08:00:00Z";

static ANY: Permit = Permit::development();

fn bundled(file: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/pathways");
    let text = fs::read_to_string(root.join(format!("{file}.json"))).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

/// A server's store with one pathway in it.
struct Bench {
    store: Store,
    simulator: Simulator,
    _folder: TempDir,
}

async fn bench() -> Bench {
    let folder = TempDir::new().expect("a folder");
    let store = Store::open(StoreOptions {
        path: folder.path().join("vigie.sqlite"),
        readers: 2,
        clock: Arc::new(SimulatedClock::starting_at(from_millis(1_000_000))),
        chance: Arc::new(Generator::from_seed(1)),
        reactors: service::reactors(),
    })
    .await
    .expect("a store");
    let files = [
        "Questionnaire-covid-medical",
        "PlanDefinition-covid-medical",
    ];
    let bundled = files
        .map(|file| Prepared::new(Resource::trusted(self::bundled(file)).expect("a resource")));
    let written = store.write(&ANY, move |tx| {
        Box::pin(async move {
            for one in bundled {
                tx.put("covid-medical", one, None).await?;
            }
            Ok(())
        })
    });
    written.await.expect("definitions");
    Bench {
        store,
        simulator: Simulator::default(),
        _folder: folder,
    }
}

fn asked(parameters: &[Value]) -> Value {
    let mut all = vec![
        json!({ "name": "start", "valueInstant": START }),
        json!({ "name": "timeZone", "valueCode": "Europe/Paris" }),
    ];
    all.extend(parameters.iter().cloned());
    json!({ "resourceType": "Parameters", "parameter": all })
}

fn answer(day: u32, items: Value) -> Value {
    json!({ "name": "answer", "part": [
        { "name": "day", "valuePositiveInt": day },
        { "name": "response", "resource": {
            "resourceType": "QuestionnaireResponse", "status": "completed", "item": items } },
    ] })
}

fn chest(pain: bool) -> Value {
    json!([{ "linkId": "danger.chest", "answer": [{ "valueBoolean": pain }] }])
}

impl Bench {
    async fn try_out(&self, parameters: &Value) -> Result<Value> {
        self.try_of(Some("covid-medical"), parameters).await
    }

    async fn try_of(&self, plan: Option<&str>, parameters: &Value) -> Result<Value> {
        let utc = TimeZone::UTC;
        let known = (&utc, from_millis(0));
        let store = (&self.store, &ANY);
        self.simulator
            .simulate(store, (plan, parameters), known)
            .await
    }

    async fn totals(&self) -> Vec<u64> {
        let mut totals = Vec::new();
        for name in [
            "Patient",
            "Task",
            "Flag",
            "Communication",
            "CarePlan",
            "Questionnaire",
        ] {
            let kind = ResourceType::named(name).expect("a type");
            let page = self.store.search(&ANY, &Query::new(kind)).await;
            totals.push(page.expect("a search").hits.len() as u64);
        }
        let jobs = self.store.job_counts(&ANY).await.expect("counts");
        totals.extend([jobs.0, jobs.1]);
        totals
    }
}

/// The parts of each parameter of a name, as `name=value`.
fn lines(outcome: &Value, name: &str) -> Vec<String> {
    let all = outcome["parameter"].as_array().expect("parameters");
    let named = all.iter().filter(|one| one["name"] == name);
    named
        .map(|one| {
            let parts = one["part"].as_array().into_iter().flatten();
            let shown = parts.filter_map(|part| {
                let (_, value) = part
                    .as_object()?
                    .iter()
                    .find(|(n, _)| n.starts_with("value"))?;
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                Some(format!("{}={value}", part["name"].as_str()?))
            });
            shown.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[tokio::test]
async fn a_course_shows_what_a_follow_up_comes_to() {
    let bench = bench().await;
    let before = bench.totals().await;
    let asked = asked(&[answer(1, chest(false)), answer(2, chest(true))]);
    let outcome = bench.try_out(&asked).await.expect("an outcome");
    let days = lines(&outcome, "day");
    assert_eq!(days.len(), 11, "{days:?}");
    assert!(days[0].ends_with("outcome=answered") && days[2].ends_with("outcome=missed"));
    assert!(days[0].starts_with("day=1 date=2030-03-25 opens=2030-03-24T23:00:00.000Z"));
    let alerts = lines(&outcome, "alert");
    assert!(alerts[0].starts_with("rule=U4 level=urgent at=2030-03-26T09:00:00.000Z day=2"));
    assert!(alerts[0].ends_with("source=answer-2"), "{alerts:?}");
    assert!(alerts[1].starts_with("rule=N2 level=simple at=2030-03-27T23:00:00.000Z day=3"));
    assert_eq!(lines(&outcome, "missed").len(), 9);
    let end = lines(&outcome, "end");
    assert_eq!(end, ["status=completed at=2030-04-07T22:00:00.000Z day=15"]);
    assert_eq!(bench.totals().await, before, "something was written");
}

#[tokio::test]
async fn what_is_the_patients_own_counts() {
    let bench = bench().await;
    let low = json!([{ "linkId": "spo2.value", "answer": [{ "valueQuantity": {
        "value": 91, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%" } }] }]);
    let own = |percent: u32| {
        asked(&[
            answer(1, low.clone()),
            json!({ "name": "spo2UrgentThreshold", "valueDecimal": percent }),
            json!({ "name": "reminderTime", "valueTime": "19:30:00" }),
        ])
    };
    let outcome = bench.try_out(&own(85)).await.expect("an outcome");
    assert!(!lines(&outcome, "alert")[0].starts_with("rule=U2"));
    let outcome = bench.try_out(&own(93)).await.expect("an outcome");
    assert!(lines(&outcome, "alert")[0].starts_with("rule=U2 level=urgent"));
    let days = lines(&outcome, "day");
    assert!(days[0].contains("due=2030-03-25T18:30:00.000Z"), "{days:?}");
    let answers = lines(&outcome, "answer");
    assert_eq!(answers, ["id=answer-1 day=1 at=2030-03-25T19:30:00.000Z"]);
}

#[tokio::test]
async fn who_is_followed_by_telephone_is_called_and_not_reminded() {
    let bench = bench().await;
    let by_phone = json!({ "name": "reportChannel", "valueCode": "phone" });
    let asked = asked(&[answer(1, chest(false)), by_phone]);
    let outcome = bench.try_out(&asked).await.expect("an outcome");
    assert_eq!(lines(&outcome, "reminder"), Vec::<String>::new());
    let calls = lines(&outcome, "call");
    assert_eq!(calls.len(), 11, "{calls:?}");
    assert_eq!(
        calls[0],
        "day=1 at=2030-03-25T08:00:00.000Z status=completed"
    );
    assert!(calls[1].ends_with("status=failed"), "{calls:?}");
}

#[tokio::test]
async fn an_unanswered_report_is_asked_for_twice() {
    let bench = bench().await;
    let until = json!({ "name": "until", "valueInstant": "2030-03-25T22:59:59Z" });
    let outcome = bench.try_out(&asked(&[until])).await.expect("an outcome");
    assert_eq!(
        lines(&outcome, "reminder"),
        [
            "day=1 at=2030-03-25T08:00:00.000Z second=false",
            "day=1 at=2030-03-25T12:00:00.000Z second=true",
        ]
    );
    assert_eq!(lines(&outcome, "end"), ["status=active"]);
    assert!(lines(&outcome, "day")[0].ends_with("outcome=ready"));
}

#[tokio::test]
async fn an_alert_that_nobody_takes_is_passed_on_until_somebody_does() {
    let bench = bench().await;
    let until = json!({ "name": "until", "valueInstant": "2030-03-25T21:00:00Z" });
    let take = json!({ "name": "acknowledge", "part": [
        { "name": "rule", "valueCode": "U4" }, { "name": "afterMinutes", "valueUnsignedInt": 40 },
    ] });
    let left = asked(&[answer(1, chest(true)), until.clone()]);
    let outcome = bench.try_out(&left).await.expect("an outcome");
    let steps = lines(&outcome, "escalation");
    assert!(steps.len() > 3, "{steps:?}");
    let taken = asked(&[answer(1, chest(true)), until, take]);
    let outcome = bench.try_out(&taken).await.expect("an outcome");
    assert_eq!(
        lines(&outcome, "escalation"),
        [
            "rule=U4 step=1 at=2030-03-25T09:15:00.000Z to=Practitioner/doctor",
            "rule=U4 step=2 at=2030-03-25T09:30:00.000Z to=Practitioner/on-call",
        ]
    );
    let advice = lines(&outcome, "advice");
    assert!(advice[0].starts_with("day=1 at=2030-03-25T09:00:00.000Z text=Appelez"));
    assert!(advice[0].ends_with("source=answer-1"), "{advice:?}");
}

#[tokio::test]
async fn a_seed_gives_the_same_course_again_and_another_seed_another() {
    let bench = bench().await;
    let mut outcomes = Vec::new();
    for seed in [7, 7, 8] {
        let asked = asked(&[json!({ "name": "seed", "valueInteger": seed })]);
        let outcome = bench.try_out(&asked).await.expect("an outcome");
        assert!(lines(&outcome, "answer").len() > 3, "{outcome}");
        outcomes.push(outcome);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_ne!(outcomes[0], outcomes[2]);
}

#[tokio::test]
async fn a_draft_is_tried_from_the_request_alone() {
    let bench = bench().await;
    let mut draft = bundled("PlanDefinition-covid-case");
    draft["status"] = "draft".into();
    let asked = asked(&[
        json!({ "name": "definition", "resource": draft }),
        json!({ "name": "questionnaire", "resource": bundled("Questionnaire-covid-case") }),
    ]);
    let outcome = bench.try_of(None, &asked).await.expect("an outcome");
    assert_eq!(lines(&outcome, "missed").len(), 11);
}

#[tokio::test]
async fn a_draft_keeps_to_the_rules_of_publishing() {
    let bench = bench().await;
    let mut draft = bundled("PlanDefinition-covid-case");
    draft["status"] = "draft".into();
    let rule = draft["action"].as_array_mut().expect("actions");
    let rule = rule.iter_mut().find(|one| one["id"] == "U4").expect("U4");
    let wrong = "%current.repeat(item).where(linkId = 'danger.chset').answer.value = true";
    rule["action"][0]["condition"][0]["expression"]["expression"] = wrong.into();
    let asked = asked(&[
        json!({ "name": "definition", "resource": draft }),
        json!({ "name": "questionnaire", "resource": bundled("Questionnaire-covid-case") }),
    ]);
    let problem = bench.try_of(None, &asked).await.expect_err("refused");
    assert_eq!(problem.category, Category::Invalid);
    let places: Vec<&str> = problem
        .issues
        .iter()
        .filter_map(|issue| issue.expression.as_deref())
        .collect();
    let places = places.join(" ");
    assert!(places.contains("PlanDefinition.action["), "{places}");
    assert!(problem.to_string().contains("danger.chset"), "{problem}");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_at_its_place() {
    let bench = bench().await;
    let wrong = [
        (
            json!({ "name": "sead", "valueInteger": 1 }),
            "Parameters.parameter[2]",
        ),
        (
            json!({ "name": "seed", "valueString": "x" }),
            "Parameters.parameter[2]",
        ),
        (
            json!({ "name": "start", "valueInstant": START }),
            "Parameters.parameter[2]",
        ),
        (
            json!({ "name": "until", "valueInstant": "2030-03-24T08:00:00Z" }),
            "Parameters.parameter[2]",
        ),
        (answer(801, chest(true)), "Parameters.parameter[2].part[0]"),
        (
            json!({ "name": "answer", "part": [{ "name": "day", "valuePositiveInt": 1 }] }),
            "Parameters.parameter[2]",
        ),
        (
            json!({ "name": "acknowledge", "part": [{ "name": "rule", "valueCode": "U4" }] }),
            "Parameters.parameter[2]",
        ),
    ];
    for (parameter, place) in wrong {
        let problem = bench
            .try_out(&asked(std::slice::from_ref(&parameter)))
            .await
            .expect_err("refused");
        assert!(matches!(
            problem.category,
            Category::Malformed | Category::Invalid
        ));
        assert_eq!(
            problem.issues[0].expression.as_deref(),
            Some(place),
            "{parameter}"
        );
    }
}

#[tokio::test]
async fn bounds_hold_on_answers_on_time_and_on_simulations_at_once() {
    let mut bench = bench().await;
    let many = vec![answer(1, chest(false)); request::ANSWERS_MAX + 1];
    let problem = bench.try_out(&asked(&many)).await.expect_err("too many");
    assert_eq!(problem.issues[0].code, "too-costly");
    bench.simulator = Simulator::within(0, TIME_MAX);
    let problem = bench.try_out(&asked(&[])).await.expect_err("no room");
    assert_eq!(problem.category, Category::Busy);
    bench.simulator = Simulator::within(1, Duration::from_millis(1));
    let problem = bench.try_out(&asked(&[])).await.expect_err("no time");
    assert_eq!(problem.issues[0].code, "too-costly");
}

#[tokio::test]
async fn a_missing_form_is_named() {
    let bench = bench().await;
    let plan = bundled("PlanDefinition-covid-case");
    let asked = asked(&[json!({ "name": "definition", "resource": plan })]);
    let problem = bench.try_of(None, &asked).await.expect_err("refused");
    let place = problem.issues[0].expression.as_deref();
    assert_eq!(place, Some("PlanDefinition.action[0].definitionCanonical"));
}
