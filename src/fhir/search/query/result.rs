//! What is to be done with the matches: order, number, extent, company.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#return>.

use super::{INCLUDES_MAX, SORT_KEYS_MAX};
use crate::{
    fhir::{
        definitions::{ParameterKind, ResourceType},
        search::parameters::{Parameters, SearchParameter},
    },
    kernel::problem::{Problem, Result},
};

/// A key of `_sort`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// What is compared.
    pub by: SortBy,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// What a sort key compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// `_id`.
    Id,
    /// `_lastUpdated`.
    Updated,
    /// The least value of a parameter or, descending, its greatest.
    Parameter {
        /// Its number.
        param: i64,
        /// Where its values are.
        column: Column,
    },
}

/// The table, and the column of it, that a sort key compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the tables")]
pub enum Column {
    Token,
    String,
    Date,
    Number,
    Reference,
    Uri,
}

/// `_total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Total {
    /// Only where it is known anyway.
    #[default]
    None,
    /// A rough number is enough; it is counted none the less.
    Estimate,
    /// Counted.
    Accurate,
}

/// `_summary`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Summary {
    /// Whole resources.
    #[default]
    False,
    /// The elements that the definition marks.
    True,
    /// Narrative and what is mandatory.
    Text,
    /// All but the narrative.
    Data,
    /// No resources, only their number.
    Count,
}

/// `_include` or `_revinclude`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Whether resources come that refer to the matches, rather than those referred to.
    pub reverse: bool,
    /// Whether it also applies to what includes have brought.
    pub iterate: bool,
    /// The reference parameters followed.
    pub params: Including,
    /// The type referred to; none: any.
    pub target: Option<ResourceType>,
    /// How what is referred to by a canonical URL is found, for parameters that are named.
    pub canonicals: Canonicals,
}

/// The numbers of the parameters `url` and `version` of all types that a canonical may lead to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Canonicals {
    /// `url`; empty if there is nothing of the kind.
    pub urls: Vec<i64>,
    /// `version`.
    pub versions: Vec<i64>,
}

/// The reference parameters that an include follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Including {
    /// All there are.
    Any,
    /// These.
    Params(Vec<i64>),
}

/// Reads `_sort`.
pub(super) fn sort(parameters: &Parameters, kind: ResourceType, value: &str) -> Result<Vec<Sort>> {
    let keys: Vec<&str> = value.split(',').collect();
    if keys.len() > SORT_KEYS_MAX {
        return Err(Problem::malformed(
            "too-costly",
            format!("_sort takes {SORT_KEYS_MAX} keys at most."),
        ));
    }
    keys.into_iter()
        .map(|key| sort_key(parameters, kind, key))
        .collect()
}

fn sort_key(parameters: &Parameters, kind: ResourceType, key: &str) -> Result<Sort> {
    let (code, descending) = match key.strip_prefix('-') {
        Some(code) => (code, true),
        None => (key, false),
    };
    let by = match code {
        "_id" => SortBy::Id,
        "_lastUpdated" => SortBy::Updated,
        "_score" => {
            return Err(Problem::malformed(
                "not-supported",
                "Matches have no score here: _sort by _score is not supported.",
            ));
        }
        _ => {
            let parameter = parameters.parameter(kind, code).ok_or_else(|| {
                Problem::malformed(
                    "invalid",
                    format!("_sort names a parameter that {kind} does not have."),
                )
            })?;
            SortBy::Parameter {
                param: parameter.id,
                column: column(parameter.kind).ok_or_else(|| {
                    Problem::malformed(
                        "not-supported",
                        format!("Sorting by {code}, which is no single value, is not supported."),
                    )
                })?,
            }
        }
    };
    Ok(Sort { by, descending })
}

const fn column(kind: ParameterKind) -> Option<Column> {
    match kind {
        ParameterKind::String => Some(Column::String),
        ParameterKind::Date => Some(Column::Date),
        ParameterKind::Number | ParameterKind::Quantity => Some(Column::Number),
        ParameterKind::Reference => Some(Column::Reference),
        ParameterKind::Uri => Some(Column::Uri),
        ParameterKind::Token => Some(Column::Token),
        ParameterKind::Composite | ParameterKind::Special => None,
    }
}

