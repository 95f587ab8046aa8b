//! A row of answers that were given on paper, as what is to be written: pure.
//!
//! The columns are the form's link ids; a cell is read as its item's type asks.
//! Specification: <http://hl7.org/fhir/R4/questionnaire.html>.

use jiff::{civil::time, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    cell::{self, Read},
    fault::Fault,
    person::Setting,
    sheet::{Column, Row, Sheet},
};
use crate::fhir::{canonical::extension, search::text::fold};

/// The columns of a table of answers, beside those of the form.
pub const COLUMNS: &[Column] = &[
    Column {
        name: "identifier",
        others: &["identifiant", "id", "numero"],
        required: false,
    },
    Column {
        name: "patient",
        others: &["patient id"],
        required: false,
    },
    Column {
        name: "date",
        others: &["date du questionnaire", "report date", "rempli le"],
        required: true,
    },
];

const UNIT_OPTION: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption";
const MIN_VALUE: &str = "http://hl7.org/fhir/StructureDefinition/minValue";
const MAX_VALUE: &str = "http://hl7.org/fhir/StructureDefinition/maxValue";

/// The form that answers are of.
#[derive(Debug, Clone)]
pub struct Form {
    /// The pathway's canonical URL, without its version.
    pub pathway: String,
    /// `url|version` of the form.
    pub canonical: String,
    /// The Questionnaire.
    pub tree: Value,
}

impl Form {
    /// Whether the form asks something under this link id.
    #[must_use]
    pub fn has(&self, link: &str) -> bool {
        find(&self.tree["item"], link).is_some()
    }
}

/// The question of a link id.
fn find<'a>(items: &'a Value, link: &str) -> Option<&'a Value> {
    items.as_array()?.iter().find_map(|item| {
        let is_asked = item["type"] != "group" && item["type"] != "display";
        if is_asked && item["linkId"] == link {
            Some(item)
        } else {
            find(&item["item"], link)
        }
    })
}

/// Reads one row: who, when, and the items that are answered, in the form's own groups.
///
/// # Errors
/// Every fault of the row.
pub fn read(sheet: &Sheet, row: &Row, setting: &Setting, form: &Form) -> Result<Value, Vec<Fault>> {
    let mut faults = sheet.misshapen(row);
    if !faults.is_empty() {
        return Err(faults);
    }
    let who = ["patient", "identifier"].map(|name| sheet.cell(row, name));
    if who == [None, None] {
        let reason = "The row names nobody: neither by identifier nor by the patient's id.";
        faults.push(Fault::new(row.line, sheet.title("identifier"), reason));
    }
    let authored = read_date(sheet, row, setting).map_err(|fault| faults.push(fault));
    let items = answered(&form.tree["item"], sheet, row, &mut faults);
    if items.is_empty() && faults.is_empty() {
        faults.push(Fault::new(row.line, "", "The row answers nothing."));
    }
    let (Ok(authored), true) = (authored, faults.is_empty()) else {
        return Err(faults);
    };
    let titles = json!({
        "patient": sheet.title("patient"),
        "identifier": sheet.title("identifier"),
        "date": sheet.title("date"),
    });
    let system = setting.defaults.get("identifierSystem");
    Ok(json!({
        "patient": who[0],
        "identifier": who[1],
        "identifierSystem": system,
        "pathway": form.pathway,
        "questionnaire": form.canonical,
        "authored": authored,
        "items": items,
        "author": setting.defaults.get("practitioner"),
        "titles": titles,
    }))
}

/// When the form was filled in, as it is written: a date alone stays one, and counts in the
/// patient's own calendar.
fn read_date(sheet: &Sheet, row: &Row, setting: &Setting) -> Result<String, Fault> {
    let title = sheet.title("date");
    let fault = |reason: &str| Fault::new(row.line, title, reason);
    let text = sheet
        .cell(row, "date")
        .ok_or_else(|| fault("The cell is empty."))?;
    if let Ok(date) = cell::date(text) {
        let today = setting.now.to_zoned(setting.zone.clone()).date();
        if date > today {
            return Err(fault("The date is in the future."));
        }
        return Ok(date.to_string());
    }
    let at = cell::instant(text, &setting.zone, time(12, 0, 0, 0)).map_err(fault)?;
    if at > setting.now {
        return Err(fault("The time is in the future."));
    }
    let local = at.to_zoned(setting.zone.clone());
    let offset = if setting.zone == TimeZone::UTC {
        "Z".to_owned()
    } else {
        local.strftime("%:z").to_string()
    };
    Ok(format!("{}{offset}", local.strftime("%Y-%m-%dT%H:%M:%S")))
}

