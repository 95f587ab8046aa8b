//! All codes of a value set: <http://hl7.org/fhir/R4/valueset-operation-expand.html>.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use super::{
    Coding, Membership, Terminology,
    code_system::{CodeSystem, Concept, Content, Designation},
    grammar,
    hierarchy::too_costly,
    member::Walk,
    value_set::{Component, Expanded, Listed, ListedConcept, ValueSet},
};
use crate::kernel::problem::{Category, Problem, Result};

/// Most steps of work for one expansion: value sets and codes that are looked at.
pub const EXPANSION_STEPS_MAX: usize = 2_000_000;

/// A code of an expansion.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub system: Arc<str>,
    pub version: Option<Arc<str>>,
    pub code: Box<str>,
    pub display: Option<Box<str>>,
    pub designations: Vec<Designation>,
    pub inactive: bool,
    pub not_selectable: bool,
}

/// Which codes are wanted of those that a value set has.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Words that the display or the code must have, folded.
    pub words: Vec<String>,
    /// Only those that are still used.
    pub active_only: bool,
    /// With their other names.
    pub designations: bool,
    /// More codes than these are too many.
    pub most: usize,
    /// Versions of code systems, where the value set does not say: URL and version.
    pub versions: Vec<(String, String)>,
}

/// The codes of a value set.
#[derive(Debug)]
pub(super) struct Expansion {
    pub items: Vec<Item>,
    /// The code systems that were used, as canonicals.
    pub used: BTreeSet<String>,
    /// Those of which only a part is loaded.
    pub partial: BTreeSet<String>,
}

/// One expansion being made.
struct Course<'a> {
    wanted: &'a Wanted,
    walk: Walk,
    used: BTreeSet<String>,
    partial: BTreeSet<String>,
}

impl Terminology {
    /// The codes of a value set (a canonical, with or without `|version`): system and code.
    ///
    /// # Errors
    /// If the value set or what it is made of is not loaded, or the codes are more than `most`.
    pub fn codes(&self, value_set: &str, most: usize) -> Result<Vec<(String, String)>> {
        let set = self
            .value_set(value_set)
            .map_err(|why| Problem::new(Category::NotFound, "not-found", why))?;
        let wanted = Wanted {
            most,
            ..Wanted::default()
        };
        let expansion = self.expansion(&set, &wanted)?;
        let pairs = expansion.items.into_iter();
        Ok(pairs
            .map(|item| (item.system.to_string(), item.code.into_string()))
            .collect())
    }

    /// The codes of a value set.
    pub(super) fn expansion(&self, set: &ValueSet, wanted: &Wanted) -> Result<Expansion> {
        let mut course = Course {
            wanted,
            walk: Walk::new(EXPANSION_STEPS_MAX),
            used: BTreeSet::new(),
            partial: BTreeSet::new(),
        };
        course.walk.enter(&set.url).map_err(unable)?;
        let items = self.all_of(set, &mut course)?.items;
        Ok(Expansion {
            items,
            used: course.used,
            partial: course.partial,
        })
    }

    fn all_of(&self, set: &ValueSet, course: &mut Course<'_>) -> Result<Gathered> {
        let made = if set.composed {
            self.composed(set, course)
        } else {
            Err(unable(format!("The value set {} lists no codes.", set.url)))
        };
        match (made, &set.expansion) {
            (Err(problem), Some(listed)) if listed.whole && !is_too_costly(&problem) => {
                self.listed_by_its_author(listed, course)
            }
            (made, _) => made,
        }
    }

    fn composed(&self, set: &ValueSet, course: &mut Course<'_>) -> Result<Gathered> {
        let mut gathered = Gathered::default();
        for include in &set.include {
            for item in self.all_of_component(include, course)? {
                if set.active_only && item.inactive || self.is_excluded(set, &item, course)? {
                    continue;
                }
                gathered.add(item, course.wanted.most)?;
            }
        }
        Ok(gathered)
    }

