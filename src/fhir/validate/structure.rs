//! One pass over the tree, driven by the tables of R4; nothing is allocated while all is well.

use serde_json::{Map, Value};

use super::{
    super::{
        definitions::{Definitions, Element, Kind, ResourceType, Type, definitions},
        json::is_plain_name,
        reference,
    },
    place::Place,
    primitive::{self, Bad},
};
use crate::kernel::problem::{Issue, Severity};

/// The most faults that one answer lists; the walk ends there.
pub const MOST_ISSUES: usize = 50;

/// What is wrong with a resource of this type; nothing where all is well.
pub(super) fn faults(kind: ResourceType, tree: &Value, required: Required) -> Vec<Issue> {
    let mut walk = Walk {
        tables: definitions(),
        required,
        issues: Vec::new(),
    };
    walk.resource(&Place::root(kind.name()), tree, Standing::Whole);
    walk.issues
}

/// How a resource stands in its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// On its own, or as an entry or parameter.
    Whole,
    /// In `contained`.
    Contained,
}

/// Whether what R4 requires must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Required {
    /// It must.
    Asked,
    /// It may be absent.
    Forgiven,
}

struct Walk {
    tables: &'static Definitions,
    required: Required,
    issues: Vec<Issue>,
}

/// What is being walked through: an object and its type.
#[derive(Clone, Copy)]
struct Scope<'a> {
    place: &'a Place<'a>,
    members: &'a Map<String, Value>,
    kind: &'static Type,
}

/// An element as it occurs, and the type that its name selects.
#[derive(Clone, Copy)]
struct Member<'a> {
    /// The JSON name, without the underscore of its companion.
    name: &'a str,
    element: &'static Element,
    kind: &'static str,
}

/// The names of primitive types, and only theirs, begin with a small letter.
fn is_primitive(kind: &str) -> bool {
    kind.starts_with(|first: char| first.is_ascii_lowercase())
}

impl Walk {
    fn is_full(&self) -> bool {
        self.issues.len() >= MOST_ISSUES
    }

    fn report(&mut self, place: &Place<'_>, code: &'static str, words: impl Into<String>) {
        if self.is_full() {
            return;
        }
        self.issues.push(Issue::error(code, words).at(place.path()));
        if self.issues.len() + 1 == MOST_ISSUES {
            self.issues.push(Issue {
                severity: Severity::Information,
                code: "informational",
                diagnostics: "There may be further faults; the first ones are listed.".to_owned(),
                expression: None,
            });
        }
    }

    fn resource(&mut self, place: &Place<'_>, value: &Value, standing: Standing) {
        let Some(members) = self.object(place, value) else {
            return;
        };
        let named = members.get("resourceType").and_then(Value::as_str);
        let kind = named
            .and_then(ResourceType::named)
            .and_then(|kind| self.tables.types.get(kind.name()));
        let Some(kind) = kind else {
            let words = "A resource needs a `resourceType` that R4 knows.";
            return self.report(place, "structure", words);
        };
        if standing == Standing::Contained && members.contains_key("contained") {
            let words = "A contained resource may not contain another.";
            self.report(&place.member("contained"), "invariant", words);
        }
        self.members(Scope {
            place,
            members,
            kind,
        });
    }

