//! What has happened in a simulation, read off the resources that the server has made.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{play::Played, scene, stage::PERMIT};
use crate::{
    alerts::rule::Level,
    care::kind,
    fhir::{
        canonical::{
            ALERT_EVIDENCE, ALERT_RULE, MESSAGE_KIND, REPORT, REPORT_STATE, TASK_CODE, code_in,
            extension, extensions,
        },
        date,
        search::query::Query,
    },
    kernel::problem::Result,
    store::Store,
};

/// A line of the outcome, in the order of time and then of its rule.
type Line = (Timestamp, String, Value);

/// Everything of one type that there is about the person.
struct Seen {
    tasks: Vec<Value>,
    flags: Vec<Value>,
    messages: Vec<Value>,
    plan: Value,
}

/// The Parameters that answer the operation.
///
/// # Errors
/// As a search.
pub(super) async fn parameters(played: &Played, pathway: &str) -> Result<Value> {
    let seen = Seen {
        tasks: all(&played.store, "Task", "patient").await?,
        flags: all(&played.store, "Flag", "subject").await?,
        messages: all(&played.store, "Communication", "subject").await?,
        plan: plan(played).await?,
    };
    let follow_up = &played.course.follow_up;
    let zone = follow_up.zone.iana_name().unwrap_or("UTC");
    let mut out = vec![
        json!({ "name": "pathway", "valueCanonical": pathway }),
        json!({ "name": "start", "valueInstant": start(&seen, played) }),
        json!({ "name": "until", "valueInstant": date::instant(played.until) }),
        json!({ "name": "timeZone", "valueCode": zone }),
    ];
    let reader = Reader {
        played,
        seen: &seen,
        days: days(&seen),
    };
    out.extend(reader.reports());
    out.extend(reader.answers());
    out.extend(sorted(reader.reminders()));
    out.extend(reader.missed());
    out.extend(sorted(reader.calls()));
    out.extend(reader.alerts());
    out.extend(reader.escalations());
    out.extend(sorted(reader.advice()));
    out.extend(sorted(reader.messages()));
    out.push(reader.end());
    Ok(json!({ "resourceType": "Parameters", "parameter": out }))
}

async fn all(store: &Store, name: &str, person: &str) -> Result<Vec<Value>> {
    let query = Query::new(kind(name)?).reference(person, scene::PATIENT);
    let hits = store.search(&PERMIT, &query).await?.hits;
    hits.iter().map(|hit| hit.stored.tree()).collect()
}

async fn plan(played: &Played) -> Result<Value> {
    let id = &played.course.follow_up.id;
    match played.store.read(&PERMIT, kind("CarePlan")?, id).await? {
        Some(stored) => stored.tree(),
        None => Ok(Value::Null),
    }
}

/// Enrolment wrote the reports' Tasks: their instant is the start.
fn start(seen: &Seen, played: &Played) -> String {
    let first = seen.tasks.iter().find(|task| is_report(task));
    let authored = first.and_then(|task| task["authoredOn"].as_str());
    authored.map_or_else(|| date::instant(played.until), str::to_owned)
}

fn is_report(task: &Value) -> bool {
    task["identifier"][0]["system"] == REPORT
}

/// The day of each report, by `Task/{id}`.
fn days(seen: &Seen) -> BTreeMap<String, i64> {
    let reports = seen.tasks.iter().filter(|task| is_report(task));
    reports
        .filter_map(|task| {
            let value = task["identifier"][0]["value"].as_str()?;
            let (_, day) = value.rsplit_once('/')?;
            let id = task["id"].as_str()?;
            Some((format!("Task/{id}"), day.parse().ok()?))
        })
        .collect()
}

fn sorted(mut lines: Vec<Line>) -> Vec<Value> {
    lines.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    lines.into_iter().map(|(_, _, line)| line).collect()
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// A parameter of parts.
fn parts(name: &str, parts: Vec<Value>) -> Value {
    json!({ "name": name, "part": parts })
}

fn text(name: &str, value: &str) -> Value {
    json!({ "name": name, "valueString": value })
}

fn code(name: &str, value: &str) -> Value {
    json!({ "name": name, "valueCode": value })
}

fn at(value: Timestamp) -> Value {
    json!({ "name": "at", "valueInstant": date::instant(value) })
}

fn day(value: i64) -> Value {
    json!({ "name": "day", "valueInteger": value })
}

struct Reader<'a> {
    played: &'a Played,
    seen: &'a Seen,
    days: BTreeMap<String, i64>,
}

