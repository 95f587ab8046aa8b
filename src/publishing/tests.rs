//! The bundled pathways and the examples, examined.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use super::{
    form::ValueSets,
    gather::{Form, Materials},
    lint, terms,
};
use crate::fhir::pathway::canonical_of;

/// The resources of a folder of `profiles/`.
fn resources(folder: &str) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found: Vec<_> = fs::read_dir(root)
        .expect("a folder of profiles")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    found.sort();
    found
        .iter()
        .map(|path| serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON"))
        .collect()
}

fn materials(definitions: &[Value]) -> Materials {
    let forms: BTreeMap<String, Form> = definitions
        .iter()
        .filter(|one| one["resourceType"] == "Questionnaire")
        .map(|form| {
            (
                canonical_of(form).expect("a name"),
                Form::Found(form.clone()),
            )
        })
        .collect();
    let routes = resources("profiles/terminology")
        .iter()
        .find(|one| one["resourceType"] == "CodeSystem" && one["id"] == "alert-route")
        .map(terms::codes);
    Materials {
        forms,
        value_sets: ValueSets::new(),
        routes,
    }
}

#[test]
fn bundled_pathways_are_free_of_faults() {
    let definitions = resources("profiles/pathways");
    let all = materials(&definitions);
    let mut examined = 0;
    for plan in definitions.iter().filter(|one| lint::is_pathway(one)) {
        let mut own = all.clone();
        own.forms.retain(|canonical, _| {
            let actions = plan["action"].as_array().into_iter().flatten();
            actions
                .into_iter()
                .any(|action| action["definitionCanonical"] == canonical.as_str())
        });
        let faults = lint::pathway(plan, &own);
        assert!(faults.is_empty(), "{}: {faults:#?}", plan["id"]);
        examined += 1;
    }
    assert!(examined >= 3);
}