    /// The members of an object that is not empty.
    fn object<'v>(
        &mut self,
        place: &Place<'_>,
        value: &'v Value,
    ) -> Option<&'v Map<String, Value>> {
        match value {
            Value::Object(members) if !members.is_empty() => return Some(members),
            Value::Object(_) => self.report(place, "structure", "An object may not be empty."),
            _ => self.report(place, "structure", "A JSON object is due here."),
        }
        None
    }

    fn members(&mut self, scope: Scope<'_>) {
        let is_resource = scope.kind.kind == Kind::Resource;
        let mut seen = 0_u128;
        for (name, value) in scope.members {
            if self.is_full() {
                return;
            }
            if is_resource && name == "resourceType" {
                continue;
            }
            let (plain, companion) = match name.strip_prefix('_') {
                Some(plain) => (plain, true),
                None => (name.as_str(), false),
            };
            let Some((bit, element, kind)) = scope.kind.placed_member(plain) else {
                self.unknown(scope, name);
                continue;
            };
            let member = Member {
                name: plain,
                element,
                kind,
            };
            // The pair of a value and its companion counts as one.
            if !companion || !scope.members.contains_key(plain) {
                let mask = 1 << bit;
                if element.choice && seen & mask != 0 {
                    let place = scope.place.member(&element.name);
                    self.report(&place, "structure", "Only one type may be chosen here.");
                }
                seen |= mask;
            }
            if companion {
                self.companion(scope, member, value);
            } else {
                self.occurrences(scope, member, value);
            }
        }
        self.required(scope, seen);
    }

    fn unknown(&mut self, scope: Scope<'_>, name: &str) {
        if is_plain_name(name) {
            let words = format!("`{}` has no element `{name}`.", scope.kind.name);
            self.report(&scope.place.member(name), "structure", words);
        } else {
            let words = format!("`{}` has no element of this name.", scope.kind.name);
            self.report(scope.place, "structure", words);
        }
    }

    fn required(&mut self, scope: Scope<'_>, seen: u128) {
        for (bit, element) in scope.kind.elements.iter().enumerate() {
            let is_missing = element.min > 0 && seen & (1 << bit) == 0;
            if is_missing && self.required == Required::Asked {
                let words = format!("`{}` is required.", element.name);
                self.report(&scope.place.member(&element.name), "required", words);
            }
        }
        if scope.kind.name == "Extension" {
            let has = |name: &str| {
                let place = scope.kind.elements.iter().position(|e| e.name == name);
                place.is_some_and(|bit| seen & (1 << bit) != 0)
            };
            if has("value") == has("extension") {
                let words = "An extension has either a value or extensions of its own.";
                self.report(scope.place, "invariant", words);
            }
        }
    }

    fn occurrences(&mut self, scope: Scope<'_>, member: Member<'_>, value: &Value) {
        let place = scope.place.member(&member.element.name);
        match (member.element.list, value) {
            (true, Value::Array(items)) if items.is_empty() => {
                self.report(&place, "structure", "A list may not be empty.");
            }
            (true, Value::Array(items)) => {
                for (n, item) in items.iter().enumerate() {
                    let place = place.item(n);
                    if !(item.is_null() && has_companion(scope, member, n)) {
                        self.one(&place, member, item);
                    }
                }
            }
            (true, _) => self.report(&place, "structure", "A list is due here."),
            (false, Value::Array(_)) => {
                self.report(
                    &place,
                    "structure",
                    "This element occurs once: no list is due here.",
                );
            }
            (false, value) => self.one(&place, member, value),
        }
    }

    fn one(&mut self, place: &Place<'_>, member: Member<'_>, value: &Value) {
        if is_primitive(member.kind) {
            return self.primitive(place, member, value);
        }
        match (member.kind, member.name) {
            ("Resource", "contained") => self.resource(place, value, Standing::Contained),
            ("Resource", _) => self.resource(place, value, Standing::Whole),
            _ => self.complex(place, member.kind, value),
        }
    }

    fn complex(&mut self, place: &Place<'_>, kind: &str, value: &Value) {
        let (Some(members), Some(kind)) = (self.object(place, value), self.tables.types.get(kind))
        else {
            return;
        };
        if kind.name == "Reference"
            && let Some(text) = members.get("reference").and_then(Value::as_str)
            && !is_plausible(text)
        {
            let words = "This is no reference: neither a URL, nor `Type/id`, nor `#id`.";
            self.report(&place.member("reference"), "value", words);
        }
        self.members(Scope {
            place,
            members,
            kind,
        });
    }

    fn primitive(&mut self, place: &Place<'_>, member: Member<'_>, value: &Value) {
        if let Err(bad) = primitive::check(member.kind, value) {
            let (code, form) = match bad {
                Bad::Json(form) => ("structure", form),
                Bad::Text(form) => ("value", form),
            };
            let words = format!("A {} is due here: {form}.", member.kind);
            return self.report(place, code, words);
        }
        if let (Some(codes), Value::String(code)) = (&member.element.required_codes, value)
            && codes.binary_search(code).is_err()
        {
            let words = "The code is not in the value set that R4 requires here.";
            self.report(place, "code-invalid", words);
        }
    }

    /// Checks `_name`: the id and extensions of a primitive, item by item of a list.
    fn companion(&mut self, scope: Scope<'_>, member: Member<'_>, value: &Value) {
        let place = scope.place.member(&member.element.name);
        if !is_primitive(member.kind) {
            let words = "Only a primitive has a companion with an underscore.";
            return self.report(&place, "structure", words);
        }
        let partner = scope.members.get(member.name);
        match (member.element.list, value) {
            (true, Value::Array(items)) => {
                if let Some(Value::Array(partners)) = partner
                    && partners.len() != items.len()
                {
                    let words = "The list and its companion with an underscore differ in length.";
                    self.report(&place, "structure", words);
                }
                for (n, item) in items.iter().enumerate() {
                    let partner = partner
                        .and_then(|list| list.get(n))
                        .filter(|partner| !partner.is_null());
                    if !(item.is_null() && partner.is_some()) {
                        self.annotation(&place.item(n), item, partner);
                    }
                }
            }
            (true, _) => self.report(&place, "structure", "A list is due here."),
            (false, value) => self.annotation(&place, value, partner),
        }
    }

    /// Checks the id and extensions of one primitive; without a value, it needs an extension.
    fn annotation(&mut self, place: &Place<'_>, value: &Value, partner: Option<&Value>) {
        self.complex(place, "Element", value);
        if partner.is_none()
            && let Value::Object(members) = value
            && !members.is_empty()
            && !members.contains_key("extension")
        {
            self.report(
                place,
                "invariant",
                "There is neither a value nor an extension.",
            );
        }
    }
}

/// Whether `_name` has something for item `n`; sought only where an item is null.
fn has_companion(scope: Scope<'_>, member: Member<'_>, n: usize) -> bool {
    is_primitive(member.kind)
        && scope
            .members
            .get(&format!("_{}", member.name))
            .and_then(|list| list.get(n))
            .is_some_and(Value::is_object)
}

/// Whether the text may be a literal reference or, in a transaction, a conditional one.
fn is_plausible(text: &str) -> bool {
    if text.contains(char::is_whitespace) {
        return false;
    }
    if text.starts_with('#') || text.contains(':') {
        return true;
    }
    let (path, _) = text.split_once('#').unwrap_or((text, ""));
    reference::local(path).is_some()
        || path
            .split_once('?')
            .is_some_and(|(kind, query)| ResourceType::named(kind).is_some() && !query.is_empty())
}
