//! Who is told of what the server does with people's data beside its answers: by itself, or later
//! than it was asked to. The record of accesses stands above; here is only the port.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::Store;
use crate::{
    fhir::permit::{Actor, Login},
    kernel::problem::Result,
};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A person, or a follow-up of theirs, was erased since it was time.
    Erased,
    /// A message was handed to who carries it, or was not.
    Sent,
    /// Resources or rows of a table were taken in.
    TakenIn,
    /// A table of people was given out by this operation, such as `$line-list`.
    Listed(&'static str),
}

/// Something done with the data of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// What.
    pub act: Act,
    /// For whom: a task of the server, or who asked for it.
    pub actor: Actor,
    /// The resource that it was done to: type and logical id.
    pub entity: Option<(&'static str, String)>,
    /// Logical ids of the patients whose data it was.
    pub patients: Vec<String>,
    /// Whether it was done, and not refused by others.
    pub is_done: bool,
    /// A word or two about it, free of health information.
    pub detail: String,
}

/// Is told of deeds.
pub trait Witness: Send + Sync {
    /// Whether it can take note.
    ///
    /// # Errors
    /// `Busy`, if not: then nothing is to be done.
    fn ready(&self) -> Result<()>;

    /// Takes note.
    fn saw(&self, deed: Deed);
}

/// The place of the witness; none where nothing is recorded.
#[derive(Clone, Default)]
pub(super) struct Stand(Arc<OnceLock<Arc<dyn Witness>>>);

impl Store {
    /// Has deeds told to `witness` from now on; only the first counts.
    pub fn witness_by(&self, witness: Arc<dyn Witness>) {
        let _ = self.stand().0.set(witness);
    }

    /// Whether what is about to be done could be told.
    ///
    /// # Errors
    /// `Busy`, if not: then it is not to be done.
    pub fn watched(&self) -> Result<()> {
        self.stand().0.get().map_or(Ok(()), |seen| seen.ready())
    }

    /// Tells what has been done.
    pub fn saw(&self, deed: Deed) {
        if let Some(witness) = self.stand().0.get() {
            witness.saw(deed);
        }
    }
}

/// What is kept of who asks for what is done later, for [`asked_by`].
#[must_use]
pub fn asker(actor: &Actor) -> Value {
    match actor {
        Actor::Login(login) => json!({
            "client": login.client,
            "account": login.account,
            "person": login.fhir_user,
            "roles": login.roles,
            "session": login.session,
        }),
        Actor::System(_) | Actor::Development => Value::Null,
    }
}

/// Who asked, as [`asker`] kept it; the server's own `task`, where nobody did who logged in.
#[must_use]
pub fn asked_by(kept: &Value, task: &'static str) -> Actor {
    let text = |name: &str| kept[name].as_str().map(str::to_owned);
    let Some(client) = text("client") else {
        return Actor::System(task);
    };
    let roles = kept["roles"].as_array().into_iter().flatten();
    Actor::Login(Arc::new(Login {
        client,
        account: text("account"),
        fhir_user: text("person"),
        roles: roles.filter_map(Value::as_str).map(str::to_owned).collect(),
        session: text("session").unwrap_or_default(),
        ..Login::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_is_known_again() {
        let login = Actor::Login(Arc::new(Login {
            client: "app".to_owned(),
            account: Some("a".to_owned()),
            fhir_user: Some("Practitioner/anne".to_owned()),
            roles: vec!["administrator".to_owned()],
            session: "s".to_owned(),
            ..Login::default()
        }));
        assert_eq!(asked_by(&asker(&login), "x"), login);
        let nobody = asker(&Actor::Development);
        assert_eq!(asked_by(&nobody, "x"), Actor::System("x"));
    }
}
