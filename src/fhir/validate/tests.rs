//! What is refused, by the cases of `fixtures/bad-input`; and what must not be.

use serde_json::{Value, json};

use super::*;
use crate::kernel::problem::Severity;

const CASES: [&str; 7] = [
    include_str!("../../../fixtures/bad-input/json.jsonl"),
    include_str!("../../../fixtures/bad-input/resource.jsonl"),
    include_str!("../../../fixtures/bad-input/structure.jsonl"),
    include_str!("../../../fixtures/bad-input/extensions.jsonl"),
    include_str!("../../../fixtures/bad-input/primitives.jsonl"),
    include_str!("../../../fixtures/bad-input/nested.jsonl"),
    include_str!("../../../fixtures/bad-input/requests.jsonl"),
];

fn cases() -> Vec<Value> {
    CASES
        .iter()
        .flat_map(|file| file.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn body(case: &Value) -> Bytes {
    match (case["body"].as_str(), case["body_bytes"].as_str()) {
        (Some(text), None) => Bytes::from(text.to_owned()),
        (None, Some(text)) => text.chars().map(|c| u8::try_from(c).unwrap()).collect(),
        _ => Bytes::new(),
    }
}

fn status(category: Category) -> u64 {
    match category {
        Category::Malformed => 400,
        Category::Invalid => 422,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_bad_body_is_refused_as_its_case_says() {
    let mut count = 0;
    for case in cases() {
        if case["level"] == "request" {
            continue;
        }
        count += 1;
        let name = case["name"].as_str().unwrap();
        let problem = read(&body(&case), &Limits::default()).expect_err(name);
        let expect = &case["expect"];
        assert_eq!(
            Some(status(problem.category)),
            expect["status"].as_u64(),
            "{name}: {problem}"
        );
        let found = problem.issues.iter().any(|issue| {
            issue.severity == Severity::Error
                && expect["code"] == issue.code
                && expect["expression"].as_str() == issue.expression.as_deref()
        });
        assert!(found, "{name}: {:?}", problem.issues);
    }
    assert!(count >= 60, "{count}");
}

#[test]
fn a_request_at_fault_may_have_a_body_without() {
    for case in cases() {
        if case["level"] == "request" && case["body"].is_string() {
            let name = case["name"].as_str().unwrap();
            read(&body(&case), &Limits::default()).expect(name);
        }
    }
}

#[test]
fn cases_have_names_of_their_own() {
    let cases = cases();
    let mut names: Vec<&str> = cases.iter().map(|c| c["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[track_caller]
fn accepted(tree: &Value) {
    if let Err(problem) = check(tree) {
        panic!("{tree}: {problem}");
    }
}

#[test]
fn the_features_of_fhir_json_are_accepted() {
    let value = json!({"url": "urn:x", "valueString": "y"});
    accepted(&json!({
        "resourceType": "Patient",
        "id": "a-1.B",
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
        "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
        "extension": [{"url": "urn:x", "extension": [value]}],
        "active": true,
        "name": [{
            "given": ["Anne", null, "Marie"],
            "_given": [null, {"extension": [value]}, {"id": "g3"}]
        }],
        "_gender": {"extension": [value]},
        "birthDate": "1970-03",
        "_birthDate": {"id": "b", "extension": [value]},
        "_deceasedDateTime": {"extension": [value]},
        "multipleBirthInteger": 2,
        "_multipleBirthInteger": {"extension": [value]},
        "managingOrganization": {"reference": "#o"}
    }));
}

#[test]
fn a_companion_alone_satisfies_presence() {
    let absent = json!({"extension": [{"url": "urn:x", "valueCode": "unknown"}]});
    accepted(&json!({
        "resourceType": "Observation", "_status": absent, "code": {"text": "x"},
        "_valueString": absent
    }));
}

#[test]
fn plausible_references_are_accepted() {
    for reference in [
        "Patient/1",
        "Patient/1/_history/2",
        "http://example.org/fhir/Patient/1",
        "urn:uuid:6b2a0b6e-7c0e-4c3e-9f0a-0d6f2a1f0c11",
        "#p",
        "#",
        "Patient?identifier=urn:x|1",
    ] {
        accepted(&json!({
            "resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": reference}
        }));
    }
}

#[test]
fn bundles_and_parameters_hold_resources_of_any_type() {
    accepted(&json!({
        "resourceType": "Bundle", "type": "batch-response",
        "entry": [
            {"resource": {"resourceType": "Parameters", "parameter": [
                {"name": "a", "resource": {"resourceType": "Patient",
                    "contained": [{"resourceType": "Endpoint", "status": "off",
                        "connectionType": {"code": "x"}, "payloadType": [{"text": "x"}],
                        "address": "http://x"}]}},
                {"name": "b", "part": [{"name": "c", "valueMarkdown": "*x*"}]}
            ]}},
            {"response": {"status": "400", "outcome": {"resourceType": "OperationOutcome",
                "issue": [{"severity": "error", "code": "structure"}]}}}
        ]
    }));
}

#[test]
fn all_faults_are_told_up_to_a_bound() {
    let bad = |count: usize| {
        let names = vec![json!({"use": "pet"}); count];
        let problem = check(&json!({"resourceType": "Patient", "name": names})).unwrap_err();
        (
            problem.issues.len(),
            problem.issues.last().cloned().unwrap(),
        )
    };
    let (count, last) = bad(3);
    assert_eq!((count, last.severity), (3, Severity::Error));
    let (count, last) = bad(10 * MOST_ISSUES);
    assert_eq!((count, last.severity), (MOST_ISSUES, Severity::Information));
}

#[test]
fn what_was_sent_is_not_repeated() {
    let long = "x".repeat(10_000);
    let problem = check(&json!({
        "resourceType": "Patient", long.clone(): 1, "<script>": 1, "birthDate": long, "gender": long
    }))
    .unwrap_err();
    assert_eq!(problem.issues.len(), 4);
    let text = format!("{:?}", problem.issues);
    assert!(!text.contains("xxxx") && !text.contains("script"), "{text}");
}

#[test]
fn only_primitives_have_names_with_a_small_letter() {
    use super::super::definitions::{Kind, definitions};
    for each in definitions().types.values() {
        let small = each.name.starts_with(|c: char| c.is_ascii_lowercase());
        assert_eq!(small, each.kind == Kind::Primitive, "{}", each.name);
        // One bit per element.
        assert!(each.elements.len() <= 128, "{}", each.name);
    }
}

#[test]
fn leniency_forgives_what_is_absent_and_nothing_else() {
    let absent = [
        json!({"resourceType": "Questionnaire", "item": [{"text": "a", "item": [{"text": "b"}]}]}),
        json!({"resourceType": "SearchParameter", "url": "urn:a"}),
    ];
    for tree in &absent {
        assert!(Judgement::Lenient.check(tree).is_ok(), "{tree}");
        let problem = Judgement::Base.check(tree).unwrap_err();
        assert!(problem.issues.iter().all(|issue| issue.code == "required"));
    }
    for wrong in [
        json!({"resourceType": "Patient", "nme": 1}),
        json!({"resourceType": "Patient", "name": {"text": "a"}}),
        json!({"resourceType": "Patient", "birthDate": "2001-2-3"}),
        json!({"resourceType": "Patient", "gender": "pet"}),
        json!({"resourceType": "Patient", "name": [{}]}),
        json!({"resourceType": "Patient", "extension": [{"url": "urn:a"}]}),
        json!({"resourceType": "Nonsense"}),
    ] {
        assert!(Judgement::Lenient.check(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_id_that_is_not_kept_is_not_judged() {
    let limits = Limits::default();
    for id in ["\"a b\"", "7", "{}", "null"] {
        let body = Bytes::from(format!(
            r#"{{"resourceType":"Patient","id":{id},"active":true}}"#
        ));
        let read = Judgement::Base.read_new(&body, &limits).unwrap();
        assert_eq!(
            read.tree(),
            &json!({"resourceType": "Patient", "active": true})
        );
        assert!(Judgement::Base.read(&body, &limits).is_err(), "{id}");
    }
}

#[test]
fn a_narrative_is_well_formed() {
    let with =
        |div: &str| json!({"resourceType": "Patient", "text": {"status": "generated", "div": div}});
    for sound in [
        "<div>a</div>",
        "<div xmlns=\"http://www.w3.org/1999/xhtml\"><br/>&#160;</div>",
    ] {
        assert!(check(&with(sound)).is_ok(), "{sound}");
    }
    for bad in [
        "<div><br></div>",
        "<div>&nbsp;</div>",
        "<div/><div/>",
        "<div xmlns=\"urn:a\"/>",
    ] {
        let problem = check(&with(bad)).expect_err(bad);
        assert_eq!(
            problem.issues[0].expression.as_deref(),
            Some("Patient.text.div")
        );
    }
}
