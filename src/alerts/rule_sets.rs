//! Compiled rules, kept at hand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use super::rule::RuleSet;
use crate::store::Canonical;

/// Most rule sets kept; with one more, all are forgotten.
const KEPT_MAX: usize = 256;

/// Compiled rules by the id of their PlanDefinition.
///
/// They are used only for the very bytes that they were compiled from: a version number alone
/// would not do, as a version that was undone may come again with other rules.
#[derive(Debug, Default)]
pub struct RuleSets {
    // A short critical section without await, hence not tokio's mutex.
    known: Mutex<HashMap<String, (Bytes, Arc<RuleSet>)>>,
}

impl RuleSets {
    /// The rules of a PlanDefinition.
    pub fn of(&self, definition: &Canonical) -> Arc<RuleSet> {
        let body = definition.stored.body.clone().unwrap_or_default();
        if let Some((of, rules)) = self.lock().get(&definition.stored.id)
            && *of == body
        {
            return Arc::clone(rules);
        }
        let rules = Arc::new(RuleSet::read(&definition.tree));
        let mut known = self.lock();
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        known.insert(definition.stored.id.clone(), (body, Arc::clone(&rules)));
        rules
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Bytes, Arc<RuleSet>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        fhir::{canonical::PATHWAY_ACTION, definitions::ResourceType},
        kernel::clock::from_millis,
        store::Stored,
    };

    fn definition(rule: &str) -> Canonical {
        let tree: Value = json!({ "url": "u", "version": "1", "action": [{
            "id": rule,
            "code": [{ "coding": [{ "system": PATHWAY_ACTION, "code": "alert-rule" }] }],
        }] });
        let stored = Stored {
            key: 1,
            kind: ResourceType::named("PlanDefinition").expect("a type"),
            id: "p".into(),
            version: 2,
            updated: from_millis(0),
            body: Some(Bytes::from(tree.to_string())),
        };
        Canonical { stored, tree }
    }

    #[test]
    fn a_version_that_comes_again_with_other_rules_is_compiled_again() {
        let sets = RuleSets::default();
        assert_eq!(sets.of(&definition("U1")).rules[0].id, "U1");
        assert_eq!(sets.of(&definition("U2")).rules[0].id, "U2");
        let first = sets.of(&definition("U2"));
        assert!(Arc::ptr_eq(&first, &sets.of(&definition("U2"))));
    }
}
