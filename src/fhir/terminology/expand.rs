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
    names::{display_in, other_names},
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
    /// The language of the displays.
    pub language: Option<String>,
    /// Versions of code systems, where the value set does not say: URL and version.
    pub versions: Vec<(String, String)>,
    /// Versions of code systems, whatever the value set says.
    pub forced: Vec<(String, String)>,
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
    terminology: &'a Terminology,
    wanted: &'a Wanted,
    walk: Walk,
    used: BTreeSet<String>,
    partial: BTreeSet<String>,
    /// Whether codes are listed to be looked up: all of them are wanted then.
    looking_up: bool,
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
            terminology: self,
            wanted,
            walk: Walk::new(EXPANSION_STEPS_MAX),
            used: BTreeSet::new(),
            partial: BTreeSet::new(),
            looking_up: false,
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
        let mut left_out = Vec::new();
        for exclude in &set.exclude {
            let list =
                |this: &Self, course: &mut Course<'_>| this.all_of_component(exclude, course);
            left_out.push(self.listing(course, list));
        }
        let mut gathered = Gathered::default();
        for include in &set.include {
            for item in self.all_of_component(include, course)? {
                let mut stays = !(set.active_only && item.inactive);
                for (exclude, known) in set.exclude.iter().zip(&left_out) {
                    stays = stays
                        && !course.holds(known.as_ref(), &item, |walk| {
                            self.in_component(exclude, &item.coding(), walk)
                        })?;
                }
                if stays {
                    gathered.add(item, course.wanted.most)?;
                }
            }
        }
        Ok(gathered)
    }

    /// The codes of what is left out or intersected, to be looked up; none where they cannot be
    /// listed and each code has to be asked about.
    fn listing(
        &self,
        course: &mut Course<'_>,
        list: impl FnOnce(&Self, &mut Course<'_>) -> Result<Vec<Item>>,
    ) -> Option<HashSet<Key>> {
        let outer = std::mem::replace(&mut course.looking_up, true);
        let listed = list(self, course);
        course.looking_up = outer;
        listed
            .ok()
            .map(|items| items.iter().map(Item::key).collect())
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
            let list =
                |this: &Self, course: &mut Course<'_>| this.all_of_canonical(canonical, course);
            let known = self.listing(course, list);
            let mut kept = Vec::new();
            for item in items {
                let asks = |walk: &mut Walk| self.in_canonical(canonical, &item.coding(), walk);
                if course.holds(known.as_ref(), &item, asks)? {
                    kept.push(item);
                }
            }
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
        let version = course.version_of(url, component.version.as_deref());
        let known = self.code_system(url, version.as_deref());
        if let Some(listed) = &component.listed {
            return course.listed(listed, url, (known.ok(), version.as_deref()));
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
        // What stands below a concept is found once, not for each code.
        let lists: Vec<Option<HashSet<usize>>> = component
            .filters
            .iter()
            .map(|filter| Some(filter.candidates(system)?.into_iter().collect()))
            .collect();
        let mut items = Vec::new();
        for at in candidates.unwrap_or_else(all) {
            course.walk.spend(1).map_err(costly)?;
            let mut picked = true;
            for (filter, list) in component.filters.iter().zip(&lists) {
                picked = picked
                    && match list {
                        Some(list) => list.contains(&at),
                        None => filter.picks(system, at).map_err(unable)?,
                    };
            }
            let concept = system.concepts.get(at).filter(|_| picked);
            items.extend(concept.and_then(|concept| course.item(&names, system, concept)));
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
    /// Whether a code is one of those that are known, or, where they are not, asked about.
    fn holds(
        &mut self,
        known: Option<&HashSet<Key>>,
        item: &Item,
        ask: impl FnOnce(&mut Walk) -> Membership,
    ) -> Result<bool> {
        self.walk.spend(1).map_err(costly)?;
        if let Some(known) = known {
            return Ok(known.contains(&item.key()));
        }
        match ask(&mut self.walk) {
            Membership::Member => Ok(true),
            Membership::NotMember => Ok(false),
            Membership::Unknown(why) => Err(unable(why)),
        }
    }

    /// The version of a code system that is meant.
    fn version_of(&self, url: &str, written: Option<&str>) -> Option<String> {
        let pinned = |pins: &[(String, String)]| {
            let pin = pins.iter().find(|(known, _)| known == url);
            pin.map(|(_, version)| version.clone())
        };
        pinned(&self.wanted.forced)
            .or_else(|| written.map(str::to_owned))
            .or_else(|| pinned(&self.wanted.versions))
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
            self.walk.spend(1).map_err(costly)?;
            let concept = known.and_then(|system| Some((system, system.concept(&each.code)?)));
            items.extend(self.listed_item(&names, each, concept));
        }
        Ok(items)
    }

    fn listed_item(
        &self,
        names: &Names,
        each: &ListedConcept,
        known: Option<(&CodeSystem, &Concept)>,
    ) -> Option<Item> {
        let mut item = match known {
            Some((system, concept)) => self.bare(names, system, concept),
            None => Item::named(names, &each.code),
        };
        item.code.clone_from(&each.code);
        if each.display.is_some() {
            item.display.clone_from(&each.display);
        }
        item.designations
            .splice(0..0, each.designations.iter().cloned());
        self.finish(item)
    }

    fn item(&self, names: &Names, system: &CodeSystem, concept: &Concept) -> Option<Item> {
        self.finish(self.bare(names, system, concept))
    }

    /// A code as its code system has it.
    fn bare(&self, names: &Names, system: &CodeSystem, concept: &Concept) -> Item {
        let named = self.wanted.designations || self.wanted.language.is_some();
        Item {
            display: concept.display.clone(),
            designations: if named {
                other_names(self.terminology, system, concept)
            } else {
                Vec::new()
            },
            inactive: concept.inactive,
            not_selectable: concept.not_selectable,
            ..Item::named(names, &concept.code)
        }
    }

    /// The code in the language that is asked; none where it is not wanted.
    fn finish(&self, mut item: Item) -> Option<Item> {
        if self.looking_up {
            return Some(item);
        }
        if let Some(display) = display_in(&item.designations, self.wanted.language.as_deref()) {
            item.display = Some(display.into());
        }
        if !self.wanted.designations {
            item.designations.clear();
        }
        let unused = self.wanted.active_only && item.inactive;
        let wanted = !unused && self.wants(&item.code, item.display.as_deref());
        wanted.then_some(item)
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

/// What makes a code one and the same: its system and itself.
type Key = (Arc<str>, Box<str>);

/// Codes that are gathered, each once.
#[derive(Default)]
struct Gathered {
    items: Vec<Item>,
    seen: HashSet<Key>,
}

impl Gathered {
    fn add(&mut self, item: Item, most: usize) -> Result<()> {
        if self.seen.insert(item.key()) {
            if self.items.len() >= most {
                return Err(too_costly(most));
            }
            self.items.push(item);
        }
        Ok(())
    }
}

impl Item {
    fn named(names: &Names, code: &str) -> Self {
        Self {
            system: Arc::clone(&names.system),
            version: names.version.clone(),
            code: code.into(),
            display: None,
            designations: Vec::new(),
            inactive: false,
            not_selectable: false,
        }
    }

    fn key(&self) -> Key {
        (Arc::clone(&self.system), self.code.clone())
    }

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
