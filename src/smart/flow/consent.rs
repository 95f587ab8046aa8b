//! Whom nobody has to ask any more: programs of the operator's own, and those that somebody has let
//! in not long ago.
//!
//! A yes is remembered for clients that show that they are themselves: any other program of a
//! machine can pretend to be one that cannot. It counts from when it was said, for what was said, and
//! as long as what was granted stands.

use jiff::{SignedDuration, Timestamp};

use super::Question;
use crate::{
    kernel::problem::Result,
    smart::{PERMIT, Smart, scopes, scopes::Wish},
    store::{Client, Delegation, Proof},
};

/// What is granted, and when somebody said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Consent {
    /// What the client may do.
    pub wishes: Vec<Wish>,
    /// When the person was asked; none, if they were not.
    pub at: Option<Timestamp>,
}

impl Smart {
    /// The days for which a yes to this client is remembered.
    #[must_use]
    pub fn consent_days(&self, client: &Client) -> u64 {
        let shows_itself = client.proof != Proof::Public && !client.self_registered;
        let seconds = self.settings.consent.as_secs();
        if shows_itself { seconds / 86_400 } else { 0 }
    }

    /// The consent to all that is asked, where nobody has to be asked for it now.
    pub(super) async fn standing_consent(&self, question: &Question) -> Result<Option<Consent>> {
        let to_all = |at| {
            let wishes = question.wishes.clone();
            Ok(Some(Consent { wishes, at }))
        };
        if question.client.trusted {
            return to_all(None);
        }
        let days = self.consent_days(&question.client);
        if days == 0 {
            return Ok(None);
        }
        let account = question.person.account.clone();
        let given = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move { tx.given(&account).await })
        });
        let hours = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(24);
        let since = self.now() - SignedDuration::from_hours(hours);
        let said = given
            .await?
            .iter()
            .filter_map(|(given, _)| said(given, question))
            .max();
        match said.filter(|said| *said > since) {
            Some(at) => to_all(Some(at)),
            None => Ok(None),
        }
    }
}

/// When somebody said yes to all of this by what they granted; none, if they did not.
fn said(given: &Delegation, question: &Question) -> Option<Timestamp> {
    let consented = scopes::read(&given.terms.scopes);
    let is_same = given.client == question.client.id
        && given.patient == question.patient
        && scopes::is_within(&question.wishes, &consented);
    let at = given.terms.consented.filter(|_| is_same)?;
    Timestamp::from_second(at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{smart::persons::Person, store::Terms};

    fn question(scopes: &str, patient: Option<&str>) -> Question {
        Question {
            client: Client {
                id: "app".into(),
                name: "App".into(),
                proof: Proof::Secret("00".into()),
                redirect_uris: Vec::new(),
                logout_uris: Vec::new(),
                launch_uri: None,
                scopes: Vec::new(),
                origins: Vec::new(),
                acts_for_itself: false,
                organizations: Vec::new(),
                trusted: false,
                self_registered: false,
            },
            person: Person {
                account: "anne".into(),
                fhir_user: None,
                hats: Vec::new(),
            },
            patient: patient.map(str::to_owned),
            wishes: scopes::read(scopes),
        }
    }

    fn given(scopes: &str, patient: Option<&str>) -> Delegation {
        Delegation {
            id: "d".into(),
            client: "app".into(),
            account: Some("anne".into()),
            session: None,
            patient: patient.map(str::to_owned),
            terms: Terms {
                scopes: scopes.into(),
                consented: Some(7),
                ..Terms::default()
            },
            created: Timestamp::UNIX_EPOCH,
            expires: Timestamp::UNIX_EPOCH,
            ended: false,
        }
    }

    #[test]
    fn a_yes_is_to_what_was_asked_about_whom_it_was_asked() {
        let wide = given("openid patient/Observation.rs patient/Task.rs", Some("p"));
        let asked = |scopes, patient| said(&wide, &question(scopes, patient)).is_some();
        assert!(asked(
            "openid patient/Observation.rs patient/Task.rs",
            Some("p")
        ));
        assert!(asked("patient/Observation.r", Some("p")));
        assert!(asked("patient/Task.rs?status=ready", Some("p")));
        assert!(!asked("patient/Observation.rs", Some("q")));
        assert!(!asked("patient/Observation.rs", None));
        assert!(!asked("patient/Observation.cruds", Some("p")));
        assert!(!asked("patient/*.rs", Some("p")));
        assert!(!asked("openid offline_access", Some("p")));
        assert!(!asked("user/Observation.rs", Some("p")));
        let mut silent = wide.clone();
        silent.terms.consented = None;
        assert_eq!(said(&silent, &question("openid", Some("p"))), None);
        let mut other = wide.clone();
        other.client = "other".into();
        assert_eq!(said(&other, &question("openid", Some("p"))), None);
        let at = said(&wide, &question("openid", Some("p")));
        assert_eq!(at.map(Timestamp::as_second), Some(7));
    }
}
