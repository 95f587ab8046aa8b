//! What a part of an expression gives, as far as it can be known without an answer.

use std::collections::BTreeSet;

use crate::{
    fhir::path::schema::{self, System},
    publishing::form::{Kind, Question},
};

/// Which items are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Links {
    /// Items of a form that is not the pathway's own: a baseline's.
    Foreign,
    /// Any item of the pathway's forms.
    Any,
    /// Items of these link ids.
    These(BTreeSet<String>),
}

impl Links {
    /// Those that are in both.
    pub fn both(self, other: Self) -> Self {
        match (self, other) {
            (Self::Foreign, _) | (_, Self::Foreign) => Self::Foreign,
            (Self::Any, other) | (other, Self::Any) => other,
            (Self::These(a), Self::These(b)) => Self::These(a.intersection(&b).cloned().collect()),
        }
    }

    /// Those that are in either.
    pub fn either(self, other: Self) -> Self {
        match (self, other) {
            (Self::Foreign, _) | (_, Self::Foreign) => Self::Foreign,
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::These(mut a), Self::These(b)) => {
                a.extend(b);
                Self::These(a)
            }
        }
    }
}

/// What a part gives.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Not known.
    Unknown,
    /// QuestionnaireResponses: whether they are answers to the pathway's own forms.
    Answers(bool),
    /// Items of answers.
    Items(Links),
    /// `item.answer`.
    Given(Links),
    /// `item.answer.value`.
    Value(Links),
    /// `item.linkId`.
    LinkId(bool),
    /// The code of a coding that was answered.
    Code(Links),
    /// The system of a coding that was answered.
    System(Links),
    /// A number; whether it, or what it was calculated from, was answered.
    Number(bool),
    Boolean,
    Text,
    Moment,
    Quantity,
    /// Elements of some FHIR type.
    Node(&'static schema::Kind),
}

/// Values that can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Domain {
    Boolean,
    Number,
    Quantity,
    Text,
    Moment,
    Coding,
    /// Something with parts: an item, an answer.
    Tree,
}

impl Domain {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Number => "a bare number",
            Self::Quantity => "a quantity",
            Self::Text => "a string",
            Self::Moment => "a date or time",
            Self::Coding => "a coding",
            Self::Tree => "an element with parts",
        }
    }
}

/// The domain of a question's values; none if it has several or is not known.
pub fn domain_of(question: &Question) -> Option<Domain> {
    Some(match question.kind {
        Kind::Boolean => Domain::Boolean,
        Kind::Integer | Kind::Decimal => Domain::Number,
        Kind::Quantity => Domain::Quantity,
        Kind::Choice => Domain::Coding,
        Kind::Text => Domain::Text,
        Kind::Date | Kind::Time => Domain::Moment,
        Kind::OpenChoice | Kind::Other => return None,
    })
}

/// What an element of a FHIR type is compared as.
pub fn domain_of_kind(kind: &schema::Kind) -> Option<Domain> {
    use crate::fhir::definitions::Kind as Class;
    Some(match kind.system {
        Some(System::Boolean) => Domain::Boolean,
        Some(System::Integer | System::Decimal) => Domain::Number,
        Some(System::String) => Domain::Text,
        Some(System::Quantity) => Domain::Quantity,
        Some(System::Date | System::DateTime | System::Time) => Domain::Moment,
        None if kind.name == "Coding" => Domain::Coding,
        None if kind.is_abstract || kind.class == Class::Primitive => return None,
        None => Domain::Tree,
    })
}

/// The shape of an element of a FHIR type.
pub fn shape_of_kind(kind: &'static schema::Kind) -> Shape {
    match kind.system {
        Some(System::Boolean) => Shape::Boolean,
        Some(System::Integer | System::Decimal) => Shape::Number(false),
        Some(System::Date | System::DateTime | System::Time) => Shape::Moment,
        Some(System::String) => Shape::Text,
        _ if kind.is_abstract => Shape::Unknown,
        _ => Shape::Node(kind),
    }
}
