//! The operations, asked as clients ask them.

mod expand;

use serde_json::{Value, json};

use super::*;
use crate::{
    fhir::terminology::{Terminology, tests::terminology},
    kernel::problem::{Category, Problem},
};

const GENDER: &str = "http://hl7.org/fhir/administrative-gender";
const GENDERS: &str = "http://hl7.org/fhir/ValueSet/administrative-gender";
const ROLES: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

fn query(pairs: &[(&str, &str)]) -> Asked {
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Asked::read(&pairs, None, "")
}

fn body(parameter: &Value) -> Asked {
    let parameters = json!({ "resourceType": "Parameters", "parameter": parameter });
    Asked::read(&[], Some(&parameters), "")
}

/// The value of an answer's parameter.
fn told<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let mut parts = answer["parameter"].as_array().unwrap().iter();
    let part = parts.find(|part| part["name"] == name);
    part.map_or(&Value::Null, |part| {
        let mut members = part.as_object().unwrap().iter();
        members.find(|(name, _)| *name != "name").unwrap().1
    })
}

fn code_of(problem: &Problem) -> &str {
    problem.issues[0].code
}

/// Code systems and value sets that are made up.
fn made() -> Terminology {
    terminology(json!([
        {"resourceType": "CodeSystem", "url": "s", "version": "1", "name": "S", "content": "complete",
         "concept": [
            {"code": "a", "display": "Ärger", "definition": "What one feels.",
             "designation": [{"language": "en", "value": "anger"}],
             "property": [{"code": "size", "valueInteger": 3}],
             "concept": [{"code": "aa", "display": "Zorn"}, {"code": "ab", "display": "Wut"}]},
            {"code": "g", "display": "Gruppe",
             "property": [{"code": "notSelectable", "valueBoolean": true}]},
            {"code": "o", "display": "Alt",
             "property": [{"code": "status", "valueCode": "retired"}]}]},
        {"resourceType": "CodeSystem", "url": "s", "version": "2", "content": "complete",
         "concept": [{"code": "new", "display": "Neu"}]},
        {"resourceType": "CodeSystem", "url": "s-fr", "content": "supplement", "supplements": "s|1",
         "concept": [{"code": "a", "designation": [{"language": "fr", "value": "colère"}]}]},
        {"resourceType": "ValueSet", "url": "v", "version": "7", "status": "draft", "name": "V",
         "compose": {"include": [{"system": "s", "version": "1"}]}},
        {"resourceType": "ValueSet", "url": "any", "status": "active",
         "compose": {"include": [{"system": "s"}]}},
        {"resourceType": "ConceptMap", "url": "m", "sourceUri": "v", "targetUri": "w",
         "group": [{"source": "s", "target": "t", "element": [
            {"code": "a", "target": [
                {"code": "x", "equivalence": "wider", "comment": "nearly"},
                {"code": "y", "equivalence": "equal", "dependsOn": [
                    {"property": "mood", "value": "bad"}]}]},
            {"code": "aa", "target": [{"equivalence": "unmatched"}]}],
            "unmapped": {"mode": "other-map", "url": "m2"}}]},
        {"resourceType": "ConceptMap", "url": "m2", "group": [{"source": "s", "target": "t",
            "element": [{"code": "o", "target": [{"code": "z", "equivalence": "equal"}]}],
            "unmapped": {"mode": "fixed", "code": "rest", "display": "Rest"}}]},
        {"resourceType": "ConceptMap", "url": "loop", "group": [{"element": [],
            "unmapped": {"mode": "other-map", "url": "loop"}}]},
    ]))
}

