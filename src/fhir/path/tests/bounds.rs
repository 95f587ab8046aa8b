//! Whatever an expression says, its evaluation ends with a result or an error.

use serde_json::json;

use super::{check, check_faults, patient, texts};
use crate::fhir::path::{
    Bound, Context, EvaluationError, Expression, Limits,
    limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_LENGTH_MAX, PATTERN_LENGTH_MAX},
};

#[test]
fn nesting_is_bounded_in_every_direction() {
    let deep = EXPRESSION_DEPTH_MAX + 1;
    for text in [
        format!("{}1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("{}1", "-".repeat(deep)),
        format!("1{}", " + 1".repeat(deep)),
        format!("1{}", " is Integer".repeat(deep)),
        format!("{}1{}", "iif(true, ".repeat(deep), ")".repeat(deep)),
        format!("{}1{}", "a[".repeat(deep), "]".repeat(deep)),
        format!("{}1{}", "(1 + 1 + ".repeat(deep), ")".repeat(deep)),
        "(".repeat(EXPRESSION_LENGTH_MAX),
    ] {
        let fault = Expression::compile(&text).unwrap_err();
        assert_eq!(fault.message, "The expression is nested too deeply.");
    }
    let longest = "1".repeat(EXPRESSION_LENGTH_MAX + 1);
    let fault = Expression::compile(&longest).unwrap_err();
    assert_eq!(fault.message, "The expression is too long.");
}

#[test]
fn the_deepest_expression_is_evaluated() {
    let deep = EXPRESSION_DEPTH_MAX - 1;
    let ones = format!("1{}", " + 1".repeat(deep));
    let branches = format!("{}1{}", "iif(true, ".repeat(deep), ")".repeat(deep));
    let path = format!("name{}.count()", ".where(true)".repeat(1_000));
    let union = (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>();
    let nested = format!(
        "{}true{}",
        "1.where(".repeat(deep - 1),
        ")".repeat(deep - 1)
    );
    let rows = [
        (ones, EXPRESSION_DEPTH_MAX.to_string()),
        (branches, "1".to_owned()),
        (path, "3".to_owned()),
        (nested, "1".to_owned()),
        (format!("({}).count()", union.join("|")), "1000".to_owned()),
    ];
    // Half of what a thread of the server has, without optimisation.
    let small = std::thread::Builder::new().stack_size(1024 * 1024);
    let run = small.spawn(move || {
        for (expression, expected) in &rows {
            check(&patient(), &[(expression, expected)]);
        }
    });
    run.unwrap().join().unwrap();
}

#[test]
fn steps_are_bounded() {
    let ten = "(0|1|2|3|4|5|6|7|8|9)";
    let nested = (0..6).fold("true".to_owned(), |inner, _| format!("{ten}.all({inner})"));
    let found = texts(&patient(), &nested);
    assert_eq!(found, Err(EvaluationError::Limit(Bound::Steps)));
}

#[test]
fn comparing_trees_costs_steps() {
    let names: Vec<_> = (0..200)
        .map(|n| json!({"family": "A", "given": vec!["B"; 50], "suffix": [n.to_string()]}))
        .collect();
    let tree = json!({"resourceType": "Patient", "name": names});
    let run = |text: &str, steps: u64| {
        let limits = Limits {
            steps,
            ..Limits::default()
        };
        let expression = Expression::compile(text).unwrap();
        let context = Context::new(&tree).with_limits(limits);
        expression.evaluate(&context).map(|items| items.len())
    };
    assert_eq!(run("name.distinct()", 5_000_000), Ok(200));
    let stopped = Err(EvaluationError::Limit(Bound::Steps));
    assert_eq!(run("name.distinct()", 100_000), stopped);
    assert_eq!(run("name.tail() = name.skip(1)", 300), stopped);
}

#[test]
fn collections_are_bounded() {
    let doubling = format!("(1|2){}.count()", ".select(1.combine(1))".repeat(40));
    let endless = "1.repeat($this + 1)";
    let found = texts(&patient(), &doubling);
    assert_eq!(found, Err(EvaluationError::Limit(Bound::Items)));
    assert!(matches!(
        texts(&patient(), endless),
        Err(EvaluationError::Limit(_))
    ));
}

#[test]
fn texts_are_bounded() {
    let doubling = "(0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22)\
        .aggregate($total & $total, 'abcdefgh')";
    let replaced = format!("'a'{}", ".replace('a', 'aaaaaaaaaa')".repeat(8));
    let matched = format!("'a'{}", ".replaceMatches('a+', '$0$0$0$0$0$0')".repeat(12));
    for text in [doubling, &replaced, &matched] {
        let found = texts(&patient(), text);
        assert_eq!(found, Err(EvaluationError::Limit(Bound::Text)), "{text}");
    }
}

#[test]
fn patterns_are_bounded() {
    let long = "a".repeat(PATTERN_LENGTH_MAX + 1);
    assert!(Expression::compile(&format!("'a'.matches('{long}')")).is_err());
    assert!(Expression::compile("'a'.matches('((a{100}){100}){100}')").is_err());
    check_faults(
        &patient(),
        &[
            &format!("'a'.matches('{long}' & '')"),
            "'a'.matches('((a{100}){100}){100}' & '')",
        ],
    );
    // A pattern that is slow where engines go back and forth.
    let text = format!("'{}'.matches('^(a+)+$')", "a".repeat(5_000) + "b");
    check(&patient(), &[(&text, "false")]);
}

#[test]
fn what_is_not_offered_says_so() {
    for text in [
        "gender.memberOf('http://example.org/vs')",
        "conformsTo('http://example.org/sd')",
    ] {
        let found = texts(&patient(), text);
        assert!(matches!(found, Err(EvaluationError::NotSupported(_))));
    }
}

#[test]
fn errors_and_debug_texts_tell_no_values() {
    let tree = patient();
    let family = Expression::compile("name.family & 'x' | 1").unwrap();
    assert!(family.evaluate(&Context::new(&tree)).is_err());
    let given = Expression::compile("name.given | 'made' & 'up' | 1").unwrap();
    let shown = format!("{:?}", given.evaluate(&Context::new(&tree)).unwrap());
    assert_eq!(
        shown,
        "[FHIR.string, FHIR.string, FHIR.string, System.String, System.Integer]"
    );
    for text in [
        "name.given.first() > 1",
        "name.family.single()",
        "name.given.first() - 1",
    ] {
        let fault = texts(&patient(), text).unwrap_err().to_string();
        assert!(
            !fault.contains("Peter") && !fault.contains("Chalmers"),
            "{fault}"
        );
    }
}

/// A text of a megabyte, made by the expression itself.
const LARGE: &str = "'aaaaaaaa'.aggregate(iif($total.empty(), $this, $total)).select(\
    $this & $this & $this & $this & $this & $this & $this & $this).select(\
    $this & $this & $this & $this & $this & $this & $this & $this).select(\
    $this & $this & $this & $this & $this & $this & $this & $this).select(\
    $this & $this & $this & $this & $this & $this & $this & $this).select(\
    $this & $this & $this & $this & $this & $this & $this & $this)";

/// Expressions that look harmless and are slow where only items are counted.
#[test]
fn large_texts_are_paid_for() {
    let tree = patient();
    let many = "(0|1|2|3|4|5|6|7|8|9)";
    for text in [
        // A pattern of many states, on a text in which all of them stay open.
        format!("{LARGE}.matches('(a?){{500}}(a?){{500}}b' & '')"),
        format!("{LARGE}.matches('(a?){{500}}(a?){{500}}b')"),
        // Each match looks at all that is left.
        format!("{LARGE}.replaceMatches('a.*b|a', 'c')"),
        // Orders of texts that differ in nothing.
        format!(
            "{LARGE}{}.sort().count()",
            ".select($this.combine($this))".repeat(12)
        ),
        format!(
            "{many}.select({many}).select({many}).select({many}).select('a'.matches('(a{{50}}){{50}}' & ''))"
        ),
        format!("{many}.select({many}).select({many}).select({many}).select({LARGE})"),
    ] {
        let started = std::time::Instant::now();
        let found = texts(&tree, &text);
        assert!(
            matches!(found, Ok(_) | Err(EvaluationError::Limit(_))),
            "{text}"
        );
        assert!(
            started.elapsed().as_secs() < 30,
            "{text} takes {:?}",
            started.elapsed()
        );
    }
}
