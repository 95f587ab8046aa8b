//! FHIRPath Patch.
//!
//! Specification: <http://hl7.org/fhir/R4/fhirpatch.html>. Decided here: `add` also takes the
//! JSON name of a choice (`valueQuantity`) and `value[x]`; `delete` of what is not there changes
//! nothing; `insert` at 0 begins a list that is not there yet; `replace` of a choice may change
//! its type.

use serde_json::{Map, Value};

use super::{
    bounds::Room,
    check_count, misfit,
    place::{self, Place, Step},
    value,
};
use crate::{
    fhir::{
        definitions::{Type, definitions},
        path::{Context, EvaluationError, Expression, Item, Node},
    },
    kernel::problem::{Category, Issue, Problem, Result},
};

/// The steps of a FHIRPath Patch.
#[derive(Debug)]
pub struct PathPatch {
    steps: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    path: Expression,
    /// For a path such as `Patient.name`, which may find nothing yet: `Patient` and `name`.
    parent: Option<(Expression, String)>,
    verb: Verb,
}

/// What is to be done; values are parts of the Parameters resource.
#[derive(Debug)]
enum Verb {
    Add { name: String, value: Value },
    Insert { index: usize, value: Value },
    Delete,
    Replace { value: Value },
    Move { from: usize, to: usize },
}

impl PathPatch {
    /// Reads a Parameters resource.
    pub fn read(parameters: &Value) -> Result<Self> {
        if parameters["resourceType"] != "Parameters" {
            return Err(Problem::malformed(
                "structure",
                "A FHIRPath Patch is a Parameters resource.",
            )
            .at("resourceType"));
        }
        let given = parameters["parameter"].as_array();
        let given = given.map_or(&[][..], Vec::as_slice);
        check_count(given.len())?;
        let steps = given.iter().enumerate().map(|(at, parameter)| {
            Operation::read(parameter)
                .map_err(|why| Problem::malformed("value", why).at(place_of(at)))
        });
        Ok(Self {
            steps: steps.collect::<Result<_>>()?,
        })
    }

    /// How many steps there are.
    pub const fn len(&self) -> usize {
        self.steps.len()
    }

    /// Applies all steps, in their order.
    pub fn apply(&self, tree: &mut Value, room: &mut Room) -> Result<()> {
        for (at, step) in self.steps.iter().enumerate() {
            step.apply(tree, room).map_err(|issue| {
                Problem::with_issues(Category::Invalid, vec![issue.at(place_of(at))])
            })?;
        }
        Ok(())
    }
}

fn place_of(at: usize) -> String {
    format!("Parameters.parameter[{at}]")
}

/// The simple value of a part.
fn text<'v>(parameter: &'v Value, name: &str) -> Option<&'v str> {
    let part = value::part(parameter, name)?;
    ["valueCode", "valueString"]
        .iter()
        .find_map(|member| part[*member].as_str())
}

fn number(parameter: &Value, name: &str) -> Result<usize, String> {
    let part = value::part(parameter, name);
    let members = ["valueInteger", "valueUnsignedInt", "valuePositiveInt"];
    let found = part.and_then(|part| members.iter().find_map(|member| part[*member].as_u64()));
    found
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| format!("The part {name} must be a whole number of at least 0."))
}

impl Operation {
    fn read(parameter: &Value) -> Result<Self, String> {
        if parameter["name"] != "operation" {
            return Err("Each parameter is named operation.".to_owned());
        }
        let wanted = |name: &str| {
            let found = text(parameter, name);
            found.ok_or_else(|| format!("The part {name} is missing, or no text."))
        };
        let given = || {
            let part = value::part(parameter, "value").cloned();
            part.ok_or_else(|| "The part value is missing.".to_owned())
        };
        let verb = match wanted("type")? {
            "add" => Verb::Add {
                name: wanted("name")?.to_owned(),
                value: given()?,
            },
            "insert" => Verb::Insert {
                index: number(parameter, "index")?,
                value: given()?,
            },
            "delete" => Verb::Delete,
            "replace" => Verb::Replace { value: given()? },
            "move" => Verb::Move {
                from: number(parameter, "source")?,
                to: number(parameter, "destination")?,
            },
            _ => return Err("type is add, insert, delete, replace or move.".to_owned()),
        };
        let path = wanted("path")?;
        let compile = |text: &str| Expression::compile(text).map_err(|why| why.to_string());
        let parent = match path.rsplit_once('.') {
            Some((parent, name)) if is_name(name) => compile(parent).ok().zip(Some(name.into())),
            _ => None,
        };
        Ok(Self {
            path: compile(path)?,
            parent,
            verb,
        })
    }

