//! What of a request may be told: which interaction, which parameters by name, which entries. Pure.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    audit::{Event, Outcome, Record, mention},
    fhir::{definitions::ResourceType, search::parameters::parameter},
};

/// Parameters that say nothing of anybody, beside those of a type.
const GENERAL: [&str; 27] = [
    "_after",
    "_at",
    "_contained",
    "_containedType",
    "_content",
    "_count",
    "_cursor",
    "_elements",
    "_filter",
    "_has",
    "_id",
    "_include",
    "_lastUpdated",
    "_list",
    "_profile",
    "_query",
    "_revinclude",
    "_security",
    "_since",
    "_sort",
    "_source",
    "_summary",
    "_tag",
    "_text",
    "_total",
    "_type",
    "_typeFilter",
];

/// Values of one parameter in which patients are looked for.
const VALUES_MAX: usize = 100;

/// The parts of a path, such as `Patient`, `1`.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// What a verb at a path does; the type and the id may also be their places in a table of routes.
pub(super) fn event(verb: &str, path: &[&str]) -> Event {
    if let Some(operation) = path.iter().find(|part| part.starts_with('$')) {
        return Event::Operation((*operation).to_owned().into());
    }
    Event::Interaction(match (verb, path) {
        (_, ["_search"]) => "search-system",
        (_, [.., "_search"]) => "search-type",
        (_, ["_history"]) => "history-system",
        (_, [_, "_history"]) => "history-type",
        (_, [.., "_history"]) => "history-instance",
        (_, [.., "_history", _]) => "vread",
        ("POST", []) => "batch",
        (_, []) => "search-system",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        (_, [_, _]) => "read",
        _ => "search-type",
    })
}

/// Whether something may be written.
pub(super) fn writes(verb: &str, path: &str) -> bool {
    verb != "GET" && verb != "HEAD" && !path.ends_with("/_search")
}

/// The names of the parameters that are R4's own, and the patients whom their values name.
pub(super) fn query(kind: Option<ResourceType>, pairs: &[(String, String)], record: &mut Record) {
    for (key, value) in pairs {
        // Neither modifiers nor chains: there a client can say what it likes.
        let name = key.split([':', '.']).next().unwrap_or_default();
        let is_known =
            GENERAL.contains(&name) || kind.is_some_and(|kind| parameter(kind, name).is_some());
        record.tell(if is_known { name } else { "?" });
        for each in value.split(',').take(VALUES_MAX) {
            let named = each.rsplit_once("Patient/").map(|(_, id)| id);
            let bare = (name == "patient").then_some(each);
            if let Some(id) = named.or(bare).filter(|id| is_id(id)) {
                record.patients.push(id.to_owned());
            }
        }
    }
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(borrow, default)]
    entry: Vec<Part<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    request: Option<Asked>,
    response: Option<Answered>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    method: String,
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    status: String,
    #[serde(default)]
    location: String,
}

/// A record of an entry, and the resources of its answer that lack elements, such as those that say
/// whose data it is.
pub(super) struct Entry {
    pub record: Record,
    pub partial: Vec<(ResourceType, String)>,
}

/// Whether a query leaves elements out of what it is answered with.
pub(super) fn is_partial(pairs: &[(String, String)]) -> bool {
    let mut names = pairs.iter().map(|(name, _)| name.as_str());
    names.any(|name| matches!(name, "_elements" | "_summary"))
}

/// The resources of a page, by their addresses below the service base URL; or the resource itself.
pub(super) fn named(json: &[u8], base: &str) -> Vec<(ResourceType, String)> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(rename = "resourceType", default)]
        kind: &'a str,
        #[serde(default)]
        id: &'a str,
    }
    let known = |(kind, id): (&str, &str)| Some((ResourceType::named(kind)?, id.to_owned()));
    let entries = mention::entries(json, base).into_iter();
    let mut named: Vec<_> = entries.filter_map(known).collect();
    if named.is_empty()
        && let Ok(head) = serde_json::from_slice::<Head<'_>>(json)
    {
        named.extend(known((head.kind, head.id)).filter(|_| is_id(head.id)));
    }
    named
}

/// What a bundle was, and a record for each of its entries: what was asked for and what came of
/// it stand at the same place in both bundles.
pub(super) fn entries(
    whole: &Record,
    (asked, answered): (&[u8], &[u8]),
    base: &str,
) -> (Event, Vec<Entry>) {
    let asked = serde_json::from_slice::<Bundle<'_>>(asked);
    let answered = serde_json::from_slice::<Bundle<'_>>(answered);
    let (Ok(asked), Ok(answered)) = (asked, answered) else {
        return (whole.event.clone(), Vec::new());
    };
    let event = Event::Interaction(match asked.kind.as_str() {
        "transaction" => "transaction",
        _ => "batch",
    });
    let both = asked.entry.iter().zip(&answered.entry);
    let records = both.map(|(asked, answered)| one(whole, (asked, answered), base));
    (event, records.collect())
}

