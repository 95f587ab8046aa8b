//! history: versions of a resource, of a type or of all, newest first, deletions included.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#history>.

use jiff::Timestamp;

use super::{
    Context, Reply,
    assembly::{Assembly, BundleKind, Entry, response},
    gate,
};
use crate::{
    fhir::{date, permit::Permit, search::query::Handling},
    kernel::{
        clock::from_millis,
        problem::{Category, Problem, Result},
    },
    store::{Excerpt, History, HistoryOf, Moment, Stored},
};

/// Which part of a history is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// `_count`.
    pub count: Option<u32>,
    /// `_since`.
    pub since: Option<Timestamp>,
    /// `_at`.
    pub at: Option<date::Span>,
    /// `_cursor`: what comes after this place. Our own parameter, found in next links only.
    pub after: Option<Moment>,
    /// What was understood, as given, for the links.
    applied: Vec<(String, String)>,
}

impl Span {
    /// Reads the parameters of a history.
    ///
    /// # Errors
    /// `Malformed` for a bad value and, under strict handling, for an unknown parameter;
    /// `NotSupported` for `_list`.
    pub fn read(pairs: &[(String, String)], handling: Handling) -> Result<Self> {
        let mut span = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "_count" => span.count = Some(count(value).ok_or_else(|| bad(name))?),
                "_since" => span.since = Some(from_millis(days(name, value)?.start)),
                "_at" => span.at = Some(days(name, value)?),
                "_cursor" => {
                    span.after = Some(cursor(value).ok_or_else(|| bad(name))?);
                    continue;
                }
                "_format" | "_pretty" => continue,
                "_list" => {
                    return Err(Problem::new(
                        Category::NotSupported,
                        "not-supported",
                        "_list is not offered in histories; _since, _at and _count are.",
                    ));
                }
                _ if handling == Handling::Strict => {
                    return Err(Problem::malformed(
                        "not-found",
                        "A history takes the parameters _count, _since and _at.",
                    ));
                }
                _ => continue,
            }
            span.applied.push((name.clone(), value.clone()));
        }
        Ok(span)
    }

    /// What it asks of the store.
    pub(super) fn excerpt(&self, context: &Context, of: HistoryOf) -> Excerpt {
        let limits = &context.limits;
        Excerpt {
            of,
            since: self.since,
            at: self.at,
            after: self.after,
            count: self
                .count
                .unwrap_or(limits.page_default)
                .min(limits.page_max),
        }
    }
}

fn bad(name: &str) -> Problem {
    Problem::malformed("value", format!("The value of {name} cannot be read."))
}

/// A whole number; one that is greater than any page is cut as any other.
fn count(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}

/// An instant or a date; a `+` of its zone that was not encoded arrives as a space.
fn days(name: &str, value: &str) -> Result<date::Span> {
    date::span(&value.replace(' ', "+")).ok_or_else(|| bad(name))
}

fn cursor(text: &str) -> Option<Moment> {
    let (at, seq) = text.split_once('.')?;
    Some(Moment {
        at: at.parse().ok()?,
        seq: seq.parse().ok()?,
    })
}

/// Lists versions.
///
/// # Errors
/// `NotFound`, if they are those of a resource that never existed; `Forbidden`.
pub async fn history(
    context: &Context,
    permit: &Permit,
    of: HistoryOf,
    span: &Span,
) -> Result<Reply> {
    gate::history(permit, &of)?;
    let excerpt = span.excerpt(context, of);
    let page = context.store.history(permit, &excerpt).await?;
    document(context, span, &excerpt, page)
}

/// The Bundle of a page.
pub(super) fn document(
    context: &Context,
    span: &Span,
    excerpt: &Excerpt,
    page: Option<History>,
) -> Result<Reply> {
    let page = page.ok_or_else(|| Problem::not_found("There is no such resource."))?;
    let mut bundle = Assembly::new(BundleKind::History, page.total);
    let path = match &excerpt.of {
        HistoryOf::System => format!("{}/_history", context.base),
        HistoryOf::Type(kind) => format!("{}/{kind}/_history", context.base),
        HistoryOf::Instance(kind, id) => format!("{}/{kind}/{id}/_history", context.base),
    };
    bundle.link("self", &link(&path, span, span.after));
    if page.next.is_some() {
        bundle.link("next", &link(&path, span, page.next));
    }
    for stored in &page.versions {
        bundle.entry(&entry(context, stored));
    }
    Ok(Reply::Document(bundle.finish()))
}

