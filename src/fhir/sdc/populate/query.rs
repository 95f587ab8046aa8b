//! The searches that a form asks for: its queries, and the Observations that it links.
//!
//! A query is read before its `{{…}}` are replaced, so that what stands in a resource can never
//! become a parameter of its own.
//!
//! Specification: <http://hl7.org/fhir/uv/sdc/STU3/expressions.html#fhirquery>,
//! <http://hl7.org/fhir/uv/sdc/STU3/StructureDefinition-sdc-questionnaire-observationLinkPeriod.html>.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    super::{
        expression::{Asked, Engine, Named, variables},
        items, link_id, sdc,
    },
    Known, named,
};
use crate::fhir::{canonical::extension, date, definitions::ResourceType, path::Item};

/// Most searches for one form.
pub const QUERIES_MAX: usize = 50;

const LINK_PERIOD: &str = sdc!("observationLinkPeriod");

/// A search that is to be run before a form is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// By which its searchset is handed on.
    pub key: String,
    /// The type that is searched.
    pub kind: ResourceType,
    /// The parameters, decoded.
    pub pairs: Vec<(String, String)>,
}

/// The searches that a form asks for, up to [`QUERIES_MAX`]. Those that cannot be read, or whose
/// values are not known, are left out.
#[must_use]
pub fn queries(known: &Known<'_>) -> Vec<Wanted> {
    let mut texts = Vec::new();
    gather(known.form, &mut texts);
    let holes: Vec<String> = texts.iter().flat_map(|text| holes(text)).collect();
    let mut engine = Engine::of(known.form, Some(known.now), known.terminology);
    for hole in &holes {
        engine.compile(hole);
    }
    let base = named(known);
    let declared: Vec<Asked<'_>> = variables(known.form).filter(|one| !one.is_query).collect();
    let focus = vec![Item::resource(known.form)];
    let mut wanted = engine.with(&declared, (known.form, &focus), &base, &mut |named| {
        let read = texts.iter();
        read.filter_map(|text| resolved(&engine, known.form, text, named))
            .collect::<Vec<_>>()
    });
    linked(&known.form["item"], known, &mut wanted);
    wanted.truncate(QUERIES_MAX);
    wanted
}

/// The texts of all queries of an element.
fn gather<'a>(element: &'a Value, texts: &mut Vec<&'a str>) {
    for one in items(&element["extension"]) {
        if let Some(asked) = Asked::read(&one["valueExpression"])
            && asked.is_query
            && !texts.contains(&asked.text)
            && texts.len() < QUERIES_MAX
        {
            texts.push(asked.text);
        }
    }
    for item in items(&element["item"]) {
        gather(item, texts);
    }
}

/// The expressions within `{{` and `}}`.
fn holes(text: &str) -> Vec<String> {
    let parts = text.split("{{").skip(1);
    parts
        .filter_map(|part| Some(part.split_once("}}")?.0.trim().to_owned()))
        .collect()
}

fn resolved(engine: &Engine<'_>, form: &Value, text: &str, named: &[Named<'_>]) -> Option<Wanted> {
    // Each expression stands as its number while the text around it is taken apart.
    let holes = holes(text);
    let mut numbered = text.to_owned();
    for (n, hole) in text.split("{{").skip(1).enumerate() {
        let (hole, _) = hole.split_once("}}")?;
        numbered = numbered.replacen(&format!("{{{{{hole}}}}}"), &format!("{{{{#{n}}}}}"), 1);
    }
    let (kind, query) = numbered.split_once('?').unwrap_or((&numbered, ""));
    let kind = ResourceType::named(kind.trim_start_matches('/'))?;
    let mut pairs = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let decode = |text: &str| {
            let text = text.replace('+', "%20");
            percent(&text)
        };
        let mut rest = value;
        let mut whole = String::new();
        while let Some((before, after)) = rest.split_once("{{") {
            let (hole, after) = after.split_once("}}")?;
            whole.push_str(&decode(before)?);
            whole.push_str(&value_of(
                engine,
                form,
                holes.get(hole.strip_prefix('#')?.parse::<usize>().ok()?)?,
                named,
            )?);
            rest = after;
        }
        whole.push_str(&decode(rest)?);
        pairs.push((decode(name)?, whole));
    }
    Some(Wanted {
        key: text.to_owned(),
        kind,
        pairs,
    })
}

/// Percent-decoding.
fn percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = rest.get(2..)?;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The values of a hole, joined by commas; a comma within one is escaped.
fn value_of(engine: &Engine<'_>, form: &Value, hole: &str, named: &[Named<'_>]) -> Option<String> {
    let found = engine.evaluate(hole, (form, vec![Item::resource(form)]), named);
    let texts: Vec<String> = found
        .ok()?
        .iter()
        .filter_map(|one| {
            let text = one.to_text()?.to_string();
            let text = text.replace('\\', "\\\\").replace(',', "\\,");
            Some(text.replace('$', "\\$").replace('|', "\\|"))
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

/// By what the Observation of an item is handed on, if the form links one.
pub(super) fn observation_key(item: &Value) -> Option<String> {
    extension(item, LINK_PERIOD)?;
    Some(format!("observation {}", link_id(item)))
}

fn linked(list: &Value, known: &Known<'_>, wanted: &mut Vec<Wanted>) {
    for item in items(list) {
        if wanted.len() >= QUERIES_MAX {
            return;
        }
        wanted.extend(observation(item, known));
        linked(&item["item"], known, wanted);
    }
}

/// The latest Observation of an item's codes within the period that the form states.
fn observation(item: &Value, known: &Known<'_>) -> Option<Wanted> {
    let key = observation_key(item)?;
    let codes: Vec<String> = items(&item["code"])
        .filter_map(|coding| {
            let code = coding["code"].as_str()?;
            let system = coding["system"].as_str();
            Some(system.map_or_else(|| code.to_owned(), |system| format!("{system}|{code}")))
        })
        .collect();
    let since = before(extension(item, LINK_PERIOD)?, known.now.timestamp())?;
    let kind = ResourceType::named("Observation").filter(|_| !codes.is_empty())?;
    let pair = |name: &str, value: String| (name.to_owned(), value);
    Some(Wanted {
        key,
        kind,
        pairs: vec![
            pair("subject", known.subject.to_owned()),
            pair("code", codes.join(",")),
            pair("date", format!("ge{}", date::instant(since))),
            pair("status", "final,amended,corrected".to_owned()),
            pair("_sort", "-date".to_owned()),
            pair("_count", "1".to_owned()),
        ],
    })
}

/// The instant that lies a duration before `now`.
fn before(duration: &Value, now: Timestamp) -> Option<Timestamp> {
    let value = duration["value"].as_f64()?;
    let unit = duration["code"].as_str().or(duration["unit"].as_str())?;
    let hours = match unit {
        "a" | "year" | "years" => 8_766.0,
        "mo" | "month" | "months" => 730.5,
        "wk" | "week" | "weeks" => 168.0,
        "d" | "day" | "days" => 24.0,
        "h" | "hour" | "hours" => 1.0,
        "min" | "minute" | "minutes" => 1.0 / 60.0,
        _ => return None,
    };
    let seconds = value * hours * 3_600.0;
    // A hundred years and more reach before anything that is kept.
    let seconds = seconds.clamp(0.0, 3_155_760_000.0);
    now.checked_sub(SignedDuration::from_secs_f64(seconds)).ok()
}