    fn apply(&self, tree: &mut Value, room: &mut Room) -> Result<(), Issue> {
        match &self.verb {
            Verb::Add { name, value } => {
                let (way, kind) = one(tree, &self.path)?.ok_or_else(nothing)?;
                room.take(value, way.len())?;
                let members = object(tree, &way)?;
                value::append(members, kind, name, value)
            }
            Verb::Insert { index, value } => self.insert(tree, (*index, value), room),
            Verb::Delete => {
                let Some(place) = element(tree, &self.path)? else {
                    return Ok(());
                };
                let members = place.object(tree).ok_or_else(nothing)?;
                place::remove(members, &place.name, place.index);
                Ok(())
            }
            Verb::Replace { value } => {
                let place = element(tree, &self.path)?.ok_or_else(nothing)?;
                room.take(value, place.parent.len())?;
                replace(tree, &place, value)
            }
            Verb::Move { from, to } => {
                let place = list(tree, &self.path)?.ok_or_else(nothing)?;
                let members = place.object(tree).ok_or_else(nothing)?;
                let length = place::length(members, &place.name);
                if *from >= length || *to >= length {
                    return Err(misfit("value", "The list is shorter than that."));
                }
                let given = place::remove(members, &place.name, Some(*from));
                place::insert(members, &place.name, *to, given);
                Ok(())
            }
        }
    }

    fn insert(
        &self,
        tree: &mut Value,
        (index, part): (usize, &Value),
        room: &mut Room,
    ) -> Result<(), Issue> {
        let Some(place) = list(tree, &self.path)? else {
            let (parent, name) = self.parent.as_ref().ok_or_else(nothing)?;
            let (way, kind) = one(tree, parent)?.ok_or_else(nothing)?;
            let member = value::member(kind, name, value::type_name(part))?;
            if index > 0 || !member.element.list {
                return Err(misfit("value", "There is no list of this length."));
            }
            room.take(part, way.len())?;
            return value::append(object(tree, &way)?, kind, name, part);
        };
        room.take(part, place.parent.len() + 1)?;
        let given = value::read(part, types_at(tree, &place)?.1)?;
        let members = place.object(tree).ok_or_else(nothing)?;
        if index > place::length(members, &place.name) {
            return Err(misfit("value", "The list is shorter than that."));
        }
        place::insert(members, &place.name, index, given);
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn nothing() -> Issue {
    misfit("not-found", "The path leads to no element of the resource.")
}

fn object<'v>(tree: &'v mut Value, way: &[Step]) -> Result<&'v mut Map<String, Value>, Issue> {
    let found = place::follow(tree, way).and_then(Value::as_object_mut);
    found.ok_or_else(|| misfit("structure", "A primitive has no elements of that name."))
}

/// What a path finds, as parts of the resource.
fn nodes<'v>(tree: &'v Value, path: &'v Expression) -> Result<Vec<Node<'v>>, Issue> {
    let found = path.evaluate(&Context::new(tree));
    let found = found.map_err(|why| match why {
        EvaluationError::Semantics(says) => misfit("value", says),
        why => misfit("too-costly", why.to_string()),
    })?;
    found
        .into_iter()
        .map(|item| match item {
            Item::Node(node) => Ok(node),
            _ => Err(misfit("value", "The path gives a value and no element.")),
        })
        .collect()
}

