//! What must hold of a match, in the terms of index rows.

use crate::fhir::{date::Span, definitions::ResourceType, search::near::Vicinity};

/// A condition on a resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    /// Its logical id is one of these.
    Id(Vec<String>),
    /// Its `meta.lastUpdated` satisfies one of these.
    Updated(Vec<DateTest>),
    /// One of its rows under the parameter satisfies one of the tests.
    Some(Rows),
    /// None of its rows under the parameter satisfies any of the tests.
    None(Rows),
    /// One of its rows under the parameter satisfies none of the tests.
    Other(Rows),
    /// All of these hold.
    All(Vec<Clause>),
    /// One of these holds.
    Any(Vec<Clause>),
    /// This does not hold.
    Not(Box<Clause>),
    /// Its texts have a word.
    Word(WordTest),
    /// It has no (`true`) or some (`false`) row in any of these, whose tests are empty.
    Missing(Vec<Rows>, bool),
    /// A resource that it refers to satisfies a clause.
    Chain {
        /// The reference parameter.
        param: i64,
        /// For each type that is asked, what must hold.
        targets: Vec<(ResourceType, Clause)>,
    },
    /// A resource that refers to it satisfies a clause.
    Has {
        /// The type of that resource.
        source: ResourceType,
        /// Its reference parameter.
        param: i64,
        /// What must hold of it.
        clause: Box<Clause>,
    },
}

/// A word, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordTest {
    /// The word, or what it begins with.
    pub word: String,
    /// Whether it is the whole word.
    pub whole: bool,
    /// Whether it must be in the narrative.
    pub narrative: bool,
}

/// Rows of one parameter, and tests on them of which one must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The parameter's number.
    pub param: i64,
    /// The table and the tests.
    pub tests: Tests,
}

/// Tests on the rows of one table; a list is an "or".
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the parameter kinds")]
pub enum Tests {
    Token(Vec<TokenTest>),
    Codes(Codes),
    Near(Vec<Vicinity>),
    String(Vec<StringTest>),
    Date(Vec<DateTest>),
    Number(Vec<NumberTest>),
    Reference(Vec<ReferenceTest>),
    Uri(Vec<UriTest>),
    Composite(Vec<CompositeTest>),
}

/// What a token must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenTest {
    /// The hash of the code; none: any.
    pub code: Option<i64>,
    /// What the system must be.
    pub system: SystemTest,
}

/// Codes of which a token must be one; there may be thousands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    /// The hashes of code and system.
    pub codes: Vec<(i64, i64)>,
    /// Whether values of the parameter may have the system by definition only.
    pub implied: bool,
}

/// What a token's system must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemTest {
    /// `code`.
    Any,
    /// `system|code`, or `|code` with [`super::super::hash::ABSENT`].
    Is(i64),
    /// The same, of a parameter whose values may have the system by definition only.
    IsOrImplied(i64),
}

/// What a string must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StringTest {
    /// It begins so, when folded.
    Prefix(String),
    /// It contains this, when folded.
    Contains(String),
    /// It ends so, when folded.
    Ends(String),
    /// It is this, when folded.
    Whole(String),
    /// It is this, to the letter.
    Exact {
        /// The folded form, by which the index finds it.
        folded: String,
        /// The text as the index keeps it.
        exact: String,
    },
}

/// How a value compares (<http://hl7.org/fhir/R4/search.html#prefix>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are R4's own")]
pub enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

/// What a date must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTest {
    /// How it compares.
    pub prefix: Prefix,
    /// What the date in the search spans.
    pub span: Span,
}

/// What a number or quantity must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberTest {
    /// How it compares.
    pub prefix: Prefix,
    /// The number as written.
    pub value: f64,
    /// The least number that its precision allows (inclusive); for `ap`, the least that is near.
    pub low: f64,
    /// The greatest number that its precision allows (exclusive); for `ap`, the greatest.
    pub high: f64,
    /// The hash of the unit's system; none: any.
    pub system: Option<i64>,
    /// The hash of the unit; none: any.
    pub code: Option<i64>,
}

/// What a reference must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceTest {
    /// To a resource of this server.
    Local {
        /// Its type; none: any.
        kind: Option<ResourceType>,
        /// Its id.
        id: String,
    },
    /// This text: a foreign URL, a canonical, a URN.
    Text(String),
    /// To a resource of this server, or to one that stands above or below it.
    Within {
        /// Its type.
        kind: ResourceType,
        /// Its id.
        id: String,
        /// The parameter by which resources of the type name the one above them.
        parent: i64,
        /// Whether those above are meant, not those below.
        above: bool,
    },
}

/// What a URI must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UriTest {
    /// Exactly this.
    Is(String),
    /// This or below it, by path segments.
    Below(String),
}

/// What the parts of one instance of a composite must be, in the order of the parts.
#[derive(Debug, Clone, PartialEq)]
pub struct CompositeTest {
    /// One test a part.
    pub parts: Vec<PartTest>,
    /// Rows that every match has among those of the first part's own parameter.
    pub first: Rows,
}

/// What a part of a composite must be.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the parameter kinds")]
pub enum PartTest {
    Token(TokenTest),
    String(StringTest),
    Date(DateTest),
    Number(NumberTest),
    /// A quantity in base units.
    Canonical(NumberTest),
    /// The hash of a reference or a URI.
    Hashed(i64),
}