    fn is_excluded(&self, set: &ValueSet, item: &Item, course: &mut Course<'_>) -> Result<bool> {
        for exclude in &set.exclude {
            course.walk.step().map_err(costly)?;
            match self.in_component(exclude, &item.coding(), &mut course.walk) {
                Membership::Member => return Ok(true),
                Membership::NotMember => {}
                Membership::Unknown(why) => return Err(unable(why)),
            }
        }
        Ok(false)
    }

    fn all_of_component(
        &self,
        component: &Component,
        course: &mut Course<'_>,
    ) -> Result<Vec<Item>> {
        let (mut items, others) = match &component.system {
            Some(system) => {
                let items = self.all_of_system(component, system, course)?;
                (items, component.value_sets.as_slice())
            }
            None => match component.value_sets.split_first() {
                Some((first, others)) => (self.all_of_canonical(first, course)?, others),
                None => (Vec::new(), &[][..]),
            },
        };
        for canonical in others {
            let set = self.value_set(canonical).map_err(unable)?;
            course.walk.enter(canonical).map_err(unable)?;
            let mut kept = Vec::new();
            for item in items {
                course.walk.step().map_err(costly)?;
                match self.in_value_set(&set, &item.coding(), &mut course.walk) {
                    Membership::Member => kept.push(item),
                    Membership::NotMember => {}
                    Membership::Unknown(why) => return Err(unable(why)),
                }
            }
            course.walk.leave();
            items = kept;
        }
        Ok(items)
    }

    fn all_of_canonical(&self, canonical: &str, course: &mut Course<'_>) -> Result<Vec<Item>> {
        let set = self.value_set(canonical).map_err(unable)?;
        course.walk.enter(canonical).map_err(unable)?;
        let made = self.all_of(&set, course);
        course.walk.leave();
        Ok(made?.items)
    }

    fn all_of_system(
        &self,
        component: &Component,
        url: &str,
        course: &mut Course<'_>,
    ) -> Result<Vec<Item>> {
        let version = component.version.as_deref();
        let known = self.code_system(url, version.or_else(|| course.version_of(url)));
        if let Some(listed) = &component.listed {
            return course.listed(listed, url, (known.ok(), version));
        }
        let system = known.map_err(|why| {
            if grammar::SYSTEMS.contains(&url) {
                costly(format!("The codes of {url} are too many to be listed."))
            } else {
                unable(why)
            }
        })?;
        course.note(system);
        let all = || (0..system.concepts.len()).collect();
        let mut filters = component.filters.iter();
        let candidates = filters.find_map(|filter| filter.candidates(system));
        let names = Names::of(system);
        let mut items = Vec::new();
        for at in candidates.unwrap_or_else(all) {
            course.walk.step().map_err(costly)?;
            let mut picked = true;
            for filter in &component.filters {
                picked = picked && filter.picks(system, at).map_err(unable)?;
            }
            let concept = system.concepts.get(at).filter(|_| picked);
            items.extend(concept.and_then(|concept| course.item(&names, concept)));
        }
        Ok(items)
    }

    fn listed_by_its_author(
        &self,
        expanded: &Expanded,
        course: &mut Course<'_>,
    ) -> Result<Gathered> {
        let mut gathered = Gathered::default();
        for (url, listed) in &expanded.parts {
            let known = self.code_system(url, None).ok();
            for item in course.listed(listed, url, (known, None))? {
                gathered.add(item, course.wanted.most)?;
            }
        }
        Ok(gathered)
    }
}

/// The names of a code system, shared by its items.
struct Names {
    system: Arc<str>,
    version: Option<Arc<str>>,
}

impl Names {
    fn of(system: &CodeSystem) -> Self {
        Self {
            system: (*system.url).into(),
            version: system.version.as_deref().map(Into::into),
        }
    }
}

