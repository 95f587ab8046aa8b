//! Who may call an operation, and as whom it runs then.
//!
//! A person may, where one of their roles lists it (`profiles/roles.json`) and the token allows what
//! it reads; one that writes also needs a token that writes, so that an app that was let in to
//! look can change nothing. A client that acts for itself may, where its `system/` scopes cover all
//! that the operation does.
//!
//! What it is called on is reached by the caller. An operation that does what its caller may not do
//! by itself, such as the Tasks that `$apply` makes, runs as the service; then whatever its
//! parameters name is reached by the caller too, and what is not there and what is not theirs are
//! refused in the same words.

use serde_json::Value;

use super::{Invocation, Operation};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::{Grant, Permit, Reach},
        reference,
        scope::{Action, Level},
        search::query::Query,
    },
    interactions::{Context, gate::refusal},
    kernel::problem::{Problem, Result},
    people::roles,
};

/// As whom the versions of a pathway are looked up.
const TASK: &str = "http.operations";

/// Most versions of a pathway that are looked at.
const VERSIONS_MAX: u32 = 100;

/// As whom an operation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    /// With the caller's permit: it reads and writes what they may.
    AsCaller,
    /// As the service, on behalf of the caller.
    ForCaller,
}

/// Of which type something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Of this one.
    Type(&'static str),
    /// Of the one that the path names, if it names one.
    Path,
    /// Of every one, whomever it is about.
    Every,
}

/// What an operation needs of a permit.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// What it does.
    pub does: &'static [(Of, &'static [Action])],
    /// As whom it runs.
    pub runs: Runs,
}

/// The permit that the operation runs with.
///
/// # Errors
/// `Forbidden`, the same whatever the operation is called on; `NotFound` or `Gone` for what the caller
/// does not reach.
pub(super) async fn pass(
    context: &Context,
    permit: &Permit,
    operation: &'static Operation,
    invocation: &Invocation,
) -> Result<Permit> {
    if permit.grants().is_none() {
        return Ok(permit.clone());
    }
    allowed(permit, operation, invocation.kind)?;
    if let (Some(kind), Some(id)) = (invocation.kind, &invocation.id)
        // What is not there for whoever reads all is not there for anybody: the operation says so.
        && !permit.is_unbounded(kind, Action::Read)
        && context.store.read(permit, kind, id).await?.is_none()
    {
        return Err(Problem::not_found("There is no such resource."));
    }
    match operation.needs.runs {
        Runs::AsCaller => Ok(permit.clone()),
        Runs::ForCaller => {
            for named in names(invocation) {
                reached(context, permit, &named).await?;
            }
            Ok(permit.acting(operation.name))
        }
    }
}

/// Whether somebody may call an operation at all: pure.
///
/// # Errors
/// `Forbidden`.
pub(in crate::http) fn allowed(
    permit: &Permit,
    operation: &Operation,
    kind: Option<ResourceType>,
) -> Result<()> {
    let Some(login) = permit.holder() else {
        return Ok(());
    };
    let does = operation.needs.does;
    let may = if login.account.is_some() {
        roles::may_call(&login.roles, operation.kind, operation.name)
            && does
                .iter()
                .all(|(of, actions)| reads(permit, of.kind(kind), actions))
            && (!operation.writes() || writes(permit))
    } else {
        own(permit).next().is_some()
            && does
                .iter()
                .all(|(of, actions)| covered(permit, (*of, of.kind(kind)), actions))
    };
    if may { Ok(()) } else { Err(refusal()) }
}

impl Of {
    fn kind(self, path: Option<ResourceType>) -> Option<ResourceType> {
        match self {
            Self::Type(name) => ResourceType::named(name),
            Self::Path => path,
            Self::Every => None,
        }
    }
}

impl Operation {
    fn writes(&self) -> bool {
        let each = self.needs.does.iter().flat_map(|(_, actions)| *actions);
        each.copied().any(is_write)
    }
}

const fn is_write(action: Action) -> bool {
    matches!(action, Action::Create | Action::Update | Action::Delete)
}

/// What a person's token must say of what is read; where no type is named, their role decides.
fn reads(permit: &Permit, kind: Option<ResourceType>, actions: &[Action]) -> bool {
    let mut read = actions.iter().filter(|action| !is_write(**action));
    kind.is_none_or(|kind| read.all(|action| permit.allows(kind, *action)))
}

