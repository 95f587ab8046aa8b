//! What the type alone decides, for each line, each entry and each search.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::{
    fhir::{
        permit::{Login, Reach},
        scope::Scope,
        search::query::Handling,
    },
    interactions::{
        Reply,
        bundle::{self, BundleOptions, Operate, OperationCall, Returned},
        compartment, pairs, search as searching,
        testing::Bench,
    },
};

fn permit(scopes: &[&str]) -> Permit {
    let grant = |text: &&str| Grant {
        scope: Scope::read(text).unwrap(),
        reach: Reach::Everything,
    };
    Permit::login(
        Arc::new(Login::default()),
        scopes.iter().map(grant).collect(),
    )
}

fn kind(name: &str) -> ResourceType {
    ResourceType::named(name).unwrap()
}

#[test]
fn a_line_needs_all_that_it_does() {
    let patient = Some(kind("Patient"));
    let held = permit(&["user/Patient.rs", "user/Task.cruds"]);
    for (needs, may) in [
        (Needs::Nothing, true),
        (Needs::Within, true),
        (Needs::Actions(READ), true),
        (Needs::Actions(SEARCH), true),
        (Needs::Actions(CREATE), false),
        (Needs::Actions(PATCH), false),
        (Needs::Actions(CONDITIONAL_UPDATE), false),
        (Needs::Actions(DELETE), false),
    ] {
        let refused = line(&held, needs, patient).err();
        assert_eq!(refused.is_none(), may, "{needs:?}");
        assert!(refused.is_none_or(|one| one == refusal()));
        assert_eq!(line(&held, needs, Some(kind("Task"))), Ok(()));
        assert_eq!(line(&Permit::development(), needs, patient), Ok(()));
        let nobody = line(&permit(&[]), needs, patient).is_ok();
        assert_eq!(nobody, !matches!(needs, Needs::Actions(_)), "{needs:?}");
    }
}

/// Whether a search of a type, or of all, is let pass.
fn passes(bench: &Bench, held: &Permit, of: &str, text: &str) -> bool {
    let pairs = pairs::read(text).unwrap();
    let context = &bench.context;
    let query = match of.split_once('/') {
        _ if of.is_empty() => searching::system_query(context, &pairs, Handling::Strict),
        Some((of, member)) => {
            compartment::query(context, (kind(of), "1"), member, &pairs, Handling::Strict)
        }
        None => searching::query(context, kind(of), &pairs, Handling::Strict),
    };
    search(held, &query.unwrap()).is_ok()
}

#[tokio::test]
async fn a_search_needs_every_type_that_its_conditions_ask() {
    let bench = Bench::open().await;
    let held = permit(&["user/Observation.rs", "user/Patient.rs", "user/Encounter.r"]);
    for (of, text, may) in [
        ("Observation", "code=x", true),
        ("Observation", "subject:Patient.name=x", true),
        ("Observation", "patient.name=x", true),
        // Of the types that the reference may lead to, those that are not reached are not there.
        ("Observation", "subject.name=x", true),
        ("Observation", "performer.name=x", true),
        ("Observation", "performer:Practitioner.name=x", false),
        ("Observation", "subject:Patient.organization.name=x", false),
        ("Observation", "encounter.class=x", false),
        ("Observation", "_filter=code eq x", true),
        (
            "Observation",
            "_filter=performer:Practitioner.name eq x",
            false,
        ),
        ("Observation", "_filter=not (encounter.class eq x)", false),
        ("Observation", "_has:Provenance:target:recorded=2020", false),
        ("Observation", "_list=1", false),
        ("Patient", "_has:Observation:patient:code=x", true),
        (
            "Patient",
            "_has:Observation:patient:_has:Provenance:target:recorded=2020",
            false,
        ),
        (
            "Patient",
            "_has:Observation:patient:performer:Practitioner.name=x",
            false,
        ),
        ("Patient", "_include=Patient:organization", true),
        ("Patient", "general-practitioner:missing=true", true),
        ("Flag", "status=active", false),
        ("Encounter", "status=planned", false),
        ("", "_type=Patient,Observation", true),
        ("", "_type=Patient,Flag", false),
        ("", "_id=1", true),
        ("Patient/Observation", "code=x", true),
        ("Patient/Flag", "", false),
        ("Patient/*", "", true),
        ("Patient/*", "_type=Flag", false),
    ] {
        assert_eq!(passes(&bench, &held, of, text), may, "{of}?{text}");
        assert!(
            passes(&bench, &Permit::development(), of, text),
            "{of}?{text}"
        );
        assert!(
            !passes(&bench, &permit(&["user/*.crud"]), of, text),
            "{of}?{text}"
        );
    }
}

