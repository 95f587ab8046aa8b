//! Filters of value sets: <http://hl7.org/fhir/R4/valueset-filter-operator.html>.

use std::{collections::HashSet, sync::OnceLock};

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{
    code_system::{CodeSystem, Concept},
    grammar,
};

/// Longest pattern of a filter.
pub const PATTERN_LENGTH_MAX: usize = 1_000;

/// Most bytes that a compiled pattern of a filter may take.
pub const PATTERN_SIZE_MAX: usize = 1 << 20;

/// A filter: which codes of a code system are meant.
#[derive(Debug, Default)]
pub(super) struct Filter {
    property: Box<str>,
    op: Box<str>,
    value: Box<str>,
    pattern: OnceLock<Result<Regex, String>>,
    /// The values of a list.
    values: OnceLock<HashSet<Box<str>>>,
}

impl Filter {
    pub fn read(tree: &Value) -> Self {
        let text = |name: &str| tree[name].as_str().unwrap_or_default();
        Self::of(text("property"), text("op"), text("value"))
    }

    pub fn of(property: &str, op: &str, value: &str) -> Self {
        Self {
            property: property.into(),
            op: op.into(),
            value: value.into(),
            pattern: OnceLock::new(),
            values: OnceLock::new(),
        }
    }

    /// Whether it picks a concept of a code system that is at hand; an error says why it cannot
    /// be told.
    pub fn picks(&self, system: &CodeSystem, at: usize) -> Result<bool, String> {
        let concept = &system.concepts[at];
        let of_code = matches!(&*self.property, "concept" | "code");
        match &*self.op {
            "is-a" | "descendent-of" | "is-not-a" | "generalizes" | "child-of" if of_code => {
                self.by_hierarchy(system, at)
            }
            "=" if of_code => Ok(system.same(&concept.code, &self.value)),
            "=" => Ok(self.has(system, concept, |text| text == &*self.value)),
            "in" => {
                let values = self.values();
                Ok(self.has(system, concept, |text| values.contains(text)))
            }
            "not-in" => {
                let values = self.values();
                Ok(!self.has(system, concept, |text| values.contains(text)))
            }
            "exists" => Ok(self.has(system, concept, |_| true) == (*self.value != *"false")),
            "regex" => {
                let pattern = self.pattern()?;
                Ok(self.has(system, concept, |text| pattern.is_match(text)))
            }
            op => Err(format!(
                "The filter `{} {op}` is not supported.",
                self.property
            )),
        }
    }

    /// Whether it picks a code of a system that is known by its grammar alone.
    pub fn picks_by_grammar(&self, system: &str, code: &str) -> Result<bool, String> {
        match (&*self.property, &*self.op) {
            ("concept" | "code", "=") => Ok(code == &*self.value),
            ("concept" | "code", "in") => Ok(self.values().contains(code)),
            ("concept" | "code", "not-in") => Ok(!self.values().contains(code)),
            ("concept" | "code", "regex") => Ok(self.pattern()?.is_match(code)),
            ("canonical", "=") if system == crate::fhir::ucum::SYSTEM => {
                grammar::of_one_dimension(code, &self.value)
                    .ok_or_else(|| format!("The units of {} cannot be told.", self.value))
            }
            (property, op) => Err(format!("The filter `{property} {op}` is not supported.")),
        }
    }

    /// Those that it picks, where they can be found without looking at every concept.
    pub fn candidates(&self, system: &CodeSystem) -> Option<Vec<usize>> {
        if !matches!(&*self.property, "concept" | "code") {
            return None;
        }
        let root = system.place(&self.value);
        match &*self.op {
            "is-a" => Some(system.reach(root?, |concept| &concept.children)),
            "descendent-of" => {
                let mut found = system.reach(root?, |concept| &concept.children);
                found.remove(0);
                Some(found)
            }
            "generalizes" => Some(system.reach(root?, |concept| &concept.parents)),
            "=" => Some(root.into_iter().collect()),
            _ => None,
        }
    }

    fn by_hierarchy(&self, system: &CodeSystem, at: usize) -> Result<bool, String> {
        let root = system.place(&self.value).ok_or_else(|| {
            format!(
                "The filter names {}, which {} does not have.",
                self.value, system.url
            )
        })?;
        Ok(match &*self.op {
            "is-a" => system.subsumes(root, at),
            "descendent-of" => at != root && system.subsumes(root, at),
            "is-not-a" => !system.subsumes(root, at),
            "child-of" => system.concepts[at].parents.contains(&root),
            _ => system.subsumes(at, root),
        })
    }

