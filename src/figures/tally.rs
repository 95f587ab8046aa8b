//! Numbers by name, pathway, establishment and month.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::store::Count;

/// What one number is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What is counted, such as `started/app`: a name, and details after slashes.
    pub name: String,
    /// The pathway's canonical URL, without its version; empty if none.
    pub pathway: String,
    /// `Organization/{id}`; empty if none.
    pub establishment: String,
    /// Such as `2020-05`.
    pub month: String,
}

/// Days from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
}

impl Days {
    /// All days there are.
    pub const ALL: Self = Self {
        first: Date::MIN,
        last: Date::MAX,
    };

    /// Whether a day is one of them.
    #[must_use]
    pub fn hold(&self, day: Date) -> bool {
        self.first <= day && day <= self.last
    }

    /// How much of a month such as `2020-05` they hold.
    #[must_use]
    pub fn share_of(&self, month: &str) -> Share {
        let Ok(first) = format!("{month}-01").parse::<Date>() else {
            return Share::None;
        };
        match (self.hold(first), self.hold(first.last_of_month())) {
            (true, true) => Share::Whole,
            _ if self.last < first || first.last_of_month() < self.first => Share::None,
            _ => Share::Part,
        }
    }
}

/// How much of a month is in a span of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Nothing of it.
    None,
    /// Some of its days.
    Part,
    /// All of it.
    Whole,
}

/// What a number belongs to, beside its name and day.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The pathway's canonical URL, without its version.
    pub pathway: &'a str,
    /// `Organization/{id}`.
    pub establishment: &'a str,
}

impl Place<'static> {
    /// Neither pathway nor establishment.
    pub const NONE: Self = Self {
        pathway: "",
        establishment: "",
    };
}

/// Numbers of some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    days: Days,
    numbers: BTreeMap<Key, i64>,
}

impl Tally {
    /// Nothing yet; only what falls on these days will count.
    #[must_use]
    pub const fn of(days: Days) -> Self {
        Self {
            days,
            numbers: BTreeMap::new(),
        }
    }

    /// Counts one more.
    pub fn add(&mut self, name: impl Into<String>, place: Place<'_>, day: Date) {
        if !self.days.hold(day) {
            return;
        }
        let key = Key {
            name: name.into(),
            pathway: place.pathway.to_owned(),
            establishment: place.establishment.to_owned(),
            month: day.strftime("%Y-%m").to_string(),
        };
        *self.numbers.entry(key).or_insert(0) += 1;
    }

    /// Adds what is kept, of months that are wholly in the days; gives the months that are partly
    /// in them, and so left out.
    pub fn add_kept(&mut self, kept: &[Count]) -> Vec<String> {
        let mut left_out = Vec::new();
        for count in kept {
            match self.days.share_of(&count.month) {
                Share::None => {}
                Share::Part => left_out.push(count.month.clone()),
                Share::Whole => {
                    let key = Key {
                        name: count.name.clone(),
                        pathway: count.pathway.clone(),
                        establishment: count.establishment.clone(),
                        month: count.month.clone(),
                    };
                    *self.numbers.entry(key).or_insert(0) += count.value;
                }
            }
        }
        left_out.sort();
        left_out.dedup();
        left_out
    }

    /// What this has and the other has not, as counters; what is equal is left out.
    #[must_use]
    pub fn less(mut self, other: &Self) -> Vec<Count> {
        for (key, value) in &other.numbers {
            *self.numbers.entry(key.clone()).or_insert(0) -= value;
        }
        let changed = self.numbers.into_iter().filter(|(_, value)| *value != 0);
        changed
            .map(|(key, value)| Count {
                name: key.name,
                pathway: key.pathway,
                establishment: key.establishment,
                month: key.month,
                value,
            })
            .collect()
    }

    /// All numbers that are not zero, in order.
    pub fn numbers(&self) -> impl Iterator<Item = (&Key, i64)> {
        let numbers = self.numbers.iter().map(|(key, value)| (key, *value));
        numbers.filter(|(_, value)| *value != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place {
        pathway: "https://p",
        establishment: "Organization/a",
    };

    fn day(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn days(first: &str, last: &str) -> Days {
        Days {
            first: day(first),
            last: day(last),
        }
    }

    #[test]
    fn only_the_days_that_are_asked_for_count() {
        let mut tally = Tally::of(days("2020-05-11", "2020-06-23"));
        for on in ["2020-05-10", "2020-05-11", "2020-06-23", "2020-06-24"] {
            tally.add("started", PLACE, day(on));
        }
        let numbers: Vec<_> = tally
            .numbers()
            .map(|(key, n)| (key.month.as_str(), n))
            .collect();
        assert_eq!(numbers, [("2020-05", 1), ("2020-06", 1)]);
    }

    #[test]
    fn what_is_kept_counts_by_whole_months_and_the_rest_is_told() {
        let kept = |month: &str| Count {
            name: "started".into(),
            pathway: "https://p".into(),
            establishment: String::new(),
            month: month.into(),
            value: 3,
        };
        let kept = [kept("2020-04"), kept("2020-05"), kept("2020-06")];
        let mut tally = Tally::of(days("2020-05-01", "2020-06-23"));
        assert_eq!(tally.add_kept(&kept), ["2020-06"]);
        assert_eq!(tally.numbers().map(|(_, n)| n).sum::<i64>(), 3);
        let mut all = Tally::of(Days::ALL);
        assert!(all.add_kept(&kept).is_empty());
        assert_eq!(all.numbers().map(|(_, n)| n).sum::<i64>(), 9);
    }

    #[test]
    fn a_difference_may_be_negative() {
        let (mut before, mut after) = (Tally::of(Days::ALL), Tally::of(Days::ALL));
        before.add("people", PLACE, day("2020-05-11"));
        after.add("people", PLACE, day("2020-06-11"));
        let less = before.less(&after);
        let months: Vec<_> = less.iter().map(|c| (c.month.as_str(), c.value)).collect();
        assert_eq!(months, [("2020-05", 1), ("2020-06", -1)]);
    }
}
