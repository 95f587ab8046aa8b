//! Requests, as read.

use super::{
    super::{
        CHAIN_DEPTH_MAX, Clause, INCLUDES_MAX, SORT_KEYS_MAX, VALUES_MAX, VALUES_TOTAL_MAX,
        clause::{Prefix, ReferenceTest, Tests},
        filter, words,
    },
    *,
};
use crate::kernel::problem::Category;

fn kind(name: &str) -> ResourceType {
    ResourceType::named(name).unwrap()
}

fn parse_with(url: &str, options: &QueryOptions) -> Result<Query> {
    let (name, query) = url.split_once('?').unwrap();
    let pairs: Vec<(String, String)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Query::parse(kind(name), &pairs, options)
}

fn parse(url: &str) -> Result<Query> {
    parse_with(url, &QueryOptions::default())
}

fn strict() -> QueryOptions {
    QueryOptions {
        handling: Handling::Strict,
        ..QueryOptions::default()
    }
}

#[test]
fn unknown_parameters_are_refused_or_left_out() {
    let url = "Patient?nonsense=1&_id=a&subject.name=x&name=b";
    let query = parse(url).unwrap();
    let applied: Vec<&str> = query.applied.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(applied, ["_id", "name"]);
    for url in [
        "Patient?nonsense=1",
        "Patient?code=x",
        "Observation?subject:Patient.nonsense=1",
    ] {
        let problem = parse_with(url, &strict()).unwrap_err();
        assert_eq!(problem.category, Category::Malformed, "{url}");
        assert_eq!(problem.issues[0].code, "not-found", "{url}");
    }
    let problem = parse_with("Patient?nonsense=1", &strict()).unwrap_err();
    assert!(problem.issues[0].diagnostics.contains("'nonsense'"));
}

#[test]
fn bad_values_are_refused_however_lenient() {
    for url in [
        "Patient?birthdate=yesterday",
        "Patient?birthdate=gt",
        "Patient?birthdate=2024-02-30",
        "Patient?name=",
        "Patient?name=a,",
        "Patient?identifier=|",
        "Patient?identifier=a|b|c",
        "Patient?_id=",
        "Patient?gender:missing=maybe",
        "Observation?value-quantity=much",
        "Observation?value-quantity=5|mg",
        "Observation?subject:Patient=Group/1",
        "Observation?code-value-quantity=a",
        "Observation?code-value-quantity=a$b",
        "Observation?code-value-quantity=a$1$2",
        "Patient?_count=-1",
        "Patient?_count=many",
        "Patient?_total=maybe",
        "Patient?_summary=maybe",
        "Patient?_elements=a,,b",
        "Patient?_summary=true&_elements=gender",
        "Patient?_sort=nonsense",
        "Patient?_sort=",
        "Patient?_include=Patient",
        "Patient?_include=Patient:nonsense",
        "Patient?_include=Patient:name",
        "Patient?_include=Nonsense:x",
        "Patient?_include=Patient:link:Nonsense",
        "Patient?_include:twice=Patient:link",
        "Patient?_cursor=5b",
        "Patient?_has:Observation:patient=x",
        "Patient?_has:Nonsense:patient:code=x",
        "Patient?_has:Observation:code:code=x",
        "Organization?_has:Observation:patient:code=x",
        "Patient?_has:Observation:patient:nonsense=x",
        "Patient?name.family=x",
        "Patient?identifier:of-type=x",
        "Patient?identifier:of-type=a||c",
        "Observation?subject:below=x",
        "Location?near=",
        "Location?near=91|0",
        "Location?near=1|2|far",
        "Location?near=1|2|-3",
        "Location?near=1|2|3|s",
        "Location?near=1",
        "Patient?_text=",
        "Patient?_list=",
        "Patient?_filter=",
        "Patient?_filter=name",
        "Patient?_filter=name eq",
        "Patient?_filter=name is x",
        "Patient?_filter=name gt x",
        "Patient?_filter=name:exact eq x",
        "Patient?_filter=nonsense eq x",
        "Patient?_filter=name eq x y",
        "Patient?_filter=name eq x and",
        "Patient?_filter=(name eq x",
        "Patient?_filter=name eq x)",
        "Patient?_filter=not name eq x",
        "Patient?_filter=name eq \"x",
        "Patient?_filter=name pr maybe",
        "Patient?_filter=birthdate ge soon",
        "Patient?_filter=name.family eq x",
        "Patient?_filter=organization[name eq x",
        "Patient?_filter=organization[name eq x] eq y",
        "Patient?_filter=organization.nonsense eq y",
        "Observation?subject:Nonsense.name=x",
    ] {
        let problem = parse(url).map(|query| query.clauses).unwrap_err();
        assert_eq!(problem.category, Category::Malformed, "{url}");
    }
}

