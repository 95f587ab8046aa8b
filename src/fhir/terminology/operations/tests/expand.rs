//! `$expand`, asked as clients ask it.

use serde_json::{Value, json};

use super::{
    super::{Asked, EXPANSION_PAGE_MAX, Stamp, expand},
    GENDER, GENDERS, body, code_of, made, query,
};
use crate::{
    fhir::terminology::{Terminology, tests::terminology},
    kernel::problem::{Category, Result},
};

fn stamp() -> Stamp {
    Stamp {
        identifier: "urn:uuid:1".to_owned(),
        timestamp: "2020-05-11T08:00:00Z".to_owned(),
    }
}

fn expanded(terminology: &Terminology, asked: &Asked) -> Result<Value> {
    expand(terminology, asked, &stamp())
}

fn codes(set: &Value) -> Vec<&str> {
    let contains = set["expansion"]["contains"].as_array();
    let contains = contains.into_iter().flatten();
    contains
        .map(|each| each["code"].as_str().unwrap())
        .collect()
}

#[test]
fn an_expansion_tells_what_it_is_of() {
    let set = expanded(Terminology::core(), &query(&[("url", GENDERS)])).unwrap();
    assert_eq!(codes(&set), ["male", "female", "other", "unknown"]);
    assert_eq!(
        (&set["url"], &set["status"]),
        (&json!(GENDERS), &json!("active"))
    );
    assert!(set.get("compose").is_none());
    let expansion = &set["expansion"];
    assert_eq!(expansion["total"], 4);
    assert_eq!(expansion["identifier"], "urn:uuid:1");
    assert_eq!(
        expansion["contains"][0],
        json!({
        "system": GENDER, "version": "4.0.1", "code": "male", "display": "Male" })
    );
    assert_eq!(
        expansion["parameter"][0],
        json!({
        "name": "used-codesystem", "valueUri": format!("{GENDER}|4.0.1") })
    );
    let set = expanded(
        Terminology::core(),
        &query(&[("url", GENDERS), ("includeDefinition", "true")]),
    );
    assert!(set.unwrap()["compose"]["include"].is_array());
}

#[test]
fn an_expansion_is_narrowed_and_paged() {
    let made = made();
    let with = |more: &[(&str, &str)]| {
        let mut all = vec![("url", "v")];
        all.extend_from_slice(more);
        expanded(&made, &query(&all))
    };
    let told = |more| {
        let set = with(more).unwrap();
        let total = set["expansion"]["total"].as_u64().unwrap();
        (codes(&set).join(" "), total)
    };
    assert_eq!(told(&[]), ("a aa ab g o".to_owned(), 5));
    assert_eq!(
        told(&[("offset", "1"), ("count", "2")]),
        ("aa ab".to_owned(), 5)
    );
    assert_eq!(told(&[("count", "0")]), (String::new(), 5));
    assert_eq!(told(&[("offset", "9")]), (String::new(), 5));
    assert_eq!(told(&[("filter", " ARGER ")]), ("a".to_owned(), 1));
    assert_eq!(told(&[("filter", "g")]), ("a g".to_owned(), 2));
    assert_eq!(told(&[("activeOnly", "true")]), ("a aa ab g".to_owned(), 4));
    assert_eq!(
        told(&[("excludeNotForUI", "true")]),
        ("a aa ab o".to_owned(), 4)
    );
    assert_eq!(told(&[("exclude-system", "s|1")]), (String::new(), 0));
    assert_eq!(
        told(&[("force-system-version", "s|2")]),
        ("new".to_owned(), 1)
    );
    assert_eq!(
        told(&[("system-version", "s|2")]),
        ("a aa ab g o".to_owned(), 5)
    );
    assert!(with(&[("check-system-version", "s|2")]).is_err());
    for (name, value) in [("count", "-1"), ("offset", "x"), ("activeOnly", "yes")] {
        assert_eq!(
            with(&[(name, value)]).unwrap_err().category,
            Category::Malformed
        );
    }
    let problem = with(&[("date", "2020")]).unwrap_err();
    assert_eq!(problem.category, Category::NotSupported);
    let pinned = query(&[("url", "any"), ("system-version", "s|1")]);
    assert_eq!(codes(&expanded(&made, &pinned).unwrap()).len(), 5);
    assert_eq!(
        codes(&expanded(&made, &query(&[("url", "any")])).unwrap()),
        ["new"]
    );
}

