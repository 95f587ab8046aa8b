//! Dates, dates with times, and times, each known to some precision.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#datetime-equality>,
//! <http://hl7.org/fhirpath/N1/#comparison>. Seconds and their fraction are one
//! precision. Where only one of two moments has a zone, they compare only as far
//! as every possible zone of the other gives the same answer.

use std::{cmp::Ordering, fmt};

use jiff::{
    Zoned,
    civil::{self, DateTime},
};

/// Which of the three types a moment has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemporalKind {
    /// `@2026-11-21`.
    Date,
    /// `@2026-11-21T10:30:00+01:00`.
    DateTime,
    /// `@T10:30`.
    Time,
}

/// How much of a moment is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Precision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// Seconds with a fraction.
    Fraction,
}

/// A date, a date with time, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temporal {
    /// Which type.
    pub kind: TemporalKind,
    /// How much is known; what is not known is the least possible.
    pub precision: Precision,
    pub(super) moment: DateTime,
    /// Digits of the fraction of a second, as written.
    pub(super) digits: u8,
    /// Minutes east of UTC.
    pub(super) offset: Option<i16>,
}

/// Farthest zones: a moment without zone lies within these hours of its reading as UTC.
const ZONE_EAST_MINUTES: i64 = 14 * 60;
const ZONE_WEST_MINUTES: i64 = 12 * 60;

impl Temporal {
    /// A date of the given precision (year, month or day).
    #[must_use]
    pub fn date(date: civil::Date, precision: Precision) -> Self {
        Self {
            kind: TemporalKind::Date,
            precision: precision.min(Precision::Day),
            moment: date.to_datetime(civil::Time::midnight()),
            digits: 0,
            offset: None,
        }
    }

    /// An instant in its zone, to the millisecond.
    #[must_use]
    pub fn instant(at: &Zoned) -> Self {
        let moment = at.datetime();
        let whole = moment.subsec_nanosecond() / 1_000_000 * 1_000_000;
        let moment = moment.with().subsec_nanosecond(whole).build();
        Self {
            kind: TemporalKind::DateTime,
            precision: Precision::Fraction,
            moment: moment.unwrap_or(at.datetime()),
            digits: 3,
            offset: i16::try_from(at.offset().seconds() / 60).ok(),
        }
    }

    /// Reads a whole text as a value of `kind`; a DateTime may be a mere date.
    #[must_use]
    pub fn parse(text: &str, kind: TemporalKind) -> Option<Self> {
        let whole = |(moment, length): (Self, usize)| (length == text.len()).then_some(moment);
        match kind {
            TemporalKind::Time => time_prefix(text).and_then(whole),
            TemporalKind::Date => prefix(text)
                .and_then(whole)
                .filter(|moment| moment.kind == TemporalKind::Date),
            TemporalKind::DateTime => {
                let moment = prefix(text).and_then(whole)?;
                (moment.kind != TemporalKind::Time).then_some(moment.to_datetime())
            }
        }
    }

    /// The same moment as a DateTime.
    #[must_use]
    pub const fn to_datetime(mut self) -> Self {
        self.kind = TemporalKind::DateTime;
        self
    }

    /// The date of a moment.
    #[must_use]
    pub fn to_date(self) -> Self {
        Self::date(self.moment.date(), self.precision)
    }

    /// The time of day of a moment.
    pub(super) const fn to_time(mut self) -> Self {
        self.kind = TemporalKind::Time;
        self.offset = None;
        self
    }

    /// The order of two moments, if their precisions and zones decide it.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if (self.kind == TemporalKind::Time) != (other.kind == TemporalKind::Time) {
            return None;
        }
        let timed = self.precision >= Precision::Hour && other.precision >= Precision::Hour;
        match (self.offset, other.offset) {
            (Some(_), Some(_)) if timed => fields(&self.utc()?, &other.utc()?),
            (Some(_), None) if timed => certain(&self.utc()?, other),
            (None, Some(_)) if timed => certain(&other.utc()?, self).map(Ordering::reverse),
            _ => fields(self, other),
        }
    }

    /// The same instant in UTC.
    fn utc(&self) -> Option<Self> {
        let Some(offset) = self.offset.filter(|offset| *offset != 0) else {
            return Some(*self);
        };
        let span = jiff::Span::new().try_minutes(offset).ok()?;
        Some(Self {
            moment: self.moment.checked_sub(span).ok()?,
            offset: Some(0),
            ..*self
        })
    }
}

/// Field by field, as far as both are known.
fn fields(a: &Temporal, b: &Temporal) -> Option<Ordering> {
    let level = |t: &Temporal| t.precision.min(Precision::Second);
    let (mine, theirs) = (level(a), level(b));
    let order = cut(a.moment, mine.min(theirs)).cmp(&cut(b.moment, mine.min(theirs)));
    if order == Ordering::Equal && mine != theirs {
        return None;
    }
    Some(order)
}

/// The fields of a moment that a precision knows, finer ones zero.
fn cut(moment: DateTime, precision: Precision) -> (i16, [i8; 5], i32) {
    let known = |p: Precision, field: i8| if precision >= p { field } else { 0 };
    (
        moment.year(),
        [
            known(Precision::Month, moment.month()),
            known(Precision::Day, moment.day()),
            known(Precision::Hour, moment.hour()),
            known(Precision::Minute, moment.minute()),
            known(Precision::Second, moment.second()),
        ],
        if precision >= Precision::Second {
            moment.subsec_nanosecond()
        } else {
            0
        },
    )
}