#[test]
fn a_code_is_validated_against_a_value_set() {
    let core = Terminology::core();
    let ask = |more: &[(&str, &str)]| {
        let mut all = vec![("url", GENDERS)];
        all.extend_from_slice(more);
        in_value_set(core, &query(&all)).unwrap()
    };
    let good = ask(&[("system", GENDER), ("code", "female")]);
    assert_eq!(told(&good, "result"), true);
    assert_eq!(told(&good, "display"), "Female");
    assert_eq!(told(&good, "version"), "4.0.1");
    assert_eq!(told(&good, "message"), &Value::Null);
    let inferred = ask(&[("code", "female")]);
    assert_eq!(told(&inferred, "system"), GENDER);
    let bad = ask(&[("system", GENDER), ("code", "none")]);
    assert_eq!(told(&bad, "result"), false);
    assert!(told(&bad, "message").as_str().unwrap().contains("none"));
    let called = |display| ask(&[("system", GENDER), ("code", "male"), ("display", display)]);
    assert_eq!(told(&called("MALE"), "result"), true);
    let wrong = called("Female");
    assert_eq!(told(&wrong, "result"), false);
    assert_eq!(told(&wrong, "display"), "Male");
    let asked = [
        ("code", "male"),
        ("display", "x"),
        ("lenient-display-validation", "true"),
    ];
    assert_eq!(told(&ask(&asked), "result"), true);
    assert_eq!(
        told(&ask(&[("coding", &format!("{GENDER}|other"))]), "result"),
        true
    );
}

#[test]
fn a_concept_is_valid_by_one_of_its_codes() {
    let core = Terminology::core();
    let codings = json!({"coding": [{"system": "http://snomed.info/sct", "code": "1"},
        {"system": GENDER, "code": "other"}]});
    let asked = body(&json!([{"name": "url", "valueUri": GENDERS},
        {"name": "codeableConcept", "valueCodeableConcept": codings}]));
    let answer = in_value_set(core, &asked).unwrap();
    assert_eq!(told(&answer, "result"), true);
    assert_eq!(told(&answer, "code"), "other");
    for parameter in [
        json!([{"name": "url", "valueUri": GENDERS}]),
        json!([{"name": "url", "valueUri": GENDERS}, {"name": "code", "valueCode": "male"},
            {"name": "coding", "valueCoding": {"code": "male"}}]),
        json!([{"name": "code", "valueCode": "male"}]),
        json!([{"name": "url", "valueUri": GENDERS},
            {"name": "codeableConcept", "valueCodeableConcept": {"text": "a"}}]),
    ] {
        let problem = in_value_set(core, &body(&parameter)).unwrap_err();
        assert_eq!(problem.category, Category::Malformed, "{parameter}");
    }
}

#[test]
fn what_only_groups_and_what_is_old_is_remarked_on() {
    let made = made();
    let ask = |pairs: &[(&str, &str)]| in_value_set(&made, &query(pairs)).unwrap();
    let group = [
        ("url", "v"),
        ("system", "s"),
        ("systemVersion", "1"),
        ("code", "g"),
    ];
    assert_eq!(told(&ask(&group), "result"), false);
    let allowed = [group.as_slice(), &[("abstract", "true")]].concat();
    assert_eq!(told(&ask(&allowed), "result"), true);
    let old = ask(&[
        ("url", "v"),
        ("system", "s"),
        ("systemVersion", "1"),
        ("code", "o"),
    ]);
    assert_eq!(told(&old, "result"), true);
    assert!(told(&old, "message").is_string());
    let snomed = [
        ("url", "http://hl7.org/fhir/ValueSet/body-site"),
        ("system", "http://snomed.info/sct"),
        ("code", "1"),
    ];
    let unknown = ask(&snomed);
    assert_eq!(told(&unknown, "result"), false);
    assert!(
        told(&unknown, "message")
            .as_str()
            .unwrap()
            .contains("not loaded")
    );
}

