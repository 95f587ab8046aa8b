//! From a request for authorization to a code, page by page.
//!
//! What is underway is kept here, under a name that cannot be guessed; pages carry the name and
//! nothing else, so that no page can be made to say anything that was not checked.

mod consent;
mod grant;

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use self::consent::Consent;
use super::{
    PERMIT, Smart, after,
    authorize::{self, Asked, Launch, Way},
    form::Fields,
    narrowing,
    persons::Person,
    refusal::{Fault, Granted, Refusal},
    scopes::{self, For, Wish},
    secret,
};
use crate::{
    fhir::{
        reference,
        scope::{Actions, Scope},
    },
    kernel::{
        clock::from_millis,
        problem::{Problem, Result},
    },
    store::{Client, Digest, PendingKind},
};

/// How long pages may take.
pub const REQUEST_LIFETIME: std::time::Duration = std::time::Duration::from_secs(600);

/// Who sits before the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Their account.
    pub account: String,
    /// A name of the login session, with which what is granted ends.
    pub session: String,
    /// When they last proved who they are.
    pub authenticated: Timestamp,
}

/// What a request has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is underway under this name.
    Underway(String),
    /// The client is told why not, at this address.
    Refused(String),
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Somebody has to log in.
    Login,
    /// A patient has to be chosen.
    Choose,
    /// Somebody has to consent.
    Consent(Box<Question>),
    /// The browser goes to this address of the client.
    Answer(String),
}

/// What somebody is asked to consent to.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Who asks.
    pub client: Client,
    /// Whom.
    pub person: Person,
    /// The patient whom it is about, if it is about one.
    pub patient: Option<String>,
    /// For what; each can be left out.
    pub wishes: Vec<Wish>,
}

/// What was said to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether it may.
    pub allow: bool,
    /// The scopes that were left in.
    pub scopes: Vec<String>,
}

/// That a request is not underway, or no longer: to be shown to the person.
const fn gone() -> Refusal {
    Refusal::new(
        Fault::InvalidRequest,
        "This request is not known, or has taken too long. Begin again from the program.",
    )
}

const fn denied(description: &'static str) -> Refusal {
    Refusal::new(Fault::AccessDenied, description)
}

impl Smart {
    /// Takes a client's request.
    ///
    /// # Errors
    /// What is shown to the person: the client is not known, or the address is not its own;
    /// `TooManyRequests`.
    pub async fn begin(&self, fields: &Fields, address: Option<IpAddr>) -> Granted<Begun> {
        // Each request that is taken is a row: nobody fills the disk from one address.
        self.rates.look(address, self.now())?;
        self.rates.count_address(address, self.now());
        let id = fields.need("client_id", "The program does not say who it is.")?;
        let client = self.store().client(&PERMIT, id).await?;
        let client = client.ok_or(Refusal::new(
            Fault::InvalidRequest,
            "The program is not known here.",
        ))?;
        let redirect_uri = authorize::redirect(&client, fields)?;
        let way = Way {
            redirect_uri,
            state: authorize::echo(fields, "state").unwrap_or_default(),
            issuer: self.settings.issuer.clone(),
        };
        match self.accept(&client, &way, fields).await {
            Ok(name) => Ok(Begun::Underway(name)),
            Err(refusal) => Ok(Begun::Refused(way.refused(&told(refusal)))),
        }
    }

    async fn accept(&self, client: &Client, way: &Way, fields: &Fields) -> Granted<String> {
        let now = self.now();
        let base = &self.settings.base;
        let mut asked = authorize::read((client, &way.redirect_uri), fields, base, now)?;
        narrowing::check(&scopes::read(&asked.scopes))?;
        if let Some(token) = fields.one("id_token_hint")? {
            asked.expected = Some(self.expected(client, token)?);
        }
        if let Some(launch) = fields.one("launch")? {
            asked.launch = Some(self.take_launch(client, launch).await?);
        }
        let name = self.draw(secret::REQUEST);
        self.keep(&secret::digest(&name), asked).await?;
        Ok(name)
    }

