//! Two collections made one.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#combining>,
//! <http://hl7.org/fhirpath/N1/#intersectother-collection-collection>.

use std::borrow::Cow;

use super::{Function, Invocation, many};
use crate::fhir::path::{
    error::EvaluationError,
    evaluate::Outcome,
    item::Collection,
    operators::{distinct, includes},
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("union", (1, 1), |call| {
        let all = both(&call)?;
        Ok(Cow::Owned(distinct(call.evaluator, all)?))
    }),
    Function::of("combine", (1, 1), |call| many(call.evaluator, both(&call)?)),
    Function::of("intersect", (1, 1), |call| {
        let common = shared(&call, true)?;
        Ok(Cow::Owned(distinct(call.evaluator, common)?))
    }),
    Function::of("exclude", (1, 1), exclude),
];

fn both<'a>(call: &Invocation<'_, 'a>) -> Result<Collection<'a>, EvaluationError> {
    let mut all = call.input.to_vec();
    all.extend(call.argument(0)?.into_owned());
    Ok(all)
}

/// The items of the input that the argument has, or has not.
fn shared<'a>(call: &Invocation<'_, 'a>, wanted: bool) -> Result<Collection<'a>, EvaluationError> {
    let other = call.argument(0)?;
    let mut kept = Vec::new();
    for item in call.input.iter() {
        if includes(call.evaluator, &other, item)? == wanted {
            kept.push(item.clone());
        }
    }
    Ok(kept)
}

fn exclude<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    Ok(Cow::Owned(shared(&call, false)?))
}
