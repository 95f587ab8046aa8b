//! Whether a value set has a code.

use super::{
    Coding, Membership, Terminology,
    code_system::{CodeSystem, Content},
    grammar,
    value_set::{Component, ValueSet},
};

/// Most value sets that stand in each other.
pub const VALUE_SET_DEPTH_MAX: usize = 32;

/// Most steps of work for one code: a value set that is looked into is [`VALUE_SET_STEPS`], an
/// `include` of it is one more.
pub const MEMBERSHIP_STEPS_MAX: usize = 200_000;

/// What it costs to look into a value set.
const VALUE_SET_STEPS: usize = 20;

/// The way through value sets that are made of others.
pub(super) struct Walk {
    /// The canonicals that are being looked into, the outermost first.
    trail: Vec<String>,
    steps_left: usize,
}

impl Walk {
    pub const fn new(steps: usize) -> Self {
        Self {
            trail: Vec::new(),
            steps_left: steps,
        }
    }

    /// Enters a value set; [`Walk::leave`] must follow where this succeeds.
    pub fn enter(&mut self, canonical: &str) -> Result<(), String> {
        if self.trail.iter().any(|each| each == canonical) {
            return Err(format!("The value set {canonical} is made of itself."));
        }
        if self.trail.len() >= VALUE_SET_DEPTH_MAX {
            return Err("Too many value sets stand in each other.".to_owned());
        }
        self.spend(VALUE_SET_STEPS)?;
        self.trail.push(canonical.to_owned());
        Ok(())
    }

    pub fn leave(&mut self) {
        self.trail.pop();
    }

    /// Counts some more work; once there has been too much, nothing is done any more.
    pub fn spend(&mut self, steps: usize) -> Result<(), String> {
        let left = self.steps_left.checked_sub(steps);
        self.steps_left = left.unwrap_or_default();
        left.map(|_| ())
            .ok_or_else(|| "The value set is too costly to look through.".to_owned())
    }
}

impl Membership {
    /// It is in both.
    fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::NotMember => Self::NotMember,
            Self::Member => other(),
            Self::Unknown(why) => match other() {
                Self::NotMember => Self::NotMember,
                _ => Self::Unknown(why),
            },
        }
    }

    /// It is in one of them.
    fn any(each: impl Iterator<Item = Self>) -> Self {
        let mut unknown = None;
        for one in each {
            match one {
                Self::Member => return Self::Member,
                Self::Unknown(why) => unknown = unknown.or(Some(why)),
                Self::NotMember => {}
            }
        }
        unknown.map_or(Self::NotMember, Self::Unknown)
    }

    fn not(self) -> Self {
        match self {
            Self::Member => Self::NotMember,
            Self::NotMember => Self::Member,
            Self::Unknown(why) => Self::Unknown(why),
        }
    }

    const fn of(member: bool) -> Self {
        if member {
            Self::Member
        } else {
            Self::NotMember
        }
    }
}

impl Terminology {
    /// Whether a value set (a canonical, with or without `|version`) has a code. A code without
    /// a system is a member where some system of the value set has it.
    #[must_use]
    pub fn membership(&self, value_set: &str, coding: &Coding<'_>) -> Membership {
        self.in_canonical(value_set, coding, &mut Walk::new(MEMBERSHIP_STEPS_MAX))
    }

    /// Whether a value set itself gives a code this display, which may be another than its code
    /// system does: <http://hl7.org/fhir/R4/valueset-definitions.html#ValueSet.compose.include.concept.display>.
    #[must_use]
    pub fn is_called(&self, value_set: &str, coding: &Coding<'_>) -> bool {
        let (Ok(set), Some(system), Some(display)) =
            (self.value_set(value_set), coding.system, coding.display)
        else {
            return false;
        };
        let composed = set.include.iter().filter_map(|each| {
            let listed = each.listed.as_ref()?;
            (each.system.as_deref() == Some(system)).then_some(listed)
        });
        let expanded = set.expansion.iter().flat_map(|each| &each.parts);
        let expanded = expanded.filter(|(of, _)| **of == *system);
        composed
            .chain(expanded.map(|(_, listed)| listed))
            .filter_map(|listed| listed.get(coding.code))
            .any(|concept| {
                let designations = concept.designations.iter().map(|each| &each.value);
                let mut displays = designations.chain(&concept.display);
                displays.any(|each| each.eq_ignore_ascii_case(display))
            })
    }

