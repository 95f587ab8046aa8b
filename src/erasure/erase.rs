//! One erasure in an open transaction: figures kept, rows removed, what remains to do written down.

use std::collections::{BTreeMap, HashSet};

use super::{
    complete,
    find::{self, Found},
    seal::Seal,
    strip::strip,
};
use crate::{
    care::kind,
    fhir::{belonging::Scope, reference::LocalReference, resource::Resource},
    figures,
    kernel::problem::Result,
    notify::Letter,
    store::{AccountBy, DelegationsOf, ErasureRecord, Prepared, Stored, Tx},
};

/// Ids shorter than this may be a client's own, and the same in several types.
const TELLING_ID_CHARS: usize = 16;

/// What is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The Patient, or the CarePlan.
    pub root: LocalReference,
    /// The patient's id.
    pub patient: String,
}

impl Target {
    /// Everything of a person.
    ///
    /// # Errors
    /// `Fault`, never in practice: R4 has the type.
    pub fn person(id: &str) -> Result<Self> {
        Ok(Self {
            root: LocalReference {
                kind: kind("Patient")?,
                id: id.to_owned(),
            },
            patient: id.to_owned(),
        })
    }

    /// What belongs to one follow-up of a person.
    ///
    /// # Errors
    /// As [`Target::person`].
    pub fn plan(id: &str, patient: &str) -> Result<Self> {
        Ok(Self {
            root: LocalReference {
                kind: kind("CarePlan")?,
                id: id.to_owned(),
            },
            patient: patient.to_owned(),
        })
    }

    fn is_person(&self) -> bool {
        self.root.kind.name() == "Patient"
    }

    fn scope(&self) -> Scope<'_> {
        if self.is_person() {
            Scope::Person(&self.patient)
        } else {
            Scope::Plan(&self.patient)
        }
    }

    /// `Type/id`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}/{}", self.root.kind, self.root.id)
    }
}

/// What would go.
///
/// # Errors
/// As a read.
pub async fn look(tx: &mut Tx, target: &Target) -> Result<Found> {
    find::find(tx, &target.root, target.scope()).await
}

/// Erases what is there of the target, at most a batch; gives the record of it, or none where
/// nothing is there and nothing is under way.
///
/// `id` is that of an earlier erasure which is made again, as after a backup has been restored.
///
/// # Errors
/// As a write.
pub async fn erase(
    tx: &mut Tx,
    seal: &Seal,
    target: &Target,
    id: Option<&str>,
) -> Result<Option<ErasureRecord>> {
    let subject = seal.name(&target.reference())?;
    let open = tx.erasures(true).await?;
    let begun = open.into_iter().find(|record| record.subject == subject);
    let found = look(tx, target).await?;
    if found.is_empty() && begun.as_ref().is_none_or(|record| record.target.is_none()) {
        return Ok(begun);
    }
    let mut record = match begun {
        Some(record) => record,
        None => {
            keep_figures(tx, target).await?;
            ErasureRecord {
                id: id.map_or_else(|| tx.new_id(), str::to_owned),
                scope: target.root.kind.name().to_owned(),
                subject,
                begun: tx.now(),
                target: None,
                messages: Vec::new(),
                not_before: tx.now(),
                counts: BTreeMap::new(),
                ended: None,
            }
        }
    };
    for (kind, count) in found.counts() {
        *record.counts.entry(kind).or_default() += count;
    }
    record.target = found.more.then(|| target.root.id.clone());
    remove(tx, target, found, &mut record).await?;
    tx.note_erasure(&record).await?;
    tx.enqueue(&complete::job(tx.now())).await?;
    Ok(Some(record))
}

async fn keep_figures(tx: &mut Tx, target: &Target) -> Result<()> {
    let plans = [target.root.id.clone()];
    let only = (!target.is_person()).then_some(&plans[..]);
    figures::keep(tx, &target.patient, only).await
}

async fn remove(
    tx: &mut Tx,
    target: &Target,
    found: Found,
    record: &mut ErasureRecord,
) -> Result<()> {
    for other in &found.others {
        clear_other(tx, other, target.scope(), &found.gone).await?;
    }
    let mut ids = HashSet::new();
    if target.is_person() {
        let patients = HashSet::from([target.patient.clone()]);
        tx.forget_delegations_about(&patients).await?;
    }
    for stored in &found.own {
        tx.expunge(stored).await?;
        ids.insert(stored.reference());
        // Their account goes with them, and what waits to be told to it.
        if let Some(account) = tx.account(AccountBy::Person(&stored.reference())).await? {
            tx.end_delegations(DelegationsOf::Account(&account.id))
                .await?;
            tx.forget_account(&account.id).await?;
            record.messages.push(Letter::all_of(&account.id));
            ids.insert(account.id);
        }
        if stored.id.len() >= TELLING_ID_CHARS {
            ids.insert(stored.id.clone());
        }
        if stored.kind.name() == "Communication" {
            record.messages.push(stored.id.clone());
        }
    }
    if target.is_person() {
        tx.forget_patient(&target.patient).await?;
    }
    tx.forget_errands_about(&ids).await?;
    let dropped = tx.drop_jobs(&ids, &[]).await?;
    record.not_before = record
        .not_before
        .max(dropped.leased_until.unwrap_or(tx.now()));
    Ok(())
}

/// Takes what goes out of a resource that stays, and out of its history.
async fn clear_other(
    tx: &mut Tx,
    other: &Stored,
    scope: Scope<'_>,
    gone: &HashSet<LocalReference>,
) -> Result<()> {
    let mut current = other.clone();
    if !other.is_deleted() {
        let mut tree = other.tree()?;
        if strip(&mut tree, gone) {
            let prepared = Prepared::new(Resource::trusted(tree)?);
            current = tx
                .put(&other.id, prepared, Some(other.version))
                .await?
                .stored;
        }
    }
    for mut version in tx.earlier_versions(&current).await? {
        if version.is_deleted() {
            continue;
        }
        if find::was_own(&version, scope, gone)? {
            tx.drop_version(&version).await?;
            continue;
        }
        let mut tree = version.tree()?;
        if strip(&mut tree, gone) {
            version.body = Some(tree.to_string().into());
            tx.amend_version(&version).await?;
        }
    }
    Ok(())
}
