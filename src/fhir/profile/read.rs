//! ElementDefinitions, read: each states only what it adds to the element of its base.
//!
//! Specification: <http://hl7.org/fhir/R4/elementdefinition.html>.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::{
    super::path::Expression,
    model::{
        Binding, By, Constraint, Discriminator, Element, LazyExpression, Rules, Slicing, Strength,
        TypeUse,
    },
};

const MAX_VALUE_SET: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";
const FHIR_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";
const PROFILE_ELEMENT: &str =
    "http://hl7.org/fhir/StructureDefinition/elementdefinition-profile-element";
/// Judged by the pass over the structure: that every element has a value or children, and an
/// extension a value or extensions.
const JUDGED_BY_STRUCTURE: [&str; 2] = ["ele-1", "ext-1"];

/// Good practice, and no more: `dom-6` asks every resource for a narrative.
const GOOD_PRACTICE: &str =
    "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice";
const KNOWN_GOOD_PRACTICE: &str = "dom-6";

/// Adds to `element` what its ElementDefinition states.
pub(super) fn state(element: &mut Element, given: &Value) {
    let Value::Object(members) = given else {
        return;
    };
    for (name, value) in members {
        match name.as_str() {
            "min" => element.min = small(value).unwrap_or(element.min),
            "max" => element.max = most(value, element.max),
            "maxLength" => element.max_length = value.as_u64(),
            "contentReference" => element.content = content(value),
            "type" => types(element, value),
            "binding" => element.binding = binding(value).or_else(|| element.binding.take()),
            "slicing" => element.slicing = Some(slicing(value)),
            "constraint" => constraints(element, value),
            "extension" => super::controls::state(element, value),
            _ => valued(element, name, value),
        }
    }
}

/// Names a value set that the definition contains by the URL of the definition.
pub(super) fn locate(element: &mut Element, url: &str) {
    if let Some(binding) = &mut element.binding
        && binding.value_set.starts_with('#')
    {
        let value_set = format!("{url}{}", binding.value_set);
        *binding = Arc::new(Binding {
            value_set,
            ..Binding::clone(binding)
        });
    }
}

/// The path of an ElementDefinition that fixes another value than its base has fixed.
pub(super) fn fixes_otherwise<'a>(element: &Element, given: &'a Value) -> Option<&'a str> {
    let before = element.fixed.as_deref()?;
    let members = given.as_object()?;
    let (_, stated) = members.iter().find(|(name, _)| name.starts_with("fixed"))?;
    (stated != before).then(|| given.get("path")?.as_str())?
}

fn valued(element: &mut Element, name: &str, value: &Value) {
    if name.starts_with("fixed") {
        // What a base has fixed stays as it is.
        element.fixed.get_or_insert_with(|| Arc::new(value.clone()));
    } else if name.starts_with("pattern") {
        element.pattern = Some(Arc::new(value.clone()));
    } else if let Some(kind) = name.strip_prefix("minValue") {
        element.min_value = Some((type_of(kind), Arc::new(value.clone())));
    } else if let Some(kind) = name.strip_prefix("maxValue") {
        element.max_value = Some((type_of(kind), Arc::new(value.clone())));
    }
}

/// The type that a suffix names: `DateTime` is `dateTime`, `Quantity` stays.
pub(super) fn type_of(suffix: &str) -> String {
    let tables = super::super::definitions::definitions();
    let mut lower = suffix.to_owned();
    if let Some(first) = lower.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    if tables.type_named(&lower).is_some() {
        lower
    } else {
        suffix.to_owned()
    }
}

/// `#Questionnaire.item`, perhaps after a URL.
fn content(value: &Value) -> Option<String> {
    let (_, path) = value.as_str()?.rsplit_once('#')?;
    Some(path.to_owned())
}

fn small(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|wide| u32::try_from(wide).ok())
}

fn most(value: &Value, before: Option<u32>) -> Option<u32> {
    match value.as_str() {
        Some("*") => None,
        Some(text) => text.parse().ok().or(before),
        None => before,
    }
}

pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    list(value, name)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn types(element: &mut Element, value: &Value) {
    let read: Vec<TypeUse> = value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(type_use)
        .collect();
    if !read.is_empty() {
        element.types = read;
    }
}

fn type_use(value: &Value) -> Option<TypeUse> {
    let extended = list(value, "extension")
        .find(|each| each.get("url").and_then(Value::as_str) == Some(FHIR_TYPE))
        .and_then(|each| text(each, "valueUrl").or_else(|| text(each, "valueUri")));
    let code = extended.or_else(|| text(value, "code"))?;
    let code = code
        .strip_prefix("http://hl7.org/fhir/StructureDefinition/")
        .unwrap_or(&code);
    Some(TypeUse {
        code: code.to_owned(),
        profiles: profiles(value),
        targets: texts(value, "targetProfile"),
        aggregation: texts(value, "aggregation"),
    })
}

/// The profiles of a type; of some, one element is meant.
fn profiles(value: &Value) -> Vec<String> {
    let mut profiles = texts(value, "profile");
    for (profile, companion) in profiles.iter_mut().zip(list(value, "_profile")) {
        let part = list(companion, "extension")
            .find(|each| each.get("url").and_then(Value::as_str) == Some(PROFILE_ELEMENT))
            .and_then(|each| text(each, "valueString"));
        if let Some(part) = part {
            profile.push('#');
            profile.push_str(&part);
        }
    }
    profiles
}

fn binding(value: &Value) -> Option<Arc<Binding>> {
    let strength = match value.get("strength")?.as_str()? {
        "required" => Strength::Required,
        "extensible" => Strength::Extensible,
        "preferred" => Strength::Preferred,
        _ => Strength::Example,
    };
    let most = list(value, "extension")
        .find(|each| each.get("url").and_then(Value::as_str) == Some(MAX_VALUE_SET))
        .and_then(|each| text(each, "valueCanonical"));
    Some(Arc::new(Binding {
        strength,
        value_set: text(value, "valueSet")?,
        most,
        also: super::controls::also(value),
    }))
}

fn slicing(value: &Value) -> Slicing {
    Slicing {
        discriminators: list(value, "discriminator")
            .filter_map(discriminator)
            .collect(),
        rules: match value.get("rules").and_then(Value::as_str) {
            Some("closed") => Rules::Closed,
            Some("openAtEnd") => Rules::OpenAtEnd,
            _ => Rules::Open,
        },
        ordered: value.get("ordered").and_then(Value::as_bool) == Some(true),
    }
}

fn discriminator(value: &Value) -> Option<Discriminator> {
    Some(Discriminator {
        by: match value.get("type")?.as_str()? {
            "exists" => By::Exists,
            "type" => By::Type,
            "profile" => By::Profile,
            _ => By::Value,
        },
        path: text(value, "path")?,
    })
}

/// Constraints add up; one that is stated again by its key stays as it was.
fn constraints(element: &mut Element, value: &Value) {
    for each in value.as_array().into_iter().flatten() {
        let Some(read) = constraint(each) else {
            continue;
        };
        let known = |old: &Arc<Constraint>| old.key == read.key;
        if !JUDGED_BY_STRUCTURE.contains(&read.key.as_str())
            && !element.constraints.iter().any(known)
        {
            element.constraints.push(Arc::new(read));
        }
    }
}

fn constraint(value: &Value) -> Option<Constraint> {
    let expression = text(value, "expression")?;
    let is_practice = |each: &Value| each.get("url").and_then(Value::as_str) == Some(GOOD_PRACTICE);
    if list(value, "extension").any(is_practice) || text(value, "key")? == KNOWN_GOOD_PRACTICE {
        return None;
    }
    Some(Constraint {
        key: text(value, "key")?,
        is_error: value.get("severity").and_then(Value::as_str) != Some("warning"),
        human: text(value, "human").unwrap_or_default(),
        text: expression.clone(),
        compiled: lazily(expression),
    })
}

fn lazily(expression: String) -> LazyExpression {
    LazyLock::new(Box::new(move || Expression::compile(&expression)))
}
