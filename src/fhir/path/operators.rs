//! The operators between collections, and three-valued logic.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#operations>.

use std::{borrow::Cow, cmp::Ordering, collections::HashSet};

use super::{
    arithmetic,
    ast::{Expr, Operator},
    compare,
    error::EvaluationError,
    evaluate::{Evaluator, Items, Outcome, Scope, one, single, truth},
    item::{Collection, Item},
    text::Text,
};

/// `left operator right`.
pub(super) fn binary<'s, 'a>(
    evaluator: &'s Evaluator<'s, 'a>,
    operator: Operator,
    operands: &'a (Expr, Expr),
    scope: &Scope<'s, 'a>,
) -> Outcome<'s, 'a> {
    let left = evaluator.eval(&operands.0, scope)?;
    if let Some(decided) = decided(operator, &left)? {
        return Ok(answer(Some(decided)));
    }
    let right = evaluator.eval(&operands.1, scope)?;
    Ok(match operator {
        Operator::And | Operator::Or | Operator::Xor | Operator::Implies => {
            answer(logic(operator, truth(&left)?, truth(&right)?))
        }
        Operator::Equal => answer(equal(evaluator, &left, &right)?),
        Operator::NotEqual => answer(equal(evaluator, &left, &right)?.map(|same| !same)),
        Operator::Equivalent => answer(Some(equivalent(evaluator, &left, &right)?)),
        Operator::NotEquivalent => answer(Some(!equivalent(evaluator, &left, &right)?)),
        Operator::In => answer(is_in(evaluator, &left, &right)?),
        Operator::Contains => answer(is_in(evaluator, &right, &left)?),
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            answer(ordered(evaluator, operator, (&left, &right))?)
        }
        Operator::Concatenate => one(concatenate(evaluator, &left, &right)?),
        _ => {
            let left = single(&left)?.and_then(Item::definite);
            let right = single(&right)?.and_then(Item::definite);
            let (Some(left), Some(right)) = (left, right) else {
                return Ok(Cow::Owned(Vec::new()));
            };
            let result = arithmetic::binary(evaluator, operator, &left, &right);
            Cow::Owned(result?.into_iter().collect())
        }
    })
}

/// A truth value as a collection.
pub(super) fn answer<'s, 'a>(value: Option<bool>) -> Items<'s, 'a> {
    Cow::Owned(value.map(Item::Boolean).into_iter().collect())
}

