//! What a collection holds: nodes of a resource, borrowed, and values.

use std::fmt;

use rust_decimal::Decimal;
use serde_json::{Number, Value};

use super::{
    ast::Literal,
    quantity::{Quantity, Unit},
    schema::{self, Kind, System},
    temporal::{Temporal, TemporalKind},
    text::Text,
};

/// A collection: ordered, not unique, flat.
pub type Collection<'a> = Vec<Item<'a>>;

/// What a node without a value holds.
pub(super) static NOTHING: Value = Value::Null;

/// One item of a collection. As debug text it shows its type and not its value, which may be
/// health information.
#[derive(Clone)]
pub enum Item<'a> {
    /// A part of a resource.
    Node(Node<'a>),
    /// `true`.
    Boolean(bool),
    /// `1`.
    Integer(i64),
    /// `1.50`.
    Decimal(Decimal),
    /// `'text'`.
    String(Text<'a>),
    /// A Date, DateTime or Time.
    Temporal(Temporal),
    /// `4 'mg'`.
    Quantity(Quantity<'a>),
    /// What `type()` gives.
    Type(TypeName),
}

/// The name of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeName {
    /// `FHIR` or `System`.
    pub namespace: &'static str,
    /// `Patient`, `string`, `String`.
    pub name: &'static str,
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TypeName { namespace, name } = self.type_name();
        write!(f, "{namespace}.{name}")
    }
}

/// A part of a resource, where it stands.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    pub(super) value: &'a Value,
    /// The member `_name` beside a primitive: its id and extensions.
    pub(super) sibling: Option<&'a Value>,
    pub(super) kind: Option<&'static Kind>,
}

impl<'a> Node<'a> {
    /// The JSON value; `null` where there are only extensions, or where a
    /// reference was resolved to a type and nothing more.
    #[must_use]
    pub const fn value(&self) -> &'a Value {
        self.value
    }

    /// The id and extensions of a primitive.
    #[must_use]
    pub const fn sibling(&self) -> Option<&'a Value> {
        self.sibling
    }

    /// The FHIR type, empty if unknown.
    #[must_use]
    pub fn fhir_type(&self) -> &'static str {
        self.kind.map_or("", |kind| kind.name)
    }

    /// The value that the node converts to implicitly, if it has one.
    pub(super) fn system(&self) -> Option<Item<'a>> {
        let system = self.kind.and_then(|kind| kind.system);
        Some(match self.value {
            Value::Bool(value) => Item::Boolean(*value),
            Value::Number(number) => number_item(number, system)?,
            Value::String(text) => {
                let kind = match system {
                    Some(System::Date) => Some(TemporalKind::Date),
                    Some(System::DateTime) => Some(TemporalKind::DateTime),
                    Some(System::Time) => Some(TemporalKind::Time),
                    _ => None,
                };
                kind.and_then(|kind| Temporal::parse(text, kind))
                    .map_or_else(|| Item::String(Text::Borrowed(text)), Item::Temporal)
            }
            Value::Object(members) if system == Some(System::Quantity) => {
                Item::Quantity(quantity(members)?)
            }
            _ => return None,
        })
    }
}

fn number_item(number: &Number, system: Option<System>) -> Option<Item<'static>> {
    let text = number.as_str();
    if system != Some(System::Decimal)
        && let Ok(integer) = text.parse()
    {
        return Some(Item::Integer(integer));
    }
    decimal(text).map(Item::Decimal)
}

/// A JSON number as a decimal, trailing zeros kept.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text)
        .or_else(|_| Decimal::from_scientific(text))
        .ok()
}

/// A FHIR Quantity as a value; one with a comparator (`<`) is not a definite value.
fn quantity(members: &serde_json::Map<String, Value>) -> Option<Quantity<'_>> {
    if members.contains_key("comparator") {
        return None;
    }
    let Some(Value::Number(number)) = members.get("value") else {
        return None;
    };
    let unit = members.get("code").or_else(|| members.get("unit"));
    let unit = unit.and_then(Value::as_str);
    Some(Quantity {
        value: decimal(number.as_str())?,
        unit: unit.map_or(Unit::ONE, |code| Unit::Code(Text::Borrowed(code))),
    })
}

