//! Batches and transactions, as far as they are the same: their entries read, their answers
//! written.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#transaction>.

mod line;
mod part;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

pub use self::part::Elsewhere;
pub(super) use self::part::{Part, Request};
use super::{
    Context, Reply,
    advice::{self, Advice},
    assembly::{Assembly, BundleKind, Entry, response},
    batch::batch,
    gate,
    transaction::transaction,
};
use crate::{
    fhir::{
        definitions::ResourceType,
        json as reading,
        outcome::{outcome, shown},
        permit::Permit,
        resource::Resource,
        search::query::Handling,
        validate,
    },
    kernel::problem::{Category, Issue, Problem, Result},
    store::Stored,
};

/// An operation that an entry asks for.
#[derive(Debug, Clone)]
pub struct OperationCall {
    /// The type, unless it is called on the system.
    pub kind: Option<ResourceType>,
    /// The instance, if it is called on one.
    pub id: Option<String>,
    /// Its name, without `$`.
    pub name: String,
    /// Whether it is a POST, and not a GET.
    pub is_post: bool,
    /// The query.
    pub query: Vec<(String, String)>,
    /// The resource of the entry.
    pub resource: Option<Resource>,
}

/// Runs the operations that entries ask for; they belong to a layer above.
pub trait Operate: Send + Sync {
    /// Runs one.
    fn operate(&self, permit: Permit, call: OperationCall) -> BoxFuture<'static, Result<Reply>>;

    /// What an entry asks for, if it is kept beside the store and the permit reaches it there.
    fn elsewhere<'a>(
        &'a self,
        permit: &'a Permit,
        asked: &'a Elsewhere,
    ) -> BoxFuture<'a, Result<Option<Reply>>> {
        let _ = (permit, asked);
        Box::pin(async { Ok(None) })
    }
}

/// What an entry that writes is answered with (`Prefer: return`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Returned {
    /// Status, place and version.
    #[default]
    Minimal,
    /// The resource, too.
    Representation,
    /// An OperationOutcome, too.
    Outcome,
}

/// How the entries are answered.
#[derive(Clone)]
pub struct BundleOptions {
    /// `Bundle.entry.response.status` of a problem, such as `404 Not Found`.
    pub status: fn(Category) -> String,
    /// What the answer holds of what was written.
    pub returned: Returned,
    /// What is to be done with unknown parameters of searches.
    pub handling: Handling,
    /// Who runs operations.
    pub operate: Arc<dyn Operate>,
}

/// Does what a batch or a transaction asks.
///
/// # Errors
/// `Malformed` and `Invalid` for what is no batch or transaction; those of any entry of a
/// transaction, with its place.
pub async fn process(
    context: &Context,
    permit: &Permit,
    body: &Bytes,
    options: BundleOptions,
) -> Result<Reply> {
    let mut tree = reading::parse(body, &context.limits.json)?;
    let resources = take_resources(context, &mut tree)?;
    validate::check(&tree)?;
    if tree["resourceType"] != "Bundle" {
        return Err(
            Problem::malformed("structure", "The body must be a Bundle.").at("resourceType"),
        );
    }
    let judgement = context.judgement().await?;
    let entries = tree["entry"].as_array().map_or(&[][..], Vec::as_slice);
    let parts = entries
        .iter()
        .zip(resources)
        .enumerate()
        .map(|(place, (entry, resource))| {
            let how = (options.handling, &judgement);
            let part = Part::read(context, how, (place, entry), resource)?;
            gate::entry(permit, &part.request, part.resource.as_ref())
                .map_err(|problem| at_entry(problem, place, ".request"))?;
            Ok(part)
        });
    let (kind, replies) = match tree["type"].as_str() {
        Some("batch") => {
            let operate = options.operate.as_ref();
            let replies = batch(context, permit, parts.collect(), operate).await;
            (BundleKind::BatchResponse, replies)
        }
        Some("transaction") => {
            let parts = all(parts)?;
            let replies = transaction(context, permit, parts).await?;
            let replies = replies.into_iter().map(Ok).collect();
            (BundleKind::TransactionResponse, replies)
        }
        _ => {
            return Err(
                Problem::invalid("value", "The type must be batch or transaction.")
                    .at("Bundle.type"),
            );
        }
    };
    let mut answered = Vec::with_capacity(replies.len());
    for (reply, entry) in replies.into_iter().zip(entries) {
        let reply = match reply {
            Ok(reply) if entry["request"]["method"] == "HEAD" => Ok(head(reply)),
            reply => reply,
        };
        let advice = match &reply {
            Ok(reply) => advice::of(context, reply).await,
            Err(_) => None,
        };
        answered.push((reply, advice));
    }
    Ok(Reply::Document(answer(context, kind, &answered, &options)))
}

/// Takes the resources out of the entries: each is checked by itself, so that one that is wrong
/// does not fail a batch.
fn take_resources(context: &Context, tree: &mut Value) -> Result<Vec<Option<Value>>> {
    let Some(entries) = tree.get_mut("entry").and_then(Value::as_array_mut) else {
        return Ok(Vec::new());
    };
    let most = context.limits.bundle_entries_max;
    if entries.len() > most {
        return Err(Problem::new(
            Category::TooLarge,
            "too-costly",
            format!("A batch or transaction has at most {most} entries."),
        ));
    }
    let mut resources = Vec::with_capacity(entries.len());
    for (place, entry) in entries.iter_mut().enumerate() {
        let Some(entry) = entry.as_object_mut() else {
            resources.push(None);
            continue;
        };
        if !entry.contains_key("request") {
            return Err(
                Problem::malformed("required", "Each entry must have a request.")
                    .at(format!("Bundle.entry[{place}].request")),
            );
        }
        resources.push(entry.shift_remove("resource"));
    }
    Ok(resources)
}

