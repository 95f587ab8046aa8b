//! Every answer of the generator fits its form, checked without the code that wrote it.

use std::collections::BTreeMap;

use super::*;
use crate::demo::{
    course::signs,
    people::{Pathway, Person, cohort},
};

fn questionnaire(pathway: Pathway) -> Value {
    let text = match pathway {
        Pathway::Medical => {
            include_str!("../../../profiles/pathways/Questionnaire-covid-medical.json")
        }
        Pathway::Case => include_str!("../../../profiles/pathways/Questionnaire-covid-case.json"),
        Pathway::Contact => {
            include_str!("../../../profiles/pathways/Questionnaire-covid-contact.json")
        }
    };
    serde_json::from_str(text).unwrap()
}

fn written(form: &Form, person: &Person, day: u32, round: u32) -> Value {
    let author = Author {
        keyed_by: None,
        patient: "Patient/p",
        care_plan: "CarePlan/c",
        authored: "2020-05-18T09:00:00Z".parse().unwrap(),
        date: jiff::civil::date(2020, 5, 18),
    };
    response(form, &signs(1, person, day, round), author, "completed")
}

/// Walks form and response side by side; counts the answers.
fn check(items: &Value, given: &Value, seen: &mut BTreeMap<String, Value>) -> usize {
    let mut given = given
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .peekable();
    let mut answers = 0;
    for item in items.as_array().into_iter().flatten() {
        let link_id = item["linkId"].as_str().unwrap();
        let enabled = item["enableWhen"].as_array().is_none_or(|all| {
            all.iter().any(|when| {
                let wanted = when
                    .get("answerBoolean")
                    .or(when.get("answerCoding"))
                    .unwrap();
                let said = seen.get(when["question"].as_str().unwrap());
                said.is_some_and(|said| {
                    said == wanted || said.get("code").is_some_and(|code| *code == wanted["code"])
                })
            })
        });
        let Some(answered) = given.next_if(|g| g["linkId"] == link_id) else {
            assert!(!enabled || item["required"] != true, "{link_id} is due");
            continue;
        };
        assert!(enabled, "{link_id} is not enabled");
        if item["type"] == "group" {
            answers += check(&item["item"], &answered["item"], seen);
            continue;
        }
        let answer = answered["answer"][0].as_object().unwrap();
        let (member, value) = answer.iter().next().unwrap();
        check_value(item, member, value);
        seen.insert(link_id.to_owned(), value.clone());
        answers += 1;
    }
    assert_eq!(
        given.next(),
        None,
        "an answer without a question, or out of order"
    );
    answers
}

fn check_value(item: &Value, member: &str, value: &Value) {
    let link_id = &item["linkId"];
    let wanted = match item["type"].as_str().unwrap() {
        "choice" => "valueCoding",
        "boolean" => "valueBoolean",
        "integer" => "valueInteger",
        "quantity" => "valueQuantity",
        "date" => "valueDate",
        _ => "valueString",
    };
    assert_eq!(member, wanted, "{link_id}");
    if member == "valueCoding" {
        let options = item["answerOption"].as_array().unwrap();
        assert!(
            options
                .iter()
                .any(|o| o["valueCoding"]["code"] == value["code"]
                    && o["valueCoding"]["system"] == value["system"]),
            "{link_id}: {value}"
        );
    }
    let number = value.get("value").unwrap_or(value);
    for (name, sign) in [("minValue", 1.0), ("maxValue", -1.0)] {
        let bound = item["extension"]
            .as_array()
            .into_iter()
            .flatten()
            .find_map(|e| {
                let named = e["url"].as_str()?.ends_with(name);
                named.then(|| e.get("valueInteger").or(e.get("valueDecimal")))?
            });
        if let Some(bound) = bound {
            let distance = number.as_f64().unwrap() - bound.as_f64().unwrap();
            assert!(distance * sign >= 0.0, "{link_id}: {value}");
        }
    }
    if member == "valueQuantity" {
        assert!(value["code"].is_string() && value["system"] == "http://unitsofmeasure.org");
    }
}

#[test]
fn required_items_are_answered_and_disabled_ones_are_not() {
    let people = cohort(1, 0.2);
    for pathway in Pathway::ALL {
        let questionnaire = questionnaire(pathway);
        let form = Form::read(&questionnaire).unwrap();
        let (mut least, mut most) = (usize::MAX, 0);
        for person in people.iter().filter(|p| p.pathway == pathway) {
            for day in 1..=14 {
                let response = written(&form, person, day, day % 2);
                let answers = check(
                    &questionnaire["item"],
                    &response["item"],
                    &mut BTreeMap::new(),
                );
                (least, most) = (least.min(answers), most.max(answers));
            }
        }
        assert!(
            least >= 12 && most > least,
            "{pathway:?}: {least} to {most}"
        );
    }
}

#[test]
fn an_answer_names_its_form_its_plan_and_its_author() {
    let form = Form::read(&questionnaire(Pathway::Contact)).unwrap();
    let person = cohort(1, 0.0).pop().unwrap();
    let response = written(&form, &person, 3, 0);
    assert_eq!(
        response["questionnaire"],
        "https://vigie.example/fhir/Questionnaire/covid-contact|1.0.0"
    );
    assert_eq!(response["basedOn"][0]["reference"], "CarePlan/c");
    assert_eq!(response["author"], response["subject"]);
    assert_eq!(response, written(&form, &person, 3, 0));
    assert_ne!(response, written(&form, &person, 3, 1));
}

#[test]
fn a_form_that_asks_in_an_unknown_way_is_refused() {
    let form = |item: Value| Form::read(&json!({ "item": [item] }));
    assert!(form(json!({ "linkId": "a", "type": "attachment" })).is_err());
    let when = json!({ "question": "a", "operator": "exists", "answerBoolean": true });
    assert!(form(json!({ "linkId": "b", "type": "boolean", "enableWhen": [when] })).is_err());
}
