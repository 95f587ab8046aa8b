//! What an answer is refused for, and what it is not.

use serde_json::{Value, json};

use super::{Setting, judge};
use crate::{fhir::terminology::Terminology, kernel::problem::Severity};

/// The faults of an answer, each as its place and what it says.
fn faults(form: &Value, items: &Value) -> Vec<String> {
    told(form, &answer(items), Severity::Error)
}

fn answer(items: &Value) -> Value {
    json!({ "resourceType": "QuestionnaireResponse", "status": "completed", "item": items })
}

fn told(form: &Value, answer: &Value, severity: Severity) -> Vec<String> {
    let setting = Setting {
        terminology: Terminology::core(),
        now: None,
    };
    let told = judge(answer, form, &setting).into_iter();
    told.filter(|issue| issue.severity == severity)
        .map(|issue| {
            let place = issue.expression.unwrap_or_default();
            let place = place.replace("QuestionnaireResponse", "");
            format!("{place}: {}", issue.diagnostics)
        })
        .collect()
}

fn form(items: &Value) -> Value {
    json!({ "resourceType": "Questionnaire", "status": "active", "item": items })
}

fn one(link: &str, value: &Value) -> Value {
    let mut item = json!({ "linkId": link, "answer": [value] });
    if value.is_null() {
        item["answer"] = json!([]);
    }
    item
}

#[test]
fn what_is_missing_matters_in_a_whole_answer_only() {
    let form = form(&json!([
        { "linkId": "a", "type": "string", "required": true },
        { "linkId": "g", "type": "group", "required": true, "item": [
            { "linkId": "b", "type": "boolean", "required": true }] },
        { "linkId": "h", "type": "group", "item": [
            { "linkId": "c", "type": "boolean", "required": true }] },
    ]));
    let found = faults(&form, &json!([]));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("`a`") && found[1].contains("`g`"));
    let mut partial = answer(&json!([]));
    partial["status"] = "in-progress".into();
    assert_eq!(told(&form, &partial, Severity::Error), Vec::<String>::new());
    let given = json!([one("a", &json!({ "valueString": "x" })),
        { "linkId": "g", "item": [] }, { "linkId": "h", "item": [] }]);
    let found = faults(&form, &given);
    assert!(found.iter().any(|fault| fault.starts_with(".item[1]:")));
    assert!(found.iter().any(|fault| fault.contains("`c`")), "{found:?}");
}

#[test]
fn items_stand_where_the_form_has_them() {
    let form = form(&json!([
        { "linkId": "a", "type": "string" },
        { "linkId": "g", "type": "group", "item": [{ "linkId": "b", "type": "boolean" }] },
        { "linkId": "d", "type": "display" },
    ]));
    let text = json!({ "valueString": "x" });
    let cases = [
        (json!([one("z", &text)]), ".item[0]: The form has no `z`."),
        (json!([one("b", &text)]), "elsewhere"),
        (json!([one("a", &text), one("a", &text)]), "stands twice"),
        (json!([one("d", &text)]), "has no answers"),
        (
            json!([{ "linkId": "g", "answer": [text] }]),
            "has no answers",
        ),
        (
            json!([{ "linkId": "a", "item": [one("b", &text)] }]),
            "under one of its answers",
        ),
        (
            json!([{ "linkId": "g", "item": [one("b", &json!({ "valueBoolean": true }))] },
                one("a", &text)]),
            "order",
        ),
    ];
    for (items, says) in cases {
        let found = faults(&form, &items);
        assert!(
            found.iter().any(|fault| fault.contains(says)),
            "{says}: {found:?}"
        );
    }
}

#[test]
fn each_type_takes_its_own_value() {
    let types = [
        ("boolean", "valueBoolean", json!(true)),
        ("decimal", "valueDecimal", json!(1.5)),
        ("integer", "valueInteger", json!(1)),
        ("date", "valueDate", json!("2020-01-01")),
        ("dateTime", "valueDateTime", json!("2020-01-01")),
        ("time", "valueTime", json!("10:00:00")),
        ("string", "valueString", json!("a")),
        ("text", "valueString", json!("a")),
        ("url", "valueUri", json!("urn:a")),
        (
            "choice",
            "valueCoding",
            json!({ "system": "urn:a", "code": "1" }),
        ),
        ("open-choice", "valueString", json!("a")),
        (
            "attachment",
            "valueAttachment",
            json!({ "contentType": "text/plain" }),
        ),
        (
            "reference",
            "valueReference",
            json!({ "reference": "Patient/1" }),
        ),
        ("quantity", "valueQuantity", json!({ "value": 1 })),
    ];
    for (kind, _, _) in &types {
        let form = form(&json!([{ "linkId": "a", "type": kind }]));
        for (other, member, value) in &types {
            let given = one("a", &json!({ *member: value }));
            let found = faults(&form, &json!([given]));
            let alike = |a: &str, b: &str| a == *kind && b == *other;
            let same = kind == other
                || alike("string", "text")
                || alike("text", "string")
                || alike("string", "open-choice")
                || alike("text", "open-choice")
                || (*kind == "open-choice" && ["string", "text", "choice"].contains(other));
            assert_eq!(found.is_empty(), same, "{kind} {other}: {found:?}");
        }
    }
}

