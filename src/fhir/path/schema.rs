//! Types as the evaluator wants them: numbered names, so that a step of a path
//! costs one binary search, and each type's place in the hierarchy.
//!
//! Built once from [`crate::fhir::definitions`]. Specification:
//! <http://hl7.org/fhir/R4/fhirpath.html#types>.

use std::{collections::HashMap, fmt, sync::LazyLock};

use crate::fhir::definitions::{self, definitions};

/// The types of FHIRPath itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    Boolean,
    Integer,
    Decimal,
    String,
    Date,
    DateTime,
    Time,
    Quantity,
}

impl System {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Boolean, "Boolean"),
        (Self::Integer, "Integer"),
        (Self::Decimal, "Decimal"),
        (Self::String, "String"),
        (Self::Date, "Date"),
        (Self::DateTime, "DateTime"),
        (Self::Time, "Time"),
        (Self::Quantity, "Quantity"),
    ];

    fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(system, _)| *system)
    }

    /// Its name without namespace.
    pub(crate) fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(system, _)| *system == self);
        found.map_or("", |(_, name)| name)
    }

    /// What a FHIR type converts to where an operator wants a value.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "decimal" => Self::Decimal,
            "date" => Self::Date,
            "dateTime" | "instant" => Self::DateTime,
            "time" => Self::Time,
            "string" | "uri" | "base64Binary" | "xhtml" => Self::String,
            "Quantity" => Self::Quantity,
            _ => return None,
        })
    }
}

/// A FHIR type.
pub(crate) struct Kind {
    pub name: &'static str,
    /// What it converts to implicitly.
    pub system: Option<System>,
    pub class: definitions::Kind,
    pub is_abstract: bool,
    base: Option<usize>,
    /// Elements by number of name, sorted.
    members: Vec<(u32, Member)>,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// An element of a type.
#[derive(Debug)]
pub(crate) struct Member {
    pub name: &'static str,
    /// Whether the JSON name carries the type.
    pub choice: bool,
    /// Whether it may occur more than once.
    pub list: bool,
    /// The types, each with the suffix that selects it in a choice (`Quantity`, `DateTime`).
    types: Vec<(String, usize)>,
}

struct Schema {
    kinds: Vec<Kind>,
    by_name: HashMap<&'static str, usize>,
    symbols: HashMap<&'static str, u32>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let types = &definitions().types;
    let mut names: Vec<&'static str> = types.keys().map(String::as_str).collect();
    names.sort_unstable();
    let by_name: HashMap<_, _> = names.iter().enumerate().map(|(i, n)| (*n, i)).collect();
    let mut symbols = HashMap::new();
    let mut kinds = Vec::with_capacity(names.len());
    for name in names {
        let Some(definition) = types.get(name) else {
            continue;
        };
        let mut members: Vec<(u32, Member)> = definition
            .elements
            .iter()
            .map(|element| {
                let next = u32::try_from(symbols.len()).unwrap_or(u32::MAX);
                let symbol = *symbols.entry(element.name.as_str()).or_insert(next);
                (symbol, member(element, &by_name))
            })
            .collect();
        members.sort_unstable_by_key(|(symbol, _)| *symbol);
        kinds.push(Kind {
            name,
            system: ancestry(name).find_map(System::of),
            class: definition.kind,
            is_abstract: definition.is_abstract,
            base: definition
                .base
                .as_deref()
                .and_then(|base| by_name.get(base).copied()),
            members,
        });
    }
    Schema {
        kinds,
        by_name,
        symbols,
    }
});

fn member(
    element: &'static definitions::Element,
    by_name: &HashMap<&'static str, usize>,
) -> Member {
    let typed = element.types.iter().filter_map(|name| {
        let index = *by_name.get(name.as_str())?;
        let mut suffix = name.clone();
        if let Some(first) = suffix.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Some((suffix, index))
    });
    Member {
        name: &element.name,
        choice: element.choice,
        list: element.list,
        types: typed.collect(),
    }
}

/// A type and those it specialises. Bounded, should the tables ever hold a circle.
fn ancestry(name: &'static str) -> impl Iterator<Item = &'static str> {
    let types = &definitions().types;
    let base = move |name: &&'static str| types.get(*name)?.base.as_deref();
    std::iter::successors(Some(name), base).take(16)
}

/// The FHIR type of this name.
pub(crate) fn kind(name: &str) -> Option<&'static Kind> {
    let schema = &*SCHEMA;
    schema.by_name.get(name).and_then(|i| schema.kinds.get(*i))
}

/// The number of an element's name.
pub(crate) fn symbol(name: &str) -> Option<u32> {
    SCHEMA.symbols.get(name).copied()
}

impl Kind {
    /// The type it specialises.
    pub(crate) fn base(&self) -> Option<&'static Self> {
        SCHEMA.kinds.get(self.base?)
    }

    /// Whether it is `other` or specialises it.
    pub(crate) fn is_a(&'static self, other: &Self) -> bool {
        std::iter::successors(Some(self), |kind| kind.base())
            .take(16)
            .any(|kind| std::ptr::eq(kind, other))
    }

    /// The element whose name has this number.
    pub(crate) fn member(&self, symbol: u32) -> Option<&Member> {
        let found = self.members.binary_search_by_key(&symbol, |(s, _)| *s);
        found.ok().and_then(|i| self.members.get(i)).map(|(_, m)| m)
    }

    /// The element and type of a JSON member: `valueQuantity` is `value`, a Quantity.
    pub(crate) fn json_member(&self, name: &str) -> Option<(&Member, Option<&'static Self>)> {
        if let Some(member) = symbol(name).and_then(|symbol| self.member(symbol))
            && !member.choice
        {
            return Some((member, member.kind()));
        }
        self.members.iter().find_map(|(_, member)| {
            let suffix = name.strip_prefix(member.name)?;
            member.chosen(suffix).map(|kind| (member, Some(kind)))
        })
    }
}

impl Member {
    /// The type of an element that is no choice.
    pub(crate) fn kind(&self) -> Option<&'static Kind> {
        self.types.first().and_then(|(_, i)| SCHEMA.kinds.get(*i))
    }

    /// All types that it may have.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static Kind> {
        self.types.iter().filter_map(|(_, i)| SCHEMA.kinds.get(*i))
    }

    /// The type that a suffix selects, where the element is a choice.
    pub(crate) fn chosen(&self, suffix: &str) -> Option<&'static Kind> {
        if !self.choice {
            return None;
        }
        let (_, index) = self.types.iter().find(|(known, _)| known == suffix)?;
        SCHEMA.kinds.get(*index)
    }
}

/// A type as an expression names it.
#[derive(Debug, Clone)]
pub(crate) struct TypeSpecifier {
    pub kind: Option<&'static Kind>,
    pub system: Option<System>,
}

impl TypeSpecifier {
    /// The type of a name; without namespace FHIR's and FHIRPath's own are both meant.
    pub(crate) fn resolve(namespace: Option<&str>, name: &str) -> Option<Self> {
        let (fhir, system) = match namespace {
            Some("System") => (false, true),
            Some(_) => (true, false),
            None => (true, true),
        };
        let specifier = Self {
            kind: fhir.then(|| kind(name)).flatten(),
            system: system.then(|| System::named(name)).flatten(),
        };
        // `System.Patient` is a question that may be asked; the answer is no.
        let known = specifier.kind.is_some() || specifier.system.is_some();
        (known || (namespace == Some("System") && kind(name).is_some())).then_some(specifier)
    }
}
