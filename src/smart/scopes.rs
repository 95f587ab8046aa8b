//! What a client asks for, and what of it may be granted: pure.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html>.

use std::fmt;

use super::{
    form::Fields,
    refusal::{Fault, Granted, Refusal},
};
use crate::fhir::scope::{Action, Actions, Form, Level, SCOPE_CHARS_MAX, Scope};

/// Most scopes of one request.
pub const SCOPES_MAX: usize = 500;

/// One thing that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// To use resources.
    Resources(Scope),
    /// To take part in the launch that it was started by.
    Launch,
    /// To be told a patient.
    LaunchPatient,
    /// To be told an encounter.
    LaunchEncounter,
    /// To be told who logged in.
    OpenId,
    /// To be told which resource that person is.
    FhirUser,
    /// The name that OpenID has for much the same.
    Profile,
    /// To go on while the person is logged in.
    Online,
    /// To go on after that.
    Offline,
    /// To look into tokens of other clients.
    Introspect,
    /// To launch others.
    MakeLaunch,
}

/// What is told by one word; SMART leaves names that begin with `__` to servers.
const WORDS: [(&str, Wish); 10] = [
    ("launch", Wish::Launch),
    ("launch/patient", Wish::LaunchPatient),
    ("launch/encounter", Wish::LaunchEncounter),
    ("openid", Wish::OpenId),
    ("fhirUser", Wish::FhirUser),
    ("profile", Wish::Profile),
    ("online_access", Wish::Online),
    ("offline_access", Wish::Offline),
    ("__introspect", Wish::Introspect),
    ("__launch", Wish::MakeLaunch),
];

impl Wish {
    /// Reads one; none, if it is none that is known here.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let of = |text: &str| WORDS.iter().find(|(word, _)| *word == text);
        match of(text).or_else(|| of(without_role(text)?)) {
            Some((_, wish)) => Some(wish.clone()),
            None => Scope::read(text).map(Self::Resources),
        }
    }

    /// Whether only a person can grant it.
    const fn needs_person(&self) -> bool {
        match self {
            Self::Resources(scope) => !matches!(scope.level, Level::System),
            Self::Introspect => false,
            _ => true,
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resources(scope) => scope.fmt(out),
            word => {
                let known = WORDS.iter().find(|(_, wish)| wish == word);
                out.write_str(known.map_or("", |(word, _)| word))
            }
        }
    }
}

/// The context that is asked for, of one that is asked for in a role: there are no roles here, and
/// who asks for one is told the context of the type.
fn without_role(text: &str) -> Option<&str> {
    let (context, role) = text.split_once("?role=")?;
    let is_one = !role.is_empty() && !role.contains(['&', '?', '=']);
    (is_one && context.starts_with("launch/")).then_some(context)
}

/// Who would act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// A person, by the client.
    Person,
    /// The client itself.
    Client,
}

/// What a request asks for. There is no scope that is meant where none is told (RFC 6749, section
/// 3.3).
///
/// # Errors
/// `InvalidScope`, if it asks for none; `InvalidRequest`, if it asks twice.
pub fn asked(fields: &Fields) -> Granted<&str> {
    let missing = Refusal::new(Fault::InvalidScope, "scope is missing.");
    fields.one("scope")?.ok_or(missing)
}

/// What a client asks for, as far as its registration allows it. What is not understood is left
/// out, and so grants nothing.
///
/// # Errors
/// `InvalidScope`, if there are too many, also of what they come to, or nothing remains.
pub fn allowed(asked: &str, registered: &[String], whom: For) -> Granted<Vec<Wish>> {
    let words: Vec<&str> = asked.split(' ').filter(|word| !word.is_empty()).collect();
    if words.len() > SCOPES_MAX {
        return Err(too_many());
    }
    let registered: Vec<Wish> = registered
        .iter()
        .filter_map(|one| Wish::read(one))
        .collect();
    let mut granted = Vec::new();
    for wish in words.into_iter().filter_map(Wish::read) {
        // A system launches for people, and a person launches for themselves.
        let is_anybodys = matches!(wish, Wish::Introspect | Wish::MakeLaunch);
        if wish.needs_person() == (whom == For::Client) && !is_anybodys {
            continue;
        }
        match wish {
            Wish::Resources(scope) => registered
                .iter()
                .filter_map(|one| both(&scope, one))
                // What cannot be read again would be told and grant nothing.
                .filter(|both| both.to_string().len() <= SCOPE_CHARS_MAX)
                .for_each(|scope| add(&mut granted, Wish::Resources(scope))),
            word if registered.contains(&word) => add(&mut granted, word),
            _ => {}
        }
        // Each one that is asked for is met with each that is registered.
        if granted.len() > SCOPES_MAX {
            return Err(too_many());
        }
    }
    if granted.is_empty() {
        return Err(nothing());
    }
    Ok(granted)
}

