//! Where searches begin, and how SQLite runs them: none of everyday walks a whole table.

use std::sync::Arc;

use serde_json::json;

use super::{
    super::{
        Scope,
        plan::{self, Start},
        statements, whole,
    },
    Base, observation, parse, patient,
};
use crate::fhir::{
    self,
    about::SHARED,
    permit::{Grant, Permit, Reach},
};

/// Whether a search begins as it should.
type Expected = fn(Start) -> bool;

/// How a search begins, and each step that SQLite takes.
async fn explained(base: &mut Base, url: &str) -> (Start, Vec<String>) {
    let query = parse(url).unwrap();
    let scope = Scope {
        permit: &base.permit,
    };
    let plan = plan::choose(&mut base.connection, &query, &scope)
        .await
        .unwrap();
    let mut steps = Vec::new();
    for statement in statements(&query, &plan, &scope) {
        let sql = whole(&query, &statement, 21);
        steps.extend(sql.explain(&mut base.connection).await);
    }
    (plan.start, steps)
}

/// Whether a step reads a whole table; the few rows of a subquery or a list are none.
fn is_full_scan(step: &str) -> bool {
    let few = [
        "SCAN m",
        "SCAN (",
        "SCAN CONSTANT ROW",
        "SCAN s0",
        "SCAN s1",
    ];
    step.starts_with("SCAN") && !few.iter().any(|few| step.starts_with(few))
}

async fn populated() -> Base {
    let mut base = Base::open().await;
    base.connection.execute_batch("begin").unwrap();
    for n in 0..300 {
        let name = json!({"name": [{"family": format!("Family{}", n % 10)}]});
        base.put(patient(&format!("p{n}"), name)).await;
        for code in ["8867-4", "8310-5", "2339-0"] {
            let more = json!({
                "subject": {"reference": format!("Patient/p{n}")},
                "effectiveDateTime": format!("2024-01-{:02}", 1 + n % 28),
            });
            base.put(observation(&format!("o{n}-{code}"), code, more))
                .await;
        }
    }
    base.connection.execute_batch("commit").unwrap();
    base
}

#[tokio::test]
async fn searches_of_everyday_use_the_indexes() {
    let mut base = populated().await;
    let walks = |start: Start| matches!(start, Start::Walk(..));
    let keys = |start: Start| start == Start::Keys;
    let stream = |start: Start| start == Start::Stream;
    let type_ = |start: Start| start == Start::Type;
    let cases: [(&str, Expected); 11] = [
        ("Patient?name=Family3", keys),
        (
            "Observation?patient=p7&code=urn:codes|8867-4&date=ge2019-01-01&_count=20",
            keys,
        ),
        (
            "Observation?patient=Patient/p7&_include=Observation:patient&_count=20",
            keys,
        ),
        ("Observation?subject:Patient.name=Family3&_count=20", keys),
        (
            "Observation?code=urn:codes|8867-4&_sort=-date&_count=10",
            walks,
        ),
        ("Observation?code=urn:codes|8867-4&_count=20", stream),
        ("Patient?_id=p1,p2", keys),
        (
            "Patient?_has:Observation:patient:code=8867-4&name=Family3",
            keys,
        ),
        ("Observation?_sort=-_lastUpdated", type_),
        ("Observation?", type_),
        ("Observation?_sort=date", walks),
    ];
    for (url, expected) in cases {
        let (start, steps) = explained(&mut base, url).await;
        assert!(expected(start), "{url}: {start:?}");
        for step in &steps {
            assert!(!is_full_scan(step), "{url}: {steps:#?}");
        }
    }
    // What is walked comes in its order: nothing but the page's few rows is sorted.
    for url in [
        "Observation?code=urn:codes|8867-4&_count=20",
        "Observation?_sort=-_lastUpdated&_count=20",
        "Observation?code=urn:codes|8867-4&_sort=-date&_count=10",
        "Observation?",
    ] {
        let (_, steps) = explained(&mut base, url).await;
        let inner = steps.iter().take_while(|step| !step.starts_with("SCAN m"));
        let sorted = inner
            .filter(|step| step.starts_with("USE TEMP B-TREE"))
            .count();
        assert_eq!(sorted, 0, "{url}: {steps:#?}");
    }
}

#[tokio::test]
async fn a_compartment_is_a_place_to_begin() {
    let mut base = populated().await;
    base.permit = base.permit.clone().within_patient("p9");
    for url in [
        "Observation?code=urn:codes|8867-4",
        "Observation?_sort=-date",
        "Observation?",
    ] {
        let (start, steps) = explained(&mut base, url).await;
        assert_eq!(start, Start::Keys, "{url}");
        assert!(
            !steps.iter().any(|step| is_full_scan(step)),
            "{url}: {steps:#?}"
        );
        assert!(
            steps
                .iter()
                .any(|step| step.contains("compartment_by_patient")),
            "{url}"
        );
    }
}

