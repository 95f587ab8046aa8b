//! Questions to R4's own tables, and to definitions that are made up.

use serde_json::json;

use super::*;

pub(super) fn terminology(resources: Value) -> Terminology {
    let Value::Array(list) = resources else {
        panic!("a list is wanted")
    };
    Terminology::with(&list.into_iter().map(Arc::new).collect::<Vec<_>>())
}

fn coding<'a>(system: &'a str, code: &'a str) -> Coding<'a> {
    Coding {
        system: Some(system).filter(|system| !system.is_empty()),
        code,
        ..Coding::default()
    }
}

fn is_unknown(membership: &Membership) -> bool {
    matches!(membership, Membership::Unknown(_))
}

#[test]
fn every_line_of_the_tables_is_read() {
    let core = Terminology::core();
    let systems: Vec<&str> = core.code_systems.urls().collect();
    assert_eq!(systems.len(), CODE_SYSTEMS.lines().count());
    for url in systems {
        let volume = &core.code_systems.versions(url)[0];
        assert_eq!(volume.tree()["url"], *url);
        assert_eq!(volume.tree()["version"].as_str(), volume.version());
        let system = volume.content();
        for (at, concept) in system.concepts.iter().enumerate() {
            assert!(system.place(&concept.code).is_some_and(|place| place <= at));
        }
    }
    let sets: Vec<&str> = core.value_sets.urls().collect();
    assert_eq!(sets.len(), VALUE_SETS.lines().count());
    for url in sets {
        let volume = &core.value_sets.versions(url)[0];
        assert_eq!(volume.tree()["url"], *url);
        assert!(volume.content().composed, "{url}");
    }
    let maps = core.concept_maps().filter(|map| !map.groups.is_empty());
    assert_eq!(maps.count(), CONCEPT_MAPS.lines().count());
}

/// Value set of R4, code system, code, whether it is in there.
const QUESTIONS: &[(&str, &str, &str, bool)] = &[
    (
        "administrative-gender",
        "http://hl7.org/fhir/administrative-gender",
        "female",
        true,
    ),
    (
        "administrative-gender",
        "http://hl7.org/fhir/administrative-gender",
        "Female",
        false,
    ),
    ("administrative-gender|4.0.1", "", "other", true),
    ("administrative-gender", "", "none", false),
    ("administrative-gender", "http://loinc.org", "female", false),
    // Two code systems.
    ("marital-status", "v3-MaritalStatus", "M", true),
    ("marital-status", "v3-NullFlavor", "UNK", true),
    ("marital-status", "v3-NullFlavor", "NI", false),
    // Everything but one.
    ("patient-contactrelationship", "v2-0131", "E", true),
    ("patient-contactrelationship", "v2-0131", "O", false),
    // Lists and grammars.
    ("units-of-time", "http://unitsofmeasure.org", "h", true),
    ("units-of-time", "http://unitsofmeasure.org", "m", false),
    ("ucum-units", "http://unitsofmeasure.org", "mm[Hg]", true),
    ("ucum-units", "http://unitsofmeasure.org", "mmHg", false),
    ("all-languages", "urn:ietf:bcp:47", "fr-CH", true),
    ("mimetypes", "urn:ietf:bcp:13", "text", false),
    ("currencies", "urn:iso:std:iso:4217", "EUR", true),
    ("iso3166-1-3", "urn:iso:std:iso:3166", "FRA", true),
    ("iso3166-1-3", "urn:iso:std:iso:3166", "FR", false),
];

#[test]
fn r4_value_sets_know_their_codes() {
    for (set, system, code, is) in QUESTIONS {
        let set = format!("http://hl7.org/fhir/ValueSet/{set}");
        let system = match system.split_once('-') {
            Some(("v2" | "v3", _)) => format!("http://terminology.hl7.org/CodeSystem/{system}"),
            _ => (*system).to_owned(),
        };
        let wanted = if *is {
            Membership::Member
        } else {
            Membership::NotMember
        };
        let told = Terminology::core().membership(&set, &coding(&system, code));
        assert_eq!(told, wanted, "{set} {code}");
    }
}

