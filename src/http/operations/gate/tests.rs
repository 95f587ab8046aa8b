//! Who may call which operation: the table of roles against the table of operations.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;

use super::*;
use crate::{
    fhir::{permit::Login, resource::Resource, scope::Scope},
    http::operations::OPERATIONS,
    interactions::testing::Bench,
    kernel::problem::Category,
};

/// The table, read anew and not by the code that it is held against.
const ROLES: &str = include_str!("../../../../profiles/roles.json");

fn person(roles: &[&str], grants: Vec<Grant>) -> Permit {
    let login = Login {
        client: "app".to_owned(),
        account: Some("account".to_owned()),
        roles: roles.iter().map(|name| (*name).to_owned()).collect(),
        ..Login::default()
    };
    Permit::login(Arc::new(login), grants)
}

fn client(scopes: &[&str], reach: &Reach) -> Permit {
    let grant = |text: &&str| Grant {
        scope: Scope::read(text).unwrap(),
        reach: reach.clone(),
    };
    let login = Login {
        client: "backend".to_owned(),
        ..Login::default()
    };
    Permit::login(Arc::new(login), scopes.iter().map(grant).collect())
}

/// All that a role may do, in a token that says `scope`.
fn held(role: &str, scope: &str) -> Permit {
    let scope = Scope::read(scope).unwrap();
    let grants = roles::bounded(&[role], &scope)
        .into_iter()
        .map(|scope| Grant {
            scope,
            reach: Reach::Everything,
        });
    person(&[role], grants.collect())
}

fn called(operation: &Operation) -> String {
    match operation.kind {
        Some(kind) => format!("{kind}/${}", operation.name),
        None => format!("${}", operation.name),
    }
}

/// The type that an operation is called on in these tests.
fn path(operation: &Operation) -> Option<ResourceType> {
    operation
        .kind
        .or(Some("Organization"))
        .and_then(ResourceType::named)
}

