//! Requests through the whole router: status, headers and outcome of each.

use std::sync::Mutex;

use axum::http::Method;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;

use super::{
    Access, ClockControl,
    testing::{JSON, Site},
};
use crate::kernel::problem::Result;

const PATIENT: &str = r#"{"resourceType":"Patient","gender":"male"}"#;

#[tokio::test]
async fn create_then_read_by_location() {
    let site = Site::open().await;
    let created = site.post("/fhir/Patient", PATIENT).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.header("etag"), "W/\"1\"");
    assert!(created.header("last-modified").ends_with("GMT"));
    let location = created.header("location");
    let path = location.strip_prefix("http://vigie.test").unwrap();
    let (instance, version) = path.split_once("/_history/").unwrap();
    assert_eq!(version, "1");

    for path in [instance, path] {
        let read = site.get(path).await;
        assert_eq!(read.status, 200);
        assert_eq!(
            read.header("content-type"),
            "application/fhir+json; charset=utf-8"
        );
        assert_eq!(read.body, created.body);
    }
    let held = &[("if-none-match", "W/\"1\"")];
    let again = site.request(Method::GET, instance, held, "").await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    let modified = read_header(&created.headers, "last-modified");
    let held = &[("if-modified-since", modified.as_str())];
    let again = site.request(Method::GET, instance, held, "").await;
    assert_eq!(again.status, 304);
    let head = site.request(Method::HEAD, instance, &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), "W/\"1\"");
}

