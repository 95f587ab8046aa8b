//! history-instance: the versions of a resource, newest first, deletions included.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#history>.

use jiff::Timestamp;

use super::{
    Context, Reply,
    assembly::{Assembly, BundleKind, Entry, response},
};
use crate::{
    fhir::{definitions::ResourceType, permit::Permit},
    kernel::problem::{Category, Problem, Result},
    store::Stored,
};

/// Which part of a history is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// `_count`.
    pub count: Option<u32>,
    /// `_since`.
    pub since: Option<Timestamp>,
    /// `_before`: versions below this one. Our own parameter, found in next links only.
    pub before: Option<u64>,
}

impl Span {
    /// Reads the parameters of a history; those it does not know are left to the next server.
    ///
    /// # Errors
    /// `Malformed` for a bad value, `NotSupported` for `_at`.
    pub fn read(pairs: &[(String, String)]) -> Result<Self> {
        let mut span = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "_count" => span.count = Some(value.parse().map_err(|_| bad(name))?),
                "_since" => span.since = Some(value.parse().map_err(|_| bad(name))?),
                "_before" => span.before = Some(value.parse().map_err(|_| bad(name))?),
                "_at" => {
                    return Err(Problem::new(
                        Category::NotSupported,
                        "not-supported",
                        "_at is not offered; _since and _count are.",
                    ));
                }
                _ => {}
            }
        }
        Ok(span)
    }
}

fn bad(name: &str) -> Problem {
    Problem::malformed("value", format!("The value of {name} cannot be read."))
}

/// Lists the versions of one resource.
///
/// # Errors
/// `NotFound`, if it never existed.
pub async fn history(
    context: &Context,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
    span: &Span,
) -> Result<Reply> {
    let count = span
        .count
        .unwrap_or(context.limits.page_default)
        .min(context.limits.page_max);
    let page = context
        .store
        .history(permit, (kind, id), span.before, count)
        .await?
        .ok_or_else(|| Problem::not_found("There is no such resource."))?;
    let (mut versions, mut next) = (page.versions, page.next);
    if let Some(since) = span.since {
        let all = versions.len();
        versions.retain(|stored| stored.updated >= since);
        // Newest first: what follows an older version is older still.
        if versions.len() < all {
            next = None;
        }
    }
    let total = span.since.is_none().then_some(page.total);
    let mut bundle = Assembly::new(BundleKind::History, total);
    let path = format!("{}/{kind}/{id}/_history", context.base);
    bundle.link("self", &link(&path, span, count, span.before));
    if next.is_some() && count > 0 {
        bundle.link("next", &link(&path, span, count, next));
    }
    for stored in &versions {
        bundle.entry(&entry(context, stored));
    }
    Ok(Reply::Document(bundle.finish()))
}

fn link(path: &str, span: &Span, count: u32, before: Option<u64>) -> String {
    let mut url = format!("{path}?_count={count}");
    if let Some(since) = span.since {
        url.push_str(&format!("&_since={since}"));
    }
    if let Some(before) = before {
        url.push_str(&format!("&_before={before}"));
    }
    url
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
    use crate::interactions::{delete, testing::Bench};

    async fn listed(bench: &Bench, target: (ResourceType, &str), query: &str) -> Value {
        let pairs = crate::interactions::pairs::read(query).unwrap();
        let span = Span::read(&pairs).unwrap();
        let permit = Permit::development();
        match history(&bench.context, &permit, target, &span).await {
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

        let all = listed(&bench, target, "").await;
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

        let page = listed(&bench, target, "_count=2").await;
        assert_eq!(page["entry"].as_array().unwrap().len(), 2);
        let next = page["link"][1]["url"].as_str().unwrap();
        let rest = listed(&bench, target, next.split_once('?').unwrap().1).await;
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
        let page = listed(&bench, (first.kind, &first.id), &query).await;
        assert_eq!(page["entry"].as_array().unwrap().len(), 1);
        assert_eq!(page["entry"][0]["response"]["etag"], "W/\"2\"");
    }
}
