//! What a part may name: a pathway's URL, and the pathways that a follow-up is by.
//!
//! Who finds a definition by its URL takes the newest one of it. So a URL belongs to who may write
//! what has it already: nobody else's takes its place. And a CarePlan by a pathway makes its rules
//! be judged, so that who does not see the pathway makes none.

use serde_json::Value;

use super::Tx;
use crate::{
    fhir::{about, definitions::ResourceType, permit::Permit, scope::Action, search::query::Query},
    kernel::problem::{Category, Problem, Result},
    store::{Prepared, Stored},
};

/// Under which the definitions of a URL are found, whosever they are.
static ALL: Permit = Permit::system("store.naming");

/// Most definitions of one URL; beyond it, nobody adds one whose reach is bounded.
const NAMESAKES_MAX: u32 = 100;

impl Tx {
    /// Refuses a version that names what its writer may not.
    ///
    /// # Errors
    /// `Forbidden`.
    pub(super) async fn check_names(
        &mut self,
        prepared: &Prepared,
        before: Option<&Stored>,
    ) -> Result<()> {
        let kind = prepared.resource.kind();
        if self.permit.grants().is_none() || self.permit.is_unbounded(kind, Action::Update) {
            return Ok(());
        }
        let tree = prepared.resource.tree();
        let is_plan = kind.name() == "CarePlan";
        let named = match is_plan {
            true => canonicals(tree),
            false if about::is_offered(kind) => tree["url"].as_str().into_iter().collect(),
            false => return Ok(()),
        };
        let before = match before {
            Some(stored) if !named.is_empty() => stored.tree()?,
            _ => Value::Null,
        };
        let (of, action) = match ResourceType::named("PlanDefinition").filter(|_| is_plan) {
            Some(pathway) => (pathway, Action::Read),
            None => (kind, Action::Update),
        };
        for name in named {
            let stood = canonicals(&before).contains(&name) || before["url"] == name;
            if !stood && !self.may_name((of, action), name).await? {
                return Err(refused());
            }
        }
        Ok(())
    }

    /// Whether every definition of a URL, or of a `url|version`, is reached by an action.
    async fn may_name(
        &mut self,
        (kind, action): (ResourceType, Action),
        canonical: &str,
    ) -> Result<bool> {
        let (url, version) = canonical.split_once('|').unwrap_or((canonical, ""));
        let mut query = Query::new(kind).uri("url", url).limit(NAMESAKES_MAX);
        if !version.is_empty() {
            query = query.token("version", None, version);
        }
        let found = self.session.search(&ALL, &query).await?;
        for hit in &found.hits {
            if !self.reaches(&hit.stored, action).await? {
                return Ok(false);
            }
        }
        Ok(found.next.is_none())
    }
}

/// The pathways that a CarePlan is by.
fn canonicals(tree: &Value) -> Vec<&str> {
    let all = tree["instantiatesCanonical"].as_array();
    let all = all.into_iter().flatten();
    all.filter_map(Value::as_str).collect()
}

fn refused() -> Problem {
    let text = "What this names by its URL is not the writer's to name.";
    Problem::new(Category::Forbidden, "forbidden", text)
}