/// All parts, or the faults of all that have one.
fn all(parts: impl Iterator<Item = Result<Part>>) -> Result<Vec<Part>> {
    let (mut good, mut refused) = (Vec::new(), None::<Problem>);
    for part in parts {
        match (part, &mut refused) {
            (Ok(part), None) => good.push(part),
            (Ok(_), Some(_)) => {}
            (Err(problem), None) => refused = Some(problem),
            (Err(problem), Some(first)) => {
                let room = validate::MOST_ISSUES.saturating_sub(first.issues.len());
                first.issues.extend(problem.issues.into_iter().take(room));
            }
        }
    }
    refused.map_or(Ok(good), Err)
}

fn answer(
    context: &Context,
    kind: BundleKind,
    replies: &[(Result<Reply>, Option<Advice>)],
    options: &BundleOptions,
) -> Bytes {
    let mut bundle = Assembly::new(kind, None);
    for (reply, advice) in replies {
        match reply {
            Ok(reply) => {
                let mut entry = entry(context, reply, options.returned);
                if let (Some(outcome), Some(response)) = (
                    told(reply, advice.as_ref(), options.returned),
                    &mut entry.response,
                ) {
                    response["outcome"] = outcome;
                }
                bundle.entry(&entry);
            }
            Err(problem) => {
                if let Some(reason) = &problem.internal {
                    tracing::error!(reason, "an entry of a batch failed");
                }
                bundle.entry(&Entry {
                    response: Some(json!({
                        "status": (options.status)(problem.category),
                        "outcome": outcome(&problem.issues),
                    })),
                    ..Entry::default()
                });
            }
        }
    }
    bundle.finish()
}

fn entry<'a>(context: &Context, reply: &'a Reply, returned: Returned) -> Entry<'a> {
    let representation = returned == Returned::Representation;
    let (stored, status, shown) = match reply {
        Reply::Version(stored) => (stored, "200 OK", true),
        Reply::NotModified(stored) => (stored, "304 Not Modified", false),
        Reply::Created(stored) => (stored, "201 Created", representation),
        Reply::Updated(stored) | Reply::Existing(stored) => (stored, "200 OK", representation),
        Reply::Deleted(Some(stored)) => (stored, "204 No Content", false),
        Reply::Deleted(None) => return bare("204 No Content"),
        Reply::Document(bytes) => {
            return Entry {
                resource: Some(bytes),
                ..bare("200 OK")
            };
        }
        Reply::Headed(Some(stored)) => (stored, "200 OK", false),
        Reply::Headed(None) => return bare("200 OK"),
        Reply::Underway { .. } => return bare("202 Accepted"),
        // No interaction of a bundle gives a table; its bytes would not be a resource.
        Reply::Table(..) => return bare("200 OK"),
        Reply::Accepted(stored) => (stored, "202 Accepted", true),
    };
    let full_url = format!("{}/{}", context.base, stored.reference());
    Entry {
        full_url: shown.then_some(full_url),
        resource: stored.body.as_deref().filter(|_| shown),
        response: Some(located(response(status, stored), stored)),
        ..Entry::default()
    }
}

/// The outcome of an entry that has succeeded: advice to whoever has answered, and, where it is
/// asked for, that something was written.
fn told(reply: &Reply, advice: Option<&Advice>, returned: Returned) -> Option<Value> {
    let done = match reply {
        Reply::Created(_) | Reply::Updated(_) | Reply::Existing(_) => "The resource is stored.",
        Reply::Deleted(_) => "The resource is deleted.",
        _ => "",
    };
    let wanted = returned == Returned::Outcome && !done.is_empty();
    let done = wanted.then(
        || json!({ "severity": "information", "code": "informational", "diagnostics": done }),
    );
    let advice = advice.map(|advice| shown(&advice.text));
    let issues: Vec<Value> = done.into_iter().chain(advice).collect();
    (!issues.is_empty()).then(|| json!({ "resourceType": "OperationOutcome", "issue": issues }))
}

/// What HEAD leaves of an answer: nothing but its headers.
fn head(reply: Reply) -> Reply {
    match reply {
        Reply::Version(stored) => Reply::Headed(Some(stored)),
        Reply::NotModified(stored) => Reply::NotModified(stored),
        _ => Reply::Headed(None),
    }
}

fn bare(status: &str) -> Entry<'static> {
    Entry {
        response: Some(json!({ "status": status })),
        ..Entry::default()
    }
}

fn located(mut response: Value, stored: &Stored) -> Value {
    let location = format!("{}/_history/{}", stored.reference(), stored.version);
    response["location"] = location.into();
    response
}

/// The same problem, at a place of the entry.
pub(super) fn at_entry(mut problem: Problem, place: usize, element: &str) -> Problem {
    for issue in &mut problem.issues {
        issue.expression = Some(format!("Bundle.entry[{place}]{element}"));
    }
    problem
}

/// The same problem, its places seen from the bundle: `Patient.name[0]` becomes
/// `Bundle.entry[2].resource.name[0]`.
pub(super) fn in_resource(mut problem: Problem, place: usize) -> Problem {
    for issue in &mut problem.issues {
        let inner = inner_place(issue);
        issue.expression = Some(format!("Bundle.entry[{place}].resource{inner}"));
    }
    problem
}

fn inner_place(issue: &Issue) -> String {
    match issue.expression.as_deref() {
        None => String::new(),
        Some("resourceType") => ".resourceType".to_owned(),
        Some(inner) => inner
            .find(['.', '['])
            .map_or_else(String::new, |end| inner[end..].to_owned()),
    }
}

#[cfg(test)]
#[path = "bundle/tests.rs"]
mod tests;