#[test]
fn a_code_is_validated_against_a_code_system() {
    let core = Terminology::core();
    let ask = |pairs: &[(&str, &str)]| in_code_system(core, &query(pairs));
    let valid = |pairs: &[(&str, &str)]| told(&ask(pairs).unwrap(), "result") == true;
    assert!(valid(&[("url", GENDER), ("code", "male")]));
    assert!(!valid(&[("url", GENDER), ("code", "m")]));
    assert!(valid(&[("coding", &format!("{GENDER}|male"))]));
    assert!(!valid(&[
        ("url", GENDER),
        ("coding", "http://loinc.org|male")
    ]));
    assert!(valid(&[("url", "urn:ietf:bcp:47"), ("code", "fr-CH")]));
    assert!(!valid(&[
        ("url", "http://unitsofmeasure.org"),
        ("code", "mmHg")
    ]));
    let snomed = ask(&[("url", "http://snomed.info/sct"), ("code", "1")]).unwrap_err();
    assert_eq!(snomed.category, Category::NotFound);
    assert!(ask(&[("url", GENDER), ("code", "male"), ("version", "9")]).is_err());
    let own = json!([{"name": "code", "valueCode": "a"}, {"name": "codeSystem", "resource":
        {"resourceType": "CodeSystem", "url": "o", "content": "complete", "concept": [{"code": "a"}]}}]);
    assert_eq!(
        told(&in_code_system(core, &body(&own)).unwrap(), "result"),
        true
    );
}

