//! Every standard parameter of every type can be searched, sorted by, and asked after.

use super::{Base, parse};
use crate::fhir::{
    definitions::{ParameterKind, definitions},
    search::parameters::{SearchParameter, of_type},
};

/// A value that the parameter takes.
fn value(parameter: &SearchParameter) -> String {
    let of_kind = |kind: ParameterKind| match kind {
        ParameterKind::Number => "lt5.0",
        ParameterKind::Date => "ge2024-05-14T12:00:00Z",
        ParameterKind::String => "abc",
        ParameterKind::Token => "urn:s|abc",
        ParameterKind::Reference => "abc",
        ParameterKind::Quantity => "ap5.4|http://unitsofmeasure.org|mg",
        ParameterKind::Uri => "http://vigie.test/a",
        ParameterKind::Special => "45.7|4.8|10|km",
        ParameterKind::Composite => "",
    };
    if parameter.kind == ParameterKind::Composite {
        let parts = parameter.components.iter();
        let parts: Vec<&str> = parts.map(|part| of_kind(part.kind)).collect();
        return parts.join("$");
    }
    of_kind(parameter.kind).to_owned()
}

/// What stands behind a parameter's name, by its kind, and a value for it.
fn modified(kind: ParameterKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        ParameterKind::String => &[("exact", "a"), ("contains", "a")],
        ParameterKind::Token => &[("not", "a"), ("text", "a"), ("of-type", "a|b|c")],
        ParameterKind::Reference => &[("identifier", "a|b"), ("text", "a")],
        ParameterKind::Uri => &[("below", "http://a/b"), ("above", "http://a/b")],
        _ => &[],
    }
}

/// The searches that a parameter allows.
fn searches(parameter: &SearchParameter) -> Vec<String> {
    let code = &parameter.code;
    let mut all = vec![
        format!("{code}={}", value(parameter)),
        format!("{code}:missing=true"),
        format!("{code}:missing=false&_summary=count"),
        format!("_filter={code} pr true"),
    ];
    if !matches!(
        parameter.kind,
        ParameterKind::Composite | ParameterKind::Special
    ) {
        all.push(format!("_sort=-{code}"));
    }
    if code == "_id" {
        return all;
    }
    let modified = modified(parameter.kind).iter();
    all.extend(modified.map(|(modifier, value)| format!("{code}:{modifier}={value}")));
    all
}

#[tokio::test]
async fn every_standard_parameter_of_every_type_is_searched() {
    let mut base = Base::open().await;
    let mut definitions_seen = std::collections::HashSet::new();
    for &kind in &definitions().resource_types {
        for parameter in of_type(kind) {
            definitions_seen.insert(parameter.url.as_str());
            for search in searches(parameter) {
                let url = format!("{kind}?{search}");
                let query = parse(&url).unwrap_or_else(|problem| panic!("{url}: {problem}"));
                assert!(query.notices.is_empty(), "{url}");
                let page = base.run(&query).await;
                let page = page.unwrap_or_else(|problem| panic!("{url}: {problem}"));
                assert!(page.hits.is_empty(), "{url}");
            }
        }
    }
    let all = definitions().parameters.iter();
    let lacking: Vec<&str> = all
        .map(|parameter| parameter.url.as_str())
        .filter(|url| !definitions_seen.contains(url))
        .collect();
    // What is left is served by other means.
    assert_eq!(lacking, LACKING);
}

/// Definitions without an expression: `_text`, `_content` and `_query` are read by themselves.
const LACKING: [&str; 3] = [
    "http://hl7.org/fhir/SearchParameter/DomainResource-text",
    "http://hl7.org/fhir/SearchParameter/Resource-content",
    "http://hl7.org/fhir/SearchParameter/Resource-query",
];
