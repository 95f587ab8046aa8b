//! What a token may do, as SMART's scopes say it: pure.
//!
//! A scope is `(patient|user|system)/(Type|*).` and the letters of its interactions, in their
//! order, with an optional query that narrows it: `patient/Observation.rs?category=laboratory`.
//! What is not exactly so is no scope and grants nothing. The forms of SMART 1 (`.read`, `.write`,
//! `.*`) are read as what they mean in SMART 2.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html>.

use std::fmt;

use super::definitions::ResourceType;

/// Most characters of one scope.
pub const SCOPE_CHARS_MAX: usize = 512;

/// Whose data a scope is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The one patient of the launch.
    Patient,
    /// What the person who logged in may see.
    User,
    /// What the client itself may see.
    System,
}

/// What can be done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// `c`: a new resource.
    Create,
    /// `r`: read, vread and the history of one resource.
    Read,
    /// `u`: update and patch, and the creation under an id of one's own.
    Update,
    /// `d`: delete.
    Delete,
    /// `s`: search, and the histories of a type and of the system.
    Search,
}

impl Action {
    /// All, in the order of their letters.
    pub const ALL: [Self; 5] = [
        Self::Create,
        Self::Read,
        Self::Update,
        Self::Delete,
        Self::Search,
    ];

    /// The letter.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Create => 'c',
            Self::Read => 'r',
            Self::Update => 'u',
            Self::Delete => 'd',
            Self::Search => 's',
        }
    }
}

/// A set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Actions(u8);

impl Actions {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every one.
    pub const ALL: Self = Self(0b1_1111);

    /// These.
    #[must_use]
    pub fn of(actions: &[Action]) -> Self {
        actions
            .iter()
            .fold(Self::NONE, |all, action| Self(all.0 | 1 << *action as u8))
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The letters of SMART 2: each at most once, in their order, at least one.
    fn of_letters(text: &str) -> Option<Self> {
        let mut rest = Action::ALL.as_slice();
        let mut actions = Self::NONE;
        for letter in text.chars() {
            let at = rest.iter().position(|one| one.letter() == letter)?;
            actions = Self(actions.0 | 1 << rest[at] as u8);
            rest = &rest[at + 1..];
        }
        (!actions.is_none()).then_some(actions)
    }
}

/// Which form a scope was written in; it is told back in the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `.read`, `.write`, `.*`.
    V1,
    /// `.cruds`.
    V2,
}

/// One scope for resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Whose data.
    pub level: Level,
    /// Which type; none: every one.
    pub kind: Option<ResourceType>,
    /// What may be done.
    pub actions: Actions,
    /// Only resources that satisfy these search parameters: names and values.
    pub narrowed: Vec<(String, String)>,
    /// How it was written.
    pub form: Form,
}

impl Scope {
    /// Reads a scope; none, if it is not exactly one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > SCOPE_CHARS_MAX {
            return None;
        }
        let (level, rest) = text.split_once('/')?;
        let level = match level {
            "patient" => Level::Patient,
            "user" => Level::User,
            "system" => Level::System,
            _ => return None,
        };
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (kind, letters) = rest.split_once('.')?;
        let kind = match kind {
            "*" => None,
            name => Some(ResourceType::named(name)?),
        };
        let (actions, form) = match letters {
            "read" => (Actions::of_letters("rs")?, Form::V1),
            "write" => (Actions::of_letters("cud")?, Form::V1),
            "*" => (Actions::ALL, Form::V1),
            letters => (Actions::of_letters(letters)?, Form::V2),
        };
        let narrowed = match query {
            None => Vec::new(),
            // What narrows needs a type to look its parameters up in.
            Some(_) if kind.is_none() || form == Form::V1 => return None,
            Some(query) => narrowing(query)?,
        };
        Some(Self {
            level,
            kind,
            actions,
            narrowed,
            form,
        })
    }

    /// What both allow, about the data that this one is about; none, if that is nothing.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        let kind = match (self.kind, other.kind) {
            (Some(one), Some(two)) if one != two => return None,
            (one, two) => one.or(two),
        };
        let actions = self.actions.and(other.actions);
        if actions.is_none() {
            return None;
        }
        let mut narrowed = self.narrowed.clone();
        for pair in &other.narrowed {
            if !narrowed.contains(pair) {
                narrowed.push(pair.clone());
            }
        }
        Some(Self {
            level: self.level,
            kind,
            actions,
            narrowed,
            form: self.form,
        })
    }

    /// Whether it allows this, where nothing else narrows it.
    #[must_use]
    pub fn allows(&self, kind: ResourceType, action: Action) -> bool {
        self.kind.is_none_or(|own| own == kind) && self.actions.has(action)
    }
}

