//! What each role may do at most: pure, read from `profiles/roles.json`.
//!
//! Roles are data. To change what somebody may do, change the file; to add a role, add it there.
//! A token never goes beyond the roles of its person: what it says is met with what they allow
//! ([`Role::bounded`]), one role at a time, because each role has a reach of its own.

use std::sync::LazyLock;

use serde_json::Value;

use crate::fhir::scope::{Level, Scope};

/// The table, as it comes with the program.
const TABLE: &str = include_str!("../../profiles/roles.json");

static ROLES: LazyLock<Vec<Role>> = LazyLock::new(|| read(TABLE).unwrap_or_default());

/// Which patients a role reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The patient whose account it is.
    Own,
    /// The patient for whom the RelatedPerson of the account stands.
    Represented,
    /// Those in the care of the person, of their organisations and of the teams that they are in.
    Care,
    /// None.
    Nobody,
}

/// What becomes of a role that is held in an Organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// It reaches what [`Whose`] says.
    Same,
    /// It writes the pathways that the Organization or a part of it offers, and no others.
    Own,
    /// It is of the region, and is not held in one.
    Never,
}

/// What somebody proves beside a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactor {
    /// The code of an authenticator (RFC 6238).
    Totp,
    /// A code that is sent to an address of theirs.
    Code,
}

/// One role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name, such as `professional`.
    pub name: String,
    /// Kinds of accounts that can have it.
    pub accounts: Vec<String>,
    /// What is proved beside a password.
    pub second_factor: SecondFactor,
    /// Which patients it reaches.
    pub whose: Whose,
    /// What becomes of it in an Organization.
    pub within: Within,
    /// Marks that it reaches beside them, such as `@professional`.
    pub marks: Vec<String>,
    /// What it sees people's data for: codes of PurposeOfUse. A Consent may deny some of them.
    pub purposes: Vec<String>,
    /// Operations that it may call: `CarePlan/$stop`, or `$meta` where it belongs to no type.
    pub operations: Vec<String>,
    /// What it may do at most.
    pub ceiling: Vec<Scope>,
}

impl Role {
    /// What a token's scope allows to who has this role.
    ///
    /// A line of the level `user` bounds both levels of people; one of the level `patient` bounds
    /// only a launch with a patient. The level `system` is no person's.
    #[must_use]
    pub fn bounded(&self, scope: &Scope) -> Vec<Scope> {
        let bounds = |line: &&Scope| match scope.level {
            Level::System => false,
            Level::User => line.level == Level::User,
            Level::Patient => true,
        };
        let lines = self.ceiling.iter().filter(bounds);
        lines.filter_map(|line| scope.and(line)).collect()
    }

    /// Whether it may call the operation of this type and name; the name is without `$`.
    #[must_use]
    pub fn may_call(&self, kind: Option<&str>, name: &str) -> bool {
        let called = kind.map_or_else(|| format!("${name}"), |kind| format!("{kind}/${name}"));
        self.operations.contains(&called)
    }
}

/// All roles, in the order of the file.
#[must_use]
pub fn all() -> &'static [Role] {
    &ROLES
}

/// The role of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Role> {
    ROLES.iter().find(|role| role.name == name)
}

/// The roles of these names; a name that is none is left out, and so grants nothing.
pub fn of<S: AsRef<str>>(names: &[S]) -> impl Iterator<Item = &'static Role> + '_ {
    names.iter().filter_map(|name| named(name.as_ref()))
}

/// What these roles may do at most, taken together.
#[must_use]
pub fn ceiling<S: AsRef<str>>(names: &[S]) -> Vec<Scope> {
    let mut all: Vec<Scope> = Vec::new();
    for scope in of(names).flat_map(|role| &role.ceiling) {
        if !all.contains(scope) {
            all.push(scope.clone());
        }
    }
    all
}

/// What a token's scope allows to who has these roles; none of it, if no role allows any.
#[must_use]
pub fn bounded<S: AsRef<str>>(names: &[S], scope: &Scope) -> Vec<Scope> {
    let mut all: Vec<Scope> = Vec::new();
    for part in of(names).flat_map(|role| role.bounded(scope)) {
        if !all.contains(&part) {
            all.push(part);
        }
    }
    all
}

