//! What people write by text message is seen by somebody: that they want no more of them, and
//! anything else that they say.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{
    flag::Finding,
    record::{Concern, record},
    rule::Level,
    technical::plan_of,
};
use crate::{
    fhir::canonical::{INBOUND_MESSAGE, code_in},
    kernel::problem::Result,
    store::{Change, Reactor, Tx},
};

/// The code of a person who wants no more text messages.
pub const TEXTS_REFUSED: &str = "T3";

/// The code of a person who has written something.
pub const TEXT_RECEIVED: &str = "T4";

/// Sees messages that have come in.
#[derive(Debug, Clone, Copy, Default)]
pub struct InboundReactor;

impl Reactor for InboundReactor {
    fn name(&self) -> &'static str {
        "alerts.inbound"
    }

    fn concerns(&self, change: &Change) -> bool {
        change.stored.kind.name() == "Communication"
            && change.previous.is_none()
            && change
                .resource
                .as_ref()
                .is_some_and(|resource| rule_of(resource.tree()).is_some())
    }

    fn react<'a>(&'a self, tx: &'a mut Tx, change: &'a Change) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(message) = &change.resource else {
                return Ok(());
            };
            let tree = message.tree();
            let patient = tree["subject"]["reference"].as_str();
            let (Some(patient), Some((rule, title))) = (
                patient.and_then(|patient| patient.strip_prefix("Patient/")),
                rule_of(tree),
            ) else {
                return Ok(());
            };
            let concern = Concern {
                patient: patient.to_owned(),
                plan: plan_of(tx, tree).await?,
            };
            let finding = Finding {
                rule: rule.to_owned(),
                title: title.to_owned(),
                pathway: None,
                level: Level::Simple,
                source: format!("Communication/{}", change.stored.id),
                evidence: String::new(),
                category: "admin",
                route: None,
                phone_call: true,
            };
            record(tx, &concern, &[finding]).await
        })
    }
}

/// The rule and its title; none for what asks for nobody's attention.
fn rule_of(message: &Value) -> Option<(&'static str, &'static str)> {
    match code_in(&message["category"], INBOUND_MESSAGE)? {
        "stop" => Some((TEXTS_REFUSED, "La personne ne veut plus de SMS")),
        "words" => Some((TEXT_RECEIVED, "La personne a écrit par SMS")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stop_and_words_are_told_and_a_start_is_not() {
        let rule = |code: &str| {
            let category = json!({ "coding": [{ "system": INBOUND_MESSAGE, "code": code }] });
            rule_of(&json!({ "category": [category] })).map(|(rule, _)| rule)
        };
        assert_eq!(rule("stop"), Some("T3"));
        assert_eq!(rule("words"), Some("T4"));
        assert_eq!(rule("start"), None);
        assert_eq!(rule_of(&json!({})), None);
    }
}
