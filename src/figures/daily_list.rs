//! The daily list: one row for each report and each answer, with its items as columns.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    contribution::is_report,
    line_list::{Form, Reader, Selection, identity, text},
    table::Table,
};
use crate::{
    fhir::{
        canonical::{ANSWER_CHANNEL, extension},
        care_plan::FollowUp,
        date,
        questionnaire_response::{effective_time, is_answer},
    },
    kernel::problem::{Category, Problem, Result},
};

/// Most rows of one list.
pub const ROWS_MAX: usize = 100_000;

/// The names of the columns before the items, in English and in French.
const COLUMNS: [(&str, &str); 13] = [
    ("followUp", "suivi"),
    ("patient", "patient"),
    ("identifier", "identifiant"),
    ("family", "nom"),
    ("given", "prénom"),
    ("birthDate", "date de naissance"),
    ("day", "jour"),
    ("date", "date"),
    ("state", "état"),
    ("authored", "rempli le"),
    ("received", "reçu le"),
    ("channel", "canal"),
    ("author", "saisi par"),
];

/// Writes the list; `form` is the Questionnaire whose items are columns.
///
/// # Errors
/// As the selection is too large, or the store fails.
pub async fn daily_list(
    reader: Reader<'_>,
    selection: &Selection,
    questionnaire: &Value,
    form: Form,
) -> Result<Vec<u8>> {
    let mut links = Vec::new();
    link_ids(&questionnaire["item"], &mut links);
    let header = form.header(&COLUMNS).into_iter().map(str::to_owned);
    let mut table = Table::new(form.style, header.chain(links.iter().cloned()))?;
    let mut written = 0;
    let plans = reader.plans(selection).await?;
    for plan in &plans {
        let rows = rows(reader, selection, plan, &links).await?;
        written += rows.len();
        if written > ROWS_MAX {
            return Err(Problem::new(
                Category::TooLarge,
                "too-costly",
                format!("A list has at most {ROWS_MAX} reports; ask for a shorter period."),
            ));
        }
        for row in rows {
            table.row(row)?;
        }
    }
    reader.lists("$daily-list", &plans);
    table.finish()
}

/// The link ids of the questions, in order.
fn link_ids(items: &Value, links: &mut Vec<String>) {
    for item in items.as_array().into_iter().flatten() {
        if item["type"] != "group" && item["type"] != "display" {
            links.push(text(&item["linkId"]));
        }
        link_ids(&item["item"], links);
    }
}

/// The rows of one follow-up, by date: its answers, and the reports that have none.
async fn rows(
    reader: Reader<'_>,
    selection: &Selection,
    plan: &Value,
    links: &[String],
) -> Result<Vec<Vec<String>>> {
    let Some(follow_up) = FollowUp::read(plan) else {
        return Ok(Vec::new());
    };
    let patient = reader.patient(plan).await?;
    let [identifier, family, given, birth, ..] = identity(&patient);
    let start = [
        follow_up.id.clone(),
        follow_up.patient.clone(),
        identifier,
        family,
        given,
        birth,
    ];
    let mut rows = Vec::new();
    for response in reader.based_on("QuestionnaireResponse", plan).await? {
        if let Some(at) = time_of(&response, &follow_up) {
            rows.push((at, answer_cells(&response, links)));
        }
    }
    for task in reader.based_on("Task", plan).await? {
        let opens = task["restriction"]["period"]["start"].as_str();
        let opens = opens.and_then(date::start);
        let open = matches!(task["status"].as_str(), Some("failed" | "cancelled"));
        if let (true, true, Some(opens)) = (is_report(&task), open, opens) {
            let state = text(&task["businessStatus"]["coding"][0]["code"]);
            let mut cells = vec![state];
            cells.resize(5 + links.len(), String::new());
            rows.push((opens, cells));
        }
    }
    rows.retain(|(at, _)| {
        let day = at.to_zoned(follow_up.zone.clone()).date();
        selection.days.hold(day)
    });
    rows.sort_by_key(|(at, _)| *at);
    let finished = rows.into_iter().map(|(at, cells)| {
        let day = follow_up.day_of(at).to_string();
        let date = at.to_zoned(follow_up.zone.clone()).date().to_string();
        start
            .iter()
            .cloned()
            .chain([day, date])
            .chain(cells)
            .collect()
    });
    Ok(finished.collect())
}

fn time_of(response: &Value, follow_up: &FollowUp) -> Option<Timestamp> {
    if !is_answer(response) {
        return None;
    }
    effective_time(response, &follow_up.zone).or_else(|| {
        response["meta"]["lastUpdated"]
            .as_str()
            .and_then(date::start)
    })
}

/// State, times, channel and author of an answer, and its items.
fn answer_cells(response: &Value, links: &[String]) -> Vec<String> {
    let mut cells = vec![
        text(&response["status"]),
        text(&response["authored"]),
        text(&response["meta"]["lastUpdated"]),
        extension(response, ANSWER_CHANNEL).map_or("app".to_owned(), text),
        text(&response["author"]["reference"]),
    ];
    cells.extend(links.iter().map(|link| cell(&response["item"], link)));
    cells
}

/// The answers of one item, parted by `|` as the import takes them.
fn cell(items: &Value, link: &str) -> String {
    let mut answers = Vec::new();
    gather(items, link, &mut answers);
    answers.join("|")
}

fn gather(items: &Value, link: &str, answers: &mut Vec<String>) {
    for item in items.as_array().into_iter().flatten() {
        let own = item["answer"].as_array().into_iter().flatten();
        for answer in own {
            if item["linkId"] == link {
                answers.push(value(answer));
            }
            gather(&answer["item"], link, answers);
        }
        gather(&item["item"], link, answers);
    }
}

/// A value in words or digits, as the import reads it.
fn value(answer: &Value) -> String {
    let Some(members) = answer.as_object() else {
        return String::new();
    };
    let found = members.iter().find(|(name, _)| name.starts_with("value"));
    match found {
        Some((name, value)) if name == "valueQuantity" => value["value"].to_string(),
        Some((name, value)) if name == "valueCoding" => text(&value["code"]),
        Some((_, Value::String(text))) => text.clone(),
        Some((_, other)) => other.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_value_has_its_text() {
        let items = json!([{ "linkId": "group", "item": [
            { "linkId": "a", "answer": [{ "valueBoolean": true }] },
            { "linkId": "b", "answer": [{ "valueQuantity": { "value": 38.5, "unit": "°C" } }] },
            { "linkId": "c", "answer": [
                { "valueCoding": { "code": "x" } },
                { "valueCoding": { "code": "y" } },
            ] },
            { "linkId": "d", "answer": [{ "valueString": "=1+1" }] },
            { "linkId": "e", "answer": [{ "valueInteger": 3 }] },
        ] }]);
        let cells = ["a", "b", "c", "d", "e", "f"].map(|link| cell(&items, link));
        assert_eq!(cells, ["true", "38.5", "x|y", "=1+1", "3", ""]);
    }

    #[test]
    fn questions_are_columns_and_groups_are_not() {
        let form = json!({ "item": [
            { "linkId": "g", "type": "group", "item": [{ "linkId": "a", "type": "boolean" }] },
            { "linkId": "t", "type": "display" },
            { "linkId": "b", "type": "integer" },
        ] });
        let mut links = Vec::new();
        link_ids(&form["item"], &mut links);
        assert_eq!(links, ["a", "b"]);
    }
}
