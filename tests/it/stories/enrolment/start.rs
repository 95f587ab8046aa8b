//! How follow-ups start: by a professional, with consent, on the days of the pathway.

use serde_json::{Value, json};

use super::desk::{Desk, canonical, code, days, extension, names, path, refused, said, statuses};
use crate::harness::rule_of;

#[test]
fn row_enrolment_by_professional() {
    let mut desk = Desk::open();
    let (patient, other) = (desk.person(), desk.person());
    let (mother, stranger) = (desk.relative(&patient), desk.relative(&other));
    let threshold = json!({ "name": "threshold", "part": [
        { "name": "name", "valueCode": "temperature" },
        { "name": "value", "valueDecimal": 38.5 },
    ] });
    let factor = json!({ "coding": [{
        "system": canonical("CodeSystem/risk-factor"), "code": "diabetes",
    }] });
    let own = [
        names("reporter", &mother),
        json!({ "name": "reportChannel", "valueCode": "phone" }),
        json!({ "name": "reminderTime", "valueTime": "19:30:00" }),
        json!({ "name": "riskFactor", "valueCodeableConcept": factor }),
        json!({ "name": "spo2UrgentThreshold", "valueDecimal": 88 }),
        threshold,
    ];
    let plan = desk.enrol(&patient, "covid-medical", &own);
    let said_of = desk.read(&plan);
    assert_eq!(
        said(&said_of, "reporter").expect("one")["reference"],
        mother
    );
    assert_eq!(said(&said_of, "report-channel").expect("one"), "phone");
    assert_eq!(said(&said_of, "reminder-time").expect("one"), "19:30:00");
    assert_eq!(said(&said_of, "spo2-urgent-threshold").expect("one"), 88);
    assert_eq!(said(&said_of, "risk-factor").expect("one"), &factor);
    assert_eq!(said_of["careTeam"][0]["reference"], desk.team);
    assert_eq!(said_of["author"]["reference"], desk.nurse);
    // Who asks again, with other particulars, gets the running one as it is.
    let again = desk.apply(&patient, "covid-medical", &[]).expect(200);
    assert_eq!(again.json(), said_of);
    assert_eq!(desk.reports(&plan).len(), 11);

    let apply = |desk: &mut Desk, more: Value| desk.apply(&other, "covid-medical", &[more]);
    refused(
        apply(&mut desk, names("reporter", &mother)),
        422,
        "'reporter'",
    );
    desk.change(&stranger, |person| person["active"] = false.into());
    refused(
        apply(&mut desk, names("reporter", &stranger)),
        422,
        "'reporter'",
    );
    let fax = json!({ "name": "reportChannel", "valueCode": "fax" });
    refused(apply(&mut desk, fax), 400, "'reportChannel'");
    let typo = json!({ "name": "spo2UrgentTreshold", "valueDecimal": 88 });
    refused(apply(&mut desk, typo), 400, "'spo2UrgentTreshold'");
    desk.apply(&other, "no-such-pathway", &[]).expect(404);
    assert_eq!(
        desk.search(&format!("CarePlan?subject={other}")),
        Vec::<Value>::new()
    );
}

#[test]
fn row_consent_recorded() {
    let mut desk = Desk::open();
    let stranger = desk.stranger();
    let reply = desk.apply(&stranger, "covid-contact", &[]).expect(422);
    assert!(reply.text().contains("consent"), "{}", reply.text());
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-contact", &[]);
    let consent = desk.search(&format!("Consent?patient={patient}"))[0].clone();
    let consent = format!("Consent/{}", consent["id"].as_str().expect("an id"));
    desk.change(&consent, |consent| consent["status"] = "inactive".into())
        .expect(200);
    assert_eq!(
        desk.read(&plan)["status"],
        "revoked",
        "no follow-up without consent"
    );
    let reports = desk.reports(&plan);
    assert!(reports.iter().all(|task| task["status"] == "cancelled"));
    refused(desk.ask(&plan, "restart", &[]), 422, "CarePlan.status");
}

#[test]
fn row_schedule_engine_phases() {
    let mut desk = Desk::open();
    let medical = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14];
    for (pathway, wanted) in [
        ("covid-medical", medical.to_vec()),
        ("covid-case", medical.to_vec()),
        ("covid-contact", (1..=14).collect()),
    ] {
        let patient = desk.person();
        let plan = desk.enrol(&patient, pathway, &[]);
        assert_eq!(days(&desk.reports(&plan)), wanted, "{pathway}");
        assert_eq!(desk.read(&plan)["period"]["end"], "2030-04-07", "{pathway}");
    }
}

#[test]
fn complaint_32_all_days_are_seen_at_once_and_each_is_asked_in_its_turn() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let plan = desk.enrol(&patient, "covid-contact", &[]);
    let reports = desk.reports(&plan);
    assert_eq!(days(&reports), (1..=14).collect::<Vec<u32>>());
    let windows: Vec<&Value> = reports
        .iter()
        .map(|task| &task["restriction"]["period"])
        .collect();
    for (one, next) in windows.iter().zip(&windows[1..]) {
        assert_eq!(one["end"], next["start"], "no gap and no overlap");
    }
    for day in 25..=27 {
        desk.server.set_clock(&format!("2030-03-{day}T08:00:00Z"));
        let asked = desk.messages(&patient, "reminder").len();
        assert_eq!(
            asked,
            usize::try_from(day - 24).expect("small"),
            "one a day"
        );
        desk.report(&plan, &[]);
    }
}

