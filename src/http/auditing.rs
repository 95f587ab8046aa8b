//! AuditEvents made from the record, for who may read it.
//!
//! That is whoever has the role of auditor, and a client that acts for itself and whose scope names
//! the type: `system/AuditEvent.rs`. For everybody else, and under any other id, AuditEvents are
//! ordinary resources that clients have stored.

use std::sync::Arc;

use serde_json::Value;

use super::fhir::Call;
use crate::{
    audit::{
        Log,
        query::{self, PageSize},
        resource::{self, ID_PREFIX},
    },
    fhir::{
        permit::Permit,
        scope::{Action, Level},
    },
    interactions::Reply,
    kernel::problem::{Problem, Result},
};

/// The role of who reads the record.
const AUDITOR: &str = "auditor";

/// The type that the record is shown as.
const KIND: &str = "AuditEvent";

/// The page of a search for AuditEvents; none, if it is not one of the record.
pub(super) async fn search(call: &Call) -> Result<Option<Reply>> {
    let Some(log) = record(call, Action::Search) else {
        return Ok(None);
    };
    let limits = &call.state.context.limits;
    let size = PageSize {
        default: limits.page_default,
        max: limits.page_max,
    };
    let asked = query::read(&call.query, log.seal(), size)?;
    let base = Arc::clone(&call.state.context.base);
    apart(move || query::page(&log, &asked, &base))
        .await
        .map(Some)
}

/// The AuditEvent of an id; none, if it is not one of the record.
pub(super) async fn read(call: &Call) -> Result<Option<Reply>> {
    let id = call.id.as_deref().filter(|id| id.starts_with(ID_PREFIX));
    let (Some(id), Some(log)) = (id, record(call, Action::Read)) else {
        return Ok(None);
    };
    let (id, base) = (id.to_owned(), Arc::clone(&call.state.context.base));
    let reply = apart(move || {
        let row = query::one(&log, &id)?;
        let missing = || Problem::not_found("There is no such resource.");
        row.map(|row| resource::audit_event(&row, &base))
            .ok_or_else(missing)
    });
    reply.await.map(Some)
}

/// The record, if it is what is asked for, and may be.
fn record(call: &Call, action: Action) -> Option<Arc<Log>> {
    let is_wanted = call.kind.is_some_and(|kind| kind.name() == KIND);
    if !is_wanted || !may(&call.permit, action) {
        return None;
    }
    call.state.audit.clone()
}

/// Whether somebody may read the record: pure.
fn may(permit: &Permit, action: Action) -> bool {
    let Some(login) = permit.holder() else {
        return false;
    };
    let is_auditor = login.roles.iter().any(|role| role == AUDITOR);
    permit.grants().into_iter().flatten().any(|grant| {
        let scope = &grant.scope;
        // A scope that is narrowed is about stored resources, and not about the record.
        let names = scope.kind.is_some_and(|kind| kind.name() == KIND)
            && scope.narrowed.is_empty()
            && scope.actions.has(action);
        let is_own = login.account.is_none() && scope.level == Level::System;
        names && (is_auditor || is_own)
    })
}

/// Reads the record on a thread where it holds nobody up.
async fn apart(work: impl FnOnce() -> Result<Value> + Send + 'static) -> Result<Reply> {
    let told = tokio::task::spawn_blocking(work)
        .await
        .map_err(Problem::fault)??;
    Ok(Reply::Document(told.to_string().into()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fhir::{
        permit::{Grant, Login, Reach},
        scope::Scope,
    };

    fn permit(account: Option<&str>, role: &str, scope: &str) -> Permit {
        let login = Login {
            account: account.map(str::to_owned),
            roles: vec![role.to_owned()],
            ..Login::default()
        };
        let grant = Grant {
            scope: Scope::read(scope).unwrap(),
            reach: Reach::Everything,
        };
        Permit::login(Arc::new(login), vec![grant])
    }

    #[test]
    fn auditors_and_clients_that_say_so_read_the_record() {
        for (account, role, scope, expected) in [
            (Some("a"), "auditor", "user/AuditEvent.rs", true),
            (Some("a"), "auditor", "user/AuditEvent.r", false),
            (Some("a"), "professional", "user/AuditEvent.rs", false),
            (Some("a"), "administrator", "user/*.rs", false),
            (None, "", "system/AuditEvent.rs", true),
            (None, "", "system/*.rs", false),
            (None, "", "system/AuditEvent.rs?action=R", false),
            (Some("a"), "professional", "system/AuditEvent.rs", false),
        ] {
            let permit = permit(account, role, scope);
            assert_eq!(may(&permit, Action::Search), expected, "{role} {scope}");
        }
        assert!(!may(&Permit::development(), Action::Search));
    }
}