#[test]
fn a_hidden_question_is_not_to_be_answered() {
    let when = |operator: &str, answer: Value| {
        let mut condition = json!({ "question": "a", "operator": operator });
        let (name, value) = answer.as_object().unwrap().iter().next().unwrap();
        condition[name] = value.clone();
        form(&json!([
            { "linkId": "a", "type": "integer" },
            { "linkId": "b", "type": "string", "required": true, "enableWhen": [condition] },
        ]))
    };
    let asked = |form: &Value, a: Value| {
        let a = one("a", &a);
        let b = one("b", &json!({ "valueString": "x" }));
        let answered = faults(form, &json!([a, b])).is_empty();
        let missing = !faults(form, &json!([a])).is_empty();
        assert_eq!(answered, missing, "asked and wanted, or neither");
        answered
    };
    let five = || json!({ "valueInteger": 5 });
    for (operator, holds) in [
        ("=", true),
        ("!=", false),
        (">", false),
        (">=", true),
        ("<=", true),
        ("<", false),
    ] {
        assert_eq!(
            asked(&when(operator, json!({ "answerInteger": 5 })), five()),
            holds,
            "{operator}"
        );
    }
    assert!(asked(
        &when("exists", json!({ "answerBoolean": true })),
        five()
    ));
    assert!(asked(
        &when("exists", json!({ "answerBoolean": false })),
        Value::Null
    ));
    assert!(asked(
        &when("!=", json!({ "answerInteger": 5 })),
        Value::Null
    ));
    assert!(!asked(
        &when(">", json!({ "answerInteger": 5 })),
        Value::Null
    ));
}

#[test]
fn a_condition_looks_at_its_own_repetition() {
    let form = form(
        &json!([{ "linkId": "g", "type": "group", "repeats": true, "item": [
        { "linkId": "a", "type": "boolean" },
        { "linkId": "b", "type": "string", "enableWhen": [
            { "question": "a", "operator": "=", "answerBoolean": true }] },
    ] }]),
    );
    let group = |a: bool| {
        json!({ "linkId": "g", "item": [
            one("a", &json!({ "valueBoolean": a })), one("b", &json!({ "valueString": "x" }))] })
    };
    assert_eq!(
        faults(&form, &json!([group(true), group(true)])),
        Vec::<String>::new()
    );
    let found = faults(&form, &json!([group(true), group(false)]));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with(".item[1].item[1]:"), "{found:?}");
}

#[test]
fn what_is_hidden_does_not_count_for_others() {
    let form = form(&json!([
        { "linkId": "a", "type": "boolean" },
        { "linkId": "b", "type": "boolean", "enableWhen": [
            { "question": "a", "operator": "=", "answerBoolean": true }] },
        { "linkId": "c", "type": "boolean", "enableWhen": [
            { "question": "b", "operator": "=", "answerBoolean": true }] },
    ]));
    let yes = |link: &str| one(link, &json!({ "valueBoolean": true }));
    assert_eq!(
        faults(&form, &json!([yes("a"), yes("b"), yes("c")])),
        Vec::<String>::new()
    );
    assert_eq!(faults(&form, &json!([yes("b"), yes("c")])).len(), 2);
    // Conditions that go round end.
    let round = super::tests::form(&json!([
        { "linkId": "a", "type": "boolean", "enableWhen": [
            { "question": "b", "operator": "exists", "answerBoolean": true }] },
        { "linkId": "b", "type": "boolean", "enableWhen": [
            { "question": "a", "operator": "exists", "answerBoolean": true }] },
    ]));
    assert_eq!(
        faults(&round, &json!([yes("a"), yes("b")])),
        Vec::<String>::new()
    );
}

