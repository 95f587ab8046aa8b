//! Flags that stand, and what a finding changes of them: pure.
//!
//! There is at most one open Flag for a patient and a rule. A repeat adds its evidence; only a
//! rise is told again. An answer that has already told a finding tells it once, even if the Flag
//! has been closed since.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::rule::Level;
use crate::fhir::{
    canonical::{
        ALERT_EVIDENCE, ALERT_RULE, ALERT_RULE_VERSION, FLAG_CATEGORY, FLAG_DETAIL, FLAG_PRIORITY,
        FLAG_PRIORITY_CODE, code_in, extension, extensions,
    },
    date,
};

/// Something that a rule has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's code.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// The pathway, as `url|version`; none for a technical alert outside any.
    pub pathway: Option<String>,
    /// How soon somebody must act.
    pub level: Level,
    /// What has shown it: an answer, a missed report, a failed message.
    pub source: String,
    /// The same in words.
    pub evidence: String,
    /// `clinical`, or `admin` for technical alerts.
    pub category: &'static str,
    /// Who handles it, if not the team.
    pub route: Option<String>,
    /// Whether somebody is to be called for it.
    pub phone_call: bool,
}

/// A Flag as a tree, with what has become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The logical id.
    pub id: String,
    /// The stored version; none for one that is being opened.
    pub version: Option<u64>,
    /// The resource.
    pub tree: Value,
    /// What is to be told of it.
    pub news: News,
}

/// What a run of findings has changed of a Flag, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// Nothing.
    Nothing,
    /// Evidence was added; nobody is told again.
    MoreEvidence,
    /// The level rose.
    Raised,
    /// It is new.
    Opened,
}

impl Known {
    /// A Flag that stands.
    #[must_use]
    pub const fn standing(id: String, version: u64, tree: Value) -> Self {
        Self {
            id,
            version: Some(version),
            tree,
            news: News::Nothing,
        }
    }

    /// Whether it waits for somebody.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.tree["status"] == "active"
    }

    /// Its level.
    #[must_use]
    pub fn level(&self) -> Level {
        level_of(&self.tree)
    }

    /// Whether it is a Flag of the rule that a finding is of.
    #[must_use]
    pub fn is_about(&self, finding: &Finding) -> bool {
        let pathway = extension(&self.tree, ALERT_RULE_VERSION).and_then(Value::as_str);
        code_in(&self.tree["code"], ALERT_RULE) == Some(finding.rule.as_str())
            && url_of(pathway) == url_of(finding.pathway.as_deref())
    }

    /// Whether this source has already told as much, or more.
    fn has_told(&self, finding: &Finding) -> bool {
        extensions(&self.tree, ALERT_EVIDENCE).any(|evidence| {
            let level = extension(evidence, "level").and_then(Value::as_str);
            extension(evidence, "source").is_some_and(|s| s["reference"] == finding.source)
                && level
                    .and_then(Level::of_code)
                    .is_some_and(|told| told >= finding.level)
        })
    }

    fn add(&mut self, finding: &Finding, now: Timestamp) {
        let rises = finding.level > self.level();
        if let Some(list) = self.tree["extension"].as_array_mut() {
            let detail =
                json!({ "url": FLAG_DETAIL, "valueReference": { "reference": finding.source } });
            if !list.contains(&detail) {
                list.push(detail);
            }
            list.push(evidence(finding, now));
            if rises {
                for priority in list.iter_mut().filter(|e| e["url"] == FLAG_PRIORITY) {
                    *priority = flag_priority(finding.level);
                }
            }
        }
        self.news = self.news.max(if rises {
            News::Raised
        } else {
            News::MoreEvidence
        });
    }
}

/// The level of a Flag; one that states none is taken for urgent.
#[must_use]
pub fn level_of(flag: &Value) -> Level {
    extension(flag, FLAG_PRIORITY)
        .and_then(|priority| code_in(priority, FLAG_PRIORITY_CODE))
        .and_then(Level::of_flag_priority)
        .unwrap_or(Level::Urgent)
}

/// The rule's pathway without its version: a newer version of a pathway has the same rules.
fn url_of(canonical: Option<&str>) -> Option<&str> {
    canonical.and_then(|canonical| canonical.split(['|', '#']).next())
}

/// Takes one finding into account.
pub fn take(
    flags: &mut Vec<Known>,
    finding: &Finding,
    patient: &str,
    now: Timestamp,
    id: impl FnOnce() -> String,
) {
    if flags
        .iter()
        .any(|flag| flag.is_about(finding) && flag.has_told(finding))
    {
        return;
    }
    if let Some(open) = flags
        .iter_mut()
        .find(|flag| flag.is_open() && flag.is_about(finding))
    {
        return open.add(finding, now);
    }
    let tree = flag(finding, patient, now);
    flags.push(Known {
        id: id(),
        version: None,
        tree,
        news: News::Opened,
    });
}

