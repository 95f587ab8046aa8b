//! Chains, `_has`, includes, and the compartment that bounds them all.

use serde_json::json;

use super::{Base, observation, of_mode, parse, patient};
use crate::{fhir::permit::Permit, store::HitMode};

/// Two patients of two organizations, each with observations.
async fn ward() -> Base {
    let mut base = Base::open().await;
    let organization =
        |id: &str, name: &str| json!({"resourceType": "Organization", "id": id, "name": name});
    let mut child = organization("child", "Child");
    child["partOf"] = json!({"reference": "Organization/parent"});
    base.put(organization("parent", "Parent")).await;
    base.put(child).await;
    let of = |family: &str| {
        json!({
            "name": [{"family": family}],
            "identifier": [{"system": "urn:s", "value": family}],
            "managingOrganization": {"reference": "Organization/child"},
        })
    };
    base.put(patient("p1", of("Alpha"))).await;
    base.put(patient("p2", json!({"name": [{"family": "Beta"}]})))
        .await;
    for (id, code, subject) in [("o1", "A", "p1"), ("o2", "B", "p1"), ("o3", "A", "p2")] {
        let about = json!({
            "subject": {"reference": format!("Patient/{subject}")},
            "effectiveDateTime": "2024-05-14",
        });
        base.put(observation(id, code, about)).await;
    }
    base
}

#[tokio::test]
async fn chains_and_has_follow_references_both_ways() {
    let mut base = ward().await;
    for (url, expected) in [
        ("Observation?subject:Patient.name=alpha", "o1 o2"),
        ("Observation?patient.identifier=urn:s|Alpha", "o1 o2"),
        ("Observation?subject.name=beta", "o3"),
        ("Observation?patient.organization.name=child", "o1 o2"),
        (
            "Observation?patient.organization.partof.name=parent",
            "o1 o2",
        ),
        ("Observation?patient.organization.name=parent", ""),
        ("Observation?subject:Patient._id=p2", "o3"),
        (
            "Observation?subject:Patient.gender:missing=true&code=A",
            "o1 o3",
        ),
        ("Observation?subject:Group.identifier=urn:s|Alpha", ""),
        ("Patient?_has:Observation:patient:code=urn:codes|B", "p1"),
        ("Patient?_has:Observation:patient:code=A", "p1 p2"),
        ("Patient?_has:Observation:subject:date=gt2025", ""),
        ("Patient?name=beta&_has:Observation:patient:code=B", ""),
        ("Patient?_has:Observation:patient:patient.name=beta", "p2"),
        (
            "Organization?_has:Patient:organization:_has:Observation:patient:code=B",
            "child",
        ),
    ] {
        assert_eq!(base.found(url).await.join(" "), expected, "{url}");
    }
    base.hide("p1").await;
    for url in [
        "Observation?subject:Patient.name=alpha",
        "Organization?_has:Patient:organization:name=alpha",
        "Patient?name=alpha",
        "Patient?_id=p1",
    ] {
        assert!(base.ids(url).await.is_empty(), "{url}");
    }
}

#[tokio::test]
async fn includes_bring_each_resource_once_and_after_the_matches() {
    let mut base = ward().await;
    for (url, matches, included) in [
        (
            "Observation?code=A&_include=Observation:subject",
            "o3 o1",
            "p1 p2",
        ),
        (
            "Observation?code=A&_include=Observation:subject:Patient",
            "o3 o1",
            "p1 p2",
        ),
        (
            "Observation?code=A&_include=Observation:subject:Group",
            "o3 o1",
            "",
        ),
        (
            "Observation?code=B&_include=Observation:patient&_include=Observation:subject",
            "o2",
            "p1",
        ),
        ("Observation?code=B&_include=*", "o2", "p1"),
        ("Observation?code=B&_include=Observation:*", "o2", "p1"),
        (
            "Observation?code=B&_include=Observation:subject&_include:iterate=Patient:organization",
            "o2",
            "p1 child",
        ),
        (
            "Observation?code=B&_include=Observation:subject&_include:iterate=Patient:organization\
             &_include:iterate=Organization:partof",
            "o2",
            "p1 child parent",
        ),
        ("Observation?code=B&_include=Patient:organization", "o2", ""),
        ("Patient?_id=p2&_revinclude=Observation:patient", "p2", "o3"),
        (
            "Patient?_id=p1&_revinclude=Observation:subject&_include=Patient:organization",
            "p1",
            "child o1 o2",
        ),
        (
            "Patient?_id=p1,p2&_include=Patient:link&_revinclude=*",
            "p2 p1",
            "o1 o2 o3",
        ),
        (
            "Observation?code=A&_count=1&_include=Observation:subject",
            "o3",
            "p2",
        ),
    ] {
        let page = base.page(url).await;
        assert_eq!(of_mode(&page, HitMode::Match).join(" "), matches, "{url}");
        assert_eq!(
            of_mode(&page, HitMode::Include).join(" "),
            included,
            "{url}"
        );
    }
    base.hide("p2").await;
    let page = base
        .page("Observation?code=A&_include=Observation:subject")
        .await;
    assert_eq!(of_mode(&page, HitMode::Include), ["p1"]);
}

