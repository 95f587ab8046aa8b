//! search-type: what satisfies a query, page by page.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#search>, <http://hl7.org/fhir/R4/search.html>.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Context, Reply,
    assembly::{Assembly, BundleKind, Entry},
    gate, subset,
};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::Permit,
        search::query::{Handling, Query, QueryOptions},
    },
    kernel::problem::Result,
    store::{HitMode, Page},
};

/// Reads the parameters of a search.
///
/// # Errors
/// `Malformed` for a bad value and, under strict handling, for an unknown parameter.
pub fn query(
    context: &Context,
    kind: ResourceType,
    pairs: &[(String, String)],
    handling: Handling,
) -> Result<Query> {
    Query::parse(kind, pairs, &options(context, handling)?)
}

/// Reads the parameters of a search over the types that `_type` names, or all.
///
/// # Errors
/// As [`query`].
pub fn system_query(
    context: &Context,
    pairs: &[(String, String)],
    handling: Handling,
) -> Result<Query> {
    Query::parse_system(pairs, &options(context, handling)?)
}

/// Reads the parameters of a search over these types, of which `_type` may name some.
///
/// # Errors
/// As [`query`].
pub(super) fn query_of(
    context: &Context,
    kinds: &[ResourceType],
    pairs: &[(String, String)],
    handling: Handling,
) -> Result<Query> {
    Query::parse_among(kinds, pairs, &options(context, handling)?)
}

fn options(context: &Context, handling: Handling) -> Result<QueryOptions> {
    Ok(QueryOptions {
        handling,
        count_default: context.limits.page_default,
        count_max: context.limits.page_max,
        base: Some(context.base.to_string()),
        knowledge: context.library.at_hand()?,
    })
}

/// Searches what is durable.
///
/// # Errors
/// `Forbidden`, if the permit does not cover a type that the query asks; else as the query asks too
/// much.
pub async fn search(context: &Context, permit: &Permit, query: &Query) -> Result<Reply> {
    gate::search(permit, query)?;
    let page = context.store.search(permit, query).await?;
    document(context, query, &page).map(Reply::Document)
}

/// The searchset of a page.
///
/// # Errors
/// `Fault`, if a stored resource cannot be read for `_summary` or `_elements`.
pub(super) fn document(context: &Context, query: &Query, page: &Page) -> Result<Bytes> {
    let mut bundle = Assembly::new(BundleKind::Searchset, page.total);
    let here = query.cursor.as_ref().map(|cursor| cursor.encode());
    bundle.link("self", &link(context, query, here.as_deref()));
    if let Some(next) = &page.next {
        bundle.link("next", &link(context, query, Some(next)));
    }
    for hit in &page.hits {
        let stored = &hit.stored;
        let part = subset::of(query, stored)?;
        bundle.entry(&Entry {
            full_url: Some(format!("{}/{}/{}", context.base, stored.kind, stored.id)),
            resource: part.as_deref().or(stored.body.as_deref()),
            mode: Some(match hit.mode {
                HitMode::Match => "match",
                HitMode::Include => "include",
            }),
            ..Entry::default()
        });
    }
    // The links leave out what was not understood, so that only the first page says it.
    if let Some(outcome) = outcome(query) {
        bundle.entry(&Entry {
            resource: Some(&outcome),
            mode: Some("outcome"),
            ..Entry::default()
        });
    }
    Ok(bundle.finish())
}

/// What was left out of the search, as an OperationOutcome.
fn outcome(query: &Query) -> Option<Bytes> {
    let issues: Vec<Value> = query
        .notices
        .iter()
        .map(|notice| {
            json!({
                "severity": "warning",
                "code": "not-found",
                "diagnostics": format!("{notice} It is left out."),
            })
        })
        .collect();
    let outcome = json!({ "resourceType": "OperationOutcome", "issue": issues });
    (!issues.is_empty()).then(|| outcome.to_string().into())
}

/// The search again, with what was understood of it only.
fn link(context: &Context, query: &Query, cursor: Option<&str>) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.extend_pairs(&query.applied);
    if let Some(cursor) = cursor {
        parameters.append_pair("_cursor", cursor);
    }
    let parameters = parameters.finish();
    let separator = if parameters.is_empty() { "" } else { "?" };
    if let Some(path) = &query.within {
        return format!("{}/{path}{separator}{parameters}", context.base);
    }
    if query.system {
        return format!("{}{separator}{parameters}", context.base);
    }
    format!("{}/{}{separator}{parameters}", context.base, query.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{pairs, testing::Bench};

    async fn found(bench: &Bench, text: &str) -> Value {
        let kind = ResourceType::named("Patient").unwrap();
        let pairs = pairs::read(text).unwrap();
        let query = query(&bench.context, kind, &pairs, Handling::Lenient).unwrap();
        match search(&bench.context, &Permit::development(), &query).await {
            Ok(Reply::Document(bytes)) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("no searchset: {other:?}"),
        }
    }

    fn linked<'a>(bundle: &'a Value, relation: &str) -> Option<&'a str> {
        let links = bundle["link"].as_array().unwrap();
        let link = links.iter().find(|link| link["relation"] == relation)?;
        link["url"].as_str()
    }

    #[tokio::test]
    async fn pages_follow_each_other_and_say_what_was_understood() {
        let bench = Bench::open().await;
        for _ in 0..3 {
            bench
                .create(r#"{"resourceType":"Patient","gender":"male"}"#)
                .await;
        }
        let first = found(&bench, "gender=male&nonsense=1&_count=2&_total=accurate").await;
        assert_eq!(
            (&first["type"], &first["total"]),
            (&"searchset".into(), &3.into())
        );
        assert_eq!(first["entry"].as_array().unwrap().len(), 3);
        assert_eq!(first["entry"][0]["search"]["mode"], "match");
        assert_eq!(first["entry"][2]["search"]["mode"], "outcome");
        let outcome = &first["entry"][2]["resource"];
        assert_eq!(outcome["issue"][0]["severity"], "warning");
        let text = outcome["issue"][0]["diagnostics"].as_str().unwrap();
        assert!(text.contains("'nonsense'"), "{text}");
        let own = linked(&first, "self").unwrap();
        assert!(own.starts_with("http://vigie.test/fhir/Patient?gender=male"));
        assert!(!own.contains("nonsense"));

        let next = linked(&first, "next").unwrap();
        let rest = found(&bench, next.split_once('?').unwrap().1).await;
        assert_eq!(rest["entry"].as_array().unwrap().len(), 1);
        assert_eq!(linked(&rest, "next"), None);
        assert_eq!(linked(&rest, "self"), Some(next));
    }

    #[tokio::test]
    async fn only_the_number_is_given_where_only_it_is_wanted() {
        let bench = Bench::open().await;
        bench.create(r#"{"resourceType":"Patient"}"#).await;
        for text in ["_summary=count", "_count=0"] {
            let bundle = found(&bench, text).await;
            assert_eq!(bundle["total"], 1, "{text}");
            assert!(bundle.get("entry").is_none());
        }
    }
}