/// Whether one of these roles may call the operation of this type and name, without `$`.
#[must_use]
pub fn may_call<S: AsRef<str>>(names: &[S], kind: Option<&str>, name: &str) -> bool {
    of(names).any(|role| role.may_call(kind, name))
}

/// Reads a table; none, if anything in it is not understood, for half a table of roles is none.
fn read(text: &str) -> Option<Vec<Role>> {
    let table: Value = serde_json::from_str(text).ok()?;
    table["roles"].as_array()?.iter().map(role).collect()
}

fn role(line: &Value) -> Option<Role> {
    let ceiling: Option<Vec<Scope>> = texts(&line["scopes"])?
        .iter()
        .map(|text| Scope::read(text).filter(|scope| scope.level != Level::System))
        .collect();
    Some(Role {
        name: line["name"].as_str()?.to_owned(),
        accounts: texts(&line["accounts"])?,
        second_factor: match line["secondFactor"].as_str()? {
            "totp" => SecondFactor::Totp,
            "code" => SecondFactor::Code,
            _ => return None,
        },
        whose: match line["reach"].as_str()? {
            "own" => Whose::Own,
            "represented" => Whose::Represented,
            "care" => Whose::Care,
            "nobody" => Whose::Nobody,
            _ => return None,
        },
        within: match line["inOrganization"].as_str() {
            None if line["inOrganization"].is_null() => Within::Same,
            Some("own") => Within::Own,
            Some("never") => Within::Never,
            _ => return None,
        },
        marks: texts(&line["marks"])?,
        purposes: texts(&line["purposes"])?,
        operations: texts(&line["operations"])?,
        ceiling: ceiling?,
    })
}

