//! Every line of the tables is loaded, and they agree with one another.

use super::*;

#[test]
fn the_tables_are_those_of_r4() {
    let tables = definitions();
    assert_eq!(tables.types.len(), 682);
    assert_eq!(tables.resource_types.len(), 146);
    assert_eq!(tables.parameters.len(), 1375);
    let mut codes: Vec<&str> = tables
        .compartments
        .iter()
        .map(|each| each.code.as_str())
        .collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "Device",
            "Encounter",
            "Patient",
            "Practitioner",
            "RelatedPerson"
        ]
    );
}

#[test]
fn resource_types_are_found_by_name() {
    assert!(definitions().resource_types.is_sorted());
    for each in &definitions().resource_types {
        assert_eq!(ResourceType::named(each.name()), Some(*each));
    }
    for unknown in ["", "patient", "Patients", "Resource", "DomainResource"] {
        assert_eq!(ResourceType::named(unknown), None, "{unknown}");
    }
}

#[test]
fn every_type_that_an_element_names_is_known() {
    for each in definitions().types.values() {
        for element in &each.elements {
            assert!(!element.types.is_empty(), "{}.{}", each.name, element.name);
            assert!(element.choice || element.types.len() == 1);
            for kind in &element.types {
                assert!(definitions().types.contains_key(kind), "{kind}");
            }
            for target in &element.targets {
                assert!(ResourceType::named(target).is_some(), "{target}");
            }
        }
        if let Some(base) = &each.base {
            assert!(definitions().types.contains_key(base), "{base}");
        }
    }
}

#[test]
fn a_member_name_selects_the_type_of_a_choice() {
    let observation = &definitions().types["Observation"];
    let (element, kind) = observation.member("valueQuantity").unwrap();
    assert_eq!((element.name.as_str(), kind), ("value", "Quantity"));
    let (element, kind) = observation.member("valueDateTime").unwrap();
    assert_eq!((element.name.as_str(), kind), ("value", "dateTime"));
    let (element, kind) = observation.member("component").unwrap();
    assert_eq!((kind, element.list), ("Observation.component", true));
    for unknown in ["value", "valueReference", "_status", "resourceType", ""] {
        assert!(observation.member(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn every_element_is_reached_by_its_member_names() {
    for each in definitions().types.values() {
        let names: usize = each.elements.iter().map(|e| e.types.len()).sum();
        assert_eq!(each.members.len(), names, "{}", each.name);
    }
}

#[test]
fn recursion_is_by_the_path_referred_to() {
    let item = &definitions().types["Questionnaire.item"];
    let (_, kind) = item.member("item").unwrap();
    assert_eq!(kind, "Questionnaire.item");
    let entry = &definitions().types["Bundle.entry"];
    assert_eq!(entry.member("resource").unwrap().1, "Resource");
}

#[test]
fn required_bindings_are_expanded_where_r4_lists_the_codes() {
    let codes = |kind: &str, member: &str| {
        let (element, _) = definitions().types[kind].member(member).unwrap();
        element.required_codes.clone()
    };
    assert_eq!(
        codes("Patient", "gender").unwrap(),
        ["female", "male", "other", "unknown"]
    );
    assert_eq!(codes("Attachment", "contentType"), None);
    assert_eq!(codes("Resource", "language"), None);
    // The codes of FHIR 4.0.1, not of a later version.
    assert!(
        !codes("DetectedIssue", "status")
            .unwrap()
            .contains(&"mitigated".into())
    );
}

#[test]
fn search_parameters_name_known_types_and_components() {
    let tables = definitions();
    for each in &tables.parameters {
        assert!(!each.base.is_empty(), "{}", each.url);
        for base in &each.base {
            assert!(tables.types.contains_key(base), "{}: {base}", each.url);
        }
        assert_eq!(
            each.kind == ParameterKind::Composite,
            !each.components.is_empty(),
            "{}",
            each.url
        );
        for component in &each.components {
            assert!(
                tables
                    .parameters
                    .iter()
                    .any(|p| p.url == component.definition),
                "{}",
                component.definition
            );
        }
    }
}

#[test]
fn compartments_name_parameters_that_their_members_have() {
    let tables = definitions();
    for compartment in &tables.compartments {
        for (member, codes) in &compartment.members {
            for code in codes.iter().filter(|code| *code != "{def}") {
                let known = tables
                    .parameters
                    .iter()
                    .any(|p| p.code == *code && p.base.contains(member));
                assert!(known, "{}: {member} {code}", compartment.code);
            }
        }
        assert!(compartment.members[&compartment.code].contains(&"{def}".into()));
    }
}