#[test]
fn what_cannot_be_told_is_unknown() {
    let core = Terminology::core();
    let in_set = |set: &str, system: &str| core.membership(set, &coding(system, "22298006"));
    let conditions = "http://hl7.org/fhir/ValueSet/condition-code";
    assert!(is_unknown(&in_set(conditions, "http://snomed.info/sct")));
    assert_eq!(
        in_set(conditions, "http://loinc.org"),
        Membership::NotMember
    );
    assert!(is_unknown(&in_set(
        "http://a.example/set",
        "http://loinc.org"
    )));
    assert!(is_unknown(&in_set(
        "http://snomed.info/sct?fhir_vs",
        "http://snomed.info/sct"
    )));
    let other = "http://hl7.org/fhir/ValueSet/administrative-gender|3.0.1";
    let Membership::Unknown(why) = in_set(other, "s") else {
        panic!("another version is not this one")
    };
    assert!(why.contains("3.0.1") && why.contains("4.0.1"), "{why}");
    // Only examples of the codes are part of R4.
    let types = "http://hl7.org/fhir/ValueSet/service-type";
    let system = "http://terminology.hl7.org/CodeSystem/service-type";
    assert!(is_unknown(
        &core.membership(types, &coding(system, "999999"))
    ));
    assert_eq!(
        core.membership(types, &coding(system, "1")),
        Membership::Member
    );
}

#[test]
fn value_sets_of_value_sets() {
    let made = terminology(json!([
        {"resourceType": "CodeSystem", "url": "s", "content": "complete", "valueSet": "all",
         "concept": [{"code": "a"}, {"code": "b"},
            {"code": "c", "property": [{"code": "inactive", "valueBoolean": true}]}]},
        {"resourceType": "ValueSet", "url": "ab", "compose": {"include": [
            {"system": "s", "concept": [{"code": "a"}, {"code": "b", "display": "B here"}]}]}},
        {"resourceType": "ValueSet", "url": "bc", "compose": {"include": [{"valueSet": ["all"]}],
            "exclude": [{"system": "s", "concept": [{"code": "a"}]}]}},
        {"resourceType": "ValueSet", "url": "both", "compose": {"include": [
            {"valueSet": ["ab", "bc"]}]}},
        {"resourceType": "ValueSet", "url": "active", "compose": {"inactive": false,
            "include": [{"valueSet": ["bc"]}]}},
        {"resourceType": "ValueSet", "url": "circle", "compose": {"include": [
            {"valueSet": ["round"]}]}},
        {"resourceType": "ValueSet", "url": "round", "compose": {"include": [
            {"system": "s", "concept": [{"code": "a"}]}, {"valueSet": ["circle"]}]}},
    ]));
    for (set, codes) in [
        ("all", "abc"),
        ("s?fhir_vs", "abc"),
        ("s?fhir_vs=isa/c", "c"),
        ("ab", "ab"),
        ("bc", "bc"),
        ("both", "b"),
        ("active", "b"),
    ] {
        let found = made.codes(set, 10).unwrap();
        let found: String = found.into_iter().map(|(_, code)| code).collect();
        assert_eq!(found, codes, "{set}");
        for code in ["a", "b", "c", "d"] {
            let is = made.membership(set, &coding("s", code)) == Membership::Member;
            assert_eq!(is, codes.contains(code), "{set} {code}");
            let is = made.membership(set, &coding("", code)) == Membership::Member;
            assert!(
                set == "active" || is == codes.contains(code),
                "{set} {code}"
            );
        }
    }
    let problem = made.codes("all", 2).unwrap_err();
    assert_eq!(problem.issues[0].code, "too-costly");
    assert!(made.codes("circle", 10).is_err());
    assert!(is_unknown(&made.membership("circle", &coding("s", "b"))));
    assert_eq!(
        made.membership("circle", &coding("s", "a")),
        Membership::Member
    );
}

