//! What is recorded of a request: who asked, for what, whose data it was, how it ended.
//!
//! A [`Hook`] is taken before anything else is done and concluded when the answer is made; a
//! request that is given up in between is recorded with what is known of it. Values of a query or
//! of a resource are never told: they are health information.

mod beside;
mod door;
pub(super) mod events;
mod told;

use std::sync::Arc;

use axum::http::{Extensions, Method, StatusCode};
use bytes::Bytes;

pub(super) use self::{
    beside::{Given, Passing, around},
    door::door,
};
use super::{
    fhir::{Body, Call, Endpoint},
    peer::Peer,
    state::State,
};
use crate::{
    audit::{Agent, Event, Outcome, Record, Ticket, mention},
    fhir::{definitions::ResourceType, permit::Permit},
    interactions::Reply,
    kernel::problem::Result,
    store::Stored,
};

/// As whom the record looks up whose data a deleted resource was.
const TASK: &str = "http.audit";

/// The place of one request in the record; none where nothing is recorded.
pub(super) struct Hook {
    ticket: Option<Ticket>,
    /// A bundle, whose entries are recorded one by one.
    bundle: Bytes,
    /// The entries of the bundle.
    others: Vec<Record>,
    /// Whether the answer leaves elements out, such as those that say whose data it is.
    is_partial: bool,
}

impl Hook {
    /// A place for a request.
    ///
    /// # Errors
    /// `Busy`, if nothing can be recorded: then nothing is done.
    pub(super) fn begin(
        state: &State,
        endpoint: &Endpoint,
        extensions: &Extensions,
    ) -> Result<Self> {
        let mut ticket = match &state.audit {
            // What the server can do is told to everybody.
            Some(log) if endpoint.path != "/metadata" => {
                let path: Vec<&str> = told::segments(&endpoint.path).collect();
                Some(log.begin(told::event(endpoint.verb.as_str(), &path))?)
            }
            _ => None,
        };
        if let Some(record) = ticket.as_mut().and_then(Ticket::record) {
            record.is_urgent = told::writes(endpoint.verb.as_str(), &endpoint.path);
            record.address = Peer::of(extensions).map(|peer| peer.address);
        }
        Ok(Self {
            ticket,
            bundle: Bytes::new(),
            others: Vec::new(),
            is_partial: false,
        })
    }

    fn record(&mut self) -> Option<&mut Record> {
        self.ticket.as_mut()?.record()
    }

    /// Who asks.
    pub(super) fn by(&mut self, permit: &Permit) {
        if let Some(record) = self.record() {
            record.agent = Agent::of(permit);
        }
    }

    /// What the path and the query ask for.
    pub(super) fn asks(&mut self, call: &Call) {
        self.is_partial = told::is_partial(&call.query);
        let Some(record) = self.record() else { return };
        record.kind = call.kind.map(ResourceType::name);
        record.id.clone_from(&call.id);
        if record.kind == Some("Patient") {
            record.patients.extend(call.id.clone());
        }
        if let Some(version) = &call.version
            && version.bytes().all(|byte| byte.is_ascii_digit())
        {
            record.tell(&format!("version={version}"));
        }
        let member = call.member.as_deref().and_then(ResourceType::named);
        if let Some(member) = member {
            record.tell(member.name());
        }
        told::query(member.or(call.kind), &call.query, record);
    }

    /// What the body asks for: a form, the parameters of an operation, the entries of a bundle.
    pub(super) fn brings(&mut self, call: &Call, endpoint: &Endpoint) {
        let Some(record) = self.record() else { return };
        if endpoint.body == Body::Form {
            record.detail.clear();
            self.asks(call);
        } else if matches!(record.event, Event::Operation(_)) {
            mention::patients_of_client(&call.body, &mut record.patients);
        } else if endpoint.verb == Method::POST && told::segments(&endpoint.path).next().is_none() {
            self.bundle = call.body.clone();
        }
    }

