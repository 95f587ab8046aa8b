//! Which resources are a person's own, and which are others' and only name them: pure.
//!
//! R4's Patient compartment is where this begins
//! (<http://hl7.org/fhir/R4/compartmentdefinition-patient.html>), and it is not enough: it lacks
//! Task, and it holds what only names the patient, such as a ward's CareTeam or another Patient.

use std::collections::HashSet;

use super::{
    definitions::ResourceType,
    reference::LocalReference,
    search::{hash, rows::ReferenceRow},
};

/// The search parameters by which a resource says whom it is about.
const SUBJECT: [&str; 2] = ["patient", "subject"];

/// The parameters by which a resource belongs to a follow-up.
const TIES: [&str; 7] = [
    "based-on",
    "part-of",
    "focus",
    "about",
    "detail",
    "derived-from",
    "target",
];

/// Types of which one follow-up is made, beside its CarePlan.
const OF_A_PLAN: [&str; 7] = [
    "Task",
    "QuestionnaireResponse",
    "Flag",
    "Communication",
    "CommunicationRequest",
    "Observation",
    "Provenance",
];

/// Types that several people share where they say of nobody that they are about them.
const SHARED: [&str; 12] = [
    "Patient",
    "Group",
    "CareTeam",
    "List",
    "Schedule",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "Endpoint",
    "HealthcareService",
    "Questionnaire",
];

/// Whose a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belonging {
    /// It goes.
    Own,
    /// It stays, and names what is erased no more.
    Others,
}

