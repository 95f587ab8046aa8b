//! Whom somebody reaches by each of their roles.

use serde_json::Value;

use super::{
    PERMIT, People,
    roles::{self, Role, Whose},
};
use crate::{
    fhir::{
        about::{AUDITOR, SHARED},
        date,
        reference::{self, LocalReference},
    },
    kernel::problem::Result,
    store::{Account, AccountState},
};

/// A role of somebody, and whom they reach by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The role.
    pub role: &'static Role,
    /// Logical ids of patients, [`SHARED`] for what is everybody's, and marks such as `@agency`.
    pub marks: Vec<String>,
    /// Whose patients they reach: the person themselves, and the Organization of the role.
    pub seeds: Vec<String>,
}

impl People {
    /// What somebody is here, one entry for each role and Organization; nothing, unless the account
    /// is active. A role that the table does not have, or not for accounts of this kind, grants
    /// nothing.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn standings(&self, account: &Account) -> Result<Vec<Standing>> {
        let mut standings: Vec<Standing> = Vec::new();
        if account.state != AccountState::Active {
            return Ok(standings);
        }
        for held in &account.roles {
            let Some(role) = roles::named(&held.role) else {
                continue;
            };
            if !role.accounts.iter().any(|kind| kind == account.kind.name()) {
                continue;
            }
            let mut marks = vec![SHARED.to_owned()];
            marks.extend(role.marks.iter().map(|mark| match mark.as_str() {
                AUDITOR if !held.organization.is_empty() => {
                    format!("{AUDITOR}:{}", held.organization)
                }
                _ => mark.clone(),
            }));
            let mut seeds = Vec::new();
            match role.whose {
                Whose::Own => marks.extend(patient_id(&account.fhir_user)),
                Whose::Represented => marks.extend(self.represented(&account.fhir_user).await?),
                Whose::Care => {
                    seeds.push(account.fhir_user.clone());
                    seeds.extend(Some(held.organization.clone()).filter(|one| !one.is_empty()));
                }
                Whose::Nobody => {}
            }
            standings.push(Standing { role, marks, seeds });
        }
        Ok(standings)
    }

    /// The patient for whom a RelatedPerson stands at present.
    async fn represented(&self, person: &str) -> Result<Option<String>> {
        let tree = self.resource(person).await?;
        let end = tree["period"]["end"].as_str().and_then(date::span);
        let ended = end.is_some_and(|end| end.end < self.now().as_millisecond());
        if tree["resourceType"] != "RelatedPerson" || tree["active"] == false || ended {
            return Ok(None);
        }
        Ok(tree["patient"]["reference"].as_str().and_then(patient_id))
    }

    /// What somebody is called: the name of the resource that they are.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn name(&self, account: &Account) -> Result<String> {
        Ok(name_of(&self.resource(&account.fhir_user).await?))
    }

    /// A resource as it stands; `null`, if there is none.
    pub(super) async fn resource(&self, reference: &str) -> Result<Value> {
        let Some(LocalReference { kind, id, .. }) = reference::local(reference) else {
            return Ok(Value::Null);
        };
        match self.store.read(&PERMIT, kind, &id).await? {
            Some(stored) if !stored.is_deleted() => stored.tree(),
            _ => Ok(Value::Null),
        }
    }
}

fn patient_id(reference: &str) -> Option<String> {
    let local = reference::local(reference)?;
    (local.kind.name() == "Patient").then_some(local.id)
}

/// The first name of a person, as people write it; empty if there is none.
fn name_of(tree: &Value) -> String {
    let names = tree["name"].as_array().into_iter().flatten();
    let written = names.filter_map(|name| {
        if let Some(text) = name["text"].as_str() {
            return Some(text.to_owned());
        }
        let given = name["given"].as_array().into_iter().flatten();
        let words: Vec<&str> = given
            .chain([&name["family"]])
            .filter_map(Value::as_str)
            .collect();
        (!words.is_empty()).then(|| words.join(" "))
    });
    written.into_iter().next().unwrap_or_default()
}