#[test]
fn a_history_of_many_is_a_search_and_one_of_a_resource_a_read() {
    let flag = kind("Flag");
    let instance = HistoryOf::Instance(flag, "1".to_owned());
    for (scope, may) in [
        ("user/Flag.r", [true, false, false]),
        ("user/Flag.s", [false, true, true]),
        ("user/Task.rs", [false, false, true]),
        ("user/Task.cud", [false, false, false]),
    ] {
        let held = permit(&[scope]);
        let of = [&instance, &HistoryOf::Type(flag), &HistoryOf::System];
        assert_eq!(of.map(|of| history(&held, of).is_ok()), may, "{scope}");
    }
}

struct NoOperations;

impl Operate for NoOperations {
    fn operate(
        &self,
        _: Permit,
        _: OperationCall,
    ) -> futures_util::future::BoxFuture<'static, Result<Reply>> {
        Box::pin(async { Err(refusal()) })
    }
}

async fn sent(bench: &Bench, held: &Permit, kind: &str, entries: &[Value]) -> Result<Value> {
    let body = json!({ "resourceType": "Bundle", "type": kind, "entry": entries });
    let options = BundleOptions {
        status: |category| format!("{category:?}"),
        returned: Returned::Minimal,
        handling: Handling::Lenient,
        operate: Arc::new(NoOperations),
    };
    let body = Bytes::from(body.to_string());
    match bundle::process(&bench.context, held, &body, options).await? {
        Reply::Document(bytes) => Ok(serde_json::from_slice(&bytes).unwrap()),
        other => panic!("no bundle: {other:?}"),
    }
}

fn asked(method: &str, url: &str, resource: Option<Value>) -> Value {
    let mut entry = json!({ "request": { "method": method, "url": url } });
    if let Some(resource) = resource {
        entry["resource"] = resource;
    }
    entry
}

/// Entries that a permit for Patients and for reading Groups does not cover.
fn refused_entries() -> Vec<Value> {
    let group = json!({ "resourceType": "Group", "id": "1", "type": "person", "actual": true });
    let patch = json!({ "resourceType": "Parameters", "parameter": [{ "name": "operation", "part": [
        { "name": "type", "valueCode": "delete" }, { "name": "path", "valueString": "Group.name" },
    ] }] });
    let mut conditional = asked(
        "POST",
        "Patient",
        Some(json!({ "resourceType": "Patient" })),
    );
    conditional["request"]["ifNoneExist"] = "organization.name=x".into();
    vec![
        conditional,
        asked("POST", "Group", Some(group.clone())),
        asked("PUT", "Group/1", Some(group.clone())),
        asked("PUT", "Group?code=x", Some(group)),
        asked("PATCH", "Group/1", Some(patch.clone())),
        asked("PATCH", "Group?code=x", Some(patch)),
        asked("DELETE", "Group/1", None),
        asked("DELETE", "Group?code=x", None),
        asked("DELETE", "Patient?organization.name=x", None),
        asked("GET", "Flag/1", None),
        asked("HEAD", "Flag/1", None),
        asked("GET", "Flag/1/_history", None),
        asked("GET", "Flag/1/_history/1", None),
        asked("GET", "Flag/_history", None),
        asked("GET", "Flag?code=x", None),
        asked("GET", "Patient?_has:Flag:patient:status=active", None),
        asked("GET", "http://vigie.test/fhir/Flag/1", None),
        asked("GET", "?_type=Flag", None),
        asked("GET", "Patient/1/Flag", None),
    ]
}

