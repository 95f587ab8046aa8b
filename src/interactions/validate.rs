//! `$validate`: a resource as it is given, or as it stands, judged.
//!
//! Specification: <http://hl7.org/fhir/R4/resource-operation-validate.html>.

use serde_json::Value;

use super::{Context, forms};
use crate::{
    fhir::{
        definitions::ResourceType,
        outcome::outcome,
        permit::Permit,
        validate::{Rigour, judge},
    },
    kernel::problem::{Issue, Problem, Result, Severity},
};

/// The most profiles that one call may ask for.
pub const MOST_PROFILES: usize = 20;

/// What the resource is to be judged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To be created.
    Create,
    /// To be the next version of what stands there.
    Update,
    /// To be deleted: no content is judged.
    Delete,
    /// By profiles, as it stands.
    Profile,
}

/// What is asked.
#[derive(Debug)]
pub struct Asked<'a> {
    resource: Option<&'a Value>,
    profiles: Vec<&'a str>,
    mode: Option<Mode>,
}

impl<'a> Asked<'a> {
    /// From the query and the body: the resource itself, or Parameters that hold it.
    ///
    /// # Errors
    /// `Malformed` for a mode that R4 does not have, and for too many profiles.
    pub fn read(query: &'a [(String, String)], body: Option<&'a Value>) -> Result<Self> {
        let mut asked = Self {
            resource: None,
            profiles: Vec::new(),
            mode: None,
        };
        for (name, value) in query {
            asked.take(name, value)?;
        }
        let parts = body.and_then(parameters);
        if parts.is_none() {
            asked.resource = body;
        }
        for part in parts.into_iter().flatten() {
            let Some(name) = part["name"].as_str() else {
                continue;
            };
            if name == "resource" {
                asked.resource = part.get("resource");
            } else if let Some(text) = text_of(part) {
                asked.take(name, text)?;
            }
        }
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: &'a str) -> Result<()> {
        match name {
            "profile" if self.profiles.len() >= MOST_PROFILES => {
                let words = format!("`profile` may be given {MOST_PROFILES} times at most.");
                return Err(Problem::malformed("too-costly", words));
            }
            "profile" => self.profiles.push(value),
            "mode" => self.mode = Some(mode(value)?),
            _ => {}
        }
        Ok(())
    }
}

fn mode(text: &str) -> Result<Mode> {
    Ok(match text {
        "create" => Mode::Create,
        "update" => Mode::Update,
        "delete" => Mode::Delete,
        "profile" => Mode::Profile,
        _ => {
            let words = "`mode` must be create, update, delete or profile.";
            return Err(Problem::malformed("value", words).at("mode"));
        }
    })
}

/// The parameters of a body that is Parameters of this operation.
fn parameters(body: &Value) -> Option<&Vec<Value>> {
    const OURS: [&str; 4] = ["resource", "mode", "profile", "usageContext"];
    if body["resourceType"] != "Parameters" {
        return None;
    }
    let parts = body["parameter"].as_array()?;
    let ours = |part: &Value| {
        part["name"]
            .as_str()
            .is_some_and(|name| OURS.contains(&name))
    };
    parts.iter().any(ours).then_some(parts)
}

fn text_of(part: &Value) -> Option<&str> {
    let mut members = part.as_object()?.iter();
    members
        .find(|(name, _)| name.starts_with("value"))?
        .1
        .as_str()
}

/// The OperationOutcome that lists every issue; where there is none, it says so.
///
/// # Errors
/// `Malformed` where nothing is given to judge, `NotFound` where nothing stands there.
pub async fn validate(
    (context, permit): (&Context, &Permit),
    (kind, id): (Option<ResourceType>, Option<&str>),
    asked: Asked<'_>,
) -> Result<Value> {
    let stored = match (kind, id) {
        (Some(kind), Some(id)) => {
            let found = context.store.read(permit, kind, id).await?;
            let found = found.filter(|stored| !stored.is_deleted());
            Some(found.ok_or_else(|| Problem::not_found(format!("There is no {kind}/{id}.")))?)
        }
        _ => None,
    };
    if asked.mode == Some(Mode::Delete) {
        return Ok(outcome(&[all_well()]));
    }
    let standing = match (&asked.resource, &stored) {
        (None, Some(stored)) => Some(stored.tree()?),
        _ => None,
    };
    let Some(tree) = asked.resource.or(standing.as_ref()) else {
        let words = "`$validate` takes the resource, or Parameters that hold it as `resource`.";
        return Err(Problem::malformed("required", words));
    };
    let mut issues = fits((kind, id), tree, asked.mode);
    issues.extend(judged(context, tree, &asked.profiles).await?);
    if tree["resourceType"] == "QuestionnaireResponse" {
        let told = forms::judge(context, permit, tree).await?;
        issues.extend(
            told.into_iter()
                .filter(|issue| !issues.contains(issue))
                .collect::<Vec<_>>(),
        );
    }
    if issues.is_empty() {
        issues.push(all_well());
    }
    Ok(outcome(&issues))
}

/// Judges a resource by what is known now.
async fn judged(context: &Context, tree: &Value, profiles: &[&str]) -> Result<Vec<Issue>> {
    let knowledge = context.library.knowledge().await?;
    let now = context.clock.now().to_zoned(jiff::tz::TimeZone::UTC);
    let (tree, profiles) = (
        tree.clone(),
        profiles.iter().map(|&each| each.to_owned()).collect(),
    );
    // A large resource takes a while: other requests go on meanwhile.
    let work = move || {
        let rigour = Rigour {
            now: Some(&now),
            ..Rigour::default()
        };
        let profiles: Vec<String> = profiles;
        let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
        judge(&tree, &profiles, &knowledge, &rigour)
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Problem::fault)
}

/// Whether the resource is of the type, and has the id, that the call is made on.
fn fits(
    (kind, id): (Option<ResourceType>, Option<&str>),
    tree: &Value,
    mode: Option<Mode>,
) -> Vec<Issue> {
    let mut issues = Vec::new();
    let named = tree["resourceType"].as_str();
    if let Some(kind) = kind
        && named.is_some_and(|named| named != kind.name())
    {
        let words = format!("The operation is called on {kind}.");
        issues.push(Issue::error("invalid", words).at("resourceType"));
    }
    if let (Some(Mode::Update), Some(id)) = (mode, id)
        && tree["id"].as_str() != Some(id)
    {
        let words = "An update must have the id that it is made on.";
        issues.push(Issue::error("invalid", words).at("id"));
    }
    issues
}

fn all_well() -> Issue {
    Issue {
        severity: Severity::Information,
        code: "informational",
        diagnostics: "No issues were found.".to_owned(),
        expression: None,
    }
}
