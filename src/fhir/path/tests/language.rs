//! Words, precedence, logic, variables, and what is no expression.

use super::{check, check_faults, patient};
use crate::fhir::path::{Context, Expression, Item};

#[test]
fn literals_are_read() {
    check(
        &patient(),
        &[
            ("{}", ""),
            ("true", "true"),
            ("1", "1"),
            ("1.50", "1.50"),
            (r"'a\'b\\c\n\u00e9\uD83D\uDE00'", "a'b\\c\né😀"),
            ("@2015", "2015"),
            ("@2015-02T", "2015-02"),
            (
                "@2015-02-04T14:34:28.123+10:00",
                "2015-02-04T14:34:28.123+10:00",
            ),
            ("@2015-02-04T14:34Z", "2015-02-04T14:34Z"),
            ("@T14:34", "14:34"),
            ("4.5 'mg'", "4.5 'mg'"),
            ("3 days", "3 days"),
            ("1 week", "1 week"),
            ("2 /* two */ + 2 // and two", "4"),
        ],
    );
}

#[test]
fn operators_bind_as_the_specification_says() {
    check(
        &patient(),
        &[
            ("1 + 2 * 3 + 4", "11"),
            ("(1 + 2) * 3", "9"),
            ("-2 + 3", "1"),
            ("(1 | 1 is Integer).count()", "2"),
            ("true or true and false", "true"),
            ("false implies false and false", "true"),
            ("1 + 1 = 2 and 'a' & 'b' = 'ab'", "true"),
            ("1 in 1 | 2", "true"),
            ("7 div 2 + 7 mod 2", "4"),
            ("Patient.name.given contains 'Jim'", "true"),
            ("name.`given`.first()", "Peter"),
        ],
    );
    check_faults(&patient(), &["-1.convertsToInteger()", "1 > 2 is Boolean"]);
}

#[test]
fn logic_knows_the_unknown() {
    let (yes, no, open) = ("true", "false", "{}");
    let rows = [
        ("and", [yes, no, "", no, no, no, "", no, ""]),
        ("or", [yes, yes, yes, yes, no, "", yes, "", ""]),
        ("xor", [no, yes, "", yes, no, "", "", "", ""]),
        ("implies", [yes, no, "", yes, yes, yes, yes, "", ""]),
    ];
    for (operator, expected) in rows {
        let mut expected = expected.into_iter();
        for left in [yes, no, open] {
            for right in [yes, no, open] {
                let expression = format!("{left} {operator} {right}");
                check(&patient(), &[(&expression, expected.next().unwrap())]);
            }
        }
    }
}

#[test]
fn a_single_item_may_stand_for_true_but_several_may_not() {
    check(
        &patient(),
        &[
            ("true and 'foo'", "true"),
            ("active and gender", "true"),
            ("(0).not()", "false"),
            ("{}.not()", ""),
        ],
    );
    check_faults(&patient(), &["name and true", "(true | 'foo').allTrue()"]);
}

#[test]
fn variables_are_found() {
    let tree = patient();
    let earlier = vec![Item::Integer(3), Item::Integer(5)];
    let variables = [("previous", earlier), ("a b", vec![Item::Boolean(true)])];
    let answer = |text: &str| {
        let expression = Expression::compile(text).unwrap();
        let context = Context::new(&tree).with_variables(&variables);
        expression.evaluate_boolean(&context).unwrap()
    };
    assert!(answer(
        "%previous.count() = 2 and %previous.aggregate($this + $total, 0) = 8"
    ));
    assert!(answer("%`a b`"));
    assert!(answer(
        "%resource.id = 'p1' and %context.id = %rootResource.id"
    ));
    assert!(answer("%ucum = 'http://unitsofmeasure.org'"));
    assert!(answer(
        "%`vs-marital` = 'http://hl7.org/fhir/ValueSet/marital'"
    ));
    check_faults(&tree, &["%unheard"]);
}

#[test]
fn a_condition_is_empty_or_one_boolean() {
    let tree = patient();
    let judge = |text: &str| {
        Expression::compile(text)
            .unwrap()
            .evaluate_boolean(&Context::new(&tree))
    };
    assert_eq!(judge("active"), Ok(true));
    assert_eq!(judge("Patient.multipleBirth"), Ok(false));
    assert!(judge("gender").is_err());
    assert!(judge("name.first()").is_err());
    assert!(judge("gender | true").is_err());
}

#[test]
fn faults_are_located() {
    for (text, offset) in [
        ("", 0),
        ("1 +", 3),
        ("name.", 5),
        ("name.nothing()", 5),
        ("name.where()", 5),
        ("Patient.name as Nothing", 16),
        ("'open", 0),
        ("1 /* open", 2),
        ("a b", 2),
        ("a # b", 2),
        (r"'\u00zz'", 1),
        ("$that", 0),
        ("@T14:30Z", 7),
        ("99999999999999999999", 0),
        ("name.matches('(')", 5),
    ] {
        let fault = Expression::compile(text).unwrap_err();
        assert_eq!(fault.offset, offset, "{text}: {fault}");
    }
}

#[test]
fn expressions_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Expression>();
}