/// What is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Everything of the patient of this id.
    Person(&'a str),
    /// What belongs to one follow-up of the patient of this id.
    Plan(&'a str),
}

/// Whose a version with these references is, while `gone` is known to go.
#[must_use]
pub fn belonging(
    kind: ResourceType,
    references: &[ReferenceRow],
    scope: Scope<'_>,
    gone: &HashSet<LocalReference>,
) -> Belonging {
    let own = match scope {
        Scope::Person(patient) => match about(kind, references) {
            Some(about) => about == [patient],
            None => of_nobody(kind, references, patient) && refers(references, gone),
        },
        Scope::Plan(patient) => {
            OF_A_PLAN.contains(&kind.name())
                && about(kind, references).is_none_or(|about| about == [patient])
                && of_plan(kind, references, gone)
        }
    };
    if own {
        Belonging::Own
    } else {
        Belonging::Others
    }
}

/// Whether a version that is about nobody has no other owner, as a Task whose focus is a Flag.
fn of_nobody(kind: ResourceType, references: &[ReferenceRow], patient: &str) -> bool {
    let others = references
        .iter()
        .any(|row| is_patient(row) && row.target_id != patient);
    !SHARED.contains(&kind.name()) && !kind.name().ends_with("Definition") && !others
}

/// The patients that a version is about, if it is about any.
fn about(kind: ResourceType, references: &[ReferenceRow]) -> Option<Vec<&str>> {
    let params = SUBJECT.map(|code| hash::of_parameter(kind.name(), code));
    let mut about: Vec<&str> = references
        .iter()
        .filter(|row| is_patient(row) && params.contains(&row.param))
        .map(|row| row.target_id.as_str())
        .collect();
    about.sort_unstable();
    about.dedup();
    (!about.is_empty()).then_some(about)
}

fn is_patient(row: &ReferenceRow) -> bool {
    row.target_type.is_some_and(|kind| kind.name() == "Patient")
}

/// Whether everything that ties a version to follow-ups goes, and something does.
fn of_plan(
    kind: ResourceType,
    references: &[ReferenceRow],
    gone: &HashSet<LocalReference>,
) -> bool {
    let params = TIES.map(|code| hash::of_parameter(kind.name(), code));
    let mut ties = references
        .iter()
        .filter(|row| params.contains(&row.param))
        .filter_map(|row| {
            let kind = row
                .target_type
                .filter(|kind| kind.name() == "CarePlan" || OF_A_PLAN.contains(&kind.name()))?;
            Some(LocalReference {
                kind,
                id: row.target_id.clone(),
            })
        })
        .peekable();
    ties.peek().is_some() && ties.all(|tie| gone.contains(&tie))
}

/// Whether a version refers to something that goes.
#[must_use]
pub fn refers(references: &[ReferenceRow], gone: &HashSet<LocalReference>) -> bool {
    references.iter().any(|row| {
        row.target_type.is_some_and(|kind| {
            gone.contains(&LocalReference {
                kind,
                id: row.target_id.clone(),
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fhir::{reference, search::extract::index_rows};

    fn of(tree: &Value, scope: Scope<'_>, gone: &[&str]) -> Belonging {
        let kind = ResourceType::named(tree["resourceType"].as_str().unwrap()).unwrap();
        let gone = gone
            .iter()
            .filter_map(|text| reference::local(text))
            .collect();
        belonging(kind, &index_rows(tree, kind).references, scope, &gone)
    }

    fn belongs(tree: &Value) -> bool {
        of(tree, Scope::Person("a"), &["Patient/a", "Flag/x"]) == Belonging::Own
    }

    #[test]
    fn what_is_about_a_person_is_their_own() {
        let a = json!({ "reference": "Patient/a" });
        for tree in [
            json!({ "resourceType": "Task", "for": a }),
            json!({ "resourceType": "Task", "focus": { "reference": "Flag/x" } }),
            json!({ "resourceType": "Communication", "recipient": [a] }),
            json!({ "resourceType": "RelatedPerson", "patient": a }),
            json!({ "resourceType": "CareTeam", "subject": a }),
            json!({ "resourceType": "Appointment", "participant": [{ "actor": a }] }),
        ] {
            assert!(belongs(&tree), "{tree}");
        }
    }

    #[test]
    fn what_only_names_a_person_is_not() {
        let a = json!({ "reference": "Patient/a" });
        let b = json!({ "reference": "Patient/b" });
        let both = json!([{ "actor": a }, { "actor": b }]);
        for tree in [
            json!({ "resourceType": "Appointment", "participant": both }),
            json!({ "resourceType": "CareTeam", "participant": [{ "member": a }] }),
            json!({ "resourceType": "Group", "member": [{ "entity": a }] }),
            json!({ "resourceType": "List", "entry": [{ "item": a }] }),
            json!({ "resourceType": "Patient", "link": [{ "other": a }] }),
            json!({ "resourceType": "Observation", "subject": b, "performer": [a] }),
            json!({ "resourceType": "QuestionnaireResponse", "subject": b, "author": a }),
            json!({ "resourceType": "Task", "focus": { "reference": "Flag/y" } }),
        ] {
            assert!(!belongs(&tree), "{tree}");
        }
    }

    #[test]
    fn a_follow_up_takes_along_only_what_is_tied_to_nothing_else() {
        let gone = ["CarePlan/1", "Task/1"];
        let a = json!({ "reference": "Patient/a" });
        let plan = |id: &str| json!([{ "reference": format!("CarePlan/{id}") }]);
        for (own, tree) in [
            (
                true,
                json!({ "resourceType": "Task", "for": a, "basedOn": plan("1") }),
            ),
            (
                false,
                json!({ "resourceType": "Task", "for": a, "basedOn": plan("2") }),
            ),
            (
                false,
                json!({ "resourceType": "Task", "for": a, "basedOn": plan("1"),
                "focus": { "reference": "Flag/of-two" } }),
            ),
            (
                true,
                json!({ "resourceType": "Communication", "subject": a, "basedOn": plan("1"),
                "about": [{ "reference": "Task/1" }] }),
            ),
            (
                false,
                json!({ "resourceType": "Communication", "subject": a }),
            ),
            (false, json!({ "resourceType": "Consent", "patient": a })),
        ] {
            let expected = if own {
                Belonging::Own
            } else {
                Belonging::Others
            };
            assert_eq!(of(&tree, Scope::Plan("a"), &gone), expected, "{tree}");
        }
    }
}
