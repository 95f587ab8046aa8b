//! Reminders: when they go out, to whom, by what and in which language.

use serde_json::{Value, json};

use super::{dawn, fine, pathway_with, person, reminders, sent, set, tasks};
use crate::harness::{Behaviour, Gateway, Patient};

#[test]
fn row_email_reminder() {
    let (server, mut nurse) = dawn(&[]);
    let mut silent = nurse.enrol_person(&server, "covid-medical", &person("1990-01-01"));
    let mut prompt = nurse.enrol_person(&server, "covid-medical", &person("1990-01-01"));
    server.set_clock("2030-03-25T09:00:00Z");
    prompt.report(&fine()).expect(201);
    server.set_clock("2030-03-25T22:00:00Z");
    let (first, second) = ("2030-03-25T08:00:00.000Z", "2030-03-25T12:00:00.000Z");
    assert_eq!(sent(&mut prompt), [first]);
    assert_eq!(
        sent(&mut silent),
        [first, second],
        "once more, and no more than that"
    );
    let task = &tasks(&mut silent, "complete-questionnaire")[0];
    let about = format!("Task/{}", task["id"].as_str().expect("an id"));
    for reminder in reminders(&mut silent) {
        assert_eq!(reminder["medium"][0]["coding"][0]["code"], "EMAILWRIT");
        assert_eq!(reminder["about"][0]["reference"], about);
    }
}

#[test]
fn row_sms_reminder() {
    let gateway = Gateway::start();
    let (server, mut nurse) = dawn(&[
        ("VIGIE_SMS_CHANNEL", "http"),
        ("VIGIE_SMS_URL", &gateway.url()),
    ]);
    let mut somebody = person("1990-01-01");
    somebody["telecom"] = json!([
        { "system": "email", "value": "camille@home.example", "rank": 2 },
        { "system": "phone", "use": "mobile", "value": "07 00 00 00 01", "rank": 1 },
    ]);
    let mut medical = nurse.enrol_person(&server, "covid-medical", &somebody);
    somebody["telecom"][1]["value"] = "07 00 00 00 02".into();
    let mut agency = nurse.enrol_person(&server, "covid-contact", &somebody);
    server.set_clock("2030-03-25T08:00:00Z");
    assert_eq!(gateway.to("+33700000001").len(), 1);
    assert_eq!(sent(&mut medical).len(), 1);
    // The agency's pathways write by mail alone, whatever the person prefers.
    assert_eq!(gateway.to("+33700000002").len(), 0);
    let mail = &reminders(&mut agency)[0];
    assert_eq!(mail["medium"][0]["coding"][0]["code"], "EMAILWRIT");
    assert_eq!(mail["status"], "completed");
}

#[test]
fn row_i18n() {
    let gateway = Gateway::start();
    let (server, mut nurse) = dawn(&[
        ("VIGIE_SMS_CHANNEL", "http"),
        ("VIGIE_SMS_URL", &gateway.url()),
    ]);
    let speaks = |tag: &str, number: &str| {
        let mut somebody = person("1990-01-01");
        somebody["telecom"] = json!([{ "system": "phone", "use": "mobile", "value": number }]);
        somebody["communication"] =
            json!([{ "language": { "coding": [{ "code": tag }] }, "preferred": true }]);
        somebody
    };
    nurse.enrol_person(&server, "covid-medical", &speaks("fr", "0700000001"));
    nurse.enrol_person(&server, "covid-medical", &speaks("en-GB", "0700000002"));
    nurse.enrol_person(&server, "covid-medical", &speaks("pt", "0700000003"));
    server.set_clock("2030-03-25T08:00:00Z");
    let text = |number: &str| gateway.to(number)[0].member("text").to_owned();
    assert!(text("+33700000001").contains("un questionnaire vous attend"));
    assert!(text("+33700000002").contains("a questionnaire is waiting"));
    let third = text("+33700000003");
    assert!(
        third.contains("un questionnaire"),
        "the service's own: {third}"
    );
}

/// Reminders that reach people in another time zone at the wrong hour, or not at all.
#[test]
fn complaint_01_each_is_reminded_at_nine_where_they_live() {
    let (server, mut nurse) = dawn(&[]);
    let mut client = server.client();
    let zones = [
        ("Europe/Paris", "2030-03-26T08:00:00.000Z"),
        ("America/Martinique", "2030-03-26T13:00:00.000Z"),
        ("Indian/Reunion", "2030-03-26T05:00:00.000Z"),
        ("Pacific/Noumea", "2030-03-25T22:00:00.000Z"),
    ];
    let mut people: Vec<Patient> = Vec::new();
    for (zone, _) in zones {
        // The harness enrols in Paris; this one is enrolled where they live.
        let mut somebody = nurse.enrol_person(&server, "covid-contact", &person("1990-01-01"));
        let parameters = json!({
            "resourceType": "Parameters",
            "parameter": [
                { "name": "subject", "valueString": somebody.path },
                { "name": "practitioner", "valueString": nurse.practitioner() },
                { "name": "timeZone", "valueString": zone },
                { "name": "start", "valueDateTime": "2030-03-25T20:00:00Z" },
            ],
        });
        let plan = client
            .post("PlanDefinition/covid-medical/$apply", &parameters)
            .expect(200)
            .json();
        somebody.plan = format!("CarePlan/{}", plan["id"].as_str().expect("an id"));
        people.push(somebody);
    }
    server.set_clock("2030-03-27T04:00:00Z");
    for (somebody, (zone, hour)) in people.iter_mut().zip(zones) {
        let plan = somebody.plan.clone();
        let of_plan: Vec<Value> = reminders(somebody)
            .into_iter()
            .filter(|one| one["basedOn"][0]["reference"] == plan)
            .collect();
        let first = of_plan.iter().filter(|one| one["sent"] == hour).count();
        assert_eq!(first, 1, "{zone}: {of_plan:?}");
    }
}

