//! What stands behind a colon.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#modifiers>.

use super::{
    clause::{Clause, Rows, Tests},
    value::Modifier,
};
use crate::{
    fhir::{
        definitions::{ParameterKind, ResourceType},
        search::parameters::SearchParameter,
    },
    kernel::problem::{Problem, Result},
};

/// The clause of `:missing`.
pub(super) fn missing(parameter: &SearchParameter, value: &str) -> Result<Clause> {
    let missing = match value {
        "true" => true,
        "false" => false,
        _ => {
            return Err(Problem::malformed(
                "value",
                "A value of :missing is true or false.",
            ));
        }
    };
    let rows = |param, tests| Rows { param, tests };
    let id = parameter.id;
    let tables = match (parameter.code.as_str(), parameter.kind) {
        // Every resource has them: "missing" is nothing, "not missing" is everything.
        ("_id" | "_lastUpdated", _) => {
            return Ok(if missing {
                Clause::Id(Vec::new())
            } else {
                Clause::Missing(Vec::new(), true)
            });
        }
        // A concept may have a text and no code.
        (_, ParameterKind::Token) => vec![
            rows(id, Tests::Token(Vec::new())),
            rows(parameter.text_id, Tests::String(Vec::new())),
        ],
        (_, ParameterKind::Special) => vec![rows(id, Tests::Near(Vec::new()))],
        (_, ParameterKind::String) => vec![rows(id, Tests::String(Vec::new()))],
        (_, ParameterKind::Date) => vec![rows(id, Tests::Date(Vec::new()))],
        (_, ParameterKind::Number | ParameterKind::Quantity) => {
            vec![rows(id, Tests::Number(Vec::new()))]
        }
        (_, ParameterKind::Uri) => vec![rows(id, Tests::Uri(Vec::new()))],
        (_, ParameterKind::Composite) => vec![rows(id, Tests::Composite(Vec::new()))],
        (_, ParameterKind::Reference) => vec![
            rows(id, Tests::Reference(Vec::new())),
            rows(parameter.identifier_id, Tests::Token(Vec::new())),
            rows(parameter.text_id, Tests::String(Vec::new())),
        ],
    };
    Ok(Clause::Missing(tables, missing))
}

/// What a modifier says about the comparison.
pub(super) fn read(parameter: &SearchParameter, name: Option<&str>) -> Result<Modifier> {
    let Some(name) = name else {
        return Ok(Modifier::None);
    };
    Ok(match (parameter.kind, name) {
        (ParameterKind::String, "exact") => Modifier::Exact,
        (ParameterKind::String, "contains") => Modifier::Contains,
        (ParameterKind::Token | ParameterKind::Uri | ParameterKind::Reference, "below") => {
            Modifier::Below
        }
        (ParameterKind::Token | ParameterKind::Uri | ParameterKind::Reference, "above") => {
            Modifier::Above
        }
        (ParameterKind::Token | ParameterKind::Reference, "text") => Modifier::Text,
        (ParameterKind::Token, "of-type") => Modifier::OfType,
        (ParameterKind::Token, "in") => Modifier::In,
        (ParameterKind::Reference, "identifier") => Modifier::Identifier,
        (ParameterKind::Reference, name) => match ResourceType::named(name) {
            Some(kind) => Modifier::Type(kind),
            None => return Err(unsupported(&parameter.code, name)),
        },
        _ => return Err(unsupported(&parameter.code, name)),
    })
}

fn unsupported(code: &str, modifier: &str) -> Problem {
    const OF_R4: [&str; 10] = [
        "missing", "exact", "contains", "text", "in", "below", "above", "not-in", "of-type", "not",
    ];
    if OF_R4.contains(&modifier) {
        let text = format!("The modifier :{modifier} is not supported on {code}.");
        return Problem::malformed("not-supported", text);
    }
    Problem::malformed(
        "invalid",
        format!("{code} has a modifier that R4 does not know."),
    )
}
