//! The table of SMART's requirements (`conformance/smart.tsv`): each stands there once, and what is
//! said to be its test exists.

use std::collections::{BTreeMap, BTreeSet};

/// The numbers that the requirements of SMART App Launch 2.2 on servers have, as first and last of
/// each run of them: 265 in all.
const NUMBERS: &[(u32, u32)] = &[
    (14, 19),
    (24, 24),
    (27, 27),
    (30, 31),
    (48, 49),
    (53, 59),
    (73, 89),
    (91, 92),
    (94, 96),
    (99, 104),
    (109, 116),
    (118, 119),
    (123, 123),
    (126, 130),
    (134, 134),
    (136, 136),
    (138, 140),
    (142, 142),
    (144, 145),
    (149, 149),
    (154, 154),
    (159, 160),
    (163, 165),
    (167, 190),
    (192, 192),
    (194, 194),
    (197, 200),
    (203, 210),
    (212, 214),
    (217, 217),
    (228, 228),
    (231, 231),
    (240, 241),
    (243, 262),
    (265, 266),
    (269, 269),
    (271, 283),
    (285, 289),
    (296, 297),
    (305, 306),
    (310, 311),
    (316, 316),
    (326, 326),
    (335, 342),
    (344, 344),
    (346, 346),
    (348, 374),
    (376, 378),
    (380, 412),
    (417, 419),
    (421, 424),
    (427, 434),
    (436, 439),
];

const HEAD: &str = "id\tlevel\tstatus\tproof\tabout";

const LEVELS: [&str; 7] = [
    "SHALL",
    "SHALL NOT",
    "SHOULD",
    "SHOULD NOT",
    "MAY",
    "MAY NOT",
    "DEPRECATED",
];

/// What is wrong with the table, where `proofs` are the names of all cases and tests.
pub fn faults(table: &str, proofs: &BTreeSet<String>) -> Vec<String> {
    let mut lines = table.lines();
    let mut found = Vec::new();
    if lines.next() != Some(HEAD) {
        found.push("the first line does not name the columns".to_owned());
    }
    let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
    for line in lines {
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, level, status, proof, about] = columns.as_slice() else {
            found.push(format!("'{line}' has not five columns"));
            continue;
        };
        *seen.entry(id.parse().unwrap_or_default()).or_default() += 1;
        let named: Vec<&str> = proof.split_whitespace().collect();
        let shown = match *status {
            "implemented" => !named.is_empty(),
            "not-applicable" => named.is_empty(),
            _ => false,
        };
        if !shown || about.trim().is_empty() || !LEVELS.contains(level) {
            found.push(format!("{id} is neither proved nor explained"));
        }
        for name in named.iter().filter(|name| !proofs.contains(**name)) {
            found.push(format!("{id}: there is no case and no test '{name}'"));
        }
    }
    let wanted = NUMBERS.iter().flat_map(|(first, last)| *first..=*last);
    for number in wanted {
        if seen.remove(&number) != Some(1) {
            found.push(format!("{number} does not stand there once"));
        }
    }
    found.extend(
        seen.keys()
            .map(|other| format!("{other} is no requirement")),
    );
    found
}

/// The ids of the cases in a file of `conformance/cases/`.
pub fn cases(text: &str) -> impl Iterator<Item = String> {
    text.split("\"id\": \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
}

/// The names of the functions under `#[test]`, and the like, in a Rust file.
pub fn tests(text: &str) -> impl Iterator<Item = String> {
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
            return None;
        }
        let name = line
            .strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ")
            .and_then(|rest| rest.split('(').next())
            .map(str::to_owned);
        if name.is_some() && std::mem::take(&mut is_test) {
            return name;
        }
        None
    })
}

#[test]
fn a_table_that_says_too_little_is_found() {
    let text = "mod x;\n#[test]\nfn one() {\n}\nfn helper() {}\n#[tokio::test]\nasync fn two() {}";
    let mut proofs: BTreeSet<String> = tests(text).collect();
    assert_eq!(proofs.iter().collect::<Vec<_>>(), ["one", "two"]);
    proofs.extend(cases("{ \"id\": \"a-1\", \"title\": \"x\" }"));
    let whole: String = NUMBERS
        .iter()
        .flat_map(|(first, last)| *first..=*last)
        .map(|number| format!("\n{number}\tSHALL\timplemented\tone a-1\tx"))
        .collect();
    assert_eq!(whole.lines().count() - 1, 265);
    let table = format!("{HEAD}{whole}");
    assert!(faults(&table, &proofs).is_empty());
    for (line, other) in [
        ("\n14\tSHALL\timplemented\tone a-1\tx", ""),
        (
            "\n14\tSHALL\timplemented\tone a-1\tx",
            "\n14\tSHALL\timplemented\t\tx",
        ),
        (
            "\n14\tSHALL\timplemented\tone a-1\tx",
            "\n14\tSHALL\timplemented\tthree\tx",
        ),
        (
            "\n14\tSHALL\timplemented\tone a-1\tx",
            "\n14\tSHALL\tnot-applicable\t\t ",
        ),
        (
            "\n14\tSHALL\timplemented\tone a-1\tx",
            "\n14\tSHALL\tlater\t\tx",
        ),
        ("\n14\t", "\n15\t"),
        ("\n14\t", "\n13\t"),
    ] {
        assert!(
            !faults(&table.replace(line, other), &proofs).is_empty(),
            "{other}"
        );
    }
}
