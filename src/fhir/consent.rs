//! Whom a Consent keeps from its patient's data: pure.
//!
//! Each provision that denies is a [`Rule`]: who is kept out, who is excepted, for what purposes, and
//! when. What cannot be decided here makes a rule wider, never narrower:
//!
//! - A provision without an `actor` is about everybody, and so is an actor who cannot be told
//!   (contained, by a name alone, a Group); a denial within a permission is about whom that names.
//! - `class`, `code`, `data`, `dataPeriod`, `securityLabel` and `action` limit nothing: what is
//!   denied in part is denied. A permission that has one of them, or a purpose or a time, excepts
//!   nobody.
//! - A purpose limits a denial if the request is known to be for others ([`PURPOSE`]); a period does.
//!
//! R4 calls the outermost provision an exception to the base policy, and gives it no type: with
//! `OPTIN` it denies its actors, with `OPTOUT` everybody is kept out but these. One that says a
//! type all the same is taken at its word. A Consent to research, to a treatment or in advance of an
//! illness keeps out whom it names, and nobody else: what it refuses is something else.
//!
//! Specification: <http://hl7.org/fhir/R4/consent.html>.

use serde_json::Value;

use super::{canonical::code_in, date, reference};

/// Who is meant where nobody is named.
pub const EVERYBODY: &str = "*";

/// With what a purpose begins, as one asks for it, and as a denial is limited to it.
pub const PURPOSE: char = '~';

/// The purpose of who states none: whatever a denial is limited to, it counts.
pub const UNKNOWN_PURPOSE: &str = "~?";

/// Base policies and purposes of HL7's version 3.
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// What a Consent is about.
const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";

/// Purposes of use that do not overlap; a code below one of them, or any other, limits nothing.
const PURPOSES: [&str; 7] = [
    "HMARKT", "HOPERAT", "HPAYMT", "HRESCH", "PATRQT", "PUBHLTH", "TREAT",
];

/// What limits a provision beside its actors, purposes and time.
const LIMITS: [&str; 6] = [
    "action",
    "class",
    "code",
    "data",
    "dataPeriod",
    "securityLabel",
];

/// One denial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Whom it keeps out: [`EVERYBODY`], or references such as `Organization/1`.
    pub deny: Vec<String>,
    /// Whom it does not keep out all the same.
    pub except: Vec<String>,
    /// The purposes that it is limited to, such as `~HRESCH`, with [`UNKNOWN_PURPOSE`] among them;
    /// none: whatever the purpose.
    pub purposes: Vec<String>,
    /// The first millisecond of it, if it has a beginning.
    pub from: Option<i64>,
    /// The last millisecond of it, if it has an end.
    pub until: Option<i64>,
}

/// What a Consent denies as it stands, whatever the time is.
#[must_use]
pub fn rules(consent: &Value) -> Vec<Rule> {
    let mut rules = Vec::new();
    if consent["status"] != "active" {
        return rules;
    }
    let root = &consent["provision"];
    match (base(consent), root["type"].as_str()) {
        (_, Some("deny")) => denial(root, None, &mut rules),
        (_, Some(_)) => nested(root, None, &mut rules),
        (Some(Base::Out), None) => {
            let mut except = excepted(root);
            except.extend(permitted(root));
            let deny = vec![EVERYBODY.to_owned()];
            rules.push(Rule {
                deny,
                except,
                ..Rule::default()
            });
            nested(root, None, &mut rules);
        }
        (Some(Base::In), None) if root["actor"].is_array() => denial(root, None, &mut rules),
        (_, None) => nested(root, None, &mut rules),
    }
    if is_of_something_else(consent) {
        for rule in &mut rules {
            rule.deny.retain(|who| who != EVERYBODY);
        }
    }
    rules.retain(|rule| !rule.deny.is_empty());
    rules
}

/// What holds where no provision says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    In,
    Out,
}

fn base(consent: &Value) -> Option<Base> {
    match code_in(&consent["policyRule"], ACT_CODE)? {
        "OPTIN" | "OPTINR" => Some(Base::In),
        "OPTOUT" | "OPTOUTE" => Some(Base::Out),
        _ => None,
    }
}

