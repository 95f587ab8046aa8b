//! What a permit reaches: by id, by search, in histories, and in what is written.

use serde_json::json;

use super::*;
use crate::{
    fhir::{
        about::SHARED,
        permit::{Grant, Login, Reach},
        scope::Scope,
        search::query::QueryOptions,
    },
    store::{HitMode, Page},
};

mod care;
mod random;
mod shared;

/// Whose data: marks, and custodians.
fn of(marks: &[&str], custodians: &[&str]) -> Reach {
    let texts = |texts: &[&str]| texts.iter().map(|&one| one.to_owned()).collect();
    Reach::Of {
        marks: texts(marks),
        custodians: texts(custodians),
    }
}

fn permit(scopes: &[&str], reach: &Reach) -> Permit {
    let grants = scopes.iter().map(|scope| Grant {
        scope: Scope::read(scope).expect("a scope"),
        reach: reach.clone(),
    });
    Permit::login(Arc::new(Login::default()), grants.collect())
}

fn everything_of(patient: &str) -> Permit {
    permit(&["patient/*.cruds"], &of(&[SHARED, patient], &[]))
}

fn professional(custodians: &[&str]) -> Permit {
    permit(
        &["user/*.cruds"],
        &of(&[SHARED, "@professional"], custodians),
    )
}

fn refer(to: &str) -> Value {
    json!({ "reference": to })
}

/// Everybody's data: patients a and b, in the care of two establishments, and what they share.
fn world() -> Vec<Value> {
    let (a, b) = (refer("Patient/a"), refer("Patient/b"));
    let observation = |id: &str, subject: &Value| {
        json!({ "resourceType": "Observation", "id": id, "subject": subject,
            "category": [{ "coding": [{ "system": "urn:c", "code": "lab" }] }] })
    };
    vec![
        json!({ "resourceType": "Organization", "id": "one" }),
        json!({ "resourceType": "Organization", "id": "ward", "partOf": refer("Organization/one") }),
        json!({ "resourceType": "Organization", "id": "two" }),
        json!({ "resourceType": "Practitioner", "id": "p1" }),
        json!({ "resourceType": "PractitionerRole", "id": "r1",
            "practitioner": refer("Practitioner/p1") }),
        json!({ "resourceType": "Patient", "id": "a",
            "managingOrganization": refer("Organization/ward") }),
        json!({ "resourceType": "Patient", "id": "b",
            "managingOrganization": refer("Organization/two") }),
        observation("oa", &a),
        observation("ob", &b),
        observation("unknown", &json!({ "display": "Jeanne" })),
        json!({ "resourceType": "Task", "id": "ta", "status": "requested", "intent": "order",
            "for": a, "focus": refer("Observation/ob") }),
        json!({ "resourceType": "Device", "id": "db", "patient": b }),
        json!({ "resourceType": "Group", "id": "both",
            "member": [{ "entity": a }, { "entity": b }] }),
        json!({ "resourceType": "CareTeam", "id": "team",
            "participant": [{ "member": refer("PractitionerRole/r1") }] }),
        json!({ "resourceType": "CarePlan", "id": "cb", "subject": b,
            "careTeam": [refer("CareTeam/team")] }),
        json!({ "resourceType": "Questionnaire", "id": "q" }),
        json!({ "resourceType": "Basic", "id": "nobody" }),
    ]
}

async fn populated() -> Bench {
    let bench = bench(vec![]).await;
    for tree in world() {
        bench.give(tree).await;
    }
    bench
}

impl Bench {
    /// Writes as the server itself.
    async fn give(&self, tree: Value) {
        self.put_as(&ANY, tree).await.expect("a write");
    }

    async fn put_as(&self, permit: &Permit, tree: Value) -> Result<Stored> {
        let id = tree["id"].as_str().expect("an id").to_owned();
        self.store
            .write(permit, move |tx| {
                let what = prepared(tree);
                Box::pin(async move { tx.put(&id, what, None).await.map(|w| w.stored) })
            })
            .await
    }

    async fn create_as(&self, permit: &Permit, tree: Value) -> Result<Stored> {
        self.store
            .write(permit, move |tx| {
                let (id, what) = (tx.new_id(), prepared(tree));
                Box::pin(async move { tx.create(&id, what).await })
            })
            .await
    }

    async fn reads(&self, permit: &Permit, target: &str) -> bool {
        let (name, id) = target.split_once('/').expect("a reference");
        let found = self.store.read(permit, kind(name), id).await;
        found.expect("a read").is_some()
    }

    /// The resources that a search finds, as references, sorted; those included come with a plus.
    async fn finds(&self, permit: &Permit, url: &str) -> Vec<String> {
        let page = self.page(permit, url).await;
        let named = page.hits.iter().map(|hit| {
            let plus = if hit.mode == HitMode::Include {
                "+"
            } else {
                ""
            };
            format!("{plus}{}/{}", hit.stored.kind, hit.stored.id)
        });
        let mut named: Vec<String> = named.collect();
        named.sort();
        named
    }

    async fn page(&self, permit: &Permit, url: &str) -> Page {
        let (name, query) = url.split_once('?').expect("a search");
        let pairs: Vec<(String, String)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let options = QueryOptions::default();
        let query = match name {
            "" => Query::parse_system(&pairs, &options),
            name => Query::parse(kind(name), &pairs, &options),
        };
        let query = query.unwrap_or_else(|e| panic!("{url}: {e:?}"));
        let page = self.store.search(permit, &query).await;
        page.unwrap_or_else(|e| panic!("{url}: {e:?}"))
    }

