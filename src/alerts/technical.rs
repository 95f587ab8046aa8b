//! What fails is told: a rule that cannot be judged, a message that cannot be delivered.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{
    flag::Finding,
    record::{Concern, record},
    rule::Level,
};
use crate::{
    fhir::{
        canonical::{DELIVERY_FAILURE, code_in},
        reference,
    },
    kernel::problem::Result,
    store::{Change, Reactor, Tx},
};

/// The code of a rule that could not be judged.
pub const RULE_FAILED: &str = "T1";

/// The code of a message that could not be delivered.
pub const DELIVERY_FAILED: &str = "T2";

/// A rule could not be judged on an answer; the answer stands all the same.
#[must_use]
pub fn rule_failed(rule: &str, error: &str, pathway: Option<&str>, source: String) -> Finding {
    Finding {
        rule: RULE_FAILED.to_owned(),
        title: "Une règle n'a pas pu être évaluée".to_owned(),
        pathway: pathway.map(str::to_owned),
        level: Level::Simple,
        source,
        evidence: format!("{rule}: {error}"),
        category: "admin",
        route: None,
        phone_call: false,
    }
}

/// Sees Communications that could not be delivered.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryReactor;

impl Reactor for DeliveryReactor {
    fn name(&self) -> &'static str {
        "alerts.delivery"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "Communication"
            && change.resource.as_ref().is_some_and(|resource| {
                let tree = resource.tree();
                // A technical message that fails must not raise the next one for ever.
                tree["status"] == "not-done" && !is_technical(tree) && !is_muted(tree)
            })
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(message) = &change.resource else {
                return Ok(());
            };
            let tree = message.tree();
            let patient = tree["subject"]["reference"].as_str();
            let Some(patient) = patient.and_then(|p| p.strip_prefix("Patient/")) else {
                return Ok(());
            };
            let concern = Concern {
                patient: patient.to_owned(),
                plan: plan_of(tx, tree).await?,
            };
            let finding = Finding {
                rule: DELIVERY_FAILED.to_owned(),
                title: "Un message n'a pas pu être remis".to_owned(),
                pathway: None,
                level: Level::Simple,
                source: format!("Communication/{}", change.stored.id),
                evidence: tree["statusReason"]["coding"][0]["code"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                category: "admin",
                route: None,
                // Where writing does not reach, somebody calls.
                phone_call: true,
            };
            record(tx, &concern, &[finding]).await
        })
    }
}

fn is_technical(message: &Value) -> bool {
    message["category"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|category| category["coding"][0]["code"] == "technical")
}

/// What its recipient does not wish is no failure.
fn is_muted(message: &Value) -> bool {
    code_in(&message["statusReason"], DELIVERY_FAILURE) == Some("muted")
}

/// The CarePlan that a message belongs to, or `null`.
pub(super) async fn plan_of(tx: &mut Tx, message: &Value) -> Result<Arc<Value>> {
    let named = message["basedOn"][0]["reference"]
        .as_str()
        .and_then(reference::local);
    let Some(local) = named else {
        return Ok(Arc::new(Value::Null));
    };
    match tx.read(local.kind, &local.id).await? {
        Some(stored) => stored.tree().map(Arc::new),
        None => Ok(Arc::new(Value::Null)),
    }
}
