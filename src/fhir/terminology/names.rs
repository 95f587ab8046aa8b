//! What a concept is called, in which language.

use super::{
    Terminology,
    code_system::{CodeSystem, Concept, Content, Designation},
    member::{MEMBERSHIP_STEPS_MAX, Walk},
    value_set::{Component, ValueSet},
};

impl Terminology {
    /// What has been loaded to say more about a code system.
    pub(super) fn supplements(&self, url: &str) -> impl Iterator<Item = &CodeSystem> {
        let all = self.layers().flat_map(move |layer| {
            let urls = layer.supplements.get(url);
            let urls = urls.into_iter().flatten();
            urls.flat_map(|each| layer.code_systems.versions(each))
        });
        all.map(|volume| volume.content())
            .filter(|system| system.content == Content::Supplement)
    }

    /// The code systems that a value set names, and those in it do.
    pub(super) fn systems(&self, set: &ValueSet) -> Vec<String> {
        let mut systems: Vec<String> = Vec::new();
        self.visit(set, &mut Walk::new(MEMBERSHIP_STEPS_MAX), &mut |include| {
            if let Some(system) = &include.system
                && !systems.iter().any(|known| **known == **system)
            {
                systems.push(system.to_string());
            }
        });
        systems
    }

    /// What a value set itself calls a code, its display first.
    pub(super) fn listed(
        &self,
        set: &ValueSet,
        system: Option<&str>,
        code: &str,
    ) -> Vec<Designation> {
        let mut names = Vec::new();
        self.visit(set, &mut Walk::new(MEMBERSHIP_STEPS_MAX), &mut |include| {
            let same = include.system.as_deref() == system;
            let listed = include.listed.as_ref().filter(|_| same && names.is_empty());
            if let Some(concept) = listed.and_then(|listed| listed.get(code)) {
                names.extend(concept.display.iter().map(|display| Designation {
                    language: None,
                    value: display.clone(),
                    usage: None,
                }));
                names.extend_from_slice(&concept.designations);
            }
        });
        names
    }

    /// Shows every `include` of a value set and of those in it, as far as they are loaded.
    fn visit(&self, set: &ValueSet, walk: &mut Walk, see: &mut dyn FnMut(&Component)) {
        for include in &set.include {
            see(include);
            for canonical in &include.value_sets {
                if walk.enter(canonical).is_ok() {
                    if let Ok(inner) = self.value_set(canonical) {
                        self.visit(&inner, walk, see);
                    }
                    walk.leave();
                }
            }
        }
    }
}

/// The other names of a concept, those that supplements give included.
pub(super) fn other_names(
    terminology: &Terminology,
    system: &CodeSystem,
    concept: &Concept,
) -> Vec<Designation> {
    let mut names = concept.designations.clone();
    for supplement in terminology.supplements(&system.url) {
        if let Some(more) = supplement.concept(&concept.code) {
            names.extend_from_slice(&more.designations);
        }
    }
    names
}

/// The name in a language: `fr` is also told of `fr-CH`, and the other way about.
pub(super) fn display_in<'a>(names: &'a [Designation], language: Option<&str>) -> Option<&'a str> {
    let language = language?;
    let is = |close: fn(&str, &str) -> bool| {
        names.iter().find(|each| {
            let tag = each.language.as_deref();
            tag.is_some_and(|tag| close(tag, language)) && is_display(each)
        })
    };
    is(|tag, wanted| tag.eq_ignore_ascii_case(wanted))
        .or_else(|| {
            is(|tag, wanted| {
                let primary = |tag: &str| tag.split('-').next().map(str::to_ascii_lowercase);
                primary(tag) == primary(wanted)
            })
        })
        .map(|each| &*each.value)
}

/// Whether it is a name to be shown, and no definition.
fn is_display(designation: &Designation) -> bool {
    let usage = designation.usage.as_ref();
    usage.is_none_or(|usage| {
        let code = usage["code"].as_str().unwrap_or("display");
        matches!(
            code,
            "display" | "900000000000013009" | "preferredForLanguage"
        )
    })
}
