//! The numbers that answer a Measure, with small ones masked: pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    catalogue::{Dimension, minutes, percentile},
    measure::{Group, Measure, Score},
    tally::{Key, Tally},
};

/// A report on a Measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The groups, in the Measure's order.
    pub groups: Vec<Part>,
}

/// The numbers of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Of all.
    pub whole: Line,
    /// For each stratifier, each value and its numbers.
    pub strata: Vec<Vec<(String, Line)>>,
}

/// One number for each population, and what they come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The counts.
    pub counts: Vec<Shown>,
    /// The score, where there is one to tell.
    pub score: Option<Scored>,
}

/// A count, or that it is too small to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// So many.
    Count(i64),
    /// Few, or what would betray how few.
    Masked,
}

/// What counts come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scored {
    /// A share from 0 to 1.
    Share(f64),
    /// At most so many minutes.
    Within(u32),
    /// More minutes than the longest span.
    Beyond,
}

/// Whose numbers are wanted; none: everybody's.
#[derive(Debug, Clone, Default)]
pub struct Narrowing {
    /// The pathway's canonical URL, without its version.
    pub pathway: Option<String>,
    /// `Organization/{id}`.
    pub establishment: Option<String>,
}

impl Narrowing {
    fn holds(&self, key: &Key) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        is(&self.pathway, &key.pathway) && is(&self.establishment, &key.establishment)
    }
}

/// Answers a Measure; counts below `small_cell` are masked, zero apart.
#[must_use]
pub fn report(measure: &Measure, tally: &Tally, narrowing: &Narrowing, small_cell: u32) -> Report {
    let numbers: Vec<(&Key, i64)> = tally
        .numbers()
        .filter(|(key, _)| narrowing.holds(key))
        .collect();
    let groups = measure.groups.iter();
    Report {
        groups: groups
            .map(|group| part(group, &numbers, small_cell))
            .collect(),
    }
}

fn part(group: &Group, numbers: &[(&Key, i64)], small_cell: u32) -> Part {
    let mut whole = line(group, numbers, |_, _| true);
    let mut strata = Vec::new();
    for stratifier in &group.stratifiers {
        let dimension = stratifier.dimension;
        let mut lines: Vec<(String, Line)> = values(group, numbers, dimension)
            .into_iter()
            .map(|value| {
                let line = line(group, numbers, |at, key| {
                    group.populations[at].figure.value(key, dimension) == Some(value.as_str())
                });
                (value, line)
            })
            .collect();
        mask_strata(&mut lines, &whole, small_cell);
        strata.push(lines);
    }
    mask(&mut whole, group, small_cell);
    for lines in &mut strata {
        for (_, line) in lines {
            settle_score(line, group);
        }
    }
    Part { whole, strata }
}

/// The values that a dimension has among the numbers of a group.
fn values(group: &Group, numbers: &[(&Key, i64)], dimension: Dimension) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    for population in &group.populations {
        let figure = population.figure;
        let own = numbers.iter().filter(|(key, _)| figure.holds(key));
        values.extend(own.filter_map(|(key, _)| figure.value(key, dimension).map(str::to_owned)));
    }
    values
}

/// The numbers that `takes` lets in, by the place of their population.
fn line(group: &Group, numbers: &[(&Key, i64)], takes: impl Fn(usize, &Key) -> bool) -> Line {
    let own = |at: usize| {
        let figure = group.populations[at].figure;
        let numbers = numbers.iter();
        let takes = &takes;
        numbers.filter(move |(key, _)| figure.holds(key) && takes(at, key))
    };
    let counts: Vec<i64> = (0..group.populations.len())
        .map(|at| own(at).map(|(_, count)| count).sum())
        .collect();
    let score = match group.score {
        Some(Score::Proportion(numerator, denominator)) => {
            share(counts[numerator], counts[denominator])
        }
        Some(Score::Minutes(percent)) => {
            let mut seen: BTreeMap<Option<u32>, i64> = BTreeMap::new();
            for at in 0..group.populations.len() {
                let figure = group.populations[at].figure;
                for (key, count) in own(at) {
                    if let Some(text) = figure.value(key, Dimension::Detail("minutes")) {
                        *seen.entry(minutes(text)).or_default() += count;
                    }
                }
            }
            let seen: Vec<_> = seen.into_iter().collect();
            percentile(&seen, percent).map(|bound| bound.map_or(Scored::Beyond, Scored::Within))
        }
        None => None,
    };
    Line {
        counts: counts.into_iter().map(Shown::Count).collect(),
        score,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of people are far below 2^52"
)]
fn share(numerator: i64, denominator: i64) -> Option<Scored> {
    (denominator > 0).then(|| Scored::Share(numerator as f64 / denominator as f64))
}

const fn is_small(shown: Shown, small_cell: u32) -> bool {
    match shown {
        Shown::Count(count) => count > 0 && count < small_cell as i64,
        Shown::Masked => false,
    }
}

/// Masks small counts of strata; where only one is masked, the smallest of the others goes with
/// it, as it could be reckoned from the whole.
fn mask_strata(lines: &mut [(String, Line)], whole: &Line, small_cell: u32) {
    for at in 0..whole.counts.len() {
        let small: Vec<usize> = (0..lines.len())
            .filter(|n| is_small(lines[*n].1.counts[at], small_cell))
            .collect();
        for n in &small {
            lines[*n].1.counts[at] = Shown::Masked;
        }
        if let [_] = small[..] {
            let rest = lines
                .iter_mut()
                .filter_map(|(_, line)| match line.counts[at] {
                    Shown::Count(count) if count > 0 => Some((count, &mut line.counts[at])),
                    _ => None,
                });
            if let Some((_, next)) = rest.min_by_key(|(count, _)| *count) {
                *next = Shown::Masked;
            }
        }
    }
}

fn mask(line: &mut Line, group: &Group, small_cell: u32) {
    for shown in &mut line.counts {
        if is_small(*shown, small_cell) {
            *shown = Shown::Masked;
        }
    }
    settle_score(line, group);
}

/// A score of counts that are masked would tell them.
fn settle_score(line: &mut Line, group: &Group) {
    let told = match group.score {
        Some(Score::Proportion(numerator, denominator)) => [numerator, denominator]
            .iter()
            .all(|at| line.counts[*at] != Shown::Masked),
        Some(Score::Minutes(_)) => !line.counts.contains(&Shown::Masked),
        None => true,
    };
    if !told {
        line.score = None;
    }
}

#[cfg(test)]
mod tests;
