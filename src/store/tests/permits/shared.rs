//! What says by another resource whom it is about, and what a Consent denies for a time.

use serde_json::json;

use super::*;

fn provenance(targets: &[&str]) -> Value {
    let targets: Vec<Value> = targets.iter().map(|one| refer(one)).collect();
    json!({ "resourceType": "Provenance", "id": "p", "target": targets,
        "recorded": "2030-01-01T00:00:00Z", "agent": [{ "who": refer("Practitioner/p1") }] })
}

#[tokio::test]
async fn who_sees_the_targets_sees_the_provenance_and_writes_it() {
    let bench = populated().await;
    let (a, b) = (everything_of("a"), everything_of("b"));
    for (targets, sees_a, sees_b) in [
        (&["Observation/oa"][..], true, false),
        (&["Observation/oa/_history/1", "Task/ta"], true, false),
        (&["Observation/oa", "Observation/ob"], false, false),
        (&["Patient/a", "Observation/ob"], false, false),
        (&["Patient/a", "Practitioner/p1"], true, false),
        (&["Device/db"], false, true),
        // Nobody's, everybody's, what is not there: nothing is opened by them.
        (&["Observation/oa", "Basic/nobody"], false, false),
        (&["Observation/oa", "Observation/never"], false, false),
        (&["Observation/unknown"], false, false),
        (&["Questionnaire/q"], false, false),
        (&["CareTeam/team"], false, false),
    ] {
        let tree = provenance(targets);
        bench.give(tree.clone()).await;
        for (permit, sees) in [(&a, sees_a), (&b, sees_b)] {
            assert_eq!(
                bench.reads(permit, "Provenance/p").await,
                sees,
                "{targets:?}"
            );
            let found = bench.finds(permit, "Provenance?_id=p").await;
            assert_eq!(!found.is_empty(), sees, "{targets:?}");
            let mut own = tree.clone();
            own.as_object_mut().expect("members").remove("id");
            let written = bench.create_as(permit, own).await;
            assert_eq!(written.is_ok(), sees, "{targets:?}");
        }
    }
    // It includes nothing that is not reached by itself.
    bench.give(provenance(&["Observation/oa"])).await;
    let found = bench
        .finds(&a, "Observation?_id=oa&_revinclude=Provenance:target")
        .await;
    assert!(found.contains(&"+Provenance/p".to_owned()), "{found:?}");
    let found = bench
        .finds(&b, "Observation?_revinclude=Provenance:target")
        .await;
    assert!(!found.contains(&"+Provenance/p".to_owned()), "{found:?}");
}

#[tokio::test]
async fn what_goes_over_to_somebody_else_takes_nothing_along() {
    let bench = populated().await;
    let (a, b) = (everything_of("a"), everything_of("b"));
    let made = json!({ "resourceType": "Observation", "id": "m", "subject": refer("Device/db") });
    bench.give(made.clone()).await;
    bench.give(provenance(&["Observation/ob"])).await;
    let moved = |kind: &str, id: &str| match kind {
        "Device" => json!({ "resourceType": kind, "id": id, "patient": refer("Patient/a") }),
        _ => json!({ "resourceType": kind, "id": id, "subject": refer("Patient/a") }),
    };
    bench.give(moved("Device", "db")).await;
    bench.give(moved("Observation", "ob")).await;
    let sees = async |permit: &Permit| {
        let made = bench.reads(permit, "Observation/m").await;
        (made, bench.reads(permit, "Provenance/p").await)
    };
    assert_eq!(
        (sees(&a).await, sees(&b).await),
        ((false, false), (true, true))
    );
    // Nor when the index is made anew.
    for (name, id) in [("Observation", "m"), ("Provenance", "p")] {
        let stored = bench.store.read(&ANY, kind(name), id).await;
        let stored = stored.expect("a read").expect("it stands");
        let settled = bench.store.write(&ANY, move |tx| {
            Box::pin(async move { tx.settle_rows(&stored).await })
        });
        settled.await.expect("rows");
    }
    assert_eq!(
        (sees(&a).await, sees(&b).await),
        ((false, false), (true, true))
    );
    // What is written after it is about whom it is about now; of what was, it tells nobody new.
    let mut later = made;
    later["id"] = json!("m2");
    bench.give(later).await;
    assert!(bench.reads(&a, "Observation/m2").await);
    let mut again = provenance(&["Observation/ob"]);
    again["id"] = json!("p2");
    bench.give(again).await;
    assert!(!bench.reads(&a, "Provenance/p2").await);
    assert!(!bench.reads(&b, "Provenance/p2").await);
}

