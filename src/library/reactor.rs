//! A SearchParameter takes effect in the transaction that writes it.
//!
//! From then on every write has its rows; what stood before gets them from the re-index that
//! begins here, and only then can it be searched by. What is withdrawn cannot be searched at once,
//! and its rows are removed in the same way.

use std::collections::HashMap;

use futures_util::future::BoxFuture;

use super::reindex;
use crate::{
    fhir::search::parameters::{Definition, Parameters},
    kernel::problem::Result,
    store::{Change, IndexedParameter, Reactor, Tx},
};

/// Puts defined search parameters into effect.
#[derive(Debug, Default, Clone, Copy)]
pub struct ParameterReactor;

impl Reactor for ParameterReactor {
    fn name(&self) -> &'static str {
        "library.parameters"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "SearchParameter"
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let parameters = tx.parameters().await?;
            let tree = change.resource.as_ref().map(|resource| resource.tree());
            if let Some(tree) = tree.filter(|tree| tree["status"] == "active") {
                parameters.admit(&Definition::read(tree)?)?;
            }
            settle(tx, &parameters).await
        })
    }
}

/// Begins what the index lacks of these parameters, or has beside them.
pub(super) async fn settle(tx: &mut Tx, parameters: &Parameters) -> Result<()> {
    let mut kinds = tx.indexed_kinds().await?;
    kinds.extend(parameters.types());
    kinds.sort_unstable();
    kinds.dedup();
    let mut begun = false;
    for kind in kinds {
        let defined = parameters.defined(kind).iter();
        let mut wanted: HashMap<i64, i64> = defined
            .map(|each| (each.parameter.id, each.rules))
            .collect();
        let mut changed = false;
        for known in tx.indexed(kind).await? {
            match wanted.get(&known.param) {
                Some(rules) if *rules == known.rules => {
                    wanted.remove(&known.param);
                }
                Some(_) => {}
                None => {
                    tx.forget_indexed(known.param).await?;
                    changed = true;
                }
            }
        }
        if !changed && wanted.is_empty() {
            continue;
        }
        let has_resources = tx.begin_reindex(kind).await?;
        for (param, rules) in wanted {
            let indexed = IndexedParameter {
                param,
                rules,
                ready: !has_resources,
            };
            tx.note_indexed(kind, &indexed).await?;
        }
        begun |= has_resources;
    }
    if begun {
        tx.enqueue(&reindex::job(tx.now())).await?;
    }
    Ok(())
}
