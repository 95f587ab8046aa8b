//! Who asks, what they may do and whose data is theirs.

use std::collections::BTreeMap;

use serde_json::Value;

/// The table of roles, read anew and not by the code that it is held against.
const ROLES: &str = include_str!("../../../profiles/roles.json");

/// Whose a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The patient whom most of the cast has to do with; followed by the first establishment and by
    /// the agency.
    Own,
    /// A patient of the other establishment.
    Other,
    /// Both of them.
    Both,
    /// Everybody: terms, forms, the directory.
    Shared,
    /// Nobody whom anybody could reach.
    Nobody,
}

use Owner::{Both, Nobody, Other, Own, Shared};

impl Owner {
    /// All of them.
    pub const ALL: [Self; 5] = [Own, Other, Both, Shared, Nobody];

    /// As ids and canaries have it.
    pub const fn word(self) -> &'static str {
        match self {
            Own => "own",
            Other => "other",
            Both => "both",
            Shared => "shared",
            Nobody => "nobody",
        }
    }
}

/// How somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// They show none.
    None,
    /// One that is good.
    Good,
    /// One whose time is over.
    Expired,
    /// One that was revoked.
    Revoked,
}

/// Somebody who asks.
#[derive(Debug, Clone, Copy)]
pub struct Who {
    /// As the tests name them.
    pub name: &'static str,
    /// Their role; none for a client that acts for itself.
    pub role: Option<&'static str>,
    /// What their token says.
    pub scopes: &'static str,
    /// The patient of the launch.
    pub launched: Option<Owner>,
    /// Logical ids and marks that are theirs, beside those of their role.
    pub marks: &'static [&'static str],
    /// By whom they have patients in their care.
    pub seeds: &'static [&'static str],
    /// The establishments that a client is registered with.
    pub organizations: &'static [&'static str],
    /// Whose data is theirs.
    pub reaches: &'static [Owner],
    /// How they are known.
    pub token: Token,
    /// Whether their account is alive.
    pub alive: bool,
}

const EVERYBODY: Who = Who {
    name: "anonymous",
    role: None,
    scopes: "",
    launched: None,
    marks: &[],
    seeds: &[],
    organizations: &[],
    reaches: &[Shared],
    token: Token::Good,
    alive: true,
};

const PATIENT: Who = Who {
    role: Some("patient"),
    scopes: "patient/*.cruds user/*.cruds",
    launched: Some(Own),
    marks: &["own"],
    reaches: &[Own, Shared],
    ..EVERYBODY
};

const PROFESSIONAL: Who = Who {
    role: Some("professional"),
    scopes: "user/*.cruds",
    seeds: &["Practitioner/near", "Organization/near"],
    reaches: &[Own, Shared],
    ..EVERYBODY
};

/// Everybody who asks.
pub static CAST: &[Who] = &[
    Who {
        token: Token::None,
        ..EVERYBODY
    },
    Who {
        name: "patient",
        ..PATIENT
    },
    Who {
        name: "proxy",
        role: Some("proxy"),
        ..PATIENT
    },
    Who {
        name: "professional",
        ..PROFESSIONAL
    },
    Who {
        name: "professional_elsewhere",
        seeds: &["Practitioner/far", "Organization/far"],
        reaches: &[Other, Shared],
        ..PROFESSIONAL
    },
    Who {
        name: "coordinator",
        role: Some("coordinator"),
        ..PROFESSIONAL
    },
    Who {
        name: "agent",
        role: Some("agent"),
        seeds: &["Organization/agency"],
        ..PROFESSIONAL
    },
    Who {
        name: "author",
        role: Some("author"),
        seeds: &[],
        reaches: &[Shared],
        ..PROFESSIONAL
    },
    Who {
        name: "administrator",
        role: Some("administrator"),
        seeds: &[],
        reaches: &[Shared],
        ..PROFESSIONAL
    },
    Who {
        name: "auditor",
        role: Some("auditor"),
        seeds: &[],
        reaches: &[Shared],
        ..PROFESSIONAL
    },
    Who {
        name: "backend",
        scopes: "system/*.cruds",
        reaches: &[Own, Other, Both, Shared, Nobody],
        ..EVERYBODY
    },
    Who {
        name: "backend_of_an_organization",
        scopes: "system/*.cruds",
        organizations: &["Organization/near"],
        reaches: &[Own, Shared],
        ..EVERYBODY
    },
    Who {
        name: "narrow_app",
        scopes: "patient/Observation.rs patient/Patient.r patient/Task.c user/Flag.s system/*.cruds",
        ..PATIENT
    },
    Who {
        // A scope for the launch's patient, and no launch: nothing.
        name: "app_without_patient",
        scopes: "patient/*.cruds",
        launched: None,
        reaches: &[],
        ..PROFESSIONAL
    },
    Who {
        // The launch's patient is nobody whom they have in their care, or no longer.
        name: "patient_no_longer_reached",
        scopes: "patient/*.cruds",
        launched: Some(Other),
        reaches: &[],
        ..PROFESSIONAL
    },
    Who {
        name: "expired",
        token: Token::Expired,
        ..PROFESSIONAL
    },
    Who {
        name: "revoked",
        token: Token::Revoked,
        ..PROFESSIONAL
    },
    Who {
        name: "locked",
        alive: false,
        ..PROFESSIONAL
    },
];

