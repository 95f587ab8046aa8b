//! everything: all that is there about one patient, page by page; the patient's timeline, and the
//! copy that is offered before an erasure. The same for one encounter: what refers to it.
//!
//! What R4's compartment holds and is not about this patient stays out of it: another Patient, or
//! a ward's team or list that names other people. What is about the patient and has no place in
//! R4's compartment, as Task, is in it. The professionals and organizations that are referred to
//! come along.
//!
//! Specification: <http://hl7.org/fhir/R4/patient-operation-everything.html>,
//! <http://hl7.org/fhir/R4/encounter-operation-everything.html>.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Context, Reply,
    assembly::{Assembly, BundleKind, Entry},
    gate,
};
use crate::{
    fhir::{
        belonging::{Belonging, Scope, belonging, refers},
        definitions::ResourceType,
        permit::Permit,
        reference::{self, LocalReference},
        scope::Action,
        search::extract::index_rows,
    },
    kernel::problem::{Problem, Result},
    store::Stored,
};

/// Resources looked at in one step.
const STEP: u32 = 200;

/// What a permit must allow of a type for it to be in everything: it is found, and read.
const EVERYTHING: &[Action] = &[Action::Search, Action::Read];

/// Types that come along where they are referred to.
const ALONG: [&str; 4] = [
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
];

/// The members by which resources say when something was done; the first that is there counts.
const CARE_DATES: [&str; 12] = [
    "effectiveDateTime",
    "effectivePeriod",
    "performedDateTime",
    "performedPeriod",
    "period",
    "authored",
    "authoredOn",
    "sent",
    "dateTime",
    "onsetDateTime",
    "recordedDate",
    "date",
];

/// Which part is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `start` and `end`: dates of care, both included.
    pub care: (Option<String>, Option<String>),
    /// `_since`.
    pub since: Option<Timestamp>,
    /// `_type`; empty: all.
    pub kinds: Vec<ResourceType>,
    /// `_count`.
    pub count: Option<u32>,
    /// Our own, found in next links only: the page goes on after this.
    pub after: i64,
}

impl Wanted {
    /// Reads the parameters of the operation.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter.
    pub fn read(pairs: &[(String, String)]) -> Result<Self> {
        let mut wanted = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "start" => wanted.care.0 = Some(day(name, value)?),
                "end" => wanted.care.1 = Some(day(name, value)?),
                "_since" => wanted.since = Some(value.parse().map_err(|_| bad(name))?),
                "_count" => wanted.count = Some(value.parse().map_err(|_| bad(name))?),
                "_after" => wanted.after = value.parse().map_err(|_| bad(name))?,
                "_type" => {
                    for one in value.split(',') {
                        let kind = ResourceType::named(one.trim());
                        wanted.kinds.push(kind.ok_or_else(|| bad(name))?);
                    }
                }
                _ => return Err(bad(name)),
            }
        }
        Ok(wanted)
    }

    fn takes(&self, stored: &Stored, tree: &Value) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&stored.kind))
            && self.since.is_none_or(|since| stored.updated >= since)
            && self.is_within(tree)
    }

    /// Whether the care fell into the span; what has no date of care is always in it.
    fn is_within(&self, tree: &Value) -> bool {
        let Some(found) = CARE_DATES
            .iter()
            .map(|name| &tree[name])
            .find(|found| !found.is_null())
        else {
            return true;
        };
        let (first, last) = match found.as_str() {
            Some(date) => (Some(date), Some(date)),
            None => (found["start"].as_str(), found["end"].as_str()),
        };
        let (start, end) = (&self.care.0, &self.care.1);
        // Dates compare as text to the precision that both have.
        let compare = |a: &str, b: &str| {
            let shared = a.len().min(b.len()).min(10);
            a.get(..shared).cmp(&b.get(..shared))
        };
        let too_early = matches!((last, start), (Some(last), Some(start))
            if compare(last, start).is_lt());
        let too_late = matches!((first, end), (Some(first), Some(end))
            if compare(first, end).is_gt());
        !too_early && !too_late
    }
}

fn day(name: &str, value: &str) -> Result<String> {
    let is_date = value
        .get(..4)
        .is_some_and(|year| year.bytes().all(|b| b.is_ascii_digit()));
    if is_date {
        Ok(value.to_owned())
    } else {
        Err(bad(name))
    }
}

fn bad(name: &str) -> Problem {
    let says = format!("The parameter {name} is unknown here, or its value cannot be read.");
    Problem::malformed("value", says)
}