impl<'a> Item<'a> {
    /// A resource, or any object whose `resourceType` tells its type.
    #[must_use]
    pub fn resource(tree: &'a Value) -> Self {
        let name = tree.get("resourceType").and_then(Value::as_str);
        Self::Node(Node {
            value: tree,
            sibling: None,
            kind: name.and_then(schema::kind),
        })
    }

    /// A value of a named FHIR type.
    #[must_use]
    pub fn typed(value: &'a Value, fhir_type: &str) -> Self {
        Self::Node(Node {
            value,
            sibling: None,
            kind: schema::kind(fhir_type),
        })
    }

    /// A value of a named FHIR type, with the id and extensions that stand beside a primitive.
    #[must_use]
    pub fn placed(value: &'a Value, sibling: Option<&'a Value>, fhir_type: &str) -> Self {
        Self::Node(Node {
            value,
            sibling,
            kind: schema::kind(fhir_type),
        })
    }

    /// The part of a resource, if it is one.
    #[must_use]
    pub const fn node(&self) -> Option<&'a Value> {
        match self {
            Self::Node(node) => Some(node.value),
            _ => None,
        }
    }

    /// The text of a string or of a node whose JSON is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Node(node) => node.value.as_str(),
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The FHIR type of a node (`Coding`, `dateTime`, `Patient.contact`), the System type of a value
    /// (`Boolean`, `Quantity`); empty where it is unknown.
    #[must_use]
    pub fn fhir_type(&self) -> &'static str {
        self.type_name().name
    }

    pub(super) fn type_name(&self) -> TypeName {
        match self {
            Self::Node(node) => TypeName {
                namespace: "FHIR",
                name: node.fhir_type(),
            },
            value => TypeName {
                namespace: "System",
                name: value.system_type().map_or("SimpleTypeInfo", System::name),
            },
        }
    }

    /// The type of a value; none for nodes.
    pub(super) const fn system_type(&self) -> Option<System> {
        Some(match self {
            Self::Node(_) | Self::Type(_) => return None,
            Self::Boolean(_) => System::Boolean,
            Self::Integer(_) => System::Integer,
            Self::Decimal(_) => System::Decimal,
            Self::String(_) => System::String,
            Self::Temporal(moment) => match moment.kind {
                TemporalKind::Date => System::Date,
                TemporalKind::DateTime => System::DateTime,
                TemporalKind::Time => System::Time,
            },
            Self::Quantity(_) => System::Quantity,
        })
    }

    /// The item as a value: a node's own, where it has one.
    #[must_use]
    pub fn to_value(&self) -> Self {
        match self {
            Self::Node(node) => node.system().unwrap_or(Self::Node(*node)),
            value => value.clone(),
        }
    }

    /// The item as a value that operators and functions can work with. A primitive that has only
    /// extensions, and a quantity that is not definite (`< 5`), are nothing to work with.
    pub(super) fn definite(&self) -> Option<Self> {
        match self.to_value() {
            Self::Node(node) if node.kind.is_some_and(|kind| kind.system.is_some()) => None,
            value => Some(value),
        }
    }

    /// The text that `toString()` and `&` make of it, if it has one.
    #[must_use]
    pub fn to_text(&self) -> Option<Text<'a>> {
        Some(match self.to_value() {
            Self::String(text) => text,
            Self::Boolean(value) => Text::Borrowed(if value { "true" } else { "false" }),
            Self::Integer(value) => value.to_string().into(),
            Self::Decimal(value) => value.to_string().into(),
            Self::Temporal(value) => value.to_string().into(),
            Self::Quantity(value) => value.to_string().into(),
            Self::Node(_) | Self::Type(_) => return None,
        })
    }
}

impl<'a> From<&'a Literal> for Item<'a> {
    fn from(literal: &'a Literal) -> Self {
        match literal {
            Literal::Boolean(value) => Self::Boolean(*value),
            Literal::Integer(value) => Self::Integer(*value),
            Literal::Decimal(value) => Self::Decimal(*value),
            Literal::String(text) => Self::String(Text::Borrowed(text)),
            Literal::Temporal(value) => Self::Temporal(*value),
            Literal::Quantity(value, unit) => Self::Quantity(Quantity {
                value: *value,
                unit: unit.clone(),
            }),
        }
    }
}
