//! Texts in every language that a definition speaks.
//!
//! Translations are those of <http://hl7.org/fhir/R4/extension-translation.html>.

use std::collections::BTreeSet;

use serde_json::Value;

use super::faults::Faults;
use crate::fhir::canonical::{extension, extensions};

/// Translation of a text: <http://hl7.org/fhir/R4/extension-translation.html>.
pub const TRANSLATION: &str = "http://hl7.org/fhir/StructureDefinition/translation";

/// The languages that every definition speaks, whatever others it adds.
const EVERYWHERE: [&str; 2] = ["fr", "en"];

/// Languages, by their first subtag: `fr-FR` is French.
pub type Languages = BTreeSet<String>;

/// The languages in which a definition must say everything: its own, those of its title, and
/// French and English.
#[must_use]
pub fn wanted(definition: &Value) -> Languages {
    let mut languages = translated(&definition["_title"]);
    languages.extend(definition["language"].as_str().map(primary));
    languages.extend(EVERYWHERE.map(str::to_owned));
    languages
}

/// The language of the definition's plain texts.
#[must_use]
pub fn own(definition: &Value) -> Option<String> {
    definition["language"].as_str().map(primary)
}

fn primary(language: &str) -> String {
    language
        .split('-')
        .next()
        .unwrap_or(language)
        .to_ascii_lowercase()
}

/// The languages into which a text is translated, given what stands beside it (`_title`).
fn translated(beside: &Value) -> Languages {
    extensions(beside, TRANSLATION)
        .filter(|one| {
            extension(one, "content")
                .and_then(Value::as_str)
                .is_some_and(said)
        })
        .filter_map(|one| extension(one, "lang")?.as_str().map(primary))
        .collect()
}

fn said(text: &str) -> bool {
    !text.trim().is_empty()
}

/// What the texts of one definition must be.
#[derive(Debug, Clone)]
pub struct Texts {
    own: Option<String>,
    wanted: Languages,
}

impl Texts {
    /// Those of a definition, and of the pathway that uses it.
    #[must_use]
    pub fn of(definition: &Value, also: &Languages) -> Self {
        let mut languages = wanted(definition);
        languages.extend(also.iter().cloned());
        Self {
            own: own(definition),
            wanted: languages,
        }
    }

    /// Checks the text `name` of an element: it is there, and in each language.
    pub fn check(&self, element: &Value, name: &str, place: &str, faults: &mut Faults) {
        let place = format!("{place}.{name}");
        match element[name].as_str() {
            Some(text) if said(text) => {}
            _ => return faults.missing(place, "A text is missing here."),
        }
        let beside = &element[format!("_{name}").as_str()];
        let there = translated(beside);
        let lacks: Vec<&str> = self
            .wanted
            .iter()
            .filter(|language| !there.contains(*language) && Some(*language) != self.own.as_ref())
            .map(String::as_str)
            .collect();
        if !lacks.is_empty() {
            let says = format!("The text is not translated into: {}.", lacks.join(", "));
            faults.missing(place, says);
        }
    }

    /// The same for a text that may be absent altogether.
    pub fn check_if_there(&self, element: &Value, name: &str, place: &str, faults: &mut Faults) {
        if element.get(name).is_some() {
            self.check(element, name, place, faults);
        }
    }
}