/// One page of all that is about a patient.
///
/// # Errors
/// `NotFound` or `Gone`, if there is no such Patient; `Forbidden`, if a type that is named may not be
/// searched and read.
pub async fn everything(
    context: &Context,
    permit: &Permit,
    (kind, id): (ResourceType, &str),
    wanted: &Wanted,
) -> Result<Reply> {
    gate::check(permit, kind, gate::READ)?;
    let mut named = wanted.kinds.iter();
    named.try_for_each(|named| gate::check(permit, *named, EVERYTHING))?;
    super::standing(context.store.read(permit, kind, id).await?)?;
    let most = wanted.count.unwrap_or(context.limits.page_max);
    let most = usize::try_from(most.clamp(1, context.limits.page_max)).map_err(Problem::fault)?;
    let gone = HashSet::from([LocalReference {
        kind,
        id: id.to_owned(),
    }]);
    let (mut page, mut after, mut more) = (Vec::new(), wanted.after, true);
    while more && page.len() < most {
        let step = context.store.about(permit, (kind, id), after, STEP).await?;
        more = step.len() >= STEP as usize;
        for stored in step {
            if page.len() == most {
                more = true;
                break;
            }
            after = stored.key;
            let tree = stored.tree()?;
            let own = stored.kind == kind && stored.id == id
                || is_own(&stored, &tree, &gone) && reaches(context, permit, &stored).await?;
            if own && wanted.takes(&stored, &tree) {
                page.push((stored, tree));
            }
        }
    }
    let along = along(context, permit, (kind, &page)).await?;
    let mut bundle = Assembly::new(BundleKind::Searchset, None);
    bundle.link("self", &link(context, (kind, id), wanted, wanted.after));
    if more {
        bundle.link("next", &link(context, (kind, id), wanted, after));
    }
    let matches = page.iter().map(|(stored, _)| (stored, "match"));
    for (stored, mode) in matches.chain(along.iter().map(|stored| (stored, "include"))) {
        bundle.entry(&Entry {
            full_url: Some(format!("{}/{}", context.base, stored.reference())),
            resource: stored.body.as_deref(),
            mode: Some(mode),
            ..Entry::default()
        });
    }
    Ok(Reply::Document(bundle.finish()))
}

/// Whether a version is about what everything is wanted of.
fn is_own(stored: &Stored, tree: &Value, gone: &HashSet<LocalReference>) -> bool {
    let references = index_rows(tree, stored.kind).references;
    gone.iter().any(|focus| match focus.kind.name() {
        "Patient" => {
            let scope = Scope::Person(&focus.id);
            belonging(stored.kind, &references, scope, gone) == Belonging::Own
        }
        _ => refers(&references, gone),
    })
}

/// Whether the permit reaches a version that was found without it.
async fn reaches(context: &Context, permit: &Permit, stored: &Stored) -> Result<bool> {
    if permit.patient().is_none() && permit.grants().is_none() {
        return Ok(true);
    }
    if gate::check(permit, stored.kind, EVERYTHING).is_err() {
        return Ok(false);
    }
    let found = context.store.read(permit, stored.kind, &stored.id).await?;
    Ok(found.is_some())
}

/// Who is referred to on a page, each once.
async fn along(
    context: &Context,
    permit: &Permit,
    (kind, page): (ResourceType, &[(Stored, Value)]),
) -> Result<Vec<Stored>> {
    let mut named = BTreeSet::new();
    for (_, tree) in page {
        collect(tree, &mut named);
    }
    if kind.name() != "Patient" {
        // Whom an encounter is about comes along, too.
        let subjects = page
            .iter()
            .filter_map(|(_, tree)| tree["subject"]["reference"].as_str());
        named.extend(
            subjects
                .filter(|text| text.starts_with("Patient/"))
                .map(str::to_owned),
        );
    }
    let mut along = Vec::new();
    for local in named.iter().filter_map(|text| reference::local(text)) {
        let found = context.store.read(permit, local.kind, &local.id).await?;
        along.extend(found.filter(|stored| !stored.is_deleted()));
    }
    Ok(along)
}

fn collect(tree: &Value, named: &mut BTreeSet<String>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| collect(item, named)),
        Value::Object(members) => {
            let local = members
                .get("reference")
                .and_then(Value::as_str)
                .and_then(reference::local);
            if let Some(local) = local.filter(|local| ALONG.contains(&local.kind.name())) {
                named.insert(format!("{}/{}", local.kind, local.id));
            }
            members.values().for_each(|member| collect(member, named));
        }
        _ => {}
    }
}

