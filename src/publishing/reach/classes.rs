//! Classes of answers that an expression cannot tell apart, one representative each.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::publishing::{
    expression::Reads,
    form::{Form, Kind, Question},
};

/// Most options of a question that may be answered several times, for which every selection is
/// tried.
const SELECTIONS_OF_MAX: usize = 6;

/// Most values of a whole number that are tried one by one.
const VALUES_MAX: i64 = 300;

/// One class of answers to a question.
#[derive(Debug, Clone)]
pub struct Class {
    /// The answers, as in an item; empty for none.
    pub answers: Vec<Value>,
    /// Whether an answer that conforms to the form may be of it.
    pub conforms: bool,
}

/// The classes of one question.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The question's `linkId`.
    pub link: String,
    /// Its classes.
    pub classes: Vec<Class>,
}

/// What is combined: classes of the current answer, of the previous one, and days.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The questions of the current answer.
    pub current: Vec<Choice>,
    /// Whether a previous answer is tried: none, and each combination as for the current one.
    pub previous: bool,
    /// The days, each with whether it is one of the pathway's; at least one.
    pub days: Vec<(i64, bool)>,
}

impl Plan {
    /// The combinations of one answer.
    fn of_one(&self) -> usize {
        let classes = self.current.iter().map(|choice| choice.classes.len());
        classes.fold(1, usize::saturating_mul)
    }

    /// All of them.
    pub fn combinations(&self) -> usize {
        let previous = if self.previous {
            self.of_one().saturating_add(1)
        } else {
            1
        };
        self.of_one()
            .saturating_mul(previous)
            .saturating_mul(self.days.len())
    }
}

/// What several expressions read together.
pub fn joined(a: Reads, b: Reads) -> Reads {
    Reads {
        links: a.links.zip(b.links).map(|(mut a, b)| {
            a.extend(b);
            a
        }),
        previous: a.previous || b.previous,
        day: a.day || b.day,
        more: a.more || b.more,
        calculates: a.calculates || b.calculates,
        literals: a.literals.into_iter().chain(b.literals).collect(),
    }
}

/// What has to be combined to try out expressions that read this; none where it has no end.
pub fn plan(reads: &Reads, form: &Form, last_day: u32) -> Option<Plan> {
    let links: Vec<&String> = match &reads.links {
        Some(links) => links.iter().collect(),
        None => form.questions.keys().collect(),
    };
    let mut current = Vec::new();
    for link in links {
        match form.questions.get(link) {
            Some(question) => current.push(Choice {
                link: link.clone(),
                classes: classes(question, reads)?,
            }),
            // A group is there when something in it was answered: that is not followed up.
            None if form.links.contains(link) => return None,
            // A question of another form of the pathway.
            None => {}
        }
    }
    Some(Plan {
        current,
        previous: reads.previous,
        days: days(reads, last_day)?,
    })
}

fn days(reads: &Reads, last_day: u32) -> Option<Vec<(i64, bool)>> {
    let last = i64::from(last_day);
    if !reads.day {
        return Some(vec![(1, true)]);
    }
    if reads.calculates {
        return None;
    }
    let literals = reads.literals.iter().filter_map(|literal| {
        let whole = literal.trunc().to_string();
        whole.parse::<i64>().ok()
    });
    let days: BTreeSet<i64> = literals
        .flat_map(|literal| [literal - 1, literal, literal + 1])
        .chain([1, last])
        .collect();
    Some(
        days.into_iter()
            .map(|day| (day, (1..=last).contains(&day)))
            .collect(),
    )
}

fn classes(question: &Question, reads: &Reads) -> Option<Vec<Class>> {
    let mut classes = vec![Class {
        answers: Vec::new(),
        conforms: !question.always,
    }];
    let values: Vec<Vec<Value>> = match question.kind {
        Kind::Boolean => [true, false]
            .map(|value| vec![json!({ "valueBoolean": value })])
            .to_vec(),
        Kind::Choice => selections(question)?,
        Kind::Integer => integers(question, reads)?,
        Kind::Decimal => decimals(question, reads)?
            .into_iter()
            .map(|number| Some(vec![json!({ "valueDecimal": json_number(number)? })]))
            .collect::<Option<_>>()?,
        Kind::Quantity => quantities(question, reads)?,
        Kind::OpenChoice | Kind::Text | Kind::Date | Kind::Time | Kind::Other => return None,
    };
    if question.repeats && question.kind != Kind::Choice {
        return None;
    }
    classes.extend(values.into_iter().map(|answers| Class {
        answers,
        conforms: true,
    }));
    Some(classes)
}

