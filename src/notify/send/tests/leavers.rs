//! Who has left between the announcement and the sending.

use super::*;

fn nurse() -> Value {
    json!({
        "resourceType": "Practitioner", "id": "n1", "active": true,
        "telecom": [{ "system": "email", "value": "nurse@example.org" }],
    })
}

fn role() -> Value {
    json!({
        "resourceType": "PractitionerRole", "id": "r1",
        "practitioner": { "reference": "Practitioner/n1" },
        "period": { "end": "2027-02-01" },
        "telecom": [{ "system": "email", "value": "ward@example.org" }],
    })
}

fn mother() -> Value {
    json!({
        "resourceType": "RelatedPerson", "id": "m1", "patient": { "reference": "Patient/p1" },
        "telecom": [{ "system": "email", "value": "mother@example.org" }],
    })
}

fn changed(mut tree: Value, name: &str, value: Value) -> Value {
    tree[name] = value;
    tree
}

#[tokio::test]
async fn who_has_left_since_is_told_nothing() {
    let past = || json!({ "end": "2027-01-14" });
    for (recipient, change) in [
        ("Practitioner/n1", None),
        ("PractitionerRole/r1", None),
        ("RelatedPerson/m1", None),
        (
            "Practitioner/n1",
            Some(changed(nurse(), "active", json!(false))),
        ),
        (
            "PractitionerRole/r1",
            Some(changed(nurse(), "active", json!(false))),
        ),
        (
            "PractitionerRole/r1",
            Some(changed(role(), "active", json!(false))),
        ),
        (
            "PractitionerRole/r1",
            Some(changed(role(), "period", past())),
        ),
        (
            "RelatedPerson/m1",
            Some(changed(mother(), "active", json!(false))),
        ),
        (
            "RelatedPerson/m1",
            Some(changed(mother(), "period", past())),
        ),
    ] {
        let bench = Bench::open().await;
        for tree in [patient(), nurse(), role(), mother()] {
            bench.put(tree).await;
        }
        let announcement = to(recipient, MessageKind::Reminder);
        let id = bench.announce(announcement).await;
        let is_there = change.is_none();
        let says = format!("{recipient} {change:?}");
        if let Some(tree) = change {
            bench.put(tree).await;
        }
        let channel = Scripted::answering(Ok(Accepted));
        let runner = bench.runner(Arc::clone(&channel) as Arc<dyn Channel>);
        bench.pass(SignedDuration::from_secs(1));
        runner.run_due().await.unwrap();
        assert_eq!(channel.taken().len(), usize::from(is_there), "{says}");
        let status = if is_there { "completed" } else { "not-done" };
        assert_eq!(bench.communication(&id).await["status"], status, "{says}");
    }
}
