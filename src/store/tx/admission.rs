//! What the permit of a part lets it touch.
//!
//! The version that stands must be reached, and the version written as well. Whom that one is about
//! is looked at before it is written, by what others say of custody: nobody takes a patient into
//! their care by writing a CarePlan that says so. Only what was not there before, and is about
//! itself, is heard about that: a Patient that an establishment registers as its own. What narrows
//! a scope is a search, and so is looked at once the index rows are written.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::Tx;
use crate::{
    fhir::{
        about::{self, About},
        definitions::ResourceType,
        permit::{Concern, Permit},
        scope::Action,
    },
    kernel::problem::{Category, Problem, Result},
    store::{Job, Prepared, Stored},
};

/// The job that looks at a Consent again when time alone has changed what it denies; its payload is
/// `{"consent": "<id>"}`.
pub const CONSENT_JOB: &str = "care.consent";

impl Tx {
    /// The current version, a deletion included, if the permit reaches it by this action.
    ///
    /// # Errors
    /// As [`Tx::read`].
    pub async fn read_for(
        &mut self,
        action: Action,
        kind: ResourceType,
        id: &str,
    ) -> Result<Option<Stored>> {
        let Some(stored) = self.session.current(kind, id).await? else {
            return Ok(None);
        };
        Ok(self.reaches(&stored, action).await?.then_some(stored))
    }

    /// Whether the permit reaches a resource by this action.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn reaches(&mut self, stored: &Stored, action: Action) -> Result<bool> {
        let of = (stored.kind, stored.key);
        self.session.reaches(&self.permit, of, action).await
    }

    /// By which bounds, for each action, what is about to be written is reached. Whom it is about
    /// must be reached before it is written: nobody comes into anybody's care by their own word.
    pub(super) async fn admitting(
        &mut self,
        prepared: &Prepared,
        actions: &[Action],
        own: Option<&str>,
    ) -> Result<Vec<(Action, Vec<usize>)>> {
        let rows = &prepared.rows;
        if let Some(patient) = self.permit.patient()
            && !rows.patients.iter().any(|one| one == patient)
        {
            return Err(out_of_reach());
        }
        self.check_concern(prepared).await?;
        let mut all = Vec::new();
        if self.permit.grants().is_none() {
            return Ok(all);
        }
        for action in actions {
            let what = (prepared.resource.kind(), *action);
            let about = (&rows.about, own);
            let admitting = self.session.admitting(&self.permit, what, about).await?;
            if admitting.is_empty() {
                return Err(out_of_reach());
            }
            all.push((*action, admitting));
        }
        Ok(all)
    }

    /// Settles whom a version is about that says it by other resources: those whom these are about
    /// now. Of a Provenance, which tells what was done to any version of its target, also those
    /// whom the target was about before.
    pub(super) async fn share(&mut self, id: &str, prepared: &mut Prepared) -> Result<()> {
        self.settle_about(id, &mut prepared.rows.about).await?;
        let with_former = prepared.resource.kind().name() == "Provenance";
        self.share_of(&mut prepared.rows.about, with_former).await
    }

    /// The same for what is indexed anew: it stays about whom it was about when it was written,
    /// since what it names may have gone over to others meanwhile.
    pub(in crate::store) async fn share_again(
        &mut self,
        stored: &Stored,
        prepared: &mut Prepared,
    ) -> Result<()> {
        let about = &mut prepared.rows.about;
        self.settle_about(&stored.id, about).await?;
        if about.through.is_empty() {
            return Ok(());
        }
        let of = (stored.kind, stored.id.as_str());
        let standing = self.session.whom(of, false).await?.unwrap_or_default();
        if standing.is_empty() {
            return self.share_of(about, true).await;
        }
        about.whom = standing;
        Ok(())
    }

    /// Keeps of a Consent what holds now, and asks to look at it again when that changes.
    async fn settle_about(&mut self, id: &str, about: &mut About) -> Result<()> {
        let now = self.now().as_millisecond();
        about.settle(now);
        let next = about.next_change(now).map(Timestamp::from_millisecond);
        // What is beyond all time does not come.
        let Some(Ok(run_at)) = next else {
            return Ok(());
        };
        let job = Job {
            kind: CONSENT_JOB,
            dedup: Some(id.to_owned()),
            payload: json!({ "consent": id }),
            run_at,
        };
        self.enqueue(&job).await
    }

    async fn share_of(&mut self, about: &mut About, with_former: bool) -> Result<()> {
        if about.through.is_empty() {
            return Ok(());
        }
        let mut others = Vec::new();
        for one in &about.through {
            others.push(self.session.whom((one.kind, &one.id), with_former).await?);
        }
        about.share(others);
        Ok(())
    }

    /// Whom a version is about that a request writes: what follows from it may be done to them.
    pub(super) fn concern(&mut self, about: &About) {
        let patients = about.whom.iter().filter(|one| about::is_patient(one));
        self.whom.extend(patients.cloned());
    }

    /// The right of a reactor: that of the server, kept to those whom the request is about, and whom
    /// its caller reaches. A resource within reach can name any other; what a reactor finds by that
    /// name must not be more than its writer could have found.
    pub(super) fn deputy(&self, task: &'static str) -> Permit {
        let permit = Permit::system(task);
        match self.caller.reaches() {
            None => permit,
            Some(reaches) => permit.concerning(Arc::new(Concern {
                whom: self.whom.iter().cloned().collect(),
                reaches,
            })),
        }
    }

    /// Refuses what a reactor would write about somebody else.
    async fn check_concern(&mut self, prepared: &Prepared) -> Result<()> {
        let Some(concern) = self.permit.concern().map(Arc::clone) else {
            return Ok(());
        };
        let whom = prepared.rows.about.whom.iter();
        for patient in whom.filter(|one| about::is_patient(one)) {
            if !self.session.concerns(&concern, patient).await? {
                return Err(out_of_reach());
            }
        }
        Ok(())
    }

    /// Refuses what has been written, if what narrows the permit does not hold of it.
    pub(super) async fn check_admitted(
        &mut self,
        row: &Stored,
        admitting: &[(Action, Vec<usize>)],
    ) -> Result<()> {
        for (action, bounds) in admitting {
            let what = (row.kind, *action);
            let session = &mut self.session;
            if !session
                .admitted(&self.permit, what, (bounds, row.key))
                .await?
            {
                // The rows are there: whatever becomes of this error, they must not stay.
                self.refused = true;
                return Err(out_of_reach());
            }
        }
        Ok(())
    }
}

pub(super) fn out_of_reach() -> Problem {
    Problem::new(
        Category::Forbidden,
        "forbidden",
        "The permit does not reach this resource.",
    )
}
