//! The table of leak cases that are known of other servers (`conformance/leaks.tsv`): each stands
//! there once and is carried out by a test that exists, or it is said why it does not apply.

use std::collections::BTreeSet;

use super::code::has_test;

/// How many tests the public suite has, one line each.
pub const CASES: usize = 111;

const HEAD: &str = "id\tname\tabout\tproof\tdifference";

/// With what the label of a case in a table of tests begins; its number follows.
const LABEL: &str = "leak-";

/// What is wrong with the table, given the texts of all Rust files.
pub fn faults(table: &str, sources: &[&str]) -> Vec<String> {
    let mut lines = table.lines();
    let mut found = Vec::new();
    if lines.next() != Some(HEAD) {
        found.push("the first line does not name the columns".to_owned());
    }
    let (mut count, mut names, mut named) = (0, BTreeSet::new(), BTreeSet::new());
    for line in lines {
        count += 1;
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, name, about, proof, difference] = columns.as_slice() else {
            found.push(format!("'{line}' has not five columns"));
            continue;
        };
        if *id != count.to_string() || !names.insert(*name) {
            found.push(format!(
                "{id} is not the line of its number, or has another's name"
            ));
        }
        let is_explained = difference.starts_with("not applicable: ");
        if about.is_empty() || difference.is_empty() || proof.is_empty() != is_explained {
            found.push(format!("{id} is neither carried out nor explained"));
        }
        for proof in proof.split_whitespace() {
            let (test, label) = proof.split_once('#').unwrap_or((proof, ""));
            named.insert(label);
            let is_own = label.is_empty() || label.strip_prefix(LABEL) == Some(id);
            if !is_own || !is_there(sources, test, label) {
                found.push(format!("{id}: there is no test '{proof}'"));
            }
        }
    }
    if count != CASES {
        found.push(format!("there are {count} cases instead of {CASES}"));
    }
    let unnamed = sources.iter().flat_map(|text| labels(text));
    let unnamed: BTreeSet<&str> = unnamed.filter(|label| !named.contains(label)).collect();
    found.extend(
        unnamed
            .iter()
            .map(|label| format!("no line names '{label}'")),
    );
    found
}

/// Whether a file has the test, and the label beside it.
fn is_there(sources: &[&str], test: &str, label: &str) -> bool {
    let quoted = format!("\"{label}\"");
    sources
        .iter()
        .any(|text| has_test(text, test) && (label.is_empty() || text.contains(&quoted)))
}

/// The labels in a table of tests.
fn labels(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').filter(|part| {
        let number = part.strip_prefix(LABEL);
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    })
}

#[test]
fn a_table_of_leaks_that_says_too_little_is_found() {
    let quote = '"';
    let source = format!("#[test]\nfn one() {{\n    {quote}leak-1{quote}\n}}\n");
    let other = "#[test]\nfn two() {\n}\n".to_owned();
    let sources = [source.as_str(), other.as_str()];
    let rest: String = (2..=CASES)
        .map(|id| format!("\n{id}\tName{id}\tx\ttwo\t-"))
        .collect();
    let table = format!("{HEAD}\n1\tName1\tx\tone#leak-1 two\t-{rest}");
    assert_eq!(faults(&table, &sources), [""; 0]);
    for (from, to) in [
        ("one#leak-1 two", "two"),
        ("one#leak-1 two", "two#leak-1"),
        ("one#leak-1 two", "one#leak-2"),
        ("one#leak-1 two", "three"),
        ("one#leak-1 two", ""),
        ("one#leak-1 two\t-", "one#leak-1\tnot applicable: x"),
        ("1\tName1\tx", "1\tName1\t"),
        ("2\tName2", "2\tName3"),
        ("2\tName2", "3\tName2"),
        ("\n2\tName2\tx\ttwo\t-", ""),
        ("two\t-", "two"),
        (HEAD, "id"),
    ] {
        let worse = table.replacen(from, to, 1);
        assert!(!faults(&worse, &sources).is_empty(), "{from} {to}");
    }
    let explained = table.replacen("x\ttwo\t-", "x\t\tnot applicable: nothing of it here", 1);
    assert_eq!(faults(&explained, &sources), [""; 0]);
}
