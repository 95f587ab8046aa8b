//! The one door to write.

mod admission;
mod naming;
mod reading;

pub use self::admission::CONSENT_JOB;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Change, Draft, Prepared, Reactor, Stored, canonical::Canonicals, registry::Registry,
    session::Session,
};
use crate::{
    fhir::{
        about, definitions::ResourceType, knowledge, permit::Permit, reference, resource::Resource,
        scope::Action, search::rows::IndexRows,
    },
    kernel::{
        chance::Chance,
        clock::Clock,
        id,
        problem::{Category, Problem, Result},
    },
};

/// Most changes that one request may make, those of reactors included.
///
/// A reactor that answers its own writes for ever would hold the writer; this stops it.
pub const CHANGES_PER_REQUEST_MAX: usize = 20_000;

/// One request's part of the open transaction.
///
/// It is handed to the closure given to [`super::Store::write`]; what the closure writes stands
/// or falls as a whole.
pub struct Tx {
    session: Box<dyn Session>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    permit: Permit,
    /// The permit of the request, while reactors have theirs.
    caller: Permit,
    /// The patients whom the request's versions are about.
    whom: BTreeSet<String>,
    now: Timestamp,
    pending: VecDeque<Change>,
    changes: usize,
    pub(super) enqueued: bool,
    defined: bool,
    /// Whether something was written that the permit does not reach.
    refused: bool,
    pub(super) registry: Registry,
    canonicals: Canonicals,
    reactors: Arc<[Arc<dyn Reactor>]>,
}

/// What a put did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The new version.
    pub stored: Stored,
    /// Whether nothing (or a deletion) stood there before.
    pub created: bool,
}

impl Tx {
    pub(super) fn new(
        session: Box<dyn Session>,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
    ) -> Self {
        let now = clock.now();
        Self {
            session,
            clock,
            chance,
            permit: Permit::system("store"),
            caller: Permit::system("store"),
            whom: BTreeSet::new(),
            now,
            pending: VecDeque::new(),
            changes: 0,
            enqueued: false,
            defined: false,
            refused: false,
            registry: Registry::default(),
            canonicals: Canonicals::none(),
            reactors: Arc::new([]),
        }
    }

    /// The permit under which this part reads and writes.
    #[must_use]
    pub const fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The instant of this part: every version that it writes carries it.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// An id that no resource has.
    #[must_use]
    pub fn new_id(&self) -> String {
        id::new_id(self.now, self.chance.as_ref())
    }

    /// Writes a resource under an id where nothing stands.
    ///
    /// # Errors
    /// `Conflict`, if something stands there, a deletion included.
    pub async fn create(&mut self, id: &str, prepared: Prepared) -> Result<Stored> {
        check_id(id)?;
        if self
            .session
            .current(prepared.resource.kind(), id)
            .await?
            .is_some()
        {
            return Err(Problem::new(
                Category::Conflict,
                "duplicate",
                "A resource of this id exists already.",
            ));
        }
        self.insert(id, prepared, &[Action::Create]).await
    }

    /// Writes the next version of a resource, or its first one under a client's own id.
    ///
    /// A client's own id would tell whether somebody else has a resource of it: where there is one
    /// that the permit does not reach, none can be made. So who does not reach everything of the
    /// type makes nothing here, and is answered as if nothing stood there, whether it does or not.
    /// A deletion that the permit reaches is followed by a version as ever.
    ///
    /// # Errors
    /// `NotFound`, if nothing stands there that the permit reaches, and it does not reach everything;
    /// `PreconditionFailed`, if `if_match` is given and is not the current version.
    pub async fn put(
        &mut self,
        id: &str,
        prepared: Prepared,
        if_match: Option<u64>,
    ) -> Result<Written> {
        check_id(id)?;
        let kind = prepared.resource.kind();
        let current = self.read_for(Action::Update, kind, id).await?;
        if current.is_none() && !self.permit.is_unbounded(kind, Action::Update) {
            return Err(Problem::not_found("There is no such resource."));
        }
        check_version(if_match, current.as_ref())?;
        match current {
            None => {
                // SMART has the scope of updates cover those that create.
                let stored = self.insert(id, prepared, &[Action::Update]).await?;
                Ok(Written {
                    stored,
                    created: true,
                })
            }
            Some(current) => {
                let created = current.is_deleted();
                let stored = self.supersede(current, prepared).await?;
                Ok(Written { stored, created })
            }
        }
    }

