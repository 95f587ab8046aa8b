//! AuditEvents made from the record, for who may read it.
//!
//! That is whoever has the role of auditor, and a client that acts for itself and whose scope names
//! the type: `system/AuditEvent.rs`. Who has the role in an Organization, or was registered for some,
//! reads what concerns their people and the patients who are in their care now. For everybody else,
//! and under any other id, AuditEvents are ordinary resources that clients have stored; so they are
//! within a transaction.

use std::{collections::HashSet, sync::Arc};

use serde_json::Value;

use crate::{
    audit::{
        Log,
        query::{self, PageSize},
        record::pseudonym,
        resource::{self, ID_PREFIX},
        whose::Whose,
    },
    fhir::{
        about::AUDITOR,
        permit::{Permit, Reach},
        scope::{Action, Level},
    },
    http::{fhir::Call, state::State},
    interactions::{Reply, bundle::Elsewhere},
    kernel::problem::{Problem, Result},
};

/// The type that the record is shown as.
const KIND: &str = "AuditEvent";

/// How far somebody reads the record.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Extent {
    /// Not at all.
    None,
    /// What concerns those of these establishments: to be widened by their parts, and as they are.
    Of(Vec<String>, Vec<String>),
    /// All of it.
    Whole,
}

/// The page of a search for AuditEvents; none, if it is not one of the record.
pub(in crate::http) async fn search(call: &Call) -> Result<Option<Reply>> {
    if call.kind.is_none_or(|kind| kind.name() != KIND) {
        return Ok(None);
    }
    find(&call.state, &call.permit, &call.query).await
}

/// The AuditEvent of an id; none, if it is not one of the record.
pub(in crate::http) async fn read(call: &Call) -> Result<Option<Reply>> {
    if call.kind.is_none_or(|kind| kind.name() != KIND) {
        return Ok(None);
    }
    let id = call.id.as_deref().unwrap_or_default();
    one(&call.state, &call.permit, id).await
}

/// The same for an entry of a batch.
pub(in crate::http) async fn elsewhere(
    state: &State,
    permit: &Permit,
    asked: &Elsewhere,
) -> Result<Option<Reply>> {
    match &asked.id {
        Some(id) => one(state, permit, id).await,
        None => find(state, permit, &asked.query).await,
    }
}

async fn find(state: &State, permit: &Permit, pairs: &[(String, String)]) -> Result<Option<Reply>> {
    let Some((log, whose)) = record(state, permit, Action::Search).await? else {
        return Ok(None);
    };
    let limits = &state.context.limits;
    let size = PageSize {
        default: limits.page_default,
        max: limits.page_max,
    };
    let asked = query::read(pairs, log.seal(), size)?;
    let base = Arc::clone(&state.context.base);
    apart(move || query::page(&log, &whose.names(&log)?, &asked, &base))
        .await
        .map(Some)
}

async fn one(state: &State, permit: &Permit, id: &str) -> Result<Option<Reply>> {
    if !id.starts_with(ID_PREFIX) {
        return Ok(None);
    }
    let Some((log, whose)) = record(state, permit, Action::Read).await? else {
        return Ok(None);
    };
    let (id, base) = (id.to_owned(), Arc::clone(&state.context.base));
    let reply = apart(move || {
        let row = query::one(&log, &whose.names(&log)?, &id)?;
        let missing = || Problem::not_found("There is no such resource.");
        row.map(|row| resource::audit_event(&row, &base))
            .ok_or_else(missing)
    });
    reply.await.map(Some)
}

/// Those whom a part of the record concerns, by name; none, where it is the whole.
struct Named(Option<Vec<String>>);

impl Named {
    fn names(self, log: &Log) -> Result<Whose> {
        let Some(names) = self.0 else {
            return Ok(Whose::Everybody);
        };
        let names = names.iter().map(|name| pseudonym(log.seal(), name));
        Ok(Whose::These(names.collect::<Result<HashSet<_>>>()?))
    }
}