#[tokio::test]
async fn each_entry_is_held_to_the_permit_as_alone() {
    let bench = Bench::open().await;
    let held = permit(&["user/Patient.cruds", "user/Group.r"]);
    let patient = || {
        asked(
            "POST",
            "Patient",
            Some(json!({ "resourceType": "Patient" })),
        )
    };
    for entry in refused_entries() {
        let answer = sent(&bench, &held, "batch", &[entry.clone(), patient()])
            .await
            .unwrap();
        let statuses: Vec<&str> = [0, 1]
            .map(|n| answer["entry"][n]["response"]["status"].as_str().unwrap())
            .to_vec();
        assert_eq!(statuses, ["Forbidden", "201 Created"], "{entry}");
        let refused = sent(&bench, &held, "transaction", &[patient(), entry.clone()]).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.category, Category::Forbidden, "{entry}");
        let place = refused.issues[0].expression.as_deref().unwrap();
        assert!(place.starts_with("Bundle.entry[1]"), "{place}");
    }
    // Nothing of a transaction with a refused entry was written.
    let query = Query::new(kind("Patient"));
    let page = bench
        .context
        .store
        .search(&Permit::development(), &query)
        .await
        .unwrap();
    assert_eq!(page.hits.len(), refused_entries().len());
}

#[tokio::test]
async fn a_conditional_reference_is_a_search() {
    let bench = Bench::open().await;
    let organization = r#"{"resourceType":"Organization","name":"a"}"#;
    bench.create(organization).await;
    let patient = |criteria: &str| {
        let reference = json!({ "reference": format!("Organization?{criteria}") });
        let patient = json!({ "resourceType": "Patient", "managingOrganization": reference });
        [asked("POST", "Patient", Some(patient))]
    };
    let blind = permit(&["user/Patient.cruds"]);
    let seeing = permit(&["user/Patient.cruds", "user/Organization.s"]);
    let there = sent(&bench, &blind, "transaction", &patient("name=a")).await;
    let absent = sent(&bench, &blind, "transaction", &patient("name=b")).await;
    assert_eq!(there, absent);
    assert_eq!(there.unwrap_err().category, Category::Forbidden);
    let found = sent(&bench, &seeing, "transaction", &patient("name=a")).await;
    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn patients_speak_for_themselves() {
    let speaking = |own: &str| {
        let login = Login {
            account: Some("a".to_owned()),
            fhir_user: Some(own.to_owned()),
            ..Login::default()
        };
        Permit::login(Arc::new(login), Vec::new())
    };
    let answer = |author: Value, source: Value| {
        Resource::trusted(
            json!({ "resourceType": "QuestionnaireResponse", "author": author,
            "source": source, "subject": { "reference": "Patient/p" } }),
        )
        .unwrap()
    };
    let refer = |text: &str| json!({ "reference": text });
    let (patient, proxy) = (speaking("Patient/p"), speaking("RelatedPerson/r"));
    let nurse = speaking("Practitioner/n");
    for (author, source, of_patient, of_proxy) in [
        (Value::Null, Value::Null, true, true),
        (refer("Patient/p"), refer("Patient/p"), true, true),
        (Value::Null, refer("RelatedPerson/r"), false, true),
        (refer("Practitioner/n"), refer("Patient/p"), false, false),
        (Value::Null, refer("Patient/q"), false, false),
        (json!({ "display": "Dr" }), Value::Null, false, false),
        (refer("#x"), Value::Null, false, false),
    ] {
        let answer = answer(author.clone(), source.clone());
        let says = format!("{author} {source}");
        assert_eq!(spoken(&patient, &answer).is_ok(), of_patient, "{says}");
        assert_eq!(spoken(&proxy, &answer).is_ok(), of_proxy, "{says}");
        assert_eq!(spoken(&nurse, &answer), Ok(()), "{says}");
        assert_eq!(spoken(&Permit::development(), &answer), Ok(()), "{says}");
    }
    let many = json!({ "resourceType": "Observation", "subject": refer("Patient/p"),
        "performer": [refer("Patient/p"), refer("Organization/o")] });
    let refused = spoken(&patient, &Resource::trusted(many).unwrap()).unwrap_err();
    assert_eq!(
        refused.issues[0].expression.as_deref(),
        Some("Observation.performer")
    );
}
