//! `ConceptMap/$translate`: <http://hl7.org/fhir/R4/conceptmap-operation-translate.html>.

use serde_json::{Value, json};

use super::{
    answer::{Answer, value_part},
    asked::{Asked, absent, wrong},
};
use crate::{
    fhir::terminology::{
        Coding, Terminology,
        concept_map::{ConceptMap, Dependency, Group, Pair, Unmapped},
        find::parts,
        shelf::Read as _,
    },
    kernel::problem::{Category, Problem, Result},
};

/// Most maps that are followed for one question, as they name each other for what they do not
/// map.
pub const MAPS_MAX: usize = 100;

/// Most matches of one answer.
const MATCHES_MAX: usize = 1_000;

/// What is asked of the maps.
struct Wish<'a> {
    terminology: &'a Terminology,
    /// Value sets and a code system between which the maps lead.
    source: Option<&'a str>,
    target: Option<&'a str>,
    target_system: Option<&'a str>,
    /// What else is known: element and code.
    known: Vec<(String, String)>,
    reverse: bool,
}

/// What has been found by now.
struct Findings {
    matches: Vec<Match>,
    /// So many other maps may still be followed.
    maps_left: usize,
}

/// A code that another leads to.
struct Match {
    equivalence: String,
    system: Option<String>,
    version: Option<String>,
    code: Option<String>,
    display: Option<String>,
    comment: Option<String>,
    product: Vec<Value>,
    map: String,
}

/// What a code is elsewhere.
///
/// # Errors
/// If it is not asked as the specification wants, or the map is not loaded.
pub fn translate(terminology: &Terminology, asked: &Asked) -> Result<Value> {
    asked.refuse(&["date"])?;
    let concept = asked.concept("version")?;
    let wish = Wish {
        terminology,
        source: asked.text("source")?,
        target: asked.text("target")?,
        target_system: asked.text("targetsystem")?.or(asked.text("targetSystem")?),
        known: known(asked)?,
        reverse: asked.flag("reverse")?.unwrap_or_default(),
    };
    let given = asked.instance().or_else(|| asked.value("conceptMap"));
    let given = given.map(ConceptMap::read);
    let maps: Vec<&ConceptMap> = match (&given, asked.text("url")?) {
        (Some(map), _) => vec![map],
        (None, Some(url)) => {
            let version = asked.text("conceptMapVersion")?;
            vec![terminology.concept_map(url, version).map_err(not_found)?]
        }
        (None, None) if wish.between().is_none() => {
            return Err(absent(&[
                "url",
                "conceptMap",
                "source",
                "target",
                "targetsystem",
            ]));
        }
        (None, None) => terminology.concept_maps().collect(),
    };
    let mut found = Findings {
        matches: Vec::new(),
        maps_left: MAPS_MAX,
    };
    for coding in &concept.codings {
        for map in maps.iter().filter(|map| wish.concerns(map)) {
            wish.follow(map, coding, &mut found)?;
        }
    }
    Ok(tell(&found.matches))
}

fn not_found(why: String) -> Problem {
    Problem::new(Category::NotFound, "not-found", why)
}

/// The dependencies that are known to hold.
fn known(asked: &Asked) -> Result<Vec<(String, String)>> {
    let mut known = Vec::new();
    for dependency in asked.all("dependency") {
        let parts = || dependency["part"].as_array().into_iter().flatten();
        let element = parts().find(|part| part["name"] == "element");
        let element = element.and_then(|part| part["valueUri"].as_str());
        let element =
            element.ok_or_else(|| wrong("dependency", "made of `element` and `concept`"))?;
        let concepts = parts().filter(|part| part["name"] == "concept");
        let codings = concepts.flat_map(|part| part["valueCodeableConcept"]["coding"].as_array());
        for code in codings
            .flatten()
            .filter_map(|coding| coding["code"].as_str())
        {
            known.push((element.to_owned(), code.to_owned()));
        }
    }
    Ok(known)
}