/// The one element that a path finds: the way to it, and its type.
fn one(tree: &Value, path: &Expression) -> Result<Option<(Vec<Step>, &'static Type)>, Issue> {
    let found = nodes(tree, path)?;
    let [node] = found.as_slice() else {
        return few(found.len());
    };
    let way = place::way(tree, node.value()).ok_or_else(nothing)?;
    let kind = definitions().type_named(node.fhir_type());
    let kind = kind.ok_or_else(|| misfit("structure", "The element's type is not known."))?;
    Ok(Some((way, kind)))
}

/// The place of the one element that a path finds; the resource itself has none.
fn element(tree: &Value, path: &Expression) -> Result<Option<Place>, Issue> {
    let found = nodes(tree, path)?;
    let [node] = found.as_slice() else {
        return few(found.len());
    };
    place_of_node(tree, node).map(Some)
}

fn few<T>(found: usize) -> Result<Option<T>, Issue> {
    if found == 0 {
        return Ok(None);
    }
    Err(misfit(
        "multiple-matches",
        "The path finds more than one element.",
    ))
}

fn place_of_node(tree: &Value, node: &Node<'_>) -> Result<Place, Issue> {
    // A primitive that has only extensions is found by them.
    let beside = || node.sibling().and_then(|beside| place::find(tree, beside));
    place::find(tree, node.value())
        .or_else(beside)
        .ok_or_else(nothing)
}

/// The place of the list whose elements a path finds; all of them, or the counting would be in
/// another list than the client's.
fn list(tree: &Value, path: &Expression) -> Result<Option<Place>, Issue> {
    let found = nodes(tree, path)?;
    let mut places = found.iter().map(|node| place_of_node(tree, node));
    let Some(first) = places.next().transpose()? else {
        return Ok(None);
    };
    let Some(0) = first.index else {
        return Err(misfit(
            "value",
            "The path must find all elements of one list.",
        ));
    };
    for (at, place) in places.enumerate() {
        let place = place?;
        let follows =
            place.index == Some(at + 1) && place.name == first.name && place.parent == first.parent;
        if !follows {
            return Err(misfit(
                "value",
                "The path must find all elements of one list.",
            ));
        }
    }
    Ok(Some(first))
}

/// The type that has the element at a place, and the element's own type.
fn types_at(tree: &Value, place: &Place) -> Result<(&'static Type, &'static str), Issue> {
    let unknown = || misfit("structure", "The element's type is not known.");
    let mut kind = type_of_object(tree).ok_or_else(unknown)?;
    let mut value = tree;
    for step in &place.parent {
        match step {
            Step::Member(name) => {
                // What stands beside a primitive has an id and extensions, and no value.
                let inner = if name.starts_with('_') {
                    "Element"
                } else {
                    kind.member(name).ok_or_else(unknown)?.1
                };
                value = value.get(name.as_str()).ok_or_else(unknown)?;
                kind = definitions().type_named(inner).unwrap_or(kind);
            }
            Step::Item(at) => value = value.get(*at).ok_or_else(unknown)?,
        }
        kind = type_of_object(value).unwrap_or(kind);
    }
    let (_, own) = kind.member(&place.name).ok_or_else(unknown)?;
    Ok((kind, own))
}

fn type_of_object(value: &Value) -> Option<&'static Type> {
    definitions().type_named(value.get("resourceType")?.as_str()?)
}

fn replace(tree: &mut Value, place: &Place, part: &Value) -> Result<(), Issue> {
    let (kind, own) = types_at(tree, place)?;
    let element = kind.member(&place.name).ok_or_else(nothing)?.0;
    let (name, type_name) = if element.choice {
        let member = value::member(kind, &element.name, value::type_name(part))?;
        (member.name, member.type_name)
    } else {
        (place.name.clone(), own)
    };
    let given = value::read(part, type_name)?;
    let members = place.object(tree).ok_or_else(nothing)?;
    match place.index {
        None => place::set(members, (&place.name, &name), given),
        Some(at) => {
            place::remove(members, &place.name, Some(at));
            place::insert(members, &place.name, at, given);
        }
    }
    Ok(())
}
