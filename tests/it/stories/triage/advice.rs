//! What somebody is shown at once when their answer is urgent.

use serde_json::{Value, json};

use super::clinic::{CALLBACK, Clinic, DANGER};

const RELATION: &str = "https://vigie.example/fhir/rel/advice";

/// Sends an answer with a preference.
fn send(clinic: &mut Clinic, answer: &Value, prefer: &str) -> crate::harness::Reply {
    let headers = [
        ("content-type", "application/fhir+json"),
        ("prefer", prefer),
    ];
    let body = answer.to_string();
    let reply = clinic
        .desk
        .client
        .send("POST", "QuestionnaireResponse", &headers, body.as_bytes());
    reply.expect("a reply").expect(201)
}

fn answer(clinic: &mut Clinic, item: &str) -> Value {
    let items = [(item, json!({ "valueBoolean": true }))];
    clinic.desk.answer(&clinic.plan.clone(), &items)
}

/// The path that a Link header leads to.
fn linked(reply: &crate::harness::Reply) -> String {
    let link = reply.header("link").expect("a Link header");
    assert!(link.ends_with(&format!("rel=\"{RELATION}\"")), "{link}");
    let target = link
        .trim_start_matches('<')
        .split('>')
        .next()
        .expect("a target");
    let (_, path) = target.split_once("/fhir/").expect("a path of this server");
    path.to_owned()
}

#[test]
fn an_urgent_answer_is_replied_to_with_what_to_do() {
    let mut clinic = Clinic::open();
    let urgent = answer(&mut clinic, DANGER);
    let shown = send(&mut clinic, &urgent, "return=OperationOutcome");
    let outcome = shown.json();
    let text = outcome["issue"][1]["details"]["text"]
        .as_str()
        .expect("the advice");
    assert!(
        text.contains("15") && text.contains("112") && text.contains("114"),
        "{text}"
    );
    assert_eq!(outcome["issue"][1]["code"], "informational");
    let advice = clinic.desk.read(&linked(&shown));
    assert_eq!(advice["status"], "completed");
    assert_eq!(advice["payload"][0]["contentString"], text);
    assert_eq!(advice["recipient"][0]["reference"], clinic.patient);
    assert_eq!(advice["sent"], "2030-03-25T08:00:00.000Z");
    assert_eq!(
        advice["about"][0]["reference"].as_str().map(str::to_owned),
        Some(shown.location())
    );
    assert!(advice["medium"].is_null());
    // In any other form of reply, the link at least.
    for prefer in ["return=minimal", "return=representation"] {
        let reply = send(&mut clinic, &urgent, prefer);
        linked(&reply);
    }
    let simple = answer(&mut clinic, CALLBACK);
    let plain = send(&mut clinic, &simple, "return=OperationOutcome");
    assert_eq!(plain.header("link"), None);
    assert_eq!(plain.json()["issue"].as_array().map(Vec::len), Some(1));
    // Nothing of it is ever mailed.
    clinic.at("03-25T20:00:00Z");
    let messages = clinic.desk.messages(&clinic.patient.clone(), "advice");
    assert_eq!(messages.len(), 3);
    for message in messages {
        assert_eq!(message["meta"]["versionId"], "1");
    }
}

#[test]
fn entries_of_a_bundle_show_it_too() {
    let mut clinic = Clinic::open();
    let (urgent, simple) = (answer(&mut clinic, DANGER), answer(&mut clinic, CALLBACK));
    for kind in ["batch", "transaction"] {
        let entry = |answer: &Value| {
            json!({ "resource": answer,
                "request": { "method": "POST", "url": "QuestionnaireResponse" } })
        };
        let bundle = json!({ "resourceType": "Bundle", "type": kind,
            "entry": [entry(&simple), entry(&urgent)] });
        let replied = clinic.desk.client.post("", &bundle).expect(200).json();
        let outcome = |n: usize| replied["entry"][n]["response"]["outcome"].clone();
        assert!(outcome(0).is_null(), "{kind}");
        let text = outcome(1)["issue"][0]["details"]["text"].clone();
        assert!(
            text.as_str().is_some_and(|text| text.contains("112")),
            "{kind}: {text}"
        );
    }
}

#[test]
fn a_proxy_who_reads_english_is_advised_in_english_and_an_agent_tells_the_patient() {
    let mut clinic = Clinic::open();
    let patient = clinic.patient.clone();
    let mother = clinic.desk.record(&json!({
        "resourceType": "RelatedPerson",
        "patient": { "reference": patient },
        "communication": [{ "language": { "coding": [{ "code": "en" }] }, "preferred": true }],
    }));
    let mut urgent = answer(&mut clinic, DANGER);
    urgent["author"] = json!({ "reference": mother });
    let reply = send(&mut clinic, &urgent, "return=representation");
    let advice = clinic.desk.read(&linked(&reply));
    assert_eq!(advice["recipient"][0]["reference"], mother);
    assert_eq!(advice["language"], "en");
    let text = advice["payload"][0]["contentString"]
        .as_str()
        .expect("a text");
    assert!(text.contains("Call 15"), "{text}");
    let nurse = clinic.desk.nurse.clone();
    urgent["author"] = json!({ "reference": nurse });
    let reply = send(&mut clinic, &urgent, "return=representation");
    let advice = clinic.desk.read(&linked(&reply));
    assert_eq!(advice["recipient"][0]["reference"], patient);
    assert_eq!(advice["language"], "fr");
}

#[test]
fn an_answer_that_is_amended_has_one_advice_at_most() {
    let mut clinic = Clinic::open();
    let path = clinic.say(CALLBACK);
    clinic.at("03-25T08:10:00Z");
    let danger = json!([{ "linkId": DANGER, "answer": [{ "valueBoolean": true }] }]);
    let amend = |item: Value| {
        move |answer: &mut Value| {
            answer["status"] = "amended".into();
            answer["item"] = item;
        }
    };
    let reply = clinic.desk.change(&path, amend(danger.clone())).expect(200);
    let advice = linked(&reply);
    clinic.at("03-25T08:20:00Z");
    let again = clinic.desk.change(&path, amend(danger)).expect(200);
    assert_eq!(linked(&again), advice);
    clinic.at("03-25T08:30:00Z");
    let fine = json!([{ "linkId": DANGER, "answer": [{ "valueBoolean": false }] }]);
    let fine = clinic.desk.change(&path, amend(fine)).expect(200);
    assert_eq!(
        fine.header("link"),
        None,
        "what was advised before is not shown again"
    );
    assert_eq!(
        clinic
            .desk
            .messages(&clinic.patient.clone(), "advice")
            .len(),
        1
    );
}

#[test]
fn a_message_of_a_strangers_making_neither_hides_nor_feigns_advice() {
    let mut clinic = Clinic::open();
    let urgent = answer(&mut clinic, DANGER);
    let reply = send(&mut clinic, &urgent, "return=minimal");
    let advice = linked(&reply);
    clinic
        .desk
        .change(&advice, |message| {
            message["payload"] = json!([{ "contentString": "Tout va bien" }]);
        })
        .expect(200);
    clinic.at("03-25T08:10:00Z");
    let again = clinic
        .desk
        .change(&reply.location(), |answer| {
            answer["status"] = "amended".into()
        })
        .expect(200);
    let text = clinic.desk.read(&linked(&again))["payload"][0]["contentString"].clone();
    assert!(
        text.as_str().is_some_and(|text| text.contains("112")),
        "{text}"
    );
}