/// For each role and type, the letters of what may be done.
pub fn roles() -> BTreeMap<String, BTreeMap<String, String>> {
    let table: Value = serde_json::from_str(ROLES).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let role = |role: &Value| {
        let lines = role["scopes"].as_array().unwrap().iter().map(text);
        let letters = lines.map(|line| {
            let (_, rest) = line.split_once('/').unwrap();
            let (kind, letters) = rest.split_once('.').unwrap();
            (kind.to_owned(), letters.to_owned())
        });
        (text(&role["name"]), letters.collect())
    };
    table["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(role)
        .collect()
}

/// Marks that a role has, as the table says.
pub fn marks_of(role: &str) -> Vec<String> {
    let table: Value = serde_json::from_str(ROLES).unwrap();
    let mut all = table["roles"].as_array().unwrap().iter();
    let role = all.find(|one| one["name"] == role).unwrap();
    let marks = role["marks"].as_array().unwrap().iter();
    marks
        .map(|mark| mark.as_str().unwrap().to_owned())
        .collect()
}

/// The operations that a role may call.
pub fn operations_of(role: &str) -> Vec<String> {
    let table: Value = serde_json::from_str(ROLES).unwrap();
    let mut all = table["roles"].as_array().unwrap().iter();
    let role = all.find(|one| one["name"] == role).unwrap();
    let all = role["operations"].as_array().unwrap().iter();
    all.map(|name| name.as_str().unwrap().to_owned()).collect()
}

impl Who {
    /// Somebody of the cast.
    pub fn named(name: &str) -> Self {
        *CAST.iter().find(|who| who.name == name).unwrap()
    }

    /// Whether they are let in at all.
    pub fn is_known(&self) -> bool {
        self.token == Token::Good && self.alive
    }

    /// The token that they show.
    pub fn bearer(&self) -> Option<String> {
        (self.token != Token::None).then(|| format!("vgt_{:a<43}", self.name.replace('_', "-")))
    }

    /// Letters of what they may do to resources of a type, whoever's they are.
    pub fn letters(&self, kind: &str) -> String {
        if !self.is_known() {
            return String::new();
        }
        let ceiling = match self.role {
            None => "cruds".to_owned(),
            Some(role) => roles()[role].get(kind).cloned().unwrap_or_default(),
        };
        let level = if self.role.is_none() { "system" } else { "" };
        let may = |letter: char| {
            self.scopes.split(' ').any(|scope| {
                let (own, rest) = scope.split_once('/').unwrap();
                let (of, letters) = rest.split_once('.').unwrap();
                let counts = if level.is_empty() {
                    own == "user" || own == "patient" && self.reaches.contains(&Shared)
                } else {
                    own == level
                };
                counts && (of == "*" || of == kind) && letters.contains(letter)
            })
        };
        ceiling.chars().filter(|letter| may(*letter)).collect()
    }

    /// Whether they write somebody's data: a program of an establishment writes nothing that is
    /// everybody's.
    pub fn writes(&self, owner: Owner) -> bool {
        self.reaches(owner) && (owner != Shared || self.organizations.is_empty())
    }

    /// Whether somebody's data is theirs.
    pub fn reaches(&self, owner: Owner) -> bool {
        self.is_known() && self.reaches.contains(&owner)
    }
}
