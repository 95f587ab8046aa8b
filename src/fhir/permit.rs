//! Who acts, and how far they may reach.
//!
//! Every read and write of the store takes a [`Permit`]; there is no way around it. The server's
//! own tasks and the development mode reach everything. Who has logged in holds [`Grant`]s: each
//! says what may be done ([`Scope`]) to whose data ([`Reach`]), and what no grant allows is not
//! there. The store makes them a condition of each query, for each resource that it touches.

use std::sync::Arc;

use super::{
    definitions::ResourceType,
    scope::{Action, Scope},
    search::query::Clause,
};

/// The actor behind a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A named task of the server itself, such as `alerts.judge`.
    System(&'static str),
    /// Whoever reaches a server started with `--insecure-no-auth`.
    Development,
    /// Whoever holds an access token.
    Login(Arc<Login>),
}

/// Who holds an access token.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login {
    /// The client that asks (its `client_id`).
    pub client: String,
    /// The account of the person, unless the client acts for itself.
    pub account: Option<String>,
    /// The resource that the person is, such as `Practitioner/1`.
    pub fhir_user: Option<String>,
    /// What they are here: names of roles, such as `professional`.
    pub roles: Vec<String>,
    /// The patient of the launch, a logical id.
    pub patient: Option<String>,
    /// What the token was issued for, a code of PurposeOfUse, such as `TREAT`.
    pub purpose: Option<String>,
    /// A name of the token for records: not the token, and not derived from it.
    pub session: String,
}

/// Whose data a grant reaches.
///
/// The store keeps for each resource whom it is about ([`super::about`]). A grant reaches a resource
/// that is about somebody or something, and of which every one is among the `marks`, or a patient
/// in whose care one of the `custodians` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everybody's, and nobody's.
    Everything,
    /// Of those named.
    Of {
        /// Logical ids of patients, [`super::about::SHARED`] for what is everybody's, and the marks of
        /// [`super::about`].
        marks: Arc<[String]>,
        /// References such as `Practitioner/1`, `Organization/2`, `CareTeam/3`.
        custodians: Arc<[String]>,
    },
}

/// What may be done, to whose data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What may be done; its level has been turned into the reach.
    pub scope: Scope,
    /// Whose data.
    pub reach: Reach,
}

/// The right to read and write, within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    actor: Actor,
    /// The task of the server in which the actor has a part, if any.
    task: Option<&'static str>,
    /// None for who is not bound at all.
    grants: Option<Arc<[Grant]>>,
    /// What narrows each of the grants.
    narrowings: Option<Narrowings>,
    patient: Option<String>,
    /// To whom the server keeps in what follows from somebody's write.
    concern: Option<Arc<Concern>>,
}

/// Those whom something is about that somebody has written: what the server does about it by itself
/// it does to them, and to whom the writer reaches anyway. Its right is not lent to the writer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concern {
    /// Logical ids of patients.
    pub whom: Vec<String>,
    /// What the writer reaches.
    pub reaches: Vec<Reach>,
}

/// What narrows each grant, compiled.
#[derive(Debug, Clone)]
struct Narrowings(Arc<[Option<Clause>]>);

/// They follow from the grants.
impl PartialEq for Narrowings {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Narrowings {}

/// What of some resources a permit reaches.
#[derive(Debug, Clone, PartialEq)]
pub enum Bounds<'a> {
    /// All of them.
    All,
    /// What one of these reaches; nothing, if there are none.
    Within(Vec<Bound<'a>>),
}

/// One way to reach resources.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound<'a> {
    /// Of which types; none: of those asked for, all.
    pub kinds: Option<Vec<ResourceType>>,
    /// Whose.
    pub reach: &'a Reach,
    /// What must hold of them besides.
    pub clause: Option<&'a Clause>,
}

impl Permit {
    /// The right of a named task of the server.
    #[must_use]
    pub const fn system(task: &'static str) -> Self {
        Self {
            actor: Actor::System(task),
            task: Some(task),
            grants: None,
            narrowings: None,
            patient: None,
            concern: None,
        }
    }

    /// The right of anybody who reaches a loopback server started with `--insecure-no-auth`.
    #[must_use]
    pub const fn development() -> Self {
        Self {
            actor: Actor::Development,
            task: None,
            grants: None,
            narrowings: None,
            patient: None,
            concern: None,
        }
    }

    /// The right of who holds a token: what the grants say, and nothing where there are none. What
    /// narrows a grant is compiled here ([`Scope::narrowing`]); a grant of which it cannot be
    /// understood is left out.
    #[must_use]
    pub fn login(login: Arc<Login>, grants: Vec<Grant>) -> Self {
        let understood = grants
            .into_iter()
            .filter_map(|grant| Some((grant.scope.narrowing()?, grant)));
        let (narrowings, grants): (Vec<Option<Clause>>, Vec<Grant>) = understood.unzip();
        Self {
            actor: Actor::Login(login),
            task: None,
            grants: Some(grants.into()),
            narrowings: Some(Narrowings(narrowings.into())),
            patient: None,
            concern: None,
        }
    }

    /// The right of the server itself, for a task that the same actor has asked for: it is not
    /// bound, and what it writes is the actor's doing. Whether the actor may ask for the task, and
    /// about what, must have been seen before.
    #[must_use]
    pub fn acting(&self, task: &'static str) -> Self {
        Self {
            actor: self.actor.clone(),
            task: Some(task),
            grants: None,
            narrowings: None,
            patient: None,
            concern: None,
        }
    }

