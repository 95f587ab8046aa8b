//! The figures that there are, and by what each can be parted.
//!
//! To add one: let `contribution` count it, and give it a line here and a code in
//! `profiles/terminology/CodeSystem-figure.json`.

use super::{contribution::MINUTES, tally::Key};
use crate::fhir::canonical::{ALERT_RULE, CLOSURE_REASON_CODE};

/// By what figures can be parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// The pathway's canonical URL.
    Pathway,
    /// `Organization/{id}`.
    Establishment,
    /// Such as `2020-05`.
    Month,
    /// A detail of the number's name.
    Detail(&'static str),
}

impl Dimension {
    /// The dimension of a code of the CodeSystem `figure-dimension`.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        match code {
            "pathway" => Some(Self::Pathway),
            "establishment" => Some(Self::Establishment),
            "month" => Some(Self::Month),
            "channel" => Some(Self::Detail("channel")),
            "closure-reason" => Some(Self::Detail("closure-reason")),
            "level" => Some(Self::Detail("level")),
            "rule" => Some(Self::Detail("rule")),
            _ => None,
        }
    }

    /// The code system of its values, where they are codes.
    #[must_use]
    pub const fn system(self) -> Option<&'static str> {
        match self {
            Self::Detail(name) => match name.as_bytes() {
                b"closure-reason" => Some(CLOSURE_REASON_CODE),
                b"rule" => Some(ALERT_RULE),
                _ => None,
            },
            _ => None,
        }
    }
}

/// A figure: the sum of numbers of some names.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its code in the CodeSystem `figure`.
    pub code: &'static str,
    /// The names of numbers, without details.
    names: &'static [&'static str],
    /// What their details are, in order.
    details: &'static [&'static str],
}

/// All figures.
pub const FIGURES: &[Figure] = &[
    figure("people", &["people"], &[]),
    figure("started", &["started"], &["channel"]),
    figure("ended", &["ended"], &["closure-reason"]),
    figure(
        "reports-due",
        &["report-answered", "report-late", "report-missed"],
        &[],
    ),
    figure("reports-answered", &["report-answered", "report-late"], &[]),
    figure("reports-late", &["report-late"], &[]),
    figure("reports-missed", &["report-missed"], &[]),
    figure("answers", &["answer"], &["channel"]),
    figure("alerts", &["alert"], &["level", "rule"]),
    figure("alerts-judged", &["useful", "useless"], &["level", "rule"]),
    figure("alerts-useful", &["useful"], &["level", "rule"]),
    figure(
        "alerts-acknowledged",
        &["acknowledged"],
        &["level", "minutes"],
    ),
    figure("alerts-waiting", &["waiting"], &["level"]),
];

const fn figure(
    code: &'static str,
    names: &'static [&'static str],
    details: &'static [&'static str],
) -> Figure {
    Figure {
        code,
        names,
        details,
    }
}

impl Figure {
    /// The figure of a code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<&'static Self> {
        FIGURES.iter().find(|figure| figure.code == code)
    }

    /// Whether a number is part of it.
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        let name = key.name.split('/').next().unwrap_or_default();
        self.names.contains(&name)
    }

    /// Whether it can be parted so.
    #[must_use]
    pub fn has(&self, dimension: Dimension) -> bool {
        match dimension {
            Dimension::Detail(name) => self.details.contains(&name),
            _ => true,
        }
    }

    /// Where a number of it stands in a dimension.
    #[must_use]
    pub fn value<'a>(&self, key: &'a Key, dimension: Dimension) -> Option<&'a str> {
        match dimension {
            Dimension::Pathway => Some(&key.pathway),
            Dimension::Establishment => Some(&key.establishment),
            Dimension::Month => Some(&key.month),
            Dimension::Detail(name) => {
                let at = self.details.iter().position(|detail| *detail == name)?;
                key.name.split('/').nth(at + 1)
            }
        }
    }
}

/// The span of minutes below which a share of the alerts were seen, from how many were seen
/// within each span of [`MINUTES`]; `None` inside is more than the last.
#[must_use]
pub fn percentile(seen: &[(Option<u32>, i64)], percent: u32) -> Option<Option<u32>> {
    let all: i64 = seen.iter().map(|(_, count)| count).sum();
    if all <= 0 {
        return None;
    }
    let rank = (all * i64::from(percent) + 99) / 100;
    let mut sorted = seen.to_vec();
    sorted.sort_by_key(|(bound, _)| bound.unwrap_or(u32::MAX));
    let mut so_far = 0;
    for (bound, count) in sorted {
        so_far += count;
        if so_far >= rank {
            return Some(bound);
        }
    }
    None
}

/// The upper bound of the span in a number's name; none for what is longer than the last.
#[must_use]
pub fn minutes(text: &str) -> Option<u32> {
    let bound = text.parse().ok()?;
    MINUTES.contains(&bound).then_some(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_first_span_that_reaches_it() {
        let seen = [(Some(5), 5), (None, 1), (Some(15), 4)];
        assert_eq!(percentile(&seen, 50), Some(Some(5)));
        assert_eq!(percentile(&seen, 51), Some(Some(15)));
        assert_eq!(percentile(&seen, 90), Some(Some(15)));
        assert_eq!(percentile(&seen, 95), Some(None));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn a_number_is_found_by_its_name_and_parted_by_its_details() {
        let key = Key {
            name: "alert/urgent/U2".into(),
            pathway: "https://p".into(),
            establishment: String::new(),
            month: "2020-05".into(),
        };
        let figure = Figure::of_code("alerts").expect("a figure");
        assert!(figure.holds(&key) && figure.has(Dimension::Detail("rule")));
        assert_eq!(figure.value(&key, Dimension::Detail("rule")), Some("U2"));
        assert_eq!(figure.value(&key, Dimension::Month), Some("2020-05"));
        assert_eq!(figure.value(&key, Dimension::Detail("channel")), None);
        let people = Figure::of_code("people").expect("a figure");
        assert!(!people.holds(&key) && !people.has(Dimension::Detail("rule")));
    }
}
