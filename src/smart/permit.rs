//! From a token to the right to read and write.
//!
//! An account that is locked, a role that is taken away, a patient who is no longer in somebody's
//! care take effect with the next request: the permit is made anew whenever something has changed of
//! what it is made from (`recent`).

use std::sync::Arc;

use super::{
    PERMIT, Smart, issue,
    persons::{Hat, Person},
    recent::Found,
    scopes,
    ways::Ways,
};
use crate::{
    fhir::{
        about::SHARED,
        consent::PURPOSE,
        permit::{Grant, Login, Permit, Reach},
        scope::{Level, Scope},
    },
    kernel::problem::{Category, Problem, Result},
    people::roles,
    store::{Held, TokenKind},
};

/// To whom pathways are offered that are not the agency's.
const CARING: &str = "@professional";

/// That a token is not good: which of the reasons it is, nobody is told.
fn invalid() -> Problem {
    Problem::new(
        Category::Unauthenticated,
        "security",
        "The access token is not valid, or no longer.",
    )
}

/// What cannot be decided now is refused now: never data because a check has failed.
fn closed(problem: Problem) -> Problem {
    let mut busy = Problem::busy("Access cannot be checked at the moment.");
    busy.internal = problem.internal;
    busy
}

impl Smart {
    /// The permit that an access token stands for.
    ///
    /// # Errors
    /// `Unauthenticated`, if it is none that is good; `Busy`, if that cannot be found out.
    pub async fn permit(&self, bearer: &str) -> Result<Permit> {
        let hash = issue::access_digest(bearer).ok_or_else(invalid)?;
        let now = self.now();
        // Before anything is looked up: what changes meanwhile makes it another one.
        let stamp = self.store().access_stamp().map_err(closed)?;
        if let Some(found) = stamp.and_then(|stamp| self.recent.get(&hash, stamp, now))
            && self.still_reaches(&found).await?
        {
            return Ok(found.permit);
        }
        let held = self.store().held(&PERMIT, &hash).await.map_err(closed)?;
        let held = held.filter(|held| held.token.kind == TokenKind::Access && held.is_good(now));
        let held = held.ok_or_else(invalid)?;
        let found = self.found(&held).await?;
        let permit = found.permit.clone();
        if let Some(stamp) = stamp {
            self.recent.keep(hash, found, (stamp, now));
        }
        Ok(permit)
    }

