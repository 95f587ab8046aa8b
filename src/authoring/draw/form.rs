//! Filling a form by chance: only items that are enabled, mostly all that are required.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaire.html>.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use serde_json::{Value, json};

use super::{
    Dice,
    points::{Points, tenths},
};

/// Of a thousand required items, those answered all the same; of others, those answered.
const REQUIRED: i64 = 970;
const OPTIONAL: i64 = 750;

/// Of a thousand answers, those that stay as they were in the report before.
const STAYS: i64 = 400;

/// Of a thousand numbers, those around one that the rules name.
const AROUND: i64 = 550;

/// How often a yes-or-no is yes in a course, of a thousand: drawn once for each course and item.
const YES: [i64; 4] = [40, 40, 200, 850];

/// The bounds of a number, in tenths, where the form gives none.
const BOUNDS: (i64, i64) = (0, 1_000);

/// Texts that a program may stumble over.
const TEXTS: [&str; 4] = [
    "RAS",
    "Un peu mieux, merci.",
    "=1+1",
    "œdème <5 mm> & \"froid\"",
];

/// Answers by link id.
pub(super) type Given = BTreeMap<String, Vec<Value>>;

/// Fills one form.
pub(super) struct Filler<'a> {
    pub dice: Dice,
    pub seed: i64,
    pub date: Date,
    pub points: &'a Points,
    /// What was answered in the report before.
    pub before: &'a Given,
    /// What is answered in this one, so far.
    pub given: Given,
}

impl Filler<'_> {
    /// The items of the response.
    pub fn fill(&mut self, items: &Value) -> Vec<Value> {
        let mut filled = Vec::new();
        for item in items.as_array().into_iter().flatten() {
            let link_id = item["linkId"].as_str().unwrap_or_default();
            if link_id.is_empty() || !is_enabled(item, &self.given) {
                continue;
            }
            let mut line = json!({ "linkId": link_id });
            if item["type"] == "group" {
                let inner = self.fill(&item["item"]);
                if inner.is_empty() {
                    continue;
                }
                line["item"] = inner.into();
            } else {
                let mut answers = self.answers(item, link_id);
                if answers.is_empty() {
                    continue;
                }
                self.given.insert(link_id.to_owned(), answers.clone());
                let inner = self.fill(&item["item"]);
                if !inner.is_empty() {
                    answers[0]["item"] = inner.into();
                }
                line["answer"] = answers.into();
            }
            filled.push(line);
        }
        filled
    }

    /// The answers to one question; none where it is passed over.
    fn answers(&self, item: &Value, link_id: &str) -> Vec<Value> {
        let answered = if item["required"] == true {
            REQUIRED
        } else {
            OPTIONAL
        };
        let (is_answered, stays) = (self.dice.chance(answered), self.dice.chance(STAYS));
        if !is_answered {
            return Vec::new();
        }
        let before = self.before.get(link_id).filter(|_| stays);
        if let Some(before) = before {
            return before.clone();
        }
        let mut drawn: Vec<Value> = self.draw(item, link_id).into_iter().collect();
        if item["repeats"] == true && self.dice.chance(200) {
            drawn.extend(self.draw(item, link_id));
            drawn.dedup();
        }
        drawn
    }

    /// One answer, by the type of the question; none for what is not drawn (files, references,
    /// value sets that the form does not hold).
    fn draw(&self, item: &Value, link_id: &str) -> Option<Value> {
        Some(match item["type"].as_str()? {
            "boolean" => {
                let course = Dice::of(self.seed, link_id);
                let yes = *course.pick(&YES)?;
                json!({ "valueBoolean": self.dice.chance(yes) })
            }
            "choice" | "open-choice" => self.choice(item)?,
            "integer" => {
                let whole = self.number(item, link_id) / 10;
                json!({ "valueInteger": whole })
            }
            "decimal" => json!({ "valueDecimal": decimal(self.number(item, link_id))? }),
            "quantity" => {
                let mut quantity = json!({ "value": decimal(self.number(item, link_id))? });
                unit(item, &mut quantity);
                json!({ "valueQuantity": quantity })
            }
            "date" => json!({ "valueDate": self.day() }),
            "dateTime" => json!({ "valueDateTime": self.day() }),
            "time" => json!({ "valueTime": format!("{:02}:30:00", self.dice.between(0, 23)) }),
            "string" | "text" => json!({ "valueString": self.dice.pick(&TEXTS)? }),
            "url" => json!({ "valueUri": "https://form.invalid/" }),
            _ => return None,
        })
    }

    fn choice(&self, item: &Value) -> Option<Value> {
        let options = item["answerOption"].as_array()?;
        let option = self.dice.pick(options)?.as_object()?;
        let (name, value) = option.iter().find(|(name, _)| name.starts_with("value"))?;
        let mut value = value.clone();
        if let Some(members) = value.as_object_mut() {
            // What only the form needs, such as ordinal values, is not part of an answer.
            members.retain(|name, _| matches!(name.as_str(), "system" | "code" | "display"));
        }
        let mut answer = serde_json::Map::new();
        answer.insert(name.clone(), value);
        Some(Value::Object(answer))
    }

    /// A number in tenths, within the bounds of the form.
    fn number(&self, item: &Value, link_id: &str) -> i64 {
        let (least, most) = (
            limit(item, "minValue").unwrap_or(BOUNDS.0),
            limit(item, "maxValue").unwrap_or(BOUNDS.1),
        );
        let named = self.points.get(link_id);
        let around = self.dice.chance(AROUND);
        let point = named.and_then(|points| self.dice.pick(points));
        let drawn = match point.filter(|_| around) {
            // A tenth less or more, or a whole one: just beside the threshold, or on it.
            Some(point) => point + self.dice.pick(&[-10, -1, 0, 0, 1, 10]).unwrap_or(&0),
            None if self.dice.chance(40) => *self.dice.pick(&[least, most]).unwrap_or(&least),
            None => self.dice.between(least, most.max(least)),
        };
        drawn.clamp(least, most.max(least))
    }

    fn day(&self) -> String {
        let before = self.dice.between(0, 5);
        self.date.saturating_sub(before.days()).to_string()
    }
}

