//! Which patients' compartments hold a resource.
//!
//! Specification: <http://hl7.org/fhir/R4/compartmentdefinition-patient.html>.

use std::{collections::HashMap, sync::LazyLock};

use super::{
    definitions::{ResourceType, definitions},
    search::{hash, rows::ReferenceRow},
};

/// What ties a type to the patients' compartments.
struct Ties {
    /// Whether the resource itself is a patient.
    is_patient: bool,
    /// The numbers of the linking search parameters.
    params: Vec<i64>,
}

static TIES: LazyLock<HashMap<ResourceType, Ties>> = LazyLock::new(|| {
    let compartments = &definitions().compartments;
    let members = compartments
        .iter()
        .filter(|compartment| compartment.code == "Patient")
        .flat_map(|compartment| &compartment.members);
    members
        .filter_map(|(name, codes)| {
            let ties = Ties {
                is_patient: name == "Patient",
                params: codes
                    .iter()
                    .map(|code| hash::of_parameter(name, code))
                    .collect(),
            };
            Some((ResourceType::named(name)?, ties))
        })
        .collect()
});

/// Whether resources of this type can be in a patient's compartment.
#[must_use]
pub fn is_member(kind: ResourceType) -> bool {
    TIES.get(&kind)
        .is_some_and(|ties| ties.is_patient || !ties.params.is_empty())
}

/// The ids of the patients whose compartment holds a resource, given its id and the rows of its
/// references; sorted, each once.
#[must_use]
pub fn patients(kind: ResourceType, id: Option<&str>, references: &[ReferenceRow]) -> Vec<String> {
    let Some(ties) = TIES.get(&kind) else {
        return Vec::new();
    };
    let is_patient = |kind: Option<ResourceType>| kind.is_some_and(|kind| kind.name() == "Patient");
    let mut patients: Vec<String> = references
        .iter()
        .filter(|row| is_patient(row.target_type) && ties.params.contains(&row.param))
        .map(|row| row.target_id.clone())
        .collect();
    if ties.is_patient {
        patients.extend(id.map(str::to_owned));
    }
    patients.sort_unstable();
    patients.dedup();
    patients
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fhir::search::extract::index_rows;

    fn found(tree: &Value) -> Vec<String> {
        let kind = ResourceType::named(tree["resourceType"].as_str().unwrap()).unwrap();
        index_rows(tree, kind).patients
    }

    #[test]
    fn a_patient_is_in_its_own_compartment_and_in_those_it_links_to() {
        let link = json!([{"type": "seealso", "other": {"reference": "Patient/b"}}]);
        let tree = json!({"resourceType": "Patient", "id": "a", "link": link});
        assert_eq!(found(&tree), ["a", "b"]);
    }

    #[test]
    fn what_is_about_a_patient_is_in_that_compartment_only() {
        let tree = json!({
            "resourceType": "Observation",
            "subject": {"reference": "Patient/a/_history/2"},
            "performer": [{"reference": "Practitioner/p"}, {"reference": "Patient/b"}],
            "focus": [{"reference": "Patient/c"}],
        });
        assert_eq!(found(&tree), ["a", "b"]);
        let about_a_device = json!({
            "resourceType": "Observation",
            "subject": {"reference": "Device/a"},
        });
        assert!(found(&about_a_device).is_empty());
    }

    #[test]
    fn what_no_compartment_holds_has_no_patients() {
        let tree = json!({"resourceType": "Organization", "id": "a"});
        assert!(found(&tree).is_empty());
    }
}
