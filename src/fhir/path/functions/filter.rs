//! Filtering, projection and subsetting.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#filtering-and-projection>,
//! <http://hl7.org/fhirpath/N1/#subsetting>, <http://hl7.org/fhirpath/N1/#aggregates>.

use std::{borrow::Cow, cmp::Ordering};

use serde_json::Value;

use super::{Function, Invocation, many, maybe};
use crate::fhir::path::{
    ast::{Expr, Literal, Name, Operator, Step},
    compare,
    context::Context,
    error::EvaluationError,
    evaluate::{Evaluator, Items, Outcome, Scope, single, truth},
    item::{Collection, Item},
    navigate,
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("where", (1, 1), filtered),
    Function::of("select", (1, 1), select),
    Function::of("repeat", (1, 1), repeat),
    Function::of("single", (0, 0), |call| {
        single(&call.input)?;
        Ok(call.input)
    }),
    Function::of("first", (0, 0), |call| {
        Ok(maybe(call.input.first().cloned()))
    }),
    Function::of("last", (0, 0), |call| Ok(maybe(call.input.last().cloned()))),
    Function::of("tail", (0, 0), |call| Ok(slice(&call.input, 1, usize::MAX))),
    Function::of("skip", (1, 1), |call| {
        let skipped = call.integer_argument(0)?.unwrap_or(0).max(0);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        Ok(slice(&call.input, skipped, usize::MAX))
    }),
    Function::of("take", (1, 1), |call| {
        let taken = call.integer_argument(0)?.unwrap_or(0).max(0);
        let taken = usize::try_from(taken).unwrap_or(usize::MAX);
        Ok(slice(&call.input, 0, taken))
    }),
    Function::of("aggregate", (1, 2), aggregate),
    Function::of("sort", (0, 8), sort),
];

fn slice<'s, 'a>(items: &[Item<'a>], from: usize, count: usize) -> Items<'s, 'a> {
    Cow::Owned(items.iter().skip(from).take(count).cloned().collect())
}

fn filtered<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let mut kept = Vec::new();
    let wanted = call.call.arguments.first().and_then(wanted_text);
    for (index, item) in call.input.iter().enumerate() {
        if wanted.is_some_and(|(member, text)| has_another(item, member, text)) {
            call.evaluator.charge(1)?;
            continue;
        }
        if truth(&call.each(0, index, item)?)? == Some(true) {
            kept.push(item.clone());
        }
    }
    Ok(Cow::Owned(kept))
}

/// `member = 'text'`, the commonest of all criteria; dates apart, which may be equal without
/// being written alike.
fn wanted_text(criterion: &Expr) -> Option<(&str, &str)> {
    let Expr::Binary(Operator::Equal, operands) = criterion else {
        return None;
    };
    let (Expr::Path(start, steps), Expr::Literal(Literal::String(text))) = &**operands else {
        return None;
    };
    match (&**start, steps.as_slice()) {
        (Expr::This, [Step::Member(name)]) if text.starts_with(|c: char| c.is_alphabetic()) => {
            Some((&name.text, text))
        }
        _ => None,
    }
}

/// Whether a node's member is a text, and not this one: then they are not equal.
fn has_another(item: &Item<'_>, member: &str, text: &str) -> bool {
    let Item::Node(node) = item else { return false };
    matches!(node.value().get(member), Some(Value::String(found)) if found != text)
}

fn select<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let mut out = Vec::new();
    for (index, item) in call.input.iter().enumerate() {
        out.extend(call.each(0, index, item)?.into_owned());
        call.evaluator.bound(&out)?;
    }
    Ok(Cow::Owned(out))
}

/// What the projection finds, and finds again in its finds, until nothing is found that is not
/// known already; so it ends, and the bound on items ends what generates without end.
fn repeat<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    if let Some(known) = repeated(&call) {
        return Ok(Cow::Borrowed(known));
    }
    let mut found = Found::default();
    let mut fresh: Collection<'a> = call.input.to_vec();
    while !fresh.is_empty() {
        let mut next = Vec::new();
        for (index, item) in fresh.iter().enumerate() {
            for new in call.each(0, index, item)?.iter() {
                if found.add(call.evaluator, new)? {
                    next.push(new.clone());
                    call.evaluator.bound(&found.items)?;
                }
            }
        }
        fresh = next;
    }
    many(call.evaluator, found.items)
}

/// What has been found before, if this asks for it.
fn repeated<'a>(call: &Invocation<'_, 'a>) -> Option<&'a [Item<'a>]> {
    let [Item::Node(node)] = &*call.input else {
        return None;
    };
    let Expr::Path(start, steps) = call.call.arguments.first()? else {
        return None;
    };
    let (Expr::This, [Step::Member(name)]) = (&**start, steps.as_slice()) else {
        return None;
    };
    let mut known = call.evaluator.context.repeated.iter();
    let known =
        known.find(|one| std::ptr::eq(one.resource, node.value()) && one.member == &*name.text)?;
    Some(&known.items)
}

