//! Order, pages and totals.

use jiff::Timestamp;
use serde_json::json;

use super::{Base, kind, observation, of_mode, parse, patient};
use crate::{
    fhir::search::query::{Query, clause::Prefix},
    kernel::{
        chance::{Chance, Generator},
        problem::Category,
    },
    store::HitMode,
};

/// All ids, page by page.
async fn pages(base: &mut Base, url: &str) -> Vec<String> {
    let (mut ids, mut next) = (Vec::new(), Some(String::new()));
    for _ in 0..1_000 {
        let Some(cursor) = next else {
            return ids;
        };
        let page = if cursor.is_empty() {
            base.page(url).await
        } else {
            base.page(&format!("{url}&_cursor={cursor}")).await
        };
        ids.extend(of_mode(&page, HitMode::Match));
        next = page.next;
    }
    panic!("the pages do not end");
}

#[tokio::test]
async fn sorted_matches_come_in_order_with_those_without_a_value_last() {
    let mut base = Base::open().await;
    for (id, more) in [
        (
            "b",
            json!({"birthDate": "1990", "name": [{"family": "Zoe"}, {"family": "alf"}]}),
        ),
        (
            "a",
            json!({"birthDate": "1980-01-01", "name": [{"family": "Émile"}]}),
        ),
        ("none", json!({})),
        (
            "tie",
            json!({"birthDate": "1980-01-01", "name": [{"family": "Max"}]}),
        ),
    ] {
        base.put(patient(id, more)).await;
    }
    for (sort, expected) in [
        ("", "tie none a b"),
        ("&_sort=birthdate", "a tie b none"),
        ("&_sort=-birthdate", "b tie a none"),
        ("&_sort=family", "b a tie none"),
        ("&_sort=-family", "b tie a none"),
        ("&_sort=_id", "a b none tie"),
        ("&_sort=-_id", "tie none b a"),
        ("&_sort=_lastUpdated", "b a none tie"),
        ("&_sort=-_lastUpdated", "tie none a b"),
        ("&_sort=birthdate,-_id", "tie a b none"),
        ("&_sort=-birthdate,family", "b a tie none"),
    ] {
        let url = format!("Patient?{sort}");
        assert_eq!(base.ids(&url).await.join(" "), expected, "{sort}");
        for count in 1..5 {
            let paged = pages(&mut base, &format!("{url}&_count={count}")).await;
            assert_eq!(paged.join(" "), expected, "{sort} by {count}");
        }
        let filtered = format!("Patient?_id=a,b,none,tie{sort}&_count=1");
        assert_eq!(
            pages(&mut base, &filtered).await.join(" "),
            expected,
            "{sort} filtered"
        );
    }
}

/// Enough resources that searches start from every kind of plan.
async fn many(count: u64) -> Base {
    let (mut base, chance) = (Base::open().await, Generator::from_seed(3));
    for n in 0..count {
        let mut more = json!({"subject": {"reference": format!("Patient/{}", n % 3)}});
        if n % 7 != 0 {
            let day = 1 + chance.draw() % 28;
            more["effectiveDateTime"] = format!("2024-01-{day:02}").into();
        }
        let code = if n % 50 == 0 { "rare" } else { "often" };
        base.put(observation(&format!("o{n:04}"), code, more)).await;
    }
    base
}

#[tokio::test]
async fn pages_visit_every_match_once_whatever_the_plan() {
    let mut base = many(400).await;
    for (filter, expected) in [
        ("", 400),
        ("code=often", 392),
        ("code=urn:codes|often", 392),
        ("code=urn:codes|rare", 8),
        ("subject=Patient/0", 134),
        ("date=2024", 342),
        ("date:missing=true", 58),
        ("status:not=final", 0),
    ] {
        for sort in [
            "",
            "&_sort=date",
            "&_sort=-date",
            "&_sort=-_lastUpdated",
            "&_sort=date,_id",
        ] {
            let url = format!("Observation?{filter}{sort}&_count=17");
            let mut ids = pages(&mut base, &url).await;
            let whole = base
                .ids(&format!("Observation?{filter}{sort}&_count=1000"))
                .await;
            assert_eq!(ids, whole, "{url}");
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), expected, "{url}");
            let page = base.page(&format!("{url}&_total=accurate")).await;
            assert_eq!(page.total, Some(expected.try_into().unwrap()), "{url}");
        }
    }
}

#[tokio::test]
async fn what_is_written_between_pages_changes_no_page() {
    let mut base = many(30).await;
    let first = base.page("Observation?_count=10").await;
    base.put(observation("late", "often", json!({}))).await;
    let cursor = first.next.unwrap();
    let second = base
        .page(&format!("Observation?_count=30&_cursor={cursor}"))
        .await;
    let mut ids = of_mode(&second, HitMode::Match);
    assert_eq!(ids.len(), 20);
    ids.retain(|id| first.hits.iter().any(|hit| hit.stored.id == *id) || id == "late");
    assert!(ids.is_empty());
}

#[tokio::test]
async fn totals_count_all_pages() {
    let mut base = many(30).await;
    let page = base.page("Observation?code=often&_count=5").await;
    assert_eq!((page.hits.len(), page.total), (5, None));
    let page = base
        .page("Observation?code=often&_count=5&_total=accurate")
        .await;
    assert_eq!((page.hits.len(), page.total), (5, Some(29)));
    for count_only in ["_count=0", "_summary=count"] {
        let page = base
            .page(&format!("Observation?code=often&{count_only}&_sort=date"))
            .await;
        assert_eq!((page.hits.len(), page.total), (0, Some(29)));
        assert_eq!(page.next, None);
    }
}

#[tokio::test]
async fn a_cursor_of_another_search_is_refused() {
    let mut base = many(3).await;
    let page = base.page("Observation?_count=1&_sort=date").await;
    let cursor = page.next.unwrap();
    let problem = parse(&format!("Observation?_cursor={cursor}")).unwrap_err();
    assert_eq!(problem.category, Category::Malformed);
}

#[tokio::test]
async fn the_server_asks_its_own_queries() {
    let mut base = many(30).await;
    let all = Query::new(kind("Observation"));
    assert_eq!(base.run(&all).await.unwrap().hits.len(), 30);
    let query = Query::new(kind("Observation"))
        .reference("subject", "Patient/1")
        .token("code", Some("urn:codes"), "often")
        .token("status", None, "final")
        .date(
            "_lastUpdated",
            Prefix::Gt,
            Timestamp::from_millisecond(2_000).unwrap(),
        )
        .with("date:missing", "false")
        .sort("-date")
        .limit(2)
        .counted();
    let page = base.run(&query).await.unwrap();
    // Of 1, 4 … 28: not 7 and 28, which have no date; 1 was updated at 2 s, not after.
    assert_eq!((page.hits.len(), page.total), (2, Some(7)));
    let wrong = Query::new(kind("Observation")).token("nonsense", None, "x");
    assert_eq!(
        base.run(&wrong).await.unwrap_err().category,
        Category::Fault
    );
}
