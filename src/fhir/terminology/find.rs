//! Which code system or value set a canonical means.

use std::{ops::Deref, sync::Arc};

use serde_json::Value;

use super::{
    Terminology,
    code_system::{CodeSystem, Content},
    concept_map::ConceptMap,
    filter::Filter,
    shelf::Volume,
    value_set::ValueSet,
};

/// After a code system's URL: all of its codes, or those that stand below one:
/// <http://hl7.org/fhir/R4/snomedct.html#implicit>.
const IMPLICIT: &str = "?fhir_vs";

/// A value set that is at hand, or that a canonical spells out.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Standing(&'a ValueSet),
    Implicit(Box<ValueSet>),
}

impl Deref for Found<'_> {
    type Target = ValueSet;

    fn deref(&self) -> &ValueSet {
        match self {
            Self::Standing(set) => set,
            Self::Implicit(set) => set,
        }
    }
}

/// Why there is none: a sentence.
pub(super) type Missing = String;

/// The URL and the version of a canonical.
pub(super) fn parts(canonical: &str) -> (&str, Option<&str>) {
    match canonical.split_once('|') {
        Some((url, version)) => (url, Some(version).filter(|version| !version.is_empty())),
        None => (canonical, None),
    }
}

impl Terminology {
    /// R4's own behind what is loaded.
    pub(super) fn layers(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.base)
    }

    /// A code system that holds concepts.
    pub(super) fn code_system(
        &self,
        url: &str,
        version: Option<&str>,
    ) -> Result<&CodeSystem, Missing> {
        let all = || {
            self.layers()
                .flat_map(|layer| layer.code_systems.versions(url))
        };
        let wanted = |known: Option<&str>| version.is_none() || known == version;
        let with_concepts = all()
            .filter(|volume| wanted(volume.version()))
            .map(|volume| volume.content())
            .find(|system| matches!(system.content, Content::Complete | Content::Part));
        with_concepts.ok_or_else(|| {
            let mut versions = all()
                .filter(|volume| {
                    matches!(volume.content().content, Content::Complete | Content::Part)
                })
                .filter_map(|volume| volume.version());
            missing("code system", (url, version), &mut versions)
        })
    }

    /// A value set.
    pub(super) fn value_set(&self, canonical: &str) -> Result<Found<'_>, Missing> {
        Ok(self.value_set_and_volume(canonical)?.0)
    }

    /// A value set, and the resource where there is one.
    pub(super) fn value_set_and_tree(
        &self,
        canonical: &str,
    ) -> Result<(Found<'_>, Option<Arc<Value>>), Missing> {
        let (set, volume) = self.value_set_and_volume(canonical)?;
        Ok((set, volume.map(Volume::tree)))
    }

    fn value_set_and_volume(
        &self,
        canonical: &str,
    ) -> Result<(Found<'_>, Option<&Volume<ValueSet>>), Missing> {
        let (url, version) = parts(canonical);
        let all = || {
            self.layers()
                .flat_map(|layer| layer.value_sets.versions(url))
        };
        let mut wanted = all().filter(|volume| version.is_none() || volume.version() == version);
        if let Some(found) = wanted.next() {
            return Ok((Found::Standing(found.content()), Some(found)));
        }
        if let Some(implicit) = self.implicit(url)? {
            return Ok((Found::Implicit(Box::new(implicit)), None));
        }
        let mut versions = all().filter_map(|volume| volume.version());
        Err(missing("value set", (url, version), &mut versions))
    }

    /// A concept map.
    pub(super) fn concept_map(
        &self,
        url: &str,
        version: Option<&str>,
    ) -> Result<&ConceptMap, Missing> {
        let all = || {
            self.layers()
                .flat_map(|layer| layer.concept_maps.versions(url))
        };
        let mut wanted = all().filter(|volume| version.is_none() || volume.version() == version);
        let found = wanted.next().map(|volume| volume.content());
        found.ok_or_else(|| {
            let mut versions = all().filter_map(|volume| volume.version());
            missing("concept map", (url, version), &mut versions)
        })
    }

    /// The preferred version of every concept map.
    pub(super) fn concept_maps(&self) -> impl Iterator<Item = &ConceptMap> {
        let hidden = |url: &str, at: usize| {
            self.layers()
                .take(at)
                .any(|layer| !layer.concept_maps.versions(url).is_empty())
        };
        let layers = self.layers().enumerate();
        layers
            .flat_map(|(at, layer)| layer.concept_maps.urls().map(move |url| (at, layer, url)))
            .filter(move |(at, _, url)| !hidden(url, *at))
            .filter_map(|(_, layer, url)| Some(layer.concept_maps.versions(url).first()?.content()))
    }

    fn implicit(&self, url: &str) -> Result<Option<ValueSet>, Missing> {
        if let Some(system) = self.layers().find_map(|layer| layer.whole.get(url)) {
            return Ok(Some(ValueSet::implicit(url, system, Vec::new())));
        }
        let Some((system, which)) = url.split_once(IMPLICIT) else {
            return Ok(None);
        };
        let filters = match which.strip_prefix("=isa/") {
            Some(code) => vec![Filter::of("concept", "is-a", code)],
            None if which.is_empty() => Vec::new(),
            None => {
                return Err(format!(
                    "The value set {url} is of a kind that is not read."
                ));
            }
        };
        self.code_system(system, None)?;
        Ok(Some(ValueSet::implicit(url, system, filters)))
    }
}

fn missing(
    what: &str,
    (url, version): (&str, Option<&str>),
    versions: &mut dyn Iterator<Item = &str>,
) -> Missing {
    let versions: Vec<&str> = versions.collect();
    match version {
        Some(version) if !versions.is_empty() => format!(
            "The {what} {url} is not loaded in version {version}; there is {}.",
            versions.join(", ")
        ),
        Some(version) => format!("The {what} {url}|{version} is not loaded."),
        None => format!("The {what} {url} is not loaded."),
    }
}