#[tokio::test]
async fn somebody_is_excepted_and_a_purpose_is_another() {
    let bench = populated().await;
    let act_reason = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
    let consent = |provision: Value| {
        json!({ "resourceType": "Consent", "id": "no", "status": "active",
            "patient": refer("Patient/a"), "provision": provision })
    };
    let but_p1 = json!([{ "type": "permit",
        "actor": [{ "reference": refer("Practitioner/p1") }] }]);
    let ward = json!([{ "reference": refer("Organization/ward") }]);
    let research = json!([{ "system": act_reason, "code": "HRESCH" }]);
    let all = json!({ "type": "deny" });
    let all_but_p1 = json!({ "type": "deny", "provision": but_p1 });
    let ward_but_p1 = json!({ "type": "deny", "actor": ward, "provision": but_p1 });
    let no_research = json!({ "type": "deny", "purpose": research });
    let own = &["Practitioner/p1", "Organization/ward"][..];
    for (provision, seeds, reached) in [
        (&all, own, false),
        (&all_but_p1, own, true),
        (&all_but_p1, &["Organization/ward"], false),
        (&ward_but_p1, own, true),
        (&ward_but_p1, &["Organization/ward"], false),
        (&no_research, &["Organization/ward", "~TREAT"], true),
        (
            &no_research,
            &["Organization/ward", "~HRESCH", "~TREAT"],
            false,
        ),
        // Whoever says none may be of any.
        (&no_research, &["Organization/ward"], false),
    ] {
        bench.give(consent(provision.clone())).await;
        let seeds: Vec<String> = seeds.iter().map(|&one| one.to_owned()).collect();
        let custodians = bench.store.custodians(&seeds).await.expect("custodians");
        let names: Vec<&str> = custodians.iter().map(String::as_str).collect();
        let permit = professional(&names);
        let told = format!("{provision} {seeds:?}");
        assert_eq!(
            bench.reads(&permit, "Observation/oa").await,
            reached,
            "{told}"
        );
        let found = bench.finds(&permit, "Observation?patient=a").await;
        assert_eq!(!found.is_empty(), reached, "{told}");
    }
    // Neither the patient nor who stands for them is everybody; by name, the latter is kept out.
    let proxy = of(&[SHARED, "a"], &["RelatedPerson/r", "~?"]);
    bench.give(consent(all)).await;
    assert!(bench.reads(&everything_of("a"), "Observation/oa").await);
    assert_eq!(bench.store.reaches(&proxy, "a").await, Ok(true));
    let named = json!({ "type": "deny", "actor": [{ "reference": refer("RelatedPerson/r") }] });
    bench.give(consent(named)).await;
    assert_eq!(bench.store.reaches(&proxy, "a").await, Ok(false));
    assert!(
        !bench
            .reads(&permit(&["user/*.rs"], &proxy), "Observation/oa")
            .await
    );
}

#[tokio::test]
async fn nobody_walks_over_what_is_out_of_reach() {
    let bench = populated().await;
    for (id, patient, part_of) in [
        ("1", "a", None),
        ("2", "b", Some("1")),
        ("3", "a", Some("2")),
    ] {
        let mut tree = json!({ "resourceType": "Encounter", "id": id, "status": "finished",
            "subject": refer(&format!("Patient/{patient}")) });
        if let Some(above) = part_of {
            tree["partOf"] = refer(&format!("Encounter/{above}"));
        }
        bench.give(tree).await;
    }
    for (query, all, own) in [
        (
            "part-of:below=Encounter/1",
            &["Encounter/2", "Encounter/3"][..],
            &[][..],
        ),
        // What one of one's own says is one's own to know.
        (
            "part-of:below=Encounter/2",
            &["Encounter/3"],
            &["Encounter/3"],
        ),
        (
            "part-of:above=Encounter/3",
            &["Encounter/2", "Encounter/3"],
            &["Encounter/3"],
        ),
        (
            "part-of:above=Encounter/2",
            &["Encounter/2", "Encounter/3"],
            &["Encounter/3"],
        ),
    ] {
        let query = format!("Encounter?{query}");
        assert_eq!(bench.finds(&ANY, &query).await, all, "{query}");
        assert_eq!(
            bench.finds(&everything_of("a"), &query).await,
            own,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_narrowed_scope_reaches_no_version_of_which_it_is_not_known_whether_it_may() {
    let bench = populated().await;
    let mut tree = json!({ "resourceType": "Observation", "id": "oa", "subject": refer("Patient/a"),
        "category": [{ "coding": [{ "system": "urn:c", "code": "secret" }] }] });
    bench.give(tree.clone()).await;
    tree["category"][0]["coding"][0]["code"] = json!("lab");
    bench.give(tree).await;
    let reach = of(&[SHARED, "a"], &[]);
    let narrowed = [
        "patient/Observation.rs?category=urn:c|lab",
        "patient/Patient.rs",
    ];
    let narrowed = permit(&narrowed, &reach);
    let whole = permit(&["patient/Observation.rs"], &reach);
    let versions = async |permit: &Permit| {
        let mut seen = Vec::new();
        for version in 1..=3 {
            let found = bench
                .store
                .vread(permit, kind("Observation"), "oa", version);
            seen.push(found.await.expect("a read").is_some());
        }
        seen
    };
    assert_eq!(versions(&narrowed).await, [false, false, true]);
    assert_eq!(versions(&whole).await, [true, true, true]);
    for of in [
        HistoryOf::System,
        HistoryOf::Type(kind("Observation")),
        HistoryOf::Instance(kind("Observation"), "oa".to_owned()),
    ] {
        let all = bench.history(&narrowed, of.clone()).await.expect("a page");
        let mut own = all.iter().filter(|one| one.starts_with("Observation/"));
        assert_eq!(
            (own.next().map(String::as_str), own.next()),
            (Some("Observation/oa/3"), None)
        );
        let all = bench.history(&whole, of).await.expect("a page");
        assert!(all.contains(&"Observation/oa/1".to_owned()), "{all:?}");
    }
}