#[test]
fn an_expansion_has_names_and_branches() {
    let made = made();
    let asked = query(&[
        ("url", "v"),
        ("displayLanguage", "fr-CH"),
        ("excludeNested", "false"),
    ]);
    let set = expanded(&made, &asked).unwrap();
    let first = &set["expansion"]["contains"][0];
    assert_eq!(first["display"], "colère");
    assert!(first.get("designation").is_none());
    assert_eq!(first["contains"][1]["code"], "ab");
    assert_eq!(codes(&set), ["a", "g", "o"]);
    assert_eq!(set["expansion"]["total"], 5);
    assert_eq!(set["expansion"]["contains"][1]["abstract"], true);
    assert_eq!(set["expansion"]["contains"][2]["inactive"], true);
    let set = expanded(
        &made,
        &query(&[("url", "v"), ("includeDesignations", "true")]),
    )
    .unwrap();
    assert_eq!(
        set["expansion"]["contains"][0]["designation"],
        json!([
        {"language": "en", "value": "anger"}, {"language": "fr", "value": "colère"}])
    );
    let set = expanded(
        &made,
        &query(&[("url", "v"), ("designation", "urn:ietf:bcp:47|en")]),
    );
    let only = json!([{"language": "en", "value": "anger"}]);
    assert_eq!(
        set.unwrap()["expansion"]["contains"][0]["designation"],
        only
    );
}

#[test]
fn a_value_set_may_be_handed_over() {
    let set = json!({"resourceType": "ValueSet", "status": "active", "compose": {"include": [
        {"system": GENDER, "filter": [{"property": "code", "op": "regex", "value": ".*male"}]}]}});
    let asked =
        body(&json!([{"name": "valueSet", "resource": set}, {"name": "count", "valueInteger": 5}]));
    assert_eq!(
        codes(&expanded(Terminology::core(), &asked).unwrap()),
        ["male", "female"]
    );
    let asked = Asked::read(&[], Some(&set), "valueSet");
    assert_eq!(
        codes(&expanded(Terminology::core(), &asked).unwrap()).len(),
        2
    );
    let asked = Asked::default().of(set);
    assert_eq!(
        codes(&expanded(Terminology::core(), &asked).unwrap()).len(),
        2
    );
}

#[test]
fn what_cannot_be_expanded_is_said() {
    let ask = |url| expanded(Terminology::core(), &query(&[("url", url)])).unwrap_err();
    let unknown = ask("http://a.example/none");
    assert_eq!(
        (unknown.category, code_of(&unknown)),
        (Category::NotFound, "not-found")
    );
    let snomed = ask("http://hl7.org/fhir/ValueSet/body-site");
    assert_eq!(
        (snomed.category, code_of(&snomed)),
        (Category::Invalid, "not-found")
    );
    assert!(
        snomed.to_string().contains("http://snomed.info/sct"),
        "{snomed}"
    );
    let endless = ask("http://hl7.org/fhir/ValueSet/all-languages");
    assert_eq!(code_of(&endless), "too-costly");
    let none = expanded(Terminology::core(), &query(&[])).unwrap_err();
    assert_eq!(code_of(&none), "required");
}

#[test]
fn an_answer_has_a_bound_and_pages_reach_beyond_it() {
    let concept: Vec<Value> = (0..=EXPANSION_PAGE_MAX)
        .map(|n| json!({"code": n.to_string()}))
        .collect();
    let many = terminology(
        json!([{"resourceType": "CodeSystem", "url": "s", "content": "complete",
        "valueSet": "v", "concept": concept}]),
    );
    let whole = expanded(&many, &query(&[("url", "v")])).unwrap_err();
    assert_eq!(code_of(&whole), "too-costly");
    let page = expanded(
        &many,
        &query(&[("url", "v"), ("offset", "10000"), ("count", "20000")]),
    );
    let page = page.unwrap();
    assert_eq!(codes(&page), ["10000"]);
    assert_eq!(page["expansion"]["total"], EXPANSION_PAGE_MAX + 1);
}

#[test]
fn what_is_left_out_is_left_out_whatever_it_is_called() {
    let made = terminology(json!([
        {"resourceType": "CodeSystem", "url": "s", "content": "complete",
         "concept": [{"code": "a", "display": "one"}, {"code": "b", "display": "one more"}]},
        {"resourceType": "ValueSet", "url": "b", "compose": {"include": [
            {"system": "s", "concept": [{"code": "b", "display": "other"}]}]}},
        {"resourceType": "ValueSet", "url": "v", "compose": {"include": [{"system": "s"}],
            "exclude": [{"valueSet": ["b"]}]}},
        {"resourceType": "ValueSet", "url": "both", "compose": {"include": [
            {"system": "s", "valueSet": ["b"]}]}}]));
    let one = |url| query(&[("url", url), ("filter", "one")]);
    assert_eq!(codes(&expanded(&made, &one("v")).unwrap()), ["a"]);
    assert_eq!(codes(&expanded(&made, &one("both")).unwrap()), ["b"]);
}
