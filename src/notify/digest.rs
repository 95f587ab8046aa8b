//! The job of one professional's digest: what has gathered, as one message.
//!
//! A notice that is gathered waits as a Communication `on-hold`. At the time of the digest it is
//! `completed` and part of a Communication of its own, which tells how many of each kind there are
//! and nothing else.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Announcement, Language, MessageKind,
    announce::{create, draft},
    communication,
    notices::is_minor,
};
use crate::{
    fhir::{date, permit::Permit, resource::Resource, search::query::Query},
    kernel::problem::Result,
    queue::{Failure, Handler, Schedule},
    store::{Job, LeasedJob, Prepared, Store, Tx},
};

/// The kind of the job.
pub const DIGEST: &str = "notify.digest";

/// Most notices that one digest gathers; a further digest follows at once.
pub const GATHERED_MAX: u32 = 2_000;

/// The job that writes one recipient's next digest.
pub(super) fn job(recipient: &str, run_at: Timestamp) -> Job {
    Job {
        kind: DIGEST,
        dedup: Some(recipient.to_owned()),
        payload: json!({ "recipient": recipient }),
        run_at,
    }
}

/// Runs [`DIGEST`].
#[derive(Debug, Clone, Copy, Default)]
pub struct DigestHandler;

impl Handler for DigestHandler {
    fn kind(&self) -> &'static str {
        DIGEST
    }

    fn schedule(&self) -> Schedule {
        Schedule::ENDLESS
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let job = job.clone();
            store
                .write(&Permit::system(DIGEST), move |tx| {
                    Box::pin(async move { gather(tx, &job).await })
                })
                .await
                .map_err(Failure::from)
        })
    }
}

async fn gather(tx: &mut Tx, job: &LeasedJob) -> Result<()> {
    tx.finish_job(job).await?;
    let recipient = job.payload["recipient"].as_str().unwrap_or_default();
    let query = Query::new(communication::communication_type()?)
        .reference("recipient", recipient)
        .token("status", None, "on-hold")
        .limit(GATHERED_MAX);
    let mut gathered = Vec::new();
    let mut counts: BTreeMap<MessageKind, usize> = BTreeMap::new();
    let hits = tx.search(&query).await?.hits;
    let full = hits.len() >= GATHERED_MAX as usize;
    for hit in hits {
        let tree = hit.stored.tree()?;
        let Some(kind) = communication::kind(&tree) else {
            continue;
        };
        if is_minor(kind, tree["priority"].as_str()) {
            *counts.entry(kind).or_default() += 1;
            gathered.push((hit.stored, tree));
        }
    }
    if gathered.is_empty() {
        return Ok(());
    }
    let digest = write(tx, recipient, &counts).await?;
    for (stored, mut tree) in gathered {
        tree["status"] = "completed".into();
        tree["sent"] = date::instant(tx.now()).into();
        tree["partOf"] = json!([{ "reference": format!("Communication/{digest}") }]);
        let prepared = Prepared::new(Resource::trusted(tree)?);
        tx.put(&stored.id, prepared, Some(stored.version)).await?;
    }
    if full {
        tx.enqueue(&self::job(recipient, tx.now())).await?;
    }
    Ok(())
}

/// The digest's own Communication, to be sent.
async fn write(
    tx: &mut Tx,
    recipient: &str,
    counts: &BTreeMap<MessageKind, usize>,
) -> Result<String> {
    let announcement = Announcement {
        kind: MessageKind::Digest,
        patient: None,
        recipient: recipient.to_owned(),
        based_on: None,
        about: Vec::new(),
        language: None,
    };
    let mut tree = draft(&announcement);
    tree["payload"] = counts
        .iter()
        .map(|(kind, count)| json!({ "contentString": format!("{kind} {count}") }))
        .collect();
    create(tx, tree).await
}

/// How many of each kind a digest has gathered, in words: of its payload, only codes and numbers.
pub(super) fn words(digest: &Value, language: Language) -> String {
    let lines = digest["payload"].as_array().into_iter().flatten();
    let counted = lines.filter_map(|line| {
        let (kind, count) = line["contentString"].as_str()?.split_once(' ')?;
        let count: u32 = count.parse().ok()?;
        Some(format!(
            "{count} {}",
            noun(MessageKind::coded(kind)?, language, count)?
        ))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// A kind of minor notice as a noun.
const fn noun(kind: MessageKind, language: Language, count: u32) -> Option<&'static str> {
    let one = count == 1;
    Some(match (kind, language) {
        (MessageKind::Answered, Language::Fr) if one => "réponse reçue",
        (MessageKind::Answered, Language::Fr) => "réponses reçues",
        (MessageKind::Answered, Language::En) if one => "answer received",
        (MessageKind::Answered, Language::En) => "answers received",
        (MessageKind::NeedsAction, Language::Fr) if one => "alerte à traiter",
        (MessageKind::NeedsAction, Language::Fr) => "alertes à traiter",
        (MessageKind::NeedsAction, Language::En) if one => "alert to handle",
        (MessageKind::NeedsAction, Language::En) => "alerts to handle",
        (MessageKind::ReportMissed, Language::Fr) if one => "questionnaire sans réponse",
        (MessageKind::ReportMissed, Language::Fr) => "questionnaires sans réponse",
        (MessageKind::ReportMissed, Language::En) if one => "report missed",
        (MessageKind::ReportMissed, Language::En) => "reports missed",
        (MessageKind::FollowUpEnded, Language::Fr) if one => "suivi terminé",
        (MessageKind::FollowUpEnded, Language::Fr) => "suivis terminés",
        (MessageKind::FollowUpEnded, Language::En) if one => "follow-up ended",
        (MessageKind::FollowUpEnded, Language::En) => "follow-ups ended",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_numbers_of_known_kinds_and_nothing_else() {
        let digest = json!({ "payload": [
            { "contentString": "answered 3" },
            { "contentString": "needs-action 1" },
            { "contentString": "Durand 2" },
            { "contentString": "answered of Durand" },
            { "contentString": "advice 9" },
        ] });
        assert_eq!(
            words(&digest, Language::Fr),
            "3 réponses reçues, 1 alerte à traiter"
        );
        assert_eq!(
            words(&digest, Language::En),
            "3 answers received, 1 alert to handle"
        );
        for language in Language::ALL {
            let minor = MessageKind::ALL
                .into_iter()
                .filter(|kind| is_minor(*kind, Some("routine")));
            for kind in minor {
                assert!(noun(kind, language, 1).is_some(), "{kind} {language}");
            }
        }
    }
}
