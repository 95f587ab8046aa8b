//! Reading strictly: what is not R4 is refused, with its place.
//!
//! Specification: <http://hl7.org/fhir/R4/validation.html>, <http://hl7.org/fhir/R4/json.html>.
//! What costs more (profiles, invariants, terminology) is for the [`judge`].

mod judge;
mod narratives;
mod place;
pub mod primitive;
mod structure;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

pub use judge::{MOST_JUDGED_ISSUES, Profiled, Rigour, Trust, judge};
pub use structure::MOST_ISSUES;

use self::structure::Required;
use super::{definitions::ResourceType, json::Limits, knowledge::Knowledge, resource::Resource};
use crate::kernel::problem::{Category, Issue, Problem, Result, Severity};

/// Reads a resource that a client sent: JSON, then structure, then primitives.
///
/// # Errors
/// `Malformed` for what is not JSON or no resource, `Invalid` for what is not R4; each issue names
/// its place.
pub fn read(body: &Bytes, limits: &Limits) -> Result<Resource> {
    let tree = super::json::parse(body, limits)?;
    check(&tree)?;
    Resource::trusted(tree)
}

/// Checks a resource against the tables of R4.
///
/// # Errors
/// `Malformed` where there is no resource of a known type, else `Invalid`; all faults are listed,
/// up to [`MOST_ISSUES`].
pub fn check(tree: &Value) -> Result<()> {
    check_structure(tree, Required::Asked)
}

/// How a resource is judged that is to be stored.
#[derive(Debug, Clone)]
pub enum Judgement {
    /// As [`check`], but what R4 requires may be absent: some of its own examples lack it.
    Lenient,
    /// As [`check`].
    Base,
    /// As [`check`], and then by what the definitions say.
    Profiles(Arc<Knowledge>),
    /// As the judgement within; and a narrative that does something in a browser is refused.
    Inert(Box<Self>),
    /// As the judgement within, once what does something in a browser is taken out of narratives;
    /// where that cannot be, it is refused.
    Cleaned(Box<Self>),
}

impl Judgement {
    /// Reads a resource that is to be stored; see [`read`].
    ///
    /// # Errors
    /// As [`Judgement::check`], and `Malformed` for what is not JSON.
    pub fn read(&self, body: &Bytes, limits: &Limits) -> Result<Resource> {
        let mut tree = super::json::parse(body, limits)?;
        self.settle(&mut tree)?;
        Resource::trusted(tree)
    }

    /// Reads a resource that will get another id than it brings: the one that it brings is not
    /// judged, for it is not kept.
    ///
    /// # Errors
    /// As [`Judgement::read`].
    pub fn read_new(&self, body: &Bytes, limits: &Limits) -> Result<Resource> {
        let mut tree = super::json::parse(body, limits)?;
        leave_out_id(&mut tree);
        self.settle(&mut tree)?;
        Resource::trusted(tree)
    }

    /// Makes of a resource what is to be stored, and judges it.
    ///
    /// # Errors
    /// As [`check`].
    pub fn settle(&self, tree: &mut Value) -> Result<()> {
        if let Self::Cleaned(_) = self {
            narratives::clean(tree);
        }
        self.check(tree)
    }

    /// Judges a resource that is to be stored.
    ///
    /// # Errors
    /// As [`check`].
    pub fn check(&self, tree: &Value) -> Result<()> {
        match self {
            Self::Lenient => check_structure(tree, Required::Forgiven),
            Self::Base => check(tree),
            Self::Profiles(knowledge) => check_profiles(tree, knowledge),
            Self::Inert(within) | Self::Cleaned(within) => {
                within.check(tree)?;
                refuse(narratives::faults(tree))
            }
        }
    }
}

/// What is an error to [`judge`] is one here; warnings hold nothing up.
fn check_profiles(tree: &Value, knowledge: &Knowledge) -> Result<()> {
    check(tree)?;
    let mut issues = judge(tree, &[], knowledge, &Rigour::default());
    issues.retain(|each| each.severity == Severity::Error);
    issues.truncate(MOST_ISSUES);
    refuse(issues)
}

fn refuse(issues: Vec<Issue>) -> Result<()> {
    if issues.is_empty() {
        Ok(())
    } else {
        Err(Problem::with_issues(Category::Invalid, issues))
    }
}

/// Takes the id out of a resource that will get another.
pub fn leave_out_id(tree: &mut Value) {
    if let Value::Object(members) = tree {
        members.shift_remove("id");
        members.shift_remove("_id");
    }
}

fn check_structure(tree: &Value, required: Required) -> Result<()> {
    let kind = kind(tree)?;
    refuse(structure::faults(kind, tree, required))
}

fn kind(tree: &Value) -> Result<ResourceType> {
    let refused = |why: &str| Problem::malformed("structure", why);
    let Value::Object(members) = tree else {
        return Err(refused("The body is not a JSON object."));
    };
    let Some(name) = members.get("resourceType") else {
        return Err(refused("The body has no `resourceType`.").at("resourceType"));
    };
    name.as_str()
        .and_then(ResourceType::named)
        .ok_or_else(|| refused("`resourceType` names no resource type of R4.").at("resourceType"))
}
