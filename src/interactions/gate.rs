//! What a request needs of a permit before it is looked at: pure.
//!
//! The store finds and writes nothing that a permit does not reach; this says so where the type
//! alone decides: who may never do this to any resource of the type is refused, the same for every
//! id. A chain and `_has` would otherwise look as if nothing satisfied them, and tell by their silence
//! what is there; the types that they ask are held to the permit too.
//!
//! Specification:
//! <https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources>.

use serde_json::Value;

use super::{bundle::Request, patch::Target};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::{Grant, Permit},
        resource::Resource,
        scope::Action,
        search::query::{Clause, Query},
    },
    kernel::problem::{Category, Problem, Result},
    store::HistoryOf,
};

/// What a line of the router's table needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it is told to whoever asks, known or not.
    Nothing,
    /// A permit to do all of this to some resource of the path's type.
    Actions(&'static [Action]),
    /// A permit; what the query or each entry asks is held to it once it has been read.
    Within,
}

/// What each interaction does; of a condition, that it searches.
pub const CREATE: &[Action] = &[Action::Create];
/// Read, vread and the history of a resource.
pub const READ: &[Action] = &[Action::Read];
/// A search, and the history of a type.
pub const SEARCH: &[Action] = &[Action::Search];
/// An update.
pub const UPDATE: &[Action] = &[Action::Update];
/// A deletion.
pub const DELETE: &[Action] = &[Action::Delete];
/// A patch tells by its steps and its answer what was there: it reads, too.
pub const PATCH: &[Action] = &[Action::Read, Action::Update];
/// An update under a condition.
pub const CONDITIONAL_UPDATE: &[Action] = &[Action::Search, Action::Update];
/// A deletion under a condition.
pub const CONDITIONAL_DELETE: &[Action] = &[Action::Search, Action::Delete];
/// A patch under a condition.
pub const CONDITIONAL_PATCH: &[Action] = &[Action::Search, Action::Read, Action::Update];

/// The refusal of what no scope covers; it names nothing that is there.
#[must_use]
pub fn refusal() -> Problem {
    let says = "The access token does not allow this.";
    Problem::new(Category::Forbidden, "forbidden", says)
}

/// Holds a use of a type to the permit.
///
/// # Errors
/// `Forbidden`.
pub fn check(permit: &Permit, kind: ResourceType, actions: &[Action]) -> Result<()> {
    if actions.iter().all(|action| permit.allows(kind, *action)) {
        return Ok(());
    }
    Err(refusal())
}

/// Holds a line of the router's table to the permit; `kind` is the path's type.
///
/// # Errors
/// `Forbidden`.
pub fn line(permit: &Permit, needs: Needs, kind: Option<ResourceType>) -> Result<()> {
    match (needs, kind) {
        (Needs::Nothing | Needs::Within, _) => Ok(()),
        (Needs::Actions(actions), Some(kind)) => check(permit, kind, actions),
        (Needs::Actions(_), None) => Err(Problem::fault("a line needs a type and has none")),
    }
}

/// Holds an entry of a batch or transaction to the permit, as if it were asked alone; `written`
/// is its resource.
///
/// # Errors
/// `Forbidden`.
pub fn entry(permit: &Permit, request: &Request, written: Option<&Resource>) -> Result<()> {
    match request {
        Request::Create { condition } => {
            of(permit, written, CREATE)?;
            condition.as_ref().map_or(Ok(()), |each| each.check(permit))
        }
        Request::Update { .. } => of(permit, written, UPDATE),
        Request::ConditionalUpdate { criteria, .. } => {
            of(permit, written, UPDATE)?;
            criteria.check(permit)
        }
        Request::Delete { target, .. } => check(permit, target.0, DELETE),
        Request::ConditionalDelete(criteria) => {
            check(permit, criteria.kind(), DELETE)?;
            criteria.check(permit)
        }
        Request::Patch { target, .. } => match target {
            Target::Instance(kind, _) => check(permit, *kind, PATCH),
            Target::Criteria(criteria) => {
                check(permit, criteria.kind(), PATCH)?;
                criteria.check(permit)
            }
        },
        Request::Read { target, .. } | Request::Vread(target, _) => check(permit, target.0, READ),
        Request::History(of, _) => history(permit, of),
        Request::Search(query) => search(permit, query),
        // The operations' table holds the call to the permit.
        Request::Operation(_) => Ok(()),
    }
}

fn of(permit: &Permit, written: Option<&Resource>, actions: &[Action]) -> Result<()> {
    let written = written.ok_or_else(|| Problem::fault("a part that writes has no resource"))?;
    check(permit, written.kind(), actions)?;
    spoken(permit, written)
}