#[test]
fn what_is_loaded_comes_before_what_r4_has() {
    let url = "http://hl7.org/fhir/administrative-gender";
    let made = terminology(json!([
        {"resourceType": "CodeSystem", "url": url, "version": "9", "status": "active",
         "content": "complete", "concept": [{"code": "female"}, {"code": "diverse"}]},
        {"resourceType": "CodeSystem", "url": "http://hl7.org/fhir/address-use",
         "content": "not-present"},
        {"resourceType": "Patient"},
    ]));
    let set = "http://hl7.org/fhir/ValueSet/administrative-gender";
    assert_eq!(
        made.membership(set, &coding(url, "diverse")),
        Membership::Member
    );
    assert_eq!(
        made.membership(set, &coding(url, "male")),
        Membership::NotMember
    );
    let old = Coding {
        version: Some("4.0.1"),
        ..coding(url, "male")
    };
    assert_eq!(made.membership(set, &old), Membership::Member);
    // A code system without its concepts hides nothing.
    let set = "http://hl7.org/fhir/ValueSet/address-use";
    let home = coding("http://hl7.org/fhir/address-use", "home");
    assert_eq!(made.membership(set, &home), Membership::Member);
}

#[test]
fn a_list_made_by_somebody_else_stands_in_for_what_is_not_loaded() {
    let made = terminology(json!([
        {"resourceType": "ValueSet", "url": "v",
         "compose": {"include": [{"system": "http://snomed.info/sct",
            "filter": [{"property": "concept", "op": "is-a", "value": "1"}]}]},
         "expansion": {"contains": [{"system": "http://snomed.info/sct", "code": "2"}]}},
    ]));
    let in_set = |code| made.membership("v", &coding("http://snomed.info/sct", code));
    assert_eq!(in_set("2"), Membership::Member);
    assert_eq!(in_set("3"), Membership::NotMember);
    assert_eq!(made.codes("v", 5).unwrap().len(), 1);
}

#[test]
fn a_code_and_its_kin() {
    let core = Terminology::core();
    let system = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
    let below = core.below(system, "PRN", 100).unwrap();
    assert!(below.contains(&"PRN".into()) && below.contains(&"MTH".into()));
    assert!(
        core.above(system, "MTH", 100)
            .unwrap()
            .contains(&"FAMMEMB".into())
    );
    assert_eq!(
        core.below(system, "PRN", 3).unwrap_err().issues[0].code,
        "too-costly"
    );
    let relation = |a, b| core.subsumption(system, a, b).unwrap();
    assert_eq!(relation("PRN", "MTH"), Subsumption::Subsumes);
    assert_eq!(relation("MTH", "PRN"), Subsumption::SubsumedBy);
    assert_eq!(relation("MTH", "MTH"), Subsumption::Equivalent);
    assert_eq!(relation("MTH", "FTH"), Subsumption::NotSubsumed);
    assert!(core.subsumption(system, "MTH", "none").is_err());
    assert!(core.below("http://snomed.info/sct", "1", 3).is_err());
}

#[test]
fn a_maze_of_value_sets_is_left_in_time() {
    let mut sets = Vec::new();
    for level in 0..20 {
        let next = format!("m{}", level + 1);
        let inner: Vec<Value> = (0..8).map(|_| json!({"valueSet": [next]})).collect();
        sets.push(
            json!({"resourceType": "ValueSet", "url": format!("m{level}"),
            "compose": {"include": inner}}),
        );
    }
    sets.push(json!({"resourceType": "ValueSet", "url": "m20",
        "compose": {"include": [{"system": "s", "concept": [{"code": "a"}]}]}}));
    let made = terminology(Value::Array(sets));
    assert!(is_unknown(&made.membership("m0", &coding("s", "b"))));
    assert!(made.codes("m0", 10).is_err());
}
