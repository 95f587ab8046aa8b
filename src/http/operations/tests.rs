//! The operations' table: where its lines are served, and what is refused.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{authoring::Simulator, http::testing::Site};

/// Answers with what it was given.
fn echo(_: Arc<State>, _: Permit, given: Invocation) -> BoxFuture<'static, Result<Reply>> {
    let answer = json!({
        "kind": given.kind.map(ResourceType::name),
        "id": given.id,
        "query": given.query,
        "resource": given.resource.map(|resource| resource.tree().clone()),
    });
    Box::pin(async move { Ok(Reply::Document(answer.to_string().into())) })
}

fn fail(_: Arc<State>, _: Permit, _: Invocation) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async { panic!("on purpose") })
}

const FREE: Needs = Needs {
    does: &[],
    runs: Runs::AsCaller,
};

static TABLE: &[Operation] = &[
    Operation {
        name: "fail",
        definition: "http://vigie.test/OperationDefinition/fail",
        kind: None,
        levels: &[Level::System],
        verbs: &[Method::GET],
        needs: FREE,
        run: fail,
    },
    Operation {
        name: "echo",
        definition: "http://vigie.test/OperationDefinition/echo",
        kind: None,
        levels: &[Level::System, Level::Type, Level::Instance],
        verbs: &[Method::GET, Method::POST],
        needs: FREE,
        run: echo,
    },
    Operation {
        name: "only",
        definition: "http://vigie.test/OperationDefinition/only",
        kind: Some("Patient"),
        levels: &[Level::Instance],
        verbs: &[Method::POST],
        needs: FREE,
        run: echo,
    },
];

#[tokio::test]
async fn an_operation_learns_where_it_was_called() {
    let site = Site::offering(TABLE).await;
    let system = site.get("/fhir/$echo?a=1").await.json();
    assert_eq!(
        (&system["kind"], &system["query"]),
        (&json!(null), &json!([["a", "1"]]))
    );
    let of_type = site.get("/fhir/Group/$echo").await.json();
    assert_eq!(of_type["kind"], "Group");
    let body = r#"{"resourceType":"Parameters"}"#;
    let instance = site.post("/fhir/Group/7/$echo", body).await.json();
    assert_eq!(
        (&instance["id"], &instance["kind"]),
        (&"7".into(), &"Group".into())
    );
    assert_eq!(instance["resource"]["resourceType"], "Parameters");
    let own = site.post("/fhir/Patient/7/$only", body).await.json();
    assert_eq!((&own["id"], &own["kind"]), (&"7".into(), &"Patient".into()));
    let bad = site.post("/fhir/Patient/7/$only", "{").await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn what_is_not_in_the_table_is_refused_by_name() {
    let site = Site::offering(TABLE).await;
    for path in [
        "/fhir/$none",
        "/fhir/Patient/$none",
        "/fhir/Patient/7/$none",
    ] {
        site.get(path).await.assert_outcome(501, "not-supported");
        let answer = site.post(path, r#"{"resourceType":"Parameters"}"#).await;
        answer.assert_outcome(501, "not-supported");
        assert!(answer.json().to_string().contains("$none"));
    }
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let site = Site::offering(TABLE).await;
    site.get("/fhir/$fail")
        .await
        .assert_outcome(500, "exception");
    assert_eq!(site.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_simulation_without_room_is_told_to_come_again() {
    let none = Simulator::within(0, Duration::from_secs(1));
    let site = Site::with(|mut state| {
        state.simulator = none;
        state
    })
    .await;
    let body = r#"{"resourceType":"Parameters",
        "parameter":[{"name":"planDefinition","valueCanonical":"u"}]}"#;
    let answer = site.post("/fhir/PlanDefinition/$simulate", body).await;
    answer.assert_outcome(503, "throttled");
    assert_eq!(answer.header("retry-after"), "2");
}

#[tokio::test]
async fn a_judgement_needs_an_answer() {
    let site = Site::open().await;
    let path = "/fhir/QuestionnaireResponse/$judge";
    let answer = site.request(Method::POST, path, &[], "").await;
    answer.assert_outcome(400, "required");
    let path = "/fhir/QuestionnaireResponse/none/$judge";
    let answer = site.request(Method::POST, path, &[], "").await;
    answer.assert_outcome(404, "not-found");
}

#[tokio::test]
async fn enrolment_needs_its_parameters() {
    let site = Site::open().await;
    let path = "/fhir/PlanDefinition/x/$apply";
    let answer = site.request(Method::POST, path, &[], "").await;
    answer.assert_outcome(400, "required");
    let answer = site.post(path, r#"{"resourceType":"Parameters"}"#).await;
    answer.assert_outcome(400, "value");
}
