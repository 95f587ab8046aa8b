//! From a resource to its index rows.
//!
//! Which elements give values of which kind: <http://hl7.org/fhir/R4/search.html#table>.

pub mod composite;
mod convert;
mod texts;
pub mod words;

use serde_json::Value;

use super::{
    parameters::{self, Defined, SearchParameter},
    rows::{CompositeRow, IndexRows, NumberRow},
};
use crate::fhir::{
    about, compartment,
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
        add(parameter, &context, tree, &mut rows);
    }
    words::add(tree, kind, &mut rows);
    tidy(&mut rows);
    let id = tree.get("id").and_then(Value::as_str);
    rows.patients = compartment::patients(kind, id, &rows.references);
    // What names itself waits for the id that it is written with.
    if id.is_some() || !about::names_itself(kind) {
        rows.about = about::of(kind, id.unwrap_or_default(), tree, &rows.references);
    }
    rows
}

/// Adds the rows of parameters that resources define. They tie a resource to no compartment.
pub fn add_defined(tree: &Value, defined: &[Defined], rows: &mut IndexRows) {
    let context = Context::new(tree);
    for each in defined {
        add(&each.parameter, &context, tree, rows);
    }
    tidy(rows);
}

/// Adds the rows of one parameter.
fn add<'a>(
    parameter: &'a SearchParameter,
    context: &Context<'a>,
    tree: &'a Value,
    rows: &mut IndexRows,
) {
    if matches!(parameter.code.as_str(), "_id" | "_lastUpdated") {
        return;
    }
    let found = parameter.expressions.iter();
    let found = found.filter_map(|branch| branch.evaluate(context).ok());
    let items: Vec<Item<'_>> = found.flatten().collect();
    if parameter.kind == ParameterKind::Composite {
        return composite::add(parameter, items, tree, rows);
    }
    let ids = convert::Ids::of(parameter);
    for item in &items {
        convert::add(item, parameter.kind, ids, rows);
    }
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
