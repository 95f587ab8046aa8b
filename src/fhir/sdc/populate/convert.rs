//! What an expression has found, as an answer of the question's type.

use serde_json::{Value, json};

use super::{
    super::{
        expression::written,
        items,
        value::{add_unit, chosen},
    },
    Known,
};
use crate::fhir::{
    path::{Item, Precision, Temporal, TemporalKind},
    reference,
};

/// Most codes of a value set that a code without a system is looked for among.
const VALUE_SET_CODES_MAX: usize = 1_000;

/// The FHIR name of a type that a suffix of `value[x]` names.
pub(super) fn fhir_name(suffix: &str) -> String {
    let is_primitive = matches!(
        suffix,
        "Boolean"
            | "Integer"
            | "Decimal"
            | "String"
            | "Date"
            | "DateTime"
            | "Time"
            | "Instant"
            | "Uri"
    );
    if is_primitive {
        let mut letters = suffix.chars();
        let first = letters.next().map(|first| first.to_ascii_lowercase());
        first.into_iter().chain(letters).collect()
    } else {
        suffix.to_owned()
    }
}

/// The answer; none where it is of no type that the question takes.
pub(super) fn answer_of(item: &Value, found: &Item<'_>, known: &Known<'_>) -> Option<Value> {
    let (_, value) = written(found)?;
    let answer = match item["type"].as_str()? {
        "boolean" => json!({ "valueBoolean": value.as_bool()? }),
        "integer" => json!({ "valueInteger": whole(&value)? }),
        "decimal" => {
            let number = if value.is_object() {
                &value["value"]
            } else {
                &value
            };
            number
                .is_number()
                .then(|| json!({ "valueDecimal": number }))?
        }
        "quantity" => json!({ "valueQuantity": quantity(item, &value)? }),
        "date" => json!({ "valueDate": day(value.as_str()?)? }),
        "dateTime" => json!({ "valueDateTime": moment(value.as_str()?)? }),
        "time" => {
            Temporal::parse(value.as_str()?, TemporalKind::Time)?;
            json!({ "valueTime": value })
        }
        "string" | "text" => json!({ "valueString": text(found, &value)? }),
        "url" => json!({ "valueUri": value.as_str()? }),
        "choice" => choice(item, &value, known)?,
        "open-choice" => choice(item, &value, known)
            .or_else(|| Some(json!({ "valueString": text(found, &value)? })))?,
        "reference" => json!({ "valueReference": referred(&value)? }),
        "attachment" => {
            let is_attachment = value["contentType"].is_string() || value["url"].is_string();
            is_attachment.then(|| json!({ "valueAttachment": value }))?
        }
        _ => return None,
    };
    Some(answer)
}

fn whole(value: &Value) -> Option<i64> {
    let number = if value.is_object() {
        &value["value"]
    } else {
        value
    };
    number.as_i64().or_else(|| {
        let text = number.as_number()?.as_str();
        let (whole, fraction) = text.split_once('.')?;
        fraction
            .bytes()
            .all(|b| b == b'0')
            .then(|| whole.parse().ok())?
    })
}

/// A quantity; a mere number gets the unit of the form.
fn quantity(item: &Value, value: &Value) -> Option<Value> {
    if value["value"].is_number() {
        return Some(value.clone());
    }
    let mut quantity = json!({ "value": value.as_number()? });
    add_unit(&mut quantity, item);
    Some(quantity)
}

/// The day of a date or an instant, as precise as it is known.
fn day(text: &str) -> Option<String> {
    let moment = Temporal::parse(text, TemporalKind::DateTime)?;
    let day = if moment.precision > Precision::Day {
        text.get(..10)?
    } else {
        text
    };
    Some(day.to_owned())
}

fn moment(text: &str) -> Option<&str> {
    Temporal::parse(text, TemporalKind::DateTime).map(|_| text)
}

/// The words of anything that has some.
fn text(found: &Item<'_>, value: &Value) -> Option<String> {
    if let Some(text) = found.to_text().filter(|_| !value.is_object()) {
        return Some(text.to_string());
    }
    let own = |name: &str| value[name].as_str().map(str::to_owned);
    own("text")
        .or_else(|| own("display"))
        .or_else(|| {
            items(&value["coding"]).find_map(|one| Some(one["display"].as_str()?.to_owned()))
        })
        .or_else(|| full_name(value))
        .or_else(|| own("reference"))
        .or_else(|| own("code"))
}

/// A HumanName in the order in which it is written.
fn full_name(name: &Value) -> Option<String> {
    let given = items(&name["given"]).filter_map(Value::as_str);
    let all: Vec<&str> = given.chain(name["family"].as_str()).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

fn referred(value: &Value) -> Option<Value> {
    if value["reference"].is_string() || value["identifier"]["value"].is_string() {
        return Some(value.clone());
    }
    if let (Some(kind), Some(id)) = (value["resourceType"].as_str(), value["id"].as_str()) {
        return Some(json!({ "reference": format!("{kind}/{id}") }));
    }
    let text = value.as_str()?;
    reference::local(text).map(|_| json!({ "reference": text }))
}

/// The option or coding that a code, a text, a coding or a concept means.
fn choice(item: &Value, value: &Value, known: &Known<'_>) -> Option<Value> {
    let codings: Vec<&Value> = if value["coding"].is_array() {
        items(&value["coding"]).collect()
    } else {
        vec![value]
    };
    let options = || items(&item["answerOption"]).filter_map(|option| chosen(option, "value"));
    for coding in &codings {
        let offered = options().find(|(_, option)| is_option(option, coding));
        if let Some((kind, option)) = offered {
            return Some(json!({ format!("value{kind}"): option }));
        }
    }
    if options().next().is_some() {
        return None;
    }
    let first = codings.into_iter().next()?;
    if first["code"].is_string() {
        return Some(json!({ "valueCoding": first }));
    }
    let coding = of_value_set(item, first.as_str()?, known)?;
    Some(json!({ "valueCoding": coding }))
}

fn is_option(option: &Value, given: &Value) -> bool {
    match given.as_str() {
        Some(text) => {
            option["code"] == text || option["display"] == text || option.as_str() == Some(text)
        }
        None if given["code"].is_string() => {
            let anywhere = option["system"].is_null() || given["system"].is_null();
            option["code"] == given["code"] && (anywhere || option["system"] == given["system"])
        }
        None => option == given,
    }
}

/// A code with the system that the question's value set has it in.
fn of_value_set(item: &Value, code: &str, known: &Known<'_>) -> Option<Value> {
    let set = item["answerValueSet"].as_str()?;
    let Some(id) = set.strip_prefix('#') else {
        let codes = known.terminology.codes(set, VALUE_SET_CODES_MAX).ok()?;
        let (system, code) = codes.into_iter().find(|(_, one)| one == code)?;
        return Some(json!({ "system": system, "code": code }));
    };
    let set = items(&known.form["contained"]).find(|one| one["id"] == id)?;
    items(&set["compose"]["include"]).find_map(|include| {
        let concept = items(&include["concept"]).find(|one| one["code"] == code)?;
        let mut coding = json!({ "system": include["system"], "code": code });
        if concept["display"].is_string() {
            coding["display"] = concept["display"].clone();
        }
        Some(coding)
    })
}
