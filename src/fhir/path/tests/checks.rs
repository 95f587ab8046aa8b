//! What the types alone tell of an expression: slips are named, and nothing else.

use std::cell::RefCell;

use serde_json::json;

use super::{check, check_faults, patient};
use crate::fhir::path::{Context, Expression, Item, Tracer};

fn faults(kind: &str, text: &str) -> String {
    let checked = Expression::compile(text).unwrap().check(kind);
    checked.faults.join(" ")
}

/// A type, an expression about it, and what is wrong with that.
const SLIPS: &[(&str, &str, &str)] = &[
    ("Patient", "nmae.given", "Patient has no element 'nmae'."),
    (
        "Patient",
        "name.given1",
        "HumanName has no element 'given1'.",
    ),
    (
        "Patient",
        "Encounter.status",
        "The path starts from Patient, which is no Encounter.",
    ),
    (
        "Observation",
        "Observation.valueQuantity",
        "Observation has no element 'valueQuantity'.",
    ),
    (
        "Observation",
        "(value as Period).unit",
        "Period has no element 'unit'.",
    ),
    (
        "Patient",
        "contact.where(gendre = 'male')",
        "Patient.contact has no element 'gendre'.",
    ),
    (
        "Patient",
        "name.select(given.exists() and famly = 'x')",
        "HumanName has no element 'famly'.",
    ),
    (
        "Questionnaire",
        "repeat(item).linkid",
        "Questionnaire.item has no element 'linkid'.",
    ),
    (
        "Patient",
        "name.as(HumanName)",
        "'as' wants one item; 'ofType' filters several.",
    ),
    (
        "Patient",
        "children().skip(1)",
        "'skip' wants items in an order, and these have none.",
    ),
    (
        "Patient",
        "descendants()[0]",
        "'[]' wants items in an order, and these have none.",
    ),
    (
        "Patient",
        "iif('a', 1, 2)",
        "The criterion of 'iif' is a String, not a Boolean.",
    ),
    (
        "Patient",
        "name.first().nothing + 1",
        "HumanName has no element 'nothing'.",
    ),
];

#[test]
fn a_path_that_no_type_has_is_a_slip() {
    for (kind, text, expected) in SLIPS {
        assert_eq!(faults(kind, text), *expected, "{text}");
    }
}

#[test]
fn what_may_be_is_no_slip() {
    for (kind, text) in [
        ("Patient", "contained.name"),
        ("Patient", "generalPractitioner.resolve().name"),
        ("Patient", "Resource.id"),
        ("Resource", "name.family"),
        ("Nothing", "anything.at.all"),
        ("Observation", "value.unit | value.coding.code"),
        ("Questionnaire", "repeat(item).linkId"),
        (
            "QuestionnaireResponse",
            "repeat(item | answer | item).value",
        ),
        ("Patient", "name.first().as(HumanName).given"),
        ("Patient", "extension('http://x').value.nothing.known"),
        ("Patient", "%anything.at.all"),
        ("Bundle", "entry.resource.name"),
        ("Patient", "birthDate.extension.value"),
        ("Patient", "children().where($this is HumanName).single()"),
    ] {
        let found = faults(kind, text);
        let value = text.contains("nothing.known");
        assert_eq!(found.is_empty(), !value, "{text}: {found}");
    }
}

#[test]
fn the_types_of_the_result_are_told() {
    let rows = [
        ("name", "HumanName many"),
        ("name.first()", "HumanName one"),
        ("birthDate", "date one"),
        ("name.given", "string many"),
        ("1 + 1", "Integer one"),
        ("active and true", "Boolean one"),
        ("deceased", "boolean dateTime one"),
        ("name.given | 'a'", "string String many"),
        ("name.count()", "Integer one"),
        ("iif(active, 'a', 1)", "String Integer one"),
    ];
    for (text, expected) in rows {
        let checked = Expression::compile(text).unwrap().check("Patient");
        let many = if checked.many { "many" } else { "one" };
        let types = checked.types.unwrap_or_default().join(" ");
        assert_eq!(format!("{types} {many}"), expected, "{text}");
    }
}

#[test]
fn modifiers_that_are_not_known_are_an_error() {
    let tree = json!({"resourceType": "Patient",
        "modifierExtension": [{"url": "http://example.org/m", "valueBoolean": true}]});
    check(
        &tree,
        &[("checkModifiers('http://example.org/m').exists()", "true")],
    );
    check_faults(
        &tree,
        &["checkModifiers()", "checkModifiers('http://example.org/o')"],
    );
    check(&patient(), &[("name.checkModifiers().count()", "3")]);
}

/// Notes what it is told.
#[derive(Default)]
struct Notes(RefCell<Vec<String>>);

impl Tracer for Notes {
    fn trace(&self, name: &str, items: &[Item<'_>]) {
        let texts = items.iter().filter_map(Item::to_text);
        let texts: Vec<String> = texts.map(|text| text.to_string()).collect();
        self.0
            .borrow_mut()
            .push(format!("{name}: {}", texts.join(" ")));
    }
}

#[test]
fn a_trace_is_heard_by_who_listens() {
    let tree = patient();
    let notes = Notes::default();
    let expression = Expression::compile(
        "name.trace('all', given.first()).where(use = 'usual').given.trace('one')",
    );
    let expression = expression.unwrap();
    let context = Context::new(&tree).with_tracer(&notes);
    assert_eq!(expression.evaluate(&context).unwrap().len(), 1);
    assert_eq!(*notes.0.borrow(), ["all: Peter Jim Peter", "one: Jim"]);
}
