//! What an erasure has to do with, found in an open transaction.

use std::collections::{BTreeMap, HashSet};

use super::strip::binaries;
use crate::{
    fhir::{
        belonging::{Belonging, Scope, belonging, refers},
        reference::{self, LocalReference},
        search::{extract::index_rows, rows::ReferenceRow},
    },
    kernel::problem::Result,
    store::{Stored, Tx},
};

/// Most resources looked at for one reference in one transaction, so that no write waits long; a
/// person with more goes in several.
pub const BATCH: u32 = 2_000;

/// What goes, and what names it.
#[derive(Debug, Default)]
pub struct Found {
    /// The resources that go, current versions.
    pub own: Vec<Stored>,
    /// The resources that stay, and name what goes, or once did.
    pub others: Vec<Stored>,
    /// References to all that goes, whether it is there or not.
    pub gone: HashSet<LocalReference>,
    /// Whether there may be more than this.
    pub more: bool,
}

impl Found {
    /// Whether nothing is there any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.others.is_empty()
    }

    /// The number of resources that go, by type.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for stored in &self.own {
            *counts.entry(stored.kind.name().to_owned()).or_default() += 1;
        }
        counts
    }
}

struct Candidate {
    stored: Stored,
    references: Vec<ReferenceRow>,
    secured_by: Option<LocalReference>,
    own: bool,
}

/// Follows references from `target` until nothing more belongs to it.
///
/// # Errors
/// As a read.
pub async fn find(tx: &mut Tx, target: &LocalReference, scope: Scope<'_>) -> Result<Found> {
    let mut found = Found::default();
    found.gone.insert(target.clone());
    let mut candidates: BTreeMap<i64, Candidate> = BTreeMap::new();
    let mut queue = vec![target.clone()];
    while let Some(next) = queue.pop() {
        let referring = tx.referring(next.kind, &next.id, BATCH).await?;
        found.more |= referring.len() >= BATCH as usize;
        for stored in referring {
            if candidates.contains_key(&stored.key) {
                continue;
            }
            let content = content(tx, &stored).await?;
            let (references, secured_by) = match &content {
                Some(content) => (references_of(content)?, security_context(content)?),
                None => (Vec::new(), None),
            };
            let candidate = Candidate {
                stored,
                references,
                secured_by,
                own: false,
            };
            candidates.insert(candidate.stored.key, candidate);
        }
        if queue.is_empty() {
            queue = take_own(candidates.values_mut(), scope, &mut found.gone)?;
        }
    }
    for candidate in candidates.into_values() {
        if candidate.own {
            found.own.push(candidate.stored);
        } else {
            found.others.push(candidate.stored);
        }
    }
    Ok(found)
}

/// Marks the candidates that go, as far as is known now; gives references to them.
fn take_own<'a>(
    candidates: impl Iterator<Item = &'a mut Candidate>,
    scope: Scope<'_>,
    gone: &mut HashSet<LocalReference>,
) -> Result<Vec<LocalReference>> {
    let mut fresh = Vec::new();
    for candidate in candidates.filter(|candidate| !candidate.own) {
        let stored = &candidate.stored;
        let itself = LocalReference {
            kind: stored.kind,
            id: stored.id.clone(),
        };
        let goes = gone.contains(&itself)
            || belonging(stored.kind, &candidate.references, scope, gone) == Belonging::Own
            || candidate
                .secured_by
                .as_ref()
                .is_some_and(|one| gone.contains(one));
        if !goes {
            continue;
        }
        candidate.own = true;
        if gone.insert(itself.clone()) {
            fresh.push(itself);
        }
        let mut attached = Vec::new();
        binaries(&stored.tree()?, &mut attached);
        fresh.extend(attached.into_iter().filter(|one| gone.insert(one.clone())));
    }
    Ok(fresh)
}

/// A resource as it stands; its last content, where it has been deleted.
async fn content(tx: &mut Tx, stored: &Stored) -> Result<Option<Stored>> {
    if !stored.is_deleted() {
        return Ok(Some(stored.clone()));
    }
    let earlier = tx.earlier_versions(stored).await?;
    Ok(earlier.into_iter().find(|version| !version.is_deleted()))
}

/// What a Binary is held to, by which it belongs to somebody: no search finds that reference.
fn security_context(version: &Stored) -> Result<Option<LocalReference>> {
    if version.kind.name() != "Binary" {
        return Ok(None);
    }
    let tree = version.tree()?;
    let context = tree["securityContext"]["reference"].as_str();
    Ok(context.and_then(reference::local))
}

/// The references of one version.
///
/// # Errors
/// `Fault`, if what is stored is not JSON.
pub fn references_of(version: &Stored) -> Result<Vec<ReferenceRow>> {
    Ok(index_rows(&version.tree()?, version.kind).references)
}

/// Whether an earlier version is to be dropped as a whole: it was about somebody who goes.
///
/// # Errors
/// `Fault`, if what is stored is not JSON.
pub fn was_own(version: &Stored, scope: Scope<'_>, gone: &HashSet<LocalReference>) -> Result<bool> {
    if version.is_deleted() {
        return Ok(false);
    }
    if security_context(version)?.is_some_and(|context| gone.contains(&context)) {
        return Ok(true);
    }
    let references = references_of(version)?;
    let own = belonging(version.kind, &references, scope, gone) == Belonging::Own;
    Ok(own && refers(&references, gone))
}
