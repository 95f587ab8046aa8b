//! Batches and transactions as a whole.

use serde_json::{Value, json};

use super::*;
use crate::interactions::testing::Bench;

/// Answers with what an operation was called on.
struct Echo;

impl Operate for Echo {
    fn operate(&self, _: Permit, call: OperationCall) -> BoxFuture<'static, Result<Reply>> {
        let kind = call.kind.map(ResourceType::name);
        let echo = json!({"name": call.name, "kind": kind, "id": call.id,
            "post": call.is_post, "query": call.query,
            "resource": call.resource.map(|resource| resource.tree().clone())});
        Box::pin(async move { Ok(Reply::Document(echo.to_string().into())) })
    }
}

const URN_A: &str = "urn:uuid:550e8400-e29b-41d4-a716-446655440000";
const URN_B: &str = "urn:uuid:7c9e6679-7425-40de-944b-e07fc1f90ae7";

async fn sent(bench: &Bench, kind: &str, entries: Value) -> Result<Value> {
    let body = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
    let options = BundleOptions {
        status: |category| format!("{category:?}"),
        returned: Returned::Minimal,
        operate: Arc::new(Echo),
        handling: Handling::Lenient,
    };
    let body = Bytes::from(body.to_string());
    match process(&bench.context, &Permit::development(), &body, options).await? {
        Reply::Document(bytes) => Ok(serde_json::from_slice(&bytes).unwrap()),
        other => panic!("no bundle: {other:?}"),
    }
}

fn patient(value: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "urn:a", "value": value}]})
}

fn post(full_url: &str, resource: Value) -> Value {
    let url = resource["resourceType"].clone();
    json!({"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": url}})
}

fn request(method: &str, url: &str) -> Value {
    json!({"request": {"method": method, "url": url}})
}

async fn found(bench: &Bench, url: &str) -> Vec<Value> {
    let bundle = sent(bench, "batch", json!([request("GET", url)]))
        .await
        .unwrap();
    let entries = bundle.pointer("/entry/0/resource/entry");
    let entries = entries.and_then(Value::as_array).cloned();
    let resources = entries.unwrap_or_default();
    resources
        .into_iter()
        .map(|mut entry| entry["resource"].take())
        .collect()
}

#[tokio::test]
async fn links_between_entries_are_resolved_in_a_circle() {
    let bench = Bench::open().await;
    let linked = |value, to| {
        let mut patient = patient(value);
        patient["link"] = json!([{"other": {"reference": to}, "type": "seealso"}]);
        patient
    };
    let entries = json!([
        post(URN_A, linked("1", URN_B)),
        post(URN_B, linked("2", URN_A))
    ]);
    let answer = sent(&bench, "transaction", entries).await.unwrap();
    assert_eq!(answer["type"], "transaction-response");
    assert_eq!(answer["entry"][0]["response"]["status"], "201 Created");
    let location = |n: usize| {
        let location = answer["entry"][n]["response"]["location"].as_str().unwrap();
        location.split("/_history").next().unwrap().to_owned()
    };
    let first = &found(&bench, &format!("Patient?_id={}", &location(0)[8..])).await[0];
    assert_eq!(first["link"][0]["other"]["reference"], location(1));
}

#[tokio::test]
async fn a_bad_entry_fails_a_transaction_and_names_its_place() {
    let bench = Bench::open().await;
    let bad = json!({"resourceType": "Patient", "birthDate": "tomorrow"});
    let entries = json!([post(URN_A, patient("1")), post(URN_B, bad.clone())]);
    let refused = sent(&bench, "transaction", entries.clone())
        .await
        .unwrap_err();
    let place = refused.issues[0].expression.as_deref();
    assert_eq!(place, Some("Bundle.entry[1].resource.birthDate"));
    assert!(found(&bench, "Patient").await.is_empty());

    let answer = sent(&bench, "batch", entries).await.unwrap();
    assert_eq!(answer["type"], "batch-response");
    assert_eq!(answer["entry"][0]["response"]["status"], "201 Created");
    assert_eq!(answer["entry"][1]["response"]["status"], "Invalid");
    let outcome = &answer["entry"][1]["response"]["outcome"];
    assert_eq!(outcome["issue"][0]["expression"][0], place.unwrap());
    assert_eq!(found(&bench, "Patient").await.len(), 1);
}