#[test]
fn row_contact_vs_case_line() {
    let mut desk = Desk::open();
    let (contact, case) = (desk.person(), desk.person());
    let contact = desk.enrol(&contact, "covid-contact", &[]);
    let case = desk.enrol(&case, "covid-case", &[]);
    for (pathway, plan) in [("covid-contact", contact), ("covid-case", case)] {
        let url = canonical(&format!("PlanDefinition/{pathway}"));
        let line = desk.search(&format!(
            "CarePlan?instantiates-canonical={url}&status=active&_count=50"
        ));
        let ids: Vec<String> = line
            .iter()
            .map(|plan| format!("CarePlan/{}", plan["id"].as_str().expect("an id")))
            .collect();
        assert_eq!(ids, [plan], "{pathway}");
    }
}

#[test]
fn complaint_11_cases_are_followed_as_contacts_are() {
    for pathway in ["covid-case", "covid-contact"] {
        let mut desk = Desk::open();
        let patient = desk.person();
        let plan = desk.enrol(&patient, pathway, &[]);
        desk.server.set_clock("2030-03-25T08:00:00Z");
        assert_eq!(desk.messages(&patient, "reminder").len(), 1, "{pathway}");
        desk.report(&plan, &[("callback", json!({ "valueBoolean": true }))]);
        assert_eq!(statuses(&desk.reports(&plan))[0], "completed", "{pathway}");
        let flags = desk.search(&format!("Flag?patient={patient}"));
        assert_eq!(
            flags.iter().map(rule_of).collect::<Vec<_>>(),
            ["S8"],
            "{pathway}"
        );
        let days = json!({ "name": "days", "valuePositiveInt": 4 });
        path(&desk.ask(&plan, "extend", &[days]));
        path(&desk.ask(&plan, "restart", &[]));
    }
}

#[test]
fn complaint_20_the_baseline_is_noted_before_the_first_day() {
    let mut desk = Desk::open();
    let (patient, other) = (desk.person(), desk.person());
    let form = desk.read("Questionnaire/baseline");
    let answer = |patient: &str, status: &str| {
        json!({
            "resourceType": "QuestionnaireResponse",
            "questionnaire": format!("{}|1.0.0", canonical("Questionnaire/baseline")),
            "status": status,
            "subject": { "reference": patient },
            "item": [{ "linkId": "breathing", "item": [{
                "linkId": "spo2.value",
                "answer": [{ "valueQuantity": { "value": 91, "unit": "%",
                    "system": "http://unitsofmeasure.org", "code": "%" } }],
            }] }],
        })
    };
    assert!(form.to_string().contains("spo2.value"));
    let baseline = desk.record(&answer(&patient, "completed"));
    let unfinished = desk.record(&answer(&patient, "in-progress"));
    let others = desk.record(&answer(&other, "completed"));
    for wrong in [
        &unfinished,
        &others,
        &"QuestionnaireResponse/none".to_owned(),
    ] {
        let reply = desk.apply(&patient, "covid-medical", &[names("baseline", wrong)]);
        refused(reply, 422, "'baseline'");
    }
    let plan = desk.enrol(&patient, "covid-medical", &[names("baseline", &baseline)]);
    assert_eq!(desk.read(&plan)["supportingInfo"][0]["reference"], baseline);
    assert_ne!(
        statuses(&desk.reports(&plan))[0],
        "completed",
        "it is no report's answer"
    );
}

#[test]
fn row_phone_entered_responses() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let intake = desk.read("Questionnaire/agency-intake");
    assert!(
        intake["item"]
            .as_array()
            .is_some_and(|items| items.len() >= 6)
    );
    let mut keyed = json!({
        "resourceType": "QuestionnaireResponse",
        "questionnaire": format!("{}|1.0.0", canonical("Questionnaire/agency-intake")),
        "status": "completed",
        "item": [{ "linkId": "household", "item": [
            { "linkId": "household.size", "answer": [{ "valueInteger": 4 }] },
        ] }],
    });
    let by_phone = |desk: &Desk, answer: &mut Value| {
        answer["subject"] = json!({ "reference": patient });
        answer["source"] = json!({ "reference": patient });
        answer["author"] = json!({ "reference": desk.nurse });
        answer["extension"] = json!([extension("answer-channel", "valueCode", "phone".into())]);
    };
    by_phone(&desk, &mut keyed);
    let intake = desk.record(&keyed);
    let phone = json!({ "name": "reportChannel", "valueCode": "phone" });
    let plan = desk.enrol(&patient, "covid-case", &[phone]);
    let mut kept = vec![intake];
    // Two calls on one day: neither answer is dropped, and both are judged.
    for danger in [false, true] {
        let items = [("danger.chest", json!({ "valueBoolean": danger }))];
        let mut answer = desk.answer(&plan, &items);
        by_phone(&desk, &mut answer);
        kept.push(desk.record(&answer));
    }
    for answer in &kept {
        let answer = desk.read(answer);
        assert_eq!(answer["author"]["reference"], desk.nurse);
        assert_eq!(answer["source"]["reference"], patient);
        assert_eq!(said(&answer, "answer-channel").expect("one"), "phone");
    }
    let first = &desk.reports(&plan)[0];
    assert_eq!(code(&first["businessStatus"]), "answered");
    assert_eq!(first["output"][0]["valueReference"]["reference"], kept[1]);
    let flags = desk.search(&format!("Flag?patient={patient}"));
    assert_eq!(flags.iter().map(rule_of).collect::<Vec<_>>(), ["U4"]);
}
