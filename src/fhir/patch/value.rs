//! The value of a step of a FHIRPath Patch, as it will stand in the resource.

use serde_json::{Map, Value};

use super::{misfit, place};
use crate::{
    fhir::definitions::{Element, Type, definitions},
    kernel::problem::Issue,
};

/// An element: its value, and what stands beside it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// The value; none for a primitive that has only extensions.
    pub value: Option<Value>,
    /// The id and extensions of a primitive.
    pub companion: Option<Value>,
}

/// An element as a type has it: its JSON name, itself, its type.
pub struct Member {
    pub name: String,
    pub element: &'static Element,
    pub type_name: &'static str,
}

/// The element `name` of `kind`; where it is a choice, the one that `given` selects.
pub fn member(kind: &'static Type, name: &str, given: Option<&str>) -> Result<Member, Issue> {
    let name = name.strip_suffix("[x]").unwrap_or(name);
    let chosen = given.map(|given| format!("{name}{given}"));
    let names = [Some(name), chosen.as_deref()];
    let found = names.into_iter().flatten().find_map(|name| {
        let (element, type_name) = kind.member(name)?;
        Some(Member {
            name: name.to_owned(),
            element,
            type_name,
        })
    });
    found.ok_or_else(|| {
        let says = format!("{} has no such element, or not of this type.", kind.name);
        misfit("structure", says)
    })
}

/// The part of this name.
pub fn part<'v>(parameter: &'v Value, name: &str) -> Option<&'v Value> {
    let parts = parameter["part"].as_array()?;
    parts.iter().find(|part| part["name"] == name)
}

/// The name that `value[x]` has in a part, such as `Quantity`.
pub fn type_name(part: &Value) -> Option<&str> {
    let names = part.as_object()?.keys();
    names
        .filter_map(|name| name.trim_start_matches('_').strip_prefix("value"))
        .find(|name| !name.is_empty())
}

/// The value of a part, for an element of the type `kind`; parts of a part become an inner type
/// such as `Patient.contact`.
pub fn read(part: &Value, kind: &str) -> Result<Given, Issue> {
    if let Some(parts) = part["part"].as_array() {
        return Ok(Given {
            value: Some(object(parts, kind)?),
            ..Given::default()
        });
    }
    if let Some(resource) = part.get("resource") {
        return Ok(Given {
            value: Some(resource.clone()),
            ..Given::default()
        });
    }
    let name = type_name(part)
        .ok_or_else(|| misfit("required", "The step has a part without a value."))?;
    let value = format!("value{name}");
    Ok(Given {
        companion: part.get(place::companion(&value)).cloned(),
        value: part.get(&value).cloned(),
    })
}

fn object(parts: &[Value], kind: &str) -> Result<Value, Issue> {
    let kind = definitions()
        .type_named(kind)
        .ok_or_else(|| misfit("structure", "The element takes no parts."))?;
    let mut members = Map::new();
    for part in parts {
        let name = part["name"].as_str().unwrap_or_default();
        append(&mut members, kind, name, part)?;
    }
    Ok(Value::Object(members))
}

/// Adds an element to an object: to the end of its list, or where none is yet.
pub fn append(
    members: &mut Map<String, Value>,
    kind: &'static Type,
    name: &str,
    part: &Value,
) -> Result<(), Issue> {
    let member = member(kind, name, type_name(part))?;
    let given = read(part, member.type_name)?;
    if member.element.list {
        let end = place::length(members, &member.name);
        place::insert(members, &member.name, end, given);
        return Ok(());
    }
    let is_there = members.keys().any(|name| {
        let name = name.strip_prefix('_').unwrap_or(name);
        kind.member(name)
            .is_some_and(|(element, _)| element.name == member.element.name)
    });
    if is_there {
        return Err(misfit(
            "duplicate",
            "The element is there already, and does not repeat; replace it.",
        ));
    }
    place::set(members, (&member.name, &member.name), given);
    Ok(())
}
