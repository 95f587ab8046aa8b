//! The embedded tables, read.
//!
//! Each file has one JSON record a line; what has its default is left out.

use std::collections::HashMap;

use serde::Deserialize;

use super::{
    Compartment, Component, Definitions, Element, Kind, Parameter, ParameterKind, ResourceType,
    Type,
};

const TYPES: &str = include_str!("../../../profiles/r4/types.jsonl");
const PARAMETERS: &str = include_str!("../../../profiles/r4/search-parameters.jsonl");
const COMPARTMENTS: &str = include_str!("../../../profiles/r4/compartments.jsonl");

/// All tables.
#[expect(
    clippy::expect_used,
    reason = "the tables are part of the program; a test loads every line of them"
)]
pub(super) fn embedded() -> Definitions {
    read().expect("the embedded definitions are well formed")
}

fn read() -> serde_json::Result<Definitions> {
    let types: Vec<TypeRecord> = records(TYPES)?;
    // The file is sorted by name, as `ResourceType::named` wants it.
    let resource_types = types
        .iter()
        .filter(|each| matches!(each.kind, KindRecord::Resource) && !each.is_abstract)
        .map(|each| ResourceType(each.name))
        .collect();
    Ok(Definitions {
        types: types
            .into_iter()
            .map(|each| (each.name.to_owned(), each.into()))
            .collect(),
        resource_types,
        parameters: records::<ParameterRecord>(PARAMETERS)?
            .into_iter()
            .map(Into::into)
            .collect(),
        compartments: records::<CompartmentRecord>(COMPARTMENTS)?
            .into_iter()
            .map(Into::into)
            .collect(),
    })
}

fn records<T: Deserialize<'static>>(lines: &'static str) -> serde_json::Result<Vec<T>> {
    lines.lines().map(serde_json::from_str).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindRecord {
    Primitive,
    Complex,
    Resource,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeRecord {
    name: &'static str,
    kind: KindRecord,
    base: Option<String>,
    #[serde(default, rename = "abstract")]
    is_abstract: bool,
    elements: Vec<ElementRecord>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ElementRecord {
    name: String,
    #[serde(default)]
    choice: bool,
    #[serde(default)]
    min: u32,
    #[serde(default)]
    list: bool,
    types: Vec<String>,
    #[serde(default)]
    targets: Vec<String>,
    codes: Option<Vec<String>>,
    #[serde(default)]
    summary: bool,
}

impl From<TypeRecord> for Type {
    fn from(record: TypeRecord) -> Self {
        let elements: Vec<Element> = record.elements.into_iter().map(Into::into).collect();
        Self {
            name: record.name.to_owned(),
            kind: match record.kind {
                KindRecord::Primitive => Kind::Primitive,
                KindRecord::Complex => Kind::Complex,
                KindRecord::Resource => Kind::Resource,
            },
            base: record.base,
            is_abstract: record.is_abstract,
            members: members(&elements),
            elements,
        }
    }
}

/// Where each JSON member name leads: the element, and which of its types.
fn members(elements: &[Element]) -> HashMap<String, (usize, usize)> {
    let mut members = HashMap::with_capacity(elements.len());
    for (place, element) in elements.iter().enumerate() {
        if element.choice {
            for (nth, kind) in element.types.iter().enumerate() {
                members.insert(choice_name(&element.name, kind), (place, nth));
            }
        } else {
            members.insert(element.name.clone(), (place, 0));
        }
    }
    members
}

/// `value` and `dateTime` give `valueDateTime`.
fn choice_name(element: &str, kind: &str) -> String {
    let mut name = String::with_capacity(element.len() + kind.len());
    name.push_str(element);
    let mut letters = kind.chars();
    name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
    name.push_str(letters.as_str());
    name
}

impl From<ElementRecord> for Element {
    fn from(record: ElementRecord) -> Self {
        Self {
            name: record.name,
            choice: record.choice,
            min: record.min,
            list: record.list,
            types: record.types,
            targets: record.targets,
            required_codes: record.codes,
            summary: record.summary,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ParameterKindRecord {
    Number,
    Date,
    String,
    Token,
    Reference,
    Composite,
    Quantity,
    Uri,
    Special,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterRecord {
    url: String,
    code: String,
    #[serde(rename = "type")]
    kind: ParameterKindRecord,
    base: Vec<String>,
    expression: Option<String>,
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    components: Vec<ComponentRecord>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentRecord {
    definition: String,
    expression: String,
}

impl From<ParameterRecord> for Parameter {
    fn from(record: ParameterRecord) -> Self {
        Self {
            url: record.url,
            code: record.code,
            kind: match record.kind {
                ParameterKindRecord::Number => ParameterKind::Number,
                ParameterKindRecord::Date => ParameterKind::Date,
                ParameterKindRecord::String => ParameterKind::String,
                ParameterKindRecord::Token => ParameterKind::Token,
                ParameterKindRecord::Reference => ParameterKind::Reference,
                ParameterKindRecord::Composite => ParameterKind::Composite,
                ParameterKindRecord::Quantity => ParameterKind::Quantity,
                ParameterKindRecord::Uri => ParameterKind::Uri,
                ParameterKindRecord::Special => ParameterKind::Special,
            },
            base: record.base,
            expression: record.expression,
            targets: record.targets,
            components: record
                .components
                .into_iter()
                .map(|each| Component {
                    definition: each.definition,
                    expression: each.expression,
                })
                .collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompartmentRecord {
    code: String,
    members: HashMap<String, Vec<String>>,
}

impl From<CompartmentRecord> for Compartment {
    fn from(record: CompartmentRecord) -> Self {
        Self {
            code: record.code,
            members: record.members,
        }
    }
}
