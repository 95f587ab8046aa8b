//! Who has asked for work that is done later: known again, and let in again when it is done.
//!
//! What is kept is who they are and what their token said, never the token. The work is done with a
//! permit made anew ([`Renew`]), so that a login that was revoked or locked, and a patient who was
//! lost, meanwhile count; that the token itself has expired does not.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::{
    fhir::{
        permit::{Actor, Grant, Permit, Reach},
        scope::{Form, Scope},
    },
    kernel::problem::{Category, Problem, Result},
};

/// Who holds, or held, an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The client.
    pub client: String,
    /// The account of the person, unless the client acts for itself.
    pub account: Option<String>,
    /// The name that records give the token (`Login.session`).
    pub session: String,
    /// The patient of the launch.
    pub patient: Option<String>,
    /// What it allowed.
    pub scopes: Vec<Scope>,
}

/// Makes permits of those who asked before.
pub trait Renew: Send + Sync {
    /// The permit of somebody at present: at most what they held.
    ///
    /// Gives `Unauthenticated`, if they are no longer let in.
    fn renew<'a>(&'a self, who: &'a Identity) -> BoxFuture<'a, Result<Permit>>;
}

/// Lets nobody in again: where nobody can log in.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLogins;

impl Renew for NoLogins {
    fn renew<'a>(&'a self, _who: &'a Identity) -> BoxFuture<'a, Result<Permit>> {
        Box::pin(async { Err(gone()) })
    }
}

/// That who asked is no longer let in.
#[must_use]
pub fn gone() -> Problem {
    let says = "Who asked for this is no longer let in.";
    Problem::new(Category::Unauthenticated, "login", says)
}

/// Who asks, as it is kept: the same caller is known again by it.
#[must_use]
pub fn name(permit: &Permit) -> String {
    let actor = match permit.actor() {
        Actor::System(task) => json!({ "system": task }),
        Actor::Development => json!("development"),
        // As JSON, so that no two askers can be written alike.
        Actor::Login(login) => json!([login.client, login.account, login.patient]),
    };
    match permit.patient() {
        Some(patient) => format!("{actor} Patient/{patient}"),
        None => actor.to_string(),
    }
}

/// The same with all that the permit allows: an answer that is kept as it was made is for who may
/// see neither more nor less now.
#[must_use]
pub fn full_name(permit: &Permit) -> String {
    let Some(grants) = permit.grants() else {
        return name(permit);
    };
    let mut lines: Vec<String> = grants.iter().map(line).collect();
    lines.sort_unstable();
    let digest = blake3::hash(lines.join("\n").as_bytes());
    format!("{} {}", name(permit), digest.to_hex())
}

fn line(grant: &Grant) -> String {
    let reach = match &grant.reach {
        Reach::Everything => Value::Null,
        Reach::Of { marks, custodians } => {
            let sorted = |list: &Arc<[String]>| {
                let mut list = list.to_vec();
                list.sort_unstable();
                list
            };
            json!([sorted(marks), sorted(custodians)])
        }
    };
    json!([grant.scope.to_string(), reach]).to_string()
}

/// What is kept of a permit, to make it again.
#[must_use]
pub fn kept(permit: &Permit) -> Value {
    let Some(login) = permit.holder() else {
        return Value::Null;
    };
    let grants = permit.grants().unwrap_or_default();
    let mut scopes: Vec<String> = grants
        .iter()
        .map(|grant| {
            // The older form cannot say each set of letters.
            let form = Form::V2;
            let scope = grant.scope.clone();
            Scope { form, ..scope }.to_string()
        })
        .collect();
    scopes.sort_unstable();
    scopes.dedup();
    json!({
        "client": login.client,
        "account": login.account,
        "session": login.session,
        "patient": login.patient,
        "scopes": scopes,
    })
}

