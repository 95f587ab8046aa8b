//! An expression as a tree, its functions, types and literals resolved.
//!
//! It is open to the crate, so that a linter can walk it.

use rust_decimal::Decimal;

use super::{
    functions::Function,
    pattern::Pattern,
    quantity::Unit,
    schema::{self, TypeSpecifier},
    temporal::Temporal,
};

/// An expression.
#[derive(Debug)]
pub(crate) enum Expr {
    /// What the expression is about: `$this`, or nothing before the first name.
    This,
    /// `$index`.
    Index,
    /// `$total`.
    Total,
    /// `{}`.
    Empty,
    Literal(Literal),
    /// `%name`.
    Variable(Box<str>),
    /// A start and the steps from it; one node, however long the path.
    Path(Box<Expr>, Vec<Step>),
    /// `-x`, or `+x`.
    Sign {
        negative: bool,
        operand: Box<Expr>,
    },
    Binary(Operator, Box<(Expr, Expr)>),
    /// `a | b | c`; one node, however many parts.
    Union(Vec<Expr>),
    /// `x is T`, `x as T`.
    Type(TypeTest, Box<Expr>, TypeSpecifier),
}

/// A literal.
#[derive(Debug, Clone)]
pub(crate) enum Literal {
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    String(Box<str>),
    Temporal(Temporal),
    Quantity(Decimal, Unit<'static>),
}

/// A step of a path.
#[derive(Debug)]
pub(crate) enum Step {
    /// A first name in capitals: the items of that type (`Patient.name`).
    OfRoot(TypeSpecifier),
    /// `.name`.
    Member(Name),
    /// `[index]`.
    Item(Expr),
    /// `.is(T)`, `.as(T)`, `.ofType(T)`.
    Type(TypeTest, TypeSpecifier),
    /// `.function(arguments)`.
    Call(Box<Call>),
}

/// A call of a function.
#[derive(Debug)]
pub(crate) struct Call {
    pub function: &'static Function,
    pub arguments: Vec<Expr>,
    /// The first argument as a regular expression, where it is a literal.
    pub pattern: Option<Pattern>,
}

/// The name of an element.
#[derive(Debug)]
pub(crate) struct Name {
    pub text: Box<str>,
    /// The JSON member with the extensions of a primitive: `_text`.
    pub sibling: Box<str>,
    /// The number of the name in the tables of types, if any type has it.
    pub symbol: Option<u32>,
}

impl Name {
    /// The name as expressions and forms write it.
    pub(crate) fn of(name: &str) -> Self {
        Self {
            text: name.into(),
            sibling: format!("_{name}").into(),
            symbol: schema::symbol(name),
        }
    }
}

/// What is asked about a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypeTest {
    Is,
    As,
    OfType,
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Implies,
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Concatenate,
    Multiply,
    Divide,
    Div,
    Mod,
}

impl Operator {
    /// As it is written.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Implies => "implies",
            Self::Or => "or",
            Self::Xor => "xor",
            Self::And => "and",
            Self::In => "in",
            Self::Contains => "contains",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Equivalent => "~",
            Self::NotEquivalent => "!~",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Concatenate => "&",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Div => "div",
            Self::Mod => "mod",
        }
    }
}