/// Names and values of a scope's query: plain parameters, without modifiers, chains or results.
fn narrowing(query: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=')?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || value.is_empty() || !name.chars().all(is_plain) {
            return None;
        }
        pairs.push((name.to_owned(), value.to_owned()));
    }
    Some(pairs)
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Patient => "patient",
            Level::User => "user",
            Level::System => "system",
        };
        let kind = self.kind.map_or("*", ResourceType::name);
        write!(out, "{level}/{kind}.")?;
        if self.form == Form::V1 {
            let read = Actions::of(&[Action::Read, Action::Search]);
            return out.write_str(if self.actions == Actions::ALL {
                "*"
            } else if self.actions == read {
                "read"
            } else {
                "write"
            });
        }
        for action in Action::ALL {
            if self.actions.has(action) {
                write!(out, "{}", action.letter())?;
            }
        }
        for (at, (name, value)) in self.narrowed.iter().enumerate() {
            write!(out, "{}{name}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(text: &str) -> Option<String> {
        let scope = Scope::read(text)?;
        let allowed = Action::ALL
            .into_iter()
            .filter(|one| scope.actions.has(*one));
        Some(allowed.map(Action::letter).collect())
    }

    #[test]
    fn both_forms_are_read_and_told_back() {
        for (text, letters) in [
            ("patient/Observation.rs", "rs"),
            ("user/*.cruds", "cruds"),
            ("system/Patient.c", "c"),
            (
                "patient/Observation.rs?category=http://x|lab&status=final",
                "rs",
            ),
            ("patient/Patient.read", "rs"),
            ("patient/Patient.write", "cud"),
            ("user/*.*", "cruds"),
        ] {
            assert_eq!(actions(text).as_deref(), Some(letters), "{text}");
            assert_eq!(Scope::read(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_exactly_a_scope_grants_nothing() {
        for text in [
            "",
            "patient/",
            "patient/Observation",
            "patient/Observation.",
            "patient/Observation.x",
            "patient/Observation.dus",
            "patient/Observation.sr",
            "patient/Observation.rr",
            "patient/Observation.reads",
            "patient/Observation.READ",
            "Patient/Observation.r",
            "patients/Observation.r",
            "patient/observation.r",
            "patient/Observations.r",
            "patient/Obsеrvation.r",
            "patient/Observation.r?",
            "patient/Observation.r?category",
            "patient/Observation.r?category=",
            "patient/Observation.r?=x",
            "patient/Observation.r?code:not=x",
            "patient/Observation.r?subject.name=x",
            "patient/*.r?category=x",
            "patient/Observation.read?category=x",
            "patient/Observation.r&x=y",
            " patient/Observation.r",
            "patient/Observation.r ",
            "patient/../Observation.r",
        ] {
            assert_eq!(Scope::read(text), None, "{text:?}");
        }
        let long = format!("patient/Observation.r?code={}", "x".repeat(SCOPE_CHARS_MAX));
        assert_eq!(Scope::read(&long), None);
    }

    #[test]
    fn two_scopes_allow_what_both_do() {
        let and = |one: &str, two: &str| {
            let both = Scope::read(one).unwrap().and(&Scope::read(two).unwrap())?;
            Some(both.to_string())
        };
        for (one, two, both) in [
            ("patient/*.cruds", "user/Task.ru", Some("patient/Task.ru")),
            ("patient/Task.rs", "user/*.cruds", Some("patient/Task.rs")),
            ("user/Task.c", "user/Task.rs", None),
            ("user/Task.r", "user/Flag.r", None),
            (
                "user/Observation.rs?category=a",
                "user/Observation.rs?status=final",
                Some("user/Observation.rs?category=a&status=final"),
            ),
        ] {
            assert_eq!(and(one, two).as_deref(), both, "{one} {two}");
        }
    }
}
