//! Which answers made a rule hold, in words a nurse reads.

use std::fmt::Write as _;

use serde_json::Value;

/// Longest text of one piece of evidence, in characters.
const TEXT_MAX: usize = 1_000;

/// The answers that an expression speaks of: those whose link id or whose answer's code system
/// it quotes, each with the value before it where that differs.
#[must_use]
pub fn words(expression: &str, current: &Value, previous: Option<&Value>) -> String {
    let mut text = String::new();
    let mut before = Vec::new();
    if let Some(previous) = previous {
        collect(previous, &mut before);
    }
    let mut now = Vec::new();
    collect(current, &mut now);
    for (link_id, label, value) in &now {
        if !speaks_of(expression, link_id, value) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        let shown = show(value);
        let _ = write!(text, "{label}: {shown}");
        let earlier = before
            .iter()
            .find(|(id, ..)| id == link_id)
            .map(|(_, _, value)| show(value));
        if let Some(earlier) = earlier.filter(|earlier| *earlier != shown) {
            let _ = write!(text, " ({earlier})");
        }
    }
    if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
        text.truncate(end);
    }
    text
}

/// A link id is quoted as it stands; a scale is quoted by its system, and only what is above
/// its zero made a difference.
fn speaks_of(expression: &str, link_id: &str, value: &Value) -> bool {
    if expression.contains(&format!("'{link_id}'")) {
        return true;
    }
    let coding = &value["valueCoding"];
    coding["system"]
        .as_str()
        .is_some_and(|system| expression.contains(&format!("'{system}'")))
        && coding["code"] != "0"
}

type Answered<'a> = (&'a str, &'a str, &'a Value);

/// Every answer with its link id and label, in the order of the form.
fn collect<'a>(node: &'a Value, found: &mut Vec<Answered<'a>>) {
    for item in node["item"].as_array().into_iter().flatten() {
        let link_id = item["linkId"].as_str().unwrap_or_default();
        let label = item["text"].as_str().unwrap_or(link_id);
        for answer in item["answer"].as_array().into_iter().flatten() {
            found.push((link_id, label, answer));
            collect(answer, found);
        }
        collect(item, found);
    }
}

fn show(answer: &Value) -> String {
    let Some((name, value)) = answer
        .as_object()
        .and_then(|members| members.iter().find(|(n, _)| n.starts_with("value")))
    else {
        return String::new();
    };
    match name.as_str() {
        "valueCoding" => value["display"]
            .as_str()
            .or(value["code"].as_str())
            .unwrap_or_default()
            .to_owned(),
        "valueQuantity" => {
            let unit = value["unit"]
                .as_str()
                .or(value["code"].as_str())
                .unwrap_or_default();
            format!("{} {unit}", value["value"]).trim_end().to_owned()
        }
        "valueBoolean" => if *value == true { "oui" } else { "non" }.to_owned(),
        _ => value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(dyspnea: &str, unable: bool) -> Value {
        json!({ "item": [
            { "linkId": "dyspnea.severity", "text": "Essoufflement",
              "answer": [{ "valueCoding": { "system": "s04", "code": dyspnea } }] },
            { "linkId": "intake.unable", "answer": [{ "valueBoolean": unable }] } ] })
    }

    #[test]
    fn evidence_names_the_answers_a_rule_speaks_of_and_what_they_were() {
        let (now, before) = (response("3", true), response("0", true));
        assert_eq!(
            words("x.where(system='s04')", &now, Some(&before)),
            "Essoufflement: 3 (0)"
        );
        assert_eq!(
            words("linkId='intake.unable'", &now, Some(&before)),
            "intake.unable: oui"
        );
        assert_eq!(words("%day > 3", &now, None), "");
    }
}
