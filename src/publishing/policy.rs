//! Faults of a pathway's policy, beyond what `fhir::pathway` cannot read.

use std::collections::BTreeMap;

use jiff::civil::Time;
use serde_json::Value;

use super::faults::{Faults, quoted};
use crate::fhir::{
    canonical::{PATHWAY_POLICY, extension},
    pathway::Policy,
};

/// Minutes of a day: a second reminder goes out on the day of the first.
const DAY_MINUTES: u32 = 24 * 60;

/// A part of the policy: its name, its type, whether it must be there, whether it may repeat.
struct Part(&'static str, &'static str, bool, bool);

/// The parts, as the definition of the extension has them.
const PARTS: [Part; 17] = [
    Part("consentRequired", "valueBoolean", true, false),
    Part("retention", "valueCode", true, false),
    Part("graceDays", "valuePositiveInt", false, false),
    Part("retentionDays", "valuePositiveInt", false, false),
    Part("channel", "valueCode", true, true),
    Part("dueTime", "valueTime", false, false),
    Part("cutOffTime", "valueTime", false, false),
    Part("notifyAnswered", "valueBoolean", true, false),
    Part("audience", "valueCode", true, false),
    Part("establishment", "valueReference", false, true),
    Part("durationDays", "valuePositiveInt", true, false),
    Part("secondReminderMinutes", "valuePositiveInt", false, false),
    Part("quietStart", "valueTime", false, false),
    Part("quietEnd", "valueTime", false, false),
    Part("acknowledgeUrgentMinutes", "valuePositiveInt", false, false),
    Part("acknowledgeSimpleMinutes", "valuePositiveInt", false, false),
    Part("stop", "valueCode", false, false),
];

/// Codes that a part may have.
const CODES: [(&str, &[&str]); 2] = [
    ("audience", &["professional", "agency"]),
    ("stop", &["immediate", "request"]),
];

/// Checks the policy of a PlanDefinition.
pub fn lint(plan: &Value, faults: &mut Faults) {
    let policies: Vec<(usize, &Value)> = plan["extension"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .filter(|(_, one)| one["url"] == PATHWAY_POLICY)
        .collect();
    // That there is none, `fhir::pathway` has said.
    let Some((n, policy)) = policies.first() else {
        return;
    };
    if let Some((second, _)) = policies.get(1) {
        let place = format!("PlanDefinition.extension[{second}]");
        faults.wrong(place, "A pathway has one policy.");
    }
    let place = format!("PlanDefinition.extension[{n}]");
    let counts = check_parts(policy, &place, faults);
    for Part(name, value, required, repeats) in &PARTS {
        match counts.get(name) {
            None if *required => {
                faults.missing(&place, format!("The policy needs a {value} `{name}`."));
            }
            Some(2..) if !repeats => {
                faults.wrong(&place, format!("The policy has `{name}` more than once."));
            }
            _ => {}
        }
    }
    check_retention(policy, &place, faults);
}

/// Each part is known and has the type and code that it should; says how often each is there.
fn check_parts(policy: &Value, place: &str, faults: &mut Faults) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    let mut channels = Vec::new();
    let parts = policy["extension"].as_array().into_iter().flatten();
    for (k, part) in parts.enumerate() {
        let place = format!("{place}.extension[{k}]");
        let name = part["url"].as_str().unwrap_or_default();
        let Some(Part(name, value, ..)) = PARTS.iter().find(|known| known.0 == name) else {
            let says = format!("The policy has no part {}.", quoted(name));
            faults.wrong(place, says);
            continue;
        };
        *counts.entry(*name).or_insert(0) += 1;
        if part.get(value).is_none() {
            faults.wrong(place, format!("`{name}` is given as {value}."));
            continue;
        }
        let codes = CODES.iter().find(|(known, _)| known == name);
        let code = part["valueCode"].as_str().unwrap_or_default();
        if let Some((_, codes)) = codes.filter(|(_, codes)| !codes.contains(&code)) {
            let says = format!("`{name}` is one of: {}.", codes.join(", "));
            faults.wrong(format!("{place}.valueCode"), says);
        }
        if *name == "channel" {
            if channels.contains(&code) {
                faults.wrong(place, "A channel is named once.");
            }
            channels.push(code);
        }
    }
    counts
}

/// Days that say nothing because the retention is another.
fn check_retention(policy: &Value, place: &str, faults: &mut Faults) {
    let retention = extension(policy, "retention").and_then(Value::as_str);
    for (days, wanted) in [("graceDays", "at-end"), ("retentionDays", "n-days")] {
        if extension(policy, days).is_some() && retention != Some(wanted) {
            let says = format!("`{days}` belongs to the retention `{wanted}`.");
            faults.clash(place, says);
        }
    }
}

/// Checks what the policy's times say together, and how long the follow-up lasts.
pub fn lint_times(plan: &Value, policy: &Policy, last_day: u32, faults: &mut Faults) {
    let place = "PlanDefinition.extension";
    if let Some(minutes) = policy.second_reminder_minutes
        && minutes_of(policy.due_time).saturating_add(minutes) >= DAY_MINUTES
    {
        faults.clash(
            place,
            "The second reminder would come after the report's day has ended: dueTime and \
             secondReminderMinutes.",
        );
    }
    let days = plan["extension"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["url"] == PATHWAY_POLICY)
        .and_then(|policy| extension(policy, "durationDays"))
        .and_then(Value::as_u64);
    if days.is_some_and(|days| days < u64::from(last_day)) {
        let says = format!("The last report is on day {last_day}, after durationDays.");
        faults.clash(place, says);
    }
}

fn minutes_of(time: Time) -> u32 {
    let (hour, minute) = (i32::from(time.hour()), i32::from(time.minute()));
    u32::try_from(hour * 60 + minute).unwrap_or_default()
}