/// The permit of who asked, made again of what [`kept`] has given.
///
/// # Errors
/// `Unauthenticated`, if they are no longer let in.
pub async fn again(renew: &dyn Renew, asker: &str, kept: &Value) -> Result<Permit> {
    if kept.is_null() {
        // Who asked without a login was not bound; so it is only where nobody logs in.
        let development = Permit::development();
        return if asker == name(&development) {
            Ok(development)
        } else {
            Err(gone())
        };
    }
    let text = |name: &str| kept[name].as_str().map(str::to_owned);
    let scopes = kept["scopes"].as_array().into_iter().flatten();
    let scopes: Option<Vec<Scope>> = scopes.map(|text| Scope::read(text.as_str()?)).collect();
    let who = Identity {
        client: text("client").ok_or_else(gone)?,
        account: text("account"),
        session: text("session").ok_or_else(gone)?,
        patient: text("patient"),
        scopes: scopes.ok_or_else(gone)?,
    };
    renew.renew(&who).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::permit::Login;

    fn login(client: &str, account: Option<&str>, patient: Option<&str>) -> Arc<Login> {
        Arc::new(Login {
            client: client.to_owned(),
            account: account.map(str::to_owned),
            patient: patient.map(str::to_owned),
            session: "s1".to_owned(),
            ..Login::default()
        })
    }

    fn grant(scope: &str, patient: &str) -> Grant {
        Grant {
            scope: Scope::read(scope).unwrap(),
            reach: Reach::Of {
                marks: Arc::from([patient.to_owned(), String::new()]),
                custodians: Arc::from([]),
            },
        }
    }

    #[test]
    fn no_two_askers_have_one_name() {
        let who = [
            Permit::development(),
            Permit::system("development"),
            Permit::login(login("a", None, None), Vec::new()),
            Permit::login(login("a", Some("b"), None), Vec::new()),
            Permit::login(login("a for b", None, None), Vec::new()),
            Permit::login(login("a\",\"b", None, None), Vec::new()),
            Permit::login(login("a", Some("b"), Some("p")), Vec::new()),
            Permit::login(login("a", None, None), Vec::new()).within_patient("p"),
        ];
        let names: std::collections::BTreeSet<String> = who.iter().map(name).collect();
        assert_eq!(names.len(), who.len());
    }

    #[test]
    fn an_answer_is_for_who_may_see_the_same() {
        let with = |scopes: &[&str], patient: &str| {
            let grants = scopes.iter().map(|text| grant(text, patient)).collect();
            Permit::login(login("a", Some("b"), None), grants)
        };
        let own = with(&["patient/Task.rs", "patient/Flag.r"], "p");
        assert_eq!(
            full_name(&own),
            full_name(&with(&["patient/Flag.r", "patient/Task.rs"], "p"))
        );
        for other in [
            with(&["patient/Task.rs"], "p"),
            with(&["patient/Task.rs", "patient/Flag.r"], "q"),
            with(&["patient/Task.rs", "patient/Flag.rs"], "p"),
        ] {
            assert_eq!(name(&other), name(&own));
            assert_ne!(full_name(&other), full_name(&own));
        }
    }

    /// Tells whom it is asked for, as the name of a task.
    struct Echo;

    impl Renew for Echo {
        fn renew<'a>(&'a self, who: &'a Identity) -> BoxFuture<'a, Result<Permit>> {
            let scopes: Vec<String> = who.scopes.iter().map(ToString::to_string).collect();
            assert_eq!(scopes, ["patient/Task.c", "patient/Task.r"]);
            Box::pin(async { Ok(Permit::system("renewed")) })
        }
    }

    #[tokio::test]
    async fn who_asked_is_let_in_again_with_what_they_held() {
        // `.read` of which a role leaves `r` must not become what else the old form can say.
        let mut narrow = grant("patient/Task.read", "p");
        narrow.scope = narrow
            .scope
            .and(&Scope::read("user/Task.r").unwrap())
            .unwrap();
        let mut write = grant("patient/Task.write", "p");
        write.scope = write
            .scope
            .and(&Scope::read("user/Task.c").unwrap())
            .unwrap();
        let held = Permit::login(login("a", Some("b"), None), vec![narrow, write]);
        let (asker, kept) = (name(&held), kept(&held));
        assert_eq!(
            again(&Echo, &asker, &kept).await,
            Ok(Permit::system("renewed"))
        );
        let refused = again(&NoLogins, &asker, &kept).await;
        assert_eq!(refused.unwrap_err().category, Category::Unauthenticated);
        let forged = again(&Echo, &asker, &Value::Null).await;
        assert_eq!(forged.unwrap_err().category, Category::Unauthenticated);
        let development = Permit::development();
        let again = again(&NoLogins, &name(&development), &Value::Null).await;
        assert_eq!(again, Ok(development));
    }
}