#[test]
fn a_code_is_looked_up() {
    let made = made();
    let ask = |pairs: &[(&str, &str)]| lookup(&made, &query(pairs));
    let whole = ask(&[("system", "s"), ("version", "1"), ("code", "a")]).unwrap();
    assert_eq!(
        (told(&whole, "name"), told(&whole, "display")),
        (&json!("S"), &json!("Ärger"))
    );
    assert_eq!(told(&whole, "definition"), "What one feels.");
    let all = whole.to_string();
    for part in [
        "colère",
        r#""valueInteger":3"#,
        r#""valueCode":"ab""#,
        r#""valueBoolean":false"#,
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    let french = [
        ("system", "s"),
        ("version", "1"),
        ("code", "a"),
        ("displayLanguage", "fr"),
    ];
    assert_eq!(told(&ask(&french).unwrap(), "display"), "colère");
    let few = [
        ("system", "s"),
        ("version", "1"),
        ("code", "aa"),
        ("property", "parent"),
    ];
    let few = ask(&few).unwrap();
    assert_eq!(few["parameter"].as_array().unwrap().len(), 4);
    assert!(few.to_string().contains("Ärger"), "the parent is described");
    let unit = ask(&[("system", "http://unitsofmeasure.org"), ("code", "mg")]).unwrap();
    assert!(told(&unit, "display").is_string());
    for (system, code) in [
        ("s", "none"),
        ("http://loinc.org", "1"),
        ("urn:ietf:bcp:13", "x"),
    ] {
        let problem = ask(&[("system", system), ("code", code)]).unwrap_err();
        assert_eq!(problem.category, Category::NotFound);
    }
    assert_eq!(
        ask(&[("code", "a")]).unwrap_err().category,
        Category::Malformed
    );
}

#[test]
fn codes_are_compared() {
    let core = Terminology::core();
    let ask = |pairs: &[(&str, &str)]| subsumes(core, &query(pairs));
    let outcome = |a, b| {
        let answer = ask(&[("system", ROLES), ("codeA", a), ("codeB", b)]).unwrap();
        told(&answer, "outcome").as_str().unwrap().to_owned()
    };
    assert_eq!(outcome("PRN", "MTH"), "subsumes");
    assert_eq!(outcome("MTH", "PRN"), "subsumed-by");
    assert_eq!(outcome("MTH", "MTH"), "equivalent");
    assert_eq!(outcome("MTH", "FTH"), "not-subsumed");
    let coding = |code| json!({"system": ROLES, "code": code});
    let asked = body(&json!([{"name": "codingA", "valueCoding": coding("PRN")},
        {"name": "codingB", "valueCoding": coding("MTH")}]));
    assert_eq!(
        told(&subsumes(core, &asked).unwrap(), "outcome"),
        "subsumes"
    );
    let asked = query(&[("codeA", "PRN"), ("codeB", "MTH")]);
    let system = json!({"resourceType": "CodeSystem", "url": ROLES});
    assert_eq!(
        told(&subsumes(core, &asked.of(system)).unwrap(), "outcome"),
        "subsumes"
    );
    assert!(ask(&[("codeA", "PRN"), ("codeB", "MTH")]).is_err());
    assert!(ask(&[("system", ROLES), ("codeA", "PRN")]).is_err());
}

/// Equivalence and code of each match.
fn matches(answer: &Value) -> Vec<String> {
    let parts = answer["parameter"].as_array().unwrap().iter();
    let matches = parts.filter(|part| part["name"] == "match");
    let shown = |part: &Value| {
        let inner = json!({ "parameter": part["part"] });
        let code = told(&inner, "concept")["code"].as_str().unwrap_or("-");
        format!("{} {code}", told(&inner, "equivalence").as_str().unwrap())
    };
    matches.map(shown).collect()
}

#[test]
fn a_code_is_translated() {
    let made = made();
    let ask = |pairs: &[(&str, &str)]| translate(&made, &query(pairs));
    let told_of = |pairs: &[(&str, &str)]| {
        let answer = ask(pairs).unwrap();
        (told(&answer, "result") == true, matches(&answer).join(", "))
    };
    let of = |code: &str| told_of(&[("url", "m"), ("system", "s"), ("code", code)]);
    assert_eq!(of("a"), (true, "wider x, equal y".to_owned()));
    assert_eq!(of("aa"), (false, "unmatched -".to_owned()));
    assert_eq!(of("o"), (true, "equal z".to_owned()));
    assert_eq!(of("else"), (true, "inexact rest".to_owned()));
    let back = [
        ("url", "m"),
        ("system", "t"),
        ("code", "x"),
        ("reverse", "true"),
    ];
    assert_eq!(told_of(&back), (true, "narrower a".to_owned()));
    let between = [
        ("source", "v"),
        ("target", "w"),
        ("system", "s"),
        ("code", "a"),
    ];
    assert_eq!(told_of(&between).1, "wider x, equal y");
    let dependency = json!({"name": "dependency", "part": [{"name": "element", "valueUri": "mood"},
        {"name": "concept", "valueCodeableConcept": {"coding": [{"code": "good"}]}}]});
    let asked = body(&json!([dependency, {"name": "url", "valueUri": "m"},
        {"name": "coding", "valueCoding": {"system": "s", "code": "a"}}]));
    assert_eq!(matches(&translate(&made, &asked).unwrap()), ["wider x"]);
    let endless = ask(&[("url", "loop"), ("system", "s"), ("code", "a")]).unwrap_err();
    assert_eq!(code_of(&endless), "too-costly");
    assert_eq!(
        ask(&[("url", "none"), ("system", "s"), ("code", "a")])
            .unwrap_err()
            .category,
        Category::NotFound
    );
    assert!(ask(&[("system", "s"), ("code", "a")]).is_err());
    let core = query(&[
        (
            "url",
            "http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v2",
        ),
        ("system", GENDER),
        ("code", "male"),
    ]);
    assert_eq!(
        matches(&translate(Terminology::core(), &core).unwrap()),
        ["equal M"]
    );
}

#[test]
fn the_capabilities_name_what_is_at_hand() {
    use crate::fhir::terminology::Served;
    let told = made().capabilities(Served {
        base: "b",
        since: "2020-05-11",
        version: "1",
    });
    let systems = told["codeSystem"].as_array().unwrap();
    let of = |url: &str| systems.iter().find(|system| system["uri"] == url);
    let versions = json!([{"code": "2", "isDefault": true}, {"code": "1", "isDefault": false}]);
    assert_eq!(of("s").unwrap()["version"], versions);
    assert!(of(GENDER).is_some() && of("urn:ietf:bcp:47").is_some());
    assert!(of("s-fr").is_none() && of("http://snomed.info/sct").is_none());
    assert!(systems.len() > 1_000);
}
