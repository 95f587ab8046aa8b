//! Children, descendants and the small tools.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#tree-navigation>,
//! <http://hl7.org/fhirpath/N1/#utility-functions>.

use std::borrow::Cow;

use jiff::Zoned;

use super::{Function, Invocation, many, some};
use crate::fhir::path::{
    error::EvaluationError,
    evaluate::Outcome,
    item::{Collection, Item},
    navigate,
    temporal::{Precision, Temporal},
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("children", (0, 0), children),
    Function::of("descendants", (0, 0), descendants),
    Function::of("trace", (1, 2), trace),
    Function::of("now", (0, 0), |call| {
        Ok(some(Item::Temporal(Temporal::instant(now(&call)?))))
    }),
    Function::of("today", (0, 0), |call| {
        let today = Temporal::date(now(&call)?.date(), Precision::Day);
        Ok(some(Item::Temporal(today)))
    }),
    Function::of("timeOfDay", (0, 0), |call| {
        let now = Temporal::instant(now(&call)?);
        Ok(some(Item::Temporal(now.to_time())))
    }),
    Function::of("type", (0, 0), |call| {
        let types = call.input.iter().map(|item| Item::Type(item.type_name()));
        Ok(Cow::Owned(types.collect()))
    }),
];

fn trace<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let name = call.string_argument(0)?;
    let Some(tracer) = call.evaluator.context.tracer else {
        return Ok(call.input);
    };
    let name = name.unwrap_or_default();
    if call.has(1) {
        let mut shown = Vec::new();
        for (index, item) in call.input.iter().enumerate() {
            shown.extend(call.each(1, index, item)?.into_owned());
            call.evaluator.bound(&shown)?;
        }
        tracer.trace(&name, &shown);
    } else {
        tracer.trace(&name, &call.input);
    }
    Ok(call.input)
}

fn now<'a>(call: &Invocation<'_, 'a>) -> Result<&'a Zoned, EvaluationError> {
    let now = call.evaluator.context.now;
    now.ok_or_else(|| call.fault("has no clock here"))
}

fn children<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let mut out = Vec::new();
    for item in call.input.iter() {
        navigate::children(item, &mut out);
    }
    call.evaluator.charge(out.len())?;
    many(call.evaluator, out)
}

/// Level by level, without recursion.
fn descendants<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let mut found: Collection<'a> = Vec::new();
    for item in call.input.iter() {
        navigate::children(item, &mut found);
    }
    let mut next = 0;
    while let Some(item) = found.get(next).cloned() {
        let before = found.len();
        navigate::children(&item, &mut found);
        call.evaluator.charge(1 + found.len() - before)?;
        call.evaluator.bound(&found)?;
        next += 1;
    }
    many(call.evaluator, found)
}
