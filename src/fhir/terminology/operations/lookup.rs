//! `CodeSystem/$lookup`: <http://hl7.org/fhir/R4/codesystem-operation-lookup.html>.

use serde_json::{Value, json};

use super::{
    answer::{Answer, designation, value_part},
    asked::{Asked, absent},
};
use crate::{
    fhir::terminology::{
        Coding, Terminology,
        code_system::{CodeSystem, Concept},
        grammar,
        names::{display_in, other_names},
    },
    kernel::problem::{Category, Problem, Result},
};

/// What is known about a code.
///
/// # Errors
/// If it is not asked as the specification wants, or the code is not known.
pub fn lookup(terminology: &Terminology, asked: &Asked) -> Result<Value> {
    asked.refuse(&["date"])?;
    let coding = match asked.one_of(&["code", "coding"])? {
        "code" => Coding {
            system: asked.text("system")?,
            version: asked.text("version")?,
            code: asked.text("code")?.unwrap_or_default(),
            display: None,
        },
        _ => asked.coding("coding")?.unwrap_or_default(),
    };
    let url = coding.system.ok_or_else(|| absent(&["system"]))?;
    let system = match terminology.code_system(url, coding.version) {
        Ok(system) => system,
        Err(why) => return by_grammar(url, coding.code, why),
    };
    let at = system.place(coding.code).ok_or_else(|| {
        unknown(format!(
            "The code system {url} has no code {}.",
            coding.code
        ))
    })?;
    let concept = &system.concepts[at];
    let asked = Wish {
        names: asked.texts("property"),
        language: asked.text("displayLanguage")?,
    };
    Ok(tell(terminology, system, concept, &asked))
}

/// What is wished to be told.
struct Wish<'a> {
    /// All, where these are none.
    names: Vec<&'a str>,
    language: Option<&'a str>,
}

impl Wish<'_> {
    fn has(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.contains(&name)
    }
}

fn unknown(why: String) -> Problem {
    Problem::new(Category::NotFound, "not-found", why)
}

/// A code of a system whose codes are not listed.
fn by_grammar(url: &str, code: &str, why: String) -> Result<Value> {
    match grammar::judge(url, code) {
        Some(true) => {}
        Some(false) => return Err(unknown(format!("{code} is no code of {url}."))),
        None => return Err(unknown(why)),
    }
    let mut answer = Answer::default();
    answer.put("name", "valueString", url);
    answer.put("display", "valueString", grammar::display(url, code));
    Ok(answer.into_resource())
}

fn tell(
    terminology: &Terminology,
    system: &CodeSystem,
    concept: &Concept,
    wish: &Wish<'_>,
) -> Value {
    let names = other_names(terminology, system, concept);
    let mut answer = Answer::default();
    let title = system.title.as_deref().unwrap_or(&system.name);
    let name = if title.is_empty() { &system.url } else { title };
    answer.put("name", "valueString", name);
    answer.put_some("version", "valueString", system.version.as_deref());
    let display = display_in(&names, wish.language).or(concept.display.as_deref());
    answer.put("display", "valueString", display.unwrap_or(&concept.code));
    if wish.has("definition") {
        answer.put_some("definition", "valueString", concept.definition.as_deref());
    }
    if wish.has("designation") {
        for each in &names {
            let written = designation(each);
            let part = |name: &str, member: &str| {
                written
                    .get(name)
                    .map(|value| value_part(name, member, value.clone()))
            };
            let parts = [
                part("language", "valueCode"),
                part("use", "valueCoding"),
                part("value", "valueString"),
            ];
            answer.put_parts("designation", parts.into_iter().flatten().collect());
        }
    }
    put_properties(&mut answer, system, concept, wish);
    answer.into_resource()
}

fn put_properties(answer: &mut Answer, system: &CodeSystem, concept: &Concept, wish: &Wish<'_>) {
    let mut put = |code: &str, member: &str, value: Value, about: Option<&str>| {
        let mut parts = vec![
            json!({ "name": "code", "valueCode": code }),
            value_part("value", member, value),
        ];
        parts.extend(about.map(|text| json!({ "name": "description", "valueString": text })));
        answer.put_parts("property", parts);
    };
    if wish.has("inactive") {
        put("inactive", "valueBoolean", concept.inactive.into(), None);
    }
    for (name, places) in [("parent", &concept.parents), ("child", &concept.children)] {
        if wish.has(name) {
            for other in places.iter().filter_map(|at| system.concepts.get(*at)) {
                put(
                    name,
                    "valueCode",
                    (*other.code).into(),
                    other.display.as_deref(),
                );
            }
        }
    }
    for property in &concept.properties {
        let told = ["inactive", "parent", "child"];
        if wish.has(&property.code) && !told.iter().any(|name| system.means(&property.code, name)) {
            put(
                &property.code,
                &property.member,
                property.value.clone(),
                None,
            );
        }
    }
}