/// Each option; each selection of them where several may be given.
fn selections(question: &Question) -> Option<Vec<Vec<Value>>> {
    let options: Vec<Value> = question
        .options
        .as_ref()?
        .iter()
        .map(|coding| json!({ "valueCoding": coding }))
        .collect();
    if !question.repeats {
        return Some(options.into_iter().map(|option| vec![option]).collect());
    }
    if options.len() > SELECTIONS_OF_MAX {
        return None;
    }
    let selections = 1u32..(1 << options.len());
    Some(
        selections
            .map(|selection| {
                let chosen = options.iter().enumerate();
                chosen
                    .filter(|(n, _)| selection & (1 << n) != 0)
                    .map(|(_, option)| option.clone())
                    .collect()
            })
            .collect(),
    )
}

fn integers(question: &Question, reads: &Reads) -> Option<Vec<Vec<Value>>> {
    let whole = |bound: Decimal| bound.trunc().to_string().parse::<i64>().ok();
    let (least, greatest) = question.bounds;
    let (least, greatest) = (least.and_then(whole), greatest.and_then(whole));
    let values: BTreeSet<i64> = if reads.calculates {
        let (least, greatest) = (least?, greatest?);
        if greatest.checked_sub(least)? > VALUES_MAX {
            return None;
        }
        (least..=greatest).collect()
    } else {
        let literals = reads.literals.iter().filter_map(|literal| whole(*literal));
        literals
            .flat_map(|literal| [literal - 1, literal, literal + 1])
            .chain([0])
            .chain(least)
            .chain(greatest)
            .filter(|value| least.is_none_or(|least| *value >= least))
            .filter(|value| greatest.is_none_or(|greatest| *value <= greatest))
            .collect()
    };
    Some(
        values
            .into_iter()
            .map(|value| vec![json!({ "valueInteger": value })])
            .collect(),
    )
}

/// One number below all literals, one above them, each of them and one between each two, as far
/// as the form's bounds let them be.
fn decimals(question: &Question, reads: &Reads) -> Option<Vec<Decimal>> {
    if reads.calculates {
        return None;
    }
    let (least, greatest) = question.bounds;
    let mut points: BTreeSet<Decimal> = reads.literals.iter().copied().collect();
    points.extend([Decimal::ZERO].into_iter().chain(least).chain(greatest));
    let points: Vec<Decimal> = points.into_iter().collect();
    let mut values = BTreeSet::new();
    for pair in points.windows(2) {
        if let [a, b] = pair {
            values.insert(a.checked_add(*b)?.checked_div(Decimal::TWO)?);
        }
    }
    values.insert(points.first()?.checked_sub(Decimal::ONE)?);
    values.insert(points.last()?.checked_add(Decimal::ONE)?);
    values.extend(points);
    let within = |value: &Decimal| {
        least.is_none_or(|least| *value >= least)
            && greatest.is_none_or(|greatest| *value <= greatest)
    };
    Some(values.into_iter().filter(within).collect())
}

/// The same, in each unit that the form offers.
fn quantities(question: &Question, reads: &Reads) -> Option<Vec<Vec<Value>>> {
    let mut answers = Vec::new();
    for number in decimals(question, reads)? {
        let value = json_number(number)?;
        if question.units.is_empty() {
            answers.push(vec![json!({ "valueQuantity": { "value": value } })]);
        }
        for unit in &question.units {
            answers.push(vec![json!({ "valueQuantity": {
                "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit,
            } })]);
        }
    }
    Some(answers)
}

fn json_number(number: Decimal) -> Option<Value> {
    serde_json::from_str(&number.to_string()).ok()
}
