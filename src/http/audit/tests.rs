//! What of a request ends up in the record.

use std::sync::Arc;

use axum::http::Method;
use futures_util::FutureExt as _;
use serde_json::json;

use super::super::{
    Access,
    testing::{JSON, Site},
};
use crate::{
    audit::{Durability, Log, Settings, record::pseudonym},
    kernel::{chance::Generator, clock::SystemClock},
    store::{AuditQuery, AuditRow},
};

/// A server that records, and its record.
struct Desk {
    site: Site,
    log: Arc<Log>,
    settings: Settings,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn open(access: Access) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let settings = Settings {
            file: file("audit"),
            head: file("head"),
            key: file("key"),
            durability: Durability::BeforeReply,
            retention_days: 0,
            queue_max: 10,
        };
        let chance = Generator::from_seed(1);
        let log = Log::open(&settings, Arc::new(SystemClock), &chance).unwrap();
        let held = Arc::clone(&log);
        let site = Site::with(|mut state| {
            state.access = access;
            state.with_audit(Some(held))
        })
        .await;
        Self {
            site,
            log,
            settings,
            _folder: folder,
        }
    }

    /// All rows but those of the server itself, oldest first.
    fn rows(&self) -> Vec<AuditRow> {
        let query = AuditQuery {
            ascending: true,
            limit: 1_000,
            ..AuditQuery::default()
        };
        let mut rows = self.log.search(&query).unwrap();
        rows.retain(|row| row.event != "start");
        rows
    }

    #[track_caller]
    fn last(&self) -> AuditRow {
        self.rows().pop().expect("a row")
    }

    fn name(&self, reference: &str) -> Option<[u8; 16]> {
        pseudonym(self.log.seal(), reference).ok()
    }
}

#[tokio::test]
async fn each_access_has_a_row_that_says_what_and_whose_but_no_name() {
    let desk = Desk::open(Access::Development).await;
    let (id, patient) = writes_are_told(&desk).await;
    reads_are_told(&desk, &id, patient).await;
    let shown = format!("{:?}", desk.rows());
    assert!(!shown.contains("Dupond") && !shown.contains(&id), "{shown}");
}

async fn writes_are_told(desk: &Desk) -> (String, [u8; 16]) {
    let made = desk.site.post(
        "/fhir/Patient",
        r#"{"resourceType":"Patient","name":[{"family":"Dupond"}]}"#,
    );
    let id = made.await.json()["id"].as_str().unwrap().to_owned();
    let patient = desk.name(&format!("Patient/{id}")).unwrap();
    let row = desk.last();
    assert_eq!((&*row.event, &*row.action), ("create", "C"));
    assert_eq!((row.outcome, row.status), (0, 201));
    assert_eq!(
        (row.entity, &row.patients[..]),
        (Some(patient), &[patient][..])
    );
    assert_eq!(row.kind.as_deref(), Some("Patient"));
    assert_eq!(row.client.as_deref(), Some("development"));

    let body = json!({"resourceType": "Observation", "id": "o1", "status": "final",
        "code": {"text": "Dupond"}, "subject": {"reference": format!("Patient/{id}")}});
    desk.site
        .put("/fhir/Observation/o1", &body.to_string())
        .await;
    let row = desk.last();
    assert_eq!((&*row.event, row.status), ("update", 201));
    assert_eq!(
        (row.entity, &row.patients[..]),
        (desk.name("Observation/o1"), &[patient][..])
    );

    (id, patient)
}

async fn reads_are_told(desk: &Desk, id: &str, patient: [u8; 16]) {
    desk.site
        .get("/fhir/Observation?code:text=Dupond&_count=3")
        .await;
    let row = desk.last();
    assert_eq!((&*row.event, &*row.action), ("search-type", "E"));
    assert_eq!(row.detail.as_deref(), Some("code _count"));
    assert_eq!((row.entity, &row.patients[..]), (None, &[patient][..]));

    desk.site
        .get(&format!(
            "/fhir/Observation?patient={id}&status=entered-in-error"
        ))
        .await;
    assert_eq!(
        desk.last().patients,
        [patient],
        "asked for, and nothing found"
    );

    desk.site.get("/fhir/Observation/o1/_history/1").await;
    assert_eq!(
        (&*desk.last().event, &desk.last().patients[..]),
        ("vread", &[patient][..])
    );
    desk.site.delete("/fhir/Observation/o1").await;
    let row = desk.last();
    assert_eq!(
        (&*row.event, &*row.action, row.status),
        ("delete", "D", 204)
    );
    assert_eq!(
        (row.entity, &row.patients[..]),
        (desk.name("Observation/o1"), &[patient][..])
    );

    desk.site.get("/fhir/Observation/none").await;
    let row = desk.last();
    assert_eq!((row.outcome, row.status, row.patients.len()), (4, 404, 0));
    assert!(row.request.is_some());
    let count = desk.rows().len();
    desk.site.get("/fhir/metadata").await;
    assert_eq!(desk.rows().len(), count);
}

