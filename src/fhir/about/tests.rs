//! Whom resources are about, and whom they put into whose care.

use serde_json::json;

use super::*;
use crate::fhir::{definitions::definitions, search::extract::index_rows};

fn about(tree: &Value) -> About {
    let kind = ResourceType::named(tree["resourceType"].as_str().unwrap()).unwrap();
    of(kind, "x", tree, &index_rows(tree, kind).references)
}

fn refer(to: &str) -> Value {
    json!({ "reference": to })
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn a_resource_is_about_all_whom_it_names_as_its_subjects_or_about_nobody() {
    let (a, b) = (refer("Patient/a"), refer("Patient/b"));
    let both = json!([{ "actor": a }, { "actor": b }, { "actor": refer("Practitioner/p") }]);
    for (tree, whom) in [
        (
            json!({ "resourceType": "Patient", "link": [{ "other": b }] }),
            &["x"][..],
        ),
        (
            json!({ "resourceType": "Observation", "subject": a, "performer": [b] }),
            &["a"],
        ),
        (
            json!({ "resourceType": "Observation", "subject": refer("Patient/a/_history/2") }),
            &["a"],
        ),
        (
            json!({ "resourceType": "Task", "for": a, "focus": refer("Patient/b") }),
            &["a"],
        ),
        (
            json!({ "resourceType": "Task", "for": a, "owner": b }),
            &["a"],
        ),
        (json!({ "resourceType": "Device", "patient": a }), &["a"]),
        (
            json!({ "resourceType": "RelatedPerson", "patient": a }),
            &["a"],
        ),
        (
            json!({ "resourceType": "Coverage", "beneficiary": a, "subscriber": b }),
            &["a"],
        ),
        (
            json!({ "resourceType": "ResearchSubject", "individual": a }),
            &["a"],
        ),
        (
            json!({ "resourceType": "Provenance", "target": [a] }),
            &["a"],
        ),
        (
            json!({ "resourceType": "AuditEvent", "entity": [{ "what": a }] }),
            &["a"],
        ),
        (json!({ "resourceType": "Basic", "subject": a }), &["a"]),
        (
            json!({ "resourceType": "Communication", "recipient": [a], "sender": b }),
            &["a", "b"],
        ),
        (
            json!({ "resourceType": "Appointment", "participant": both }),
            &["a", "b"],
        ),
        (
            json!({ "resourceType": "Group", "member": [{ "entity": a }, { "entity": b }] }),
            &["a", "b"],
        ),
        (
            json!({ "resourceType": "Account", "subject": [a, b] }),
            &["a", "b"],
        ),
        (json!({ "resourceType": "Schedule", "actor": [a] }), &["a"]),
        (
            json!({ "resourceType": "Binary", "securityContext": a }),
            &["a"],
        ),
        // Whoever these are about, it is not the patient whom they name besides.
        (
            json!({ "resourceType": "Observation", "subject": { "display": "Jeanne" }, "performer": [a] }),
            &[],
        ),
        (
            json!({ "resourceType": "Observation", "subject": refer("#p"), "performer": [a],
            "contained": [{ "resourceType": "Patient", "id": "p" }] }),
            &[],
        ),
        (
            json!({ "resourceType": "Observation", "subject": { "identifier": { "value": "1" } } }),
            &[],
        ),
        (
            json!({ "resourceType": "Observation", "subject": refer("https://elsewhere.example/fhir/Patient/a") }),
            &[],
        ),
        (
            json!({ "resourceType": "Observation", "subject": refer("urn:uuid:0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b") }),
            &[],
        ),
        (
            json!({ "resourceType": "Observation", "subject": refer("Patient/a/b") }),
            &[],
        ),
        (
            json!({ "resourceType": "Observation", "subject": refer("Group/a"), "performer": [a] }),
            &[],
        ),
        (
            json!({ "resourceType": "Observation", "subject": { "extension": [] }, "performer": [a] }),
            &[],
        ),
        (
            json!({ "resourceType": "Account", "subject": [a, { "display": "and another" }] }),
            &[],
        ),
        (
            json!({ "resourceType": "Contract", "subject": [a, refer("Organization/o")] }),
            &[],
        ),
        (json!({ "resourceType": "Observation" }), &[]),
        (json!({ "resourceType": "Group" }), &[]),
        (json!({ "resourceType": "List" }), &[]),
        (json!({ "resourceType": "Device" }), &[]),
        (json!({ "resourceType": "Subscription" }), &[]),
        (json!({ "resourceType": "Binary" }), &[]),
        (json!({ "resourceType": "Bundle" }), &[]),
        // Everybody's.
        (json!({ "resourceType": "Questionnaire" }), &[SHARED]),
        (json!({ "resourceType": "Organization" }), &[SHARED]),
        (json!({ "resourceType": "PlanDefinition" }), &[SHARED]),
        // Their own.
        (json!({ "resourceType": "CareTeam" }), &["@CareTeam/x"]),
        (json!({ "resourceType": "CareTeam", "subject": a }), &["a"]),
    ] {
        assert_eq!(about(&tree).whom, whom, "{tree}");
    }
}

#[test]
fn every_shared_type_is_one_and_they_are_in_order() {
    assert!(SHARED_TYPES.is_sorted());
    for name in SHARED_TYPES {
        assert!(ResourceType::named(name).is_some_and(is_shared), "{name}");
    }
    let all = definitions().resource_types.iter();
    for kind in all.filter(|kind| kind.name().ends_with("Definition")) {
        assert!(is_shared(*kind), "{kind}");
    }
}

#[test]
fn a_pathway_is_offered_to_its_audience_and_by_its_establishments() {
    let pathway = |parts: Value| {
        json!({ "resourceType": "PlanDefinition",
            "extension": [{ "url": PATHWAY_POLICY, "extension": parts }] })
    };
    let by = |id: &str| json!({ "url": "establishment", "valueReference": refer(&format!("Organization/{id}")) });
    let agency = json!({ "url": "audience", "valueCode": "agency" });
    assert_eq!(about(&pathway(json!([agency]))).whom, ["@agency"]);
    assert_eq!(about(&pathway(json!([]))).whom, ["@professional"]);
    let offered = about(&pathway(json!([agency, by("1"), by("2")])));
    assert_eq!(offered.whom, ["@PlanDefinition/x", "@agency/establishment"]);
    let rows: Vec<(&str, &str)> = offered
        .custody
        .iter()
        .map(|row| (row.patient.as_str(), row.custodian.as_str()))
        .collect();
    let own = "@PlanDefinition/x";
    assert_eq!(
        rows,
        [
            (own, "@^Organization/1"),
            (own, "@^Organization/2"),
            (own, "@region"),
            (own, "Organization/1"),
            (own, "Organization/2"),
        ]
    );
    // One that cannot be told offers it to nobody but the region.
    let nobody = about(&pathway(json!([{ "url": "establishment" }])));
    assert_eq!(nobody.whom, [own, "@professional/establishment"]);
    assert_eq!(nobody.custody.len(), 1);
}

#[test]
fn a_form_is_everybodys_or_of_those_to_whom_it_is_offered_and_of_who_is_asked() {
    let form = |kind: &str, offers: &[Value]| {
        let all = offers.iter().map(|one| {
            let mut one = one.clone();
            one["url"] = OFFERED_TO.into();
            one
        });
        json!({ "resourceType": kind, "extension": all.collect::<Vec<Value>>() })
    };
    let agency = json!({ "valueCode": "agency" });
    let house = json!({ "valueReference": refer("Organization/1") });
    for kind in [
        "Questionnaire",
        "Library",
        "ActivityDefinition",
        "PlanDefinition",
    ] {
        let own = format!("@{kind}/x");
        let open = about(&form(kind, &[]));
        assert_eq!((open.whom, open.custody), (vec![SHARED.to_owned()], vec![]));
        let offered = about(&form(kind, &[agency.clone(), house.clone()]));
        assert_eq!(offered.whom, [own]);
        let custodians: Vec<&str> = offered
            .custody
            .iter()
            .map(|row| row.custodian.as_str())
            .collect();
        let all = [
            "@^Organization/1",
            "@agency",
            ASKED,
            REGION,
            "Organization/1",
        ];
        assert_eq!(custodians, all);
    }
    // What is not understood opens it to nobody; other types are everybody's, whatever they say.
    let odd = about(&form("Questionnaire", &[json!({ "valueCode": "king" })]));
    assert_eq!((odd.whom.len(), odd.custody.len()), (1, 2));
    assert_eq!(about(&form("ValueSet", &[agency])).whom, [SHARED]);
}

/// The custody of a version, as `patient custodian`, with a minus where it is denied.
fn custody(tree: &Value) -> Vec<String> {
    let rows = about(tree).custody.into_iter().map(|row| {
        let minus = match row.denied {
            0 => "",
            1.. => "-",
            _ => "+",
        };
        format!("{minus}{} {}", row.patient, row.custodian)
    });
    rows.collect()
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn who_has_whom_in_their_care() {
    let (a, p, o) = (
        refer("Patient/a"),
        refer("Practitioner/p"),
        refer("Organization/o"),
    );
    let t = refer("CareTeam/t");
    for (tree, rows) in [
        (
            json!({ "resourceType": "Patient", "managingOrganization": o,
                "generalPractitioner": [p, refer("PractitionerRole/r"), { "display": "?" }] }),
            &[
                "x Organization/o",
                "x Practitioner/p",
                "x PractitionerRole/r",
            ][..],
        ),
        (
            json!({ "resourceType": "CarePlan", "subject": a, "author": p, "careTeam": [t],
                "contributor": [o, a, refer("RelatedPerson/f")] }),
            &["a CareTeam/t", "a Organization/o", "a Practitioner/p"],
        ),
        (
            json!({ "resourceType": "EpisodeOfCare", "patient": a, "managingOrganization": o,
                "careManager": p, "team": [t] }),
            &["a CareTeam/t", "a Organization/o", "a Practitioner/p"],
        ),
        (
            json!({ "resourceType": "Encounter", "subject": a, "serviceProvider": o,
                "participant": [{ "individual": p }] }),
            &["a Organization/o", "a Practitioner/p"],
        ),
        (
            json!({ "resourceType": "CareTeam", "subject": a, "managingOrganization": [o],
                "participant": [{ "member": p, "onBehalfOf": refer("Organization/b") }],
                "extension": [{ "url": ON_CALL, "valueReference": refer("Practitioner/c") }] }),
            &[
                "@CareTeam/x Organization/b",
                "@CareTeam/x Organization/o",
                "@CareTeam/x Practitioner/c",
                "@CareTeam/x Practitioner/p",
                "a Organization/b",
                "a Organization/o",
                "a Practitioner/c",
                "a Practitioner/p",
            ],
        ),
        (
            json!({ "resourceType": "CarePlan", "status": "entered-in-error", "subject": a, "author": p }),
            &[],
        ),
        (
            json!({ "resourceType": "CarePlan", "subject": refer("Group/g"), "author": p }),
            &[],
        ),
        (
            json!({ "resourceType": "Observation", "subject": a, "performer": [p] }),
            &[],
        ),
        (
            json!({ "resourceType": "Organization", "partOf": o }),
            &["@Organization/x Organization/o"],
        ),
        (
            json!({ "resourceType": "PractitionerRole", "practitioner": p, "organization": o }),
            &["@PractitionerRole/x Practitioner/p"],
        ),
        (
            json!({ "resourceType": "PractitionerRole", "active": false, "practitioner": p }),
            &[],
        ),
    ] {
        assert_eq!(custody(&tree), rows, "{tree}");
    }
}

#[test]
fn an_active_consent_denies_whom_its_provisions_name() {
    let consent = |status: &str, provision: Value| {
        json!({ "resourceType": "Consent", "status": status, "patient": refer("Patient/a"),
            "provision": provision })
    };
    let deny = json!({ "type": "deny", "actor": [{ "reference": refer("Practitioner/p") }] });
    let denied = ["-a Practitioner/p", "-a ^Practitioner/p"];
    assert_eq!(custody(&consent("active", deny.clone())), denied);
    let nested = json!({ "type": "permit", "provision": [deny] });
    assert_eq!(custody(&consent("active", nested)), denied);
    assert!(custody(&consent("rejected", deny.clone())).is_empty());
    let permit = json!({ "type": "permit", "actor": [{ "reference": refer("Practitioner/p") }] });
    assert!(custody(&consent("active", permit.clone())).is_empty());
    // Who is excepted from a rule, and everybody, for some purposes.
    let but = json!({ "type": "deny", "provision": [permit], "purpose": [
        { "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH" }] });
    let rows = [
        "-a *~?",
        "-a *~HRESCH",
        "+a Practitioner/p",
        "+a ^Practitioner/p",
    ];
    let mut found = custody(&consent("active", but));
    found.sort_by_key(|row| (row.starts_with('+'), row.clone()));
    assert_eq!(found, rows);
}

#[test]
fn a_denial_holds_in_its_time() {
    let tree = json!({ "resourceType": "Consent", "status": "active", "patient": refer("Patient/a"),
        "provision": { "type": "deny", "actor": [{ "reference": refer("Practitioner/p") }],
            "period": { "start": "1970-01-02", "end": "1970-01-02" } } });
    let day = 86_400_000;
    let at = |at: i64| {
        let mut about = about(&tree);
        about.settle(at);
        (about.custody.len(), about.next_change(at))
    };
    assert_eq!(at(0), (0, Some(day)));
    assert_eq!(at(day - 1), (0, Some(day)));
    assert_eq!(at(day), (2, Some(2 * day)));
    assert_eq!(at(2 * day - 1), (2, Some(2 * day)));
    assert_eq!(at(2 * day), (0, None));
}

#[test]
fn what_names_itself_is_about_nobody_before_it_has_an_id() {
    for name in ["Patient", "CareTeam"] {
        assert!(names_itself(ResourceType::named(name).unwrap()));
        let tree = json!({ "resourceType": name });
        let kind = ResourceType::named(name).unwrap();
        assert!(index_rows(&tree, kind).about.whom.is_empty(), "{name}");
    }
}

#[test]
fn whatever_r4_ties_to_a_patient_is_about_them() {
    let compartments = &definitions().compartments;
    let patient = compartments.iter().find(|one| one.code == "Patient");
    let row = |kind: ResourceType, code: &str| ReferenceRow {
        param: hash::of_parameter(kind.name(), code),
        target_type: ResourceType::named("Patient"),
        target_id: "p".to_owned(),
    };
    let mut ties = 0;
    for (name, codes) in &patient.unwrap().members {
        let kind = ResourceType::named(name).unwrap();
        let tree = json!({ "resourceType": name });
        for code in codes.iter().filter(|code| *code != "{def}") {
            let about = of(kind, "x", &tree, &[row(kind, code)]);
            let whom = if name == "Patient" { "x" } else { "p" };
            assert_eq!(about.whom, [whom], "{name}.{code}");
            ties += 1;
        }
        // Whatever else leads to a patient ties nothing to them.
        let about = of(kind, "x", &tree, &[row(kind, "focus")]);
        assert!(!about.whom.contains(&"p".to_owned()), "{name}");
    }
    assert!(ties > 90, "{ties}");
}

#[test]
fn naming_a_practitioner_makes_nothing_theirs() {
    let p = refer("Practitioner/p");
    for (kind, named) in [
        ("Observation", json!({ "performer": [p], "focus": [p] })),
        (
            "DiagnosticReport",
            json!({ "performer": [p], "resultsInterpreter": [p] }),
        ),
        (
            "Procedure",
            json!({ "performer": [{ "actor": p }], "recorder": p, "asserter": p }),
        ),
        ("Condition", json!({ "recorder": p, "asserter": p })),
        (
            "MedicationRequest",
            json!({ "requester": p, "performer": p, "recorder": p }),
        ),
        (
            "ServiceRequest",
            json!({ "requester": p, "performer": [p] }),
        ),
        ("Communication", json!({ "sender": p, "recipient": [p] })),
        ("Task", json!({ "owner": p, "requester": p })),
        (
            "DocumentReference",
            json!({ "author": [p], "authenticator": p }),
        ),
        ("Flag", json!({ "author": p })),
        ("List", json!({ "source": p })),
        ("QuestionnaireResponse", json!({ "author": p, "source": p })),
        ("Appointment", json!({ "participant": [{ "actor": p }] })),
    ] {
        for subject in ["subject", "for"] {
            let mut tree = named.clone();
            tree["resourceType"] = kind.into();
            tree[subject] = refer("Patient/a");
            let found = about(&tree);
            assert!(found.custody.is_empty(), "{kind}: {found:?}");
            assert_eq!(found.whom, ["a"], "{kind}");
        }
    }
    // Only those whom somebody put in charge of a patient care for them.
    let tree = json!({ "resourceType": "Patient", "generalPractitioner": [p] });
    assert_eq!(about(&tree).custody.len(), 1);
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn what_says_it_by_others_is_about_whom_they_are_about() {
    let through = |tree: Value| {
        let about = about(&tree);
        let named = about.through.iter();
        let named: Vec<String> = named
            .map(|one| format!("{}/{}", one.kind, one.id))
            .collect();
        (about.whom.join(" "), named.join(" "))
    };
    let (a, o, d) = (
        refer("Patient/a"),
        refer("Observation/o"),
        refer("Device/d"),
    );
    for (tree, whom, others) in [
        (
            json!({ "resourceType": "Provenance", "target": [o, a, o] }),
            "a",
            "Observation/o",
        ),
        (
            json!({ "resourceType": "Provenance", "target": [a, { "display": "?" }] }),
            "",
            "",
        ),
        (
            json!({ "resourceType": "Provenance", "target": [refer("#x"), o] }),
            "",
            "",
        ),
        (
            json!({ "resourceType": "Provenance", "target": [refer("Observation/o/_history/2")] }),
            "",
            "Observation/o",
        ),
        (
            json!({ "resourceType": "Task", "focus": o }),
            "",
            "Observation/o",
        ),
        (
            json!({ "resourceType": "Task", "for": a, "focus": o }),
            "a",
            "",
        ),
        (
            json!({ "resourceType": "Task", "for": { "display": "?" }, "focus": o }),
            "",
            "",
        ),
        (
            json!({ "resourceType": "Observation", "subject": d }),
            "",
            "Device/d",
        ),
        (
            json!({ "resourceType": "Observation", "subject": refer("Location/l") }),
            "",
            "",
        ),
        (
            json!({ "resourceType": "DeviceMetric", "source": d }),
            "",
            "Device/d",
        ),
        (
            json!({ "resourceType": "Binary", "securityContext": refer("DocumentReference/f") }),
            "",
            "DocumentReference/f",
        ),
        (json!({ "resourceType": "Binary" }), "", ""),
        // What it is derived from, or part of, does not make it theirs.
        (
            json!({ "resourceType": "Observation", "derivedFrom": [o] }),
            "",
            "",
        ),
    ] {
        let told = (whom.to_owned(), others.to_owned());
        assert_eq!(through(tree.clone()), told, "{tree}");
    }
}

#[test]
fn only_people_are_shared_and_all_or_none() {
    let shared = |whom: &[&str], others: &[Option<&[&str]>]| {
        let mut about = About {
            whom: whom.iter().map(|one| (*one).to_owned()).collect(),
            ..About::default()
        };
        let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        about.share(others.iter().map(|one| one.map(texts)));
        about.whom.join(" ")
    };
    assert_eq!(shared(&[], &[Some(&["b", "a"]), Some(&["a"])]), "a b");
    assert_eq!(shared(&["c"], &[Some(&["a"])]), "a c");
    // Whoever else must be reached, must be.
    assert_eq!(
        shared(&[], &[Some(&["a"]), Some(&["@CareTeam/t"])]),
        "@CareTeam/t a"
    );
    assert_eq!(shared(&[], &[Some(&["a"]), Some(&[SHARED])]), "a");
    // What is not there, or about nobody, opens nothing.
    assert_eq!(shared(&["c"], &[Some(&["a"]), None]), "");
    assert_eq!(shared(&[], &[Some(&[SHARED])]), "");
    assert_eq!(shared(&[], &[Some(&["@agency"])]), "");
    assert_eq!(shared(&["c"], &[Some(&["a"]), Some(&[])]), "");
}
