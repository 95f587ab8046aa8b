//! FHIR dates, partial or whole, as the instants they span.
//!
//! Specification: <http://hl7.org/fhir/R4/datatypes.html#dateTime>,
//! <http://hl7.org/fhir/R4/search.html#date>.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// An instant as FHIR writes it: UTC, milliseconds.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

/// The instant of a local time. One that a clock change skips is the first instant after the gap;
/// one that it repeats is the first of the two.
#[must_use]
pub fn instant_at(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { before, .. } => {
            // Read with the offset before the gap, the time lies at or after the clock change.
            let after = before.to_timestamp(local).ok()?;
            let just_after = after
                .checked_add(jiff::SignedDuration::from_nanos(1))
                .ok()?;
            zone.preceding(just_after)
                .next()
                .map(|change| change.timestamp())
        }
    }
}

/// The milliseconds since 1970-01-01T00:00:00Z that a date spans, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the two ends")]
pub struct Span {
    pub start: i64,
    pub end: i64,
}

impl Span {
    /// All of time: what a period without ends covers.
    pub const ALWAYS: Self = Self {
        start: i64::MIN,
        end: i64::MAX,
    };

    /// The one millisecond of an instant.
    #[must_use]
    pub fn at(instant: Timestamp) -> Self {
        let millis = instant.as_millisecond();
        Self {
            start: millis,
            end: millis,
        }
    }

    /// The span from `start`'s first to `end`'s last instant; what is absent is open.
    #[must_use]
    pub fn between(start: Option<Self>, end: Option<Self>) -> Self {
        Self {
            start: start.map_or(i64::MIN, |span| span.start),
            end: end.map_or(i64::MAX, |span| span.end),
        }
    }
}

/// Reads a `date`, `dateTime` or `instant`; hours and minutes may stand without seconds, as in
/// searches. A time without a zone is UTC, as is every date.
#[must_use]
pub fn span(text: &str) -> Option<Span> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.digits(4)?;
    if year == 0 {
        return None;
    }
    if rest.is_done() {
        return Some(days(day(year, 1, 1)?, day(year, 12, 31)?));
    }
    rest.skip(b'-')?;
    let month = rest.digits(2)?;
    if rest.is_done() {
        let first = civil(year, month, 1)?;
        return Some(days(epoch_day(first), epoch_day(first.last_of_month())));
    }
    rest.skip(b'-')?;
    let date = day(year, month, rest.digits(2)?)?;
    if rest.is_done() {
        return Some(days(date, date));
    }
    rest.skip(b'T')?;
    let (start, length) = time(&mut rest)?;
    let start = date * DAY + start - zone(&mut rest)?;
    rest.is_done().then_some(Span {
        start,
        end: start + length - 1,
    })
}

/// The first instant of a `date`, `dateTime` or `instant`.
#[must_use]
pub fn start(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(span(text)?.start).ok()
}

/// Milliseconds into the day, and how many the time as written spans.
fn time(rest: &mut Rest<'_>) -> Option<(i64, i64)> {
    let hour = rest.digits(2).filter(|&hour| hour < 24)?;
    rest.skip(b':')?;
    let minute = rest.digits(2).filter(|&minute| minute < 60)?;
    let minutes = (hour * 60 + minute) * 60_000;
    if rest.skip(b':').is_none() {
        return Some((minutes, 60_000));
    }
    // 60 is a leap second; it falls together with the second after it.
    let second = rest.digits(2).filter(|&second| second <= 60)?;
    let seconds = minutes + second * 1_000;
    if rest.skip(b'.').is_none() {
        return Some((seconds, 1_000));
    }
    let (mut fraction, mut unit, mut count) = (0, 1_000, 0);
    while let Some(digit) = rest.digit() {
        count += 1;
        // What is finer than the millisecond is dropped, as `meta.lastUpdated` drops it.
        if unit > 1 {
            unit /= 10;
            fraction += digit * unit;
        }
    }
    (count > 0).then_some((seconds + fraction, unit))
}