/// Reads one `_include` or `_revinclude`, given the name of the parameter with its modifier.
pub(super) fn include(
    parameters: &Parameters,
    (name, value): (&str, &str),
    present: usize,
) -> Result<Include> {
    let refused = |text: &str| Problem::malformed("invalid", format!("{name}: {text}"));
    if present >= INCLUDES_MAX {
        return Err(Problem::malformed(
            "too-costly",
            format!("A search takes {INCLUDES_MAX} includes at most."),
        ));
    }
    let (base, iterate) = match name.split_once(':') {
        None => (name, false),
        Some((base, "iterate" | "recurse")) => (base, true),
        Some(_) => return Err(refused("the only modifier is iterate.")),
    };
    let reverse = base == "_revinclude";
    let mut parts = value.split(':');
    let (source, code, target) = (parts.next(), parts.next(), parts.next());
    if parts.next().is_some() {
        return Err(refused(
            "the value is Type:parameter or Type:parameter:Type.",
        ));
    }
    let target = target
        .map(|name| ResourceType::named(name).ok_or_else(|| refused("the target is no type.")))
        .transpose()?;
    let mut canonicals = Canonicals::default();
    let params = match (source, code) {
        (Some("*"), None) => Including::Any,
        (Some(source), Some(code)) => {
            let source =
                ResourceType::named(source).ok_or_else(|| refused("the source is no type."))?;
            let found: Vec<&SearchParameter> = parameters
                .of_type(source)
                .filter(|each| each.kind == ParameterKind::Reference)
                .filter(|each| code == "*" || each.code == code)
                .collect();
            canonicals = self::canonicals(parameters, &found, target);
            let params: Vec<i64> = found.iter().map(|each| each.id).collect();
            if params.is_empty() {
                return Err(refused("the source has no such reference parameter."));
            }
            Including::Params(params)
        }
        _ => {
            return Err(refused(
                "the value is Type:parameter or Type:parameter:Type.",
            ));
        }
    };
    Ok(Include {
        reverse,
        iterate,
        params,
        target,
        canonicals,
    })
}

/// What has a canonical URL and a version, of the types that references lead to.
fn canonicals(
    parameters: &Parameters,
    found: &[&SearchParameter],
    target: Option<ResourceType>,
) -> Canonicals {
    let mut kinds: Vec<ResourceType> = found
        .iter()
        .flat_map(|parameter| parameter.targets.iter().copied())
        .filter(|kind| target.is_none_or(|target| target == *kind))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let of = |kind, code: &str, wanted| {
        let parameter = parameters.parameter(kind, code);
        parameter
            .filter(|each| each.kind == wanted)
            .map(|each| each.id)
    };
    let pairs = kinds.into_iter().filter_map(|kind| {
        of(kind, "url", ParameterKind::Uri).zip(of(kind, "version", ParameterKind::Token))
    });
    let (urls, versions) = pairs.unzip();
    Canonicals { urls, versions }
}

/// Reads `_total`.
pub(super) fn total(value: &str) -> Result<Total> {
    match value {
        "none" => Ok(Total::None),
        "estimate" => Ok(Total::Estimate),
        "accurate" => Ok(Total::Accurate),
        _ => Err(Problem::malformed(
            "value",
            "_total is none, estimate or accurate.",
        )),
    }
}

/// Reads `_summary`.
pub(super) fn summary(value: &str) -> Result<Summary> {
    match value {
        "true" => Ok(Summary::True),
        "text" => Ok(Summary::Text),
        "data" => Ok(Summary::Data),
        "count" => Ok(Summary::Count),
        "false" => Ok(Summary::False),
        _ => Err(Problem::malformed(
            "value",
            "_summary is true, text, data, count or false.",
        )),
    }
}

/// Reads `_count`; more than `most` is `most`.
pub(super) fn count(value: &str, most: u32) -> Result<u32> {
    let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    if !is_number {
        return Err(Problem::malformed("value", "_count is a whole number."));
    }
    // More digits than a u32 holds is more than the most, too.
    Ok(value.parse().unwrap_or(u32::MAX).min(most))
}
