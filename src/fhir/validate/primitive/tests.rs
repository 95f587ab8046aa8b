//! Good and bad texts of each primitive.

use serde_json::{Value, from_str, json};

use super::{Bad, LONGEST_DECIMAL, LONGEST_STRING, check};

#[track_caller]
fn texts(kind: &str, good: &[&str], bad: &[&str]) {
    for text in good {
        assert_eq!(check(kind, &json!(text)), Ok(()), "{kind} {text:?}");
    }
    for text in bad.iter().chain(&[""]) {
        let verdict = check(kind, &json!(text));
        assert!(matches!(verdict, Err(Bad::Text(_))), "{kind} {text:?}");
    }
}

#[track_caller]
fn numbers(kind: &str, good: &[&str], bad: &[&str]) {
    let number = |text: &str| from_str::<Value>(text).unwrap();
    for text in good {
        assert_eq!(check(kind, &number(text)), Ok(()), "{kind} {text}");
    }
    for text in bad {
        let verdict = check(kind, &number(text));
        assert!(matches!(verdict, Err(Bad::Text(_))), "{kind} {text}");
    }
}

#[test]
fn dates() {
    let good = [
        "2024",
        "2024-02",
        "2024-02-29",
        "2000-02-29",
        "0001-01-01",
        "9999-12-31",
    ];
    let bad = [
        "24",
        "2024-",
        "2024-00",
        "2024-13",
        "2024-02-",
        "2024-02-00",
        "2024-02-30",
        "2023-02-29",
        "1900-02-29",
        "2024-04-31",
        "0000",
        "+2024",
        "20240229",
        "2024-2-9",
        "2024-02-29Z",
        "2024/02/29",
        "٢٠٢٤",
    ];
    texts("date", &good, &bad);
    texts("dateTime", &good, &bad);
}

#[test]
fn date_times_and_instants() {
    let good = [
        "2024-02-29T00:00:00Z",
        "2024-02-29T23:59:59.123456789Z",
        "2016-12-31T23:59:60Z",
        "2024-02-29T10:00:00+14:00",
        "2024-02-29T10:00:00-13:59",
        "2024-02-29T10:00:00-00:00",
    ];
    let bad = [
        "2024-02-29T",
        "2024-02-29T10",
        "2024-02-29T10:00",
        "2024-02-29T10:00Z",
        "2024-02-29T10:00:00",
        "2024-02-29T24:00:00Z",
        "2024-02-29T10:60:00Z",
        "2024-02-29T10:00:61Z",
        "2024-02-29T10:00:00.Z",
        "2024-02-29T10:00:00z",
        "2024-02-29t10:00:00Z",
        "2024-02-29T10:00:00+14:01",
        "2024-02-29T10:00:00+1:00",
        "2024-02-29T10:00:00+0100",
        "2024-02-29T10:00:00+01:60",
        "2024-02-29T10:00:00Z ",
        "2024-02T10:00:00Z",
        "2024T10:00:00Z",
        "2024-02-30T10:00:00Z",
        "2024-02-29T1:00:00Z",
    ];
    texts("dateTime", &good, &bad);
    texts("instant", &good, &bad);
    texts("instant", &[], &["2024", "2024-02-29"]);
}

#[test]
fn times() {
    texts(
        "time",
        &["00:00:00", "23:59:59", "10:00:00.5"],
        &[
            "24:00:00",
            "10:00",
            "10:00:00Z",
            "10:00:00.",
            "1:00:00",
            "T10:00:00",
        ],
    );
}

#[test]
fn codes_ids_and_uris() {
    texts(
        "code",
        &["a", "a b", "é-1/2"],
        &[" ", " a", "a ", "a  b", "a\tb", "a\u{a0}b", "a\n"],
    );
    texts(
        "id",
        &["a", "A-1.b", &"a".repeat(64)],
        &["a_b", "a b", "é", &"a".repeat(65)],
    );
    for kind in ["uri", "url", "canonical"] {
        texts(
            kind,
            &["http://x/y?z#a", "urn:x", "é", "http://x|1.0"],
            &[" ", "a b", "a\n", "\u{7f}"],
        );
    }
    texts(
        "oid",
        &["urn:oid:1.2.3", "urn:oid:2.0", "urn:oid:0.0.1"],
        &[
            "1.2.3",
            "urn:oid:",
            "urn:oid:1",
            "urn:oid:3.1",
            "urn:oid:1.02",
            "urn:oid:1..2",
            "urn:oid:1.2.",
        ],
    );
    texts(
        "uuid",
        &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
        &[
            "c757873d-ec9a-4326-a141-556f43239520",
            "urn:uuid:c757873d",
            "urn:uuid:c757873d-ec9a-4326-a141-556f4323952g",
        ],
    );
}

#[test]
fn strings_and_base64() {
    for kind in ["string", "markdown"] {
        texts(kind, &["x", "\t\r\n", "é😀"], &["\0", "a\u{1b}"]);
        texts(
            kind,
            &[&"x".repeat(LONGEST_STRING)],
            &[&"x".repeat(LONGEST_STRING + 1)],
        );
    }
    texts(
        "base64Binary",
        &["YQ==", "YWI=", "YWJj", "YWJj\r\n YWJj", "+/+/"],
        &[
            "a", "YQ=", "YQ", "====", "Y===", "YQ==YQ==", "ab-_", " ", "YQ=a",
        ],
    );
    texts(
        "xhtml",
        &[
            "<div>x</div>",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"/>",
            "\n<div>x</div>\n",
        ],
        &["<p>x</p>", "x", "<divx></divx>", "<div>", "<DIV>x</DIV>"],
    );
}

#[test]
fn numbers_keep_to_their_ranges() {
    numbers(
        "integer",
        &["0", "-2147483648", "2147483647"],
        &["-2147483649", "2147483648", "1.0", "1e3", "1e400"],
    );
    numbers(
        "positiveInt",
        &["1", "2147483647"],
        &["0", "-1", "2147483648", "1.5"],
    );
    numbers(
        "unsignedInt",
        &["0", "2147483647"],
        &["-1", "2147483648", "0.5"],
    );
    let long = format!("1.{}", "1".repeat(LONGEST_DECIMAL));
    numbers(
        "decimal",
        &[
            "0",
            "-0.0",
            "1.10",
            "1e300",
            "1E-400",
            "123456789012345678.123456789012345678",
        ],
        &["1e400", "-1e400", &long],
    );
}

#[test]
fn json_types_are_those_of_the_primitive() {
    for (kind, value) in [
        ("boolean", json!("true")),
        ("boolean", json!(1)),
        ("integer", json!("1")),
        ("decimal", json!("1.0")),
        ("decimal", json!(null)),
        ("string", json!(1)),
        ("date", json!(2024)),
        ("code", json!(true)),
        ("uri", json!(["x"])),
        ("string", json!({})),
    ] {
        assert!(
            matches!(check(kind, &value), Err(Bad::Json(_))),
            "{kind} {value}"
        );
    }
    assert_eq!(check("boolean", &json!(false)), Ok(()));
}