/// The offset from UTC in milliseconds; none written is UTC.
fn zone(rest: &mut Rest<'_>) -> Option<i64> {
    if rest.is_done() || rest.skip(b'Z').is_some() {
        return Some(0);
    }
    let sign = if rest.skip(b'-').is_some() {
        -1
    } else {
        rest.skip(b'+')?;
        1
    };
    let hour = rest.digits(2).filter(|&hour| hour <= 14)?;
    rest.skip(b':')?;
    let minute = rest.digits(2).filter(|&minute| minute < 60)?;
    Some(sign * (hour * 60 + minute) * 60_000)
}

const fn days(first: i64, last: i64) -> Span {
    Span {
        start: first * DAY,
        end: (last + 1) * DAY - 1,
    }
}

fn civil(year: i64, month: i64, day: i64) -> Option<Date> {
    Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
    .ok()
}

fn day(year: i64, month: i64, day: i64) -> Option<i64> {
    civil(year, month, day).map(epoch_day)
}

/// Days since 1970-01-01, by counting from years that begin in March, so that a leap day comes last.
fn epoch_day(date: Date) -> i64 {
    let (year, month) = (i64::from(date.year()), i64::from(date.month()));
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(date.day()) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    const fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn digit(&mut self) -> Option<i64> {
        let (first, rest) = self.0.split_first()?;
        let digit = first.is_ascii_digit().then(|| i64::from(first - b'0'))?;
        self.0 = rest;
        Some(digit)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let mut number = 0;
        for _ in 0..count {
            number = number * 10 + self.digit()?;
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str) -> Option<(String, String)> {
        let span = span(text)?;
        let write = |millis| instant(Timestamp::from_millisecond(millis).unwrap());
        Some((write(span.start), write(span.end)))
    }

    #[test]
    fn a_partial_date_spans_all_that_it_leaves_open() {
        for (text, start, end) in [
            (
                "2024",
                "2024-01-01T00:00:00.000Z",
                "2024-12-31T23:59:59.999Z",
            ),
            (
                "2024-02",
                "2024-02-01T00:00:00.000Z",
                "2024-02-29T23:59:59.999Z",
            ),
            (
                "2023-02",
                "2023-02-01T00:00:00.000Z",
                "2023-02-28T23:59:59.999Z",
            ),
            (
                "1969-12-31",
                "1969-12-31T00:00:00.000Z",
                "1969-12-31T23:59:59.999Z",
            ),
            (
                "2024-05-14T10:30",
                "2024-05-14T10:30:00.000Z",
                "2024-05-14T10:30:59.999Z",
            ),
            (
                "2024-05-14T10:30:05Z",
                "2024-05-14T10:30:05.000Z",
                "2024-05-14T10:30:05.999Z",
            ),
            (
                "2024-05-14T10:30:05.1Z",
                "2024-05-14T10:30:05.100Z",
                "2024-05-14T10:30:05.199Z",
            ),
            (
                "2024-05-14T10:30:05.1239Z",
                "2024-05-14T10:30:05.123Z",
                "2024-05-14T10:30:05.123Z",
            ),
            (
                "2024-05-14T01:00:00+02:00",
                "2024-05-13T23:00:00.000Z",
                "2024-05-13T23:00:00.999Z",
            ),
            (
                "2024-05-14T23:00:00-03:30",
                "2024-05-15T02:30:00.000Z",
                "2024-05-15T02:30:00.999Z",
            ),
        ] {
            assert_eq!(ends(text), Some((start.into(), end.into())), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "24",
            "yesterday",
            "2024-13",
            "2024-00",
            "2024-02-30",
            "2023-02-29",
            "2024-5-1",
            "2024-05-14T",
            "2024-05-14T24:00",
            "2024-05-14T10",
            "2024-05-14T10:60",
            "0000",
            "2024-05-14T10:30:61Z",
            "2024-05-14T10:30:05.Z",
            "2024-05-14T10:30Zz",
            "2024-05-14 ",
            "2024-05-14T10:30+2:00",
            "2024-05-14T10:30+15:00",
            "2024-05-14Z",
        ] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn days_count_as_the_calendar_does() {
        let mut date = Date::new(1896, 2, 27).unwrap();
        let mut expected = Timestamp::from_millisecond(0).unwrap();
        expected -= jiff::SignedDuration::from_hours(24 * 26_971);
        for _ in 0..80_000 {
            assert_eq!(epoch_day(date) * DAY, expected.as_millisecond(), "{date}");
            date = date.tomorrow().unwrap();
            expected += jiff::SignedDuration::from_hours(24);
        }
    }
}
