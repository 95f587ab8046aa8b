//! The patients among whom somebody chooses one for a program.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Smart,
    persons::Person,
    refusal::{Granted, Refusal},
};
use crate::{
    fhir::{
        definitions::ResourceType,
        permit::{Grant, Login, Permit},
        scope::Scope,
        search::query::{Query, QueryOptions},
    },
    kernel::problem::{Problem, Result},
    people::roles,
};

/// Patients on a page; whoever is not there is found by more of their name.
const SHOWN_MAX: u32 = 20;

/// Most characters of a name that is looked for.
const NAME_MAX: usize = 100;

/// A patient as they are shown to who chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The logical id.
    pub id: String,
    /// What they are called.
    pub name: String,
    /// Their birth date.
    pub born: String,
}

impl Smart {
    /// Patients whom somebody may choose, by the beginning of a name; an empty one is any.
    ///
    /// # Errors
    /// `ServerError`, if the database fails.
    pub async fn choices(&self, account: &str, name: &str) -> Granted<Vec<Choice>> {
        let Some(person) = self.parts.persons.person(account).await? else {
            return Ok(Vec::new());
        };
        let permit = self.permit_to_choose(&person).await?;
        let mut pairs = vec![
            ("_count".to_owned(), SHOWN_MAX.to_string()),
            ("_sort".to_owned(), "family".to_owned()),
        ];
        let name: String = name.chars().take(NAME_MAX).collect();
        let words = name.split_whitespace().map(escaped);
        pairs.extend(words.map(|word| ("name".to_owned(), word)));
        let kind = patient()?;
        let options = QueryOptions::default();
        let Ok(query) = Query::parse(kind, &pairs, &options) else {
            return Ok(Vec::new());
        };
        let page = self.store().search(&permit, &query).await?;
        let mut choices = Vec::new();
        for hit in &page.hits {
            choices.push(choice(&hit.stored.tree()?, &hit.stored.id));
        }
        Ok(choices)
    }

    /// A patient as they are shown, of those whom somebody may choose.
    ///
    /// # Errors
    /// `ServerError`, if the database fails.
    pub async fn shown(&self, person: &Person, id: &str) -> Granted<Option<Choice>> {
        let permit = self.permit_to_choose(person).await?;
        let found = self.store().read(&permit, patient()?, id).await?;
        match found.filter(|stored| !stored.is_deleted()) {
            Some(stored) => Ok(Some(choice(&stored.tree()?, id))),
            None => Ok(None),
        }
    }

    /// What somebody may see of patients, whatever the program may.
    async fn permit_to_choose(&self, person: &Person) -> Result<Permit> {
        let login = Arc::new(Login {
            account: Some(person.account.clone()),
            fhir_user: person.fhir_user.clone(),
            roles: person.roles(),
            ..Login::default()
        });
        let mut grants = Vec::new();
        for hat in &person.hats {
            let (Some(role), Some(scope)) =
                (roles::named(&hat.role), Scope::read("user/Patient.rs"))
            else {
                continue;
            };
            let reach = self.reach_of(hat).await?;
            grants.extend(role.bounded(&scope).into_iter().map(|scope| Grant {
                scope,
                reach: reach.clone(),
            }));
        }
        Ok(Permit::login(login, grants))
    }
}

fn patient() -> Result<ResourceType, Refusal> {
    let kind = ResourceType::named("Patient");
    Ok(kind.ok_or_else(|| Problem::fault("R4 has patients"))?)
}

/// A word as a search takes it for itself.
fn escaped(word: &str) -> String {
    word.chars().fold(String::new(), |mut all, letter| {
        if "\\,$|".contains(letter) {
            all.push('\\');
        }
        all.push(letter);
        all
    })
}

fn choice(tree: &Value, id: &str) -> Choice {
    let name = &tree["name"][0];
    let given = name["given"].as_array().into_iter().flatten();
    let words: Vec<&str> = given
        .chain([&name["family"]])
        .filter_map(Value::as_str)
        .collect();
    let text = name["text"].as_str().map(str::to_owned);
    Choice {
        id: id.to_owned(),
        name: text.unwrap_or_else(|| words.join(" ")),
        born: tree["birthDate"].as_str().unwrap_or_default().to_owned(),
    }
}
