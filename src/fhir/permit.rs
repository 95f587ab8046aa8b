//! Who acts, and how far they may reach.
//!
//! Every read and write of the store takes a [`Permit`]; there is no way
//! around it. Today's permits are the system's own tasks and the development
//! mode; the compartment is already part of every query, so that a narrower
//! permit narrows them all.

/// The actor behind a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A named task of the server itself, such as `alerts.judge`.
    System(&'static str),
    /// Whoever reaches a server started with `--insecure-no-auth`.
    Development,
}

/// The right to read and write, within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    actor: Actor,
    patient: Option<String>,
}

impl Permit {
    /// The right of a named task of the server.
    #[must_use]
    pub const fn system(task: &'static str) -> Self {
        Self {
            actor: Actor::System(task),
            patient: None,
        }
    }

    /// The right of anybody who reaches a loopback server started with `--insecure-no-auth`.
    #[must_use]
    pub const fn development() -> Self {
        Self {
            actor: Actor::Development,
            patient: None,
        }
    }

    /// The same right, narrowed to the compartment of one patient (a logical id).
    #[must_use]
    pub fn within_patient(mut self, id: impl Into<String>) -> Self {
        self.patient = Some(id.into());
        self
    }

    /// Who acts.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The patient whose compartment bounds every read and write, if any.
    #[must_use]
    pub fn patient(&self) -> Option<&str> {
        self.patient.as_deref()
    }
}