#[tokio::test]
async fn a_failure_inside_undoes_what_was_written() {
    let bench = Bench::open().await;
    let mut stale = json!({
        "resource": {"resourceType": "Patient", "id": "p1"},
        "request": {"method": "PUT", "url": "Patient/p1", "ifMatch": "W/\"7\""},
    });
    let entries = json!([post(URN_A, patient("1")), stale.clone()]);
    let refused = sent(&bench, "transaction", entries).await.unwrap_err();
    assert_eq!(refused.category, Category::PreconditionFailed);
    let place = refused.issues[0].expression.as_deref();
    assert_eq!(place, Some("Bundle.entry[1]"));
    assert!(found(&bench, "Patient").await.is_empty());

    stale["request"]["ifMatch"] = "W/\"x\"".into();
    let refused = sent(&bench, "transaction", json!([stale]))
        .await
        .unwrap_err();
    assert_eq!(refused.category, Category::PreconditionFailed);
}

#[tokio::test]
async fn the_order_of_work_is_that_of_the_verbs() {
    let bench = Bench::open().await;
    let old = bench.create(&patient("1").to_string()).await;
    let entries = json!([
        request("GET", "Patient?identifier=urn:a|1"),
        post(URN_A, patient("1")),
        request("DELETE", &old.reference()),
    ]);
    let answer = sent(&bench, "transaction", entries).await.unwrap();
    assert_eq!(answer["entry"][1]["response"]["status"], "201 Created");
    assert_eq!(answer["entry"][2]["response"]["status"], "204 No Content");
    let inner = answer["entry"][0]["resource"]["entry"].as_array().unwrap();
    assert_eq!(inner.len(), 1);
    assert_ne!(inner[0]["resource"]["id"], old.id);
}

#[tokio::test]
async fn conditions_decide_what_links_stand_for() {
    let bench = Bench::open().await;
    let known = bench.create(&patient("1").to_string()).await;
    let flag = |subject: &str| {
        json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"},
               "subject": {"reference": subject}})
    };
    let mut conditional = post(URN_A, patient("1"));
    conditional["request"]["ifNoneExist"] = "identifier=urn:a|1".into();
    let entries = json!([
        post(URN_B, flag(URN_A)),
        conditional,
        post("urn:uuid:3", flag("Patient?identifier=urn:a|2")),
        post("urn:uuid:4", patient("2")),
    ]);
    let answer = sent(&bench, "transaction", entries).await.unwrap();
    assert_eq!(answer["entry"][1]["response"]["status"], "200 OK");
    let flags = found(&bench, "Flag?_sort=_lastUpdated").await;
    let subjects: Vec<&str> = flags
        .iter()
        .map(|flag| flag["subject"]["reference"].as_str().unwrap())
        .collect();
    assert!(
        subjects.contains(&known.reference().as_str()),
        "{subjects:?}"
    );
    let second = answer["entry"][3]["response"]["location"].as_str().unwrap();
    assert!(subjects.iter().any(|subject| second.starts_with(subject)));
}

#[tokio::test]
async fn what_meets_itself_is_refused() {
    let bench = Bench::open().await;
    let put = |url: &str, mut resource: Value| {
        if let Some((_, id)) = url.split_once('/') {
            resource["id"] = id.into();
        }
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    };
    let criteria = "Patient?identifier=urn:a|1";
    let table = [
        json!([
            put("Patient/p1", patient("1")),
            put("Patient/p1", patient("2"))
        ]),
        json!([
            put("Patient/p1", patient("1")),
            request("DELETE", "Patient/p1")
        ]),
        json!([put(criteria, patient("1")), put(criteria, patient("1"))]),
        json!([post(URN_A, patient("1")), post(URN_A, patient("2"))]),
        json!([post(URN_A, patient("1")), put(criteria, patient("1"))]),
    ];
    for entries in table {
        let refused = sent(&bench, "transaction", entries.clone()).await;
        let category = refused.expect_err(&entries.to_string()).category;
        assert!(
            matches!(category, Category::Invalid | Category::PreconditionFailed),
            "{category:?}"
        );
    }
    assert!(found(&bench, "Patient").await.is_empty());
}

