//! Functions that ask what definitions say: value sets, code systems, profiles.
//!
//! Specification: <http://hl7.org/fhir/R4/fhirpath.html#functions>.

use serde_json::Value;

use super::{Function, Invocation, boolean, none};
use crate::fhir::{
    path::{
        error::EvaluationError,
        evaluate::{Outcome, single},
        item::Item,
    },
    terminology::{Coding, Membership, Subsumption, Terminology},
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("conformsTo", (1, 1), conforms_to),
    Function::of("memberOf", (1, 1), member_of),
    Function::of("subsumes", (1, 1), |call| {
        subsumes(&call, Subsumption::Subsumes)
    }),
    Function::of("subsumedBy", (1, 1), |call| {
        subsumes(&call, Subsumption::SubsumedBy)
    }),
];

/// What one question of terminology costs, in steps.
const QUESTION_STEPS: usize = 1_000;

/// What judging a profile costs, in steps, beside the judge's own bounds.
const CONFORMANCE_STEPS: usize = 10_000;

fn conforms_to<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let profile = call.string_argument(0)?;
    let (Some(item), Some(profile)) = (single(&call.input)?, profile) else {
        return Ok(none());
    };
    let Some(conformance) = call.evaluator.context.conformance else {
        return Err(call.unsupported());
    };
    call.evaluator.charge(CONFORMANCE_STEPS)?;
    match conformance.conforms(item, &profile) {
        Some(conforms) => Ok(boolean(conforms)),
        None => Err(call.fault("names a profile that is not known")),
    }
}

fn terminology<'a>(call: &Invocation<'_, 'a>) -> Result<&'a Terminology, EvaluationError> {
    let context = call.evaluator.context;
    context.terminology.ok_or_else(|| call.unsupported())
}

/// Whether a code, Coding, or some coding of a CodeableConcept is in a value set.
fn member_of<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let value_set = call.string_argument(0)?;
    let (Some(item), Some(value_set)) = (single(&call.input)?, value_set) else {
        return Ok(none());
    };
    let known = terminology(&call)?;
    let (mut found, mut unknown) = (None, None);
    for coding in &codings(item) {
        call.evaluator.charge(QUESTION_STEPS)?;
        match known.membership(&value_set, coding) {
            Membership::Member => return Ok(boolean(true)),
            Membership::NotMember => found = Some(false),
            Membership::Unknown(why) => unknown = Some(why),
        }
    }
    match unknown {
        Some(why) => Err(EvaluationError::Semantics(why)),
        // A concept of text alone is in no value set; what holds no code at all is no question.
        None if item.fhir_type() == "CodeableConcept" => Ok(boolean(false)),
        None => Ok(found.map_or_else(none, boolean)),
    }
}

/// Whether some coding of the input stands so to some coding of the argument, or is the same.
/// Only codes of one code system can be compared.
fn subsumes<'s, 'a>(call: &Invocation<'s, 'a>, wanted: Subsumption) -> Outcome<'s, 'a> {
    let argument = call.argument(0)?;
    let (Some(item), Some(other)) = (single(&call.input)?, single(&argument)?) else {
        return Ok(none());
    };
    let known = terminology(call)?;
    let (mut compared, mut why) = (false, None);
    for a in &codings(item) {
        for b in &codings(other) {
            let Some(system) = a.system.filter(|system| b.system == Some(*system)) else {
                continue;
            };
            call.evaluator.charge(QUESTION_STEPS)?;
            match known.subsumption(system, a.code, b.code) {
                Ok(found) if found == wanted || found == Subsumption::Equivalent => {
                    return Ok(boolean(true));
                }
                Ok(_) => compared = true,
                Err(problem) => why = problem.issues.into_iter().next(),
            }
        }
    }
    match why {
        Some(issue) => Err(EvaluationError::Semantics(issue.diagnostics)),
        None if compared => Ok(boolean(false)),
        None => Err(call.fault("wants codes of one code system")),
    }
}

/// The codes that an item has.
fn codings<'i>(item: &'i Item<'_>) -> Vec<Coding<'i>> {
    if let Some(code) = item.as_str() {
        return vec![Coding {
            code,
            ..Coding::default()
        }];
    }
    let Some(node) = item.node() else {
        return Vec::new();
    };
    match node.get("coding").and_then(Value::as_array) {
        Some(codings) => codings.iter().filter_map(coding).collect(),
        None => coding(node).into_iter().collect(),
    }
}

fn coding(node: &Value) -> Option<Coding<'_>> {
    let text = |name: &str| node.get(name).and_then(Value::as_str);
    Some(Coding {
        system: text("system"),
        version: text("version"),
        code: text("code")?,
        display: text("display"),
    })
}
