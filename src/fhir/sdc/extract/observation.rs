//! Observations made of answers, one for each answer to a question that has a code.
//!
//! Specification: <http://hl7.org/fhir/uv/sdc/STU3/extraction.html#observation-based-extraction>.

use serde_json::{Map, Value, json};

use super::{
    super::{
        items, link_id, sdc,
        value::{add_unit, chosen},
    },
    Answered, Harvest,
};
use crate::fhir::canonical::{extension, extensions};

const EXTRACT: &str = sdc!("observationExtract");
/// The category of what is made; the second name is that of a later version.
const CATEGORY: [&str; 2] = [
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observation-extract-category",
    sdc!("observationExtract-category"),
];

/// What holds for an item because of those around it.
#[derive(Clone)]
struct Inherited<'a> {
    wanted: bool,
    category: Vec<&'a Value>,
}

/// Makes the Observations of an answer.
pub(super) fn extract(answered: &Answered<'_>, harvest: &mut Harvest) {
    let none = Inherited {
        wanted: false,
        category: Vec::new(),
    };
    let frame = frame(answered.answer);
    let mut walk = Walk { frame, harvest };
    let root = inherited(answered.form, &none);
    walk.list(&answered.form["item"], &answered.answer["item"], &root);
}

/// What all Observations of one answer share.
fn frame(answer: &Value) -> Map<String, Value> {
    let status = if answer["status"] == "amended" {
        "amended"
    } else {
        "final"
    };
    let mut frame = Map::new();
    frame.insert("resourceType".to_owned(), json!("Observation"));
    frame.insert("status".to_owned(), json!(status));
    let mut copy = |from: &str, to: &str, list: bool| {
        let value = &answer[from];
        if !value.is_null() {
            let value = if list { json!([value]) } else { value.clone() };
            frame.insert(to.to_owned(), value);
        }
    };
    copy("subject", "subject", false);
    copy("encounter", "encounter", false);
    copy("authored", "effectiveDateTime", false);
    copy("author", "performer", true);
    if let Some(authored) = answer["authored"]
        .as_str()
        .filter(|text| text.contains('T'))
    {
        frame.insert("issued".to_owned(), json!(authored));
    }
    if let Some(id) = answer["id"].as_str() {
        let source = format!("QuestionnaireResponse/{id}");
        frame.insert("derivedFrom".to_owned(), json!([{ "reference": source }]));
    }
    frame
}

fn inherited<'a>(element: &'a Value, around: &Inherited<'a>) -> Inherited<'a> {
    let own = extension(element, EXTRACT).and_then(Value::as_bool);
    let category: Vec<&Value> = CATEGORY
        .iter()
        .flat_map(|url| extensions(element, url))
        .filter_map(|one| Some(chosen(one, "value")?.1))
        .collect();
    Inherited {
        wanted: own.unwrap_or(around.wanted),
        category: if category.is_empty() {
            around.category.clone()
        } else {
            category
        },
    }
}

struct Walk<'h> {
    frame: Map<String, Value>,
    harvest: &'h mut Harvest,
}

impl Walk<'_> {
    fn list<'a>(&mut self, forms: &'a Value, given: &Value, around: &Inherited<'a>) {
        for item in items(given) {
            let Some(form) = items(forms).find(|form| link_id(form) == link_id(item)) else {
                continue;
            };
            let own = inherited(form, around);
            self.list(&form["item"], &item["item"], &own);
            for answer in items(&item["answer"]) {
                self.list(&form["item"], &answer["item"], &own);
                if let Some(code) = wanted_codes(form, &own) {
                    self.observation(form, answer, (code, &own.category));
                }
            }
        }
    }

    fn observation(&mut self, form: &Value, answer: &Value, (code, category): (Value, &[&Value])) {
        let Some((kind, value)) = chosen(answer, "value") else {
            return;
        };
        let place = format!("Questionnaire.item.where(linkId = '{}')", link_id(form));
        let Some((member, value)) = observed(form, kind, value) else {
            let says = "An Observation cannot have a value of this type.";
            self.harvest.warn(&place, says);
            return;
        };
        let mut observation = self.frame.clone();
        let mut concept = json!({ "coding": code });
        if let Some(text) = form["text"].as_str() {
            concept["text"] = text.into();
        }
        observation.insert("code".to_owned(), concept);
        if !category.is_empty() {
            observation.insert("category".to_owned(), json!(category));
        }
        observation.insert(member, value);
        self.harvest.add(observation.into(), None);
    }
}

/// The codes of the Observation, where one is wanted: those marked, or all of a marked item.
fn wanted_codes(form: &Value, own: &Inherited<'_>) -> Option<Value> {
    let codes = form["code"].as_array().filter(|codes| !codes.is_empty())?;
    let marked: Vec<Value> = codes
        .iter()
        .filter(|code| extension(code, EXTRACT) == Some(&Value::Bool(true)))
        .map(bare)
        .collect();
    if !marked.is_empty() {
        return Some(marked.into());
    }
    let all: Vec<Value> = codes.iter().map(bare).collect();
    own.wanted.then(|| all.into())
}

/// A coding without what the form notes on it.
fn bare(coding: &Value) -> Value {
    let mut coding = coding.clone();
    if let Some(members) = coding.as_object_mut() {
        members.remove("extension");
    }
    coding
}

/// `value[x]` of an Observation for an answer.
fn observed(form: &Value, kind: &str, value: &Value) -> Option<(String, Value)> {
    let (kind, value) = match kind {
        "Boolean" | "String" | "Time" | "DateTime" | "Quantity" => (kind, value.clone()),
        "Integer" | "Decimal" => {
            let mut quantity = json!({ "value": value });
            if add_unit(&mut quantity, form) || kind == "Decimal" {
                ("Quantity", quantity)
            } else {
                (kind, value.clone())
            }
        }
        "Date" => ("DateTime", value.clone()),
        "Uri" => ("String", value.clone()),
        "Coding" => ("CodeableConcept", json!({ "coding": [value] })),
        _ => return None,
    };
    Some((format!("value{kind}"), value))
}