const fn too_many() -> Refusal {
    Refusal::new(Fault::InvalidScope, "A request has at most 500 scopes.")
}

/// That nothing remains to be granted.
#[must_use]
pub const fn nothing() -> Refusal {
    Refusal::new(
        Fault::InvalidScope,
        "None of the scopes asked for can be granted to this client.",
    )
}

fn both(scope: &Scope, registered: &Wish) -> Option<Scope> {
    match registered {
        Wish::Resources(own) if own.level == scope.level => meet(scope, own),
        _ => None,
    }
}

/// What both scopes allow, told in a form that says exactly that.
#[must_use]
pub fn meet(scope: &Scope, bound: &Scope) -> Option<Scope> {
    scope.and(bound).map(|mut both| {
        let words = [
            Actions::ALL,
            Actions::of(&[Action::Read, Action::Search]),
            Actions::of(&[Action::Create, Action::Update, Action::Delete]),
        ];
        // The words of SMART 1 say no less than this, and cannot be narrowed.
        if !words.contains(&both.actions) || !both.narrowed.is_empty() {
            both.form = Form::V2;
        }
        both
    })
}

/// Adds what is not there yet.
pub fn add(all: &mut Vec<Wish>, wish: Wish) {
    if !all.contains(&wish) {
        all.push(wish);
    }
}

/// Scopes as they are told: separated by spaces.
#[must_use]
pub fn told(wishes: &[Wish]) -> String {
    let words: Vec<String> = wishes.iter().map(ToString::to_string).collect();
    words.join(" ")
}

/// Scopes as they were told.
#[must_use]
pub fn read(told: &str) -> Vec<Wish> {
    told.split(' ').filter_map(Wish::read).collect()
}

/// Those about resources.
pub fn resources(wishes: &[Wish]) -> impl Iterator<Item = &Scope> {
    wishes.iter().filter_map(|wish| match wish {
        Wish::Resources(scope) => Some(scope),
        _ => None,
    })
}

/// Whether a patient has to be known.
#[must_use]
pub fn needs_patient(wishes: &[Wish]) -> bool {
    wishes.contains(&Wish::LaunchPatient)
        || resources(wishes).any(|scope| scope.level == Level::Patient)
}