    /// The launch of a name: for this client, and once.
    async fn take_launch(&self, client: &Client, name: &str) -> Granted<Launch> {
        let unknown = || {
            Refusal::new(
                Fault::InvalidRequest,
                "The launch is not known, is over, or is another program's.",
            )
        };
        let hash = authorize::launch_digest(name).ok_or_else(unknown)?;
        let found = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move {
                let kind = PendingKind::Launch;
                let found = tx.pending((kind, &hash)).await?;
                tx.forget_pending((kind, &hash)).await?;
                Ok(found)
            })
        });
        let launch: Launch = match found.await? {
            Some(body) => serde_json::from_value(body).map_err(Problem::fault)?,
            None => return Err(unknown()),
        };
        if launch.client == client.id {
            Ok(launch)
        } else {
            Err(unknown())
        }
    }

    async fn keep(&self, hash: &Digest, asked: Asked) -> Result<()> {
        let (hash, expires) = (*hash, after(from_millis(asked.since), REQUEST_LIFETIME));
        let body = serde_json::to_value(asked).map_err(Problem::fault)?;
        self.store()
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let name = (PendingKind::Authorization, &hash);
                    tx.keep_pending(name, &body, expires).await
                })
            })
            .await
    }

    /// What is underway under a name, with who asks.
    async fn underway(&self, name: &str) -> Granted<(Digest, Asked, Client)> {
        let hash = secret::digest_of(secret::REQUEST, name).ok_or_else(gone)?;
        let found = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move { tx.pending((PendingKind::Authorization, &hash)).await })
        });
        let body: Value = found.await?.ok_or_else(gone)?;
        let mut asked: Asked = serde_json::from_value(body).map_err(Problem::fault)?;
        let client = self.store().client(&PERMIT, &asked.client).await?;
        let client = client.ok_or_else(gone)?;
        // It may have been registered anew since, with less.
        if !client.redirect_uris.contains(&asked.redirect_uri) {
            return Err(gone());
        }
        let left = scopes::allowed(&asked.scopes, &client.scopes, For::Person);
        asked.scopes = scopes::told(&left.map_err(|_| gone())?);
        Ok((hash, asked, client))
    }

    /// What comes next for a request that is underway.
    ///
    /// # Errors
    /// What is shown to the person.
    pub async fn next(&self, name: &str, visitor: Option<&Visitor>) -> Granted<Step> {
        let (hash, mut asked, client) = self.underway(name).await?;
        let way = self.way(&asked);
        let Some(visitor) = visitor.filter(|visitor| is_fresh(&asked, visitor, self.now())) else {
            if asked.prompt.none {
                let refusal = Refusal::new(Fault::LoginRequired, "Nobody is logged in.");
                return self.conclude(&hash, way.refused(&refusal)).await;
            }
            return Ok(Step::Login);
        };
        if let Some(expected) = &asked.expected
            && *expected != visitor.account
        {
            let refusal = Refusal::new(Fault::LoginRequired, "Somebody else is logged in.");
            return self.conclude(&hash, way.refused(&refusal)).await;
        }
        // The first who comes with it has it; for anybody else it is not there.
        match &asked.account {
            Some(account) if *account != visitor.account => return Err(gone()),
            Some(_) => {}
            None => {
                asked.account = Some(visitor.account.clone());
                self.keep(&hash, asked.clone()).await?;
            }
        }
        match self.question(&asked, client, visitor).await {
            Ok(Asking::Patient) if asked.prompt.none => {
                let refusal =
                    Refusal::new(Fault::InteractionRequired, "A patient is to be chosen.");
                self.conclude(&hash, way.refused(&refusal)).await
            }
            Ok(Asking::Patient) => Ok(Step::Choose),
            Ok(Asking::Consent(question)) => {
                if !asked.prompt.consent
                    && let Some(consent) = self.standing_consent(&question).await?
                {
                    return self
                        .grant((&hash, &asked), visitor, *question, consent)
                        .await;
                }
                if asked.prompt.none {
                    let refusal = Refusal::new(Fault::ConsentRequired, "Nobody has consented yet.");
                    return self.conclude(&hash, way.refused(&refusal)).await;
                }
                Ok(Step::Consent(question))
            }
            Err(refusal) => self.conclude(&hash, way.refused(&told(refusal))).await,
        }
    }

    /// Takes the choice of a patient.
    ///
    /// # Errors
    /// What is shown to the person.
    pub async fn choose(&self, name: &str, visitor: &Visitor, patient: &str) -> Granted<Step> {
        let (hash, mut asked, _) = self.underway(name).await?;
        if asked.account.as_deref() != Some(&visitor.account) {
            return Err(gone());
        }
        let person = self.parts.persons.person(&visitor.account).await?;
        let person = person.ok_or_else(gone)?;
        // What a form sends may be anything: marks are reached, and are nobody.
        let is_id = reference::local(&format!("Patient/{patient}")).is_some();
        if is_id && self.person_reaches(&person, patient).await? {
            asked.patient = Some(patient.to_owned());
            self.keep(&hash, asked).await?;
        }
        self.next(name, Some(visitor)).await
    }

    /// Takes what was said to the question.
    ///
    /// # Errors
    /// What is shown to the person.
    pub async fn decide(&self, name: &str, visitor: &Visitor, said: &Said) -> Granted<Step> {
        let (hash, asked, client) = self.underway(name).await?;
        if asked.account.as_deref() != Some(&visitor.account) {
            return Err(gone());
        }
        if !is_fresh(&asked, visitor, self.now()) {
            return Ok(Step::Login);
        }
        let way = self.way(&asked);
        if !said.allow {
            let refusal = denied("The person did not consent.");
            return self.conclude(&hash, way.refused(&refusal)).await;
        }
        let question = match self.question(&asked, client, visitor).await {
            Ok(Asking::Consent(question)) => question,
            Ok(Asking::Patient) => return Ok(Step::Choose),
            Err(refusal) => return self.conclude(&hash, way.refused(&told(refusal))).await,
        };
        let left_in = |wish: &Wish| said.scopes.iter().any(|text| *text == wish.to_string());
        let wishes: Vec<Wish> = question
            .wishes
            .iter()
            .filter(|one| left_in(one))
            .cloned()
            .collect();
        if wishes.is_empty() {
            let refusal = denied("The person left nothing in.");
            return self.conclude(&hash, way.refused(&refusal)).await;
        }
        let consent = Consent {
            wishes,
            at: Some(self.now()),
        };
        self.grant((&hash, &asked), visitor, *question, consent)
            .await
    }

    /// The origin to which the answer to a request goes: what forms may lead to.
    ///
    /// # Errors
    /// What is shown to the person.
    pub async fn target(&self, name: &str) -> Granted<Option<String>> {
        let (_, asked, _) = self.underway(name).await?;
        Ok(origin(&asked.redirect_uri))
    }

    /// What somebody is called.
    ///
    /// # Errors
    /// `ServerError`, if the database fails.
    pub async fn name_of(&self, person: &Person) -> Granted<String> {
        Ok(self.parts.persons.name(&person.account).await?)
    }

    fn way(&self, asked: &Asked) -> Way {
        Way {
            redirect_uri: asked.redirect_uri.clone(),
            state: asked.state.clone(),
            issuer: self.settings.issuer.clone(),
        }
    }

    /// Ends what is underway with an answer to the client.
    async fn conclude(&self, hash: &Digest, address: String) -> Granted<Step> {
        let hash = *hash;
        let was_there = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move { tx.forget_pending((PendingKind::Authorization, &hash)).await })
        });
        if was_there.await? {
            Ok(Step::Answer(address))
        } else {
            Err(gone())
        }
    }

    /// What the person is to be asked.
    async fn question(&self, asked: &Asked, client: Client, visitor: &Visitor) -> Granted<Asking> {
        let person = self.parts.persons.person(&visitor.account).await?;
        let person = person.ok_or(denied("The account is not active."))?;
        if let Some(launch) = &asked.launch
            && launch.user.is_some()
            && launch.user != person.fhir_user
        {
            return Err(denied("The launch is another person's."));
        }
        let wishes = grantable(&scopes::read(&asked.scopes), &person, asked.launch.as_ref());
        if wishes.is_empty() {
            return Err(scopes::nothing());
        }
        let launched = asked.launch.as_ref().and_then(|one| one.patient.clone());
        let is_launch = wishes.contains(&Wish::Launch);
        let has_patient = is_launch && launched.is_some();
        if !(scopes::needs_patient(&wishes) || has_patient) {
            return Ok(Asking::Consent(Box::new(Question {
                client,
                person,
                patient: None,
                wishes,
            })));
        }
        let own = person.own_patient().map(str::to_owned);
        let Some(patient) = launched.or(own).or_else(|| asked.patient.clone()) else {
            return Ok(Asking::Patient);
        };
        if !self.person_reaches(&person, &patient).await? {
            return Err(denied("The patient is not among those of the person."));
        }
        Ok(Asking::Consent(Box::new(Question {
            client,
            person,
            patient: Some(patient),
            wishes,
        })))
    }
}