impl Course<'_> {
    fn version_of(&self, url: &str) -> Option<&str> {
        let mut versions = self.wanted.versions.iter();
        let (_, version) = versions.find(|(known, _)| known == url)?;
        Some(version)
    }

    fn note(&mut self, system: &CodeSystem) {
        let canonical = match &system.version {
            Some(version) => format!("{}|{version}", system.url),
            None => system.url.to_string(),
        };
        if system.content == Content::Part {
            self.partial.insert(canonical.clone());
        }
        self.used.insert(canonical);
    }

    /// The codes of a list, whether or not their code system is at hand.
    fn listed(
        &mut self,
        listed: &Listed,
        url: &str,
        (known, version): (Option<&CodeSystem>, Option<&str>),
    ) -> Result<Vec<Item>> {
        if let Some(system) = known {
            self.note(system);
        }
        let names = known.map_or_else(
            || Names {
                system: url.into(),
                version: version.map(Into::into),
            },
            Names::of,
        );
        let mut items = Vec::new();
        for each in &listed.concepts {
            self.walk.step().map_err(costly)?;
            let concept = known.and_then(|system| system.concept(&each.code));
            items.extend(self.listed_item(&names, each, concept));
        }
        Ok(items)
    }

    fn listed_item(
        &self,
        names: &Names,
        each: &ListedConcept,
        concept: Option<&Concept>,
    ) -> Option<Item> {
        let of_system = concept.and_then(|concept| concept.display.as_deref());
        let display = each.display.as_deref().or(of_system);
        let inactive = concept.is_some_and(|concept| concept.inactive);
        if self.wanted.active_only && inactive || !self.wants(&each.code, display) {
            return None;
        }
        let mut designations = Vec::new();
        if self.wanted.designations {
            designations.extend_from_slice(&each.designations);
            let more = concept.map_or(&[][..], |concept| &concept.designations);
            designations.extend_from_slice(more);
        }
        Some(Item {
            system: Arc::clone(&names.system),
            version: names.version.clone(),
            code: each.code.clone(),
            display: display.map(Into::into),
            designations,
            inactive,
            not_selectable: concept.is_some_and(|concept| concept.not_selectable),
        })
    }

    fn item(&self, names: &Names, concept: &Concept) -> Option<Item> {
        let display = concept.display.as_deref();
        if self.wanted.active_only && concept.inactive || !self.wants(&concept.code, display) {
            return None;
        }
        let designations = if self.wanted.designations {
            concept.designations.clone()
        } else {
            Vec::new()
        };
        Some(Item {
            system: Arc::clone(&names.system),
            version: names.version.clone(),
            code: concept.code.clone(),
            display: concept.display.clone(),
            designations,
            inactive: concept.inactive,
            not_selectable: concept.not_selectable,
        })
    }

    /// Whether a code has the words that are looked for.
    fn wants(&self, code: &str, display: Option<&str>) -> bool {
        if self.wanted.words.is_empty() {
            return true;
        }
        let text = format!("{} {}", code, display.unwrap_or_default());
        let text = crate::fhir::search::text::fold(&text);
        self.wanted.words.iter().all(|word| text.contains(word))
    }
}

/// Codes that are gathered, each once.
#[derive(Default)]
struct Gathered {
    items: Vec<Item>,
    seen: HashSet<(Arc<str>, Box<str>)>,
}

impl Gathered {
    fn add(&mut self, item: Item, most: usize) -> Result<()> {
        if self
            .seen
            .insert((Arc::clone(&item.system), item.code.clone()))
        {
            if self.items.len() >= most {
                return Err(too_costly(most));
            }
            self.items.push(item);
        }
        Ok(())
    }
}

impl Item {
    fn coding(&self) -> Coding<'_> {
        Coding {
            system: Some(&self.system),
            version: None,
            code: &self.code,
            display: None,
        }
    }
}

/// What is missing, as a refusal.
fn unable(why: String) -> Problem {
    Problem::invalid("not-found", why)
}

fn costly(why: String) -> Problem {
    Problem::invalid("too-costly", why)
}

fn is_too_costly(problem: &Problem) -> bool {
    problem
        .issues
        .iter()
        .any(|issue| issue.code == "too-costly")
}
