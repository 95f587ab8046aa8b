//! From a resource to its index rows.
//!
//! Which elements give values of which kind: <http://hl7.org/fhir/R4/search.html#table>.

pub mod composite;
mod convert;
mod texts;
pub mod words;

use serde_json::Value;

use super::{
    parameters,
    rows::{CompositeRow, IndexRows, NumberRow},
};
use crate::fhir::{
    compartment,
    definitions::{ParameterKind, ResourceType},
    path::{Context, Item},
};

/// The index rows of a resource, sorted and without duplicates.
///
/// `_id` and `_lastUpdated` have none: the store keeps them with the resource. An expression that
/// does not fit the resource finds nothing.
#[must_use]
pub fn index_rows(tree: &Value, kind: ResourceType) -> IndexRows {
    let mut rows = IndexRows::default();
    let context = Context::new(tree);
    for parameter in parameters::of_type(kind) {
        if matches!(parameter.code.as_str(), "_id" | "_lastUpdated") {
            continue;
        }
        let found = parameter.expressions.iter();
        let found = found.filter_map(|branch| branch.evaluate(&context).ok());
        let items: Vec<Item<'_>> = found.flatten().collect();
        if parameter.kind == ParameterKind::Composite {
            composite::add(parameter, items, tree, &mut rows);
            continue;
        }
        let ids = convert::Ids::of(parameter);
        for item in &items {
            convert::add(item, parameter.kind, ids, &mut rows);
        }
    }
    words::add(tree, kind, &mut rows);
    tidy(&mut rows);
    let id = tree.get("id").and_then(Value::as_str);
    rows.patients = compartment::patients(kind, id, &rows.references);
    rows
}

fn tidy(rows: &mut IndexRows) {
    fn unique<T: Ord>(rows: &mut Vec<T>) {
        rows.sort_unstable();
        rows.dedup();
    }
    unique(&mut rows.tokens);
    unique(&mut rows.strings);
    unique(&mut rows.dates);
    unique(&mut rows.references);
    unique(&mut rows.uris);
    unique(&mut rows.words);
    rows.numbers.sort_unstable_by(NumberRow::order);
    rows.numbers.dedup();
    rows.composites.sort_unstable_by(CompositeRow::order);
    rows.composites.dedup();
}

#[cfg(test)]
mod tests;
