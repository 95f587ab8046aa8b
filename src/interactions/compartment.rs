//! Compartment search: what of a type, or of all types, is linked to one resource.
//!
//! `GET Patient/1/Observation?code=…` finds the Observations in the compartment of that Patient,
//! `GET Patient/1/*` all that is in it. Specification:
//! <http://hl7.org/fhir/R4/http.html#vsearch>, <http://hl7.org/fhir/R4/compartmentdefinition.html>.

use super::{Context, search};
use crate::{
    fhir::{
        definitions::{Compartment, ResourceType, definitions},
        search::{
            hash,
            query::{
                Clause, Handling, Query,
                clause::{ReferenceTest, Rows, Tests},
            },
        },
    },
    kernel::problem::{Problem, Result},
};

/// Reads the parameters of a search for `member` (a type, or `*`) in the compartment of a resource.
///
/// # Errors
/// `NotFound`, if R4 has no such compartment or nothing of that type is in it; else as a search.
pub fn query(
    context: &Context,
    (kind, id): (ResourceType, &str),
    member: &str,
    pairs: &[(String, String)],
    handling: Handling,
) -> Result<Query> {
    let compartments = &definitions().compartments;
    let compartment = compartments.iter().find(|each| each.code == kind.name());
    let compartment =
        compartment.ok_or_else(|| Problem::not_found(format!("{kind} has no compartment.")))?;
    let mut query = if member == "*" {
        search::query_of(context, &all(compartment), pairs, handling)?
    } else {
        let wanted = ResourceType::named(member)
            .filter(|wanted| codes(compartment, *wanted).is_some())
            .ok_or_else(|| {
                Problem::not_found(format!(
                    "The {kind} compartment has no resource of this type."
                ))
            })?;
        search::query(context, wanted, pairs, handling)?
    };
    let others = query.others.iter_mut();
    for (wanted, clauses) in others
        .map(|other| (other.kind, &mut other.clauses))
        .chain([(query.kind, &mut query.clauses)])
    {
        clauses.push(within(compartment, (kind, id), wanted));
    }
    query.within = Some(format!("{kind}/{id}/{member}"));
    Ok(query)
}

/// The parameters that tie a type to a compartment.
fn codes(compartment: &Compartment, kind: ResourceType) -> Option<&[String]> {
    let codes = compartment.members.get(kind.name())?;
    (!codes.is_empty()).then_some(codes)
}

/// The types that a compartment holds, by name.
fn all(compartment: &Compartment) -> Vec<ResourceType> {
    let types = definitions().resource_types.iter().copied();
    types
        .filter(|kind| codes(compartment, *kind).is_some())
        .collect()
}