/// The items of a list that the row answers; groups stay around their questions.
fn answered(items: &Value, sheet: &Sheet, row: &Row, faults: &mut Vec<Fault>) -> Vec<Value> {
    let mut found = Vec::new();
    for item in items.as_array().into_iter().flatten() {
        let link = item["linkId"].as_str().unwrap_or_default();
        if item["type"] == "group" {
            let inner = answered(&item["item"], sheet, row, faults);
            if !inner.is_empty() {
                found.push(json!({ "linkId": link, "item": inner }));
            }
            continue;
        }
        let at = sheet.header.iter().position(|title| title == link);
        let text = at
            .and_then(|at| row.cells.get(at))
            .map_or("", String::as_str);
        if text.is_empty() {
            continue;
        }
        match values(item, cell::bare(text)) {
            Ok(answer) => found.push(json!({ "linkId": link, "answer": answer })),
            Err(reason) => faults.push(Fault::new(row.line, link, reason)),
        }
    }
    found
}

/// The answers in a cell; several are parted by `|`, where the item takes several.
fn values(item: &Value, text: &str) -> Read<Vec<Value>> {
    if item["repeats"] == true {
        let parts = text
            .split('|')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts.map(|part| value(item, part)).collect()
    } else {
        value(item, text).map(|one| vec![one])
    }
}

fn value(item: &Value, text: &str) -> Read<Value> {
    match item["type"].as_str().unwrap_or_default() {
        "boolean" => Ok(json!({ "valueBoolean": cell::boolean(text)? })),
        "integer" => {
            let number: i32 = text
                .parse()
                .map_err(|_| "The item asks for a whole number.")?;
            within(item, f64::from(number))?;
            Ok(json!({ "valueInteger": number }))
        }
        "decimal" => Ok(json!({ "valueDecimal": number(item, text)? })),
        "quantity" => {
            let mut quantity = json!({ "value": number(item, text)? });
            if let Some(unit) = extension(item, UNIT_OPTION) {
                for (from, to) in [("display", "unit"), ("system", "system"), ("code", "code")] {
                    if unit[from].is_string() {
                        quantity[to] = unit[from].clone();
                    }
                }
            }
            Ok(json!({ "valueQuantity": quantity }))
        }
        "choice" | "open-choice" => Ok(json!({ "valueCoding": option(item, text)? })),
        "date" => Ok(json!({ "valueDate": cell::date(text)?.to_string() })),
        "string" | "text" => Ok(json!({ "valueString": text })),
        _ => Err("Items of this type are not taken from a table."),
    }
}

/// A number with a point or a comma, its digits kept as they are written.
fn number(item: &Value, text: &str) -> Read<Value> {
    const SHAPE: &str = "The item asks for a number such as 38,5.";
    let text = text.replace(',', ".");
    let is_plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b".-".contains(&b));
    let value: f64 = text.parse().map_err(|_| SHAPE)?;
    if !is_plain {
        return Err(SHAPE);
    }
    within(item, value)?;
    serde_json::from_str(&text).map_err(|_| SHAPE)
}

fn within(item: &Value, value: f64) -> Read<()> {
    let bound = |url| extension(item, url).and_then(Value::as_f64);
    let low = bound(MIN_VALUE).is_some_and(|min| value < min);
    let high = bound(MAX_VALUE).is_some_and(|max| value > max);
    if low || high {
        return Err("The value is out of the form's bounds.");
    }
    Ok(())
}

/// The option of a code, or of its words in French or English.
fn option(item: &Value, text: &str) -> Read<Value> {
    let wanted = fold(text);
    let mut options = item["answerOption"].as_array().into_iter().flatten();
    let is_meant = |option: &&Value| {
        let coding = &option["valueCoding"];
        let translations = coding["_display"]["extension"]
            .as_array()
            .into_iter()
            .flatten();
        let words = translations
            .flat_map(|one| one["extension"].as_array().into_iter().flatten())
            .filter(|part| part["url"] == "content")
            .filter_map(|part| part["valueString"].as_str());
        let mut names = ["code", "display"]
            .into_iter()
            .filter_map(|name| coding[name].as_str())
            .chain(words);
        names.any(|name| fold(name) == wanted)
    };
    let found = options
        .find(is_meant)
        .ok_or("The form has no such option.")?;
    let mut coding = found["valueCoding"].clone();
    if let Some(members) = coding.as_object_mut() {
        members.retain(|name, _| matches!(name.as_str(), "system" | "code" | "display"));
    }
    Ok(coding)
}

#[cfg(test)]
mod tests;