#[tokio::test]
async fn an_answer_that_leaves_out_whose_data_it_is_has_a_row_that_says_it() {
    let desk = Desk::open(Access::Development).await;
    let body = json!({"resourceType": "Observation", "id": "o", "status": "final",
        "code": {"text": "x"}, "subject": {"reference": "Patient/p"}});
    desk.site
        .put("/fhir/Observation/o", &body.to_string())
        .await;
    let patient = desk.name("Patient/p").unwrap();
    for path in [
        "/fhir/Observation?_elements=status",
        "/fhir/Observation/o?_elements=status",
    ] {
        let answer = desk.site.get(path).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(!text.contains("Patient/p"), "{text}");
        assert_eq!(desk.last().patients, [patient], "{path}");
    }
}

#[tokio::test]
async fn each_entry_of_a_bundle_has_a_row() {
    let desk = Desk::open(Access::Development).await;
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": {"resourceType": "Patient", "id": "p"},
         "request": {"method": "PUT", "url": "Patient/p"}},
        {"request": {"method": "GET", "url": "Task?patient=p"}},
    ]});
    let done = desk.site.post("/fhir", &bundle.to_string()).await;
    assert_eq!(done.status, 200, "{:?}", done.body);
    let rows = desk.rows();
    let events: Vec<&str> = rows.iter().map(|row| row.event.as_str()).collect();
    assert_eq!(events, ["transaction", "update", "search-type"]);
    let patient = desk.name("Patient/p").unwrap();
    assert_eq!(rows[1].entity, Some(patient));
    assert_eq!(rows[2].patients, [patient]);
    assert!(rows[0].patients.is_empty());
}

#[tokio::test]
async fn who_is_refused_is_recorded_and_cannot_fill_the_disk() {
    let desk = Desk::open(Access::Closed).await;
    for _ in 0..700 {
        assert_eq!(desk.site.get("/fhir/Patient/1").await.status, 401);
    }
    let rows = desk.rows();
    assert!((600..700).contains(&rows.len()), "{}", rows.len());
    assert_eq!((rows[0].outcome, rows[0].status), (4, 401));
    assert_eq!(rows[0].agent, None);
}

#[tokio::test]
async fn nobody_is_let_in_when_nothing_can_be_recorded() {
    let desk = Desk::open(Access::Development).await;
    assert_eq!(desk.site.get("/readyz").await.status, 200);
    let body = r#"{"resourceType":"Patient","id":"p"}"#;
    assert_eq!(desk.site.put("/fhir/Patient/p", body).await.status, 201);
    desk.log.close();
    let refused = desk.site.put("/fhir/Patient/p", body).await;
    refused.assert_outcome(503, "throttled");
    desk.site
        .get("/fhir/Patient/p")
        .await
        .assert_outcome(503, "throttled");
    let ready = desk.site.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(&ready.body[..], b"accesses cannot be recorded\n");
    // What everybody may know is still told.
    assert_eq!(desk.site.get("/fhir/metadata").await.status, 200);
}

#[tokio::test]
async fn a_file_that_fails_is_503_and_what_was_done_is_recorded_later() {
    let desk = Desk::open(Access::Development).await;
    let body = r#"{"resourceType":"Patient","id":"p"}"#;
    let refuse =
        "create trigger full before insert on entry begin select raise(abort, 'full'); end";
    crate::store::tamper(&desk.settings.file, refuse).unwrap();
    let failed = desk.site.put("/fhir/Patient/p", body).await;
    failed.assert_outcome(503, "throttled");
    desk.site
        .get("/fhir/Patient/p")
        .await
        .assert_outcome(503, "throttled");
    crate::store::tamper(&desk.settings.file, "drop trigger full").unwrap();
    let mut tries = 0;
    while desk.site.get("/readyz").await.status != 200 {
        tries += 1;
        assert!(tries < 100, "the record is not written again");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(desk.site.get("/fhir/Patient/p").await.status, 200);
    let events: Vec<String> = desk.rows().into_iter().map(|row| row.event).collect();
    assert_eq!(events, ["update", "read"]);
}

#[tokio::test]
async fn accesses_under_way_are_bounded() {
    let desk = Desk::open(Access::Development).await;
    let mut tickets = Vec::new();
    while let Ok(ticket) = desk.log.begin(crate::audit::Event::Status) {
        tickets.push(ticket);
    }
    assert!((9..=10).contains(&tickets.len()), "{}", tickets.len());
    desk.site
        .get("/fhir/Patient/p")
        .await
        .assert_outcome(503, "throttled");
    tickets.into_iter().for_each(crate::audit::Ticket::forget);
    assert_eq!(desk.site.get("/fhir/Patient/p").await.status, 404);
}

#[tokio::test]
async fn a_client_that_goes_leaves_a_row() {
    let desk = Desk::open(Access::Development).await;
    let request = desk.site.request(
        Method::PUT,
        "/fhir/Patient/p",
        JSON,
        r#"{"resourceType":"Patient","id":"p"}"#,
    );
    // Polled once: it has begun, and then the client goes.
    assert!(request.now_or_never().is_none());
    let mut rows = desk.rows();
    for _ in 0..100 {
        if !rows.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        rows = desk.rows();
    }
    assert_eq!((&*rows[0].event, rows[0].outcome), ("update", 12));
    assert_eq!(rows[0].entity, desk.name("Patient/p"));
}