/// The answer where the left side alone decides; the right is then not evaluated.
fn decided(operator: Operator, left: &[Item<'_>]) -> Result<Option<bool>, EvaluationError> {
    Ok(match operator {
        Operator::And if truth(left)? == Some(false) => Some(false),
        Operator::Or if truth(left)? == Some(true) => Some(true),
        Operator::Implies if truth(left)? == Some(false) => Some(true),
        _ => None,
    })
}

/// Kleene's logic: what is unknown may be either.
fn logic(operator: Operator, left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (operator, left, right) {
        (Operator::And, Some(false), _) | (Operator::And, _, Some(false)) => Some(false),
        (Operator::And, Some(true), Some(true)) => Some(true),
        (Operator::Or, Some(true), _) | (Operator::Or, _, Some(true)) => Some(true),
        (Operator::Or, Some(false), Some(false)) => Some(false),
        (Operator::Xor, Some(left), Some(right)) => Some(left != right),
        (Operator::Implies, Some(false), _) | (Operator::Implies, _, Some(true)) => Some(true),
        (Operator::Implies, Some(true), right) => right,
        _ => None,
    }
}

/// `=` between collections: in the same order, pair by pair.
pub(super) fn equal<'a>(
    evaluator: &Evaluator<'_, 'a>,
    left: &[Item<'a>],
    right: &[Item<'a>],
) -> Result<Option<bool>, EvaluationError> {
    if left.is_empty() || right.is_empty() {
        return Ok(None);
    }
    if left.len() != right.len() {
        return Ok(Some(false));
    }
    evaluator.charge(left.len())?;
    let mut open = false;
    for (a, b) in left.iter().zip(right) {
        match compare::equal(&evaluator.steps, a, b) {
            Some(true) => {}
            Some(false) => return Ok(Some(false)),
            None => open = true,
        }
    }
    Ok((!open).then_some(true))
}

/// `~` between collections: in any order.
fn equivalent<'a>(
    evaluator: &Evaluator<'_, 'a>,
    left: &[Item<'a>],
    right: &[Item<'a>],
) -> Result<bool, EvaluationError> {
    if left.len() != right.len() {
        return Ok(false);
    }
    evaluator.charge(left.len() * right.len())?;
    Ok(compare::matched(left, right, |a, b| {
        compare::equivalent(&evaluator.steps, a, b)
    }))
}

fn is_in<'a>(
    evaluator: &Evaluator<'_, 'a>,
    item: &[Item<'a>],
    items: &[Item<'a>],
) -> Result<Option<bool>, EvaluationError> {
    let Some(item) = single(item)? else {
        return Ok(None);
    };
    includes(evaluator, items, item).map(Some)
}

/// Whether a collection has an equal of an item.
pub(super) fn includes<'a>(
    evaluator: &Evaluator<'_, 'a>,
    items: &[Item<'a>],
    item: &Item<'a>,
) -> Result<bool, EvaluationError> {
    evaluator.charge(items.len())?;
    Ok(items
        .iter()
        .any(|other| compare::equal(&evaluator.steps, item, other) == Some(true)))
}

/// The items without their later equals.
pub(super) fn distinct<'a>(
    evaluator: &Evaluator<'_, 'a>,
    items: Collection<'a>,
) -> Result<Collection<'a>, EvaluationError> {
    if items.len() < 2 {
        return Ok(items);
    }
    evaluator.bound(&items)?;
    if let Some(texts) = texts(&items) {
        evaluator.charge(items.len())?;
        let mut known = HashSet::with_capacity(items.len());
        let fresh = texts.into_iter().map(|text| known.insert(text));
        return Ok(items
            .iter()
            .zip(fresh)
            .filter(|(_, fresh)| *fresh)
            .map(|(item, _)| item.clone())
            .collect());
    }
    let mut unique: Collection<'a> = Vec::with_capacity(items.len());
    for item in items {
        if !includes(evaluator, &unique, &item)? {
            unique.push(item);
        }
    }
    Ok(unique)
}

/// The items as texts, if there are enough of them to be worth a table, and all are.
fn texts<'a>(items: &[Item<'a>]) -> Option<Vec<Text<'a>>> {
    if items.len() < 16 {
        return None;
    }
    let text = |item: &Item<'a>| match item.to_value() {
        Item::String(text) => Some(text),
        _ => None,
    };
    items.iter().map(text).collect()
}

fn ordered<'a>(
    evaluator: &Evaluator<'_, 'a>,
    operator: Operator,
    (left, right): (&[Item<'a>], &[Item<'a>]),
) -> Result<Option<bool>, EvaluationError> {
    let (Some(left), Some(right)) = (single(left)?, single(right)?) else {
        return Ok(None);
    };
    let order = compare::order(&evaluator.steps, left, right)?;
    Ok(order.map(|order| match operator {
        Operator::Less => order == Ordering::Less,
        Operator::LessOrEqual => order != Ordering::Greater,
        Operator::Greater => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }))
}

/// `&`: an empty side counts as an empty text.
fn concatenate<'a>(
    evaluator: &Evaluator<'_, 'a>,
    left: &[Item<'a>],
    right: &[Item<'a>],
) -> Result<Item<'a>, EvaluationError> {
    let text = |items: &[Item<'a>]| -> Result<Text<'a>, EvaluationError> {
        match single(items)?.and_then(Item::definite) {
            None => Ok(Text::default()),
            Some(Item::String(text)) => Ok(text),
            Some(other) => Err(arithmetic::mismatch("&", &other, &other)),
        }
    };
    evaluator.text(format!("{}{}", text(left)?, text(right)?))
}

/// `-x` or `+x`.
pub(super) fn sign<'s, 'a>(negative: bool, items: &[Item<'a>]) -> Outcome<'s, 'a> {
    let Some(item) = single(items)? else {
        return Ok(Cow::Owned(Vec::new()));
    };
    let value = item.to_value();
    let signed = match &value {
        Item::Integer(number) if negative => number.checked_neg().map(Item::Integer),
        Item::Decimal(number) if negative => Some(Item::Decimal(-*number)),
        Item::Quantity(quantity) if negative => {
            Some(Item::Quantity(quantity.with_value(-quantity.value)))
        }
        Item::Integer(_) | Item::Decimal(_) | Item::Quantity(_) => Some(value),
        _ => {
            return Err(EvaluationError::semantics(
                "Only a number or a quantity can have a sign.",
            ));
        }
    };
    Ok(Cow::Owned(signed.into_iter().collect()))
}
