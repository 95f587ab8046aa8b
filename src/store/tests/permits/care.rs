//! Who has whom in their care, by what is written and what a Consent denies.

use serde_json::json;

use super::*;

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
            &[
                "*",
                "CareTeam/team",
                "Practitioner/p1",
                "PractitionerRole/r1",
                "~?",
            ][..],
        ),
        (
            &["Organization/one", "~TREAT"],
            &["*", "Organization/one", "Organization/ward", "~TREAT"],
        ),
        (
            &["Organization/ward"],
            &["*", "Organization/ward", "^Organization/one", "~?"],
        ),
        (&["Organization/never"], &["*", "Organization/never", "~?"]),
        // Who stands for a patient is not everybody.
        (&["RelatedPerson/r"], &["RelatedPerson/r", "~?"]),
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

/// Bytes of one instant are never judged by whom the resource is about at another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_to_another_patient_is_never_read_as_it_was() {
    let bench = populated().await;
    let store = bench.store.clone();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let until = Arc::clone(&done);
    let reading = std::thread::spawn(move || {
        let permit = everything_of("b");
        let kind = ResourceType::named("Observation").expect("a type");
        let (mut seen, mut leaked) = (0, 0);
        while !until.load(Ordering::Acquire) {
            let read = futures_util::FutureExt::now_or_never(store.read(&permit, kind, "oa"));
            if let Some(stored) = read.expect("a look-up").expect("a read") {
                seen += 1;
                leaked +=
                    u32::from(stored.tree().expect("a tree")["subject"] != refer("Patient/b"));
            }
        }
        (seen, leaked)
    });
    for n in 0..300 {
        let subject = refer(if n % 2 == 0 { "Patient/b" } else { "Patient/a" });
        bench
            .give(json!({ "resourceType": "Observation", "id": "oa", "subject": subject }))
            .await;
    }
    done.store(true, Ordering::Release);
    let (seen, leaked) = reading.join().expect("a reader");
    assert!(seen > 0);
    assert_eq!(leaked, 0, "of {seen}");
}