impl Wish<'_> {
    fn between(&self) -> Option<&str> {
        self.source.or(self.target).or(self.target_system)
    }

    /// Whether a map leads between the value sets that are asked.
    fn concerns(&self, map: &ConceptMap) -> bool {
        let is = |asked: Option<&str>, has: &Option<Box<str>>| {
            let same = |asked: &str| {
                has.as_ref()
                    .is_some_and(|has| parts(has).0 == parts(asked).0)
            };
            asked.is_none_or(same)
        };
        let (from, to) = if self.reverse {
            (&map.target, &map.source)
        } else {
            (&map.source, &map.target)
        };
        is(self.source, from) && is(self.target, to)
    }

    fn follow(&self, map: &ConceptMap, coding: &Coding<'_>, found: &mut Findings) -> Result<()> {
        for group in &map.groups {
            let (from, to) = if self.reverse {
                (&group.target, &group.source)
            } else {
                (&group.source, &group.target)
            };
            let is = |asked: Option<&str>, has: &Option<Box<str>>| {
                asked.is_none() || has.is_none() || asked == has.as_deref()
            };
            if !is(coding.system, from) || !is(self.target_system, to) {
                continue;
            }
            let pairs = group
                .pairs
                .iter()
                .filter(|pair| self.leads(pair, coding.code));
            found
                .matches
                .extend(pairs.map(|pair| self.matched(map, group, pair)));
            if found.matches.len() > MATCHES_MAX {
                let says = format!("There are more than {MATCHES_MAX} translations.");
                return Err(Problem::invalid("too-costly", says));
            }
            let spoken_of = group.codes.iter().any(|code| **code == *coding.code);
            if !spoken_of && !self.reverse {
                self.unmapped((map, group), coding, found)?;
            }
        }
        Ok(())
    }

    /// Whether a pair leads on from a code.
    fn leads(&self, pair: &Pair, code: &str) -> bool {
        let from = if self.reverse {
            pair.target.as_deref()
        } else {
            Some(&*pair.code)
        };
        let holds = |dependency: &Dependency| {
            let mut known = self
                .known
                .iter()
                .filter(|(name, _)| **name == *dependency.property);
            // What nobody has told may hold or not; what is told decides.
            known.clone().next().is_none() || known.any(|(_, value)| **value == *dependency.value)
        };
        from == Some(code) && pair.depends_on.iter().all(holds)
    }

    fn matched(&self, map: &ConceptMap, group: &Group, pair: &Pair) -> Match {
        let (system, version, code, display) = if self.reverse {
            (&group.source, &None, Some(&pair.code), &pair.display)
        } else {
            (
                &group.target,
                &group.target_version,
                pair.target.as_ref(),
                &pair.target_display,
            )
        };
        let text = |value: &Option<Box<str>>| value.as_deref().map(str::to_owned);
        let display = text(display).or_else(|| {
            let system = self
                .terminology
                .code_system(system.as_deref()?, None)
                .ok()?;
            text(&system.concept(code?)?.display)
        });
        Match {
            equivalence: self.direction(&pair.equivalence).to_owned(),
            system: text(system),
            version: text(version),
            code: code.map(|code| code.to_string()),
            display,
            comment: text(&pair.comment),
            product: pair.product.iter().map(product).collect(),
            map: map.url.to_string(),
        }
    }

    /// The equivalence as it is seen from where one comes.
    fn direction<'a>(&self, equivalence: &'a str) -> &'a str {
        match (self.reverse, equivalence) {
            (true, "wider") => "narrower",
            (true, "narrower") => "wider",
            (true, "subsumes") => "specializes",
            (true, "specializes") => "subsumes",
            _ => equivalence,
        }
    }

    fn unmapped(
        &self,
        (map, group): (&ConceptMap, &Group),
        coding: &Coding<'_>,
        found: &mut Findings,
    ) -> Result<()> {
        let text = |value: &Option<Box<str>>| value.as_deref().map(str::to_owned);
        let (code, display) = match &group.unmapped {
            None => return Ok(()),
            Some(Unmapped::OtherMap(url)) => {
                found.maps_left = found.maps_left.checked_sub(1).ok_or_else(|| {
                    Problem::invalid("too-costly", "Too many maps name each other.")
                })?;
                let (url, version) = parts(url);
                let other = self.terminology.concept_map(url, version);
                let other = other.map_err(|why| Problem::invalid("not-found", why))?;
                return self.follow(other, coding, found);
            }
            Some(Unmapped::Provided) => (coding.code.to_owned(), None),
            Some(Unmapped::Fixed(code, display)) => (code.to_string(), text(display)),
        };
        found.matches.push(Match {
            equivalence: match &group.unmapped {
                Some(Unmapped::Provided) => "equal".to_owned(),
                _ => "inexact".to_owned(),
            },
            system: text(&group.target),
            version: text(&group.target_version),
            code: Some(code),
            display,
            comment: None,
            product: Vec::new(),
            map: map.url.to_string(),
        });
        Ok(())
    }
}

fn product(dependency: &Dependency) -> Value {
    let mut coding = json!({ "code": dependency.value });
    for (name, value) in [
        ("system", &dependency.system),
        ("display", &dependency.display),
    ] {
        if let Some(value) = value {
            coding[name] = (**value).into();
        }
    }
    json!({ "name": "product", "part": [
        { "name": "element", "valueUri": dependency.property },
        { "name": "concept", "valueCoding": coding },
    ] })
}

fn tell(matches: &[Match]) -> Value {
    let found = |each: &Match| !matches!(&*each.equivalence, "unmatched" | "disjoint");
    let result = matches.iter().any(found);
    let mut answer = Answer::default();
    answer.put("result", "valueBoolean", result);
    if !result {
        answer.put("message", "valueString", "The maps lead to no other code.");
    }
    for each in matches {
        let mut parts = vec![json!({ "name": "equivalence", "valueCode": each.equivalence })];
        let mut coding = json!({});
        for (name, value) in [
            ("system", &each.system),
            ("version", &each.version),
            ("code", &each.code),
            ("display", &each.display),
        ] {
            if let Some(value) = value {
                coding[name] = value.as_str().into();
            }
        }
        if each.code.is_some() {
            parts.push(value_part("concept", "valueCoding", coding));
        }
        parts.extend(each.product.iter().cloned());
        if !each.map.is_empty() {
            parts.push(json!({ "name": "source", "valueUri": each.map }));
        }
        if let Some(comment) = &each.comment {
            parts.push(json!({ "name": "comment", "valueString": comment }));
        }
        answer.put_parts("match", parts);
    }
    answer.into_resource()
}