    /// The same right, kept from patients whom a write is not about and whom its writer does not
    /// reach.
    #[must_use]
    pub fn concerning(mut self, concern: Arc<Concern>) -> Self {
        self.concern = Some(concern);
        self
    }

    /// To whom the right is kept, if it is.
    #[must_use]
    pub const fn concern(&self) -> Option<&Arc<Concern>> {
        self.concern.as_ref()
    }

    /// What its grants reach, each once; none for who is not bound, or reaches everything.
    #[must_use]
    pub fn reaches(&self) -> Option<Vec<Reach>> {
        let mut reaches: Vec<Reach> = Vec::new();
        for grant in self.grants()? {
            if grant.reach == Reach::Everything {
                return None;
            }
            if !reaches.contains(&grant.reach) {
                reaches.push(grant.reach.clone());
            }
        }
        Some(reaches)
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

    /// The task of the server that is carried out, if it is one.
    #[must_use]
    pub const fn task(&self) -> Option<&'static str> {
        self.task
    }

    /// Who has logged in, if somebody has.
    #[must_use]
    pub fn holder(&self) -> Option<&Login> {
        match &self.actor {
            Actor::Login(login) => Some(login),
            Actor::System(_) | Actor::Development => None,
        }
    }

    /// The grants that bound every read and write; none for who is not bound.
    #[must_use]
    pub fn grants(&self) -> Option<&[Grant]> {
        self.grants.as_deref()
    }

    /// The patient whose compartment bounds every read and write, if any.
    #[must_use]
    pub fn patient(&self) -> Option<&str> {
        self.patient.as_deref()
    }

    /// Whether some resource of this type may be used so.
    #[must_use]
    pub fn allows(&self, kind: ResourceType, action: Action) -> bool {
        self.grants
            .as_ref()
            .is_none_or(|grants| grants.iter().any(|grant| grant.scope.allows(kind, action)))
    }

    /// The grants by which resources of this type may be used so.
    pub fn grants_for(
        &self,
        kind: ResourceType,
        action: Action,
    ) -> impl Iterator<Item = &Grant> + '_ {
        self.grants
            .iter()
            .flat_map(|grants| grants.iter())
            .filter(move |grant| grant.scope.allows(kind, action))
    }

    /// What is reached of the resources of this type, or of all types, by one of these actions.
    #[must_use]
    pub fn bounds(&self, kind: Option<ResourceType>, actions: &[Action]) -> Bounds<'_> {
        let Some(grants) = &self.grants else {
            return Bounds::All;
        };
        let clauses = self.narrowings.iter().flat_map(|all| all.0.iter());
        let mut bounds: Vec<Bound<'_>> = Vec::new();
        for (grant, clause) in grants.iter().zip(clauses) {
            let scope = &grant.scope;
            let fits = kind.is_none_or(|kind| scope.kind.is_none_or(|own| own == kind))
                && actions.iter().any(|action| scope.actions.has(*action));
            if !fits {
                continue;
            }
            let kinds = scope.kind.filter(|_| kind.is_none()).map(|kind| vec![kind]);
            let (reach, clause) = (&grant.reach, clause.as_ref());
            if (&kinds, reach, clause) == (&None, &Reach::Everything, None) {
                return Bounds::All;
            }
            add(
                &mut bounds,
                Bound {
                    kinds,
                    reach,
                    clause,
                },
            );
        }
        Bounds::Within(bounds)
    }

    /// Whether every resource of this type may be used so, those that are not yet there included.
    #[must_use]
    pub fn is_unbounded(&self, kind: ResourceType, action: Action) -> bool {
        self.patient.is_none() && self.bounds(Some(kind), &[action]) == Bounds::All
    }
}

/// Adds a bound to those of the same reach, so that each reach is looked at once.
fn add<'a>(bounds: &mut Vec<Bound<'a>>, bound: Bound<'a>) {
    let same = bounds
        .iter_mut()
        .find(|one| one.clause == bound.clause && one.reach == bound.reach);
    match same {
        None => bounds.push(bound),
        Some(same) => match (&mut same.kinds, bound.kinds) {
            (Some(kinds), Some(more)) => {
                for kind in more {
                    if !kinds.contains(&kind) {
                        kinds.push(kind);
                    }
                }
            }
            (kinds, None) => *kinds = None,
            (None, Some(_)) => {}
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_without_grants_allows_nothing_and_one_that_is_not_bound_everything() {
        let task = ResourceType::named("Task").unwrap();
        let flag = ResourceType::named("Flag").unwrap();
        let login = Arc::new(Login::default());
        let none = Permit::login(login.clone(), Vec::new());
        assert!(!none.allows(task, Action::Read));
        assert!(Permit::development().allows(task, Action::Delete));
        let grant = Grant {
            scope: Scope::read("user/Task.rs").unwrap(),
            reach: Reach::Everything,
        };
        let some = Permit::login(login, vec![grant]);
        assert!(some.allows(task, Action::Read));
        assert!(!some.allows(task, Action::Update));
        assert!(!some.allows(flag, Action::Read));
        assert_eq!(some.grants_for(task, Action::Search).count(), 1);
    }
}