/// The order of an instant and a moment without zone, if no zone can change it.
fn certain(instant: &Temporal, local: &Temporal) -> Option<Ordering> {
    let shifted = |minutes: i64| {
        let span = jiff::Span::new().try_minutes(minutes).ok()?;
        let moment = local.moment.checked_add(span).ok()?;
        fields(instant, &Temporal { moment, ..*local })
    };
    let east = shifted(-ZONE_EAST_MINUTES)?;
    let west = shifted(ZONE_WEST_MINUTES)?;
    (east == west).then_some(east)
}

/// The date, date with time, or (after `T`) time that `text` starts with, and its length.
pub(super) fn prefix(text: &str) -> Option<(Temporal, usize)> {
    if let Some(time) = text.strip_prefix('T') {
        return time_prefix(time).map(|(moment, length)| (moment, length + 1));
    }
    let year = digits(text, 0, 4)?;
    let (month, mut at) = optional(text, 4, "-", 2);
    let (day, after) = month.map_or((None, at), |_| optional(text, at, "-", 2));
    at = after;
    let precision = match (month, day) {
        (None, _) => Precision::Year,
        (_, None) => Precision::Month,
        _ => Precision::Day,
    };
    let field = |value: Option<u32>| i8::try_from(value.unwrap_or(1)).ok();
    let date = civil::Date::new(i16::try_from(year).ok()?, field(month)?, field(day)?).ok()?;
    let mut moment = Temporal::date(date, precision);
    if !text[at..].starts_with('T') {
        return Some((moment, at));
    }
    moment.kind = TemporalKind::DateTime;
    at += 1;
    if day.is_none() {
        return Some((moment, at));
    }
    let Some((time, length)) = time_prefix(&text[at..]) else {
        return Some((moment, at));
    };
    at += length;
    moment.moment = date.to_datetime(time.moment.time());
    moment.precision = time.precision;
    moment.digits = time.digits;
    if let Some((offset, length)) = zone(&text[at..]) {
        moment.offset = Some(offset);
        at += length;
    }
    Some((moment, at))
}

/// The time `hh(:mm(:ss(.f)))` that `text` starts with.
fn time_prefix(text: &str) -> Option<(Temporal, usize)> {
    let hour = digits(text, 0, 2)?;
    let (minute, mut at) = optional(text, 2, ":", 2);
    let (second, after) = minute.map_or((None, at), |_| optional(text, at, ":", 2));
    at = after;
    let mut fraction = (0, 0);
    if second.is_some() && text[at..].starts_with('.') {
        let count = text[at + 1..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        if count > 0 {
            let kept = count.min(9);
            let value = digits(text, at + 1, kept)?;
            fraction = (value * 10_u32.pow(9 - u32::try_from(kept).ok()?), kept);
            at += 1 + count;
        }
    }
    let precision = match (minute, second, fraction.1) {
        (None, ..) => Precision::Hour,
        (_, None, _) => Precision::Minute,
        (_, _, 0) => Precision::Second,
        _ => Precision::Fraction,
    };
    // A leap second is read as the second before it, since no calendar here knows it.
    let field = |value: Option<u32>| i8::try_from(value.unwrap_or(0)).ok();
    let second = second.map(|s| if s == 60 { 59 } else { s });
    let time = civil::Time::new(
        field(Some(hour))?,
        field(minute)?,
        field(second)?,
        i32::try_from(fraction.0).ok()?,
    )
    .ok()?;
    let moment = Temporal {
        kind: TemporalKind::Time,
        precision,
        moment: civil::Date::constant(1, 1, 1).to_datetime(time),
        digits: u8::try_from(fraction.1).ok()?,
        offset: None,
    };
    Some((moment, at))
}

fn zone(text: &str) -> Option<(i16, usize)> {
    let sign = match text.as_bytes().first()? {
        b'Z' => return Some((0, 1)),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = digits(text, 1, 2)?;
    let (minutes, length) = optional(text, 3, ":", 2);
    let (minutes, hours) = (i16::try_from(minutes?).ok()?, i16::try_from(hours).ok()?);
    (hours <= 14 && minutes < 60).then_some((sign * (hours * 60 + minutes), length))
}

/// `count` digits at `at`.
fn digits(text: &str, at: usize, count: usize) -> Option<u32> {
    let field = text.get(at..at + count)?;
    field
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| field.parse().ok())?
}

/// A separator and `count` digits, or nothing; and where the text goes on.
fn optional(text: &str, at: usize, separator: &str, count: usize) -> (Option<u32>, usize) {
    let found = text
        .get(at..)
        .filter(|rest| rest.starts_with(separator))
        .and_then(|_| digits(text, at + 1, count));
    (found, if found.is_some() { at + 1 + count } else { at })
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, known) = (self.moment, self.precision);
        if self.kind != TemporalKind::Time {
            write!(f, "{:04}", at.year())?;
            if known >= Precision::Month {
                write!(f, "-{:02}", at.month())?;
            }
            if known >= Precision::Day {
                write!(f, "-{:02}", at.day())?;
            }
            if known >= Precision::Hour {
                f.write_str("T")?;
            }
        }
        if known >= Precision::Hour {
            write!(f, "{:02}", at.hour())?;
        }
        if known >= Precision::Minute {
            write!(f, ":{:02}", at.minute())?;
        }
        if known >= Precision::Second {
            write!(f, ":{:02}", at.second())?;
        }
        if known >= Precision::Fraction {
            let nanoseconds = format!("{:09}", at.subsec_nanosecond());
            write!(
                f,
                ".{}",
                &nanoseconds[..usize::from(self.digits.clamp(1, 9))]
            )?;
        }
        match self.offset {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                let minutes = offset.abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}
