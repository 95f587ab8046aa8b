//! What a permit lets be written, and what follows from what was.

use super::*;

#[tokio::test]
async fn what_narrows_a_scope_narrows_reads_searches_and_writes() {
    let bench = populated().await;
    let other = json!({ "resourceType": "Observation", "id": "other",
        "subject": refer("Patient/a"),
        "category": [{ "coding": [{ "system": "urn:c", "code": "vital" }] }] });
    bench.give(other.clone()).await;
    let narrow = permit(
        &["patient/Observation.cruds?category=urn:c|lab"],
        &of(&["a"], &[]),
    );
    assert!(bench.reads(&narrow, "Observation/oa").await);
    assert!(!bench.reads(&narrow, "Observation/other").await);
    assert_eq!(
        bench.finds(&narrow, "Observation?").await,
        ["Observation/oa"]
    );
    let kinds = HistoryOf::Type(kind("Observation"));
    assert_eq!(
        bench.history(&narrow, kinds).await.expect("some"),
        ["Observation/oa/1"]
    );
    let mut fresh = other.clone();
    let refused = bench.create_as(&narrow, fresh.clone()).await.unwrap_err();
    assert_eq!(refused.category, Category::Forbidden);
    assert_eq!(
        bench
            .put_as(&narrow, other.clone())
            .await
            .unwrap_err()
            .category,
        Category::NotFound
    );
    fresh["category"][0]["coding"][0]["code"] = json!("lab");
    bench
        .create_as(&narrow, fresh.clone())
        .await
        .expect("within");
    // What is within must not leave by an update.
    let mut moved = other;
    moved["id"] = json!("oa");
    let refused = bench.put_as(&narrow, moved).await.unwrap_err();
    assert_eq!(refused.category, Category::Forbidden);
    assert!(bench.reads(&narrow, "Observation/oa").await);
    // What is not understood grants nothing.
    let strange = permit(&["patient/Observation.rs?strange=x"], &Reach::Everything);
    assert!(!bench.reads(&strange, "Observation/oa").await);
    assert!(bench.finds(&strange, "Observation?").await.is_empty());
}

#[tokio::test]
async fn a_write_that_is_not_reached_is_answered_as_if_nothing_stood_there() {
    let bench = populated().await;
    let a = everything_of("a");
    let patient = |id: &str| json!({ "resourceType": "Patient", "id": id });
    let theirs = bench.put_as(&a, patient("b")).await.unwrap_err();
    let nowhere = bench.put_as(&a, patient("never")).await.unwrap_err();
    assert_eq!(theirs, nowhere);
    assert_eq!(theirs.category, Category::NotFound);
    for (id, if_match) in [
        ("b", None),
        ("never", None),
        ("b", Some(1)),
        ("never", Some(1)),
    ] {
        let deleted = bench
            .store
            .write(&a, move |tx| {
                Box::pin(async move { tx.delete(kind("Patient"), id, if_match).await })
            })
            .await;
        match if_match {
            None => assert_eq!(deleted, Ok(None), "{id}"),
            Some(_) => {
                assert_eq!(
                    deleted.unwrap_err().category,
                    Category::PreconditionFailed,
                    "{id}"
                );
            }
        }
    }
    assert!(bench.reads(&ANY, "Patient/b").await);
    bench.put_as(&a, patient("a")).await.expect("their own");
    // The right to everything still makes what it names.
    let system = permit(&["system/*.cruds"], &Reach::Everything);
    bench.put_as(&system, patient("c")).await.expect("made");
    let updates = permit(&["system/Patient.u"], &Reach::Everything);
    bench.put_as(&updates, patient("d")).await.expect("made");
    let reads = permit(&["system/Patient.crs"], &Reach::Everything);
    let refused = bench.put_as(&reads, patient("e")).await.unwrap_err();
    assert_eq!(refused.category, Category::NotFound);
}

