//! A report as a MeasureReport, and as a table.
//!
//! Specification: <http://hl7.org/fhir/R4/measurereport.html>. A count that is masked is absent,
//! and says so: <http://hl7.org/fhir/R4/extension-data-absent-reason.html>.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

use super::{
    catalogue::Dimension,
    contribution::MINUTES,
    measure::{Group, Measure, Population},
    report::{Line, Part, Report, Scored, Shown},
    table::{Style, Table},
    tally::Days,
};
use crate::{
    fhir::{
        canonical::{FIGURE, LEFT_OUT_MONTH},
        date,
    },
    kernel::problem::Result,
};

const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// When and of what days a report is.
#[derive(Debug, Clone)]
pub struct Heading {
    /// The days.
    pub days: Days,
    /// When it was made.
    pub at: Timestamp,
    /// Months of which something is left out.
    pub left_out: Vec<String>,
}

/// The report as a resource.
#[must_use]
pub fn resource(measure: &Measure, report: &Report, heading: &Heading) -> Value {
    let group: Vec<Value> = measure
        .groups
        .iter()
        .zip(&report.groups)
        .map(|(group, part)| group_of(group, part))
        .collect();
    let mut period = json!({});
    let Days { first, last } = heading.days;
    if first != Date::MIN {
        period["start"] = first.to_string().into();
    }
    if last != Date::MAX {
        period["end"] = last.to_string().into();
    }
    if first == Date::MIN && last == Date::MAX {
        // All days up to now: a period has to say something.
        period["end"] = date::instant(heading.at).into();
    }
    let mut tree = json!({
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": measure.canonical,
        "date": date::instant(heading.at),
        "period": period,
        "group": group,
    });
    if !heading.left_out.is_empty() {
        let months = heading.left_out.iter();
        tree["extension"] = months
            .map(|month| json!({ "url": LEFT_OUT_MONTH, "valueString": month }))
            .collect();
    }
    tree
}

fn group_of(group: &Group, part: &Part) -> Value {
    let mut tree = json!({ "population": populations(group, &part.whole) });
    if !group.code.is_null() {
        tree["code"] = group.code.clone();
    }
    if let Some(score) = part.whole.score {
        tree["measureScore"] = quantity(score);
    }
    let stratifiers: Vec<Value> = group
        .stratifiers
        .iter()
        .zip(&part.strata)
        .map(|(stratifier, lines)| {
            let stratum: Vec<Value> = lines
                .iter()
                .map(|(value, line)| {
                    let mut stratum = json!({
                        "value": concept(stratifier.dimension, value),
                        "population": populations(group, line),
                    });
                    if let Some(score) = line.score {
                        stratum["measureScore"] = quantity(score);
                    }
                    stratum
                })
                .collect();
            let mut tree = json!({ "code": [stratifier.code] });
            if !stratum.is_empty() {
                tree["stratum"] = Value::Array(stratum);
            }
            tree
        })
        .collect();
    if !stratifiers.is_empty() {
        tree["stratifier"] = Value::Array(stratifiers);
    }
    tree
}

fn populations(group: &Group, line: &Line) -> Vec<Value> {
    let pairs = group.populations.iter().zip(&line.counts);
    pairs
        .map(|(population, shown)| match shown {
            Shown::Count(count) => json!({ "code": coded(population), "count": count }),
            Shown::Masked => json!({
                "code": coded(population),
                "_count": { "extension": [{ "url": DATA_ABSENT_REASON, "valueCode": "masked" }] },
            }),
        })
        .collect()
}

/// The population's own code, and that of its figure beside it.
fn coded(population: &Population) -> Value {
    let mut code = population.code.clone();
    let figure = json!({ "system": FIGURE, "code": population.figure.code });
    match code["coding"].as_array_mut() {
        Some(codings) if codings.iter().any(|one| one["system"] == FIGURE) => {}
        Some(codings) => codings.push(figure),
        None => code = json!({ "coding": [figure] }),
    }
    code
}

fn concept(dimension: Dimension, value: &str) -> Value {
    match dimension.system() {
        _ if value.is_empty() => json!({ "text": "-" }),
        Some(system) => json!({ "coding": [{ "system": system, "code": value }], "text": value }),
        None => json!({ "text": value }),
    }
}

fn quantity(score: Scored) -> Value {
    let minutes = |value: u32, comparator: &str| {
        json!({
            "value": value,
            "comparator": comparator,
            "unit": "min",
            "system": "http://unitsofmeasure.org",
            "code": "min",
        })
    };
    match score {
        Scored::Share(share) => json!({
            "value": rounded(share),
            "unit": "1",
            "system": "http://unitsofmeasure.org",
            "code": "1",
        }),
        Scored::Within(bound) => minutes(bound, "<="),
        Scored::Beyond => minutes(longest(), ">"),
    }
}

fn longest() -> u32 {
    MINUTES.last().copied().unwrap_or_default()
}

/// Four digits tell one of some thousands apart.
fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

/// The report as a table: a row for each number.
///
/// # Errors
/// `Fault`, if it cannot be written.
pub fn table(measure: &Measure, report: &Report, style: Style) -> Result<Vec<u8>> {
    let mut table = Table::new(
        style,
        [
            "group",
            "stratifier",
            "stratum",
            "figure",
            "count",
            "score",
            "masked",
        ],
    )?;
    for (group, part) in measure.groups.iter().zip(&report.groups) {
        rows(&mut table, group, ("", ""), &part.whole)?;
        for (stratifier, lines) in group.stratifiers.iter().zip(&part.strata) {
            let name = code_of(&stratifier.code);
            for (value, line) in lines {
                rows(&mut table, group, (&name, value), line)?;
            }
        }
    }
    table.finish()
}

fn rows(
    table: &mut Table,
    group: &Group,
    (stratifier, stratum): (&str, &str),
    line: &Line,
) -> Result<()> {
    let name = code_of(&group.code);
    for (population, shown) in group.populations.iter().zip(&line.counts) {
        let (count, masked) = match shown {
            Shown::Count(count) => (count.to_string(), ""),
            Shown::Masked => (String::new(), "masked"),
        };
        let figure = population.figure.code;
        table.row([&name, stratifier, stratum, figure, &count, "", masked])?;
    }
    if group.score.is_some() {
        let score = match line.score {
            None => String::new(),
            Some(Scored::Share(share)) => rounded(share).to_string(),
            Some(Scored::Within(bound)) => bound.to_string(),
            Some(Scored::Beyond) => format!("> {}", longest()),
        };
        table.row([&name, stratifier, stratum, "score", "", &score, ""])?;
    }
    Ok(())
}

fn code_of(concept: &Value) -> String {
    let code = concept["coding"][0]["code"].as_str();
    code.or(concept["text"].as_str())
        .unwrap_or_default()
        .to_owned()
}