fn link(path: &str, span: &Span, after: Option<Moment>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&span.applied);
    if let Some(Moment { at, seq }) = after {
        query.append_pair("_cursor", &format!("{at}.{seq}"));
    }
    let query = query.finish();
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{path}{separator}{query}")
}

fn entry<'a>(context: &Context, stored: &'a Stored) -> Entry<'a> {
    let reference = stored.reference();
    let (method, status) = match (stored.is_deleted(), stored.version) {
        (true, _) => ("DELETE", "204 No Content"),
        (false, 1) => ("POST", "201 Created"),
        (false, _) => ("PUT", "200 OK"),
    };
    let url = if method == "POST" {
        stored.kind.name().to_owned()
    } else {
        reference.clone()
    };
    Entry {
        full_url: Some(format!("{}/{reference}", context.base)),
        resource: stored.body.as_deref(),
        request: Some((method, url)),
        response: Some(response(status, stored)),
        ..Entry::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        fhir::definitions::ResourceType,
        interactions::{delete, testing::Bench},
    };

    async fn listed(bench: &Bench, of: HistoryOf, query: &str) -> Value {
        let pairs = crate::interactions::pairs::read(query).unwrap();
        let span = Span::read(&pairs, Handling::Strict).unwrap();
        let permit = Permit::development();
        match history(&bench.context, &permit, of, &span).await {
            Ok(Reply::Document(bytes)) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("no history: {other:?}"),
        }
    }

    #[tokio::test]
    async fn versions_come_newest_first_page_by_page() {
        let bench = Bench::open().await;
        let first = bench.create(r#"{"resourceType":"Patient"}"#).await;
        let body = format!(r#"{{"resourceType":"Patient","id":"{}"}}"#, first.id);
        bench.update(&first.id, &body).await;
        let target = (first.kind, first.id.as_str());
        delete::delete(&bench.context, &Permit::development(), target, None)
            .await
            .unwrap();

        let of = || HistoryOf::Instance(first.kind, first.id.clone());
        let all = listed(&bench, of(), "").await;
        assert_eq!(
            (&all["type"], &all["total"]),
            (&"history".into(), &3.into())
        );
        let methods: Vec<_> = (0..3)
            .map(|n| all["entry"][n]["request"]["method"].as_str().unwrap())
            .collect();
        assert_eq!(methods, ["DELETE", "PUT", "POST"]);
        assert_eq!(all["entry"][0].get("resource"), None);
        assert_eq!(all["entry"][1]["resource"]["meta"]["versionId"], "2");

        let page = listed(&bench, of(), "_count=2").await;
        assert_eq!(page["entry"].as_array().unwrap().len(), 2);
        let next = page["link"][1]["url"].as_str().unwrap();
        let rest = listed(&bench, of(), next.split_once('?').unwrap().1).await;
        assert_eq!(rest["entry"][0]["response"]["etag"], "W/\"1\"");
        assert!(rest["link"].get(1).is_none());
    }

    #[tokio::test]
    async fn since_leaves_the_older_out() {
        let bench = Bench::open().await;
        let first = bench.create(r#"{"resourceType":"Patient"}"#).await;
        let later = crate::kernel::clock::from_millis(first.updated.as_millisecond() + 60_000);
        bench.clock.advance_to(later);
        let body = format!(r#"{{"resourceType":"Patient","id":"{}"}}"#, first.id);
        bench.update(&first.id, &body).await;
        let query = format!("_since={later}");
        let page = listed(&bench, HistoryOf::Instance(first.kind, first.id), &query).await;
        assert_eq!(page["entry"].as_array().unwrap().len(), 1);
        assert_eq!(page["entry"][0]["response"]["etag"], "W/\"2\"");
    }

    fn versions(page: &Value) -> Vec<String> {
        let entries = page["entry"].as_array().into_iter().flatten();
        entries
            .map(|entry| {
                let url = entry["fullUrl"].as_str().unwrap().rsplit('/').next();
                format!("{} {}", url.unwrap(), entry["response"]["etag"])
            })
            .collect()
    }

    /// a 1, b 1, then a minute later a 2, then b deleted.
    async fn two_patients() -> (Bench, [Timestamp; 3]) {
        let bench = Bench::open().await;
        let start = bench.context.clock.now();
        let later = |minutes: i64| from_millis(start.as_millisecond() + minutes * 60_000);
        let a = r#"{"resourceType":"Patient","id":"a"}"#;
        bench.update("a", a).await;
        let b = r#"{"resourceType":"Patient","id":"b"}"#;
        bench.update("b", b).await;
        bench
            .create(r#"{"resourceType":"Basic","code":{"text":"x"}}"#)
            .await;
        bench.clock.advance_to(later(1));
        bench.update("a", a).await;
        bench.clock.advance_to(later(2));
        let target = (ResourceType::named("Patient").unwrap(), "b");
        delete::delete(&bench.context, &Permit::development(), target, None)
            .await
            .unwrap();
        (bench, [start, later(1), later(2)])
    }

    #[tokio::test]
    async fn a_type_and_the_system_have_histories_too() {
        let (bench, [_, second, _]) = two_patients().await;
        let of = || HistoryOf::Type(ResourceType::named("Patient").unwrap());
        let all = listed(&bench, of(), "").await;
        let [b2, a2, b1, a1] = ["b", "a", "b", "a"].map(str::to_owned);
        let expected = [
            b2 + " \"W/\\\"2\\\"\"",
            a2 + " \"W/\\\"2\\\"\"",
            b1 + " \"W/\\\"1\\\"\"",
            a1 + " \"W/\\\"1\\\"\"",
        ];
        assert_eq!(versions(&all), expected);
        assert_eq!(all["entry"][0]["request"]["method"], "DELETE");
        let system = listed(&bench, HistoryOf::System, "").await;
        assert_eq!(versions(&system).len(), 5);
        let since = listed(&bench, of(), &format!("_since={second}")).await;
        assert_eq!(versions(&since), expected[..2]);

        let (mut seen, mut query) = (Vec::new(), "_count=1".to_owned());
        loop {
            let page = listed(&bench, of(), &query).await;
            seen.extend(versions(&page));
            // What is written meanwhile disturbs no page.
            bench.create(r#"{"resourceType":"Patient"}"#).await;
            let Some(next) = page["link"].get(1) else {
                break;
            };
            query = next["url"]
                .as_str()
                .unwrap()
                .split_once('?')
                .unwrap()
                .1
                .to_owned();
        }
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn at_an_instant_one_version_of_each_was_current() {
        let (bench, [first, second, third]) = two_patients().await;
        let of = || HistoryOf::Type(ResourceType::named("Patient").unwrap());
        for (at, expected) in [
            (first.to_string(), vec!["b 1", "a 1"]),
            (second.to_string(), vec!["a 2", "b 1"]),
            (third.to_string(), vec!["b 2", "a 2"]),
            ("2026-03-01".to_owned(), vec!["b 2", "a 2", "b 1", "a 1"]),
            ("2026-02".to_owned(), vec![]),
        ] {
            let page = listed(&bench, of(), &format!("_at={at}")).await;
            let found: Vec<String> = versions(&page)
                .iter()
                .map(|each| each.replace(['"', '\\', 'W', '/'], ""))
                .collect();
            assert_eq!(found, expected, "{at}");
        }
        let kind = ResourceType::named("Patient").unwrap();
        let own = HistoryOf::Instance(kind, "a".to_owned());
        let page = listed(&bench, own, &format!("_at={second}")).await;
        assert_eq!(versions(&page).len(), 1);
    }

    #[tokio::test]
    async fn a_permit_reaches_the_history_of_its_compartment_only() {
        let (bench, _) = two_patients().await;
        let permit = Permit::development().within_patient("a");
        let span = Span::default();
        for of in [
            HistoryOf::System,
            HistoryOf::Type(ResourceType::named("Patient").unwrap()),
        ] {
            let Ok(Reply::Document(page)) = history(&bench.context, &permit, of, &span).await
            else {
                panic!("no history");
            };
            let page: Value = serde_json::from_slice(&page).unwrap();
            assert_eq!(versions(&page).len(), 2);
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_where_the_client_is_strict() {
        let read = |text: &str, handling| {
            Span::read(&crate::interactions::pairs::read(text).unwrap(), handling)
        };
        for bad in [
            "_count=-1",
            "_since=x",
            "_at=2020-13",
            "_cursor=1",
            "_list=1",
        ] {
            assert!(read(bad, Handling::Lenient).is_err(), "{bad}");
        }
        assert!(read("name=x", Handling::Lenient).is_ok());
        let most = read("_count=99999999999", Handling::Lenient).unwrap();
        assert_eq!(most.count, Some(u32::MAX));
        assert!(read("name=x", Handling::Strict).is_err());
        let zoned = read("_since=2026-03-01T08:00:00+02:00", Handling::Strict).unwrap();
        assert_eq!(zoned.since, "2026-03-01T06:00:00Z".parse().ok());
    }
}
