//! What comes about somebody after they have been erased is not taken: a telephone that was
//! offline must not bring back what was to go.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::seal::Seal;
use crate::{
    care::kind,
    fhir::reference,
    kernel::problem::{Problem, Result},
    store::{Change, Reactor, Tx},
};

/// The members by which most resources say whom they are about.
const SUBJECT: [&str; 4] = ["subject", "patient", "for", "beneficiary"];

/// Refuses resources about a person who has been erased; a Patient of the same id may be written
/// anew, and is then somebody who is here.
pub struct LateReactor(pub Seal);

fn subjects(tree: &Value) -> impl Iterator<Item = (&'static str, &str)> {
    SUBJECT.into_iter().filter_map(|member| {
        let id = tree[member]["reference"]
            .as_str()?
            .strip_prefix("Patient/")?;
        reference::is_id(id).then_some((member, id))
    })
}

impl Reactor for LateReactor {
    fn name(&self) -> &'static str {
        "erasure.late"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.previous.is_none()
            && change
                .resource
                .as_ref()
                .is_some_and(|resource| subjects(resource.tree()).next().is_some())
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(resource) = &change.resource else {
                return Ok(());
            };
            for (member, id) in subjects(resource.tree()) {
                // The shorter look first: hardly anybody has been erased.
                let name = self.0.name(&format!("Patient/{id}"))?;
                if tx.is_erased(&name).await? && tx.read(kind("Patient")?, id).await?.is_none() {
                    let says = "There is no such Patient.";
                    let place = format!("{}.{member}", change.stored.kind);
                    return Err(Problem::invalid("not-found", says).at(place));
                }
            }
            Ok(())
        })
    }
}
