//! Definitions and questions that are made to be costly: each is answered or refused in time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    super::{
        Asked, CODINGS_MAX, FILTER_LENGTH_MAX, MAPS_MAX, NESTING_MAX, PARAMETERS_MAX, Stamp,
        expand, in_value_set, translate,
    },
    GENDERS, body, code_of, query,
};
use crate::{
    fhir::terminology::{Coding, Membership, Terminology, tests::terminology},
    kernel::problem::Result,
};

/// Long enough for a slow machine, far too short for what is not bounded.
const IN_TIME: Duration = Duration::from_secs(20);

fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
    done
}

fn expanded(terminology: &Terminology, pairs: &[(&str, &str)]) -> Result<Value> {
    let stamp = Stamp {
        identifier: "urn:uuid:1".to_owned(),
        timestamp: "2020-05-11T08:00:00Z".to_owned(),
    };
    in_time(|| expand(terminology, &query(pairs), &stamp))
}

fn system(concept: &[Value]) -> Value {
    json!({"resourceType": "CodeSystem", "url": "s", "valueSet": "v", "content": "complete",
        "concept": concept})
}

#[test]
fn a_long_line_of_descent_is_listed() {
    let below = |n: usize| json!({"code": format!("c{n}"), "property": [{"code": "parent", "valueCode": format!("c{}", n + 1)}]});
    for (count, nested) in [(NESTING_MAX, true), (5_000, false)] {
        let mut concepts: Vec<Value> = (0..count - 1).map(below).collect();
        concepts.push(json!({"code": format!("c{}", count - 1)}));
        let made = terminology(json!([system(&concepts)]));
        let set = expanded(&made, &[("url", "v"), ("excludeNested", "false")]).unwrap();
        let top = set["expansion"]["contains"].as_array().unwrap().len();
        assert_eq!(top, if nested { 1 } else { count });
        assert_eq!(made.above("s", "c0", count).unwrap().len(), count);
    }
}

#[test]
fn a_circle_of_parents_is_listed() {
    let concept = |code: &str, parent: &str| json!({"code": code, "property": [{"code": "parent", "valueCode": parent}]});
    let made = terminology(json!([system(&[concept("a", "b"), concept("b", "a")])]));
    let set = expanded(&made, &[("url", "v"), ("excludeNested", "false")]).unwrap();
    assert_eq!(set["expansion"]["contains"].as_array().unwrap().len(), 2);
}

#[test]
fn everything_above_everything_is_looked_through_in_time() {
    let above = |n: usize| -> Vec<Value> {
        let parents = (0..n).map(|m| json!({"code": "parent", "valueCode": format!("c{m}")}));
        parents.collect()
    };
    let concepts: Vec<Value> = (0..400)
        .map(|n| json!({"code": format!("c{n}"), "property": above(n)}))
        .collect();
    let filter = |op: &str| json!({"property": "concept", "op": op, "value": "c0"});
    let set = json!({"resourceType": "ValueSet", "url": "w", "compose": {
        "include": [{"system": "s", "filter": [filter("is-a"), filter("is-a")]}],
        "exclude": [{"system": "s", "filter": [filter("is-not-a")]}]}});
    let many = json!({"resourceType": "ValueSet", "url": "many", "compose": {
        "include": [{"system": "s", "filter": vec![filter("is-a"); 10_000]}]}});
    let made = terminology(json!([system(&concepts), set, many]));
    let found = expanded(&made, &[("url", "w")]).unwrap();
    assert_eq!(found["expansion"]["total"], 400);
    let last = Coding {
        system: Some("s"),
        code: "c399",
        ..Coding::default()
    };
    let told = in_time(|| made.membership("many", &last));
    assert!(matches!(told, Membership::Unknown(_)), "{told:?}");
}

#[test]
fn a_long_name_told_many_times_is_too_costly() {
    let long = "x".repeat(1 << 20);
    let include = json!({"system": "s"});
    let set = json!({"resourceType": "ValueSet", "url": "w", "compose": {"include": vec![include; 20_000]}});
    let made = terminology(json!([
        system(&[json!({"code": "a", "display": long})]),
        set
    ]));
    let problem = expanded(&made, &[("url", "w")]).unwrap_err();
    assert_eq!(code_of(&problem), "too-costly");
}

#[test]
fn maps_that_name_each_other_many_times_are_left() {
    let group =
        |other: usize| json!({"unmapped": {"mode": "other-map", "url": format!("m{other}")}});
    let map = |n: usize| {
        json!({"resourceType": "ConceptMap", "url": format!("m{n}"),
        "group": vec![group(n + 1); 20]})
    };
    let maps: Vec<Value> = (0..=MAPS_MAX).map(map).collect();
    let made = terminology(Value::Array(maps));
    let asked = query(&[("url", "m0"), ("system", "s"), ("code", "a")]);
    let problem = in_time(|| translate(&made, &asked)).unwrap_err();
    assert_eq!(code_of(&problem), "too-costly");
}

#[test]
fn a_question_has_its_bounds() {
    let core = Terminology::core();
    let long = "a ".repeat(FILTER_LENGTH_MAX);
    assert!(expanded(core, &[("url", GENDERS), ("filter", &long)]).is_err());
    let coding = json!({"system": "s", "code": "a"});
    let of = |count: usize| {
        let concept = json!({"coding": vec![coding.clone(); count]});
        let asked = body(&json!([{"name": "url", "valueUri": GENDERS},
            {"name": "codeableConcept", "valueCodeableConcept": concept}]));
        in_value_set(core, &asked)
    };
    assert!(of(CODINGS_MAX).is_ok());
    assert_eq!(code_of(&of(CODINGS_MAX + 1).unwrap_err()), "too-costly");
    let many = vec![("designation".to_owned(), "a".to_owned()); PARAMETERS_MAX + 1];
    assert!(Asked::read(&many, None, "").is_err());
}

#[test]
fn many_systems_are_tried_in_time() {
    let include: Vec<Value> = (0..20_000)
        .map(|n| json!({"system": format!("s{n}"), "concept": [{"code": "b"}]}))
        .collect();
    let set = json!({"resourceType": "ValueSet", "url": "w", "compose": {"include": include}});
    let made = terminology(json!([set]));
    let asked = query(&[("url", "w"), ("code", "b")]);
    let answer = in_time(|| in_value_set(&made, &asked)).unwrap();
    assert_eq!(answer["parameter"][0]["valueBoolean"], true);
}
