//! What options and extensions of definitions ask, and rules of resources that define something.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Rigour, errors, judge, of_profile, profile};
use crate::{
    fhir::{knowledge::Knowledge, validate::Trust},
    kernel::problem::Severity,
};

fn errors_with(tree: &Value, loaded: &[Arc<Value>], rigour: &Rigour<'_>) -> Vec<String> {
    let knowledge = Knowledge::with(loaded);
    let asked: &[&str] = if loaded.is_empty() {
        &[]
    } else {
        &["urn:test:p"]
    };
    judge(tree, asked, &knowledge, rigour)
        .into_iter()
        .filter(|issue| issue.severity == Severity::Error)
        .filter_map(|issue| issue.expression)
        .collect()
}

#[test]
fn urls_of_examples_are_refused_where_that_is_asked() {
    let of = |url: &str| json!({"resourceType": "Patient", "extension": [{"url": url, "valueString": "x"}]});
    let lenient = Rigour {
        known_extensions_only: true,
        ..Rigour::default()
    };
    let strict = Rigour {
        no_examples: true,
        ..lenient
    };
    let example = of("http://fhir.example.org/a");
    assert_eq!(errors_with(&example, &[], &lenient), [""; 0]);
    assert!(!errors_with(&example, &[], &strict).is_empty());
    // Another host that only ends alike is nobody's example.
    assert!(!errors_with(&of("http://notexample.org/a"), &[], &lenient).is_empty());
    assert!(!errors_with(&of("http://a.org/?x=http://example.org/a"), &[], &lenient).is_empty());
}

#[test]
fn markup_is_refused_where_that_is_asked() {
    let of = |text: &str| json!({"resourceType": "Patient", "name": [{"text": text}]});
    let strict = Rigour {
        no_markup: true,
        ..Rigour::default()
    };
    let script = of("<script>x</script>");
    assert_eq!(errors_with(&script, &[], &strict), ["Patient.name[0].text"]);
    assert_eq!(errors_with(&script, &[], &Rigour::default()), [""; 0]);
    assert_eq!(errors_with(&of("1 < 2, a <b"), &[], &strict).len(), 1);
    assert_eq!(errors_with(&of("1 < 2"), &[], &strict), [""; 0]);
}

#[test]
fn references_mean_what_is_beside() {
    let elements = json!([{"path": "Patient.link.other", "type": [{"code": "Reference",
        "targetProfile": ["urn:test:p"]}]}, {"path": "Patient.active", "min": 1}]);
    let loaded = [profile("Patient", &elements)];
    let linked = json!({"resourceType": "Patient", "active": true,
        "link": [{"type": "refer", "other": {"reference": "Patient/b"}}]});
    assert_eq!(errors_with(&linked, &loaded, &Rigour::default()), [""; 0]);
    let beside = [Arc::new(json!({"resourceType": "Patient", "id": "b"}))];
    let rigour = Rigour {
        beside: &beside,
        ..Rigour::default()
    };
    assert_eq!(
        errors_with(&linked, &loaded, &rigour),
        ["Patient.link[0].other"]
    );
}

#[test]
fn the_name_in_a_reference_may_be_no_proof() {
    let tree = json!({"resourceType": "Patient", "managingOrganization": {"reference": "Group/1"}});
    assert_eq!(errors_with(&tree, &[], &Rigour::default()).len(), 1);
    let rigour = Rigour {
        references: Trust::Found,
        ..Rigour::default()
    };
    assert_eq!(errors_with(&tree, &[], &rigour), [""; 0]);
}

#[test]
fn extensions_of_definitions_ask_for_values() {
    let later = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.";
    let reason = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
    let absent = json!({"resourceType": "Patient",
        "_active": {"extension": [{"url": reason, "valueCode": "unknown"}]}});
    let of = |extension: Value| json!([{"path": "Patient.active", "extension": [extension]}]);
    let must = of(json!({"url": format!("{later}mustHaveValue"), "valueBoolean": true}));
    assert_eq!(of_profile(&absent, &must), ["Patient.active required"]);
    let alternative =
        |url: &str| of(json!({"url": format!("{later}valueAlternatives"), "valueCanonical": url}));
    assert_eq!(of_profile(&absent, &alternative(reason)), [""; 0]);
    assert_eq!(
        of_profile(&absent, &alternative("urn:other")),
        ["Patient.active required"]
    );
    let short = json!({"resourceType": "Patient", "language": "en"});
    let least = json!([{"path": "Patient.language", "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/minLength", "valueInteger": 3}]}]);
    assert_eq!(of_profile(&short, &least), ["Patient.language value"]);
}