/// Whether the first asks for nothing that the second does not allow, each word taken alone.
#[must_use]
pub fn is_within(asked: &[Wish], granted: &[Wish]) -> bool {
    asked.iter().all(|wish| match wish {
        Wish::Resources(scope) => resources(granted).any(|own| {
            own.level == scope.level
                && meet(scope, own).is_some_and(|both| {
                    both.actions == scope.actions
                        && both.kind == scope.kind
                        && both.narrowed == scope.narrowed
                })
        }),
        word => granted.contains(word),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn grant(asked: &str, own: &str, whom: For) -> String {
        allowed(asked, &registered(own), whom)
            .map_or_else(|refusal| refusal.fault.code().to_owned(), |all| told(&all))
    }

    #[test]
    fn never_more_than_registered() {
        for (asked, own, granted) in [
            (
                "patient/*.cruds",
                "patient/Observation.rs",
                "patient/Observation.rs",
            ),
            (
                "patient/Observation.rs patient/Observation.rs",
                "patient/*.rs",
                "patient/Observation.rs",
            ),
            ("user/Observation.rs", "patient/*.rs", "invalid_scope"),
            ("patient/Observation.rs", "user/*.rs", "invalid_scope"),
            (
                "patient/Observation.dus",
                "patient/*.cruds",
                "invalid_scope",
            ),
            ("patient/*.cruds?x", "patient/*.cruds", "invalid_scope"),
            ("launch openid", "openid", "openid"),
            (
                "patient/Patient.read",
                "patient/*.rs",
                "patient/Patient.read",
            ),
            ("patient/Patient.*", "patient/*.rs", "patient/Patient.read"),
            (
                "patient/Patient.write",
                "patient/*.cu patient/Patient.rs",
                "patient/Patient.cu",
            ),
            ("system/*.rs", "system/*.rs", "invalid_scope"),
            ("", "openid", "invalid_scope"),
        ] {
            assert_eq!(grant(asked, own, For::Person), granted, "{asked} of {own}");
        }
    }

    #[test]
    fn who_acts_for_itself_is_granted_nothing_of_a_persons() {
        let own =
            "system/*.rs user/*.rs patient/*.rs launch openid __introspect __launch offline_access";
        let asked = "system/Task.r user/Task.r patient/Task.r launch openid offline_access";
        assert_eq!(grant(asked, own, For::Client), "system/Task.r");
        assert_eq!(grant("__introspect", own, For::Client), "__introspect");
        assert_eq!(grant("__launch", own, For::Client), "__launch");
        assert_eq!(grant("__launch", own, For::Person), "__launch");
    }

    #[test]
    fn ten_thousand_scopes_are_too_many() {
        let asked = "patient/Task.r ".repeat(SCOPES_MAX + 1);
        assert_eq!(grant(&asked, "patient/*.rs", For::Person), "invalid_scope");
        let asked = "patient/Task.r ".repeat(SCOPES_MAX);
        assert_eq!(grant(&asked, "patient/*.rs", For::Person), "patient/Task.r");
    }

    #[test]
    fn what_meets_in_too_many_scopes_is_refused() {
        let each = |of: &str, count: usize| -> String {
            let all: Vec<String> = (0..count)
                .map(|at| format!("patient/Observation.rs?{of}={at}"))
                .collect();
            all.join(" ")
        };
        let own = each("code", 23);
        // Each is met with each: 22 by 23 are few enough, 22 more are not.
        let few = allowed(&each("status", 21), &registered(&own), For::Person);
        assert_eq!(few.map(|all| all.len()), Ok(21 * 23));
        assert_eq!(
            grant(&each("status", 22), &own, For::Person),
            "invalid_scope"
        );
    }

    #[test]
    fn what_is_told_can_be_read_again() {
        let of = |name: &str| format!("patient/Observation.rs?{name}={}", "x".repeat(300));
        assert_eq!(
            grant(&of("code"), &of("status"), For::Person),
            "invalid_scope"
        );
        let asked = format!("openid {}", of("code"));
        let own = format!("openid {}", of("status"));
        assert_eq!(grant(&asked, &own, For::Person), "openid");
        assert_eq!(grant(&of("code"), &of("code"), For::Person), of("code"));
    }

    #[test]
    fn a_role_of_a_context_that_is_not_known_brings_the_context() {
        for asked in [
            "launch/patient",
            "launch/patient?role=launch",
            "launch/patient?role=https://x.example/mother",
        ] {
            let own = "launch/patient launch/encounter";
            assert_eq!(grant(asked, own, For::Person), "launch/patient", "{asked}");
        }
        for none in [
            "launch/patient?role=",
            "launch/patient?x=y",
            "launch/patient?role",
            "launch?role=x",
            "openid?role=x",
            "launch/patient?role=a&role=b",
        ] {
            assert_eq!(Wish::read(none), None, "{none}");
        }
    }

    #[test]
    fn scopes_of_our_own_are_told_apart_by_two_underscores() {
        let smarts = [
            "launch",
            "launch/patient",
            "launch/encounter",
            "openid",
            "fhirUser",
            "profile",
            "online_access",
            "offline_access",
        ];
        for (word, _) in WORDS {
            assert!(smarts.contains(&word) || word.starts_with("__"), "{word}");
        }
    }

    #[test]
    fn a_narrower_wish_is_within_a_wider_grant_and_not_the_other_way() {
        let within = |asked: &str, granted: &str| is_within(&read(asked), &read(granted));
        assert!(within("patient/Task.r", "patient/Task.rs openid"));
        assert!(within("openid", "patient/Task.rs openid"));
        assert!(within("patient/Task.r?status=ready", "patient/Task.rs"));
        assert!(!within("patient/Task.r", "patient/Task.r?status=ready"));
        assert!(!within("patient/Task.rs", "patient/Task.r"));
        assert!(!within("patient/*.r", "patient/Task.r"));
        assert!(!within("user/Task.r", "patient/Task.r"));
        assert!(!within("offline_access", "patient/Task.r"));
    }

    #[test]
    fn what_is_told_is_read_again() {
        let told_once = "launch launch/patient openid fhirUser online_access patient/Task.rs";
        assert_eq!(told(&read(told_once)), told_once);
        for (word, wish) in WORDS {
            assert_eq!(Wish::read(word), Some(wish.clone()));
            assert_eq!(wish.to_string(), word);
        }
    }
}