    pub(super) fn in_canonical(
        &self,
        canonical: &str,
        coding: &Coding<'_>,
        walk: &mut Walk,
    ) -> Membership {
        if let Err(why) = walk.enter(canonical) {
            return Membership::Unknown(why);
        }
        let answer = match self.value_set(canonical) {
            Ok(set) => self.in_value_set(&set, coding, walk),
            Err(why) => Membership::Unknown(why),
        };
        walk.leave();
        answer
    }

    pub(super) fn in_value_set(
        &self,
        set: &ValueSet,
        coding: &Coding<'_>,
        walk: &mut Walk,
    ) -> Membership {
        let mut answer = Membership::Unknown(format!("The value set {} lists no codes.", set.url));
        if let Err(why) = walk.spend(set.include.len() + set.exclude.len()) {
            answer = Membership::Unknown(why);
        } else if set.composed {
            let include = set.include.iter();
            answer = Membership::any(include.map(|each| self.in_component(each, coding, walk)));
            let exclude = set.exclude.iter();
            answer = answer.and(|| {
                Membership::any(exclude.map(|each| self.in_component(each, coding, walk))).not()
            });
            if set.active_only && answer == Membership::Member && self.is_inactive(coding) {
                answer = Membership::NotMember;
            }
        }
        match (answer, &set.expansion) {
            // What cannot be worked out may have been listed by whoever made it.
            (Membership::Unknown(why), Some(expansion)) => {
                let listed = expansion.parts.iter().any(|(system, codes)| {
                    coding.system.is_none_or(|wanted| *wanted == **system)
                        && codes.get(coding.code).is_some()
                });
                match (listed, expansion.whole) {
                    (true, _) => Membership::Member,
                    (false, true) => Membership::NotMember,
                    (false, false) => Membership::Unknown(why),
                }
            }
            (answer, _) => answer,
        }
    }

    /// Whether an `include` or `exclude` speaks of a code.
    pub(super) fn in_component(
        &self,
        component: &Component,
        coding: &Coding<'_>,
        walk: &mut Walk,
    ) -> Membership {
        let of_system = match &component.system {
            Some(system) => self.in_system(component, system, coding, walk),
            None if component.value_sets.is_empty() => Membership::NotMember,
            None => Membership::Member,
        };
        component.value_sets.iter().fold(of_system, |answer, each| {
            answer.and(|| self.in_canonical(each, coding, walk))
        })
    }

    fn in_system(
        &self,
        component: &Component,
        system: &str,
        coding: &Coding<'_>,
        walk: &mut Walk,
    ) -> Membership {
        if coding.system.is_some_and(|wanted| wanted != system) {
            return Membership::NotMember;
        }
        let version = component.version.as_deref();
        if let (Some(wanted), Some(given)) = (version, coding.version)
            && wanted != given
        {
            return Membership::Unknown(format!(
                "The code is of version {given} of {system}, the value set of {wanted}."
            ));
        }
        let known = self.code_system(system, version.or(coding.version));
        if let Some(listed) = &component.listed {
            let folded = |known: &CodeSystem| {
                !known.case_sensitive && listed.get_folded(coding.code).is_some()
            };
            let has = listed.get(coding.code).is_some() || known.is_ok_and(folded);
            return Membership::of(has);
        }
        match known {
            Ok(known) => in_known(component, known, coding.code, walk),
            Err(why) => match grammar::judge(system, coding.code) {
                Some(true) => filtered(component, |filter| {
                    filter.picks_by_grammar(system, coding.code)
                }),
                Some(false) => Membership::NotMember,
                None => Membership::Unknown(why),
            },
        }
    }

    fn is_inactive(&self, coding: &Coding<'_>) -> bool {
        let system = coding
            .system
            .and_then(|system| self.code_system(system, coding.version).ok());
        let concept = system.and_then(|system| system.concept(coding.code));
        concept.is_some_and(|concept| concept.inactive)
    }
}

fn in_known(component: &Component, system: &CodeSystem, code: &str, walk: &mut Walk) -> Membership {
    match system.place(code) {
        Some(at) => filtered(component, |filter| {
            walk.spend(1)?;
            walk.spend(filter.cost(system, at))?;
            filter.picks(system, at)
        }),
        None if system.content == Content::Complete => Membership::NotMember,
        None => Membership::Unknown(format!(
            "Of the code system {} only a part is loaded.",
            system.url
        )),
    }
}

fn filtered(
    component: &Component,
    mut picks: impl FnMut(&super::filter::Filter) -> Result<bool, String>,
) -> Membership {
    component
        .filters
        .iter()
        .fold(Membership::Member, |answer, filter| {
            answer.and(|| match picks(filter) {
                Ok(member) => Membership::of(member),
                Err(why) => Membership::Unknown(why),
            })
        })
}