/// That a resource is linked by one of these parameters, or is itself the compartment's.
fn within(
    compartment: &Compartment,
    (kind, id): (ResourceType, &str),
    wanted: ResourceType,
) -> Clause {
    let codes = codes(compartment, wanted).unwrap_or_default();
    let links = codes.iter().map(|code| match code.as_str() {
        "{def}" => Clause::Id(vec![id.to_owned()]),
        code => Clause::Some(Rows {
            param: hash::of_parameter(wanted.name(), code),
            tests: Tests::Reference(vec![ReferenceTest::Local {
                kind: Some(kind),
                id: id.to_owned(),
            }]),
        }),
    });
    Clause::Any(links.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        fhir::permit::Permit,
        interactions::{Reply, pairs, testing::Bench},
    };

    async fn found(bench: &Bench, of: (&str, &str), member: &str, text: &str) -> Vec<String> {
        let kind = ResourceType::named(of.0).unwrap();
        let pairs = pairs::read(text).unwrap();
        let query = query(
            &bench.context,
            (kind, of.1),
            member,
            &pairs,
            Handling::Strict,
        )
        .unwrap();
        let Ok(Reply::Document(page)) =
            search::search(&bench.context, &Permit::development(), &query).await
        else {
            panic!("no searchset");
        };
        let page: Value = serde_json::from_slice(&page).unwrap();
        let own = page["link"][0]["url"].as_str().unwrap();
        assert!(
            own.contains(&format!("/{}/{}/{member}", of.0, of.1)),
            "{own}"
        );
        let entries = page["entry"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<String> = entries
            .iter()
            .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    }

    async fn filled() -> Bench {
        let bench = Bench::open().await;
        let subject = json!({"reference": "Patient/p"});
        for (id, mut tree) in [
            ("p", json!({"resourceType": "Patient"})),
            ("q", json!({"resourceType": "Patient"})),
            (
                "e",
                json!({"resourceType": "Encounter", "status": "planned",
                "class": {"code": "AMB"}, "subject": subject}),
            ),
            (
                "o1",
                json!({"resourceType": "Observation", "status": "final",
                "code": {"text": "x"}, "subject": subject,
                "encounter": {"reference": "Encounter/e"}}),
            ),
            (
                "o2",
                json!({"resourceType": "Observation", "status": "preliminary",
                "code": {"text": "x"}, "performer": [subject]}),
            ),
            (
                "o3",
                json!({"resourceType": "Observation", "status": "final",
                "code": {"text": "x"}, "subject": {"reference": "Patient/q"},
                "performer": [{"reference": "Practitioner/d"}]}),
            ),
        ] {
            tree["id"] = id.into();
            bench.update(id, &tree.to_string()).await;
        }
        bench
    }

    #[tokio::test]
    async fn what_is_linked_is_found_in_each_compartment() {
        let bench = filled().await;
        let patient = ("Patient", "p");
        assert_eq!(
            found(&bench, patient, "Observation", "").await,
            ["o1", "o2"]
        );
        let done = found(&bench, patient, "Observation", "status=final").await;
        assert_eq!(done, ["o1"]);
        assert_eq!(found(&bench, patient, "Patient", "").await, ["p"]);
        let encounter = ("Encounter", "e");
        assert_eq!(found(&bench, encounter, "Observation", "").await, ["o1"]);
        assert_eq!(found(&bench, encounter, "Encounter", "").await, ["e"]);
        let doctor = ("Practitioner", "d");
        assert_eq!(found(&bench, doctor, "Observation", "").await, ["o3"]);
        for nobody in ["RelatedPerson", "Device"] {
            assert!(
                found(&bench, (nobody, "x"), "Observation", "")
                    .await
                    .is_empty()
            );
        }
        assert_eq!(
            found(&bench, patient, "*", "").await,
            ["e", "o1", "o2", "p"]
        );
        assert_eq!(found(&bench, patient, "*", "_count=2").await.len(), 2);
    }

    #[tokio::test]
    async fn what_r4_does_not_tie_is_not_found() {
        let bench = Bench::open().await;
        for (of, member) in [
            ("Organization", "Observation"),
            ("Patient", "Organization"),
            ("Patient", "Nonsense"),
        ] {
            let kind = ResourceType::named(of).unwrap();
            let refused = query(&bench.context, (kind, "1"), member, &[], Handling::Lenient);
            assert_eq!(
                refused.unwrap_err().issues[0].code,
                "not-found",
                "{of}/{member}"
            );
        }
    }

    #[tokio::test]
    async fn every_member_of_a_compartment_is_searched_by_what_ties_it() {
        let bench = Bench::open().await;
        let mut members = 0;
        for compartment in &definitions().compartments {
            let of = ResourceType::named(&compartment.code).unwrap();
            for kind in all(compartment) {
                let query = query(
                    &bench.context,
                    (of, "x"),
                    kind.name(),
                    &[],
                    Handling::Strict,
                );
                let Some(Clause::Any(links)) = query.unwrap().clauses.pop() else {
                    panic!("{of}/{kind} is not bound");
                };
                let codes = codes(compartment, kind).unwrap();
                assert_eq!(links.len(), codes.len(), "{of}/{kind}");
                members += 1;
            }
        }
        assert!(members > 150, "{members}");
    }
}