    /// What came of it.
    pub(super) async fn comes_to(&mut self, state: &State, reply: &Reply) {
        if self.ticket.is_none() {
            return;
        }
        let before = match reply {
            Reply::Deleted(Some(gone)) => before(state, gone).await,
            _ => None,
        };
        let whole = if self.is_partial {
            whole(state, reply).await
        } else {
            Vec::new()
        };
        let bundle = std::mem::take(&mut self.bundle);
        let base = Arc::clone(&state.context.base);
        let mut left_out = Vec::new();
        let Some(record) = self.record() else { return };
        for stored in &whole {
            touch_patients(record, stored);
        }
        match reply {
            Reply::Version(stored)
            | Reply::Created(stored)
            | Reply::Updated(stored)
            | Reply::Existing(stored)
            | Reply::Accepted(stored) => touch(record, stored),
            Reply::NotModified(stored) | Reply::Headed(Some(stored)) => name(record, stored),
            Reply::Deleted(Some(gone)) => {
                name(record, gone);
                if let Some(before) = &before {
                    touch(record, before);
                }
            }
            Reply::Document(bytes) => {
                mention::patients(bytes, &mut record.patients);
                if !bundle.is_empty() {
                    let (event, entries) = told::entries(record, (&bundle, bytes), &base);
                    record.event = event;
                    // Those of the entries are told there.
                    record.patients.clear();
                    left_out = entries;
                }
            }
            Reply::Table(..) => record.tell("table"),
            Reply::Deleted(None) | Reply::Headed(None) | Reply::Underway { .. } => {}
        }
        for told::Entry {
            mut record,
            partial,
        } in left_out
        {
            for stored in kept(state, &partial).await {
                touch_patients(&mut record, &stored);
            }
            self.others.push(record);
        }
    }

    /// Records the request, which ended with this status; `request` is the number that the log of
    /// the server knows it by.
    ///
    /// # Errors
    /// `Busy`, if it must be durable in the record and cannot be.
    pub(super) async fn conclude(
        mut self,
        state: &State,
        status: StatusCode,
        request: Option<String>,
    ) -> Result<()> {
        let Some(mut ticket) = self.ticket.take() else {
            return Ok(());
        };
        // Whoever is nobody cannot fill the disk.
        if status == StatusCode::UNAUTHORIZED
            && state
                .audit
                .as_ref()
                .is_some_and(|log| !log.admits_refusal())
        {
            ticket.forget();
            return Ok(());
        }
        if let Some(record) = ticket.record() {
            record.status = status.as_u16();
            record.outcome = Outcome::of_status(status.as_u16());
            record.request.clone_from(&request);
        }
        for other in &mut self.others {
            other.request.clone_from(&request);
        }
        ticket.conclude(self.others).await
    }
}

/// The resource that it came to, and whose data that is.
fn touch(record: &mut Record, stored: &Stored) {
    touch_patients(record, stored);
    name(record, stored);
}

fn touch_patients(record: &mut Record, stored: &Stored) {
    if let Some(body) = &stored.body {
        mention::patients(body, &mut record.patients);
    }
}

fn name(record: &mut Record, stored: &Stored) {
    let kind = stored.kind.name();
    // What an operation was called on says more than what it made, such as an outcome.
    if record.id.is_none() {
        record.kind = Some(kind);
        record.id = Some(stored.id.clone());
    }
    if kind == "Patient" {
        record.patients.push(stored.id.clone());
    }
    if stored.version > 0 {
        record.tell(&format!("v={}", stored.version));
    }
}

/// The resources of an answer that leaves elements out, as they are kept.
async fn whole(state: &State, reply: &Reply) -> Vec<Stored> {
    let names = match reply {
        Reply::Version(stored) => vec![(stored.kind, stored.id.clone())],
        Reply::Document(bytes) => told::named(bytes, &state.context.base),
        _ => Vec::new(),
    };
    kept(state, &names).await
}

async fn kept(state: &State, names: &[(ResourceType, String)]) -> Vec<Stored> {
    let permit = Permit::system(TASK);
    let mut found = Vec::with_capacity(names.len());
    for (kind, id) in names {
        if let Ok(Some(stored)) = state.context.store.read(&permit, *kind, id).await {
            found.push(stored);
        }
    }
    found
}

/// The version before a deletion, which knows whose data it was.
async fn before(state: &State, gone: &Stored) -> Option<Stored> {
    let version = gone.version.checked_sub(1)?;
    let permit = Permit::system(TASK);
    let store = &state.context.store;
    let found = store.vread(&permit, gone.kind, &gone.id, version).await;
    found.ok().flatten()
}

#[cfg(test)]
mod tests;