impl Reader<'_> {
    fn task_of(&self, wanted: i64) -> Option<&Value> {
        self.seen.tasks.iter().find(|task| {
            let id = task["id"].as_str().unwrap_or_default();
            self.days.get(&format!("Task/{id}")) == Some(&wanted)
        })
    }

    /// What became of the report of a day.
    fn state(&self, of: i64) -> &str {
        let task = self.task_of(of).unwrap_or(&Value::Null);
        code_in(&task["businessStatus"], REPORT_STATE)
            .or_else(|| task["status"].as_str())
            .unwrap_or("unknown")
    }

    fn reports(&self) -> Vec<Value> {
        let instant = |name, value| json!({ "name": name, "valueInstant": date::instant(value) });
        let reports = self.played.course.reports.iter();
        reports
            .map(|report| {
                let of = i64::from(report.day);
                parts(
                    "day",
                    vec![
                        day(of),
                        json!({ "name": "date", "valueDate": report.date.to_string() }),
                        instant("opens", report.opens),
                        instant("due", report.due),
                        instant("closes", report.closes),
                        code("outcome", self.state(of)),
                    ],
                )
            })
            .collect()
    }

    fn answers(&self) -> Vec<Value> {
        let answers = self.played.answers.iter();
        answers
            .map(|answer| {
                let mut line = vec![
                    json!({ "name": "id", "valueId": answer.id }),
                    day(answer.day),
                    at(answer.at),
                ];
                if answer.place.is_none() {
                    line.push(json!({ "name": "response", "resource": answer.response }));
                }
                parts("answer", line)
            })
            .collect()
    }

    /// Messages of a kind that have gone out, with their instants.
    fn sent<'b>(
        &'b self,
        wanted: impl Fn(&str) -> bool + 'b,
    ) -> impl Iterator<Item = (Timestamp, &'b str, &'b Value)> {
        self.seen.messages.iter().filter_map(move |message| {
            let kind = code_in(&message["category"], MESSAGE_KIND)?;
            let sent = instant(&message["sent"])?;
            wanted(kind).then_some((sent, kind, message))
        })
    }

    fn reminders(&self) -> Vec<Line> {
        let mut of_report: BTreeMap<i64, Vec<Timestamp>> = BTreeMap::new();
        for (sent, _, message) in self.sent(|kind| kind == "reminder") {
            let about = message["about"][0]["reference"].as_str();
            if let Some(of) = about.and_then(|task| self.days.get(task)) {
                of_report.entry(*of).or_default().push(sent);
            }
        }
        let mut lines = Vec::new();
        for (of, mut instants) in of_report {
            instants.sort();
            for (n, sent) in instants.into_iter().enumerate() {
                let second = json!({ "name": "second", "valueBoolean": n > 0 });
                let line = parts("reminder", vec![day(of), at(sent), second]);
                lines.push((sent, String::new(), line));
            }
        }
        lines
    }

    /// Reports whose window has closed unanswered, those answered later included.
    fn missed(&self) -> Vec<Value> {
        let reports = self.played.course.reports.iter();
        reports
            .filter(|report| matches!(self.state(i64::from(report.day)), "missed" | "late"))
            .map(|report| {
                parts(
                    "missed",
                    vec![day(i64::from(report.day)), at(report.closes)],
                )
            })
            .collect()
    }

    /// Calls that the team is asked to make instead of reminders.
    fn calls(&self) -> Vec<Line> {
        let tasks = self.seen.tasks.iter();
        tasks
            .filter(|task| code_in(&task["code"], TASK_CODE) == Some("phone-call"))
            .filter_map(|task| {
                let of = *self.days.get(task["focus"]["reference"].as_str()?)?;
                let made = instant(&task["authoredOn"])?;
                let status = task["status"].as_str()?;
                let line = vec![day(of), at(made), code("status", status)];
                Some((made, String::new(), parts("call", line)))
            })
            .collect()
    }

    /// What an alert is about: a name that means something outside, and its day.
    fn source(&self, reference: &str, when: Timestamp) -> (String, i64) {
        if let Some(of) = self.days.get(reference) {
            return (format!("report-{of}"), *of);
        }
        let id = reference.strip_prefix("QuestionnaireResponse/");
        match self
            .played
            .answers
            .iter()
            .find(|a| Some(a.id.as_str()) == id)
        {
            Some(answer) => (answer.id.clone(), answer.day),
            None => (
                "message".to_owned(),
                self.played.course.follow_up.day_of(when),
            ),
        }
    }

    /// Alerts, then their rises, then what has repeated them.
    fn alerts(&self) -> Vec<Value> {
        let (mut opened, mut rises, mut repeats) = (Vec::new(), Vec::new(), Vec::new());
        for flag in &self.seen.flags {
            let rule = code_in(&flag["code"], ALERT_RULE).unwrap_or_default();
            let mut highest = None;
            for evidence in extensions(flag, ALERT_EVIDENCE) {
                let level = extension(evidence, "level").and_then(Value::as_str);
                let Some(level) = level.and_then(Level::of_code) else {
                    continue;
                };
                let (lines, name) = match highest {
                    None => (&mut opened, "alert"),
                    Some(before) if level > before => (&mut rises, "rise"),
                    Some(_) => (&mut repeats, "repeat"),
                };
                let title = flag["code"]["text"].as_str().filter(|_| highest.is_none());
                lines.extend(self.evidence((name, rule, level), evidence, title));
                highest = highest.max(Some(level));
            }
        }
        [opened, rises, repeats]
            .into_iter()
            .flat_map(sorted)
            .collect()
    }

    fn evidence(
        &self,
        (name, rule, level): (&str, &str, Level),
        evidence: &Value,
        title: Option<&str>,
    ) -> Option<Line> {
        let when = instant(extension(evidence, "at")?)?;
        let reference = extension(evidence, "source")?["reference"].as_str()?;
        let (source, of) = self.source(reference, when);
        let mut line = vec![
            code("rule", rule),
            code("level", level.code()),
            at(when),
            day(of),
        ];
        line.extend(title.map(|title| text("title", title)));
        let words = extension(evidence, "text").and_then(Value::as_str);
        line.extend(words.map(|words| text("evidence", words)));
        line.push(text("source", &source));
        Some((when, rule.to_owned(), parts(name, line)))
    }

    /// The rule of the alert that a message is about.
    fn rule_of(&self, message: &Value) -> Option<&str> {
        let about = message["about"].as_array()?.iter();
        let mut named = about.filter_map(|one| one["reference"].as_str());
        named.find_map(|reference| {
            let (of, id) = reference.split_once('/')?;
            let flag = match of {
                "Flag" => id,
                "Task" => {
                    let task = self.seen.tasks.iter().find(|task| task["id"] == id)?;
                    task["focus"]["reference"].as_str()?.strip_prefix("Flag/")?
                }
                _ => return None,
            };
            let flag = self.seen.flags.iter().find(|one| one["id"] == flag)?;
            code_in(&flag["code"], ALERT_RULE)
        })
    }

    /// When the Flags of a rule were raised to a higher level.
    fn rises(&self, rule: &str) -> Vec<Timestamp> {
        let mut rises = Vec::new();
        for flag in &self.seen.flags {
            if code_in(&flag["code"], ALERT_RULE) != Some(rule) {
                continue;
            }
            let mut highest = None;
            for evidence in extensions(flag, ALERT_EVIDENCE) {
                let level = extension(evidence, "level").and_then(Value::as_str);
                let level = level.and_then(Level::of_code);
                if highest.is_some() && level > highest {
                    rises.extend(extension(evidence, "at").and_then(instant));
                }
                highest = highest.max(level);
            }
        }
        rises
    }

    /// Each instant at which an alert was passed on is a step; a rise begins anew.
    fn escalations(&self) -> Vec<Value> {
        let mut steps: BTreeMap<(&str, Timestamp), Vec<&str>> = BTreeMap::new();
        for (sent, _, message) in self.sent(|kind| kind == "escalated") {
            let to = message["recipient"][0]["reference"].as_str();
            if let (Some(rule), Some(to)) = (self.rule_of(message), to) {
                steps.entry((rule, sent)).or_default().push(to);
            }
        }
        let instants: Vec<(&str, Timestamp)> = steps.keys().copied().collect();
        let lines = steps.into_iter().map(|((rule, sent), mut told)| {
            let rises = self.rises(rule);
            let since = rises.into_iter().filter(|rise| *rise < sent).max();
            let before = instants.iter().filter(|(of, at)| {
                *of == rule && *at <= sent && since.is_none_or(|since| *at > since)
            });
            let step = before.count();
            told.sort_unstable();
            let mut line = vec![
                code("rule", rule),
                json!({ "name": "step", "valuePositiveInt": step }),
                at(sent),
            ];
            line.extend(told.into_iter().map(|to| text("to", to)));
            (sent, rule.to_owned(), parts("escalation", line))
        });
        sorted(lines.collect())
    }

    /// What the person was told at once on an answer.
    fn advice(&self) -> Vec<Line> {
        self.sent(|kind| kind == "advice")
            .filter_map(|(sent, _, message)| {
                let about = message["about"][0]["reference"].as_str()?;
                let says = message["payload"][0]["contentString"].as_str()?;
                let (source, of) = self.source(about, sent);
                let line = vec![
                    day(of),
                    at(sent),
                    text("text", says),
                    text("source", &source),
                ];
                Some((sent, source, parts("advice", line)))
            })
            .collect()
    }

    /// Every other message that has gone out.
    fn messages(&self) -> Vec<Line> {
        self.sent(|kind| !matches!(kind, "reminder" | "escalated" | "advice"))
            .map(|(sent, kind, message)| {
                let to = message["recipient"][0]["reference"].as_str();
                let to = to.unwrap_or_default();
                let line = vec![code("kind", kind), at(sent), text("to", to)];
                (sent, format!("{kind} {to}"), parts("message", line))
            })
            .collect()
    }

    fn end(&self) -> Value {
        let plan = &self.seen.plan;
        let status = plan["status"].as_str().unwrap_or("unknown");
        let mut line = vec![code("status", status)];
        let ended = matches!(status, "completed" | "revoked" | "entered-in-error");
        if let Some(when) = instant(&plan["meta"]["lastUpdated"]).filter(|_| ended) {
            line.push(at(when));
            line.push(day(self.played.course.follow_up.day_of(when)));
        }
        parts("end", line)
    }
}