/// A decimal from its tenths, whole numbers without a fraction.
fn decimal(tenths: i64) -> Option<Value> {
    let sign = if tenths < 0 { "-" } else { "" };
    let (whole, tenth) = (tenths.abs() / 10, tenths.abs() % 10);
    let text = if tenth == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{tenth}")
    };
    serde_json::from_str(&text).ok()
}

fn extended<'a>(item: &'a Value, name: &str) -> Option<&'a Value> {
    let extensions = item["extension"].as_array()?.iter();
    let mut named = extensions.filter(|one| {
        let url = one["url"].as_str().unwrap_or_default();
        url.rsplit('/').next() == Some(name)
    });
    let (_, value) = named
        .next()?
        .as_object()?
        .iter()
        .find(|(member, _)| member.starts_with("value"))?;
    Some(value)
}

/// A bound of the form, in tenths.
fn limit(item: &Value, name: &str) -> Option<i64> {
    let value = extended(item, name)?;
    let number = value.get("value").unwrap_or(value);
    tenths(&number.to_string())
}

fn unit(item: &Value, quantity: &mut Value) {
    let unit = extended(item, "questionnaire-unitOption").or(extended(item, "questionnaire-unit"));
    if let Some(unit) = unit {
        for (from, to) in [("display", "unit"), ("system", "system"), ("code", "code")] {
            if unit[from].is_string() {
                quantity[to] = unit[from].clone();
            }
        }
    }
}

