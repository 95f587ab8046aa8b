//! Whose data an answer holds: every patient that its bytes refer to. Pure.
//!
//! Pages are given out as they are stored, without being read; so they are not read here either,
//! but looked through for references to patients. In JSON a quotation mark within a text is
//! escaped, so that no text can pretend to be a reference or hide one.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use serde_json::Value;

use super::record::{PATIENTS_MAX, ROWS_MAX};

/// Ids that are gathered of one answer, repeats included: more than its rows could name.
const GATHERED_MAX: usize = (ROWS_MAX + 1) * PATIENTS_MAX;

/// Ids among which a repeated one is looked for at once; the row leaves out the other repeats.
const COMPARED_MAX: usize = 64;

static REFERENCE: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(["Patient/"]).ok());

/// Adds the logical ids of the patients to whom JSON as the server writes it refers.
pub fn patients(json: &[u8], into: &mut Vec<String>) {
    let Some(reference) = REFERENCE.as_ref() else {
        return;
    };
    for found in reference.find_iter(json) {
        let before = found.start().checked_sub(1).and_then(|at| json.get(at));
        if !matches!(before, Some(b'"' | b'/')) {
            continue;
        }
        if let Some(id) = id(&json[found.end()..]) {
            add(id, into);
        }
        if into.len() > GATHERED_MAX {
            return;
        }
    }
}

/// The same of JSON as a client writes it, who may have escaped what need not be.
pub fn patients_of_client(json: &[u8], into: &mut Vec<String>) {
    if !json.contains(&b'\\') {
        return patients(json, into);
    }
    if let Ok(tree) = serde_json::from_slice::<Value>(json) {
        patients(tree.to_string().as_bytes(), into);
    }
}

/// The resources of a page, as `Type`, `id`: those whose `fullUrl` is below the service base URL.
pub fn entries<'j>(json: &'j [u8], base: &str) -> Vec<(&'j str, &'j str)> {
    let text = std::str::from_utf8(json).unwrap_or_default();
    let begin = format!("\"fullUrl\":\"{base}/");
    let found = text.match_indices(&begin).filter_map(|(at, begin)| {
        let url = text[at + begin.len()..].split('"').next()?;
        url.split_once('/')
    });
    found.collect()
}

/// The id at the beginning of what follows `Patient/`, if the reference ends behind it.
fn id(rest: &[u8]) -> Option<&str> {
    let is_of_id = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let length = rest.iter().take_while(|byte| is_of_id(byte)).count();
    let ends = matches!(rest.get(length), Some(b'"' | b'/'));
    let id = std::str::from_utf8(&rest[..length]).ok()?;
    (ends && (1..=64).contains(&length)).then_some(id)
}

fn add(id: &str, into: &mut Vec<String>) {
    let is_known = if into.len() <= COMPARED_MAX {
        into.iter().any(|known| known == id)
    } else {
        into.last().is_some_and(|known| known == id)
    };
    if !is_known {
        into.push(id.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Vec<String> {
        let mut ids = Vec::new();
        patients(json.as_bytes(), &mut ids);
        ids
    }

    #[test]
    fn references_are_found_however_they_are_written() {
        let json = r#"{"entry":[{"fullUrl":"https://x.example/fhir/Patient/a-1","resource":{}},
            {"resource":{"subject":{"reference":"Patient/b.2"},"performer":[
            {"reference":"Patient/b.2"},{"reference":"Patient/c/_history/3"}]}}]}"#;
        assert_eq!(found(json), ["a-1", "b.2", "c"]);
    }

    #[test]
    fn texts_are_no_references() {
        for none in [
            r#"{"text":"see Patient/x"}"#,
            r#"{"text":"\"Patient/x\""}"#,
            r#"{"reference":"Patient/"}"#,
            r#"{"reference":"Patient/a?b"}"#,
            r#"{"reference":"InPatient/a"}"#,
        ] {
            assert_eq!(found(none), [""; 0], "{none}");
        }
        let long = format!(r#"{{"reference":"Patient/{}"}}"#, "x".repeat(65));
        assert_eq!(found(&long), [""; 0]);
    }

    #[test]
    fn a_client_hides_nobody_by_escapes() {
        let mut ids = Vec::new();
        let json = r#"{"a":{"reference":"Patient\/a"},"b":{"reference":"\u0050atient/b"}}"#;
        patients(json.as_bytes(), &mut ids);
        assert_eq!(ids, [""; 0]);
        patients_of_client(json.as_bytes(), &mut ids);
        assert_eq!(ids, ["a", "b"]);
    }

    #[test]
    fn the_entries_of_a_page_are_known_by_their_addresses() {
        let page = r#"{"entry":[{"fullUrl":"https://x.example/fhir/Patient/a","resource":{}},
            {"fullUrl":"https://x.example/fhir/Task/b"},{"fullUrl":"https://y.example/Task/c"}]}"#;
        let all = entries(page.as_bytes(), "https://x.example/fhir");
        assert_eq!(all, [("Patient", "a"), ("Task", "b")]);
    }

    #[test]
    fn the_number_is_bounded() {
        let all: String = (0..2 * GATHERED_MAX)
            .map(|n| format!(r#""Patient/{n}" "#))
            .collect();
        assert_eq!(found(&all).len(), GATHERED_MAX + 1);
    }
}
