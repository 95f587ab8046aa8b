//! Quantities: a decimal and a unit.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#quantity>. Units compare when they
//! are the same, when both are durations of a fixed length (weeks to
//! milliseconds; years and months among themselves), or when UCUM knows them to be of one
//! dimension. Others are neither equal nor ordered, and yield empty.

use std::{cmp::Ordering, fmt};

use rust_decimal::Decimal;

use super::text::Text;
use crate::fhir::ucum;

/// A duration word of FHIRPath.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CalendarUnit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl CalendarUnit {
    const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::Year, "year", "a"),
        (Self::Month, "month", "mo"),
        (Self::Week, "week", "wk"),
        (Self::Day, "day", "d"),
        (Self::Hour, "hour", "h"),
        (Self::Minute, "minute", "min"),
        (Self::Second, "second", "s"),
        (Self::Millisecond, "millisecond", "ms"),
    ];

    /// `day`, `days` and their like.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let singular = word.strip_suffix('s').unwrap_or(word);
        Self::ALL
            .iter()
            .find(|(_, name, _)| *name == singular)
            .map(|(unit, ..)| *unit)
    }

    /// The unit of fixed length that a UCUM code means; `a` and `mo` are not the calendar's.
    pub(super) fn from_definite_code(code: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .skip(2)
            .find(|(.., ucum)| *ucum == code)
            .map(|(unit, ..)| *unit)
    }

    fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(unit, ..)| *unit == self)
            .map_or("", |(_, word, _)| word)
    }

    /// Months, or milliseconds.
    fn length(self) -> (Dimension, i64) {
        match self {
            Self::Year => (Dimension::Months, 12),
            Self::Month => (Dimension::Months, 1),
            Self::Week => (Dimension::Milliseconds, 604_800_000),
            Self::Day => (Dimension::Milliseconds, 86_400_000),
            Self::Hour => (Dimension::Milliseconds, 3_600_000),
            Self::Minute => (Dimension::Milliseconds, 60_000),
            Self::Second => (Dimension::Milliseconds, 1_000),
            Self::Millisecond => (Dimension::Milliseconds, 1),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Months,
    Milliseconds,
}

/// A unit: a duration word or a UCUM code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit<'a> {
    /// `day`.
    Calendar(CalendarUnit),
    /// `'mg'`.
    Code(Text<'a>),
}

impl<'a> Unit<'a> {
    /// The unit `1`, of numbers.
    pub const ONE: Unit<'static> = Unit::Code(Text::Borrowed("1"));

    /// The unit of a quoted text; a quoted duration word is taken as the word.
    #[must_use]
    pub fn from_code(code: Text<'a>) -> Self {
        CalendarUnit::from_word(&code).map_or(Self::Code(code), Self::Calendar)
    }

    /// The code or word.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Calendar(unit) => unit.word(),
            Self::Code(code) => code,
        }
    }

    fn calendar(&self) -> Option<CalendarUnit> {
        match self {
            Self::Calendar(unit) => Some(*unit),
            Self::Code(code) => CalendarUnit::from_definite_code(code),
        }
    }

    /// The UCUM code; the calendar's years and months are of no fixed length, and have none.
    pub(super) fn ucum(&self) -> Option<&str> {
        match self {
            Self::Code(code) => Some(code),
            Self::Calendar(CalendarUnit::Year | CalendarUnit::Month) => None,
            Self::Calendar(unit) => {
                let found = CalendarUnit::ALL.iter().find(|(known, ..)| known == unit);
                found.map(|(.., code)| *code)
            }
        }
    }
}

/// A decimal and a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity<'a> {
    /// How much.
    pub value: Decimal,
    /// Of what.
    pub unit: Unit<'a>,
}

impl Quantity<'_> {
    /// Both values in one unit, if the units are comparable.
    pub(super) fn aligned(&self, other: &Self) -> Option<(Decimal, Decimal)> {
        if self.unit == other.unit {
            return Some((self.value, other.value));
        }
        if let (Some(mine), Some(theirs)) = (self.unit.calendar(), other.unit.calendar()) {
            let ((dimension, factor), (other_dimension, their_factor)) =
                (mine.length(), theirs.length());
            if dimension != other_dimension {
                return None;
            }
            return Some((
                self.value.checked_mul(factor.into())?,
                other.value.checked_mul(their_factor.into())?,
            ));
        }
        let (mine, theirs) = (self.unit.ucum()?, other.unit.ucum()?);
        ucum::aligned((self.value, mine), (other.value, theirs))
    }

    /// Both values in the coarser of two units, which is what people would write them in.
    pub(super) fn coarsened(&self, other: &Self) -> Option<(Decimal, Decimal)> {
        if self.unit == other.unit {
            return Some((self.value, other.value));
        }
        if self.has_finer_unit_than(other)? {
            Some((self.value_in(&other.unit)?, other.value))
        } else {
            Some((self.value, other.value_in(&self.unit)?))
        }
    }

    /// The order of two quantities, if their units are comparable.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        self.aligned(other).map(|(a, b)| a.cmp(&b))
    }

    /// Whether its unit is finer than another quantity's, or the same; none where the one cannot
    /// be expressed in the other.
    pub(super) fn has_finer_unit_than(&self, other: &Self) -> Option<bool> {
        let one = |unit| Quantity {
            value: Decimal::ONE,
            unit,
        };
        let (mine, theirs) = (one(self.unit.clone()), one(other.unit.clone()));
        Some(mine.compare(&theirs)? != Ordering::Greater)
    }

    /// The value in another unit, if that is comparable.
    pub(super) fn value_in(&self, unit: &Unit<'_>) -> Option<Decimal> {
        if self.unit == *unit {
            return Some(self.value);
        }
        if let (Some(mine), Some(theirs)) = (self.unit.calendar(), unit.calendar()) {
            let ((dimension, factor), (other, their_factor)) = (mine.length(), theirs.length());
            return (dimension == other)
                .then(|| self.value.checked_mul(factor.into()))?
                .and_then(|value| value.checked_div(their_factor.into()));
        }
        ucum::convert(self.value, self.unit.ucum()?, unit.ucum()?)
    }
}

impl<'a> Quantity<'a> {
    /// Reads `4.5 'mg'`, `4 days` or a bare number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Quantity<'static>> {
        let text = text.trim();
        let end = text
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
            .unwrap_or(text.len());
        let value = Decimal::from_str_exact(&text[..end]).ok()?;
        let unit = text[end..].trim();
        let unit = if unit.is_empty() {
            Unit::ONE
        } else if let Some(code) = unit.strip_prefix('\'').and_then(|u| u.strip_suffix('\'')) {
            Unit::Code(code.to_owned().into())
        } else {
            Unit::Calendar(CalendarUnit::from_word(unit)?)
        };
        Some(Quantity { value, unit })
    }

    /// The same quantity with another value.
    #[must_use]
    pub fn with_value(&self, value: Decimal) -> Self {
        Self {
            value,
            unit: self.unit.clone(),
        }
    }
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Calendar(unit) => {
                let plural = if self.value.abs() == Decimal::ONE {
                    ""
                } else {
                    "s"
                };
                write!(f, "{} {}{plural}", self.value, unit.word())
            }
            Unit::Code(code) => write!(f, "{} '{code}'", self.value),
        }
    }
}