/// The origin of an address, as policies name it.
pub(super) fn origin(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(match scheme {
        "http" | "https" => format!("{scheme}://{}", &rest[..end]),
        own => format!("{own}:"),
    })
}

/// What somebody is to be asked.
enum Asking {
    Patient,
    Consent(Box<Question>),
}

/// Whether the login is as new as the client wants it.
fn is_fresh(asked: &Asked, visitor: &Visitor, now: Timestamp) -> bool {
    let is_again = visitor.authenticated.as_millisecond() >= asked.since;
    let in_time = asked.max_age.is_none_or(|most| {
        is_again || now.duration_since(visitor.authenticated) <= SignedDuration::from_secs(most)
    });
    in_time && (!asked.prompt.login || is_again)
}

/// What of the wishes a person can grant.
fn grantable(wishes: &[Wish], person: &Person, launch: Option<&Launch>) -> Vec<Wish> {
    let mut all = Vec::new();
    let has_encounter = launch.is_some_and(|launch| launch.context.encounter.is_some());
    for wish in wishes {
        match wish {
            // A scope for every type stays one word: which types a role allows is looked up at
            // each use.
            Wish::Resources(scope) if scope.kind.is_none() => {
                let bounds = person.bounded(scope);
                let actions = bounds.iter().map(|bound| bound.actions);
                let bound = Scope {
                    actions: actions.fold(Actions::NONE, Actions::or),
                    ..scope.clone()
                };
                all.extend(scopes::meet(scope, &bound).map(Wish::Resources));
            }
            Wish::Resources(scope) => person
                .bounded(scope)
                .into_iter()
                .filter_map(|bound| scopes::meet(scope, &bound))
                .for_each(|scope| scopes::add(&mut all, Wish::Resources(scope))),
            Wish::FhirUser | Wish::Profile if person.fhir_user.is_none() => {}
            Wish::LaunchEncounter if !has_encounter => {}
            other => scopes::add(&mut all, other.clone()),
        }
    }
    all
}

/// A refusal on its way to a client: what only the operator may read is written down here.
fn told(refusal: Refusal) -> Refusal {
    if let Some(reason) = &refusal.internal {
        tracing::error!(reason, "a request for authorization failed");
    }
    refusal
}