    /// Writes a resource, as an update that creates, under an id that has just been drawn: nobody
    /// can learn by it what stands elsewhere, so the permit need not reach everything. It has to
    /// cover both, so that who may only change what stands makes nothing.
    ///
    /// # Errors
    /// `Forbidden`, if the permit does not reach what is written.
    pub async fn put_fresh(&mut self, id: &str, prepared: Prepared) -> Result<Written> {
        check_id(id)?;
        let actions = [Action::Update, Action::Create];
        let stored = self.insert(id, prepared, &actions).await?;
        Ok(Written {
            stored,
            created: true,
        })
    }

    /// Records a deletion; nothing is written where nothing stands that the permit reaches, or a
    /// deletion does.
    ///
    /// # Errors
    /// `PreconditionFailed`, if `if_match` is given and is not the current version.
    pub async fn delete(
        &mut self,
        kind: ResourceType,
        id: &str,
        if_match: Option<u64>,
    ) -> Result<Option<Stored>> {
        let current = self.read_for(Action::Delete, kind, id).await?;
        check_version(if_match, current.as_ref())?;
        let Some(current) = current.filter(|stored| !stored.is_deleted()) else {
            return Ok(None);
        };
        let row = Stored {
            version: current.version + 1,
            updated: self.now,
            body: None,
            ..current.clone()
        };
        let none = IndexRows::default();
        self.session.supersede(&current, &row, &none).await?;
        self.note(Change {
            stored: row.clone(),
            resource: None,
            previous: Some(current),
            actor: self.permit.actor().clone(),
        })?;
        Ok(Some(row))
    }

    async fn insert(&mut self, id: &str, prepared: Prepared, actions: &[Action]) -> Result<Stored> {
        let mut prepared = self.shape(None, prepared)?;
        prepared.settle_compartments(id);
        self.complete(&mut prepared).await?;
        self.share(id, &mut prepared).await?;
        let own = about::own(prepared.resource.kind(), id);
        let admitting = self.admitting(&prepared, actions, own.as_deref()).await?;
        self.check_names(&prepared, None).await?;
        self.concern(&prepared.rows.about);
        let (mut row, resource) = self.stamp(id, 1, prepared.resource);
        row.key = self.session.insert(&row, &prepared.rows).await?;
        self.check_admitted(&row, &admitting).await?;
        self.note(Change {
            stored: row.clone(),
            resource: Some(resource),
            previous: None,
            actor: self.permit.actor().clone(),
        })?;
        Ok(row)
    }

    async fn supersede(&mut self, current: Stored, prepared: Prepared) -> Result<Stored> {
        let standing = Some(&current).filter(|stored| !stored.is_deleted());
        let mut prepared = self.shape(standing, prepared)?;
        prepared.settle_compartments(&current.id);
        self.complete(&mut prepared).await?;
        self.share(&current.id, &mut prepared).await?;
        let admitting = self.admitting(&prepared, &[Action::Update], None).await?;
        self.check_names(&prepared, Some(&current)).await?;
        self.concern(&prepared.rows.about);
        let (mut row, resource) = self.stamp(&current.id, current.version + 1, prepared.resource);
        row.key = current.key;
        self.session
            .supersede(&current, &row, &prepared.rows)
            .await?;
        self.check_admitted(&row, &admitting).await?;
        let previous = Some(current).filter(|stored| !stored.is_deleted());
        self.note(Change {
            stored: row.clone(),
            resource: Some(resource),
            previous,
            actor: self.permit.actor().clone(),
        })?;
        Ok(row)
    }