#[test]
fn narratives_have_the_sections_of_languages_that_are_asked() {
    let of = |div: &str| {
        json!({"resourceType": "Patient", "language": "en", "text": {"status": "generated",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{div}</div>")}})
    };
    let asked = |code: &str| {
        json!([{"path": "Patient.text", "extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/narrative-language-control",
            "valueCode": code}]}])
    };
    let (none, english) = (
        of("<p>x</p>"),
        of("<div lang=\"en\" title=\"a > b\">x</div><p>y</p>"),
    );
    for (code, with_none, with_english) in [
        ("_no", 0, 1),
        ("_yes", 1, 0),
        ("_resource", 1, 0),
        ("de", 1, 1),
    ] {
        assert_eq!(of_profile(&none, &asked(code)).len(), with_none, "{code}");
        assert_eq!(
            of_profile(&english, &asked(code)).len(),
            with_english,
            "{code}"
        );
    }
}

#[test]
fn filters_are_held_to_the_types_of_properties() {
    let of = |property: &str, value: &str| {
        json!({"resourceType": "ValueSet", "status": "draft", "compose": {"include": [{
            "system": "http://snomed.info/sct",
            "filter": [{"property": property, "op": "=", "value": value}]}]}})
    };
    let place = ["ValueSet.compose.include[0].filter[0].value code-invalid"];
    assert_eq!(errors(&of("notSelectable", "1"), &[], &[]), place);
    assert_eq!(errors(&of("notSelectable", "true"), &[], &[]), [""; 0]);
    assert_eq!(errors(&of("parent", "something"), &[], &[]), place);
    assert_eq!(errors(&of("parent", "404684003"), &[], &[]), [""; 0]);
}

#[test]
fn models_and_profiles_are_held_to_what_they_build_upon() {
    let model = json!({"resourceType": "StructureDefinition", "url": "urn:test:m", "name": "M",
        "status": "draft", "kind": "logical", "abstract": false, "type": "M",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Element",
        "derivation": "specialization",
        "differential": {"element": [{"id": "M", "path": "M"}]}});
    let found = errors(&model, &[], &[]);
    assert!(
        found.contains(&"StructureDefinition.type invalid".to_owned()),
        "{found:?}"
    );
    let sliced = |path: &str, by: &str| {
        let mut tree = (*profile(
            "Observation",
            &json!([{"id": path, "path": path, "slicing":
            {"discriminator": [{"type": "value", "path": by}], "rules": "open"}}]),
        ))
        .clone();
        tree["status"] = json!("draft");
        tree["kind"] = json!("resource");
        tree["abstract"] = json!(false);
        errors(&tree, &[], &[])
    };
    let wrong = "StructureDefinition.differential.element[0] invalid".to_owned();
    assert!(sliced("Observation.extension", "type").contains(&wrong));
    assert!(!sliced("Observation.extension", "url").contains(&wrong));
    assert!(!sliced("Observation.component", "code").contains(&wrong));
}

#[test]
fn links_within_a_narrative_lead_somewhere() {
    let of = |target: &str| {
        json!({"resourceType": "Patient", "name": [{"id": "n1", "text": "A"}], "text": {
            "status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">\
                <a name=\"here\"> </a><p id=\"there\">x</p><a href=\"#{target}\">y</a></div>")}})
    };
    for target in ["here", "there", "n1", ""] {
        assert_eq!(errors(&of(target), &[], &[]), [""; 0], "{target}");
    }
    assert_eq!(
        errors(&of("nowhere"), &[], &[]),
        ["Patient.text.div not-found"]
    );
}

#[test]
fn concepts_of_a_constraint_have_an_operator_between_them() {
    let of = |constraint: &str| {
        let tree = json!({"resourceType": "ValueSet", "status": "draft", "compose": {"include": [{
            "system": "http://snomed.info/sct",
            "filter": [{"property": "constraint", "op": "=", "value": constraint}]}]}});
        errors(&tree, &[], &[]).len()
    };
    for right in [
        "<< 404684003 |Clinical finding|",
        "<404684003: 363698007 = << 39057004, 116676008 = <! 415582006",
        "(404684003 OR <<138875005) MINUS ^ 700043003",
        "404684003 : [0..1] 127489000 <= #250",
    ] {
        assert_eq!(of(right), 0, "{right}");
    }
    for wrong in [
        "234234 << 234234",
        "404684003 138875005",
        "404684003 |a| (138875005)",
    ] {
        assert_eq!(of(wrong), 1, "{wrong}");
    }
}

#[test]
fn annotations_of_units_mean_nothing_to_them() {
    let of = |code: &str| {
        errors(
            &json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": code}}),
            &[],
            &[],
        )
        .len()
    };
    for unit in [
        "{# of calculi}",
        "%{Negative Control}",
        "U/(10.g){feces}",
        "/{2 or 3}",
    ] {
        assert_eq!(of(unit), 0, "{unit}");
    }
    for none in ["{}", "mg{a", "ea{x y}", "{a{b}}", "m g"] {
        assert_eq!(of(none), 1, "{none}");
    }
}