/// Holds a history to the permit. That of the system leaves out the types that it does not reach.
///
/// # Errors
/// `Forbidden`.
pub fn history(permit: &Permit, of: &HistoryOf) -> Result<()> {
    match of {
        HistoryOf::Instance(kind, _) => check(permit, *kind, READ),
        HistoryOf::Type(kind) => check(permit, *kind, SEARCH),
        HistoryOf::System => {
            let searches = |grant: &Grant| grant.scope.actions.has(Action::Search);
            if permit
                .grants()
                .is_none_or(|grants| grants.iter().any(searches))
            {
                Ok(())
            } else {
                Err(refusal())
            }
        }
    }
}

/// Holds a search to the permit: the types searched, and those that its conditions ask.
///
/// A search over types that it names needs all of them; one that names none is that of the types
/// that the permit reaches, and is refused where it reaches none.
///
/// # Errors
/// `Forbidden`.
pub fn search(permit: &Permit, query: &Query) -> Result<()> {
    let mut kinds = std::iter::once(query).chain(&query.others);
    let allowed = |each: &Query| permit.allows(each.kind, Action::Search);
    let is_named = !query.system || query.applied.iter().any(|(name, _)| name == "_type");
    let may = if is_named {
        kinds.all(allowed)
    } else {
        kinds.any(allowed)
    };
    if !may {
        return Err(refusal());
    }
    std::iter::once(query)
        .chain(&query.others)
        .filter(|each| allowed(each))
        .try_for_each(|each| clauses(permit, &each.clauses))
}

/// Holds the types that conditions ask to the permit.
///
/// # Errors
/// `Forbidden`.
pub fn clauses(permit: &Permit, clauses: &[Clause]) -> Result<()> {
    clauses.iter().try_for_each(|each| clause(permit, each))
}

fn clause(permit: &Permit, each: &Clause) -> Result<()> {
    match each {
        Clause::Chain { targets, .. } => {
            // A chain that names no type asks all that the reference may lead to: those that the
            // permit does not reach are not there for it.
            let mut reached = targets
                .iter()
                .filter(|(kind, _)| permit.allows(*kind, Action::Search))
                .peekable();
            if reached.peek().is_none() {
                return Err(refusal());
            }
            reached
                .into_iter()
                .try_for_each(|(_, inner)| clause(permit, inner))
        }
        Clause::Has {
            source,
            clause: inner,
            ..
        } => {
            check(permit, *source, SEARCH)?;
            clause(permit, inner)
        }
        Clause::All(inner) | Clause::Any(inner) => clauses(permit, inner),
        Clause::Not(inner) => clause(permit, inner),
        Clause::Id(_)
        | Clause::Updated(_)
        | Clause::Some(_)
        | Clause::None(_)
        | Clause::Other(_)
        | Clause::Word(_)
        | Clause::Missing(..) => Ok(()),
    }
}

/// By which elements a resource says who has spoken.
const SPEAKERS: [(&str, &[&str]); 3] = [
    ("Communication", &["sender"]),
    ("Observation", &["performer"]),
    ("QuestionnaireResponse", &["author", "source"]),
];

/// Refuses what a patient, or who stands for one, writes in somebody else's name: they speak for
/// themselves, or for the patient.
///
/// # Errors
/// `Forbidden`, with the place.
pub fn spoken(permit: &Permit, resource: &Resource) -> Result<()> {
    let Some(login) = permit.holder().filter(|_| permit.grants().is_some()) else {
        return Ok(());
    };
    let own = login.fhir_user.as_deref().unwrap_or_default();
    if !own.starts_with("Patient/") && !own.starts_with("RelatedPerson/") {
        return Ok(());
    }
    let (kind, tree) = (resource.kind().name(), resource.tree());
    let speakers = SPEAKERS.iter().find(|(name, _)| *name == kind);
    let subject = tree["subject"]["reference"].as_str();
    let near = subject.filter(|subject| subject.starts_with("Patient/"));
    let may = |speaker: &Value| {
        let named = speaker["reference"].as_str();
        named == Some(own) || named.is_some() && named == near
    };
    for name in speakers.into_iter().flat_map(|(_, names)| *names) {
        let said = match &tree[*name] {
            Value::Null => true,
            Value::Array(all) => all.iter().all(may),
            one => may(one),
        };
        if !said {
            let says = "Whoever writes this speaks for themselves, or for the patient.";
            let problem = Problem::new(Category::Forbidden, "forbidden", says);
            return Err(problem.at(format!("{kind}.{name}")));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "gate/tests.rs"]
mod tests;