fn one(whole: &Record, (asked, answered): (&Part<'_>, &Part<'_>), base: &str) -> Entry {
    let (verb, url) = asked
        .request
        .as_ref()
        .map_or(("", ""), |request| (&*request.method, &*request.url));
    let (path, query_text) = url.split_once('?').unwrap_or((url, ""));
    let mut path: Vec<&str> = segments(path).collect();
    // An absolute URL: what stands before the type is not ours to tell.
    if path.first().is_some_and(|first| first.ends_with(':')) {
        let begin = path
            .iter()
            .position(|part| ResourceType::named(part).is_some() || part.starts_with(['$', '_']));
        path.drain(..begin.unwrap_or(path.len()));
    }
    let mut record = Record::begun(whole.at, event(verb, &path));
    record.agent = whole.agent.clone();
    record.address = whole.address;
    record.is_urgent = whole.is_urgent;
    record.tell("entry");
    let mut parts = path.iter().copied();
    let kind = parts.next().and_then(ResourceType::named);
    record.kind = kind.map(ResourceType::name);
    record.id = parts.next().filter(|id| is_id(id)).map(str::to_owned);
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query_text.as_bytes())
        .into_owned()
        .collect();
    query(kind, &pairs, &mut record);
    if let Some(response) = &answered.response {
        let status = response.status.get(..3).and_then(|code| code.parse().ok());
        record.status = status.unwrap_or(0);
        record.outcome = Outcome::of_status(record.status);
        if record.id.is_none() {
            record.id = located(&response.location).map(str::to_owned);
        }
    }
    if record.kind == Some("Patient") {
        record.patients.extend(record.id.clone());
    }
    for resource in [asked.resource, answered.resource].into_iter().flatten() {
        mention::patients_of_client(resource.get().as_bytes(), &mut record.patients);
    }
    let partial = match answered.resource {
        Some(resource) if is_partial(&pairs) => named(resource.get().as_bytes(), base),
        _ => Vec::new(),
    };
    Entry { record, partial }
}

/// The id in `…/Type/id/_history/version`, or `Type/id`.
fn located(location: &str) -> Option<&str> {
    let resource = location.split("/_history/").next()?;
    let mut parts = resource.rsplit('/');
    let id = parts.next().filter(|id| is_id(id))?;
    parts.next().and_then(ResourceType::named)?;
    Some(id)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn record() -> Record {
        Record::begun(Timestamp::UNIX_EPOCH, Event::Interaction("batch"))
    }

    #[test]
    fn a_verb_and_a_path_make_an_interaction() {
        for (verb, path, code) in [
            ("GET", "/{type}/{id}", "read"),
            ("GET", "/{type}", "search-type"),
            ("GET", "", "search-system"),
            ("POST", "/_search", "search-system"),
            ("POST", "/{type}/_search", "search-type"),
            ("GET", "/{type}/{id}/{member}", "search-type"),
            ("GET", "/{type}/{id}/_history", "history-instance"),
            ("GET", "/{type}/_history", "history-type"),
            ("GET", "/_history", "history-system"),
            ("GET", "/{type}/{id}/_history/{version}", "vread"),
            ("POST", "/", "batch"),
            ("POST", "/{type}", "create"),
            ("PUT", "/{type}/{id}", "update"),
            ("PATCH", "/{type}", "patch"),
            ("DELETE", "/{type}/{id}", "delete"),
            ("POST", "/{type}/{id}/$apply", "$apply"),
            ("GET", "/Patient/$everything", "$everything"),
        ] {
            let parts: Vec<&str> = segments(path).collect();
            assert_eq!(event(verb, &parts).code(), code, "{verb} {path}");
        }
        assert!(writes("POST", "/{type}") && !writes("POST", "/{type}/_search"));
        assert!(!writes("GET", "/{type}"));
    }

    #[test]
    fn of_a_query_only_names_of_r4_are_told() {
        let kind = ResourceType::named("Observation");
        let pairs = [
            ("subject:Patient.name", "Dupond"),
            ("patient", "p-1,Patient/p-2"),
            ("_has:Dupond:x", "y"),
            ("Dupond", "1"),
            ("code", "http://loinc.org|1234-5"),
            ("subject", "https://x.example/fhir/Patient/p-3"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut record = record();
        query(kind, &pairs, &mut record);
        assert_eq!(record.detail, "subject patient _has ? code subject");
        assert_eq!(record.patients, ["p-1", "p-2", "p-3"]);
    }

    #[test]
    fn each_entry_of_a_bundle_is_told() {
        let asked = br#"{"resourceType":"Bundle","type":"transaction","entry":[
            {"resource":{"resourceType":"Observation","subject":{"reference":"Patient/p"}},
             "request":{"method":"POST","url":"Observation"}},
            {"request":{"method":"GET","url":"https://x.example/fhir/Patient/q?_elements=name"}},
            {"request":{"method":"DELETE","url":"Task/t"}}]}"#;
        let answered = br#"{"resourceType":"Bundle","type":"transaction-response","entry":[
            {"response":{"status":"201 Created","location":"https://x.example/fhir/Observation/o/_history/1"}},
            {"resource":{"resourceType":"Patient","id":"q"},"response":{"status":"200 OK"}},
            {"response":{"status":"404 Not Found"}}]}"#;
        let (event, all) = entries(&record(), (asked, answered), "https://x.example/fhir");
        assert_eq!(event.code(), "transaction");
        assert!(all[0].partial.is_empty() && all[2].partial.is_empty());
        let patient = ResourceType::named("Patient").unwrap();
        assert_eq!(all[1].partial, [(patient, "q".to_owned())]);
        let all: Vec<Record> = all.into_iter().map(|entry| entry.record).collect();
        let shown: Vec<(String, Option<&str>, Option<&str>, u16)> = all
            .iter()
            .map(|each| {
                let code = each.event.code().to_owned();
                (code, each.kind, each.id.as_deref(), each.status)
            })
            .collect();
        let expected = [
            ("create".to_owned(), Some("Observation"), Some("o"), 201),
            ("read".to_owned(), Some("Patient"), Some("q"), 200),
            ("delete".to_owned(), Some("Task"), Some("t"), 404),
        ];
        assert_eq!(shown, expected);
        assert_eq!(all[0].patients, ["p"]);
        assert_eq!(all[1].patients, ["q"]);
        assert_eq!(all[2].outcome, Outcome::Refused);
    }
}
