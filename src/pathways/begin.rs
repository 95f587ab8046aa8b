//! How a follow-up begins, whether by enrolment, anew, or in place of another; and how one ends
//! for another.
//!
//! A follow-up is a CarePlan with one Task for each report of its days. All is written in the
//! caller's transaction.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

use super::{
    report,
    schedule::{self, Report},
    standing::{put, rule},
};
use crate::{
    fhir::{
        canonical::{CLOSURE_REASON, CLOSURE_REASON_CODE, REPORT, SDC_TASK},
        care_plan::FollowUp,
        date,
        pathway::Pathway,
        resource::Resource,
    },
    kernel::problem::{Problem, Result},
    store::{Prepared, Stored, Tx},
};

/// What a CarePlan hands down to the one that replaces it; dates, Tasks and the reason of its end
/// are its own.
const HANDED_DOWN: [&str; 8] = [
    "extension",
    "category",
    "subject",
    "encounter",
    "author",
    "contributor",
    "careTeam",
    "supportingInfo",
];

/// The days that a follow-up has.
#[derive(Debug, Clone)]
pub(super) enum Days {
    /// Those of its pathway, from an instant on.
    From(Timestamp),
    /// These, of a calendar whose day 1 is a date already.
    Rest {
        /// The date of day 1.
        first: Date,
        /// The days that are still to come.
        days: Vec<u32>,
    },
}

/// What a CarePlan hands down to the one that replaces it.
pub(super) fn heir(plan: &Value, id: &str) -> Value {
    let mut heir = json!({ "resourceType": "CarePlan" });
    for member in HANDED_DOWN {
        if !plan[member].is_null() {
            heir[member] = plan[member].clone();
        }
    }
    if let Some(extension) = heir["extension"].as_array_mut() {
        extension.retain(|one| one["url"] != CLOSURE_REASON);
    }
    heir["replaces"] = json!([{ "reference": format!("CarePlan/{id}") }]);
    heir
}

/// Writes a CarePlan that says who and how, on a pathway and its days, with its Tasks.
pub(super) async fn begin(
    tx: &mut Tx,
    mut plan: Value,
    pathway: &Pathway,
    days: Days,
) -> Result<Stored> {
    let id = tx.new_id();
    plan["id"] = id.clone().into();
    plan["instantiatesCanonical"] = json!([pathway.canonical]);
    plan["status"] = "active".into();
    plan["intent"] = "plan".into();
    plan["title"] = pathway.title.clone().into();
    let (first, reports) = reports(&plan, pathway, days, tx.now())?;
    let Some(last) = reports.last() else {
        return Err(rule("The follow-up would have no report to ask for."));
    };
    plan["period"] = json!({ "start": first.to_string(), "end": last.date.to_string() });
    plan["activity"] = Value::Array(ask_for(tx, &plan, &reports).await?);
    tx.create(&id, Prepared::new(Resource::trusted(plan)?))
        .await
}

fn reports(
    plan: &Value,
    pathway: &Pathway,
    days: Days,
    now: Timestamp,
) -> Result<(Date, Vec<Report>)> {
    // The dates come last: until then any date stands for day 1.
    let mut dated = plan.clone();
    dated["period"]["start"] = "1970-01-01".into();
    let Some(mut follow_up) = FollowUp::read(&dated) else {
        return Err(Problem::fault(
            "a CarePlan that is to begin is no follow-up",
        ));
    };
    let policy = schedule::policy_of(&follow_up, &pathway.policy);
    match days {
        Days::From(start) => {
            let first = schedule::first_date(start, &follow_up.zone, policy.cut_off_time);
            let own = Pathway {
                policy,
                ..pathway.clone()
            };
            Ok((first, schedule::reports(&own, first, &follow_up.zone)))
        }
        Days::Rest { first, days } => {
            follow_up.first_date = first;
            Ok((first, schedule::on_days(pathway, &follow_up, &days, now)))
        }
    }
}

/// Makes the Task and the job of each report; gives what `CarePlan.activity` says of them.
pub(super) async fn ask_for(tx: &mut Tx, plan: &Value, reports: &[Report]) -> Result<Vec<Value>> {
    let mut activity = Vec::with_capacity(reports.len());
    for (n, due) in reports.iter().enumerate() {
        let id = tx.new_id();
        let task = Resource::trusted(task(plan, due, tx.now()))?;
        tx.create(&id, Prepared::new(task)).await?;
        let last = n + 1 == reports.len();
        tx.enqueue(&report::job(&id, last, due.due)).await?;
        activity.push(json!({ "reference": { "reference": format!("Task/{id}") } }));
    }
    Ok(activity)
}

