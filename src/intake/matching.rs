//! Whether two people are one: pure.
//!
//! Names are compared without case, accents and punctuation, and with family and given name the
//! other way round; dates of birth also with day and month the other way round. Nobody is merged:
//! who decides is told what speaks for it.
//!
//! Specification: <http://hl7.org/fhir/R4/patient-operation-match.html>,
//! <http://hl7.org/fhir/R4/extension-match-grade.html>.

use serde_json::Value;

use super::cell;
use crate::fhir::search::text::fold;

/// The system of the French national health identity number (NIR).
pub const INS: &str = "urn:oid:1.2.250.1.213.1.4.8";

/// How sure it is that two are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Something speaks for it.
    Possible,
    /// Much speaks for it: a person must decide.
    Probable,
    /// They share an identifier, or name, date of birth and a way to be reached.
    Certain,
}

impl Grade {
    /// The code of the extension `match-grade`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Probable => "probable",
            Self::Certain => "certain",
        }
    }
}

/// What two people have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// How sure it is.
    pub grade: Grade,
    /// The same as a number from 0 to 1, for the order.
    pub score: f64,
}

impl Likeness {
    const fn of(grade: Grade, score: f64) -> Self {
        Self { grade, score }
    }
}

/// What somebody is recognised by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Systems and values.
    pub identifiers: Vec<(String, String)>,
    /// Family and given name, letters alone.
    pub names: Vec<(String, String)>,
    /// `YYYY-MM-DD`, or less of it.
    pub birth: Option<String>,
    /// Telephone numbers and e-mail addresses, each written in one way.
    pub contacts: Vec<String>,
}

impl Identity {
    /// Reads a Patient.
    #[must_use]
    pub fn of(patient: &Value) -> Self {
        let list = |name: &str| patient[name].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let identifiers = list("identifier")
            .filter(|one| one["value"].is_string())
            .map(|one| (text(&one["system"]), text(&one["value"])))
            .collect();
        let names = list("name").map(name_of).collect();
        let contacts = list("telecom")
            .filter_map(|one| contact(one["system"].as_str()?, one["value"].as_str()?))
            .collect();
        Self {
            identifiers,
            names,
            birth: patient["birthDate"].as_str().map(str::to_owned),
            contacts,
        }
    }

    /// The number that only one person has.
    fn ins(&self) -> Option<&str> {
        let mut all = self.identifiers.iter();
        all.find(|(system, _)| system == INS)
            .map(|(_, value)| value.as_str())
    }

    /// What this and another have in common; none if nothing, or if they cannot be one.
    #[must_use]
    pub fn likeness(&self, other: &Self) -> Option<Likeness> {
        if self
            .identifiers
            .iter()
            .any(|one| other.identifiers.contains(one))
        {
            return Some(Likeness::of(Grade::Certain, 1.0));
        }
        if let (Some(mine), Some(theirs)) = (self.ins(), other.ins())
            && mine != theirs
        {
            return None;
        }
        let reached = self.contacts.iter().any(|one| other.contacts.contains(one));
        grade(
            self.name_likeness(other),
            self.birth_likeness(other),
            reached,
        )
    }

    /// Whether two who share an identifier are different people all the same: one of the two has
    /// it by mistake.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        let birth = self.birth_likeness(other);
        self.name_likeness(other) == Name::Other && birth != Birth::Same
            || self.name_likeness(other) != Name::Same && birth == Birth::Other
    }

    fn name_likeness(&self, other: &Self) -> Name {
        let pairs = self
            .names
            .iter()
            .flat_map(|mine| other.names.iter().map(move |theirs| (mine, theirs)));
        pairs
            .map(|(mine, theirs)| compare_names(mine, theirs))
            .max()
            .unwrap_or(Name::Other)
    }

    fn birth_likeness(&self, other: &Self) -> Birth {
        let (Some(mine), Some(theirs)) = (&self.birth, &other.birth) else {
            return Birth::Unknown;
        };
        if mine == theirs {
            Birth::Same
        } else if transposed(mine).as_ref() == Some(theirs) {
            Birth::Transposed
        } else {
            Birth::Other
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Other,
    Close,
    Same,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Birth {
    Unknown,
    Other,
    Transposed,
    Same,
}

fn grade(name: Name, birth: Birth, reached: bool) -> Option<Likeness> {
    use Grade::{Certain, Possible, Probable};
    let (grade, score) = match (name, birth, reached) {
        (Name::Same, Birth::Same, true) => (Certain, 0.99),
        (Name::Same, Birth::Same, false) => (Probable, 0.9),
        (Name::Same, Birth::Transposed, true) => (Probable, 0.88),
        (Name::Close, Birth::Same, true) => (Probable, 0.85),
        (Name::Same, Birth::Transposed, false) => (Probable, 0.8),
        (Name::Same, Birth::Unknown, true) => (Probable, 0.75),
        (Name::Close, Birth::Same, false) => (Possible, 0.6),
        // A parent and a child may share their name and their address.
        (Name::Same, Birth::Other, true) => (Possible, 0.5),
        // Twins, or a name that has changed.
        (Name::Other, Birth::Same, true) => (Possible, 0.5),
        (Name::Close, Birth::Transposed | Birth::Unknown, true) => (Possible, 0.45),
        (Name::Same, Birth::Unknown, false) => (Possible, 0.4),
        (_, _, true) => (Possible, 0.2),
        _ => return None,
    };
    Some(Likeness::of(grade, score))
}

fn name_of(name: &Value) -> (String, String) {
    let given = name["given"].as_array().into_iter().flatten();
    let first = given.filter_map(Value::as_str).next().unwrap_or_default();
    (
        letters(name["family"].as_str().unwrap_or_default()),
        letters(first),
    )
}

/// The letters of a name, folded.
#[must_use]
pub fn letters(name: &str) -> String {
    fold(name).chars().filter(|c| c.is_alphanumeric()).collect()
}

fn compare_names(mine: &(String, String), theirs: &(String, String)) -> Name {
    if mine.0.is_empty() || mine.1.is_empty() {
        return Name::Other;
    }
    let turned = (&theirs.1, &theirs.0);
    let ((family, given), straight) = ((&mine.0, &mine.1), (&theirs.0, &theirs.1));
    if (family, given) == straight || (family, given) == turned {
        return Name::Same;
    }
    let near = |(a, b): (&String, &String)| is_close(family, a) && is_close(given, b);
    if near(straight) || near(turned) {
        Name::Close
    } else {
        Name::Other
    }
}

/// Whether two words are one but for a letter left out, put in, or another.
fn is_close(one: &str, other: &str) -> bool {
    const SHORTEST: usize = 3;
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (short, long) = if one.len() <= other.len() {
        (one, other)
    } else {
        (other, one)
    };
    if short == long {
        return true;
    }
    if short.len() < SHORTEST || long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(&long).take_while(|(a, b)| a == b).count();
    let rest = if short.len() == long.len() {
        &short[same + 1..]
    } else {
        &short[same..]
    };
    *rest == long[same + 1..]
}

/// The same date with day and month the other way round, where that is a date.
#[must_use]
pub fn transposed(date: &str) -> Option<String> {
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let turned = format!("{year}-{day}-{month}");
    turned.parse::<jiff::civil::Date>().ok()?;
    (month != day).then_some(turned)
}

/// A telephone number or an e-mail address, written in one way.
fn contact(system: &str, value: &str) -> Option<String> {
    match system {
        "email" => Some(value.trim().to_lowercase()),
        "phone" | "sms" => Some(cell::phone(value).unwrap_or_else(|_| value.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
