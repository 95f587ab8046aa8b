//! Erasing again whom a restored backup has brought back, before anybody can ask.
//!
//! The ledger beside the database knows of erasures that the database does not: those were made
//! after the backup.

use std::collections::{HashMap, HashSet};

use super::{
    complete::Eraser,
    erase::Target,
    ledger::{Line, unhex},
};
use crate::{
    care::kind,
    fhir::permit::Permit,
    kernel::problem::{Problem, Result},
    store::ErasureRecord,
};

static PERMIT: Permit = Permit::system("erasure.replay");

/// What a start found to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Erasures of the ledger that the database did not know.
    pub unknown: usize,
    /// Of these, those whose person or follow-up was there again.
    pub erased: usize,
}

impl Eraser {
    /// Brings the database and the ledger to the same state, and sees open erasures to their end;
    /// for the start of a server, before it serves.
    ///
    /// # Errors
    /// As an erasure; the server must not serve then.
    pub async fn resume(&self) -> Result<Replayed> {
        let known: Vec<ErasureRecord> = self
            .store()
            .write(&PERMIT, |tx| {
                Box::pin(async move { tx.erasures(false).await })
            })
            .await?;
        let lines = self.ledger().read()?;
        let ids: HashSet<&str> = known.iter().map(|record| record.id.as_str()).collect();
        let unknown: Vec<&Line> = lines
            .iter()
            .filter(|line| !ids.contains(&*line.id))
            .collect();
        let replayed = self.replay(&unknown).await?;
        let written: HashSet<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        let unwritten: Vec<Line> = known
            .iter()
            .filter(|record| !written.contains(&*record.id) && record.target.is_none())
            .map(Line::of)
            .collect();
        if !unwritten.is_empty() {
            self.ledger().append(&unwritten)?;
        }
        if known.iter().any(|record| record.ended.is_none()) || replayed.erased > 0 {
            // Nobody works yet: what was lent was lent to a process that has ended.
            self.complete_held(jiff::Timestamp::MAX).await?;
        }
        Ok(replayed)
    }

    async fn replay(&self, unknown: &[&Line]) -> Result<Replayed> {
        let mut replayed = Replayed {
            unknown: unknown.len(),
            erased: 0,
        };
        if unknown.is_empty() {
            return Ok(replayed);
        }
        let mut present = HashMap::new();
        for name in ["Patient", "CarePlan"] {
            let kind = kind(name)?;
            let ids = self
                .store()
                .write(&PERMIT, move |tx| {
                    Box::pin(async move { tx.ids(kind).await })
                })
                .await?;
            for id in ids {
                present.insert(self.seal().name(&format!("{name}/{id}"))?, id);
            }
        }
        for line in unknown {
            let subject = unhex(&line.subject)
                .ok_or_else(|| Problem::fault("a subject of the ledger is not in digits"))?;
            let found = match present.get(&subject) {
                Some(id) => self.again(line, id).await?,
                None => false,
            };
            replayed.erased += usize::from(found);
            if !found {
                self.note(line, subject).await?;
            }
        }
        Ok(replayed)
    }

    /// Erases whom a line is about; `false` if nothing was there.
    async fn again(&self, line: &Line, id: &str) -> Result<bool> {
        let target = if line.scope == "CarePlan" {
            Target::plan(id, &self.patient_of(id).await?)?
        } else {
            Target::person(id)?
        };
        let record = self.erase(&target, Some(line.id.clone())).await?;
        Ok(record.is_some())
    }

    async fn patient_of(&self, plan: &str) -> Result<String> {
        let stored = self.store().read(&PERMIT, kind("CarePlan")?, plan).await?;
        let tree = stored.map(|stored| stored.tree()).transpose()?;
        let patient = tree
            .as_ref()
            .and_then(|tree| tree["subject"]["reference"].as_str());
        let patient = patient.and_then(|text| text.strip_prefix("Patient/"));
        Ok(patient.unwrap_or_default().to_owned())
    }

    /// Notes an erasure that finds nobody, so that it is not looked for at each start.
    async fn note(&self, line: &Line, subject: Vec<u8>) -> Result<()> {
        let record = ErasureRecord {
            id: line.id.clone(),
            scope: line.scope.clone(),
            subject,
            begun: line.begun,
            target: None,
            messages: Vec::new(),
            not_before: line.begun,
            counts: line.counts.clone(),
            ended: Some(line.ended.unwrap_or(line.begun)),
        };
        self.store()
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.note_erasure(&record).await })
            })
            .await
    }
}
