//! What the store keeps of a resource so that it can be found: typed rows.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html>.

use std::cmp::Ordering;

use super::super::{about::About, definitions::ResourceType};

/// Index rows of one version of one resource, each list sorted and without duplicates.
///
/// `param` is [`super::parameters::SearchParameter::id`]: stable for a (type, code) pair.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IndexRows {
    /// Token values.
    pub tokens: Vec<TokenRow>,
    /// String values.
    pub strings: Vec<StringRow>,
    /// Date values.
    pub dates: Vec<DateRow>,
    /// Number and quantity values.
    pub numbers: Vec<NumberRow>,
    /// References.
    pub references: Vec<ReferenceRow>,
    /// URIs and canonicals.
    pub uris: Vec<UriRow>,
    /// Words of what is written for people.
    pub words: Vec<WordRow>,
    /// Values of composite parameters, part by part.
    pub composites: Vec<CompositeRow>,
    /// Ids of the patients whose compartment holds the resource.
    pub patients: Vec<String>,
    /// Whom the resource is about, and whom it puts into whose care.
    pub about: About,
}

/// A coded value; `0` stands for an absent system. `value` is the beginning of the code as
/// written, by which `_sort` orders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "columns of the table `token`")]
pub struct TokenRow {
    pub param: i64,
    pub code: i64,
    pub system: i64,
    pub value: String,
}

/// A folded word of the resource's texts; whether its narrative has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "columns of the table `word`")]
pub struct WordRow {
    pub word: String,
    pub narrative: bool,
}

/// A string, folded for case and accents, and as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "columns of the table `string`")]
pub struct StringRow {
    pub param: i64,
    pub folded: String,
    pub exact: String,
}

/// A date as the milliseconds since 1970 that it spans, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "columns of the table `date`")]
pub struct DateRow {
    pub param: i64,
    pub start: i64,
    pub end: i64,
}

/// A number or quantity. A plain one is a point (`low` = `high` = `value`): the precision that
/// counts in a comparison is the one of the search. A Range, or a quantity with a comparator,
/// spans `low` to `high`. `system` and `code` are hashes of the unit, `0` where absent. A position
/// on the globe is here too ([`super::near`]): two of its coordinates in `low` and `high`, the one
/// along the axis in `value`.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "columns of the table `number`")]
pub struct NumberRow {
    pub param: i64,
    pub low: f64,
    pub high: f64,
    pub value: f64,
    pub system: i64,
    pub code: i64,
}

/// A reference: a local one has a type and an id, any other only its text in `target_id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "columns of the table `reference`")]
pub struct ReferenceRow {
    pub param: i64,
    pub target_type: Option<ResourceType>,
    pub target_id: String,
}

/// A URI as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "columns of the table `uri`")]
pub struct UriRow {
    pub param: i64,
    pub value: String,
}

/// A value of one part of a composite parameter. Parts of one `instance` belong together; which
/// columns count follows from the part's kind (`low` and `high` also hold dates).
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "columns of the table `composite`")]
pub struct CompositeRow {
    pub param: i64,
    pub instance: i64,
    pub part: i64,
    pub code: i64,
    pub system: i64,
    pub low: f64,
    pub high: f64,
    pub text: String,
}

impl NumberRow {
    /// The order of a list of them.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        (self.param, self.system, self.code)
            .cmp(&(other.param, other.system, other.code))
            .then(self.value.total_cmp(&other.value))
            .then(self.low.total_cmp(&other.low))
            .then(self.high.total_cmp(&other.high))
    }
}

impl CompositeRow {
    /// The order of a list of them.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        (self.param, self.instance, self.part)
            .cmp(&(other.param, other.instance, other.part))
            .then((self.code, self.system).cmp(&(other.code, other.system)))
            .then_with(|| self.text.cmp(&other.text))
            .then(self.low.total_cmp(&other.low))
            .then(self.high.total_cmp(&other.high))
    }
}