/// Whether an item is asked, given what has been answered before it.
fn is_enabled(item: &Value, given: &Given) -> bool {
    let Some(conditions) = item["enableWhen"].as_array() else {
        return true;
    };
    let mut met = conditions.iter().map(|condition| {
        let question = condition["question"].as_str().unwrap_or_default();
        is_met(condition, given.get(question).map_or(&[], Vec::as_slice))
    });
    if item["enableBehavior"] == "all" {
        met.all(|met| met)
    } else {
        conditions.is_empty() || met.any(|met| met)
    }
}

fn is_met(condition: &Value, answers: &[Value]) -> bool {
    let wanted = value_of(condition, "answer");
    let operator = condition["operator"].as_str().unwrap_or_default();
    if operator == "exists" {
        return answers.is_empty() != (wanted == Some(&Value::Bool(true)));
    }
    let Some(wanted) = wanted else { return false };
    answers.iter().any(|answer| {
        let Some(value) = value_of(answer, "value") else {
            return false;
        };
        match operator {
            "=" => equal(value, wanted),
            "!=" => !equal(value, wanted),
            _ => compared(value, wanted).is_some_and(|order| match operator {
                ">" => order.is_gt(),
                "<" => order.is_lt(),
                ">=" => order.is_ge(),
                "<=" => order.is_le(),
                _ => false,
            }),
        }
    })
}

fn value_of<'a>(of: &'a Value, prefix: &str) -> Option<&'a Value> {
    let members = of.as_object()?.iter();
    let mut named = members.filter(|(name, _)| name.starts_with(prefix));
    named.next().map(|(_, value)| value)
}

fn equal(value: &Value, wanted: &Value) -> bool {
    if wanted["code"].is_string() {
        return value["code"] == wanted["code"] && value["system"] == wanted["system"];
    }
    value == wanted || compared(value, wanted).is_some_and(std::cmp::Ordering::is_eq)
}

fn compared(value: &Value, wanted: &Value) -> Option<std::cmp::Ordering> {
    let number = |of: &Value| of.get("value").unwrap_or(of).as_f64();
    match (number(value), number(wanted)) {
        (Some(value), Some(wanted)) => value.partial_cmp(&wanted),
        _ => Some(value.as_str()?.cmp(wanted.as_str()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(form: &Value, seed: i64) -> Value {
        let (points, before) = (Points::new(), Given::new());
        let mut filler = Filler {
            dice: Dice::of(seed, "1"),
            seed,
            date: jiff::civil::date(2030, 3, 25),
            points: &points,
            before: &before,
            given: Given::new(),
        };
        filler.fill(&form["item"]).into()
    }

    #[test]
    fn numbers_stay_within_the_bounds_and_every_seed_draws_its_own() {
        let form = json!({ "item": [{ "linkId": "a", "type": "integer", "required": true,
            "extension": [
                { "url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueInteger": 3 },
                { "url": "http://hl7.org/fhir/StructureDefinition/maxValue", "valueInteger": 9 },
            ] }] });
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let filled = fill(&form, seed);
            assert_eq!(filled, fill(&form, seed));
            if let Some(value) = filled[0]["answer"][0]["valueInteger"].as_i64() {
                assert!((3..=9).contains(&value), "{value}");
                seen.insert(value);
            }
        }
        assert_eq!(seen.len(), 7, "{seen:?}");
    }

    #[test]
    fn what_is_not_enabled_is_not_answered() {
        let form = json!({ "item": [
            { "linkId": "a", "type": "boolean", "required": true },
            { "linkId": "b", "type": "decimal", "required": true, "enableWhen": [
                { "question": "a", "operator": "=", "answerBoolean": true }] },
        ] });
        let (mut with, mut without) = (0, 0);
        for seed in 0..200 {
            let filled = fill(&form, seed);
            let yes = filled[0]["answer"][0]["valueBoolean"] == true;
            let asked = filled.to_string().contains("\"b\"");
            assert!(yes || !asked, "{filled}");
            *(if asked { &mut with } else { &mut without }) += 1;
        }
        assert!(with > 10 && without > 10, "{with} {without}");
    }
}
