//! The vectors of `fixtures/narrative/`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

const ACTIVE: &str = include_str!("../../../fixtures/narrative/active.jsonl");
const HARMLESS: &str = include_str!("../../../fixtures/narrative/harmless.jsonl");

fn lines(text: &'static str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

#[test]
fn what_does_something_is_refused() {
    let vectors = lines(ACTIVE);
    let shown: Vec<&str> = vectors
        .iter()
        .filter_map(|vector| vector["div"].as_str())
        .filter(|div| read(div, Rigour::Inert(Images::Own)).is_ok())
        .collect();
    assert!(shown.is_empty(), "{shown:#?}");
    let families: BTreeSet<_> = (vectors.iter())
        .map(|vector| vector["family"].as_str())
        .collect();
    assert!(vectors.len() >= 200 && families.len() >= 8);
}

#[test]
fn a_refusal_quotes_nothing() {
    for vector in lines(ACTIVE) {
        let div = vector["div"].as_str().expect("a div");
        let words = read(div, Rigour::Inert(Images::Own)).unwrap_err();
        for canary in ["alert", "evil", "javascript", "url(", "onclick"] {
            assert!(!words.contains(canary), "{words}");
        }
    }
}

#[test]
fn what_does_nothing_is_not_refused() {
    for line in lines(HARMLESS) {
        let div = line.as_str().expect("a div");
        assert!(read(div, Rigour::Inert(Images::Own)).is_ok(), "{div}");
    }
}

#[test]
fn a_long_narrative_is_read_in_no_time() {
    let begun = std::time::Instant::now();
    for (open, close) in [
        ("<p>x</p>", ""),
        ("<!-- -->", ""),
        ("&amp;", ""),
        ("<p title=\"&#x26;\"/>", ""),
        ("<a href=\"a(((\" style=\"a: ((((\"/>", ""),
    ] {
        let div = format!("<div>{}{}</div>", open.repeat(30_000), close.repeat(30_000));
        let _ = read(&div, Rigour::Inert(Images::Own));
    }
    let style = format!("<div style=\"{}\">x</div>", "a(".repeat(60_000));
    assert!(read(&style, Rigour::Inert(Images::Own)).is_err());
    let deep = "<div>".repeat(30_000);
    assert!(read(&deep, Rigour::Inert(Images::Own)).is_err());
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
}
