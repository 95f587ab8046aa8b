//! Texts.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#string-manipulation>. Positions count characters.

use std::borrow::Cow;

use super::{Function, Invocation, boolean, count, maybe, none, some};
use crate::fhir::path::{
    encoding,
    error::{Bound, EvaluationError},
    evaluate::Outcome,
    item::Item,
    pattern::{self, Pattern},
    text::Text,
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("indexOf", (1, 1), |call| {
        position(&call, |text, part| text.find(part))
    }),
    Function::of("lastIndexOf", (1, 1), |call| {
        position(&call, |text, part| text.rfind(part))
    }),
    Function::of("substring", (1, 2), substring),
    Function::of("startsWith", (1, 1), |call| {
        test(&call, |text, part| text.starts_with(part))
    }),
    Function::of("endsWith", (1, 1), |call| {
        test(&call, |text, part| text.ends_with(part))
    }),
    Function::of("contains", (1, 1), |call| {
        test(&call, |text, part| text.contains(part))
    }),
    Function::of("upper", (0, 0), |call| {
        change(&call, |text| Some(text.to_uppercase()))
    }),
    Function::of("lower", (0, 0), |call| {
        change(&call, |text| Some(text.to_lowercase()))
    }),
    Function::of("trim", (0, 0), |call| {
        change(&call, |text| Some(text.trim().to_owned()))
    }),
    Function::of("replace", (2, 2), replace),
    Function::of("matches", (1, 1), matches),
    Function::of("matchesFull", (1, 1), matches),
    Function::of("replaceMatches", (2, 2), replace_matches),
    Function::of("length", (0, 0), |call| {
        Ok(call
            .string()?
            .map_or_else(none, |text| count(text.chars().count())))
    }),
    Function::of("toChars", (0, 0), |call| {
        let text = call.string()?.unwrap_or_default();
        call.evaluator.charge(text.len())?;
        let characters = text.chars().map(|c| Item::String(c.to_string().into()));
        Ok(Cow::Owned(characters.collect()))
    }),
    Function::of("split", (1, 1), split),
    Function::of("join", (0, 1), join),
    Function::of("encode", (1, 1), |call| recode(&call, encoding::encode)),
    Function::of("decode", (1, 1), |call| recode(&call, encoding::decode)),
    Function::of("escape", (1, 1), |call| recode(&call, encoding::escape)),
    Function::of("unescape", (1, 1), |call| recode(&call, encoding::unescape)),
];

/// The input and the first argument, if both are there.
fn pair<'a>(call: &Invocation<'_, 'a>) -> Result<Option<(Text<'a>, Text<'a>)>, EvaluationError> {
    Ok(call.string()?.zip(call.string_argument(0)?))
}

fn test<'s, 'a>(call: &Invocation<'s, 'a>, ask: fn(&str, &str) -> bool) -> Outcome<'s, 'a> {
    Ok(pair(call)?.map_or_else(none, |(text, part)| boolean(ask(&text, &part))))
}

fn change<'s, 'a>(call: &Invocation<'s, 'a>, make: fn(&str) -> Option<String>) -> Outcome<'s, 'a> {
    match call.string()?.and_then(|text| make(&text)) {
        Some(text) => call.text(text),
        None => Ok(none()),
    }
}

fn position<'s, 'a>(
    call: &Invocation<'s, 'a>,
    find: fn(&str, &str) -> Option<usize>,
) -> Outcome<'s, 'a> {
    let Some((text, part)) = pair(call)? else {
        return Ok(none());
    };
    Ok(match find(&text, &part) {
        Some(at) => count(text[..at].chars().count()),
        None => some(Item::Integer(-1)),
    })
}

fn substring<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let (text, start) = (call.string()?, call.integer_argument(0)?);
    let length = call.integer_argument(1)?;
    let (Some(text), Some(start)) = (text, start) else {
        return Ok(none());
    };
    let Ok(start) = usize::try_from(start) else {
        return Ok(none());
    };
    if start >= text.chars().count() {
        return Ok(none());
    }
    let length = length.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(0));
    call.text(text.chars().skip(start).take(length).collect())
}