#[tokio::test]
async fn a_circle_of_includes_ends() {
    let mut base = Base::open().await;
    let link = |to: &str| json!({"link": [{"type": "seealso", "other": {"reference": to}}]});
    base.put(patient("a", link("Patient/b"))).await;
    base.put(patient("b", link("Patient/a"))).await;
    let page = base
        .page("Patient?_id=a&_include:iterate=Patient:link")
        .await;
    assert_eq!(of_mode(&page, HitMode::Include), ["b"]);
}

#[tokio::test]
async fn includes_over_a_bound_are_refused() {
    use super::super::include::ITERATIONS_MAX;
    let mut base = Base::open().await;
    for n in 0..=ITERATIONS_MAX + 2 {
        let next = format!("Organization/o{}", n + 1);
        let part_of = json!({"reference": next});
        base.put(json!({"resourceType": "Organization", "id": format!("o{n}"), "partOf": part_of}))
            .await;
    }
    let url = "Organization?_id=o0&_include:iterate=Organization:partof";
    let problem = base.run(&parse(url).unwrap()).await.unwrap_err();
    assert_eq!(problem.issues[0].code, "too-costly");
    let page = base
        .page("Organization?_id=o4&_include:iterate=Organization:partof")
        .await;
    assert_eq!(of_mode(&page, HitMode::Include).len(), ITERATIONS_MAX - 2);
}

#[tokio::test]
async fn a_compartment_bounds_every_branch() {
    let mut base = ward().await;
    base.permit = Permit::development().within_patient("p1");
    for (url, expected) in [
        ("Patient?name=alpha,beta", "p1"),
        ("Patient?_id=p1,p2", "p1"),
        ("Patient?", "p1"),
        ("Patient?gender:missing=true", "p1"),
        ("Observation?code=A", "o1"),
        ("Observation?code:not=X", "o1 o2"),
        ("Observation?subject=Patient/p2", ""),
        ("Observation?date=2024&_sort=date", "o1 o2"),
        ("Observation?_sort=-_lastUpdated", "o1 o2"),
        ("Observation?subject:Patient.name=beta", ""),
        ("Observation?subject:Patient.name=alpha", "o1 o2"),
        ("Patient?_has:Observation:patient:code=A", "p1"),
        // Organizations are in no patient's compartment.
        ("Organization?", ""),
        ("Observation?patient.organization.name=child", ""),
    ] {
        assert_eq!(base.found(url).await.join(" "), expected, "{url}");
        let page = base.page(&format!("{url}&_summary=count")).await;
        let count = u64::try_from(expected.split_whitespace().count()).unwrap();
        assert_eq!(page.total, Some(count), "{url}");
    }
    let page = base
        .page("Observation?code=A&_include=*&_revinclude=*")
        .await;
    assert_eq!(of_mode(&page, HitMode::Include), ["p1"]);
    base.permit = Permit::development().within_patient("p2");
    let page = base.page("Patient?_revinclude=Observation:patient").await;
    assert_eq!(of_mode(&page, HitMode::Match), ["p2"]);
    assert_eq!(of_mode(&page, HitMode::Include), ["o3"]);
}