#[test]
fn modifiers_that_are_not_offered_are_refused_by_name() {
    for (url, code) in [
        ("Patient?_id:text=x", "not-supported"),
        ("Observation?subject:below=Patient/1", "not-supported"),
        ("Patient?_list=$current-problems", "not-supported"),
        ("Patient?_query=everybody", "not-supported"),
        ("Patient?_contained=true", "not-supported"),
        ("Patient?_sort=_score", "not-supported"),
        ("Patient?name:not=x", "not-supported"),
        ("Patient?birthdate:exact=2024", "not-supported"),
        ("Patient?name:nonsense=x", "invalid"),
        ("Location?_sort=near", "not-supported"),
        ("Observation?_sort=code-value-quantity", "not-supported"),
    ] {
        let problem = parse(url).map(|query| query.clauses).unwrap_err();
        assert_eq!(problem.category, Category::Malformed, "{url}");
        assert_eq!(problem.issues[0].code, code, "{url}");
    }
}

#[test]
fn bounds_are_kept() {
    let list = |item: &str, count: usize| vec![item; count].join(",");
    let chain = |links: usize| format!("Organization?{}.name=x", vec!["partof"; links].join("."));
    let includes = |count: usize| format!("Patient?{}", vec!["_include=*"; count].join("&"));
    let names = |count: usize| format!("Patient?{}", vec!["name=x"; count].join("&"));
    for (within, over) in [
        (
            format!("Patient?name={}", list("a", VALUES_MAX)),
            format!("Patient?name={}", list("a", VALUES_MAX + 1)),
        ),
        (
            format!("Patient?_id={}", list("a", VALUES_MAX)),
            format!("Patient?_id={}", list("a", VALUES_MAX + 1)),
        ),
        (
            format!("Patient?_sort={}", list("name", SORT_KEYS_MAX)),
            format!("Patient?_sort={}", list("name", SORT_KEYS_MAX + 1)),
        ),
        (chain(CHAIN_DEPTH_MAX), chain(CHAIN_DEPTH_MAX + 1)),
        (includes(INCLUDES_MAX), includes(INCLUDES_MAX + 1)),
        (names(PARAMETERS_MAX), names(PARAMETERS_MAX + 1)),
        (
            format!("ValueSet?url:above=http://x{}", "/a".repeat(VALUES_MAX - 2)),
            format!("ValueSet?url:above=http://x{}", "/a".repeat(VALUES_MAX + 1)),
        ),
    ] {
        assert!(parse(&within).is_ok(), "{within:.80}");
        assert!(parse(&over).is_err(), "{over:.80}");
    }
    let each = format!("name={}", list("a", VALUES_MAX));
    let repeated = vec![each; VALUES_TOTAL_MAX / VALUES_MAX].join("&");
    assert!(parse(&format!("Patient?{repeated}")).is_ok());
    assert!(parse(&format!("Patient?{repeated}&name=a")).is_err());
    // Words are values, too.
    let words = |count: usize| {
        let each = vec!["ab"; words::WORDS_MAX].join(" ");
        format!("Patient?{}", vec![format!("_text={each}"); count].join("&"))
    };
    let most = VALUES_TOTAL_MAX / words::WORDS_MAX;
    assert!(parse(&words(most)).is_ok());
    assert!(parse(&words(most + 1)).is_err());
    // A filter: its length, its comparisons, its depth, its links.
    let filter = |text: &str| parse(&format!("Patient?_filter={text}"));
    let equal = |count: usize| vec!["_id eq a"; count].join(" and ");
    assert!(filter(&equal(filter::COMPARISONS_MAX)).is_ok());
    assert!(filter(&equal(filter::COMPARISONS_MAX + 1)).is_err());
    assert!(filter(&format!("_id eq {}", "a".repeat(filter::FILTER_BYTES_MAX))).is_err());
    assert!(filter(&format!("{}_id eq a{}", "(".repeat(500), ")".repeat(500))).is_err());
    assert!(filter("organization.partof.partof.partof._id eq a").is_ok());
    assert!(filter("organization.partof.partof.partof.partof._id eq a").is_err());
    // A chain that leads to everything and finds no parameter there ends, too.
    let nowhere = "AuditEvent?_filter=entity.subject.subject.subject.nonsense eq a";
    assert_eq!(parse(nowhere).unwrap_err().issues[0].code, "too-costly");
    let nowhere = "AuditEvent?entity.subject.subject.subject.nonsense=a";
    assert_eq!(parse(nowhere).unwrap_err().issues[0].code, "too-costly");
    // A reference to anything, three times over, asks too many types.
    let wide = parse("AuditEvent?entity.entity.subject.subject.name=x");
    assert_eq!(wide.unwrap_err().issues[0].code, "too-costly");
}