fn replace<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let Some((text, part)) = pair(&call)? else {
        return Ok(none());
    };
    let Some(by) = call.string_argument(1)? else {
        return Ok(none());
    };
    // How often the part occurs is bounded by the text, so that the size is known beforehand.
    let times = text.matches(&*part).count();
    within(&call, text.len() + times.saturating_mul(by.len()))?;
    call.text(text.replace(&*part, &by))
}

fn within(call: &Invocation<'_, '_>, length: usize) -> Result<(), EvaluationError> {
    if length > call.evaluator.limits().text {
        return Err(EvaluationError::Limit(Bound::Text));
    }
    Ok(())
}

/// The pattern of the first argument: compiled with the expression where it is a literal.
fn pattern_of<'a>(
    call: &Invocation<'_, 'a>,
    text: &str,
) -> Result<Cow<'a, Pattern>, EvaluationError> {
    if let Some(pattern) = &call.call.pattern {
        return Ok(Cow::Borrowed(pattern));
    }
    // Compiling costs far more than a step; a pattern that is built anew for each of many
    // items must reach the bound.
    call.evaluator.charge(100 + text.len().saturating_mul(20))?;
    let pattern = pattern::compile(text, call.call.function.matches_whole())?;
    call.evaluator.charge(pattern.cost_of_compiling())?;
    Ok(Cow::Owned(pattern))
}

fn matches<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let Some((text, pattern)) = pair(&call)? else {
        return Ok(none());
    };
    let pattern = pattern_of(&call, &pattern)?;
    call.evaluator.charge(pattern.cost(text.len()))?;
    Ok(boolean(pattern.regex.is_match(&text)))
}

fn replace_matches<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let Some((text, pattern)) = pair(&call)? else {
        return Ok(none());
    };
    let Some(by) = call.string_argument(1)? else {
        return Ok(none());
    };
    if pattern.is_empty() {
        return Ok(some(Item::String(text)));
    }
    let pattern = pattern_of(&call, &pattern)?;
    call.evaluator.charge(pattern.cost(text.len()))?;
    // A substitution may name groups, each at most as long as the text.
    let mut replaced = String::new();
    let mut last = 0;
    for groups in pattern.regex.captures_iter(&text) {
        let Some(whole) = groups.get(0) else { continue };
        // A search that finds little may have looked at all that is left.
        let rest = text.len() - whole.start();
        call.evaluator.charge(pattern.cost_of_another(rest))?;
        replaced.push_str(&text[last..whole.start()]);
        let names = by.matches('$').count();
        within(
            &call,
            replaced.len() + by.len() + names.saturating_mul(whole.len()),
        )?;
        groups.expand(&by, &mut replaced);
        last = whole.end();
    }
    replaced.push_str(&text[last..]);
    call.text(replaced)
}

fn split<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let Some((text, separator)) = pair(&call)? else {
        return Ok(none());
    };
    if separator.is_empty() {
        return Ok(some(Item::String(text)));
    }
    let parts = text.split(&*separator);
    Ok(Cow::Owned(
        parts
            .map(|part| Item::String(part.to_owned().into()))
            .collect(),
    ))
}

fn join<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let separator = call.string_argument(0)?.unwrap_or_default();
    let mut joined = String::new();
    for (index, item) in call.input.iter().enumerate() {
        let text = match item.to_value() {
            Item::String(text) => text,
            _ => return Err(call.fault("wants texts only")),
        };
        if index > 0 {
            joined.push_str(&separator);
        }
        joined.push_str(&text);
        within(&call, joined.len())?;
    }
    if call.input.is_empty() {
        return Ok(none());
    }
    call.text(joined)
}

fn recode<'s, 'a>(
    call: &Invocation<'s, 'a>,
    code: fn(&str, &str) -> Option<String>,
) -> Outcome<'s, 'a> {
    let Some((text, form)) = pair(call)? else {
        return Ok(none());
    };
    let text = code(&text, &form);
    let text = text.map(|text| call.evaluator.text(text)).transpose()?;
    Ok(maybe(text))
}