#[test]
fn each_role_calls_what_the_table_of_roles_lists_and_nothing_else() {
    let table: Value = serde_json::from_str(ROLES).unwrap();
    for role in table["roles"].as_array().unwrap() {
        let name = role["name"].as_str().unwrap();
        let listed: BTreeSet<&str> = role["operations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| each.as_str().unwrap())
            .collect();
        let whole = held(name, "user/*.cruds");
        for operation in OPERATIONS {
            let may = allowed(&whole, operation, path(operation)).is_ok();
            let called = called(operation);
            assert_eq!(may, listed.contains(called.as_str()), "{name} {called}");
            let nothing = person(&[name], Vec::new());
            let reads = operation.needs.does.iter().any(|(of, _)| *of != Of::Every);
            if reads {
                assert!(
                    allowed(&nothing, operation, path(operation)).is_err(),
                    "{name} {called}"
                );
            }
            let stranger = person(&[], whole.grants().unwrap().to_vec());
            assert!(
                allowed(&stranger, operation, path(operation)).is_err(),
                "{called}"
            );
        }
    }
}

#[test]
fn an_app_that_may_only_look_changes_nothing() {
    for role in [
        "professional",
        "coordinator",
        "agent",
        "patient",
        "administrator",
    ] {
        let looking = held(role, "user/*.rs");
        for operation in OPERATIONS.iter().filter(|one| one.writes()) {
            let refused = allowed(&looking, operation, path(operation));
            assert_eq!(refused, Err(refusal()), "{role} {}", called(operation));
        }
    }
}

#[test]
fn a_client_of_its_own_needs_scopes_for_all_that_is_done() {
    let everything = client(&["system/*.cruds"], &Reach::Everything);
    let some = Reach::Of {
        marks: Arc::from([String::new()]),
        custodians: Arc::from(["Organization/1".to_owned()]),
    };
    let of_some = client(&["system/*.cruds"], &some);
    let reading = client(&["system/*.rs"], &Reach::Everything);
    let user = client(&["user/*.cruds", "patient/*.cruds"], &Reach::Everything);
    for operation in OPERATIONS {
        let may = |permit: &Permit| allowed(permit, operation, path(operation)).is_ok();
        let called = called(operation);
        let for_all = operation.needs.does.iter().any(|(of, _)| *of == Of::Every);
        assert!(may(&everything), "{called}");
        assert_eq!(may(&of_some), !for_all, "{called}");
        assert_eq!(may(&reading), !operation.writes(), "{called}");
        assert!(!may(&user), "{called}");
        assert!(!may(&client(&[], &Reach::Everything)), "{called}");
    }
    let narrow = client(
        &["system/PlanDefinition.r", "system/Patient.r"],
        &Reach::Everything,
    );
    let apply = OPERATIONS.iter().find(|one| one.name == "apply").unwrap();
    assert!(allowed(&narrow, apply, path(apply)).is_err());
}

/// A follow-up of one organisation's patient, and who cares for another's.
async fn invoked(bench: &Bench, parameters: Value) -> Invocation {
    let plan = json!({ "resourceType": "CarePlan", "status": "active", "intent": "plan",
        "subject": { "reference": "Patient/own" } });
    let plan = bench.create(&plan.to_string()).await;
    Invocation {
        kind: Some(plan.kind),
        id: Some(plan.id),
        query: Vec::new(),
        resource: Some(Resource::trusted(parameters).unwrap()),
        table: None,
        csv: false,
        respond_async: false,
    }
}

fn named_as(name: &str, value: Value) -> Value {
    let mut parameter = json!({ "name": name });
    let member = if value.is_object() {
        "valueReference"
    } else {
        "valueString"
    };
    parameter[member] = value;
    json!({ "resourceType": "Parameters", "parameter": [parameter] })
}

#[tokio::test]
async fn what_is_named_must_be_there_for_the_caller() {
    let bench = Bench::open().await;
    let stands = bench
        .create(r#"{"resourceType":"CareTeam"}"#)
        .await
        .reference();
    let plan =
        json!({ "resourceType": "PlanDefinition", "status": "active", "url": "http://x/plan" });
    bench.create(&plan.to_string()).await;
    let transfer = OPERATIONS
        .iter()
        .find(|one| one.name == "transfer")
        .unwrap();
    let may = ["CarePlan.cruds", "Task.cruds"].map(|text| format!("system/{text}"));
    let [plans, tasks] = &may;
    let blind = client(&[plans, tasks], &Reach::Everything);
    let more = ["system/CareTeam.r", "system/PlanDefinition.rs"];
    let seeing = client(&[plans, tasks, more[0], more[1]], &Reach::Everything);
    for (parameters, there) in [
        (named_as("careTeam", stands.clone().into()), true),
        (named_as("careTeam", json!({ "reference": stands })), true),
        (named_as("careTeam", "CareTeam/none".into()), false),
        (named_as("planDefinition", "http://x/plan".into()), true),
        (named_as("planDefinition", "http://x/plan|".into()), true),
        (named_as("planDefinition", "http://x/none".into()), false),
    ] {
        let invocation = invoked(&bench, parameters.clone()).await;
        let context = &bench.context;
        let refused = pass(context, &blind, transfer, &invocation)
            .await
            .unwrap_err();
        assert_eq!(refused.category, Category::Invalid, "{parameters}");
        match pass(context, &seeing, transfer, &invocation).await {
            Ok(permit) => {
                assert!(there, "{parameters}");
                assert!(permit.grants().is_none());
                assert_eq!(permit.holder(), seeing.holder());
            }
            Err(problem) => {
                assert!(!there, "{parameters}");
                assert_eq!(problem, refused, "{parameters}");
            }
        }
        let query = Invocation {
            query: vec![("careTeam".to_owned(), stands.clone())],
            resource: None,
            ..invocation
        };
        assert!(pass(context, &blind, transfer, &query).await.is_err());
    }
}

#[tokio::test]
async fn what_it_is_called_on_must_be_there_for_the_caller() {
    let bench = Bench::open().await;
    let stop = OPERATIONS.iter().find(|one| one.name == "stop").unwrap();
    let there = invoked(&bench, named_as("reason", "other".into())).await;
    let context = &bench.context;
    let of_somebody = Reach::Of {
        marks: Arc::from(["another".to_owned()]),
        custodians: Arc::from([]),
    };
    let stranger = client(
        &["system/CarePlan.cruds", "system/Task.cruds"],
        &of_somebody,
    );
    let stranger = stranger.within_patient("another");
    let absent = Invocation {
        id: Some("none".to_owned()),
        ..there.clone()
    };
    let refused = pass(context, &stranger, stop, &absent).await.unwrap_err();
    assert_eq!(refused.category, Category::NotFound);
    let own = pass(context, &stranger, stop, &there).await;
    assert_eq!(own.unwrap_err(), refused);
}
