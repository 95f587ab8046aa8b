//! `ValueSet/$validate-code` and `CodeSystem/$validate-code`:
//! <http://hl7.org/fhir/R4/valueset-operation-validate-code.html>,
//! <http://hl7.org/fhir/R4/codesystem-operation-validate-code.html>.
//!
//! What cannot be told (a code system is not loaded) is not valid, and the message says why.

use serde_json::Value;

use super::{
    answer::Answer,
    asked::{Asked, absent, wrong},
    expand::named,
};
use crate::{
    fhir::{
        search::text,
        terminology::{
            Coding, Membership, Terminology,
            code_system::{CodeSystem, Concept, Content, Designation},
            find::parts,
            grammar,
            member::{MEMBERSHIP_STEPS_MAX, Walk},
            names::{display_in, other_names},
            shelf::Read as _,
            value_set::ValueSet,
        },
    },
    kernel::problem::{Category, Problem, Result},
};

/// What is found about one code.
#[derive(Debug, Default)]
struct Verdict {
    valid: bool,
    message: Option<String>,
    system: Option<String>,
    version: Option<String>,
    code: String,
    display: Option<String>,
}

/// How a code is judged, whatever it is judged against.
struct Manner<'a> {
    terminology: &'a Terminology,
    /// Whether a code that only groups others will do.
    grouping: bool,
    /// Whether a wrong display is only remarked on.
    lenient: bool,
    language: Option<&'a str>,
}

/// Whether a value set has a code.
///
/// # Errors
/// If it is not asked as the specification wants, or the value set is not loaded.
pub fn in_value_set(terminology: &Terminology, asked: &Asked) -> Result<Value> {
    asked.refuse(&["context", "date"])?;
    let concept = asked.concept("systemVersion")?;
    let (set, _) = named(terminology, asked)?;
    let manner = manner(terminology, asked)?;
    let judge = |coding: &Coding<'_>| manner.by_value_set(&set, coding);
    Ok(conclude(
        concept.codings.iter().map(judge).collect(),
        concept.codeable,
    ))
}

/// Whether a code system has a code.
///
/// # Errors
/// If it is not asked as the specification wants, or the code system is not loaded.
pub fn in_code_system(terminology: &Terminology, asked: &Asked) -> Result<Value> {
    asked.refuse(&["date"])?;
    let concept = asked.concept("version")?;
    let manner = manner(terminology, asked)?;
    let given = asked.instance().or_else(|| asked.value("codeSystem"));
    if given.is_some_and(|tree| tree["resourceType"] != "CodeSystem") {
        return Err(wrong("codeSystem", "a CodeSystem"));
    }
    let given = given.map(CodeSystem::read);
    let url = match (&given, asked.text("url")?) {
        (Some(system), _) => Some(system.url.to_string()),
        (None, url) => url.map(|url| parts(url).0.to_owned()),
    };
    let first = concept.codings.first().and_then(|coding| coding.system);
    let url = url.or_else(|| first.map(str::to_owned));
    let url = url.ok_or_else(|| absent(&["url", "codeSystem"]))?;
    let version = asked.text("version")?;
    let version = version.or_else(|| {
        asked
            .text("url")
            .ok()
            .flatten()
            .and_then(|url| parts(url).1)
    });
    let mut verdicts = Vec::new();
    for coding in &concept.codings {
        let known = match &given {
            Some(system) => Ok(system),
            None => terminology.code_system(&url, version.or(coding.version)),
        };
        verdicts.push(manner.by_code_system(&url, known, coding)?);
    }
    Ok(conclude(verdicts, concept.codeable))
}

fn manner<'a>(terminology: &'a Terminology, asked: &'a Asked) -> Result<Manner<'a>> {
    Ok(Manner {
        terminology,
        grouping: asked.flag("abstract")?.unwrap_or_default(),
        lenient: asked
            .flag("lenient-display-validation")?
            .unwrap_or_default(),
        language: asked.text("displayLanguage")?,
    })
}