fn read_header(headers: &axum::http::HeaderMap, name: &str) -> String {
    headers[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn update_delete_and_history() {
    let site = Site::open().await;
    let body = r#"{"resourceType":"Patient","id":"p1"}"#;
    let created = site.put("/fhir/Patient/p1", body).await;
    assert_eq!(created.status, 201);
    let updated = site.put("/fhir/Patient/p1", body).await;
    assert_eq!(
        (updated.status.as_u16(), updated.header("etag")),
        (200, "W/\"2\"")
    );

    let stale = &[JSON[0], ("if-match", "W/\"1\"")];
    let refused = site
        .request(Method::PUT, "/fhir/Patient/p1", stale, body)
        .await;
    refused.assert_outcome(412, "conflict");

    let deleted = site.delete("/fhir/Patient/p1").await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    assert_eq!(site.delete("/fhir/Patient/p1").await.status, 204);
    site.get("/fhir/Patient/p1")
        .await
        .assert_outcome(410, "deleted");
    let history = site.get("/fhir/Patient/p1/_history").await.json();
    assert_eq!(history["total"], 3);
    assert_eq!(site.put("/fhir/Patient/p1", body).await.status, 201);
}

#[tokio::test]
async fn what_the_client_prefers_is_given() {
    let site = Site::open().await;
    for (preference, expected) in [
        ("return=minimal", ""),
        ("return=OperationOutcome", "OperationOutcome"),
        ("return=representation", "Patient"),
    ] {
        let headers = &[JSON[0], ("prefer", preference)];
        let answer = site
            .request(Method::POST, "/fhir/Patient", headers, PATIENT)
            .await;
        assert_eq!(answer.status, 201);
        assert!(answer.header("location").contains("/Patient/"));
        let kind = if answer.body.is_empty() {
            String::new()
        } else {
            answer.json()["resourceType"].as_str().unwrap().to_owned()
        };
        assert_eq!(kind, expected);
    }
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_with_its_reason() {
    let site = Site::open().await;
    let get = Method::GET;
    let table = [
        (&get, "/fhir/Nonsense/1", 404, "not-found"),
        (&get, "/fhir/Patient/absent", 404, "not-found"),
        (&get, "/fhir/Patient/absent/_history", 404, "not-found"),
        (&get, "/fhir/Patient/absent/_history/1", 404, "not-found"),
        (&get, "/nowhere", 404, "not-found"),
        (&get, "/fhir/Patient/1/2/3/4", 404, "not-found"),
        (&get, "/fhir/Patient/%ff", 400, "value"),
        (&get, "/fhir/Patient/%zz", 400, "value"),
        (&get, "/fhir/Patient/..%2f..", 404, "not-found"),
        (&get, "/fhir/Patient/1?_format=%zz", 400, "value"),
        (&get, "/fhir/Patient/1?_format=html", 406, "not-supported"),
        (&get, "/fhir/Patient/_history?_list=1", 501, "not-supported"),
        (&get, "/fhir/_history?_since=x", 400, "value"),
        (&Method::PATCH, "/fhir/Patient/1", 415, "not-supported"),
        (&Method::POST, "/fhir/Patient/1", 405, "not-supported"),
    ];
    for (method, path, status, code) in table {
        let answer = site.request(method.clone(), path, &[], "").await;
        answer.assert_outcome(status, code);
        assert!(!answer.header("x-request-id").is_empty());
        if status == 405 {
            assert!(answer.header("allow").contains("GET"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    let site = Site::open().await;
    let table = [
        ("/fhir/Patient", r#"{"resourceType":"Patient","#, 400),
        ("/fhir/Patient", r#"{"resourceType":"Organization"}"#, 400),
        ("/fhir/Patient", "", 400),
    ];
    for (path, body, status) in table {
        let answer = site.post(path, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    }
    for body in [PATIENT, r#"{"resourceType":"Patient","id":"other"}"#] {
        let answer = site.put("/fhir/Patient/p1", body).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["issue"][0]["expression"][0], "Patient.id");
    }
    let text = &[("content-type", "text/plain")];
    let answer = site
        .request(Method::POST, "/fhir/Patient", text, "hello")
        .await;
    answer.assert_outcome(415, "not-supported");
    let headers = &[JSON[0], ("accept", "image/png")];
    let answer = site
        .request(Method::POST, "/fhir/Patient", headers, PATIENT)
        .await;
    answer.assert_outcome(406, "not-supported");
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused() {
    let site = Site::with(|mut state| {
        state.limits.body_bytes_max = 64;
        state
    })
    .await;
    let fits = format!("{PATIENT:64}");
    assert_eq!(site.post("/fhir/Patient", &fits).await.status, 201);
    let over = format!("{PATIENT:65}");
    site.post("/fhir/Patient", &over)
        .await
        .assert_outcome(413, "too-long");
}

#[tokio::test]
async fn a_closed_server_lets_nobody_in() {
    let site = Site::with(|mut state| {
        state.access = Access::Closed;
        state
    })
    .await;
    let answer = site.get("/fhir/Patient/1").await;
    answer.assert_outcome(401, "login");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"fhir\"");
    let headers = &[("authorization", "Bearer abc")];
    let answer = site
        .request(Method::GET, "/fhir/Patient/1", headers, "")
        .await;
    assert_eq!(answer.status, 401);
    // The machine's own clock is nobody's to move; what this server offers is told to everybody.
    assert_eq!(site.get("/clock").await.status, 404);
    assert_eq!(site.get("/healthz").await.status, 200);
    assert_eq!(site.get("/fhir/metadata").await.status, 200);
    assert_eq!(site.get("/fhir/openapi.json").await.status, 200);
}

#[tokio::test]
async fn a_ready_server_says_so() {
    let site = Site::open().await;
    assert_eq!(site.get("/healthz").await.status, 200);
    assert_eq!(site.get("/readyz").await.status, 200);
}

/// Remembers where it was moved to.
#[derive(Default)]
struct Moved(Mutex<Vec<Timestamp>>);

impl ClockControl for &'static Moved {
    fn advance<'a>(&'a self, to: Timestamp) -> BoxFuture<'a, Result<()>> {
        self.0.lock().unwrap().push(to);
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn only_a_simulated_clock_is_moved() {
    let machine = Site::open().await;
    machine.get("/clock").await.assert_outcome(404, "not-found");
    machine
        .put("/clock", "\"2026-03-02T00:00:00Z\"")
        .await
        .assert_outcome(404, "not-found");

    let moved: &'static Moved = Box::leak(Box::default());
    let control = std::sync::Arc::new(moved);
    let site = Site::with(|state| state.with_simulated_clock(control)).await;
    let shown = site.get("/clock").await;
    assert_eq!(shown.json(), json!("2026-03-01T08:00:00.000Z"));
    let answer = site.put("/clock", "\"2026-03-02T00:00:00Z\"").await;
    assert_eq!(answer.status, 200);
    let to: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
    assert_eq!(*moved.0.lock().unwrap(), [to]);
    for bad in ["tomorrow", "\"tomorrow\"", "17"] {
        site.put("/clock", bad).await.assert_outcome(400, "value");
    }
}

#[tokio::test]
async fn the_statement_is_that_of_the_router() {
    let site = Site::open().await;
    let statement = site.get("/fhir/metadata").await;
    assert_eq!(statement.status, 200);
    let statement = statement.json();
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let patient = resources.iter().find(|each| each["type"] == "Patient");
    let interactions = patient.unwrap()["interaction"].as_array().unwrap();
    let codes: Vec<&str> = interactions
        .iter()
        .map(|each| each["code"].as_str().unwrap())
        .collect();
    let expected =
        "create delete history-instance history-type patch read search-type update vread";
    assert_eq!(codes.join(" "), expected);
    assert_eq!(statement["implementation"]["url"], "http://vigie.test/fhir");
}

#[tokio::test]
async fn conditions_come_by_header_query_and_form() {
    let site = Site::open().await;
    let body = r#"{"resourceType":"Patient","identifier":[{"system":"urn:a","value":"1"}]}"#;
    let headers = &[JSON[0], ("if-none-exist", "identifier=urn:a%7C1")];
    for status in [201, 200] {
        let answer = site
            .request(Method::POST, "/fhir/Patient", headers, body)
            .await;
        assert_eq!(answer.status, status);
    }
    let criteria = "/fhir/Patient?identifier=urn:a%7C1";
    assert_eq!(site.put(criteria, body).await.status, 200);
    assert_eq!(
        site.get(criteria).await.json()["entry"][0]["resource"]["meta"]["versionId"],
        "2"
    );
    let form = &[("content-type", "application/x-www-form-urlencoded")];
    let found = site
        .request(
            Method::POST,
            "/fhir/Patient/_search",
            form,
            "identifier=urn:a%7C1",
        )
        .await;
    assert_eq!(found.json()["entry"].as_array().unwrap().len(), 1);
    assert_eq!(site.delete(criteria).await.status, 204);
    assert!(site.get(criteria).await.json().get("entry").is_none());
    site.delete("/fhir/Patient")
        .await
        .assert_outcome(400, "required");
}

#[tokio::test]
async fn unknown_parameters_are_refused_where_the_client_is_strict() {
    let site = Site::open().await;
    let path = "/fhir/Patient?nonsense=1";
    let lenient = site.get(path).await;
    assert_eq!(lenient.status, 200);
    assert!(
        !lenient.json()["link"][0]["url"]
            .as_str()
            .unwrap()
            .contains("nonsense")
    );
    let strict = &[("prefer", "handling=strict")];
    let refused = site.request(Method::GET, path, strict, "").await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_create_with_parameters_is_refused_where_the_client_is_strict() {
    let site = Site::open().await;
    let patient = json!({"resourceType": "Patient"}).to_string();
    let post = async |path: &str, handling: &str| {
        let headers = &[JSON[0], ("prefer", handling)];
        site.request(Method::POST, path, headers, &patient).await
    };
    let path = "/fhir/Patient?identifier=a|1";
    assert_eq!(post(path, "handling=lenient").await.status, 201);
    let refused = post(path, "handling=strict").await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["issue"][0]["code"], "not-supported");
    let plain = post("/fhir/Patient?_format=json&_pretty=true", "handling=strict");
    assert_eq!(plain.await.status, 201);
}

#[tokio::test]
async fn a_batch_answers_each_entry_with_its_status() {
    let site = Site::open().await;
    let entries = json!({
        "resourceType": "Bundle", "type": "batch",
        "entry": [
            {"request": {"method": "GET", "url": "Patient/absent"}},
            {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        ],
    });
    for path in ["/fhir", "/fhir/"] {
        let headers = &[JSON[0], ("prefer", "return=representation")];
        let answer = site
            .request(Method::POST, path, headers, &entries.to_string())
            .await
            .json();
        assert_eq!(answer["entry"][0]["response"]["status"], "404 Not Found");
        let created = &answer["entry"][1];
        assert_eq!(created["response"]["status"], "201 Created");
        assert_eq!(created["resource"]["resourceType"], "Patient");
    }
}