#[test]
fn complaint_24_a_text_message_is_one_and_in_the_persons_language() {
    let gateway = Gateway::start();
    let (server, mut nurse) = dawn(&[
        ("VIGIE_SMS_CHANNEL", "http"),
        ("VIGIE_SMS_URL", &gateway.url()),
        ("VIGIE_SMS_ORGANIZATION", "Télésuivi Hôtel-Dieu"),
    ]);
    let mut somebody = person("1990-01-01");
    somebody["telecom"] = json!([{ "system": "sms", "value": "0700000001" }]);
    nurse.enrol_person(&server, "covid-medical", &somebody);
    server.set_clock("2030-03-25T08:00:00Z");
    let text = gateway.texts()[0].member("text").to_owned();
    assert!(text.starts_with("Télésuivi Hotel-Dieu : "), "{text}");
    assert!(text.chars().count() <= 160, "{text}");
    // Letters that GSM 03.38 lacks would make it two.
    for letter in "çêâîôûëïœÀ’«»\u{a0}".chars() {
        assert!(!text.contains(letter), "{letter} in {text}");
    }
}

/// Deliveries that were lost, or repeated nineteen times.
#[test]
fn complaint_31_a_delivery_is_neither_lost_nor_repeated() {
    let gateway = Gateway::start();
    let (server, mut nurse) = dawn(&[
        ("VIGIE_SMS_CHANNEL", "http"),
        ("VIGIE_SMS_URL", &gateway.url()),
    ]);
    let mut somebody = person("1990-01-01");
    somebody["telecom"] = json!([{ "system": "sms", "value": "0700000001" }]);
    let mut patient = nurse.enrol_person(&server, "covid-medical", &somebody);
    gateway.behave(Behaviour::Answer {
        status: 503,
        headers: "",
        body: "",
        times: 4,
    });
    server.set_clock("2030-03-25T11:59:00Z");
    let texts = gateway.texts();
    let accepted = texts.iter().filter(|text| text.accepted).count();
    assert_eq!(
        (texts.len(), accepted),
        (5, 1),
        "tried until it is taken, and then no more"
    );
    let first = texts[0].member("reference");
    assert!(texts.iter().all(|text| text.member("reference") == first));
    assert_eq!(sent(&mut patient).len(), 1);
}

#[test]
fn an_hour_of_ones_own_and_hours_of_rest_are_kept() {
    let (server, mut nurse) = dawn(&[]);
    pathway_with(
        &server,
        "with-rest",
        &[
            json!({ "url": "quietStart", "valueTime": "12:30:00" }),
            json!({ "url": "quietEnd", "valueTime": "14:00:00" }),
        ],
    );
    let mut patient = nurse.enrol_person(&server, "with-rest", &person("1990-01-01"));
    let mut late = nurse.enrol_person(&server, "with-rest", &person("1990-01-01"));
    set(
        &server,
        &late,
        "reminder-time",
        ("valueTime", "19:30:00".into()),
    );
    let mut early = nurse.enrol_person(&server, "with-rest", &person("1990-01-01"));
    set(
        &server,
        &early,
        "reminder-time",
        ("valueTime", "07:15:00".into()),
    );
    server.set_clock("2030-03-25T23:00:00Z");
    let at = |hour: &str| format!("2030-03-25T{hour}:00.000Z");
    assert_eq!(sent(&mut patient), [at("08:00"), at("13:00")]);
    assert_eq!(sent(&mut late), [at("18:30"), at("22:30")]);
    assert_eq!(sent(&mut early), [at("06:15"), at("10:15")]);
}

#[test]
fn who_reports_for_somebody_is_who_is_reminded() {
    let (server, mut nurse) = dawn(&[]);
    let mut patient = nurse.enrol_person(&server, "covid-medical", &person("2021-01-01"));
    let mother = json!({
        "resourceType": "RelatedPerson",
        "patient": { "reference": patient.path },
        "telecom": [{ "system": "email", "value": "mother@home.example" }],
    });
    let mother = server.client().post("RelatedPerson", &mother).expect(201);
    let mother = mother.location();
    let value = json!({ "reference": mother });
    set(&server, &patient, "reporter", ("valueReference", value));
    server.set_clock("2030-03-25T08:00:00Z");
    let reminder = &reminders(&mut patient)[0];
    assert_eq!(reminder["recipient"][0]["reference"], mother);
    assert_eq!(reminder["subject"]["reference"], patient.path);
    assert_eq!(reminder["status"], "completed");
}