    async fn history(&self, permit: &Permit, of: HistoryOf) -> Option<Vec<String>> {
        let excerpt = Excerpt {
            of,
            since: None,
            at: None,
            after: None,
            count: 100,
        };
        let found = self.store.history(permit, &excerpt).await.expect("a read");
        let versions = found?.versions.into_iter();
        Some(
            versions
                .map(|one| format!("{}/{}/{}", one.kind, one.id, one.version))
                .collect(),
        )
    }
}

#[tokio::test]
async fn each_reaches_what_is_about_theirs_and_what_is_everybodys() {
    let bench = populated().await;
    let shared = [
        "Organization/one",
        "Organization/ward",
        "Organization/two",
        "Practitioner/p1",
        "PractitionerRole/r1",
        "Questionnaire/q",
    ];
    let of_a = ["Patient/a", "Observation/oa", "Task/ta"];
    let of_b = ["Patient/b", "Observation/ob", "Device/db", "CarePlan/cb"];
    let both = ["Group/both"];
    let team = ["CareTeam/team"];
    let table: [(Permit, Vec<&[&str]>); 8] = [
        (everything_of("a"), vec![&of_a]),
        (everything_of("b"), vec![&of_b]),
        (
            permit(&["user/*.cruds"], &of(&[SHARED, "a", "b"], &[])),
            vec![&of_a, &of_b, &both],
        ),
        (professional(&["Organization/ward"]), vec![&of_a]),
        (professional(&["Organization/two"]), vec![&of_b]),
        (
            professional(&["CareTeam/team", "PractitionerRole/r1"]),
            vec![&of_b, &team],
        ),
        (professional(&["Organization/elsewhere"]), vec![]),
        (professional(&[]), vec![]),
    ];
    for (permit, reached) in &table {
        for tree in world() {
            let target = format!(
                "{}/{}",
                tree["resourceType"].as_str().expect("a type"),
                tree["id"].as_str().expect("an id")
            );
            let expected = reached.iter().any(|set| set.contains(&target.as_str()))
                || shared.contains(&target.as_str());
            assert_eq!(bench.reads(permit, &target).await, expected, "{target}");
            let (name, id) = target.split_once('/').expect("a reference");
            for url in [
                format!("{name}?_id={id}"),
                format!("{name}?_sort=_lastUpdated"),
                format!("{name}?"),
                format!("?_type={name},Basic"),
            ] {
                let found = bench.finds(permit, &url).await;
                assert_eq!(found.contains(&target), expected, "{target} {url}");
            }
            let url = format!("{name}?_summary=count&_id={id}");
            let count = bench.page(permit, &url).await;
            assert_eq!(count.total, Some(u64::from(expected)), "{target}");
            let history = HistoryOf::Instance(kind(name), id.to_owned());
            let history = bench.history(permit, history).await;
            assert_eq!(history.is_some(), expected, "{target}");
            let all = bench.history(permit, HistoryOf::System).await;
            let version = format!("{target}/1");
            assert_eq!(all.expect("all").contains(&version), expected, "{target}");
        }
    }
}

#[tokio::test]
async fn a_search_says_nothing_of_what_is_out_of_reach() {
    let bench = populated().await;
    let a = everything_of("a");
    for (url, found) in [
        ("Task?_include=Task:focus", &["Task/ta"][..]),
        ("Task?_include=*", &["+Patient/a", "Task/ta"]),
        (
            "Patient?_revinclude=*",
            &["+Observation/oa", "+Task/ta", "Patient/a"],
        ),
        (
            "Task?_include=Task:focus&_include:iterate=Observation:subject",
            &["Task/ta"],
        ),
        ("Task?focus:Observation.category=lab", &[]),
        ("Task?focus:Observation.category:not=x", &[]),
        ("Observation?_has:Task:focus:status=requested", &[]),
        (
            "Patient?_has:Observation:patient:category=lab",
            &["Patient/a"],
        ),
        ("Patient?_has:Group:member:_id=both", &[]),
        ("Task?focus:missing=false", &["Task/ta"]),
        (
            "Observation?category=lab&_sort=-_id&_total=accurate",
            &["Observation/oa"],
        ),
        ("Observation?subject:missing=true", &[]),
        ("Observation?subject=Patient/b", &[]),
        ("Observation?_id=oa,ob,unknown", &["Observation/oa"]),
        ("Group?member=Patient/a", &[]),
    ] {
        assert_eq!(bench.finds(&a, url).await, found, "{url}");
        let page = bench.page(&a, &format!("{url}&_total=accurate")).await;
        let matches = found.iter().filter(|one| !one.starts_with('+')).count();
        assert_eq!(page.total, Some(matches as u64), "{url}");
    }
}

#[tokio::test]
async fn scopes_bound_types_and_actions() {
    let bench = populated().await;
    let reach = of(&[SHARED, "a"], &[]);
    let reads = permit(&["patient/Observation.r"], &reach);
    assert!(bench.reads(&reads, "Observation/oa").await);
    assert!(!bench.reads(&reads, "Patient/a").await);
    assert!(bench.finds(&reads, "Observation?").await.is_empty());
    let searches = permit(&["patient/Task.s", "patient/Patient.r"], &reach);
    assert!(!bench.reads(&searches, "Task/ta").await);
    assert_eq!(
        bench.finds(&searches, "Task?_include=*").await,
        ["+Patient/a", "Task/ta"]
    );
    // Without a scope for what a chain goes through, it finds nothing.
    assert!(
        bench
            .finds(&searches, "Task?patient._id=a")
            .await
            .is_empty()
    );
    let refused = bench
        .create_as(
            &searches,
            json!({ "resourceType": "Task", "for": refer("Patient/a") }),
        )
        .await;
    assert_eq!(refused.unwrap_err().category, Category::Forbidden);
}

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