fn flag(finding: &Finding, patient: &str, now: Timestamp) -> Value {
    let mut extension = vec![flag_priority(finding.level)];
    if let Some(pathway) = &finding.pathway {
        extension.push(json!({
            "url": ALERT_RULE_VERSION,
            "valueCanonical": format!("{pathway}#{}", finding.rule),
        }));
    }
    extension.push(json!({
        "url": FLAG_DETAIL,
        "valueReference": { "reference": finding.source },
    }));
    extension.push(evidence(finding, now));
    json!({
        "resourceType": "Flag",
        "extension": extension,
        "status": "active",
        "category": [{ "coding": [{ "system": FLAG_CATEGORY, "code": finding.category }] }],
        "code": {
            "coding": [{ "system": ALERT_RULE, "code": finding.rule, "display": finding.title }],
            "text": finding.title,
        },
        "subject": { "reference": format!("Patient/{patient}") },
        "period": { "start": date::instant(now) },
        "author": { "display": "Vigie" },
    })
}

fn flag_priority(level: Level) -> Value {
    json!({
        "url": FLAG_PRIORITY,
        "valueCodeableConcept": { "coding": [{
            "system": FLAG_PRIORITY_CODE,
            "code": level.flag_priority(),
        }] },
    })
}

fn evidence(finding: &Finding, now: Timestamp) -> Value {
    let mut parts = vec![
        json!({ "url": "source", "valueReference": { "reference": finding.source } }),
        json!({ "url": "level", "valueCode": finding.level.code() }),
        json!({ "url": "at", "valueInstant": date::instant(now) }),
    ];
    if !finding.evidence.is_empty() {
        parts.push(json!({ "url": "text", "valueString": finding.evidence }));
    }
    json!({ "url": ALERT_EVIDENCE, "extension": parts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::from_millis;

    fn finding(level: Level, source: &str) -> Finding {
        Finding {
            rule: "U2".into(),
            title: "SpO2".into(),
            pathway: Some("https://p|1".into()),
            level,
            source: source.into(),
            evidence: "SpO2: 91 %".into(),
            category: "clinical",
            route: None,
            phone_call: false,
        }
    }

    fn run(flags: &mut Vec<Known>, level: Level, source: &str) {
        let id = format!("f{}", flags.len());
        take(flags, &finding(level, source), "p", from_millis(0), || id);
    }

    #[test]
    fn one_open_flag_a_rule_and_only_a_rise_is_news() {
        let mut flags = Vec::new();
        run(&mut flags, Level::Simple, "QuestionnaireResponse/1");
        assert_eq!(flags[0].news, News::Opened);
        flags[0].news = News::Nothing;
        run(&mut flags, Level::Simple, "QuestionnaireResponse/2");
        assert_eq!((flags.len(), flags[0].news), (1, News::MoreEvidence));
        run(&mut flags, Level::Urgent, "QuestionnaireResponse/3");
        assert_eq!(
            (flags[0].news, flags[0].level()),
            (News::Raised, Level::Urgent)
        );
        run(&mut flags, Level::Simple, "QuestionnaireResponse/4");
        assert_eq!(flags[0].level(), Level::Urgent);
    }

    #[test]
    fn an_answer_tells_a_finding_once_even_after_the_flag_was_closed() {
        let mut flags = Vec::new();
        run(&mut flags, Level::Simple, "QuestionnaireResponse/1");
        flags[0].tree["status"] = "inactive".into();
        run(&mut flags, Level::Simple, "QuestionnaireResponse/1");
        assert_eq!(flags.len(), 1, "judged again: nothing new");
        run(&mut flags, Level::Urgent, "QuestionnaireResponse/1");
        assert_eq!(flags.len(), 2, "amended to something worse: a new alert");
        run(&mut flags, Level::Simple, "QuestionnaireResponse/2");
        assert_eq!(flags.len(), 2, "the open one takes it");
    }

    #[test]
    fn the_same_rule_code_of_another_pathway_is_another_rule() {
        let mut flags = Vec::new();
        run(&mut flags, Level::Simple, "QuestionnaireResponse/1");
        let mut other = finding(Level::Simple, "QuestionnaireResponse/2");
        other.pathway = Some("https://q|1".into());
        take(&mut flags, &other, "p", from_millis(0), || "g".into());
        assert_eq!(flags.len(), 2);
        let mut newer = finding(Level::Simple, "QuestionnaireResponse/3");
        newer.pathway = Some("https://p|2".into());
        take(&mut flags, &newer, "p", from_millis(0), || "h".into());
        assert_eq!(
            flags.len(),
            2,
            "a newer version of the pathway has the same rule"
        );
    }
}
