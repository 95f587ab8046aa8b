//! Faults of a pathway's phases: which form, on which days.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    faults::{Faults, quoted},
    gather::{Form, Materials},
};
use crate::fhir::{
    canonical::{PATHWAY_ACTION, code_in},
    pathway::{Pathway, Phase},
};

/// The day of a phase's last report.
#[must_use]
pub fn last_day(phase: &Phase) -> u32 {
    let further = phase
        .count
        .saturating_sub(1)
        .saturating_mul(phase.every_days);
    phase.first_day.saturating_add(further)
}

/// The phases of a definition with their places, whether they can be read or not.
fn actions(plan: &Value) -> Vec<(String, &Value)> {
    plan["action"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .filter(|(_, action)| code_in(&action["code"], PATHWAY_ACTION) == Some("report-phase"))
        .map(|(n, action)| (format!("PlanDefinition.action[{n}]"), action))
        .collect()
}

/// Checks the form of each phase and to what it is related.
pub fn lint(plan: &Value, materials: &Materials, faults: &mut Faults) {
    let actions = actions(plan);
    let first = actions
        .first()
        .and_then(|(_, action)| action["id"].as_str());
    for (place, action) in &actions {
        if let Some(canonical) = action["definitionCanonical"].as_str() {
            let place = format!("{place}.definitionCanonical");
            lint_form(canonical, &place, materials, faults);
        }
        for (k, related) in action["relatedAction"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            let place = format!("{place}.relatedAction[{k}]");
            if k > 0 {
                faults.wrong(place, "A phase is related to one other, the first.");
            } else if related["actionId"].as_str() != first || first == action["id"].as_str() {
                let says = "A later phase counts its days from the start of the first phase, and \
                            names that phase's id.";
                faults.wrong(format!("{place}.actionId"), says);
            }
        }
        for part in ["trigger", "condition", "action"] {
            if action.get(part).is_some() {
                let says = format!("A phase has no {part}; a rule has.");
                faults.wrong(format!("{place}.{part}"), says);
            }
        }
    }
}

fn lint_form(canonical: &str, place: &str, materials: &Materials, faults: &mut Faults) {
    if !canonical.contains('|') {
        let says = "A phase names its Questionnaire with its version: `url|version`.";
        return faults.wrong(place, says);
    }
    match materials.forms.get(canonical) {
        Some(Form::Found(form)) if form["status"] == "active" => {}
        Some(Form::Found(_)) => faults.clash(place, "The Questionnaire is not active."),
        Some(Form::OtherVersions(versions)) => {
            let versions: Vec<String> = versions.iter().map(|version| quoted(version)).collect();
            let says = format!(
                "There is no such version of the Questionnaire; there is: {}.",
                versions.join(", ")
            );
            faults.wrong(place, says);
        }
        Some(Form::Missing) | None => {
            faults.wrong(place, "There is no Questionnaire of this url.");
        }
    }
}

/// Checks that no day has two reports. The phases are those of a pathway that can be read.
pub fn lint_days(plan: &Value, pathway: &Pathway, faults: &mut Faults) {
    let mut taken = BTreeMap::new();
    let places = actions(plan);
    for (n, (phase, (place, _))) in pathway.phases.iter().zip(&places).enumerate() {
        for report in 0..phase.count {
            let day = phase
                .first_day
                .saturating_add(report.saturating_mul(phase.every_days));
            let earlier = *taken.entry(day).or_insert(n);
            if earlier != n {
                let says = format!(
                    "Day {day} has a report of an earlier phase already: phases do not overlap."
                );
                faults.clash(place, says);
                break;
            }
        }
    }
}