    /// Whether the patient of the launch is within reach, or not, as before.
    async fn still_reaches(&self, found: &Found) -> Result<bool> {
        let login = found.permit.holder();
        let Some(patient) = login.and_then(|login| login.patient.as_deref()) else {
            return Ok(true);
        };
        for (reach, before) in &found.launches {
            let reached = self.store().reaches(reach, patient).await;
            if reached.map_err(closed)? != *before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The permit that what is held stands for, whether or not it is still good.
    pub(super) async fn permit_of(&self, held: &Held) -> Result<Permit> {
        Ok(self.found(held).await?.permit)
    }

    async fn found(&self, held: &Held) -> Result<Found> {
        let found = |permit, launches| Found {
            permit,
            expires: held.token.expires.min(held.delegation.expires),
            launches,
        };
        let asked = scopes::read(&held.token.scopes);
        let asked: Vec<Scope> = scopes::resources(&asked).cloned().collect();
        let mut login = Login {
            client: held.client.id.clone(),
            account: held.delegation.account.clone(),
            patient: held.delegation.patient.clone(),
            session: held.delegation.id.clone(),
            ..Login::default()
        };
        let Some(account) = &held.delegation.account else {
            let ways = self.ways_of_client(&held.client.organizations).await?;
            let own = asked.iter().filter(|one| one.level == Level::System);
            let grants = own.flat_map(|scope| ways.grants(scope));
            let permit = Permit::login(Arc::new(login), grants.collect());
            return Ok(found(permit, Vec::new()));
        };
        let person = self.parts.persons.person(account).await.map_err(closed)?;
        let person = person.ok_or_else(invalid)?;
        login.fhir_user.clone_from(&person.fhir_user);
        login.roles = person.roles();
        let login = Arc::new(login);
        let (grants, launches) = self.grants(&login, &person, &asked).await?;
        Ok(found(Permit::login(login, grants), launches))
    }

    /// What a client reaches that acts for itself; one of an establishment is of those who care.
    async fn ways_of_client(&self, organizations: &[String]) -> Result<Ways> {
        if organizations.is_empty() {
            return Ok(Ways::everywhere());
        }
        let custodians = self.custodians(organizations).await?;
        let marks = [SHARED, CARING].map(str::to_owned);
        let ways = Ways::of(&marks, Arc::clone(&custodians), &custodians);
        Ok(ways.writing_for(&custodians))
    }

    /// What a person's token allows: each scope, met with each of their roles, over what that role
    /// reaches; and which of these reach the patient of the launch.
    async fn grants(
        &self,
        login: &Arc<Login>,
        person: &Person,
        asked: &[Scope],
    ) -> Result<(Vec<Grant>, Vec<(Reach, bool)>)> {
        let (mut grants, mut launches) = (Vec::new(), Vec::new());
        for hat in &person.hats {
            let Some(role) = roles::named(&hat.role) else {
                continue;
            };
            let ways = self.ways_of(hat).await?;
            let launch = self.ways_of_launch(login, &ways.reach).await?;
            launches.push((ways.reach.clone(), launch.is_some()));
            for scope in asked {
                let ways = match scope.level {
                    Level::User => Some(&ways),
                    Level::Patient => launch.as_ref(),
                    Level::System => None,
                };
                let Some(ways) = ways else { continue };
                let bounded = role.bounded(scope);
                grants.extend(bounded.iter().flat_map(|scope| ways.grants(scope)));
            }
        }
        Ok((grants, launches))
    }

    /// How far a role of a person reaches.
    async fn ways_of(&self, hat: &Hat) -> Result<Ways> {
        let mut marks = hat.marks.clone();
        if !marks.iter().any(|mark| mark == SHARED) {
            marks.push(SHARED.to_owned());
        }
        let custodians = self.custodians(&hat.seeds).await?;
        // Purposes stand beside those whom somebody acts for, and offer nothing.
        let acting = hat.seeds.iter().filter(|one| !one.starts_with(PURPOSE));
        let houses = match acting.eq(&hat.houses) {
            true => Arc::clone(&custodians),
            false => self.custodians(&hat.houses).await?,
        };
        let ways = Ways::of(&marks, custodians, &houses);
        Ok(if hat.writes_own {
            ways.writing_for(&houses)
        } else {
            ways
        })
    }

    /// Whom a role of a person reaches.
    pub(super) async fn reach_of(&self, hat: &Hat) -> Result<Reach> {
        Ok(self.ways_of(hat).await?.reach)
    }

    async fn custodians(&self, seeds: &[String]) -> Result<Arc<[String]>> {
        let found = self.store().custodians(seeds).await;
        Ok(found.map_err(closed)?.into())
    }

    /// The patient of the launch, and what is everybody's; none, if the role does not reach that
    /// patient.
    async fn ways_of_launch(&self, login: &Arc<Login>, reach: &Reach) -> Result<Option<Ways>> {
        let Some(patient) = &login.patient else {
            return Ok(None);
        };
        let reached = self.store().reaches(reach, patient).await;
        Ok(reached.map_err(closed)?.then(|| Ways::of_launch(patient)))
    }
}

impl Smart {
    /// Whether somebody reaches a patient by one of their roles.
    pub(super) async fn person_reaches(&self, person: &Person, patient: &str) -> Result<bool> {
        for hat in &person.hats {
            let reach = self.reach_of(hat).await?;
            if self
                .store()
                .reaches(&reach, patient)
                .await
                .map_err(closed)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
