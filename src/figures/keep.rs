//! What is kept of somebody who is erased: their part in the figures, and nothing of them.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    contribution::{self, Followed, Plans},
    tally::{Days, Tally},
};
use crate::{
    care::kind,
    fhir::search::query::Query,
    kernel::problem::Result,
    store::{Stored, Tx},
};

/// Adds to the counters what the figures lose when a person, or some of their CarePlans
/// (`plan_ids`), are erased; to be called before that, in the same transaction.
///
/// What is kept is a difference, with and without what is erased, so that each figure by pathway,
/// establishment and month stays as it is. A Flag goes with the CarePlan that its Task is based
/// on, an answer with the one that it is based on itself.
///
/// # Errors
/// As a search.
pub async fn keep(tx: &mut Tx, patient_id: &str, plan_ids: Option<&[String]>) -> Result<()> {
    let person = Person::read(tx, patient_id).await?;
    let with = person.tally(|_| true);
    let without = match plan_ids {
        None => Tally::of(Days::ALL),
        Some(erased) => person.tally(|id| !erased.iter().any(|one| one == id)),
    };
    for count in with.less(&without) {
        tx.count(&count).await?;
    }
    Ok(())
}

/// Everything of a person that figures are made of.
struct Person {
    plans: Plans,
    tasks: Vec<Value>,
    answers: Vec<(Value, Stored)>,
    flags: Vec<Value>,
}

impl Person {
    async fn read(tx: &mut Tx, patient: &str) -> Result<Self> {
        let mut plans = HashMap::new();
        for stored in all(tx, "CarePlan", patient).await? {
            if let Some(followed) = Followed::read(&stored.tree()?, stored.updated) {
                plans.insert(stored.id, followed);
            }
        }
        let mut answers = Vec::new();
        for stored in all(tx, "QuestionnaireResponse", patient).await? {
            answers.push((stored.tree()?, stored));
        }
        let trees = |found: Vec<Stored>| found.iter().map(Stored::tree).collect::<Result<_>>();
        Ok(Self {
            plans,
            answers,
            tasks: trees(all(tx, "Task", patient).await?)?,
            flags: trees(all(tx, "Flag", patient).await?)?,
        })
    }

    /// The person's part in the figures, as if only some of the CarePlans were there.
    fn tally(&self, stays: impl Fn(&str) -> bool) -> Tally {
        let plans: Plans = self
            .plans
            .iter()
            .filter(|(id, _)| stays(id))
            .map(|(id, followed)| (id.clone(), followed.clone()))
            .collect();
        let mut tally = Tally::of(Days::ALL);
        contribution::follow_ups(&mut tally, &plans);
        let mut handling = HashMap::new();
        for task in &self.tasks {
            if contribution::is_report(task) {
                contribution::report(&mut tally, &plans, task);
            } else if contribution::is_handling(task) {
                contribution::note_handling(&mut handling, task.clone());
            }
        }
        for (response, stored) in &self.answers {
            contribution::answer(&mut tally, &plans, response, stored.updated);
        }
        for flag in &self.flags {
            let reference = format!("Flag/{}", flag["id"].as_str().unwrap_or_default());
            if let Some(task) = handling.get(&reference) {
                contribution::alert(&mut tally, &plans, flag, task);
            }
        }
        tally
    }
}

async fn all(tx: &mut Tx, name: &str, patient: &str) -> Result<Vec<Stored>> {
    let query = Query::new(kind(name)?).reference("patient", &format!("Patient/{patient}"));
    let hits = tx.search(&query).await?.hits;
    Ok(hits.into_iter().map(|hit| hit.stored).collect())
}

#[cfg(test)]
mod tests;
