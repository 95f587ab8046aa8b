//! Rows of answers.

use serde_json::Map;

use super::*;

fn form() -> Form {
    let coding = |code: &str, french: &str, english: &str| {
        json!({ "valueCoding": {
            "system": "urn:s", "code": code, "display": french,
            "_display": { "extension": [{ "url": "translation", "extension": [
                { "url": "lang", "valueCode": "en" },
                { "url": "content", "valueString": english },
            ] }] },
        } })
    };
    Form {
        pathway: "https://p".into(),
        canonical: "https://q|1".into(),
        tree: json!({ "item": [
            { "linkId": "vitals", "type": "group", "item": [
                { "linkId": "temp", "type": "quantity", "extension": [
                    { "url": UNIT_OPTION, "valueCoding": { "code": "Cel", "display": "°C" } },
                    { "url": MAX_VALUE, "valueDecimal": 45 },
                ] },
                { "linkId": "rate", "type": "integer" },
            ] },
            { "linkId": "cough", "type": "boolean" },
            { "linkId": "trend", "type": "choice", "answerOption": [
                coding("better", "Mieux", "Better"), coding("worse", "Moins bien", "Worse"),
            ] },
            { "linkId": "needs", "type": "choice", "repeats": true, "answerOption": [
                coding("food", "Courses", "Food"), coding("none", "Aucun", "None"),
            ] },
            { "linkId": "words", "type": "text" },
        ] }),
    }
}

fn rows(text: &str) -> Vec<Result<Value, Vec<Fault>>> {
    let form = form();
    let sheet = Sheet::read(text, COLUMNS, |title| form.has(title)).expect("a sheet");
    let setting = Setting {
        defaults: Map::new(),
        zone: TimeZone::get("Europe/Paris").expect("a zone"),
        now: "2020-05-18T08:00:00Z".parse().expect("an instant"),
    };
    let one = |row| read(&sheet, row, &setting, &form);
    sheet.rows.iter().map(one).collect()
}

#[test]
fn cells_become_answers_in_the_forms_own_groups() {
    let text = "patient;date;temp;rate;cough;trend;needs;words\n\
        p;17/05/2020;38,50;20;oui;moins BIEN;food|Aucun;'=1+1\n";
    let row = rows(text).remove(0).expect("a row");
    assert_eq!(row["authored"], "2020-05-17");
    let option = |code: &str, words: &str| json!({ "valueCoding": { "system": "urn:s", "code": code, "display": words } });
    let expected = json!([
        { "linkId": "vitals", "item": [
            { "linkId": "temp", "answer": [{ "valueQuantity": {
                "value": serde_json::from_str::<Value>("38.50").expect("a number"),
                "unit": "°C", "code": "Cel",
            } }] },
            { "linkId": "rate", "answer": [{ "valueInteger": 20 }] },
        ] },
        { "linkId": "cough", "answer": [{ "valueBoolean": true }] },
        { "linkId": "trend", "answer": [option("worse", "Moins bien")] },
        { "linkId": "needs", "answer": [option("food", "Courses"), option("none", "Aucun")] },
        { "linkId": "words", "answer": [{ "valueString": "=1+1" }] },
    ]);
    assert_eq!(row["items"], expected);
}

#[test]
fn a_time_of_day_is_kept_with_its_zone() {
    let row = rows("patient;date;cough\np;17/05/2020 18:30;non\n").remove(0);
    assert_eq!(row.expect("a row")["authored"], "2020-05-17T18:30:00+02:00");
}

#[test]
fn an_answer_that_the_form_does_not_take_is_a_fault_of_its_cell() {
    let text = "patient;date;temp;rate;cough;trend\n\
        p;2020-05-17;46;2,5;peut-être;pire\np;2020-05-17;1e1;;;\n";
    let places: Vec<String> = rows(text)
        .into_iter()
        .flat_map(|row| row.expect_err("faults"))
        .map(|fault| fault.place())
        .collect();
    let expected = [
        "line[2].temp",
        "line[2].rate",
        "line[2].cough",
        "line[2].trend",
        "line[3].temp",
    ];
    assert_eq!(places, expected);
}
