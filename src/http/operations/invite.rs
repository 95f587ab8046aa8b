//! `Patient/[id]/$invite` and `RelatedPerson/[id]/$invite`: an account for somebody who is followed,
//! or who answers for them. They are written to; who asks learns nothing that would open it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::json;

use super::{Invocation, State};
use crate::{
    fhir::permit::Permit,
    interactions::Reply,
    kernel::problem::{Category, Problem, Result},
    store::AccountKind,
};

/// Invites the person; the parameter `login` names what they will type, where it is not to be
/// their mail address.
pub(super) fn run(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let people = state.people.as_ref().ok_or_else(|| {
            let text = "This server has no accounts.";
            Problem::new(Category::NotSupported, "not-supported", text)
        })?;
        let (Some(kind), Some(id)) = (invocation.kind, &invocation.id) else {
            return Err(Problem::not_found("There is nobody of this id."));
        };
        let account = match kind.name() {
            "Patient" => AccountKind::Patient,
            _ => AccountKind::Proxy,
        };
        // Whom the caller does not reach is not there.
        let found = state.context.store.read(&permit, kind, id).await?;
        if found.is_none_or(|stored| stored.is_deleted()) {
            return Err(Problem::not_found("There is nobody of this id."));
        }
        let parameters = super::as_parameters(&invocation);
        let given = parameters["parameter"].as_array().into_iter().flatten();
        let mut logins = given.filter(|one| one["name"] == "login");
        let login = logins.find_map(|one| one["valueString"].as_str());
        people
            .invite_person(account, &format!("{kind}/{id}"), login)
            .await?;
        let told = json!({
            "resourceType": "OperationOutcome",
            "issue": [{
                "severity": "information",
                "code": "informational",
                "diagnostics": "The invitation is on its way.",
            }],
        });
        Ok(Reply::Document(told.to_string().into()))
    })
}