fn link(
    context: &Context,
    (kind, id): (ResourceType, &str),
    wanted: &Wanted,
    after: i64,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    };
    add("start", wanted.care.0.clone());
    add("end", wanted.care.1.clone());
    add("_since", wanted.since.map(|since| since.to_string()));
    let kinds: Vec<&str> = wanted.kinds.iter().map(|kind| kind.name()).collect();
    add("_type", (!kinds.is_empty()).then(|| kinds.join(",")));
    add("_count", wanted.count.map(|count| count.to_string()));
    add("_after", (after > 0).then(|| after.to_string()));
    let query = query.finish();
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{}/{kind}/{id}/$everything{separator}{query}", context.base)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::interactions::{pairs, testing::Bench};

    fn patients() -> ResourceType {
        ResourceType::named("Patient").unwrap()
    }

    async fn asked(bench: &Bench, patient: &str, query: &str) -> Value {
        let wanted = Wanted::read(&pairs::read(query).unwrap()).unwrap();
        let permit = Permit::development();
        match everything(&bench.context, &permit, (patients(), patient), &wanted).await {
            Ok(Reply::Document(bytes)) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("no searchset: {other:?}"),
        }
    }

    fn kinds(bundle: &Value) -> Vec<&str> {
        let entries = bundle["entry"].as_array().into_iter().flatten();
        entries
            .map(|entry| entry["resource"]["resourceType"].as_str().unwrap())
            .collect()
    }

    async fn ward(bench: &Bench) -> String {
        let patient = bench.create(r#"{"resourceType":"Patient"}"#).await.id;
        let other = bench.create(r#"{"resourceType":"Patient"}"#).await.id;
        let nurse = bench.create(r#"{"resourceType":"Practitioner"}"#).await.id;
        let (own, near) = (format!("Patient/{patient}"), format!("Patient/{other}"));
        for tree in [
            json!({ "resourceType": "Task", "status": "requested", "intent": "order",
                "for": { "reference": own }, "authoredOn": "2026-03-02",
                "requester": { "reference": format!("Practitioner/{nurse}") } }),
            json!({ "resourceType": "Flag", "status": "active", "code": { "text": "x" },
                "subject": { "reference": own }, "period": { "start": "2026-03-05" } }),
            json!({ "resourceType": "Flag", "status": "active", "code": { "text": "y" },
                "subject": { "reference": near }, "author": { "reference": own } }),
            json!({ "resourceType": "Group", "type": "person", "actual": true,
                "member": [{ "entity": { "reference": own } }, { "entity": { "reference": near } }] }),
        ] {
            bench.create(&tree.to_string()).await;
        }
        patient
    }

    #[tokio::test]
    async fn all_that_is_about_a_patient_and_nothing_about_others() {
        let bench = Bench::open().await;
        let patient = ward(&bench).await;
        let all = asked(&bench, &patient, "").await;
        assert_eq!(kinds(&all), ["Patient", "Task", "Flag", "Practitioner"]);
        assert_eq!(all["entry"][3]["search"]["mode"], "include");
        let flags = asked(&bench, &patient, "_type=Flag,Patient").await;
        assert_eq!(kinds(&flags), ["Patient", "Flag"]);
        let early = asked(&bench, &patient, "end=2026-03-04&_type=Flag,Task").await;
        assert_eq!(kinds(&early), ["Task", "Practitioner"]);
        let late = asked(&bench, &patient, "start=2026-03-03&_type=Flag,Task").await;
        assert_eq!(kinds(&late), ["Flag"]);
        let since = asked(&bench, &patient, "_since=2030-01-01T00:00:00Z").await;
        assert_eq!(kinds(&since), Vec::<&str>::new());
    }

    #[tokio::test]
    async fn pages_follow_each_other() {
        let bench = Bench::open().await;
        let patient = ward(&bench).await;
        let (mut query, mut seen) = ("_count=1".to_owned(), Vec::new());
        loop {
            let page = asked(&bench, &patient, &query).await;
            seen.extend(kinds(&page).into_iter().map(str::to_owned));
            let links = page["link"].as_array().unwrap();
            let Some(next) = links.iter().find(|link| link["relation"] == "next") else {
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
        assert_eq!(seen, ["Patient", "Task", "Practitioner", "Flag"]);
    }

    #[tokio::test]
    async fn all_that_refers_to_an_encounter_and_whom_it_is_about() {
        let bench = Bench::open().await;
        let patient = bench.create(r#"{"resourceType":"Patient"}"#).await;
        let subject = json!({"reference": patient.reference()});
        let mut encounters = Vec::new();
        for _ in 0..2 {
            let encounter = json!({"resourceType": "Encounter", "status": "planned",
                "class": {"code": "AMB"}, "subject": subject});
            let encounter = bench.create(&encounter.to_string()).await;
            let flag = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"},
                "subject": subject, "encounter": {"reference": encounter.reference()}});
            bench.create(&flag.to_string()).await;
            encounters.push(encounter);
        }
        let target = (encounters[0].kind, encounters[0].id.as_str());
        let all = |permit: Permit| {
            let context = bench.context.clone();
            async move { everything(&context, &permit, target, &Wanted::default()).await }
        };
        let Ok(Reply::Document(page)) = all(Permit::development()).await else {
            panic!("no searchset");
        };
        let page: Value = serde_json::from_slice(&page).unwrap();
        assert_eq!(kinds(&page), ["Encounter", "Flag", "Patient"]);
        assert_eq!(page["entry"][2]["search"]["mode"], "include");
        let other = Permit::development().within_patient("other");
        assert_eq!(all(other).await.unwrap_err().issues[0].code, "not-found");
    }

    #[tokio::test]
    async fn nobody_has_nothing_and_a_parameter_is_known() {
        let bench = Bench::open().await;
        let permit = Permit::development();
        let none = everything(
            &bench.context,
            &permit,
            (patients(), "none"),
            &Wanted::default(),
        )
        .await;
        assert_eq!(none.unwrap_err().issues[0].code, "not-found");
        for wrong in ["start=x", "_type=Nothing", "_count=-1", "nonsense=1"] {
            assert!(
                Wanted::read(&pairs::read(wrong).unwrap()).is_err(),
                "{wrong}"
            );
        }
    }
}