#[tokio::test]
async fn nothing_is_moved_from_one_to_another() {
    let bench = populated().await;
    let a = everything_of("a");
    let about = |id: &str, patient: &str| {
        json!({ "resourceType": "Observation", "id": id,
            "subject": refer(&format!("Patient/{patient}")) })
    };
    let given = bench.put_as(&a, about("oa", "b")).await.unwrap_err();
    assert_eq!(given.category, Category::Forbidden);
    let taken = bench.put_as(&a, about("ob", "a")).await.unwrap_err();
    assert_eq!(taken.category, Category::NotFound);
    let made = bench.create_as(&a, about("x", "b")).await.unwrap_err();
    assert_eq!(made.category, Category::Forbidden);
    let both = json!({ "resourceType": "Group",
        "member": [{ "entity": refer("Patient/a") }, { "entity": refer("Patient/b") }] });
    let made = bench.create_as(&a, both).await.unwrap_err();
    assert_eq!(made.category, Category::Forbidden);
    let nobody = json!({ "resourceType": "Observation" });
    let made = bench.create_as(&a, nobody).await.unwrap_err();
    assert_eq!(made.category, Category::Forbidden);
    bench
        .create_as(&a, about("x", "a"))
        .await
        .expect("their own");
    assert_eq!(
        bench.finds(&ANY, "Observation?patient=b").await,
        ["Observation/ob"]
    );
}

#[tokio::test]
async fn earlier_versions_are_for_whom_they_were_about() {
    let bench = populated().await;
    // Somebody puts right what was filed under the wrong patient.
    let moved = json!({ "resourceType": "Observation", "id": "oa", "subject": refer("Patient/b") });
    bench.give(moved).await;
    let b = everything_of("b");
    let target = || HistoryOf::Instance(kind("Observation"), "oa".to_owned());
    assert_eq!(
        bench.history(&b, target()).await.expect("theirs"),
        ["Observation/oa/2"]
    );
    let kinds = HistoryOf::Type(kind("Observation"));
    let all = bench.history(&b, kinds).await.expect("a page");
    assert_eq!(all, ["Observation/oa/2", "Observation/ob/1"]);
    let vread = |version| bench.store.vread(&b, kind("Observation"), "oa", version);
    assert!(vread(1).await.expect("a read").is_none());
    assert!(vread(2).await.expect("a read").is_some());
    assert!(!bench.reads(&everything_of("a"), "Observation/oa").await);
    let both = permit(&["user/*.cruds"], &of(&["a", "b"], &[]));
    assert_eq!(
        bench.history(&both, target()).await.expect("theirs").len(),
        2
    );
}

#[tokio::test]
async fn nobody_takes_a_patient_into_their_care_by_saying_so() {
    let bench = populated().await;
    let p1 = professional(&["Practitioner/p1", "Organization/ward"]);
    for tree in [
        json!({ "resourceType": "CarePlan", "subject": refer("Patient/b"),
            "author": refer("Practitioner/p1") }),
        json!({ "resourceType": "Encounter", "subject": refer("Patient/b"),
            "serviceProvider": refer("Organization/ward") }),
        json!({ "resourceType": "CareTeam", "subject": refer("Patient/b"),
            "participant": [{ "member": refer("Practitioner/p1") }] }),
        json!({ "resourceType": "CareTeam",
            "participant": [{ "member": refer("Practitioner/other") }] }),
        json!({ "resourceType": "Patient" }),
        json!({ "resourceType": "Patient", "managingOrganization": refer("Organization/two") }),
    ] {
        let refused = bench.create_as(&p1, tree.clone()).await;
        assert_eq!(refused.unwrap_err().category, Category::Forbidden, "{tree}");
    }
    for tree in [
        json!({ "resourceType": "Patient", "managingOrganization": refer("Organization/ward") }),
        json!({ "resourceType": "CareTeam",
            "participant": [{ "member": refer("Practitioner/p1") }] }),
        json!({ "resourceType": "CarePlan", "subject": refer("Patient/a"),
            "author": refer("Practitioner/other") }),
    ] {
        bench
            .create_as(&p1, tree)
            .await
            .expect("within their reach");
    }
    // Who is not of a team does not join it.
    let joins = json!({ "resourceType": "CareTeam", "id": "team",
        "participant": [{ "member": refer("Practitioner/p1") }] });
    let refused = bench.put_as(&p1, joins).await.unwrap_err();
    assert_eq!(refused.category, Category::NotFound);
}