    fn values(&self) -> &HashSet<Box<str>> {
        self.values.get_or_init(|| {
            self.value
                .split(',')
                .map(|each| each.trim().into())
                .collect()
        })
    }

    /// Whether one of the property's values is such.
    fn has(
        &self,
        system: &CodeSystem,
        concept: &Concept,
        mut is: impl FnMut(&str) -> bool,
    ) -> bool {
        let name = &*self.property;
        let mut codes_of = |places: &[usize]| {
            let mut places = places.iter();
            places.any(|at| is(&system.concepts[*at].code))
        };
        match name {
            "code" | "concept" => is(&concept.code),
            "display" => concept.display.as_deref().is_some_and(is),
            "definition" => concept.definition.as_deref().is_some_and(is),
            _ if system.means(name, "parent") => codes_of(&concept.parents),
            _ if system.means(name, "child") => codes_of(&concept.children),
            _ if system.means(name, "inactive") => is(flag(concept.inactive)),
            _ if system.means(name, "notSelectable") => is(flag(concept.not_selectable)),
            _ => {
                let mut all = concept.properties.iter();
                all.any(|property| *property.code == *name && is(&property.text()))
            }
        }
    }

    /// The pattern, which stands for whole texts.
    fn pattern(&self) -> Result<&Regex, String> {
        let compiled = self.pattern.get_or_init(|| {
            if self.value.len() > PATTERN_LENGTH_MAX {
                return Err("The pattern of a filter is too long.".to_owned());
            }
            RegexBuilder::new(&format!("^(?:{})$", self.value))
                .size_limit(PATTERN_SIZE_MAX)
                .dfa_size_limit(PATTERN_SIZE_MAX)
                .build()
                .map_err(|_| "The pattern of a filter cannot be used.".to_owned())
        });
        compiled.as_ref().map_err(Clone::clone)
    }
}

const fn flag(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::shelf::Read as _, *};

    fn picked(property: &str, op: &str, value: &str) -> Result<String, String> {
        let system = CodeSystem::read(&json!({
            "url": "s", "content": "complete",
            "concept": [
                {"code": "a", "display": "Alpha", "concept": [
                    {"code": "b", "concept": [{"code": "c"}],
                     "property": [{"code": "size", "valueInteger": 3}]}]},
                {"code": "d", "property": [{"code": "inactive", "valueBoolean": true}]}]
        }));
        let filter = Filter::of(property, op, value);
        let mut codes = String::new();
        for (at, concept) in system.concepts.iter().enumerate() {
            if filter.picks(&system, at)? {
                codes.push_str(&concept.code);
            }
        }
        Ok(codes)
    }

    #[test]
    fn every_operator_of_r4() {
        for (property, op, value, codes) in [
            ("concept", "is-a", "b", "bc"),
            ("concept", "descendent-of", "a", "bc"),
            ("concept", "is-not-a", "b", "ad"),
            ("concept", "generalizes", "b", "ab"),
            ("concept", "child-of", "a", "b"),
            ("code", "=", "d", "d"),
            ("code", "in", "a, c", "ac"),
            ("code", "not-in", "a,c", "bd"),
            ("code", "regex", "[a-b]|c", "abc"),
            ("display", "regex", "Alp", ""),
            ("display", "=", "Alpha", "a"),
            ("size", "=", "3", "b"),
            ("size", "exists", "true", "b"),
            ("size", "exists", "false", "acd"),
            ("parent", "=", "b", "c"),
            ("child", "exists", "true", "ab"),
            ("inactive", "=", "false", "abc"),
            ("notSelectable", "=", "true", ""),
        ] {
            let found = picked(property, op, value);
            assert_eq!(found.as_deref(), Ok(codes), "{property} {op} {value}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        for (op, value) in [
            ("is-a", "z"),
            ("regex", "("),
            ("regex", &"a".repeat(PATTERN_LENGTH_MAX + 1)),
            ("regex", "(((a{100}){100}){100}){100}"),
            ("near", "a"),
        ] {
            assert!(picked("concept", op, value).is_err(), "{op}");
        }
    }

    #[test]
    fn a_pattern_that_would_go_back_and_forth_does_not() {
        let filter = Filter::of("code", "regex", "(a+)+(b+)+$");
        let code = "a".repeat(50_000);
        assert_eq!(filter.picks_by_grammar("urn:x", &code), Ok(false));
    }
}
