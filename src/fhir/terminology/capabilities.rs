//! What a terminology service offers: a TerminologyCapabilities resource.
//!
//! Specification: <http://hl7.org/fhir/R4/terminologycapabilities.html>.

use serde_json::{Value, json};

use super::{Terminology, grammar};

/// The server that offers it.
#[derive(Debug, Clone, Copy)]
pub struct Served<'a> {
    /// The service base URL.
    pub base: &'a str,
    /// Since when it offers this, as `dateTime`.
    pub since: &'a str,
    /// Its version.
    pub version: &'a str,
}

impl Terminology {
    /// What is offered: every code system that is at hand, and what may be asked of it.
    #[must_use]
    pub fn capabilities(&self, served: Served<'_>) -> Value {
        json!({
            "resourceType": "TerminologyCapabilities",
            "status": "active",
            "date": served.since,
            "kind": "instance",
            "software": { "name": "Vigie", "version": served.version },
            "implementation": {
                "description": "Vigie, a FHIR telemonitoring server",
                "url": served.base,
            },
            "lockedDate": false,
            "codeSystem": self.served(),
            "expansion": {
                "hierarchical": true,
                "paging": true,
                "incomplete": false,
                "parameter": PARAMETERS.map(|(name, documentation)| {
                    json!({ "name": name, "documentation": documentation })
                }),
                "textFilter": "Every word must be part of the code or of the display; case and \
                    accents make no difference.",
            },
            "codeSearch": "all",
            "validateCode": { "translations": false },
            "translation": { "needsMap": true },
        })
    }

    fn served(&self) -> Vec<Value> {
        let mut urls: Vec<&str> = self
            .layers()
            .flat_map(|layer| layer.code_systems.urls())
            .collect();
        urls.sort_unstable();
        urls.dedup();
        let mut told: Vec<Value> = urls
            .into_iter()
            .filter_map(|url| self.served_one(url))
            .collect();
        told.extend(grammar::SYSTEMS.map(|url| json!({ "uri": url })));
        told
    }

    fn served_one(&self, url: &str) -> Option<Value> {
        let all = self
            .layers()
            .flat_map(|layer| layer.code_systems.versions(url));
        let all = all.filter(|volume| !volume.is_without_concepts());
        let versions: Vec<Option<&str>> = all.map(|volume| volume.version()).collect();
        let (first, _) = versions.split_first()?;
        let mut known: Vec<&str> = Vec::new();
        for version in versions.iter().copied().flatten() {
            if !known.contains(&version) {
                known.push(version);
            }
        }
        let mut one = json!({ "uri": url });
        if !known.is_empty() {
            let version = |code: &&str| json!({ "code": code, "isDefault": *first == Some(*code) });
            one["version"] = known.iter().map(version).collect();
        }
        one["subsumption"] = true.into();
        Some(one)
    }
}

/// What `$expand` heeds.
const PARAMETERS: [(&str, &str); 13] = [
    ("activeOnly", "Leaves out codes that are no longer used."),
    (
        "check-system-version",
        "Refuses where a code system is of another version.",
    ),
    ("count", "The most codes of one answer."),
    (
        "designation",
        "Languages or uses of the designations that are told.",
    ),
    (
        "displayLanguage",
        "The language of the displays, where there is one.",
    ),
    ("exclude-system", "Leaves out the codes of a code system."),
    (
        "excludeNested",
        "`false` nests codes below those that stand above them.",
    ),
    (
        "excludeNotForUI",
        "Leaves out codes that only group others.",
    ),
    ("filter", "Words that the code or the display must have."),
    (
        "force-system-version",
        "The version of a code system, whatever the value set says.",
    ),
    ("includeDefinition", "Tells what the value set is made of."),
    ("includeDesignations", "Tells the other names of the codes."),
    (
        "system-version",
        "The version of a code system, where the value set does not say.",
    ),
];
