//! The functions that FHIR adds.
//!
//! Specification: <http://hl7.org/fhir/R4/fhirpath.html#functions>.

use std::borrow::Cow;

use serde_json::Value;

use super::{Function, Invocation, boolean, maybe};
use crate::fhir::path::{
    ast::Name,
    error::EvaluationError,
    evaluate::{Outcome, keep, single},
    item::{Item, NOTHING, Node},
    navigate, schema,
};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("extension", (1, 1), extension),
    Function::of("hasValue", (0, 0), |call| {
        let item = call.input.first();
        Ok(boolean(
            call.input.len() == 1 && item.is_some_and(has_value),
        ))
    }),
    Function::of("getValue", (0, 0), |call| {
        let item = single(&call.input)?.filter(|item| has_value(item));
        Ok(maybe(item.map(Item::to_value)))
    }),
    Function::of("resolve", (0, 0), resolve),
    Function::of("htmlChecks", (0, 0), html_checks),
    Function::of("elementDefinition", (0, 0), |call| Err(call.unsupported())),
    Function::of("slice", (2, 2), |call| Err(call.unsupported())),
    Function::of("checkModifiers", (0, MODIFIERS_MAX), check_modifiers),
];

/// Most modifier extensions that `checkModifiers` can allow.
const MODIFIERS_MAX: usize = 32;

/// The input, if it has no modifier extensions but those that are named.
fn check_modifiers<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let mut allowed = Vec::with_capacity(call.call.arguments.len());
    for index in 0..call.call.arguments.len() {
        allowed.extend(call.string_argument(index)?);
    }
    for item in call.input.iter() {
        let modifiers = item.node().and_then(|node| node.get("modifierExtension"));
        let modifiers = modifiers.and_then(Value::as_array).into_iter().flatten();
        for modifier in modifiers {
            call.evaluator.charge(1 + allowed.len())?;
            let url = modifier.get("url").and_then(Value::as_str);
            if !url.is_some_and(|url| allowed.iter().any(|known| **known == *url)) {
                return Err(call.fault("finds a modifier extension that it does not allow"));
            }
        }
    }
    Ok(call.input)
}

fn has_value(item: &Item<'_>) -> bool {
    match item {
        Item::Node(node) => !matches!(node.value, Value::Null | Value::Object(_)),
        _ => true,
    }
}

fn extension<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let Some(url) = call.string_argument(0)? else {
        return Ok(super::none());
    };
    let name = Name {
        text: "extension".into(),
        sibling: "_extension".into(),
        symbol: schema::symbol("extension"),
    };
    let mut extensions = Vec::new();
    for item in call.input.iter() {
        navigate::member(item, &name, &mut extensions);
    }
    call.evaluator.charge(extensions.len())?;
    Ok(keep(Cow::Owned(extensions), |item| {
        let found = item.node().and_then(|node| node.get("url"));
        found.and_then(Value::as_str) == Some(&*url)
    }))
}

fn resolve<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let mut resources = Vec::with_capacity(call.input.len());
    for item in call.input.iter() {
        resources.extend(resolved(&call, item)?);
    }
    Ok(Cow::Owned(resources))
}

/// The resource that a Reference, canonical or uri means. One that is not at hand is still
/// known by type, if the reference names it: `resolve() is Patient` works on `Patient/1`.
fn resolved<'a>(
    call: &Invocation<'_, 'a>,
    item: &Item<'a>,
) -> Result<Option<Item<'a>>, EvaluationError> {
    call.evaluator.charge(1)?;
    let Some(node) = item.node() else {
        return Ok(None);
    };
    let member = |name: &str| node.get(name).and_then(Value::as_str);
    let Some(text) = node.as_str().or_else(|| member("reference")) else {
        return Ok(member("type").and_then(of_type));
    };
    if let Some(id) = text.strip_prefix('#') {
        return contained(call, id);
    }
    let resolver = call.evaluator.context.resolver;
    if let Some(resource) = resolver.and_then(|resolver| resolver.resolve(text)) {
        return Ok(Some(Item::resource(resource)));
    }
    Ok(type_of_reference(text)
        .or_else(|| member("type"))
        .and_then(of_type))
}

fn contained<'a>(call: &Invocation<'_, 'a>, id: &str) -> Result<Option<Item<'a>>, EvaluationError> {
    let context = call.evaluator.context;
    if id.is_empty() {
        return Ok(Some(context.root.clone()));
    }
    let list = |item: &Item<'a>| item.node().and_then(|n| n.get("contained")?.as_array());
    let (own, outer) = (list(&context.resource), list(&context.root));
    let all = own.into_iter().chain(outer).flatten();
    call.evaluator.charge(all.clone().count())?;
    let mut found = all.filter(|resource| resource.get("id").and_then(Value::as_str) == Some(id));
    Ok(found.next().map(Item::resource))
}

/// `Patient` of `Patient/1`, `http://server/fhir/Patient/1` and `Patient/1/_history/2`.
fn type_of_reference(text: &str) -> Option<&str> {
    let text = text
        .split_once("/_history/")
        .map_or(text, |(before, _)| before);
    let (before, _) = text.rsplit_once('/')?;
    Some(before.rsplit_once('/').map_or(before, |(_, kind)| kind))
}

/// A resource of which nothing is known but its type.
fn of_type<'a>(name: &str) -> Option<Item<'a>> {
    let kind = schema::kind(name)?;
    (kind.class == crate::fhir::definitions::Kind::Resource).then_some(Item::Node(Node {
        value: &NOTHING,
        sibling: None,
        kind: Some(kind),
    }))
}

/// Whether a narrative is free of active content. The full rules of XHTML in FHIR are the
/// validator's.
fn html_checks<'s, 'a>(call: Invocation<'s, 'a>) -> Outcome<'s, 'a> {
    let Some(text) = call.string()? else {
        return Ok(super::none());
    };
    let text = text.to_ascii_lowercase();
    let active = [
        "<script",
        "<iframe",
        "<object",
        "<embed",
        "<form",
        "<base",
        "<link",
        "javascript:",
    ];
    Ok(boolean(
        text.trim_start().starts_with("<div") && !active.iter().any(|tag| text.contains(tag)),
    ))
}
