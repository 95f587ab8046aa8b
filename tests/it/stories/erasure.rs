//! Stories of stop, end and erasure.

use serde_json::{Value, json};

use crate::harness::{Client, Nurse, Options, Patient, Server, about};

/// Two hours before the first report is due.
const MORNING: &str = "2030-03-25T06:00:00Z";

fn ward(pathway: &str) -> (Server, Nurse, Patient) {
    let server = Server::start_with(Options {
        environment: vec![("VIGIE_CLOCK_START".to_owned(), MORNING.to_owned())],
        ..Options::default()
    });
    let mut nurse = Nurse::of(&server);
    let patient = nurse.enrol(&server, pathway);
    (server, nurse, patient)
}

fn stop(client: &mut Client, plan: &str, by: &str, reason: Option<&str>) -> Value {
    let mut parameter = vec![json!({ "name": "by", "valueReference": { "reference": by } })];
    parameter.extend(reason.map(|code| json!({ "name": "reason", "valueCode": code })));
    let parameters = json!({ "resourceType": "Parameters", "parameter": parameter });
    client
        .post(&format!("{plan}/$stop"), &parameters)
        .expect(200)
        .json()
}

fn reason_of(plan: &Value) -> &str {
    let extensions = plan["extension"].as_array().into_iter().flatten();
    let mut reasons = extensions.filter(|one| {
        one["url"]
            .as_str()
            .is_some_and(|url| url.ends_with("/closure-reason"))
    });
    let reason = reasons
        .next()
        .map(|one| &one["valueCodeableConcept"]["coding"][0]["code"]);
    assert!(reasons.next().is_none(), "one reason");
    reason.and_then(Value::as_str).unwrap_or_default()
}

fn of_kind<'a>(resources: &'a [Value], element: &str, code: &str) -> Vec<&'a Value> {
    let is = |one: &&Value| {
        let concept = if one[element].is_array() {
            &one[element][0]
        } else {
            &one[element]
        };
        concept["coding"][0]["code"] == code
    };
    resources.iter().filter(is).collect()
}

/// On the medical pathway the team is asked; it answers by stopping, and then all of it ends.
#[test]
fn row_stop_by_patient() {
    let (server, _nurse, mut patient) = ward("covid-medical");
    let mut client = server.client();
    for _ in 0..2 {
        let plan = stop(&mut client, &patient.plan, &patient.path, None);
        assert_eq!(plan["status"], "active", "the team has not answered");
    }
    let tasks = patient.have("Task");
    let asked = of_kind(&tasks, "code", "stop-request");
    assert_eq!((asked.len(), &asked[0]["status"]), (1, &"requested".into()));
    let told = patient.have("Communication");
    assert_eq!(
        of_kind(&told, "category", "stop-requested").len(),
        1,
        "told once"
    );

    let plan = stop(
        &mut client,
        &patient.plan,
        "Practitioner/team",
        Some("patient-stop"),
    );
    assert_eq!(
        (&plan["status"], reason_of(&plan)),
        (&"revoked".into(), "patient-stop")
    );
    let tasks = patient.have("Task");
    assert_eq!(
        of_kind(&tasks, "code", "stop-request")[0]["status"],
        "completed"
    );
    for report in of_kind(&tasks, "code", "complete-questionnaire") {
        assert_eq!(report["status"], "cancelled");
    }
    assert_eq!(patient.have("Consent")[0]["status"], "inactive");
    let told = patient.have("Communication");
    assert_eq!(of_kind(&told, "category", "follow-up-ended").len(), 1);
    let again = stop(&mut client, &patient.plan, &patient.path, None);
    assert_eq!(
        again["meta"]["versionId"], plan["meta"]["versionId"],
        "a second stop changes nothing"
    );
}

/// On the agency's pathways the patient's word is enough.
#[test]
fn a_patients_word_is_enough_on_the_agencys_pathways() {
    let (server, _nurse, patient) = ward("covid-contact");
    let plan = stop(&mut server.client(), &patient.plan, &patient.path, None);
    assert_eq!(
        (&plan["status"], reason_of(&plan)),
        (&"revoked".into(), "patient-stop")
    );
}

#[test]
fn row_closure_reasons() {
    let (server, mut nurse, first) = ward("covid-medical");
    let mut client = server.client();
    let mut patient = first;
    for reason in [
        "professional-stop",
        "hospitalised",
        "deceased",
        "lost",
        "duplicate",
        "other",
    ] {
        let plan = stop(&mut client, &patient.plan, "Practitioner/p", Some(reason));
        assert_eq!(
            (&plan["status"], reason_of(&plan)),
            (&"revoked".into(), reason)
        );
        patient = nurse.enrol(&server, "covid-medical");
    }
    for wrong in ["completed", "nonsense"] {
        let parameters = json!({ "resourceType": "Parameters",
            "parameter": [{ "name": "reason", "valueCode": wrong }] });
        client
            .post(&format!("{}/$stop", patient.plan), &parameters)
            .expect(400);
    }
    client
        .post(
            "CarePlan/none/$stop",
            &json!({ "resourceType": "Parameters" }),
        )
        .expect(404);
}

