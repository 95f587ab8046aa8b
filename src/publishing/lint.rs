//! The examination of a definition: pure, from a tree and its materials to all its faults.

use serde_json::Value;

use super::{
    faults::Faults,
    form::{self, ValueSets},
    form_lint,
    gather::{Form, Materials},
    offers, phases, policy, rules,
    texts::{self, Languages, Texts},
};
use crate::{
    fhir::{
        canonical::{PATHWAY_ACTION, PATHWAY_POLICY, code_in, find_extension},
        pathway::Pathway,
    },
    kernel::problem::Issue,
};

/// Codes of what a PlanDefinition is.
const PLAN_TYPE: &str = "http://terminology.hl7.org/CodeSystem/plan-definition-type";

/// Whether a PlanDefinition means to be a pathway: it has a policy, or phases or rules.
#[must_use]
pub fn is_pathway(plan: &Value) -> bool {
    find_extension(plan, PATHWAY_POLICY).is_some()
        || plan["action"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|action| code_in(&action["code"], PATHWAY_ACTION).is_some())
}

/// Every fault of a pathway and of its forms.
#[must_use]
pub fn pathway(plan: &Value, materials: &Materials) -> Vec<Issue> {
    let mut faults = Faults::default();
    offers::lint(plan, materials, &mut faults);
    if !faults.is_empty() {
        // What the form asks is not told to who may not use it.
        return faults.into_issues();
    }
    heading(plan, &mut faults);
    if code_in(&plan["type"], PLAN_TYPE) != Some("clinical-protocol") {
        let says = "A pathway is of the type clinical-protocol.";
        faults.wrong("PlanDefinition.type", says);
    }
    let texts = Texts::of(plan, &Languages::new());
    texts.check(plan, "title", "PlanDefinition", &mut faults);
    policy::lint(plan, &mut faults);
    let last_day = match Pathway::read(plan) {
        Ok(pathway) => {
            let last_day = pathway.phases.iter().map(phases::last_day).max();
            let last_day = last_day.unwrap_or(1);
            policy::lint_times(plan, &pathway.policy, last_day, &mut faults);
            phases::lint_days(plan, &pathway, &mut faults);
            last_day
        }
        Err(problem) => {
            // A missing url or version has been told with its own place.
            let told = |issue: &Issue| issue.expression.as_deref() == Some("PlanDefinition.url");
            for issue in problem.issues.into_iter().filter(|issue| !told(issue)) {
                faults.add(issue);
            }
            1
        }
    };
    phases::lint(plan, materials, &mut faults);
    let languages = texts::wanted(plan);
    let mut forms = Vec::new();
    for found in materials.forms.values() {
        if let Form::Found(tree) = found {
            form_lint::lint(tree, &languages, &materials.value_sets, &mut faults);
            forms.push(form::Form::read(tree, &materials.value_sets));
        }
    }
    let ground = rules::Ground {
        texts: &texts,
        forms: &forms,
        // With a form missing, what a rule may name is not known.
        complete: !forms.is_empty() && forms.len() == materials.forms.len(),
        routes: materials.routes.as_ref(),
        last_day,
    };
    rules::lint(plan, &ground, &mut faults);
    faults.into_issues()
}

/// Every fault of a Questionnaire that published pathways use.
#[must_use]
pub fn questionnaire(form: &Value, languages: &Languages, value_sets: &ValueSets) -> Vec<Issue> {
    let mut faults = Faults::default();
    form_lint::lint(form, languages, value_sets, &mut faults);
    faults.into_issues()
}

/// What every definition says of itself: its name, its version, its language.
pub(super) fn heading(definition: &Value, faults: &mut Faults) {
    let kind = definition["resourceType"].as_str().unwrap_or_default();
    for name in ["url", "version"] {
        match definition[name].as_str() {
            None | Some("") => {
                let says = format!("What is published has a {name}: follow-ups name both.");
                faults.missing(format!("{kind}.{name}"), says);
            }
            Some(text) if text.contains(['|', '#', ' ']) => {
                let says = "Names of definitions are written `url|version`: none of |, # or \
                            spaces within.";
                faults.wrong(format!("{kind}.{name}"), says);
            }
            Some(_) => {}
        }
    }
    if texts::own(definition).is_none() {
        let says = "What is published says in which language its texts are.";
        faults.missing(format!("{kind}.language"), says);
    }
}