/// A permit of grants for everything, whose data as said.
fn login(marks: &[&str], custodians: &[&str]) -> Permit {
    let texts = |texts: &[&str]| texts.iter().map(|&one| one.to_owned()).collect();
    let grant = Grant {
        scope: fhir::scope::Scope::read("user/*.cruds").unwrap(),
        reach: Reach::Of {
            marks: texts(marks),
            custodians: texts(custodians),
        },
    };
    Permit::login(Arc::default(), vec![grant])
}

/// Whether a step only looks at a list that is bound, or at the patients of somebody.
fn is_list(step: &str) -> bool {
    step.starts_with("SCAN json_each") || step == "SCAN p"
}

#[tokio::test]
async fn what_one_patient_reaches_is_a_place_to_begin() {
    let mut base = populated().await;
    base.permit = login(&[SHARED, "p9"], &[]);
    for url in [
        "Observation?code=urn:codes|8867-4",
        "Observation?_sort=-date",
        "Observation?_sort=date&code=urn:codes|8867-4",
        "Observation?",
        "Observation?_include=Observation:subject",
    ] {
        let (start, steps) = explained(&mut base, url).await;
        assert_eq!(start, Start::Keys, "{url}");
        assert!(
            !steps.iter().any(|step| is_full_scan(step)),
            "{url}: {steps:#?}"
        );
        assert!(
            steps.iter().any(|step| step.contains("about_by_whom")),
            "{url}"
        );
        assert_eq!(
            base.ids(url).await.len(),
            if url.contains("code") { 1 } else { 3 },
            "{url}"
        );
    }
}

#[tokio::test]
async fn those_in_custody_are_looked_up_one_by_one() {
    let mut base = populated().await;
    for n in 0..300 {
        let patient = json!({ "reference": format!("Patient/p{n}") });
        let author = json!({ "reference": format!("Organization/{}", n % 2) });
        let plan = json!({ "resourceType": "CarePlan", "id": format!("c{n}"),
            "subject": patient, "author": author });
        base.put(plan).await;
    }
    base.permit = login(&[SHARED], &["Organization/0", "CareTeam/none"]);
    for (url, found) in [
        ("Observation?_count=20", 20),
        ("Observation?_sort=-date&_count=20", 20),
        ("Observation?code=urn:codes|8867-4&_count=1000", 150),
        ("Observation?patient=p7", 0),
        ("Observation?patient=p8", 3),
    ] {
        let (_, steps) = explained(&mut base, url).await;
        for step in &steps {
            assert!(is_list(step) || !is_full_scan(step), "{url}: {steps:#?}");
        }
        assert_eq!(base.ids(url).await.len(), found, "{url}");
    }
}

#[tokio::test]
async fn a_permit_without_bounds_costs_nothing() {
    let mut base = populated().await;
    for url in ["Observation?", "Observation?subject:Patient.name=Family3"] {
        for permit in [
            Permit::development(),
            login(&[], &[]).acting("test"),
            Permit::system("test"),
        ] {
            base.permit = permit;
            let (_, steps) = explained(&mut base, url).await;
            let touches = |step: &String| step.contains("about") || step.contains("custody");
            assert!(!steps.iter().any(touches), "{url}: {steps:#?}");
        }
    }
}

#[tokio::test]
async fn searches_by_words_places_units_and_filters_use_the_indexes() {
    let mut base = populated().await;
    for url in [
        "Patient?_text=family3",
        "Patient?_content=family3&_count=20",
        "Patient?_text=family3 or family4",
        "Patient?identifier:of-type=urn:t|MR|1",
        "Observation?code:text=body",
        "Observation?value-quantity=5.4|http://unitsofmeasure.org|mg",
        "Observation?code-value-quantity=urn:codes|8867-4$5|http://unitsofmeasure.org|mg",
        "Location?near=45|5|10|km",
        "Patient?_list=a",
        "Observation?_filter=subject.name eq family3 and code eq urn:codes|8867-4",
        "Observation?_filter=patient re Patient/p7 or patient re Patient/p8",
        "Encounter?location:below=Location/a",
        "Observation?status:in=http://hl7.org/fhir/ValueSet/observation-status&patient=p7",
        "Observation?patient=p7&_sort=status,-code",
    ] {
        let (start, steps) = explained(&mut base, url).await;
        assert!(
            matches!(start, Start::Keys | Start::Stream),
            "{url}: {start:?}"
        );
        for step in &steps {
            // What is walked is the list that is bound, or the few that a subquery gives.
            let few = ["SCAN j VIRTUAL TABLE", "SCAN h", "SCAN c"];
            let is_few = few.iter().any(|few| step.starts_with(few));
            assert!(is_few || !is_full_scan(step), "{url}: {steps:#?}");
        }
    }
}
