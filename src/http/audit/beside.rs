//! What is recorded of requests beside the tables of routes: asynchronous work and its files.

use std::{collections::HashSet, sync::Arc};

use axum::{
    body::Body,
    http::{Response, StatusCode, request::Parts},
};

use crate::{
    audit::{Agent, Event, Outcome, Record, Ticket, mention, record::PATIENTS_MAX},
    fhir::permit::Permit,
    http::{auth, peer::Peer, reply, state::State},
    kernel::problem::Result,
    store::Stored,
};

/// Patients of one file that are known as named already; beyond it some may be named twice.
const KNOWN_MAX: usize = 1 << 20;

/// An answer, and whose data it holds.
pub(in crate::http) struct Given {
    pub answer: Response<Body>,
    pub patients: Vec<String>,
}

impl From<Response<Body>> for Given {
    fn from(answer: Response<Body>) -> Self {
        Self {
            answer,
            patients: Vec::new(),
        }
    }
}

/// Records what is done beside the tables of routes: `work` is done once there is a place for it.
///
/// # Errors
/// As `work`; `Busy`, if it cannot be recorded.
pub(in crate::http) async fn around(
    state: &State,
    parts: &Parts,
    (event, name): (Event, &str),
    work: impl Future<Output = Result<Given>>,
) -> Result<Response<Body>> {
    let Some(log) = &state.audit else {
        return work.await.map(|given| given.answer);
    };
    let mut ticket = log.begin(event)?;
    let agent = match auth::permit(state, &parts.headers).await {
        Ok(permit) => Agent::of(&permit),
        Err(_) => Agent::Unknown,
    };
    if let Some(record) = ticket.record() {
        record.agent = agent;
        record.address = address(parts);
        record.is_urgent = record.event.action() != 'R';
    }
    let outcome = work.await;
    let status = match &outcome {
        Ok(given) => given.answer.status(),
        Err(problem) => reply::status(problem.category),
    };
    if status == StatusCode::UNAUTHORIZED && !log.admits_refusal() {
        ticket.forget();
        return outcome.map(|given| given.answer);
    }
    if let Some(record) = ticket.record() {
        record.status = status.as_u16();
        record.outcome = Outcome::of_status(status.as_u16());
        // Of what was refused the name is whatever a client has written there.
        if let Ok(given) = &outcome {
            record.tell(name);
            record.patients.clone_from(&given.patients);
        }
    }
    ticket.conclude(Vec::new()).await?;
    outcome.map(|given| given.answer)
}

fn address(parts: &Parts) -> Option<std::net::IpAddr> {
    Peer::of(&parts.extensions).map(|peer| peer.address)
}

/// A file on its way to somebody: whose data it holds is recorded as it goes, however far it comes.
pub(in crate::http) struct Passing {
    state: Arc<State>,
    like: Record,
    /// The row in the making; none where nothing is recorded.
    ticket: Option<Ticket>,
    known: HashSet<u64>,
}

impl Passing {
    /// A file of this name begins to go out.
    ///
    /// # Errors
    /// `Busy`, if it cannot be recorded.
    pub(in crate::http) fn begin(
        state: Arc<State>,
        (parts, permit): (&Parts, &Permit),
        name: &str,
    ) -> Result<Self> {
        let mut like = Record::begun(state.context.clock.now(), Event::Download);
        like.agent = Agent::of(permit);
        like.address = address(parts);
        like.status = StatusCode::OK.as_u16();
        like.outcome = Outcome::Success;
        like.tell(name);
        let mut passing = Self {
            state,
            like,
            ticket: None,
            known: HashSet::new(),
        };
        passing.turn()?;
        Ok(passing)
    }

    /// Begins another row.
    fn turn(&mut self) -> Result<()> {
        let Some(log) = &self.state.audit else {
            return Ok(());
        };
        let mut next = log.begin(Event::Download)?;
        if let Some(record) = next.record() {
            let at = record.at;
            record.clone_from(&self.like);
            record.at = at;
        }
        // The one before records itself as it goes.
        self.ticket = Some(next);
        Ok(())
    }

    /// Notes whose data is about to go out.
    ///
    /// # Errors
    /// `Busy`, if it cannot be recorded: then it must not go out.
    pub(in crate::http) fn sees(&mut self, all: &[Stored]) -> Result<()> {
        let mut patients = Vec::new();
        for stored in all {
            if stored.kind.name() == "Patient" {
                patients.push(stored.id.clone());
            }
            if let Some(body) = &stored.body {
                mention::patients(body, &mut patients);
            }
        }
        for patient in patients {
            self.add(patient)?;
        }
        Ok(())
    }

    fn add(&mut self, patient: String) -> Result<()> {
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        let digest = blake3::hash(patient.as_bytes());
        let digest = digest.as_bytes().first_chunk().copied();
        if !self
            .known
            .insert(u64::from_le_bytes(digest.unwrap_or_default()))
        {
            return Ok(());
        }
        let record = self.ticket.as_mut().and_then(Ticket::record);
        if record.is_some_and(|record| record.patients.len() >= PATIENTS_MAX) {
            self.turn()?;
        }
        if let Some(record) = self.ticket.as_mut().and_then(Ticket::record) {
            record.patients.push(patient);
        }
        Ok(())
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let mut ticket = self.ticket.take();
        let record = ticket.as_mut().and_then(Ticket::record);
        if record.is_some_and(|record| record.patients.is_empty())
            && let Some(ticket) = ticket
        {
            ticket.forget();
        }
    }
}
