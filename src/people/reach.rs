//! Whom somebody reaches by each of their roles.

use serde_json::Value;

use super::{
    PERMIT, People,
    roles::{self, Role, Whose, Within},
};
use crate::{
    fhir::{
        about::{AUDITOR, SHARED},
        consent::PURPOSE,
        date::{self, Span},
        reference::{self, LocalReference},
    },
    kernel::problem::Result,
    store::{Account, AccountKind, AccountState},
};

/// A role of somebody, and whom they reach by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The role.
    pub role: &'static Role,
    /// Logical ids of patients, [`SHARED`] for what is everybody's, and marks such as `@agency`.
    pub marks: Vec<String>,
    /// Whose patients they reach: the person themselves, and the Organization of the role. With them
    /// stand the purposes of the role, such as `~TREAT`.
    pub seeds: Vec<String>,
    /// Whose pathways they see beside those of the region: the same, or the Organization of a role
    /// that reaches no patients.
    pub houses: Vec<String>,
    /// Whether they write nothing but what is offered by these.
    pub writes_own: bool,
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
        if account.state != AccountState::Active || self.has_left(account).await? {
            return Ok(standings);
        }
        for held in &account.roles {
            let Some(role) = roles::named(&held.role) else {
                continue;
            };
            if !role.accounts.iter().any(|kind| kind == account.kind.name()) {
                continue;
            }
            let organization = Some(held.organization.clone()).filter(|one| !one.is_empty());
            let writes_own = organization.is_some() && role.within == Within::Own;
            if organization.is_some() && role.within == Within::Never {
                continue;
            }
            let mut marks = vec![SHARED.to_owned()];
            if writes_own {
                marks.push(audience(account.kind).to_owned());
            } else {
                marks.extend(role.marks.iter().map(|mark| match &organization {
                    Some(house) if mark == AUDITOR => format!("{AUDITOR}:{house}"),
                    _ => mark.clone(),
                }));
            }
            let mut seeds = Vec::new();
            match role.whose {
                Whose::Own => marks.extend(patient_id(&account.fhir_user)),
                Whose::Represented => {
                    marks.extend(self.represented(&account.fhir_user).await?);
                    // So that a Consent can keep them out.
                    seeds.push(account.fhir_user.clone());
                }
                Whose::Care => {
                    seeds.push(account.fhir_user.clone());
                    seeds.extend(organization.clone());
                }
                Whose::Nobody => {}
            }
            let houses = match role.whose {
                Whose::Care => seeds.clone(),
                _ => organization.into_iter().collect(),
            };
            if role.whose == Whose::Care {
                let purposes = role.purposes.iter();
                seeds.extend(purposes.map(|one| format!("{PURPOSE}{one}")));
            }
            standings.push(Standing {
                role,
                marks,
                seeds,
                houses,
                writes_own,
            });
        }
        Ok(standings)
    }

    /// The patient for whom a RelatedPerson stands at present: within its period, while the patient
    /// lives. What period cannot be read is none.
    async fn represented(&self, person: &str) -> Result<Option<String>> {
        let tree = self.resource(person).await?;
        let now = self.now().as_millisecond();
        let within = |name: &str, holds: fn(Span, i64) -> bool| match &tree["period"][name] {
            Value::Null => true,
            told => told
                .as_str()
                .and_then(date::span)
                .is_some_and(|span| holds(span, now)),
        };
        let is_time = within("start", |span, now| span.start <= now)
            && within("end", |span, now| now <= span.end);
        if tree["resourceType"] != "RelatedPerson" || tree["active"] == false || !is_time {
            return Ok(None);
        }
        let Some(patient) = tree["patient"]["reference"].as_str() else {
            return Ok(None);
        };
        let of = self.resource(patient).await?;
        let has_died = of["deceasedBoolean"] == true || !of["deceasedDateTime"].is_null();
        Ok(patient_id(patient).filter(|_| !has_died))
    }

    /// Whether somebody has left: the directory says that they work no more.
    async fn has_left(&self, account: &Account) -> Result<bool> {
        let works = matches!(account.kind, AccountKind::Professional | AccountKind::Agent);
        Ok(works && self.resource(&account.fhir_user).await?["active"] == false)
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

/// Of which pathways a kind of account is the audience.
const fn audience(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Agent => "@agency",
        AccountKind::Professional => "@professional",
        AccountKind::Patient | AccountKind::Proxy => "@patient",
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