#[test]
fn the_count_is_bounded_and_told() {
    let options = QueryOptions::default();
    assert_eq!(
        parse("Patient?name=a").unwrap().limit,
        Some(options.count_default)
    );
    let query = parse("Patient?_count=99999999999").unwrap();
    assert_eq!(query.limit, Some(options.count_max));
    assert_eq!(
        query.applied,
        [("_count".to_owned(), options.count_max.to_string())]
    );
    assert!(parse("Patient?_count=0").unwrap().is_count_only());
}

#[test]
fn what_is_asked_of_the_answer_is_carried() {
    let query = parse(
        "Patient?_elements=gender,name&_total=accurate&_sort=-birthdate,_id&_format=json\
         &_include:iterate=Patient:organization&_revinclude=Observation:patient:Patient",
    )
    .unwrap();
    assert_eq!(query.elements, ["gender", "name"]);
    assert_eq!(query.total, Total::Accurate);
    assert_eq!(query.sort.len(), 2);
    assert!(query.sort[0].descending && !query.sort[1].descending);
    assert!(query.includes[0].iterate && !query.includes[0].reverse);
    assert!(query.includes[1].reverse && !query.includes[1].iterate);
    assert_eq!(query.includes[1].target, Some(kind("Patient")));
    assert!(!query.applied.iter().any(|(key, _)| key == "_format"));
}

#[test]
fn own_absolute_references_are_local() {
    let options = QueryOptions {
        base: Some("http://localhost/fhir".into()),
        ..QueryOptions::default()
    };
    for (value, kind_name, id) in [
        ("http://localhost/fhir/Patient/1", "Patient", "1"),
        ("Patient/1/_history/2", "Patient", "1"),
        ("Group/x", "Group", "x"),
    ] {
        let query = parse_with(&format!("Observation?subject={value}"), &options).unwrap();
        let Some(Clause::Some(rows)) = query.clauses.first() else {
            panic!("{value}");
        };
        let expected = ReferenceTest::Local {
            kind: Some(kind(kind_name)),
            id: id.into(),
        };
        assert_eq!(rows.tests, Tests::Reference(vec![expected]), "{value}");
    }
}

#[test]
fn prefixes_belong_to_dates_and_numbers_only() {
    let query = parse("Patient?name=general&birthdate=ge2024").unwrap();
    assert!(matches!(
        &query.clauses[1],
        Clause::Some(rows) if matches!(&rows.tests, Tests::Date(tests) if tests[0].prefix == Prefix::Ge)
    ));
    assert!(matches!(
        &query.clauses[0],
        Clause::Some(rows) if matches!(&rows.tests, Tests::String(_))
    ));
}