#[tokio::test]
async fn a_conditional_reference_without_a_match_is_refused() {
    let bench = Bench::open().await;
    let flag = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"},
                      "subject": {"reference": "Patient?identifier=urn:a|nobody"}});
    let refused = sent(&bench, "transaction", json!([post(URN_A, flag)])).await;
    assert_eq!(refused.unwrap_err().category, Category::PreconditionFailed);
    assert!(found(&bench, "Flag").await.is_empty());
}

#[tokio::test]
async fn what_is_no_batch_is_refused() {
    let mut bench = Bench::open().await;
    let table = [
        (
            "collection",
            json!([request("GET", "Patient/1")]),
            "Bundle.type",
        ),
        (
            "batch",
            json!([{"fullUrl": URN_A}]),
            "Bundle.entry[0].request",
        ),
        (
            "transaction",
            json!([request("GET", "Nonsense/1")]),
            "Bundle.entry[0].request.url",
        ),
        (
            "transaction",
            json!([request("PATCH", "Patient/1")]),
            "Bundle.entry[0].resource",
        ),
        (
            "transaction",
            json!([request("GET", "Patient/1/$everything")]),
            "Bundle.entry[0].request.url",
        ),
        (
            "transaction",
            json!([request("GET", "Patient/1/_history")]),
            "Bundle.entry[0]",
        ),
        (
            "transaction",
            json!([request("POST", "Patient")]),
            "Bundle.entry[0].resource",
        ),
    ];
    for (kind, entries, place) in table {
        let refused = sent(&bench, kind, entries).await.unwrap_err();
        assert_eq!(refused.issues[0].expression.as_deref(), Some(place));
    }
    bench.context.limits.bundle_entries_max = 1;
    let two = json!([request("GET", "Patient/1"), request("GET", "Patient/2")]);
    let refused = sent(&bench, "batch", two).await.unwrap_err();
    assert_eq!(refused.category, Category::TooLarge);
}

#[tokio::test]
async fn operations_and_heads_are_entries_of_a_batch() {
    let bench = Bench::open().await;
    let stored = bench.create(r#"{"resourceType":"Patient"}"#).await;
    let own = stored.reference();
    let mut called = request("POST", "ValueSet/$expand");
    called["resource"] = json!({"resourceType": "Parameters"});
    let entries = json!([
        request("GET", &format!("{own}/$everything?_count=1")),
        called,
        request("HEAD", &own),
        request("HEAD", "Patient"),
        request("GET", "Patient/_history"),
        request("GET", "_history"),
        request("POST", "$other"),
    ]);
    let answer = sent(&bench, "batch", entries).await.unwrap();
    let echo = &answer["entry"][0]["resource"];
    assert_eq!(echo["name"], "everything");
    assert_eq!(
        (&echo["kind"], &echo["id"]),
        (&"Patient".into(), &json!(stored.id))
    );
    assert_eq!(echo["query"], json!([["_count", "1"]]));
    let echo = &answer["entry"][1]["resource"];
    assert_eq!((&echo["post"], &echo["id"]), (&json!(true), &json!(null)));
    assert_eq!(echo["resource"]["resourceType"], "Parameters");
    for head in [2, 3] {
        assert_eq!(answer["entry"][head].get("resource"), None);
        assert_eq!(answer["entry"][head]["response"]["status"], "200 OK");
    }
    assert_eq!(answer["entry"][2]["response"]["etag"], "W/\"1\"");
    for history in [4, 5] {
        assert_eq!(answer["entry"][history]["resource"]["type"], "history");
    }
    assert_eq!(answer["entry"][6]["resource"]["kind"], json!(null));
}
