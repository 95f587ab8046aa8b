//! What a Measure asks for: groups of figures, and by what they are parted.
//!
//! A population's `criteria.expression` names a figure (a code of the CodeSystem `figure`), a
//! stratifier's code a dimension (`figure-dimension`). The populations `numerator` and
//! `denominator` make a proportion; a `measure-observation` that names `median-minutes` or
//! `p90-minutes` a time to acknowledge. Specification: <http://hl7.org/fhir/R4/measure.html>.

use serde_json::Value;

use super::catalogue::{Dimension, Figure};
use crate::{
    fhir::canonical::{FIGURE_DIMENSION, code_in},
    kernel::problem::{Category, Issue, Problem, Result},
};

/// The codes of populations in FHIR.
const POPULATION: &str = "http://terminology.hl7.org/CodeSystem/measure-population";

/// A Measure, read.
#[derive(Debug, Clone)]
pub struct Measure {
    /// `url|version`.
    pub canonical: String,
    /// Its groups.
    pub groups: Vec<Group>,
}

/// Figures that belong together.
#[derive(Debug, Clone)]
pub struct Group {
    /// `Measure.group.code`.
    pub code: Value,
    /// What is counted.
    pub populations: Vec<Population>,
    /// The one number that the group comes to.
    pub score: Option<Score>,
    /// By what it is parted.
    pub stratifiers: Vec<Stratifier>,
}

/// One figure of a group.
#[derive(Debug, Clone)]
pub struct Population {
    /// `Measure.group.population.code`.
    pub code: Value,
    /// The figure.
    pub figure: &'static Figure,
}

/// The one number that a group comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Score {
    /// A share: the places of numerator and denominator among the populations.
    Proportion(usize, usize),
    /// The minutes within which so many percent of the alerts were acknowledged.
    Minutes(u32),
}

/// By what a group is parted.
#[derive(Debug, Clone)]
pub struct Stratifier {
    /// `Measure.group.stratifier.code`.
    pub code: Value,
    /// The dimension.
    pub dimension: Dimension,
}

impl Measure {
    /// Reads a Measure.
    ///
    /// # Errors
    /// `Invalid`, with the place of everything that names no figure or dimension.
    pub fn read(tree: &Value) -> Result<Self> {
        let mut faults = Vec::new();
        let list = tree["group"].as_array().map(Vec::as_slice);
        let groups: Vec<Group> = list
            .unwrap_or_default()
            .iter()
            .enumerate()
            .map(|(n, group)| read_group(group, &format!("Measure.group[{n}]"), &mut faults))
            .collect();
        if groups.is_empty() {
            let says = "A Measure without groups asks for nothing.";
            faults.push(Issue::error("required", says).at("Measure.group"));
        }
        if !faults.is_empty() {
            return Err(Problem::with_issues(Category::Invalid, faults));
        }
        let text = |name: &str| tree[name].as_str().unwrap_or_default();
        let canonical = match (text("url"), text("version")) {
            ("", _) => format!("Measure/{}", text("id")),
            (url, "") => url.to_owned(),
            (url, version) => format!("{url}|{version}"),
        };
        Ok(Self { canonical, groups })
    }
}

fn read_group(group: &Value, place: &str, faults: &mut Vec<Issue>) -> Group {
    let (mut populations, mut score) = (Vec::new(), None);
    let (mut numerator, mut denominator) = (None, None);
    let list = group["population"].as_array().into_iter().flatten();
    for (n, population) in list.enumerate() {
        let name = population["criteria"]["expression"].as_str();
        let role = code_in(&population["code"], POPULATION);
        if role == Some("measure-observation") {
            match name.and_then(percent) {
                Some(percent) => score = Some(Score::Minutes(percent)),
                None => faults.push(unknown(place, "population", n)),
            }
            continue;
        }
        let Some(figure) = name.and_then(Figure::of_code) else {
            faults.push(unknown(place, "population", n));
            continue;
        };
        match role {
            Some("numerator") => numerator = Some(populations.len()),
            Some("denominator") => denominator = Some(populations.len()),
            _ => {}
        }
        let code = population["code"].clone();
        populations.push(Population { code, figure });
    }
    if let (Some(numerator), Some(denominator)) = (numerator, denominator) {
        score = Some(Score::Proportion(numerator, denominator));
    }
    let stratifiers = read_stratifiers(group, place, &populations, faults);
    Group {
        code: group["code"].clone(),
        populations,
        score,
        stratifiers,
    }
}

fn read_stratifiers(
    group: &Value,
    place: &str,
    populations: &[Population],
    faults: &mut Vec<Issue>,
) -> Vec<Stratifier> {
    let mut stratifiers = Vec::new();
    let list = group["stratifier"].as_array().into_iter().flatten();
    for (n, stratifier) in list.enumerate() {
        let code = stratifier["code"].clone();
        let dimension = code_in(&code, FIGURE_DIMENSION).and_then(Dimension::of_code);
        match dimension {
            Some(dimension) if populations.iter().any(|one| one.figure.has(dimension)) => {
                stratifiers.push(Stratifier { code, dimension });
            }
            _ => faults.push(unknown(place, "stratifier", n)),
        }
    }
    stratifiers
}

fn percent(name: &str) -> Option<u32> {
    match name {
        "median-minutes" => Some(50),
        "p90-minutes" => Some(90),
        _ => None,
    }
}

fn unknown(place: &str, what: &str, n: usize) -> Issue {
    let says = match what {
        "population" => "The criteria's expression names no figure that is kept.",
        _ => "The code names nothing by which a figure of this group can be parted.",
    };
    Issue::error("not-supported", says).at(format!("{place}.{what}[{n}]"))
}