fn texts(list: &Value) -> Option<Vec<String>> {
    let texts = list.as_array()?.iter();
    texts.map(|text| text.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fhir::{definitions::ResourceType, scope::Action};

    fn allows(name: &str, kind: &str, action: Action) -> bool {
        let kind = ResourceType::named(kind).unwrap();
        ceiling(&[name]).iter().any(|one| one.allows(kind, action))
    }

    #[test]
    fn the_table_is_read_as_a_whole() {
        let names: Vec<&str> = all().iter().map(|role| role.name.as_str()).collect();
        let expected = [
            "patient",
            "proxy",
            "professional",
            "coordinator",
            "agent",
            "author",
            "administrator",
            "auditor",
        ];
        assert_eq!(names, expected);
        let table: Value = serde_json::from_str(TABLE).unwrap();
        let broken = table
            .to_string()
            .replace("user/Patient.rs", "user/Patient.sr");
        assert_eq!(read(&broken), None);
        let system = table
            .to_string()
            .replace("user/Patient.rs", "system/Patient.rs");
        assert_eq!(read(&system), None);
        let reach = table
            .to_string()
            .replace("\"represented\"", "\"everything\"");
        assert_eq!(read(&reach), None);
    }

    #[test]
    fn who_sees_what_everybody_does_is_of_the_region() {
        let within = |name: &str| named(name).unwrap().within;
        assert_eq!(within("administrator"), Within::Never);
        assert_eq!(within("author"), Within::Own);
        // The mark of an auditor says of which Organization they are (`super::reach`).
        for name in [
            "patient",
            "proxy",
            "professional",
            "coordinator",
            "agent",
            "auditor",
        ] {
            assert_eq!(within(name), Within::Same, "{name}");
        }
        let broken = TABLE.replace("\"never\"", "\"sometimes\"");
        assert_eq!(read(&broken), None);
    }

    #[test]
    fn each_line_stands_once_and_is_narrowed_by_nothing() {
        for role in all() {
            let kinds: BTreeSet<_> = role.ceiling.iter().map(|line| line.kind).collect();
            assert_eq!(kinds.len(), role.ceiling.len(), "{}", role.name);
            assert!(!kinds.contains(&None), "{}: types are named", role.name);
            let calls: BTreeSet<_> = role.operations.iter().collect();
            assert_eq!(calls.len(), role.operations.len(), "{}", role.name);
            assert!(role.operations.iter().all(|name| name.contains('$')));
        }
    }

    #[test]
    fn who_reaches_no_patient_has_no_scope_for_what_is_about_patients() {
        for name in ["author", "administrator", "auditor"] {
            assert_eq!(named(name).unwrap().whose, Whose::Nobody);
            for kind in [
                "Patient",
                "Observation",
                "QuestionnaireResponse",
                "Task",
                "Flag",
            ] {
                assert!(!allows(name, kind, Action::Read), "{name} {kind}");
            }
        }
        for role in all().iter().filter(|role| role.name != "auditor") {
            assert!(!allows(&role.name, "AuditEvent", Action::Read));
        }
        for role in all() {
            assert!(!allows(&role.name, "AuditEvent", Action::Create));
        }
    }

    #[test]
    fn nobody_deletes_what_is_about_patients_and_patients_write_only_what_they_say() {
        for role in all().iter().filter(|role| role.whose != Whose::Nobody) {
            let deletes = |line: &&Scope| line.actions.has(Action::Delete);
            assert_eq!(role.ceiling.iter().find(deletes), None, "{}", role.name);
        }
        for name in ["patient", "proxy"] {
            let writes = named(name).unwrap().ceiling.iter().filter(|line| {
                line.actions.has(Action::Create) || line.actions.has(Action::Update)
            });
            let kinds: Vec<&str> = writes.map(|line| line.kind.unwrap().name()).collect();
            assert_eq!(
                kinds,
                ["Communication", "Observation", "QuestionnaireResponse"],
                "{name}"
            );
        }
    }

    #[test]
    fn a_token_never_goes_beyond_the_role() {
        let bound = |names: &[&str], text: &str| -> Vec<String> {
            let scope = Scope::read(text).unwrap();
            let parts = bounded(names, &scope);
            parts.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            bound(&["patient"], "patient/Observation.cruds"),
            ["patient/Observation.crs"]
        );
        assert_eq!(
            bound(&["patient"], "user/Observation.rs?category=a"),
            ["user/Observation.rs?category=a"]
        );
        assert_eq!(bound(&["patient"], "user/Observation.ud"), [""; 0]);
        assert_eq!(bound(&["professional"], "system/Observation.rs"), [""; 0]);
        assert_eq!(bound(&["nobody-is-this"], "user/*.cruds"), [""; 0]);
        assert_eq!(bound(&[], "user/*.cruds"), [""; 0]);
        assert_eq!(bound(&["auditor"], "user/*.cruds").len(), 7);
        assert_eq!(
            bound(&["patient", "author"], "user/Questionnaire.cruds"),
            ["user/Questionnaire.rs", "user/Questionnaire.crus"]
        );
    }

    #[test]
    fn a_line_for_patients_bounds_only_launches_with_one() {
        let mut role = named("patient").unwrap().clone();
        role.ceiling = vec![Scope::read("patient/Flag.rs").unwrap()];
        let of = |text: &str| role.bounded(&Scope::read(text).unwrap()).len();
        assert_eq!(of("patient/Flag.r"), 1);
        assert_eq!(of("user/Flag.r"), 0);
        assert_eq!(of("system/Flag.r"), 0);
    }

    #[test]
    fn operations_are_called_by_role() {
        assert!(may_call(&["professional"], Some("PlanDefinition"), "apply"));
        assert!(!may_call(&["patient"], Some("PlanDefinition"), "apply"));
        assert!(may_call(&["patient"], Some("CarePlan"), "stop"));
        assert!(!may_call(&["proxy"], Some("CarePlan"), "stop"));
        assert!(may_call(&["patient", "administrator"], None, "reindex"));
        assert!(!may_call(&["auditor"], None, "meta"));
        assert!(!may_call(&[""; 0], None, "meta"));
    }

    #[test]
    fn people_prove_more_than_a_password() {
        for role in all() {
            let by_mail = role.second_factor == SecondFactor::Code;
            assert_eq!(by_mail, ["patient", "proxy"].contains(&role.name.as_str()));
        }
    }
}