/// The agency's data goes three days after the end, unless somebody still needs it; a clinical
/// record stays.
#[test]
fn row_purge_retention() {
    let (server, mut nurse, held) = ward("covid-case");
    let mut client = server.client();
    let unseen = nurse.enrol(&server, "covid-case");
    let free = nurse.enrol(&server, "covid-case");
    let kept = nurse.enrol(&server, "covid-medical");
    let urgent = unseen.answer(&[("danger.chest", json!({ "valueBoolean": true }))]);
    client.post("QuestionnaireResponse", &urgent).expect(201);
    let mut tree = client.get(&held.path).expect(200).json();
    tree["extension"] = json!([{
        "url": "https://vigie.example/fhir/StructureDefinition/legal-hold", "valueBoolean": true,
    }]);
    client.put(&held.path, &tree).expect(200);
    for patient in [&held, &unseen, &free, &kept] {
        stop(&mut client, &patient.plan, "Practitioner/p", None);
    }
    server.set_clock("2030-03-28T22:59:00Z");
    client.get(&free.path).expect(200);
    // The midnight after three days, where the patient lives.
    server.set_clock("2030-03-28T23:05:00Z");
    for path in [&free.path, &free.plan] {
        client.get(path).expect(404);
    }
    for path in [&held.path, &unseen.path, &kept.path, &kept.plan] {
        client.get(path).expect(200);
    }
    let tasks = about(&mut client, "Task", &unseen.path);
    let mut alert = of_kind(&tasks, "code", "handle-alert")[0].clone();
    alert["status"] = "accepted".into();
    let path = format!("Task/{}", alert["id"].as_str().expect("an id"));
    client.put(&path, &alert).expect(200);
    server.set_clock("2030-03-29T23:10:00Z");
    client.get(&unseen.path).expect(404);
    client.get(&held.path).expect(200);
    let mut tree = client.get(&held.path).expect(200).json();
    tree["extension"] = json!([]);
    tree.as_object_mut().expect("members").remove("extension");
    client.put(&held.path, &tree).expect(200);
    server.set_clock("2030-03-30T23:10:00Z");
    client.get(&held.path).expect(404);
    client.get(&kept.path).expect(200);
}

/// Of a person who is on two pathways, only what may go goes.
#[test]
fn a_follow_up_is_erased_beside_one_that_is_kept() {
    let (server, mut nurse, medical) = ward("covid-medical");
    let mut client = server.client();
    let agency = nurse.follow(&server, &medical.path, "covid-case");
    for patient in [&medical, &agency] {
        let answer = patient.answer(&[("callback", json!({ "valueBoolean": true }))]);
        client.post("QuestionnaireResponse", &answer).expect(201);
        stop(&mut client, &patient.plan, "Practitioner/p", None);
    }
    server.set_clock("2030-03-28T23:05:00Z");
    client.get(&agency.plan).expect(404);
    client.get(&medical.plan).expect(200);
    client.get(&medical.path).expect(200);
    let answers = about(&mut client, "QuestionnaireResponse", &medical.path);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["basedOn"][0]["reference"], medical.plan.as_str());
    for task in about(&mut client, "Task", &medical.path) {
        assert_ne!(task["basedOn"][0]["reference"], agency.plan.as_str());
    }
}

/// All that is about a patient, in the order in which it came, on one page or on several.
#[test]
fn row_timeline_per_patient() {
    let (server, _nurse, mut patient) = ward("covid-medical");
    let mut client = server.client();
    patient
        .report(&[("danger.chest", json!({ "valueBoolean": true }))])
        .expect(201);
    let all = client
        .get(&format!("{}/$everything", patient.path))
        .expect(200)
        .json();
    let entries = all["entry"].as_array().expect("entries");
    let mut kinds: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry["resource"]["resourceType"].as_str())
        .collect();
    assert_eq!(kinds[0], "Patient");
    kinds.sort_unstable();
    kinds.dedup();
    for kind in [
        "CarePlan",
        "Communication",
        "Consent",
        "Flag",
        "Practitioner",
        "QuestionnaireResponse",
        "Task",
    ] {
        assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
    }
    let answers = format!(
        "{}/$everything?_type=QuestionnaireResponse,Flag",
        patient.path
    );
    let some = client.get(&answers).expect(200).json();
    assert_eq!(some["entry"].as_array().map(Vec::len), Some(2));
}

/// Deletion by rule needs nobody to remember it: a follow-up that nobody stops ends, and three days
/// later nothing of the person is there; the figures of it stay.
#[test]
fn complaint_13_automatic_deletion_by_rules() {
    let (server, _nurse, patient) = ward("covid-case");
    server.set_clock("2030-04-07T23:00:00Z");
    let mut client = server.client();
    assert_eq!(
        client.get(&patient.plan).expect(200).json()["status"],
        "completed"
    );
    server.set_clock("2030-04-11T23:00:00Z");
    // N2's alert is simple: it does not hold the erasure up.
    client.get(&patient.path).expect(404);
    client.get(&patient.plan).expect(404);
}
