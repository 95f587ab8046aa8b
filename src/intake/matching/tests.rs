//! Who is one and who is not.

use serde_json::json;

use super::*;

fn person(name: (&str, &str), birth: &str, contact: &str) -> Identity {
    let system = if contact.contains('@') {
        "email"
    } else {
        "phone"
    };
    let mut patient = json!({
        "name": [{ "family": name.0, "given": [name.1] }],
        "birthDate": birth,
    });
    if !contact.is_empty() {
        patient["telecom"] = json!([{ "system": system, "value": contact }]);
    }
    Identity::of(&patient)
}

fn graded(other: &Identity) -> Option<Grade> {
    let one = person(("Lefèvre", "Zoé"), "1985-04-07", "06 12 34 56 78");
    one.likeness(other).map(|likeness| likeness.grade)
}

#[test]
fn names_are_folded_and_turned_and_dates_too() {
    let same = ("LEFEVRE", "Zoe");
    for (other, expected) in [
        (
            person(same, "1985-04-07", "+33612345678"),
            Some(Grade::Certain),
        ),
        (
            person(("Zoé", "Lefèvre"), "1985-04-07", ""),
            Some(Grade::Probable),
        ),
        (person(same, "1985-04-07", ""), Some(Grade::Probable)),
        (person(same, "1985-07-04", ""), Some(Grade::Probable)),
        (
            person(("Lefebvre", "Zoé"), "1985-04-07", "0612345678"),
            Some(Grade::Probable),
        ),
        (
            person(("Lefebvre", "Zoé"), "1985-04-07", ""),
            Some(Grade::Possible),
        ),
        (person(same, "1960-01-01", ""), None),
        (person(("Martin", "Luc"), "1985-04-07", ""), None),
    ] {
        assert_eq!(graded(&other), expected, "{other:?}");
    }
}

#[test]
fn a_shared_telephone_alone_does_not_make_two_people_one() {
    // A parent and a child, and twins.
    let child = person(("Lefèvre", "Tom"), "2012-05-01", "0612345678");
    let twin = person(("Lefèvre", "Léa"), "1985-04-07", "0612345678");
    assert_eq!(graded(&child), Some(Grade::Possible));
    assert_eq!(graded(&twin), Some(Grade::Possible));
}

#[test]
fn an_identifier_decides() {
    let with = |system: &str, value: &str, birth: &str| {
        Identity::of(&json!({
            "identifier": [{ "system": system, "value": value }],
            "name": [{ "family": "Lefèvre", "given": ["Zoé"] }],
            "birthDate": birth,
        }))
    };
    let likeness = |a: &Identity, b: &Identity| a.likeness(b).map(|likeness| likeness.grade);
    let (mine, other) = (
        with("urn:a", "1", "1985-04-07"),
        with("urn:a", "1", "1999-01-01"),
    );
    assert_eq!(likeness(&mine, &other), Some(Grade::Certain));
    let (mine, other) = (with(INS, "1", "1985-04-07"), with(INS, "2", "1985-04-07"));
    assert_eq!(likeness(&mine, &other), None, "two numbers are two people");
}

#[test]
fn one_letter_is_close_and_two_are_not() {
    for (a, b, close) in [
        ("martin", "martin", true),
        ("martin", "marten", true),
        ("martin", "martins", true),
        ("martin", "artin", true),
        ("martin", "mertan", false),
        ("li", "lo", false),
    ] {
        assert_eq!(is_close(a, b), close, "{a} {b}");
        assert_eq!(is_close(b, a), close, "{b} {a}");
    }
}

#[test]
fn a_date_is_turned_only_where_that_is_a_date() {
    assert_eq!(transposed("1985-04-07").as_deref(), Some("1985-07-04"));
    assert_eq!(transposed("1985-04-13"), None);
    assert_eq!(transposed("1985-04-04"), None);
    assert_eq!(transposed("1985"), None);
}
