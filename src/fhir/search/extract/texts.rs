//! Rows that modifiers compare: the texts beside a code, the types of identifiers.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#modifiers>.

use serde_json::Value;

use super::convert::{Ids, list, member};
use crate::fhir::search::{
    hash,
    rows::{IndexRows, StringRow, TokenRow},
    text,
};

/// Adds the texts of a coded value, which `:text` compares.
pub(super) fn of_token(value: &Value, fhir_type: &str, ids: Ids, rows: &mut IndexRows) {
    let mut push = |value: Option<&str>| add(value, ids.text, rows);
    match fhir_type {
        "CodeableConcept" => {
            push(member(value, "text"));
            for coding in list(value, "coding") {
                push(member(coding, "display"));
            }
        }
        "Coding" => push(member(value, "display")),
        "Identifier" => {
            let Some(kind) = value.get("type") else {
                return;
            };
            push(member(kind, "text"));
            for coding in list(kind, "coding") {
                push(member(coding, "display"));
            }
            of_type(value, kind, ids, rows);
        }
        _ => {}
    }
}

/// Adds the text of a reference, which `:text` compares.
pub(super) fn of_reference(value: &Value, ids: Ids, rows: &mut IndexRows) {
    add(member(value, "display"), ids.text, rows);
}

/// `:text` is no `:exact`: nothing is kept but what it compares.
fn add(value: Option<&str>, param: i64, rows: &mut IndexRows) {
    let folded = text::folded_key(value.unwrap_or_default());
    if !folded.is_empty() {
        rows.strings.push(StringRow {
            param,
            folded,
            exact: String::new(),
        });
    }
}

/// Adds the value of an identifier with each coding of its type, which `:of-type` compares.
fn of_type(identifier: &Value, kind: &Value, ids: Ids, rows: &mut IndexRows) {
    let Some(value) = member(identifier, "value") else {
        return;
    };
    for coding in list(kind, "coding") {
        if let (Some(system), Some(code)) = (member(coding, "system"), member(coding, "code")) {
            rows.tokens.push(TokenRow {
                param: ids.of_type,
                code: hash::of_text(value),
                system: hash::of_type(system, code),
                value: String::new(),
            });
        }
    }
}