#[test]
fn expressions_of_the_form_decide_with_its_variables() {
    let expression = |text: &str| json!({ "language": "text/fhirpath", "expression": text });
    let mut form = form(&json!([
        { "linkId": "a", "type": "integer" },
        { "linkId": "b", "type": "string", "extension": [{
            "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression",
            "valueExpression": expression("%a > 3") }] },
    ]));
    let mut variable = expression("%resource.item.where(linkId = 'a').answer.value");
    variable["name"] = "a".into();
    form["extension"] = json!([
        { "url": "http://hl7.org/fhir/StructureDefinition/variable", "valueExpression": variable },
        { "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-constraint", "extension": [
            { "url": "key", "valueId": "k" }, { "url": "severity", "valueCode": "error" },
            { "url": "expression", "valueString": "%a < 9" }, { "url": "human", "valueString": "Below nine." }] },
    ]);
    let given = |a: i32| {
        json!([
            one("a", &json!({ "valueInteger": a })),
            one("b", &json!({ "valueString": "x" }))
        ])
    };
    assert_eq!(faults(&form, &given(4)), Vec::<String>::new());
    assert_eq!(faults(&form, &given(3)).len(), 1);
    assert_eq!(faults(&form, &given(9)), [": Below nine."]);
}

#[test]
fn an_expression_that_cannot_be_evaluated_hides_nothing() {
    let form = form(&json!([{ "linkId": "b", "type": "string", "extension": [{
        "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-constraint", "extension": [
            { "url": "severity", "valueCode": "error" },
            { "url": "expression", "valueString": "answer.count() = %nothing" },
            { "url": "human", "valueString": "Three." }] },
        { "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression",
          "valueExpression": { "language": "text/fhirpath", "expression": "%nothing > 1" } }] }]));
    let given = answer(&json!([one("b", &json!({ "valueString": "x" }))]));
    assert_eq!(told(&form, &given, Severity::Error), Vec::<String>::new());
    assert_eq!(told(&form, &given, Severity::Warning).len(), 1);
}

/// A form of one question that has an extension of R4.
fn bounded(kind: &str, name: &str, (member, value): (&str, Value)) -> Value {
    form(&json!([{ "linkId": "a", "type": kind, "extension": [
        { "url": format!("http://hl7.org/fhir/StructureDefinition/{name}"), member: value }] }]))
}

/// Fails unless the form takes the first value and refuses the second.
fn parts(form: &Value, member: &str, (good, bad): (Value, Value)) {
    let found = |value: &Value| faults(form, &json!([one("a", &json!({ member: value }))]));
    assert_eq!(found(&good), Vec::<String>::new(), "{form}");
    assert_eq!(found(&bad).len(), 1, "{form}");
}

#[test]
fn numbers_and_texts_keep_to_the_bounds_of_the_form() {
    let least = bounded("integer", "minValue", ("valueInteger", json!(5)));
    parts(&least, "valueInteger", (json!(5), json!(4)));
    let most = bounded("decimal", "maxValue", ("valueDecimal", json!(5.5)));
    parts(&most, "valueDecimal", (json!(5.50), json!(5.51)));
    let last = bounded("date", "maxValue", ("valueDate", json!("2022-06-30")));
    parts(
        &last,
        "valueDate",
        (json!("2022-06-30"), json!("2022-07-01")),
    );
    let places = bounded("decimal", "maxDecimalPlaces", ("valueInteger", json!(2)));
    let long = serde_json::from_str("1.250").unwrap();
    parts(&places, "valueDecimal", (json!(1.25), long));
    let length = bounded("string", "minLength", ("valueInteger", json!(2)));
    parts(&length, "valueString", (json!("éé"), json!("é")));
    let pattern = bounded("string", "regex", ("valueString", json!("[a-z]+")));
    parts(&pattern, "valueString", (json!("abc"), json!("abc1")));
}

#[test]
fn quantities_files_and_references_keep_to_the_bounds_of_the_form() {
    let quantity = |value: u32, unit: &str| json!({ "value": value, "unit": unit });
    let least = bounded("quantity", "minValue", ("valueQuantity", quantity(3, "kg")));
    parts(
        &least,
        "valueQuantity",
        (quantity(3, "kg"), quantity(2, "kg")),
    );
    parts(
        &least,
        "valueQuantity",
        (quantity(3, "kg"), quantity(3, "m")),
    );
    let size = bounded("attachment", "maxSize", ("valueDecimal", json!(2)));
    parts(
        &size,
        "valueAttachment",
        (json!({ "size": 2 }), json!({ "size": 3 })),
    );
    let kind = ("valueCode", json!("Patient"));
    let patient = bounded("reference", "questionnaire-referenceResource", kind);
    let to = |reference: &str| json!({ "reference": reference });
    parts(&patient, "valueReference", (to("Patient/1"), to("Group/1")));
}

