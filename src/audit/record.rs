//! One access: in clear while it is in memory, under pseudonyms as a row.

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;

use super::event::{Event, Outcome};
use crate::{
    erasure::Seal,
    fhir::permit::{Actor, Login, Permit},
    kernel::problem::{Problem, Result},
    store::{AuditRow, Pseudonym},
};

/// Most patients that are named by one row; where there are more, further rows name them.
pub const PATIENTS_MAX: usize = 1_000;

/// Most rows of one access; where they do not suffice, the last one says so.
pub const ROWS_MAX: usize = 100;

/// What the rows of one access behind the first have among their details.
const MORE: &str = "+patients";

/// Most bytes of what is told of an access.
const DETAIL_BYTES_MAX: usize = 1_000;

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Agent {
    /// Nobody who is known.
    #[default]
    Unknown,
    /// Whoever reaches a server without a login.
    Development,
    /// A task of the server, or a command of its operator.
    System(&'static str),
    /// Whoever holds a token.
    Login(Arc<Login>),
    /// Who is not let in, by the name that was given: of a person, or of a client.
    Named(String),
}

impl Agent {
    /// Who acts by a permit.
    #[must_use]
    pub fn of(permit: &Permit) -> Self {
        Self::by(permit.actor())
    }

    /// Who acts.
    pub(super) fn by(actor: &Actor) -> Self {
        match actor {
            Actor::System(task) => Self::System(task),
            Actor::Development => Self::Development,
            Actor::Login(login) => Self::Login(Arc::clone(login)),
        }
    }

    /// What a pseudonym is made of: the resource that the person is, their account, or the name that
    /// they gave.
    fn person(&self) -> Option<String> {
        match self {
            Self::Login(login) => {
                let account = login.account.as_ref().map(|id| format!("User/{id}"));
                login.fhir_user.clone().or(account)
            }
            Self::Named(name) => Some(format!("Login/{name}")),
            Self::Unknown | Self::Development | Self::System(_) => None,
        }
    }

    fn client(&self) -> Option<&str> {
        match self {
            Self::Unknown | Self::Named(_) => None,
            Self::Development => Some("development"),
            Self::System(task) => Some(task),
            Self::Login(login) => Some(&login.client),
        }
    }
}

/// One access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it was asked for.
    pub at: Timestamp,
    /// What was done.
    pub event: Event,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, once there is one.
    pub status: u16,
    /// The type of resource.
    pub kind: Option<&'static str>,
    /// The logical id of the resource.
    pub id: Option<String>,
    /// Logical ids of the patients whose data it was.
    pub patients: Vec<String>,
    /// Who acted.
    pub agent: Agent,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The number of the request.
    pub request: Option<String>,
    /// Names of parameters, a version, a count; never a value of a resource or of a query.
    pub detail: String,
    /// Whether it must be durable before it is answered.
    pub is_urgent: bool,
}

impl Record {
    /// An access that has just begun.
    #[must_use]
    pub const fn begun(at: Timestamp, event: Event) -> Self {
        Self {
            at,
            event,
            outcome: Outcome::Unknown,
            status: 0,
            kind: None,
            id: None,
            patients: Vec::new(),
            agent: Agent::Unknown,
            address: None,
            request: None,
            detail: String::new(),
            is_urgent: false,
        }
    }

    /// Adds a word to what is told of it.
    pub fn tell(&mut self, word: &str) {
        if !word.is_empty() && self.detail.len() + word.len() < DETAIL_BYTES_MAX {
            if !self.detail.is_empty() {
                self.detail.push(' ');
            }
            self.detail.push_str(word);
        }
    }

    /// The rows of it, numbers and hashes apart: one, unless it names very many patients.
    ///
    /// # Errors
    /// `Fault`, never in practice: the key has its length.
    pub(super) fn rows(&self, seal: &Seal) -> Result<Vec<AuditRow>> {
        let mut patients: Vec<&str> = self.patients.iter().map(String::as_str).collect();
        patients.sort_unstable();
        patients.dedup();
        let mut rows = Vec::with_capacity(1);
        let (first, others) = patients
            .split_at_checked(PATIENTS_MAX)
            .unwrap_or((&patients, &[]));
        rows.push(self.row(seal, first)?);
        for others in others.chunks(PATIENTS_MAX).take(ROWS_MAX - 1) {
            let mut row = self.row(seal, others)?;
            mark(&mut row.detail, MORE);
            rows.push(row);
        }
        if patients.len() > ROWS_MAX * PATIENTS_MAX
            && let Some(last) = rows.last_mut()
        {
            mark(&mut last.detail, "+others");
        }
        Ok(rows)
    }

