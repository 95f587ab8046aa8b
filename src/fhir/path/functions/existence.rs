//! Questions about a collection as a whole.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#existence>.

use super::{Function, Invocation, boolean, count};
use crate::fhir::path::{
    error::EvaluationError,
    evaluate::{Items, Outcome, truth},
    item::Item,
    operators::{answer, distinct, includes},
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("empty", (0, 0), |call| Ok(boolean(call.input.is_empty()))),
    Function::of("exists", (0, 1), exists),
    Function::of("all", (1, 1), all),
    Function::of("allTrue", (0, 0), |call| every(&call, true)),
    Function::of("allFalse", (0, 0), |call| every(&call, false)),
    Function::of("anyTrue", (0, 0), |call| any(&call, true)),
    Function::of("anyFalse", (0, 0), |call| any(&call, false)),
    Function::of("subsetOf", (1, 1), |call| {
        let other = call.argument(0)?;
        within(&call, &call.input, &other)
    }),
    Function::of("supersetOf", (1, 1), |call| {
        let other = call.argument(0)?;
        within(&call, &other, &call.input)
    }),
    Function::of("count", (0, 0), |call| Ok(count(call.input.len()))),
    Function::of("distinct", (0, 0), |call| {
        distinct(call.evaluator, call.input.into_owned()).map(Items::Owned)
    }),
    Function::of("isDistinct", (0, 0), |call| {
        let size = call.input.len();
        let unique = distinct(call.evaluator, call.input.into_owned())?;
        Ok(boolean(unique.len() == size))
    }),
    Function::of("not", (0, 0), |call| {
        Ok(answer(truth(&call.input)?.map(|value| !value)))
    }),
];

fn exists<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    if !call.has(0) {
        return Ok(boolean(!call.input.is_empty()));
    }
    for (index, item) in call.input.iter().enumerate() {
        if truth(&call.each(0, index, item)?)? == Some(true) {
            return Ok(boolean(true));
        }
    }
    Ok(boolean(false))
}

fn all<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    for (index, item) in call.input.iter().enumerate() {
        if truth(&call.each(0, index, item)?)? != Some(true) {
            return Ok(boolean(false));
        }
    }
    Ok(boolean(true))
}

fn truths(call: &Invocation<'_, '_>) -> Result<Vec<bool>, EvaluationError> {
    let value = |item: &Item<'_>| match item.to_value() {
        Item::Boolean(value) => Ok(value),
        _ => Err(call.fault("wants Booleans only")),
    };
    call.input.iter().map(value).collect()
}

fn every<'s, 'a>(call: &Invocation<'s, 'a>, wanted: bool) -> Outcome<'s, 'a> {
    let values = truths(call)?;
    Ok(boolean(values.iter().all(|value| *value == wanted)))
}

fn any<'s, 'a>(call: &Invocation<'s, 'a>, wanted: bool) -> Outcome<'s, 'a> {
    Ok(boolean(truths(call)?.contains(&wanted)))
}

fn within<'s, 'a>(
    call: &Invocation<'s, 'a>,
    part: &[Item<'a>],
    whole: &[Item<'a>],
) -> Outcome<'s, 'a> {
    for item in part {
        if !includes(call.evaluator, whole, item)? {
            return Ok(boolean(false));
        }
    }
    Ok(boolean(true))
}