/// A Task in the form of SDC's questionnaire task.
fn task(plan: &Value, due: &Report, now: Timestamp) -> Value {
    let id = plan["id"].as_str().unwrap_or_default();
    let mut task = json!({
        "resourceType": "Task",
        "identifier": [{ "system": REPORT, "value": format!("{id}/{}", due.day) }],
        "basedOn": [{ "reference": format!("CarePlan/{id}") }],
        "status": "requested",
        "intent": "order",
        "code": { "coding": [{ "system": SDC_TASK, "code": "complete-questionnaire" }] },
        "for": plan["subject"],
        "authoredOn": date::instant(now),
        "owner": plan["subject"],
        "restriction": {
            "period": { "start": date::instant(due.opens), "end": date::instant(due.closes) },
        },
        "input": [{
            "type": { "coding": [{ "system": SDC_TASK, "code": "questionnaire" }] },
            "valueCanonical": due.questionnaire,
        }],
    });
    let requester = [&plan["author"], &plan["contributor"][0]];
    if let Some(requester) = requester.into_iter().find(|one| !one.is_null()) {
        task["requester"] = requester.clone();
    }
    task
}

/// Ends a follow-up for another; its reports are called off when the end is seen, its alerts stay.
pub(super) async fn end(tx: &mut Tx, stored: &Stored, mut plan: Value, why: &str) -> Result<()> {
    plan["status"] = "completed".into();
    let reason = json!({
        "url": CLOSURE_REASON,
        "valueCodeableConcept": { "coding": [{ "system": CLOSURE_REASON_CODE, "code": why }] },
    });
    match plan["extension"].as_array_mut() {
        Some(list) => {
            list.retain(|one| one["url"] != CLOSURE_REASON);
            list.push(reason);
        }
        None => plan["extension"] = json!([reason]),
    }
    put(tx, stored, plan).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::canonical::{REPORTER, TIME_ZONE};

    #[test]
    fn people_and_particulars_are_handed_down_and_the_course_is_not() {
        let plan = json!({
            "resourceType": "CarePlan",
            "id": "old",
            "meta": { "versionId": "7" },
            "extension": [
                { "url": TIME_ZONE, "valueCode": "Europe/Paris" },
                { "url": REPORTER, "valueReference": { "reference": "RelatedPerson/r" } },
                { "url": CLOSURE_REASON, "valueCodeableConcept": { "text": "over" } },
            ],
            "identifier": [{ "value": "of the old one" }],
            "replaces": [{ "reference": "CarePlan/older" }],
            "status": "completed",
            "subject": { "reference": "Patient/p" },
            "period": { "start": "2030-03-25", "end": "2030-04-07" },
            "careTeam": [{ "reference": "CareTeam/t" }],
            "supportingInfo": [{ "reference": "QuestionnaireResponse/b" }],
            "activity": [{ "reference": { "reference": "Task/1" } }],
            "note": [{ "text": "a transfer" }],
        });
        let wanted = json!({
            "resourceType": "CarePlan",
            "extension": [plan["extension"][0], plan["extension"][1]],
            "subject": { "reference": "Patient/p" },
            "careTeam": [{ "reference": "CareTeam/t" }],
            "supportingInfo": [{ "reference": "QuestionnaireResponse/b" }],
            "replaces": [{ "reference": "CarePlan/old" }],
        });
        assert_eq!(heir(&plan, "old"), wanted);
    }

    #[test]
    fn a_report_is_asked_of_the_patient_by_whoever_enrolled() {
        let plan = json!({
            "id": "f",
            "subject": { "reference": "Patient/p" },
            "contributor": [{ "reference": "Organization/agency" }],
        });
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let report = Report {
            day: 3,
            date: "2030-03-27".parse().expect("a date"),
            opens: at("2030-03-26T23:00:00Z"),
            due: at("2030-03-27T08:00:00Z"),
            closes: at("2030-03-27T23:00:00Z"),
            questionnaire: "q|1".into(),
        };
        let task = task(&plan, &report, at("2030-03-25T08:00:00Z"));
        assert_eq!(task["identifier"][0]["value"], "f/3");
        assert_eq!(task["requester"]["reference"], "Organization/agency");
        assert_eq!(task["for"], plan["subject"]);
        assert_eq!(
            task["restriction"]["period"]["end"],
            "2030-03-27T23:00:00.000Z"
        );
    }
}