    fn row(&self, seal: &Seal, patients: &[&str]) -> Result<AuditRow> {
        let mut patients = patients
            .iter()
            .map(|id| pseudonym(seal, &format!("Patient/{id}")))
            .collect::<Result<Vec<_>>>()?;
        patients.sort_unstable();
        let entity = match (self.kind, &self.id) {
            (Some(kind), Some(id)) => Some(pseudonym(seal, &format!("{kind}/{id}"))?),
            _ => None,
        };
        let person = self.agent.person();
        let agent = person.map(|person| pseudonym(seal, &person)).transpose()?;
        let login = match &self.agent {
            Agent::Login(login) => Some(login),
            _ => None,
        };
        let roles = login.map(|login| login.roles.join(" "));
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(AuditRow {
            at: self.at.as_millisecond(),
            event: self.event.code().to_owned(),
            action: self.event.action().to_string(),
            outcome: self.outcome.code(),
            status: self.status,
            kind: self.kind.map(str::to_owned),
            entity,
            patients,
            agent,
            client: self.agent.client().and_then(said),
            roles: roles.as_deref().and_then(said),
            session: login.and_then(|login| said(&login.session)),
            purpose: login.and_then(|login| login.purpose.clone()),
            address: self.address.map(network),
            request: self.request.clone(),
            detail: said(&self.detail),
            ..AuditRow::default()
        })
    }
}

/// Adds a word that always has room.
fn mark(detail: &mut Option<String>, word: &str) {
    match detail {
        Some(detail) => {
            detail.push(' ');
            detail.push_str(word);
        }
        None => *detail = Some(word.to_owned()),
    }
}

/// What stands for `Type/id`, or for an account.
///
/// # Errors
/// `Fault`, never in practice.
pub fn pseudonym(seal: &Seal, reference: &str) -> Result<Pseudonym> {
    let whole = seal.name(reference)?;
    let half = whole.first_chunk();
    half.copied()
        .ok_or_else(|| Problem::fault("the HMAC is too short"))
}

/// The network of an address: the last byte of IPv4 is left out, and all behind the first six of
/// IPv6.
#[must_use]
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_nobody_and_the_same_by_the_same() {
        let seal = Seal::of(&[7; 32]).unwrap();
        let login = Login {
            client: "app".to_owned(),
            account: Some("a-1".to_owned()),
            fhir_user: Some("Patient/Dupond".to_owned()),
            roles: vec!["patient".to_owned(), "proxy".to_owned()],
            session: "s-1".to_owned(),
            ..Login::default()
        };
        let mut record = Record::begun(Timestamp::UNIX_EPOCH, Event::Interaction("read"));
        record.kind = Some("Patient");
        record.id = Some("Dupond".to_owned());
        record.patients = vec![
            "Dupond".to_owned(),
            "Durand".to_owned(),
            "Dupond".to_owned(),
        ];
        record.agent = Agent::Login(Arc::new(login));
        record.address = Some("::ffff:192.0.2.77".parse().unwrap());
        let row = record.rows(&seal).unwrap().remove(0);
        assert_eq!(row.patients.len(), 2);
        assert_eq!(row.entity, row.agent);
        assert!(row.patients.contains(&row.entity.unwrap()));
        assert_eq!(row.names().len(), 2);
        assert_eq!(row.roles.as_deref(), Some("patient proxy"));
        assert_eq!(row.address.as_deref(), Some("192.0.2.0/24"));
        let shown = format!("{row:?}");
        assert!(
            !shown.contains("Dupond") && !shown.contains("a-1"),
            "{shown}"
        );
        let other = Seal::of(&[8; 32]).unwrap();
        assert_ne!(record.rows(&other).unwrap()[0].entity, row.entity);
    }

    #[test]
    fn a_row_has_bounds_and_further_ones_name_who_is_left() {
        let seal = Seal::of(&[7; 32]).unwrap();
        let mut record = Record::begun(Timestamp::UNIX_EPOCH, Event::Interaction("search-type"));
        record.patients = (0..=2 * PATIENTS_MAX).map(|n| n.to_string()).collect();
        for _ in 0..1_000 {
            record.tell("parameter");
        }
        let rows = record.rows(&seal).unwrap();
        let counts: Vec<usize> = rows.iter().map(|row| row.patients.len()).collect();
        assert_eq!(counts, [PATIENTS_MAX, PATIENTS_MAX, 1]);
        let mut all: Vec<Pseudonym> = rows.iter().flat_map(|row| row.patients.clone()).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2 * PATIENTS_MAX + 1);
        for (n, row) in rows.iter().enumerate() {
            let detail = row.detail.as_deref().unwrap();
            assert!(detail.len() < DETAIL_BYTES_MAX + 30, "{}", detail.len());
            assert_eq!(detail.ends_with(MORE), n > 0, "{detail}");
        }
        record.detail.clear();
        record.patients = (0..=ROWS_MAX * PATIENTS_MAX)
            .map(|n| n.to_string())
            .collect();
        let rows = record.rows(&seal).unwrap();
        assert_eq!(rows.len(), ROWS_MAX);
        assert_eq!(rows[0].detail, None);
        assert_eq!(
            rows[ROWS_MAX - 1].detail.as_deref(),
            Some("+patients +others")
        );
        assert_eq!(
            network("2001:db8:1:2::3".parse().unwrap()),
            "2001:db8:1::/48"
        );
    }
}