#[tokio::test]
async fn a_consent_keeps_out_whoever_it_names_from_its_commit_on() {
    let bench = populated().await;
    let consent = |status: &str, actor: &str| {
        json!({ "resourceType": "Consent", "id": "no", "status": status,
            "patient": refer("Patient/a"),
            "provision": { "type": "permit", "provision": [{ "type": "deny",
                "actor": [{ "role": { "text": "x" }, "reference": refer(actor) }] }] } })
    };
    let seeds = ["Practitioner/p1".to_owned(), "Organization/ward".to_owned()];
    for (status, actor, reached) in [
        ("active", "Practitioner/p1", false),
        ("inactive", "Practitioner/p1", true),
        ("active", "Organization/ward", false),
        ("active", "Organization/one", false),
        ("active", "Organization/two", true),
        ("active", "PractitionerRole/r1", false),
    ] {
        bench.give(consent(status, actor)).await;
        let custodians = bench.store.custodians(&seeds).await.expect("custodians");
        let names: Vec<&str> = custodians.iter().map(String::as_str).collect();
        let p1 = professional(&names);
        assert_eq!(
            bench.reads(&p1, "Observation/oa").await,
            reached,
            "{status} {actor}"
        );
        let found = bench.finds(&p1, "Observation?patient=a").await;
        assert_eq!(!found.is_empty(), reached, "{status} {actor}");
        let reach = of(&["a"], &names);
        assert_eq!(
            bench.store.reaches(&reach, "a").await,
            Ok(reached),
            "{actor}"
        );
    }
    assert!(bench.reads(&everything_of("a"), "Observation/oa").await);
}

#[tokio::test]
async fn somebody_acts_for_the_parts_the_functions_and_the_teams() {
    let bench = populated().await;
    let seeds = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
    for (from, found) in [
        (
            &["Practitioner/p1"][..],
            &["CareTeam/team", "Practitioner/p1", "PractitionerRole/r1"][..],
        ),
        (
            &["Organization/one"],
            &["Organization/one", "Organization/ward"],
        ),
        (
            &["Organization/ward"],
            &["Organization/ward", "^Organization/one"],
        ),
        (&["Organization/never"], &["Organization/never"]),
        (&[], &[]),
    ] {
        let custodians = bench.store.custodians(&seeds(from)).await;
        assert_eq!(custodians.expect("custodians"), found, "{from:?}");
    }
    // Parts that are parts of each other end all the same.
    bench
        .give(json!({ "resourceType": "Organization", "id": "one",
            "partOf": refer("Organization/ward") }))
        .await;
    let round = bench
        .store
        .custodians(&seeds(&["Organization/one"]))
        .await
        .expect("an end");
    assert!(round.contains(&"Organization/ward".to_owned()));
}

#[tokio::test]
async fn what_is_deleted_is_gone_for_who_reached_it_and_nothing_for_the_rest() {
    let bench = populated().await;
    for name in ["Observation", "CarePlan"] {
        let id = if name == "CarePlan" { "cb" } else { "oa" };
        bench
            .store
            .write(&ANY, move |tx| {
                Box::pin(async move { tx.delete(kind(name), id, None).await })
            })
            .await
            .expect("a deletion");
    }
    assert!(bench.reads(&everything_of("a"), "Observation/oa").await);
    assert!(!bench.reads(&everything_of("b"), "Observation/oa").await);
    // A plan that is gone puts nobody into anybody's care.
    let team = professional(&["CareTeam/team", "PractitionerRole/r1"]);
    assert!(!bench.reads(&team, "Observation/ob").await);
}
