//! Where in a resource its parts stand: `Patient.name[0].given[1]`.

use std::{collections::HashMap, ptr};

use serde_json::Value;

use crate::fhir::{
    definitions::{Type, definitions},
    path::Item,
};

/// The places of all parts of a resource.
///
/// A part is known by where it lies in memory; equal parts at two places stay two.
pub(super) struct Places {
    /// Each part's parent, and its own step from there.
    steps: HashMap<*const Value, (*const Value, Step)>,
}

enum Step {
    Root(String),
    Member(String),
    Item(usize),
}

impl Places {
    pub(super) fn of(resource: &Value) -> Self {
        let mut places = Self {
            steps: HashMap::new(),
        };
        let Some(kind) = resource["resourceType"].as_str() else {
            return places;
        };
        let root = Step::Root(kind.to_owned());
        places
            .steps
            .insert(ptr::from_ref(resource), (ptr::null(), root));
        places.within(resource, definitions().type_named(kind));
        places
    }

    /// Notes what is in a part. Its depth is that of the JSON, which reading has bounded.
    fn within(&mut self, tree: &Value, kind: Option<&Type>) {
        let Value::Object(members) = tree else { return };
        // A resource within says itself what it is.
        let own = tree.get("resourceType").and_then(Value::as_str);
        let kind = own.and_then(|own| definitions().type_named(own)).or(kind);
        for (name, value) in members {
            let known = kind.and_then(|kind| kind.member(name));
            let (step, below) = match known {
                Some((element, below)) => (element.name.clone(), definitions().type_named(below)),
                None => (name.clone(), None),
            };
            self.steps.insert(
                ptr::from_ref(value),
                (ptr::from_ref(tree), Step::Member(step)),
            );
            if let Value::Array(list) = value {
                for (index, item) in list.iter().enumerate() {
                    let step = Step::Item(index);
                    self.steps
                        .insert(ptr::from_ref(item), (ptr::from_ref(value), step));
                    self.within(item, below);
                }
            } else {
                self.within(value, below);
            }
        }
    }

    /// Where an item stands, if it is a part of the resource.
    pub(super) fn of_item(&self, item: &Item<'_>) -> Option<String> {
        let mut at = ptr::from_ref(item.node()?);
        let mut steps = Vec::new();
        loop {
            let (parent, step) = self.steps.get(&at)?;
            steps.push(step);
            if matches!(step, Step::Root(_)) {
                break;
            }
            at = *parent;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root(name) => path.push_str(name),
                Step::Member(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Step::Item(index) => path.push_str(&format!("[{index}]")),
            }
        }
        Some(path)
    }
}
