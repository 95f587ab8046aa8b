//! Forms filled from what the server has, and resources made of answers, over HTTP.

use serde_json::{Value, json};

use crate::harness::{Client, Options, Server};

const EXTRACT: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationExtract";

fn server() -> Server {
    Server::start_with(Options {
        environment: vec![(
            "VIGIE_CLOCK_START".to_owned(),
            "2030-03-25T08:00:00Z".to_owned(),
        )],
        ..Options::default()
    })
}

/// A form about a patient's name and weight; the weight is what was measured last.
fn form() -> Value {
    let asked = |text: &str| json!({ "language": "text/fhirpath", "expression": text });
    let weight = json!([{ "system": "http://loinc.org", "code": "29463-7" }]);
    json!({
        "resourceType": "Questionnaire", "id": "weight", "url": "urn:forms:weight", "version": "1",
        "status": "active", "item": [
            { "linkId": "name", "type": "string", "extension": [{
                "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-initialExpression",
                "valueExpression": asked("%patient.name.first().family") }] },
            { "linkId": "weight", "type": "quantity", "code": weight, "extension": [
                { "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationLinkPeriod",
                  "valueDuration": { "value": 1, "system": "http://unitsofmeasure.org", "code": "mo" } },
                { "url": EXTRACT, "valueBoolean": true }] },
            { "linkId": "conditions", "type": "group", "repeats": true, "extension": [{
                "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-itemPopulationContext",
                "valueExpression": { "name": "condition", "language": "application/x-fhir-query",
                    "expression": "Condition?subject=Patient/{{%patient.id}}&_sort=_lastUpdated" } }],
              "item": [{ "linkId": "what", "type": "string", "extension": [{
                "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-initialExpression",
                "valueExpression": asked("%condition.code.text") }] }] },
        ],
    })
}

fn begin(client: &mut Client) {
    let patient = json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "Doe" }] });
    client.put("Patient/p", &patient).expect(201);
    client.put("Questionnaire/weight", &form()).expect(201);
    let weight = |day: &str, value: u32| {
        json!({ "resourceType": "Observation", "status": "final",
            "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }] },
            "subject": { "reference": "Patient/p" }, "effectiveDateTime": day,
            "valueQuantity": { "value": value, "unit": "kg" } })
    };
    for (day, value) in [("2030-03-20", 71), ("2030-03-22", 70), ("2029-01-01", 90)] {
        client.post("Observation", &weight(day, value)).expect(201);
    }
    for text in ["Asthma", "Gout"] {
        let condition = json!({ "resourceType": "Condition", "code": { "text": text },
            "subject": { "reference": "Patient/p" } });
        client.post("Condition", &condition).expect(201);
    }
}

fn resource<'a>(parameters: &'a Value, name: &str) -> &'a Value {
    let mut all = parameters["parameter"]
        .as_array()
        .expect("parameters")
        .iter();
    let found = all.find(|parameter| parameter["name"] == name);
    &found.expect("the parameter")["resource"]
}

#[test]
fn a_form_is_filled_and_its_answer_becomes_an_observation() {
    let server = server();
    let mut client = server.client();
    begin(&mut client);
    let path = "Questionnaire/weight/$populate?subject=Patient/p";
    let told = client.get(path).expect(200).json();
    let mut answer = resource(&told, "response").clone();
    assert_eq!(answer["item"][0]["answer"][0]["valueString"], "Doe");
    assert_eq!(answer["item"][1]["answer"][0]["valueQuantity"]["value"], 70);
    let conditions: Vec<&Value> = answer["item"].as_array().expect("items")[2..]
        .iter()
        .map(|group| &group["item"][0]["answer"][0]["valueString"])
        .collect();
    assert_eq!(conditions, ["Asthma", "Gout"]);

    answer["status"] = "completed".into();
    let stored = client.post("QuestionnaireResponse", &answer).expect(201);
    let id = stored.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("QuestionnaireResponse/{id}/$extract");
    let bundle = client.get(&path).expect(200).json();
    assert_eq!(bundle["type"], "transaction");
    assert_eq!(bundle["entry"][0]["resource"]["valueQuantity"]["value"], 70);
    let written = client.post("", &bundle).expect(200).json();
    assert_eq!(written["entry"][0]["response"]["status"], "201 Created");
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    let server = server();
    let mut client = server.client();
    begin(&mut client);
    let asked = |parameter: Value| json!({ "resourceType": "Parameters", "parameter": parameter });
    let subject = json!({ "name": "subject", "valueReference": { "reference": "Patient/p" } });
    let canonical = |url: &str| json!({ "name": "canonical", "valueCanonical": url });
    let path = "Questionnaire/$populate";
    for (parameters, status) in [
        (json!([subject]), 400),
        (json!([canonical("urn:forms:weight")]), 400),
        (json!([subject, canonical("urn:none")]), 404),
        (
            json!([subject, canonical("urn:forms:weight"), { "name": "nonsense", "valueString": "x" }]),
            400,
        ),
        (json!([subject, canonical("urn:forms:weight|1")]), 200),
        (
            json!([subject, { "name": "questionnaire", "resource": form() }]),
            200,
        ),
    ] {
        client.post(path, &asked(parameters)).expect(status);
    }
    let answer = json!({ "resourceType": "QuestionnaireResponse", "status": "completed",
        "questionnaire": "urn:none" });
    client
        .post("QuestionnaireResponse/$extract", &answer)
        .expect(422);
    client
        .get("QuestionnaireResponse/none/$extract")
        .expect(404);
}

#[test]
fn an_answer_that_breaks_its_form_is_refused_where_the_operator_says_so() {
    for (setting, status) in [("keep", 201), ("refuse", 422)] {
        let name = "VIGIE_FHIR_VALIDATION_ANSWERS".to_owned();
        let server = Server::start_with(Options {
            environment: vec![(name, setting.to_owned())],
            ..Options::default()
        });
        let mut client = server.client();
        begin(&mut client);
        let answer = |link: &str, status: &str| {
            json!({ "resourceType": "QuestionnaireResponse", "status": status,
                "questionnaire": "urn:forms:weight|1", "subject": { "reference": "Patient/p" },
                "item": [{ "linkId": link, "answer": [{ "valueString": "Doe" }] }] })
        };
        let odd = client.post("QuestionnaireResponse", &answer("weight", "completed"));
        let told = odd.expect(status).text();
        assert_eq!(
            told.contains("QuestionnaireResponse.item[0].answer[0]"),
            status == 422
        );
        client
            .post("QuestionnaireResponse", &answer("name", "completed"))
            .expect(201);
        let mut unknown = answer("weight", "completed");
        unknown["questionnaire"] = "urn:none".into();
        client.post("QuestionnaireResponse", &unknown).expect(201);
        let purge = client.post("Patient/p/$purge", &json!({ "resourceType": "Parameters" }));
        assert!(purge.status < 300, "{}", purge.text());
    }
}
