//! Whom somebody can act for, and whom they reach: what permits are made from.

use super::{Store, facade::Reading};
use crate::{
    fhir::permit::{Permit, Reach},
    kernel::problem::Result,
};

/// Most establishments, functions and teams that one person can act for. Beyond it nothing is
/// reached: a cut would be silent.
pub const CUSTODIANS_MAX: usize = 4_096;

/// Most levels from an establishment down to its parts and their teams, and up.
pub const CUSTODY_LEVELS_MAX: u32 = 16;

impl Store {
    /// How many times something has changed that permits are made from, by whichever process; none
    /// where that is not counted. Patients who come into somebody's care, or leave it, do not count.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub fn access_stamp(&self) -> Result<Option<u64>> {
        match self.reading() {
            Reading::Pool(readers) => readers.lookups().access_stamp().map(Some),
            Reading::Turn => Ok(None),
        }
    }

    /// Whom somebody can act for, given the references of who they are and of the establishments
    /// that they work for: these, the parts of the establishments, the functions of the
    /// practitioner, the teams that one of them is of; and, with `^` before them, the
    /// establishments above. It is what a [`Reach`] has as its custodians.
    ///
    /// # Errors
    /// `TooLarge`, if they are more than [`CUSTODIANS_MAX`]; `Fault`, if the database fails.
    pub async fn custodians(&self, seeds: &[String]) -> Result<Vec<String>> {
        match self.reading() {
            Reading::Pool(readers) => readers.custodians(seeds),
            Reading::Turn => {
                let seeds = seeds.to_vec();
                let permit = Permit::system("store.custodians");
                self.write(&permit, move |tx| {
                    Box::pin(async move { tx.session().custodians(&seeds).await })
                })
                .await
            }
        }
    }

    /// Whether somebody (a patient by their logical id, or a mark) is reached.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn reaches(&self, reach: &Reach, whom: &str) -> Result<bool> {
        match self.reading() {
            Reading::Pool(readers) => readers.reaches(reach, whom),
            Reading::Turn => {
                let (reach, whom) = (reach.clone(), whom.to_owned());
                let permit = Permit::system("store.reaches");
                self.write(&permit, move |tx| {
                    Box::pin(async move { tx.session().reaches_whom(&reach, &whom).await })
                })
                .await
            }
        }
    }

    /// The names by which the record of accesses knows those of establishments, teams and
    /// practitioners, given whom they are ([`Store::custodians`]): references of their patients and
    /// of their people, `User/{id}` and `Login/{login}` of who has an account.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn belonging(&self, custodians: &[String]) -> Result<Vec<String>> {
        match self.reading() {
            Reading::Pool(readers) => readers.belonging(custodians),
            Reading::Turn => {
                let custodians = custodians.to_vec();
                let permit = Permit::system("store.belonging");
                self.write(&permit, move |tx| {
                    Box::pin(async move { tx.session().belonging(&custodians).await })
                })
                .await
            }
        }
    }
}
