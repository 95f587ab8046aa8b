//! Reports on a Measure made for them.

use jiff::civil::Date;
use serde_json::json;

use super::*;
use crate::{
    fhir::canonical::FIGURE_DIMENSION,
    figures::tally::{Days, Place},
};

const POPULATION: &str = "http://terminology.hl7.org/CodeSystem/measure-population";

fn measure() -> Measure {
    let population = |role: &str, expression: &str| {
        json!({
            "code": { "coding": [{ "system": POPULATION, "code": role }] },
            "criteria": { "language": "text/x-vigie-figure", "expression": expression },
        })
    };
    let by = |code: &str| json!({ "code": { "coding": [{ "system": FIGURE_DIMENSION, "code": code }] } });
    let tree = json!({
        "url": "https://m", "version": "1",
        "group": [
            {
                "population": [
                    population("numerator", "reports-answered"),
                    population("denominator", "reports-due"),
                ],
                "stratifier": [by("establishment"), by("month")],
            },
            {
                "population": [
                    population("initial-population", "alerts-acknowledged"),
                    population("measure-observation", "median-minutes"),
                ],
                "stratifier": [by("level")],
            },
        ],
    });
    Measure::read(&tree).expect("a Measure")
}

fn tally(numbers: &[(&str, &str, usize)]) -> Tally {
    let day: Date = "2020-05-18".parse().expect("a date");
    let mut tally = Tally::of(Days::ALL);
    for (name, establishment, count) in numbers {
        let place = Place {
            pathway: "https://p",
            establishment,
        };
        for _ in 0..*count {
            tally.add(*name, place, day);
        }
    }
    tally
}

fn reports() -> Tally {
    tally(&[
        ("report-answered", "Organization/a", 6),
        ("report-late", "Organization/a", 2),
        ("report-missed", "Organization/a", 2),
        ("report-answered", "Organization/b", 1),
        ("report-missed", "Organization/b", 1),
        ("report-answered", "Organization/c", 9),
        ("acknowledged/urgent/5", "Organization/a", 3),
        ("acknowledged/urgent/60", "Organization/a", 2),
        ("acknowledged/simple/more", "Organization/a", 1),
    ])
}

fn everybody(tally: &Tally, small_cell: u32) -> Report {
    report(&measure(), tally, &Narrowing::default(), small_cell)
}

#[test]
fn shares_and_strata_are_counted_from_the_same_numbers() {
    let report = everybody(&reports(), 0);
    let answered = &report.groups[0];
    assert_eq!(answered.whole.counts, [Shown::Count(18), Shown::Count(21)]);
    let by_establishment = &answered.strata[0];
    assert_eq!(by_establishment.len(), 3);
    assert_eq!(by_establishment[0].0, "Organization/a");
    assert_eq!(by_establishment[0].1.score, Some(Scored::Share(0.8)));
    assert_eq!(answered.strata[1].len(), 1, "one month");
    let seen = &report.groups[1];
    assert_eq!(seen.whole.score, Some(Scored::Within(5)));
    let levels: Vec<_> = seen.strata[0]
        .iter()
        .map(|(level, line)| (level.as_str(), line.score))
        .collect();
    let expected = [
        ("simple", Some(Scored::Beyond)),
        ("urgent", Some(Scored::Within(5))),
    ];
    assert_eq!(levels, expected);
}

#[test]
fn few_are_masked_and_so_is_what_would_betray_them() {
    let report = everybody(&reports(), 5);
    let by_establishment = &report.groups[0].strata[0];
    let shown: Vec<_> = by_establishment
        .iter()
        .map(|(_, line)| line.counts.clone())
        .collect();
    // `b` has 1 and 2; of the others, the smallest of each goes with it: 8 of `a`, 9 of `c`.
    let expected = [
        [Shown::Masked, Shown::Count(10)],
        [Shown::Masked, Shown::Masked],
        [Shown::Count(9), Shown::Masked],
    ];
    assert_eq!(shown, expected);
    assert!(
        by_establishment
            .iter()
            .all(|(_, line)| line.score.is_none())
    );
    assert_eq!(report.groups[0].whole.counts[1], Shown::Count(21));
}

#[test]
fn nobody_is_not_few() {
    let report = everybody(&tally(&[("report-missed", "Organization/a", 9)]), 5);
    let whole = &report.groups[0].whole;
    assert_eq!(whole.counts, [Shown::Count(0), Shown::Count(9)]);
    assert_eq!(whole.score, Some(Scored::Share(0.0)));
}

#[test]
fn one_establishment_sees_its_own() {
    let narrowing = Narrowing {
        establishment: Some("Organization/b".into()),
        ..Narrowing::default()
    };
    let report = report(&measure(), &reports(), &narrowing, 0);
    assert_eq!(report.groups[0].whole.counts[1], Shown::Count(2));
}

#[test]
fn what_a_measure_names_that_is_not_kept_is_refused_with_its_place() {
    let tree = json!({ "group": [{
        "population": [{ "criteria": { "expression": "age" } }],
        "stratifier": [{ "code": { "coding": [{ "system": FIGURE_DIMENSION, "code": "sex" }] } }],
    }] });
    let problem = Measure::read(&tree).expect_err("refused");
    let places: Vec<_> = problem
        .issues
        .iter()
        .filter_map(|issue| issue.expression.as_deref())
        .collect();
    let expected = [
        "Measure.group[0].population[0]",
        "Measure.group[0].stratifier[0]",
    ];
    assert_eq!(places, expected);
}