/// The record, if somebody may read it, and how far.
async fn record(
    state: &State,
    permit: &Permit,
    action: Action,
) -> Result<Option<(Arc<Log>, Named)>> {
    let Some(log) = &state.audit else {
        return Ok(None);
    };
    let store = &state.context.store;
    let whose = match extent(permit, action) {
        Extent::None => return Ok(None),
        Extent::Whole => Named(None),
        Extent::Of(seeds, mut custodians) => {
            custodians.extend(store.custodians(&seeds).await?);
            Named(Some(store.belonging(&custodians).await?))
        }
    };
    Ok(Some((Arc::clone(log), whose)))
}

/// How far somebody may read the record: pure.
fn extent(permit: &Permit, action: Action) -> Extent {
    let Some(login) = permit.holder() else {
        return Extent::None;
    };
    let (mut seeds, mut custodians) = (Vec::new(), Vec::new());
    for grant in permit.grants().into_iter().flatten() {
        let scope = &grant.scope;
        // A scope that is narrowed is about stored resources, and not about the record.
        let names = scope.kind.is_some_and(|kind| kind.name() == KIND)
            && scope.narrowed.is_empty()
            && scope.actions.has(action);
        let is_own = login.account.is_none() && scope.level == Level::System;
        match &grant.reach {
            _ if !names => {}
            Reach::Everything if is_own => return Extent::Whole,
            Reach::Of { custodians: of, .. } if is_own => custodians.extend_from_slice(of),
            Reach::Of { marks, .. } if login.account.is_some() => {
                for mark in marks.iter() {
                    match mark.strip_prefix(AUDITOR) {
                        Some("") => return Extent::Whole,
                        Some(of) => seeds.extend(of.strip_prefix(':').map(str::to_owned)),
                        None => {}
                    }
                }
            }
            _ => {}
        }
    }
    if seeds.is_empty() && custodians.is_empty() {
        return Extent::None;
    }
    Extent::Of(seeds, custodians)
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
        permit::{Grant, Login},
        scope::Scope,
    };

    fn permit(account: Option<&str>, scope: &str, reach: Reach) -> Permit {
        let login = Login {
            account: account.map(str::to_owned),
            ..Login::default()
        };
        let scope = Scope::read(scope).unwrap();
        Permit::login(Arc::new(login), vec![Grant { scope, reach }])
    }

    fn of(marks: &[&str], custodians: &[&str]) -> Reach {
        let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        Reach::Of {
            marks: texts(marks),
            custodians: texts(custodians),
        }
    }

    #[test]
    fn auditors_and_clients_that_say_so_read_the_record() {
        let auditor = || of(&["", AUDITOR], &[]);
        let nurse = || of(&["", "@professional"], &["Organization/1"]);
        for (account, scope, reach, expected) in [
            (Some("a"), "user/AuditEvent.rs", auditor(), true),
            (Some("a"), "user/AuditEvent.r", auditor(), false),
            (Some("a"), "user/AuditEvent.rs", nurse(), false),
            (Some("a"), "user/AuditEvent.rs", Reach::Everything, false),
            (Some("a"), "user/*.rs", auditor(), false),
            (None, "system/AuditEvent.rs", Reach::Everything, true),
            (None, "system/AuditEvent.rs", auditor(), false),
            (None, "system/*.rs", Reach::Everything, false),
            (
                None,
                "system/AuditEvent.rs?action=R",
                Reach::Everything,
                false,
            ),
            (Some("a"), "system/AuditEvent.rs", Reach::Everything, false),
        ] {
            let found = extent(&permit(account, scope, reach.clone()), Action::Search);
            let expected = if expected {
                Extent::Whole
            } else {
                Extent::None
            };
            assert_eq!(found, expected, "{account:?} {scope} {reach:?}");
        }
        assert_eq!(extent(&Permit::development(), Action::Search), Extent::None);
    }

    #[test]
    fn who_is_of_an_establishment_reads_what_concerns_it() {
        let mark = format!("{AUDITOR}:Organization/1");
        let auditor = permit(Some("a"), "user/AuditEvent.rs", of(&["", &mark], &[]));
        let seeds = vec!["Organization/1".to_owned()];
        assert_eq!(
            extent(&auditor, Action::Read),
            Extent::Of(seeds.clone(), vec![])
        );
        let client = permit(None, "system/AuditEvent.rs", of(&[""], &["Organization/1"]));
        assert_eq!(extent(&client, Action::Read), Extent::Of(vec![], seeds));
    }
}
