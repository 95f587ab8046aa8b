//! What is read, what is refused, and where the refusal points.

use super::*;
use crate::kernel::problem::Category;

fn read(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

/// The issue of a refusal: its diagnostics and its place.
fn refusal(body: &[u8]) -> (String, Option<String>) {
    let problem = parse(body, &Limits::default()).unwrap_err();
    assert_eq!(problem.category, Category::Malformed);
    assert_eq!(problem.issues.len(), 1);
    let issue = problem.issues.into_iter().next().unwrap();
    assert_eq!(issue.code, "structure");
    (issue.diagnostics, issue.expression)
}

#[track_caller]
fn refused(text: &str, reason: &str, place: Option<&str>) {
    let (diagnostics, expression) = refusal(text.as_bytes());
    assert!(diagnostics.contains(reason), "{text}: {diagnostics}");
    assert_eq!(expression.as_deref(), place, "{text}");
}

#[test]
fn what_serde_json_writes_is_read_alike() {
    let text = r#"{"a":[1,-2.50,1.10,1e400,0.0,-0,1E+2,[],{}],"b":{"c":null,"d":true,"e":false},"é":"\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00"}"#;
    let value = read(text);
    assert_eq!(value["a"][2].to_string(), "1.10");
    // serde_json would write every exponent with `e` and a sign.
    assert_eq!(value["a"][3].to_string(), "1e400");
    assert_eq!(value["a"][6].to_string(), "1E+2");
    assert_eq!(value["a"][5].to_string(), "-0");
    assert_eq!(value["é"], "\"\\/\u{8}\u{c}\n\r\téé😀");
    assert_eq!(read(&value.to_string()), value);
    let text = text.replace("1e400", "1e+400").replace("1E+2", "1e+2");
    assert_eq!(read(&text), serde_json::from_str::<Value>(&text).unwrap());
}

#[test]
fn white_space_and_a_byte_order_mark_are_skipped() {
    assert_eq!(read("\u{feff} [ 1 ,\r\n\t2 ] \n").to_string(), "[1,2]");
}

#[test]
fn an_object_that_mimics_a_number_stays_an_object() {
    let value = read(r#"{"$serde_json::private::Number":"1.5"}"#);
    assert!(value.is_object());
}

#[test]
fn equal_keys_are_refused_by_name() {
    let twice = "occurs twice";
    refused(r#"{"a":1,"a":1}"#, twice, Some("a"));
    refused(r#"{"a":1,"\u0061":1}"#, twice, Some("a"));
    refused(
        r#"{"resourceType":"Patient","name":[{},{"use":"usual","use":"old"}]}"#,
        twice,
        Some("Patient.name[1].use"),
    );
    refused(
        r#"{"name":[{},{"use":"usual","use":"old"}],"resourceType":"Patient"}"#,
        twice,
        Some("name[1].use"),
    );
}

#[test]
fn nul_and_control_characters_are_refused() {
    refused(r#"{"a":["x\u0000"]}"#, "U+0000", Some("a[0]"));
    refused("{\"a\":\"\0\"}", "control character", Some("a"));
    refused("{\"a\":\"x\n\"}", "control character", Some("a"));
    refused("{\"a\":\"\\t\n\"}", "control character", Some("a"));
}

#[test]
fn depth_is_bounded() {
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let limits = Limits { depth: 3 };
    assert!(parse(nest(3).as_bytes(), &limits).is_ok());
    assert!(parse(nest(4).as_bytes(), &limits).is_err());
    let limits = Limits { depth: usize::MAX };
    let deepest = nest(DEEPEST);
    assert!(parse(deepest.as_bytes(), &limits).is_ok());
    assert!(serde_json::from_str::<Value>(&deepest).is_ok());
    assert!(parse(nest(DEEPEST + 1).as_bytes(), &limits).is_err());
    assert!(parse("[".repeat(1_000_000).as_bytes(), &limits).is_err());
}

#[test]
fn siblings_do_not_add_to_the_depth() {
    let limits = Limits { depth: 2 };
    assert!(parse(b"[[],[],{},{},[]]", &limits).is_ok());
}

#[test]
fn the_text_ends_with_the_value() {
    refused("{} {}", "follows the end", None);
    refused("1 2", "follows the end", None);
    for cut in [
        "", " ", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "[1", "[1,", "\"\\", "\"\\u12", "-",
        "1.", "1e", "tru",
    ] {
        assert!(parse(cut.as_bytes(), &Limits::default()).is_err(), "{cut}");
    }
    refused(
        r#"{"resourceType":"Patient","id":"1""#,
        "ends too early",
        Some("Patient"),
    );
}

#[test]
fn what_json_does_not_know_is_refused() {
    for text in [
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "[01]",
        "[+1]",
        "[.5]",
        "[NaN]",
        "[Infinity]",
        "// x\n1",
        "[1 2]",
        "{\"a\" 1}",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "nul",
        "[0x1]",
        "[1.e1]",
    ] {
        assert!(
            parse(text.as_bytes(), &Limits::default()).is_err(),
            "{text}"
        );
    }
}

#[test]
fn bad_utf8_is_refused_at_its_place() {
    let (diagnostics, _) = refusal(b"{\n\"a\":\"\xff\"}");
    assert!(diagnostics.contains("line 2, column 6"), "{diagnostics}");
    assert!(diagnostics.contains("UTF-8"), "{diagnostics}");
}

#[test]
fn long_or_strange_names_are_not_repeated() {
    let long = "x".repeat(1_000);
    let (diagnostics, expression) = refusal(format!("{{\"{long}\":?}}").as_bytes());
    assert!(diagnostics.len() < 200 && expression.is_none());
    refused(r#"{"a":{"<b>":?}}"#, "a value is expected", Some("a"));
}
