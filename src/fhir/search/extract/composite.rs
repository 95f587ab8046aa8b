//! Composite parameters: each instance's parts, so that they are matched together.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#composite>.

use serde_json::Value;

use super::convert;
use crate::fhir::{
    path::{Context, Item},
    search::{
        hash,
        parameters::SearchParameter,
        rows::{CompositeRow, IndexRows},
    },
};

/// Quantities in base units are parts of their own, so many after the one that they belong to.
pub const CANONICAL_PART: i64 = 64;

/// Adds the rows of each instance that has a value for every part.
pub(super) fn add<'a>(
    parameter: &'a SearchParameter,
    instances: Vec<Item<'a>>,
    tree: &'a Value,
    rows: &mut IndexRows,
) {
    for (instance, item) in (0..).zip(instances) {
        let context = Context::new(tree).with_focus(vec![item]);
        let mut found = Vec::new();
        let complete = (0..).zip(&parameter.components).all(|(part, component)| {
            let Ok(items) = component.expression.evaluate(&context) else {
                return false;
            };
            let mut values = IndexRows::default();
            let ids = convert::Ids::of(parameter);
            for item in &items {
                convert::add(item, component.kind, ids, &mut values);
            }
            let before = found.len();
            parts(values, parameter, (instance, part), &mut found);
            found.len() > before
        });
        if complete {
            rows.composites.append(&mut found);
        }
    }
}

/// Rows of any table as rows of a composite's part.
#[expect(
    clippy::cast_precision_loss,
    reason = "dates of the years 0 to 9999 are exact, and the open ends stay extreme"
)]
fn parts(
    mut values: IndexRows,
    parameter: &SearchParameter,
    (instance, part): (i64, i64),
    found: &mut Vec<CompositeRow>,
) {
    let param = parameter.id;
    values.tokens.retain(|row| row.param == param);
    values.strings.retain(|row| row.param == param);
    let empty = || CompositeRow {
        param,
        instance,
        part,
        code: hash::ABSENT,
        system: hash::ABSENT,
        low: 0.0,
        high: 0.0,
        text: String::new(),
    };
    found.extend(values.tokens.into_iter().map(|row| CompositeRow {
        code: row.code,
        system: row.system,
        ..empty()
    }));
    found.extend(values.numbers.into_iter().map(|row| CompositeRow {
        part: if row.param == parameter.canonical_id {
            part + CANONICAL_PART
        } else {
            part
        },
        code: row.code,
        system: row.system,
        low: row.low,
        high: row.high,
        ..empty()
    }));
    found.extend(values.dates.into_iter().map(|row| CompositeRow {
        low: row.start as f64,
        high: row.end as f64,
        ..empty()
    }));
    found.extend(values.strings.into_iter().map(|row| CompositeRow {
        text: row.folded,
        ..empty()
    }));
    found.extend(values.uris.into_iter().map(|row| CompositeRow {
        code: hash::of_text(&row.value),
        ..empty()
    }));
    for row in values.references {
        let texts = match row.target_type {
            Some(kind) => vec![format!("{kind}/{}", row.target_id), row.target_id],
            None => vec![row.target_id],
        };
        found.extend(texts.iter().map(|text| CompositeRow {
            code: hash::of_text(text),
            ..empty()
        }));
    }
}