    /// Lets the reactors check and complete a version before it is written.
    fn shape(&self, before: Option<&Stored>, mut prepared: Prepared) -> Result<Prepared> {
        let (actor, now) = (self.permit.actor(), self.now);
        let changed = Draft::shape(&self.reactors, before, &mut prepared.resource, (actor, now))?;
        if changed {
            return Ok(Prepared::new(prepared.resource));
        }
        Ok(prepared)
    }

    fn stamp(&self, id: &str, version: u64, mut resource: Resource) -> (Stored, Arc<Resource>) {
        resource.stamp(id, version, self.now);
        let stored = Stored {
            key: 0,
            kind: resource.kind(),
            id: id.to_owned(),
            version,
            updated: self.now,
            body: Some(resource.to_bytes()),
        };
        (stored, Arc::new(resource))
    }

    fn note(&mut self, change: Change) -> Result<()> {
        self.canonicals.note(change.stored.kind);
        self.registry.note(change.stored.kind);
        self.defined |= knowledge::is_source(change.stored.kind);
        self.changes += 1;
        if self.changes > CHANGES_PER_REQUEST_MAX {
            return Err(Problem::new(
                Category::TooLarge,
                "too-costly",
                format!("One request may make at most {CHANGES_PER_REQUEST_MAX} changes."),
            ));
        }
        self.pending.push_back(change);
        Ok(())
    }
}

/// What the writer does around a part.
impl Tx {
    /// Says who shapes and sees each version.
    pub(super) fn attach(&mut self, reactors: Arc<[Arc<dyn Reactor>]>) {
        self.reactors = reactors;
    }

    pub(super) fn session(&mut self) -> &mut dyn Session {
        self.session.as_mut()
    }

    /// The session, and the permit under which it reads.
    pub(super) fn reading_as(&mut self) -> (&mut dyn Session, &Permit) {
        (self.session.as_mut(), &self.permit)
    }

    /// Forgets the definitions at hand: somebody else may have changed them.
    pub(super) fn forget_definitions(&mut self) {
        self.canonicals.forget();
        self.registry.forget();
        self.defined = true;
    }

    /// What the index has of definitions is about to change.
    pub(super) const fn redefine(&mut self) {
        self.defined = true;
    }

    pub(super) fn start(&mut self, permit: Permit) {
        self.caller = permit.clone();
        self.permit = permit;
        self.whom.clear();
        self.now = self.clock.now();
        self.pending.clear();
        self.changes = 0;
        self.refused = false;
        self.canonicals.settle();
        self.registry.settle();
    }

    /// Whether definitions may have changed since the last call; asked once for each group.
    pub(super) const fn take_defined(&mut self) -> bool {
        std::mem::replace(&mut self.defined, false)
    }

    /// Whether jobs were added since the last call; asked once for each group.
    pub(super) const fn take_enqueued(&mut self) -> bool {
        std::mem::replace(&mut self.enqueued, false)
    }

    /// Lets the reactors see each change, those of other reactors included, until none is left.
    ///
    /// # Errors
    /// `Forbidden`, if something was written that the permit does not reach.
    pub(super) async fn settle(&mut self, reactors: &[Arc<dyn Reactor>]) -> Result<()> {
        if self.refused {
            return Err(admission::out_of_reach());
        }
        while let Some(change) = self.pending.pop_front() {
            for reactor in reactors {
                if reactor.concerns(&change) {
                    self.permit = self.deputy(reactor.name());
                    reactor.react(self, &change).await?;
                }
            }
        }
        Ok(())
    }
}

fn check_id(id: &str) -> Result<()> {
    if reference::is_id(id) {
        return Ok(());
    }
    Err(Problem::malformed(
        "value",
        "An id is 1 to 64 of A-Z, a-z, 0-9, '-' and '.'.",
    ))
}

fn check_version(if_match: Option<u64>, current: Option<&Stored>) -> Result<()> {
    match (if_match, current) {
        (None, _) => Ok(()),
        (Some(wanted), Some(stored)) if stored.version == wanted => Ok(()),
        _ => Err(Problem::new(
            Category::PreconditionFailed,
            "conflict",
            "The current version is not the one named by If-Match.",
        )),
    }
}