/// Whether it is about something else than who may see what.
fn is_of_something_else(consent: &Value) -> bool {
    let scope = code_in(&consent["scope"], SCOPE);
    matches!(scope, Some("adr" | "research" | "treatment"))
}

/// A provision that denies; `named` are those whom the permission around it is about.
fn denial(provision: &Value, named: Option<&[String]>, rules: &mut Vec<Rule>) {
    let deny = match actors(provision) {
        Actors::Named(names) => names,
        Actors::Unknown => vec![EVERYBODY.to_owned()],
        Actors::Nobody => named.map_or_else(|| vec![EVERYBODY.to_owned()], <[String]>::to_vec),
    };
    let edge = |name: &str| provision["period"][name].as_str().and_then(date::span);
    rules.push(Rule {
        deny,
        except: permitted(provision),
        purposes: purposes(provision),
        from: edge("start").map(|span| span.start),
        until: edge("end").map(|span| span.end),
    });
    nested(provision, named, rules);
}

/// The denials among the provisions within one, which is about its own actors, or about those whom
/// the one around it names.
fn nested(provision: &Value, named: Option<&[String]>, rules: &mut Vec<Rule>) {
    let own = match actors(provision) {
        Actors::Named(names) => Some(names),
        Actors::Unknown => Some(vec![EVERYBODY.to_owned()]),
        Actors::Nobody => named.map(<[String]>::to_vec),
    };
    for each in provisions(provision) {
        if each["type"] == "deny" {
            denial(each, own.as_deref(), rules);
        } else {
            nested(each, own.as_deref(), rules);
        }
    }
}

/// Whom the permissions within a denial except.
fn permitted(provision: &Value) -> Vec<String> {
    let permissions = provisions(provision).filter(|each| each["type"] == "permit");
    permissions.flat_map(excepted).collect()
}

/// Whom a permission excepts: nobody, where it is limited or they cannot all be told.
fn excepted(permission: &Value) -> Vec<String> {
    let is_limited = ["purpose", "period"].iter().chain(&LIMITS);
    if is_limited.clone().any(|name| !permission[*name].is_null()) {
        return Vec::new();
    }
    match actors(permission) {
        Actors::Named(names) => names,
        Actors::Unknown | Actors::Nobody => Vec::new(),
    }
}

fn provisions(provision: &Value) -> impl Iterator<Item = &Value> {
    provision["provision"].as_array().into_iter().flatten()
}

/// Who is named by a provision.
enum Actors {
    /// None is.
    Nobody,
    /// All of them can be told.
    Named(Vec<String>),
    /// One of them cannot.
    Unknown,
}

fn actors(provision: &Value) -> Actors {
    let Some(actors) = provision["actor"].as_array() else {
        return Actors::Nobody;
    };
    let names: Option<Vec<String>> = actors.iter().map(|one| name(&one["reference"])).collect();
    match names {
        Some(names) if names.is_empty() => Actors::Nobody,
        Some(names) => Actors::Named(names),
        None => Actors::Unknown,
    }
}

/// The name of an actor; none, if they cannot be told. Somebody elsewhere is nobody here.
fn name(actor: &Value) -> Option<String> {
    let text = actor["reference"].as_str()?;
    if text.starts_with("http://") || text.starts_with("https://") {
        return Some(text.to_owned());
    }
    let local = reference::local(text)?;
    (local.kind.name() != "Group").then(|| format!("{}/{}", local.kind, local.id))
}

/// What a denial is limited to.
fn purposes(provision: &Value) -> Vec<String> {
    let Some(listed) = provision["purpose"].as_array() else {
        return Vec::new();
    };
    let code = |coding: &Value| {
        let code = coding["code"]
            .as_str()
            .filter(|_| coding["system"] == ACT_REASON);
        let known = code.filter(|code| PURPOSES.contains(code));
        known.map(|code| format!("{PURPOSE}{code}"))
    };
    let known: Option<Vec<String>> = listed.iter().map(code).collect();
    let mut purposes = known.unwrap_or_default();
    if !purposes.is_empty() {
        purposes.push(UNKNOWN_PURPOSE.to_owned());
    }
    purposes
}

#[cfg(test)]
mod tests;