fn writes(permit: &Permit) -> bool {
    let mut grants = permit.grants().into_iter().flatten();
    grants.any(|grant| {
        Action::ALL
            .into_iter()
            .any(|one| is_write(one) && grant.scope.actions.has(one))
    })
}

/// The grants of a client that acts for itself.
fn own(permit: &Permit) -> impl Iterator<Item = &Grant> {
    let grants = permit.grants().into_iter().flatten();
    grants.filter(|grant| grant.scope.level == Level::System)
}

/// Whether the scopes of a client that acts for itself cover something.
fn covered(permit: &Permit, (of, kind): (Of, Option<ResourceType>), actions: &[Action]) -> bool {
    let covers = |grant: &Grant, action: Action| match (of, kind) {
        (Of::Every, _) => {
            let all = grant.scope.kind.is_none() && grant.scope.narrowed.is_empty();
            all && grant.reach == Reach::Everything && grant.scope.actions.has(action)
        }
        (_, Some(kind)) => grant.scope.allows(kind, action),
        // Of the system: what each resource is found with is looked at there.
        (_, None) => grant.scope.actions.has(action),
    };
    actions
        .iter()
        .all(|action| own(permit).any(|grant| covers(grant, *action)))
}

/// What the parameters of an invocation name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Resource(reference::LocalReference),
    Pathway(String),
}

/// The resources and pathways that the query and the body name.
fn names(invocation: &Invocation) -> Vec<Named> {
    let mut found = Vec::new();
    for (name, text) in &invocation.query {
        named(name, text, &mut found);
    }
    if let Some(resource) = &invocation.resource {
        walk("", resource.tree(), &mut found);
    }
    found
}

fn walk(name: &str, tree: &Value, found: &mut Vec<Named>) {
    match tree {
        Value::String(text) => named(name, text, found),
        Value::Array(items) => items.iter().for_each(|item| walk(name, item, found)),
        Value::Object(members) => {
            let name = members.get("name").and_then(Value::as_str).unwrap_or(name);
            members
                .iter()
                .filter(|(member, _)| *member != "name")
                .for_each(|(_, member)| walk(name, member, found));
        }
        _ => {}
    }
}

fn named(name: &str, text: &str, found: &mut Vec<Named>) {
    let one = match reference::local(text) {
        Some(local) => Named::Resource(local),
        None if name == "planDefinition" => Named::Pathway(text.to_owned()),
        None => return,
    };
    if !found.contains(&one) {
        found.push(one);
    }
}

/// Refuses what the caller does not reach, as if it were not there.
async fn reached(context: &Context, permit: &Permit, named: &Named) -> Result<()> {
    let there = match named {
        Named::Resource(local) if !permit.allows(local.kind, Action::Read) => false,
        Named::Resource(local) => {
            let found = context.store.read(permit, local.kind, &local.id).await?;
            found.is_some_and(|stored| !stored.is_deleted())
        }
        Named::Pathway(canonical) => pathway(context, permit, canonical).await?,
    };
    if there {
        return Ok(());
    }
    let says = "What a parameter of the operation names is not there.";
    Err(Problem::invalid("not-found", says).at("Parameters.parameter"))
}

/// Whether a pathway is there for the caller. Which version is meant is decided later, so that each
/// one of the URL is theirs to use.
async fn pathway(context: &Context, permit: &Permit, canonical: &str) -> Result<bool> {
    let kind = ResourceType::named("PlanDefinition")
        .ok_or_else(|| Problem::fault("R4 has no PlanDefinition"))?;
    if !permit.allows(kind, Action::Read) {
        return Ok(false);
    }
    let (url, version) = canonical.split_once('|').unwrap_or((canonical, ""));
    let mut query = Query::new(kind).uri("url", url).limit(VERSIONS_MAX);
    if !version.is_empty() {
        query = query.token("version", None, version);
    }
    let all = context.store.search(&Permit::system(TASK), &query).await?;
    for hit in &all.hits {
        let own = context.store.read(permit, kind, &hit.stored.id).await?;
        if own.is_none() {
            return Ok(false);
        }
    }
    Ok(!all.hits.is_empty() && all.next.is_none())
}

#[cfg(test)]
mod tests;
