//! `Patient/$import` and `QuestionnaireResponse/$import`: tables taken in.
//!
//! The body is the table itself (`text/csv`), what holds for all rows stands in the query then;
//! or a Binary; or Parameters with the table as `file`. A small table is taken in at once, and the
//! answer is its Task; else, and with `Prefer: respond-async`, the answer is 202 with the Task's
//! address in `Content-Location`.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::{Invocation, State};
use crate::{
    fhir::{path::decode_base64, permit::Permit, reference},
    intake::import::{self, Request, Subject},
    interactions::Reply,
    kernel::problem::{Category, Problem, Result},
};

/// What may be said once for all rows, and the name by which rows say it themselves.
const DEFAULTS: [(&str, &str); 5] = [
    ("planDefinition", "pathway"),
    ("careTeam", "careTeam"),
    ("organization", "organization"),
    ("practitioner", "practitioner"),
    ("identifierSystem", "identifierSystem"),
];

/// Takes a table in.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let subject = match invocation.kind.map(|kind| kind.name()) {
            Some("QuestionnaireResponse") => Subject::Answers,
            _ => Subject::People,
        };
        let asked = Asked::read(&invocation)?;
        let zone = asked.zone(&state.time_zone)?;
        let request = Request {
            subject,
            defaults: asked.defaults()?,
            table: asked.table,
            zone,
            now: state.context.clock.now(),
            later: invocation.respond_async,
        };
        let begun = import::begin(&state.context.store, &permit, request).await?;
        Ok(if begun.done {
            Reply::Version(begun.task)
        } else {
            Reply::Accepted(begun.task)
        })
    })
}

/// What an import is asked, as it came.
struct Asked {
    table: Bytes,
    /// Names and texts.
    parameters: Vec<(String, String)>,
}

impl Asked {
    fn read(invocation: &Invocation) -> Result<Self> {
        let query = invocation.query.clone();
        if let Some(table) = &invocation.table {
            return Ok(Self {
                table: table.clone(),
                parameters: query,
            });
        }
        let Some(resource) = &invocation.resource else {
            return Err(missing());
        };
        let tree = resource.tree();
        if tree["resourceType"] == "Binary" {
            return Ok(Self {
                table: decoded(&tree["data"])?,
                parameters: query,
            });
        }
        let (mut table, mut parameters) = (None, query);
        for part in tree["parameter"].as_array().into_iter().flatten() {
            let name = part["name"].as_str().unwrap_or_default();
            if name == "file" {
                let data = &part["valueAttachment"]["data"];
                let held = &part["resource"]["data"];
                table = Some(decoded(if data.is_string() { data } else { held })?);
            } else if let Some(text) = text_of(part) {
                parameters.push((name.to_owned(), text.to_owned()));
            }
        }
        Ok(Self {
            table: table.ok_or_else(missing)?,
            parameters,
        })
    }

    fn zone(&self, usual: &TimeZone) -> Result<TimeZone> {
        let named = self.parameters.iter().find(|(name, _)| name == "timeZone");
        let Some((name, text)) = named else {
            return Ok(usual.clone());
        };
        let zone = TimeZone::get(text).ok();
        zone.filter(|zone| zone.iana_name().is_some())
            .ok_or_else(|| wrong(name, "a time zone such as Europe/Paris"))
    }

    fn defaults(&self) -> Result<Map<String, Value>> {
        let mut defaults = Map::new();
        for (name, text) in &self.parameters {
            if name == "timeZone" {
                continue;
            }
            let known = DEFAULTS.iter().find(|(parameter, _)| parameter == name);
            let Some((_, own)) = known else {
                let shown: String = name.chars().take(64).collect();
                return Err(wrong(&shown, "one that this operation has"));
            };
            defaults.insert((*own).to_owned(), default(own, name, text)?);
        }
        Ok(defaults)
    }
}

/// The value of what is said once: people are named by references, or by ids alone.
fn default(own: &str, name: &str, text: &str) -> Result<Value> {
    let kind = match own {
        "careTeam" => "CareTeam",
        "organization" => "Organization",
        "practitioner" => "Practitioner",
        _ => return Ok(text.into()),
    };
    let id = text
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(text);
    if reference::is_id(id) {
        Ok(format!("{kind}/{id}").into())
    } else {
        Err(wrong(
            name,
            &format!("a reference to a {kind} of this server"),
        ))
    }
}

fn text_of(part: &Value) -> Option<&str> {
    let mut members = part.as_object()?.iter();
    let (_, value) = members.find(|(member, _)| member.starts_with("value"))?;
    value["reference"].as_str().or_else(|| value.as_str())
}

fn decoded(data: &Value) -> Result<Bytes> {
    let text: String = data
        .as_str()
        .ok_or_else(missing)?
        .split_whitespace()
        .collect();
    let bytes = decode_base64(&text).ok_or_else(|| wrong("file", "base64"))?;
    Ok(bytes.into())
}

fn missing() -> Problem {
    Problem::malformed(
        "required",
        "Send the table as text/csv, as a Binary, or as `file` in Parameters.",
    )
}

fn wrong(name: &str, wanted: &str) -> Problem {
    let says = format!("The parameter `{name}` must be {wanted}.");
    Problem::new(Category::Malformed, "value", says)
        .at(format!("Parameters.parameter.where(name='{name}')"))
}