/// `repeat(member)` of what a context is about.
pub(in crate::fhir::path) fn repeat_member<'a>(
    context: &Context<'a>,
    member: &str,
) -> Result<Collection<'a>, EvaluationError> {
    let evaluator = Evaluator::new(context);
    let name = Name::of(member);
    let mut found = Found::default();
    let mut fresh = context.focus.clone();
    while !fresh.is_empty() {
        let mut below = Vec::new();
        for item in &fresh {
            navigate::member(item, &name, &mut below);
        }
        evaluator.charge(below.len())?;
        fresh = Vec::new();
        for item in below {
            if found.add(&evaluator, &item)? {
                fresh.push(item);
                evaluator.bound(&found.items)?;
            }
        }
    }
    Ok(found.items)
}

/// Distinct items, each with its outline: most pairs differ there already, and rules over
/// questionnaires do little else than `repeat(item)`.
#[derive(Default)]
struct Found<'a> {
    items: Collection<'a>,
    outlines: Vec<Option<u64>>,
}

impl<'a> Found<'a> {
    /// Adds an item unless an equal one is there.
    fn add(
        &mut self,
        evaluator: &Evaluator<'_, 'a>,
        item: &Item<'a>,
    ) -> Result<bool, EvaluationError> {
        let outline = compare::outline(item);
        evaluator.charge(self.items.len())?;
        let known = self.outlines.iter().zip(&self.items).any(|(other, known)| {
            let may_be_equal = outline.is_none() || other.is_none() || outline == *other;
            may_be_equal && compare::equal(&evaluator.steps, item, known) == Some(true)
        });
        if !known {
            self.items.push(item.clone());
            self.outlines.push(outline);
        }
        Ok(!known)
    }
}

fn aggregate<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let mut total = call.argument(1)?.into_owned();
    let Some(expr) = call.call.arguments.first() else {
        return Ok(Cow::Owned(total));
    };
    for (index, item) in call.input.iter().enumerate() {
        let next = {
            let scope = Scope {
                this: std::slice::from_ref(item),
                index: Some(index),
                total: &total,
            };
            call.evaluator.eval(expr, &scope)?.into_owned()
        };
        call.evaluator.bound(&next)?;
        total = next;
    }
    Ok(Cow::Owned(total))
}

/// A key of `sort`, and whether the greatest comes first.
type Key<'a> = (Option<Item<'a>>, bool);

/// `sort(key, -key)`: a key with a minus sign sorts from the greatest; items without key come first.
fn sort<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let mut keyed: Vec<(Vec<Key<'a>>, Item<'a>)> = Vec::new();
    for (index, item) in call.input.iter().enumerate() {
        keyed.push((keys(&call, index, item)?, item.clone()));
    }
    call.evaluator.charge(keyed.len().saturating_mul(16))?;
    let mut fault = None;
    keyed.sort_by(|(a, _), (b, _)| {
        compare_keys(call.evaluator, a, b).unwrap_or_else(|error| {
            fault = Some(error);
            Ordering::Equal
        })
    });
    match fault {
        Some(fault) => Err(fault),
        None => Ok(Cow::Owned(
            keyed.into_iter().map(|(_, item)| item).collect(),
        )),
    }
}

fn keys<'a>(
    call: &Invocation<'_, 'a>,
    index: usize,
    item: &Item<'a>,
) -> Result<Vec<Key<'a>>, EvaluationError> {
    if !call.has(0) {
        return Ok(vec![(Some(item.clone()), false)]);
    }
    let scope = Scope {
        this: std::slice::from_ref(item),
        index: Some(index),
        total: &[],
    };
    let mut keys = Vec::new();
    for argument in &call.call.arguments {
        let (expr, descending) = match argument {
            Expr::Sign {
                negative: true,
                operand,
            } => (&**operand, true),
            expr => (expr, false),
        };
        let key = call.evaluator.eval(expr, &scope)?;
        keys.push((single(&key)?.cloned(), descending));
    }
    Ok(keys)
}

fn compare_keys<'a>(
    evaluator: &Evaluator<'_, 'a>,
    a: &[Key<'a>],
    b: &[Key<'a>],
) -> Result<Ordering, EvaluationError> {
    for ((a, descending), (b, _)) in a.iter().zip(b) {
        let order = match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => return Ok(Ordering::Less),
            (Some(_), None) => return Ok(Ordering::Greater),
            (Some(a), Some(b)) => {
                compare::order(&evaluator.steps, a, b)?.unwrap_or(Ordering::Equal)
            }
        };
        if order != Ordering::Equal {
            return Ok(if *descending { order.reverse() } else { order });
        }
    }
    Ok(Ordering::Equal)
}