#[test]
fn options_are_all_that_is_offered() {
    let options = json!([{ "valueCoding": { "system": "urn:a", "code": "1" } },
        { "valueCoding": { "system": "urn:a", "code": "none" }, "extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-optionExclusive",
            "valueBoolean": true }] }]);
    let choice = form(
        &json!([{ "linkId": "a", "type": "choice", "repeats": true, "answerOption": options }]),
    );
    let open = form(&json!([{ "linkId": "a", "type": "open-choice", "answerOption": options }]));
    let coding = |code: &str| json!({ "valueCoding": { "system": "urn:a", "code": code } });
    assert_eq!(
        faults(&choice, &json!([one("a", &coding("1"))])),
        Vec::<String>::new()
    );
    assert_eq!(faults(&choice, &json!([one("a", &coding("2"))])).len(), 1);
    assert_eq!(
        faults(&open, &json!([one("a", &json!({ "valueString": "else" }))])),
        Vec::<String>::new()
    );
    let both = json!([{ "linkId": "a", "answer": [coding("1"), coding("none")] }]);
    assert_eq!(faults(&choice, &both).len(), 1);
    let mut form = form(&json!([{ "linkId": "a", "type": "choice", "answerValueSet": "#vs" }]));
    form["contained"] = json!([{ "resourceType": "ValueSet", "id": "vs", "compose": { "include": [
        { "system": "urn:a", "concept": [{ "code": "1" }] }] } }]);
    assert_eq!(
        faults(&form, &json!([one("a", &coding("1"))])),
        Vec::<String>::new()
    );
    assert_eq!(faults(&form, &json!([one("a", &coding("2"))])).len(), 1);
}

#[test]
fn a_text_with_a_value_set_is_one_of_its_codes() {
    let text = |text: &str| one("a", &json!({ "valueString": text }));
    let contained = json!([{ "resourceType": "ValueSet", "id": "vs", "compose": { "include": [
        { "system": "urn:a", "concept": [{ "code": "1", "display": "One" }] }] } }]);
    let of = |kind: &str| {
        let mut form = form(&json!([{ "linkId": "a", "type": kind, "answerValueSet": "#vs" }]));
        form["contained"] = contained.clone();
        form
    };
    assert_eq!(
        faults(&of("string"), &json!([text("1")])),
        Vec::<String>::new()
    );
    assert_eq!(faults(&of("string"), &json!([text("One")])).len(), 1);
    // An open choice takes any text beside its codes.
    assert_eq!(
        faults(&of("open-choice"), &json!([text("One")])),
        Vec::<String>::new()
    );
    let gender = json!([{ "linkId": "a", "type": "string",
        "answerValueSet": "http://hl7.org/fhir/ValueSet/administrative-gender" }]);
    assert_eq!(
        faults(&form(&gender), &json!([text("male")])),
        Vec::<String>::new()
    );
    assert_eq!(faults(&form(&gender), &json!([text("Male")])).len(), 1);
}

#[test]
fn a_great_answer_is_judged_within_bounds() {
    let form = form(
        &json!([{ "linkId": "g", "type": "group", "repeats": true, "item": [
        { "linkId": "a", "type": "boolean" }] },
        { "linkId": "h", "type": "group", "repeats": true, "item": [{ "linkId": "b", "type": "string",
            "enableWhen": [{ "question": "a", "operator": "exists", "answerBoolean": true }] }] }]),
    );
    let mut items: Vec<Value> = Vec::new();
    for _ in 0..3_000 {
        items.push(json!({ "linkId": "g", "item": [one("a", &json!({ "valueBoolean": true }))] }));
    }
    for _ in 0..3_000 {
        items.push(json!({ "linkId": "h", "item": [one("b", &json!({ "valueString": "x" }))] }));
    }
    let found = faults(&form, &json!(items));
    assert!(found.len() <= super::ISSUES_MAX + 1);
    assert!(
        found.iter().any(|fault| fault.contains("cost")),
        "{:?}",
        found.first()
    );
}