impl Manner<'_> {
    fn by_value_set(&self, set: &ValueSet, coding: &Coding<'_>) -> Verdict {
        let mut verdict = Verdict {
            system: coding.system.map(str::to_owned),
            version: coding.version.map(str::to_owned),
            code: coding.code.to_owned(),
            ..Verdict::default()
        };
        let member = |coding: &Coding<'_>| {
            let mut walk = Walk::new(MEMBERSHIP_STEPS_MAX);
            self.terminology.in_value_set(set, coding, &mut walk)
        };
        match member(coding) {
            Membership::Member => {}
            Membership::Unknown(why) => {
                verdict.message = Some(why);
                return verdict;
            }
            Membership::NotMember => {
                let shown = shown(coding);
                verdict.message = Some(format!("The value set {} has no code {shown}.", set.url));
                return verdict;
            }
        }
        let system = coding.system.map(str::to_owned).or_else(|| {
            let mut systems = self.terminology.systems(set).into_iter();
            let mut walk = Walk::new(MEMBERSHIP_STEPS_MAX);
            systems.find(|system| {
                let coding = Coding {
                    system: Some(system.as_str()),
                    ..*coding
                };
                let found = self.terminology.in_value_set(set, &coding, &mut walk);
                found == Membership::Member
            })
        });
        let listed = self.terminology.listed(set, system.as_deref(), coding.code);
        let known = system
            .as_deref()
            .and_then(|system| self.terminology.code_system(system, coding.version).ok());
        verdict.system = system;
        let concept = known.and_then(|known| Some((known, known.concept(coding.code)?)));
        self.with_display(&mut verdict, coding, concept, &listed);
        verdict
    }

    fn by_code_system(
        &self,
        url: &str,
        known: std::result::Result<&CodeSystem, String>,
        coding: &Coding<'_>,
    ) -> Result<Verdict> {
        let mut verdict = Verdict {
            system: Some(url.to_owned()),
            code: coding.code.to_owned(),
            ..Verdict::default()
        };
        let other = coding.system.filter(|system| *system != url);
        let known = match (other, known) {
            (Some(other), _) => {
                verdict.message = Some(format!("The code is of {other}, not of {url}."));
                return Ok(verdict);
            }
            (None, Ok(known)) => known,
            (None, Err(why)) => match grammar::judge(url, coding.code) {
                Some(valid) => {
                    verdict.valid = valid;
                    verdict.display = valid.then(|| grammar::display(url, coding.code));
                    verdict.message =
                        (!valid).then(|| format!("{} is no code of {url}.", coding.code));
                    return Ok(verdict);
                }
                None => return Err(Problem::new(Category::NotFound, "not-found", why)),
            },
        };
        match known.concept(coding.code) {
            Some(concept) => {
                self.with_display(&mut verdict, coding, Some((known, concept)), &[]);
            }
            None => {
                let part = match known.content {
                    Content::Part => " Only a part of it is loaded.",
                    _ => "",
                };
                let says = format!("The code system {url} has no code {}.{part}", coding.code);
                verdict.message = Some(says);
            }
        }
        Ok(verdict)
    }

    /// Judges what the code is called, and whether it may be used.
    fn with_display(
        &self,
        verdict: &mut Verdict,
        coding: &Coding<'_>,
        concept: Option<(&CodeSystem, &Concept)>,
        listed: &[Designation],
    ) {
        let mut names = listed.to_vec();
        let mut preferred = listed.first().map(|each| each.value.to_string());
        if let Some((system, concept)) = concept {
            verdict.version = system.version.as_deref().map(str::to_owned);
            verdict.code = concept.code.to_string();
            names.extend(concept.display.iter().map(|display| name(display)));
            names.extend(other_names(self.terminology, system, concept));
            preferred = preferred.or_else(|| concept.display.as_deref().map(str::to_owned));
        }
        let in_language = display_in(&names, self.language).map(str::to_owned);
        verdict.display = in_language.or(preferred);
        verdict.valid = true;
        if concept.is_some_and(|(_, concept)| concept.not_selectable) && !self.grouping {
            verdict.valid = false;
            let says = format!(
                "{} only groups other codes, and is not to be used.",
                shown(coding)
            );
            verdict.message = Some(says);
        } else if let (Some(given), Some(right)) = (coding.display, &verdict.display)
            && !names
                .iter()
                .any(|each| text::fold(&each.value) == text::fold(given))
        {
            verdict.valid = self.lenient;
            verdict.message = Some(format!(
                "{} is not called that: it is “{right}”.",
                shown(coding)
            ));
        } else if concept.is_some_and(|(_, concept)| concept.inactive) {
            verdict.message = Some(format!("{} is no longer used.", shown(coding)));
        }
    }
}

fn name(display: &str) -> Designation {
    Designation {
        language: None,
        value: display.into(),
        usage: None,
    }
}

fn shown(coding: &Coding<'_>) -> String {
    match coding.system {
        Some(system) => format!("{system}#{}", coding.code),
        None => coding.code.to_owned(),
    }
}

/// One of several codes is enough.
fn conclude(verdicts: Vec<Verdict>, codeable: bool) -> Value {
    let mut answer = Answer::default();
    let valid = verdicts.iter().any(|verdict| verdict.valid);
    answer.put("result", "valueBoolean", valid);
    let messages: Vec<&str> = verdicts
        .iter()
        .filter_map(|verdict| verdict.message.as_deref())
        .collect();
    if !messages.is_empty() {
        answer.put("message", "valueString", messages.join(" "));
    }
    let shown = verdicts.iter().find(|verdict| verdict.valid);
    if let Some(verdict) = shown.or(verdicts.first().filter(|_| !codeable)) {
        answer.put_some("display", "valueString", verdict.display.as_deref());
        answer.put("code", "valueCode", verdict.code.as_str());
        answer.put_some("system", "valueUri", verdict.system.as_deref());
        answer.put_some("version", "valueString", verdict.version.as_deref());
    }
    answer.into_resource()
}
