//! What the server says has come of it, asked through its API.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    people::Pathway,
    play::{PLAN, Played},
    timeline::Reports,
};
use crate::{
    app::client::Client,
    fhir::canonical::{ALERT_RULE, FLAG_DETAIL, FLAG_PRIORITY, MESSAGE_KIND, SDC_TASK},
    kernel::problem::Result,
    notify::MessageKind,
};

/// Reports of one pathway, as the server counts them and as the generator expects them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathwayCount {
    /// Follow-ups.
    pub people: u64,
    /// As the server counts.
    pub reports: Reports,
    /// As the generator expects.
    pub expected: Reports,
}

/// Messages of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageCount {
    /// Which.
    pub kind: MessageKind,
    /// Handed over.
    pub sent: u64,
    /// Not handed over: waiting or given up.
    pub unsent: u64,
}

/// Everything that the table tells but speed.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// By pathway.
    pub pathways: BTreeMap<Pathway, PathwayCount>,
    /// Alerts by rule and level (a code of flag-priority).
    pub alerts: BTreeMap<(String, String), u64>,
    /// Alerts of all rules, as a count of its own.
    pub alerts_total: u64,
    /// Answers that alerts name as evidence: `QuestionnaireResponse/{id}`.
    pub evidence: BTreeSet<String>,
    /// Messages by kind.
    pub messages: Vec<MessageCount>,
}

/// Asks the server.
///
/// # Errors
/// As the server refuses a search.
pub async fn count(played: &Played) -> Result<Counts> {
    let client = &played.client;
    let mut counts = Counts::default();
    for pathway in Pathway::ALL {
        let expected = played.expected.get(&pathway).copied().unwrap_or_default();
        counts
            .pathways
            .insert(pathway, of_pathway(client, pathway, expected).await?);
    }
    counts.alerts_total = client.count("/Flag").await?;
    for flag in client.all("/Flag?_count=500").await? {
        counts.take_flag(&flag);
    }
    for kind in MessageKind::ALL {
        let category = format!("{MESSAGE_KIND}|{kind}");
        let all = client
            .count(&format!("/Communication?category={category}"))
            .await?;
        let sent = format!("/Communication?category={category}&status=completed");
        let sent = client.count(&sent).await?;
        counts.messages.push(MessageCount {
            kind,
            sent,
            unsent: all - sent,
        });
    }
    Ok(counts)
}

async fn of_pathway(client: &Client, pathway: Pathway, expected: Reports) -> Result<PathwayCount> {
    let plan = format!("{PLAN}/{}", pathway.id());
    let tasks = async |status: &str| {
        let search = format!(
            "/Task?code={SDC_TASK}|complete-questionnaire&status={status}\
             &based-on:CarePlan.instantiates-canonical={plan}"
        );
        client.count(&search).await
    };
    Ok(PathwayCount {
        people: client
            .count(&format!("/CarePlan?instantiates-canonical={plan}"))
            .await?,
        reports: Reports {
            received: tasks("completed").await?,
            missed: tasks("failed").await?,
            cancelled: tasks("cancelled").await?,
            open: tasks("requested,ready").await?,
        },
        expected,
    })
}

impl Counts {
    fn take_flag(&mut self, flag: &Value) {
        let code = |concept: &Value, system: Option<&str>| {
            let codings = concept["coding"].as_array().into_iter().flatten();
            let found = codings.filter(|c| system.is_none_or(|s| c["system"] == s));
            let code = found.filter_map(|c| c["code"].as_str()).next();
            code.unwrap_or("?").to_owned()
        };
        let extensions = || flag["extension"].as_array().into_iter().flatten();
        let level = extensions()
            .find(|e| e["url"] == FLAG_PRIORITY)
            .map_or_else(
                || "?".to_owned(),
                |e| code(&e["valueCodeableConcept"], None),
            );
        let rule = code(&flag["code"], Some(ALERT_RULE));
        *self.alerts.entry((rule, level)).or_default() += 1;
        let evidence = extensions()
            .filter(|e| e["url"] == FLAG_DETAIL)
            .filter_map(|e| e["valueReference"]["reference"].as_str())
            .filter(|reference| reference.starts_with("QuestionnaireResponse/"));
        self.evidence.extend(evidence.map(str::to_owned));
    }

    /// Where the server and the generator disagree.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (pathway, count) in &self.pathways {
            if count.reports != count.expected {
                faults.push(format!(
                    "{}: the server has {:?}, the generator expects {:?}",
                    pathway.id(),
                    count.reports,
                    count.expected
                ));
            }
        }
        let listed: u64 = self.alerts.values().sum();
        if listed != self.alerts_total {
            let total = self.alerts_total;
            faults.push(format!("{listed} alerts are listed, {total} are counted"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_a_fault() {
        let reports = Reports {
            received: 3,
            missed: 1,
            cancelled: 0,
            open: 0,
        };
        let even = PathwayCount {
            people: 1,
            reports,
            expected: reports,
        };
        let counts = |count| Counts {
            pathways: BTreeMap::from([(Pathway::Case, count)]),
            ..Counts::default()
        };
        assert!(counts(even).faults().is_empty());
        let fewer = Reports {
            received: 2,
            missed: 2,
            cancelled: 0,
            open: 0,
        };
        assert_eq!(
            counts(PathwayCount {
                reports: fewer,
                ..even
            })
            .faults()
            .len(),
            1
        );
        let more = Reports { open: 1, ..reports };
        let awaited = PathwayCount {
            reports: more,
            ..even
        };
        assert_eq!(counts(awaited).faults().len(), 1);
        let lost = Counts {
            alerts_total: 1,
            ..Counts::default()
        };
        assert_eq!(lost.faults().len(), 1);
    }

    #[test]
    fn a_flag_is_counted_by_rule_and_level_with_its_evidence() {
        let mut counts = Counts::default();
        counts.take_flag(&json!({
            "code": { "coding": [{ "system": ALERT_RULE, "code": "U1" }] },
            "extension": [
                { "url": FLAG_PRIORITY, "valueCodeableConcept": { "coding": [{ "code": "PH" }] } },
                { "url": FLAG_DETAIL, "valueReference": { "reference": "QuestionnaireResponse/a" } },
                { "url": FLAG_DETAIL, "valueReference": { "reference": "Task/b" } },
            ],
        }));
        assert_eq!(counts.alerts.get(&("U1".into(), "PH".into())), Some(&1));
        assert_eq!(
            counts.evidence,
            BTreeSet::from(["QuestionnaireResponse/a".to_owned()])
        );
    }
}
