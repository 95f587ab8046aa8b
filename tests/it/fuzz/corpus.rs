//! The corpus of a target: inputs to start from, what was ever found, and words worth inserting.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// The inputs and the words of a target.
pub fn read(name: &str) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/fuzz")
        .join(name);
    let lines = |file: &str| -> Vec<Vec<u8>> {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        let parse = |line| bytes(&serde_json::from_str(line).expect("one input a line"));
        text.lines().map(parse).collect()
    };
    let seeds = lines("seeds.jsonl");
    assert!(!seeds.is_empty(), "{name}: an empty corpus");
    ([seeds, lines("found.jsonl")].concat(), lines("words.jsonl"))
}

fn bytes(line: &Value) -> Vec<u8> {
    if let Some(text) = line.as_str() {
        return text.as_bytes().to_vec();
    }
    let bytes = line["bytes"].as_array().expect("a text, or bytes");
    let byte = |value: &Value| u8::try_from(value.as_u64()?).ok();
    bytes
        .iter()
        .map(|value| byte(value).expect("a byte"))
        .collect()
}

/// An input as a line of the corpus.
pub fn line(input: &[u8]) -> String {
    match std::str::from_utf8(input) {
        Ok(text) => json!(text).to_string(),
        Err(_) => json!({ "bytes": input }).to_string(),
    }
}
