//! What is tried as functions. Each says whether it took the input, and panics where something
//! that must hold does not.

use std::sync::LazyLock;

use bytes::Bytes;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use vigie::fhir::{
    date,
    definitions::ResourceType,
    json::{self as reader, Limits},
    path::{self, Context, Expression},
    search::{
        extract::index_rows,
        query::{Query, QueryOptions},
    },
    terminology::Terminology,
    ucum,
    validate::{self, primitive},
};
use vigie_xml::{Layout, from_xml, to_xml};

/// Reads JSON; what is a resource is indexed, and comes back from XML as it went.
pub fn json(input: &[u8]) -> bool {
    let limits = Limits::default();
    let Ok(tree) = reader::parse(input, &limits) else {
        return false;
    };
    let written = tree.to_string();
    let again = reader::parse(written.as_bytes(), &limits).expect("what was written is read");
    assert_eq!(again, tree, "what was written is the same");
    if let Ok(resource) = validate::read(&Bytes::copy_from_slice(input), &limits) {
        index_rows(resource.tree(), resource.kind());
        to_xml_and_back(resource.tree());
        return true;
    }
    tree.is_object()
}

/// XML has no control characters and folds what no text of FHIR has; all else comes back.
fn to_xml_and_back(tree: &Value) {
    let text = tree.to_string();
    let plain = !text.contains("\\u00") && !text.contains(['\u{fffe}', '\u{ffff}', '\u{7f}']);
    let written = to_xml(tree, Layout::Compact).expect("a resource of R4 has a form in XML");
    let back = from_xml(&written, Limits::default().depth);
    if plain {
        let back = back.expect("what was written is read");
        validate::check(&back).expect("what comes back is R4");
    }
}

/// Reads XML; what comes out can be written again, and is then the same.
pub fn xml(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    let depth = Limits::default().depth;
    let Ok(tree) = from_xml(text, depth) else {
        return false;
    };
    if let Ok(written) = to_xml(&tree, Layout::Pretty)
        && validate::check(&tree).is_ok()
    {
        let again = from_xml(&written, depth).expect("what was written is read");
        assert_eq!(again, tree, "what was written is the same");
    }
    true
}

/// Reads a search: `Type?parameters`.
pub fn query(input: &[u8]) -> bool {
    static OPTIONS: LazyLock<QueryOptions> = LazyLock::new(QueryOptions::default);
    let text = String::from_utf8_lossy(input);
    let (kind, query) = text.split_once('?').unwrap_or(("Patient", &text));
    let Some(kind) = ResourceType::named(kind) else {
        return false;
    };
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    Query::parse(kind, &pairs, &OPTIONS).is_ok()
}

/// Resources that expressions are tried on.
static TREES: LazyLock<[Value; 3]> = LazyLock::new(|| {
    [
        json!({ "resourceType": "Patient", "id": "p", "active": true,
            "name": [{ "family": "Æøß é", "given": ["A", "B"], "period": { "start": "2020" } },
                { "text": "x".repeat(500) }],
            "birthDate": "1974-12-25", "_birthDate": { "extension": [
                { "url": "http://x", "valueDateTime": "1974-12-25T14:35:45-05:00" }] },
            "contained": [{ "resourceType": "Organization", "id": "o", "name": "O" }],
            "managingOrganization": { "reference": "#o" },
            "generalPractitioner": [{ "reference": "Practitioner/1" }] }),
        json!({ "resourceType": "Observation", "status": "final",
            "code": { "coding": [{ "system": "http://loinc.org", "code": "8310-5" }], "text": "T" },
            "effectiveDateTime": "2020-02-29T10:00:00.5+02:00",
            "valueQuantity": { "value": 38.50, "unit": "°C", "code": "Cel",
                "system": "http://unitsofmeasure.org" },
            "component": [{ "code": { "text": "a" }, "valueInteger": 2_147_483_647 },
                { "code": { "text": "b" }, "valueString": "1.5" }] }),
        json!({ "resourceType": "QuestionnaireResponse", "status": "completed", "item": [
            { "linkId": "1", "answer": [{ "valueBoolean": true, "item": [
                { "linkId": "1.1", "answer": [{ "valueDecimal": 1.10 }] }] }] },
            { "linkId": "2", "item": [{ "linkId": "2.1", "answer": [
                { "valueCoding": { "system": "s", "code": "3", "display": "three" } }] }] }] }),
    ]
});

/// Compiles an expression, checks it and evaluates it.
pub fn fhirpath(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let Ok(expression) = Expression::compile(&text) else {
        return false;
    };
    let now = "2026-11-21T10:30:15.25+01:00[Europe/Paris]";
    let now = now.parse().expect("a moment");
    let mut taken = false;
    for tree in &*TREES {
        expression.check(tree["resourceType"].as_str().unwrap_or_default());
        let limits = path::Limits {
            steps: 200_000,
            ..path::Limits::default()
        };
        let context = Context::new(tree)
            .with_now(&now)
            .with_terminology(Terminology::core())
            .with_limits(limits);
        if let Ok(items) = expression.evaluate(&context) {
            taken = true;
            for item in &items {
                item.to_text();
                assert!(!format!("{item:?}").contains("Æøß"), "no value is told");
            }
        }
        drop(expression.evaluate_boolean(&context));
    }
    taken
}

/// Reads a date, as a search, as a value, and as a literal that is calculated with.
pub fn date(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let span = date::span(&text);
    if let Some(span) = span {
        assert!(span.start <= span.end, "a span ends after it starts");
        let start = date::start(&text).expect("a span has a start");
        assert_eq!(start.as_millisecond(), span.start, "one start");
    }
    let value = Value::from(&*text);
    let kinds = ["date", "dateTime", "instant", "time"];
    let valid = kinds.map(|kind| primitive::check(kind, &value).is_ok());
    assert!(
        !valid[..3].contains(&true) || span.is_some(),
        "what is valid can be searched"
    );
    for expression in [
        format!("@{text}"),
        format!("@{text} + 1 month - 99999 days + 3.5 seconds"),
        format!("@{text}.lowBoundary() <= @{text}.highBoundary()"),
        format!("(@{text}).toString().toDateTime() ~ @{text}"),
    ] {
        fhirpath(expression.as_bytes());
    }
    span.is_some() || valid.contains(&true)
}

/// Reads a unit, converts, multiplies, divides.
pub fn unit(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let (a, b) = text.split_once(' ').unwrap_or((&text, "1"));
    let values = ["1", "-0.000001", "79228162514264337593543950335", "37.5"];
    for value in values.map(|value| value.parse::<Decimal>().unwrap_or_default()) {
        let base = ucum::canonical(value, a);
        assert!(
            base.is_none() || ucum::is_unit(a),
            "only a unit has a scale"
        );
        if let Some(base) = &base {
            assert!(ucum::comparable(a, a) && !base.unit.is_empty());
        }
        ucum::convert(value, a, b);
        ucum::aligned((value, a), (value, b));
    }
    for made in [ucum::product(a, b), ucum::quotient(a, b)]
        .into_iter()
        .flatten()
    {
        assert!(ucum::is_unit(&made), "what units make is a unit");
    }
    ucum::is_unit(a)
}
