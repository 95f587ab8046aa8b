//! What people and whoever keeps their accounts change of them, and what ends with it.

use serde_json::{Value, json};

use super::*;
use crate::{
    erasure::ledger::hex,
    fhir::resource::Resource,
    people::invite::Taken,
    store::{Client, Delegation, Prepared, Proof, Terms},
};

fn secret(text: &str) -> Phi<String> {
    Phi::new(text.to_owned())
}

impl House {
    /// Somebody who has logged in with an authenticator.
    async fn come(&self, kind: AccountKind, name: &str) -> (Step, Account) {
        self.people.add(somebody(kind, name)).await.unwrap();
        let first = self.enter(&format!("{name}@example.org"), PASSWORD).await;
        let (_, step, _) = self.enrolled(&first).await;
        let account = self.at(&step).await.1;
        (step, account)
    }

    /// Another session of somebody with an authenticator, whose clock goes on.
    async fn come_again(&self, account: &Account) -> Step {
        self.pass(SignedDuration::from_mins(1));
        let first = self.enter(account.login.reveal(), PASSWORD).await;
        let (login, account) = self.at(&first).await;
        let sealed = account.authenticator.reveal();
        let secret = self.people.key.unseal(&account.id, sealed).unwrap();
        let code = authenticator::code(&secret, self.clock.now().as_second()).unwrap();
        let step = self.people.prove((&login, &account), &code, from(1)).await;
        step.unwrap()
    }

    /// A program is given access by an account; with a session, for as long as that lasts.
    async fn grant(&self, id: &'static str, account: &Account, session: Option<String>) {
        let client = Client {
            id: format!("client-{id}"),
            name: format!("Program {id}"),
            proof: Proof::Public,
            redirect_uris: Vec::new(),
            logout_uris: Vec::new(),
            launch_uri: None,
            scopes: Vec::new(),
            origins: Vec::new(),
            acts_for_itself: false,
            organizations: Vec::new(),
            trusted: false,
            self_registered: false,
        };
        let delegation = Delegation {
            id: id.to_owned(),
            client: client.id.clone(),
            account: Some(account.id.clone()),
            session,
            patient: None,
            terms: Terms::default(),
            created: self.clock.now(),
            expires: self.clock.now() + SignedDuration::from_hours(24 * 90),
            ended: false,
        };
        let written = self.people.store.write(&PERMIT, move |tx| {
            Box::pin(async move {
                tx.keep_client(&client).await?;
                tx.keep_delegation(&delegation).await
            })
        });
        written.await.unwrap();
    }

    async fn programs(&self, account: &Account) -> Vec<String> {
        let id = account.id.clone();
        let all = self.people.store.write(&PERMIT, move |tx| {
            Box::pin(async move { tx.given(&id).await })
        });
        let all = all.await.unwrap();
        let mut ids: Vec<String> = all.into_iter().map(|(one, _)| one.id).collect();
        ids.sort();
        ids
    }

    async fn put(&self, tree: Value) {
        let id = tree["id"].as_str().unwrap().to_owned();
        let prepared = Prepared::new(Resource::trusted(tree).unwrap());
        let written = self.people.store.write(&PERMIT, move |tx| {
            Box::pin(async move { tx.put(&id, prepared, None).await })
        });
        written.await.unwrap();
    }

    async fn marks(&self, account: &Account) -> Vec<String> {
        let standings = self.people.standings(account).await.unwrap();
        standings.into_iter().flat_map(|one| one.marks).collect()
    }
}

#[tokio::test]
async fn another_password_ends_other_sessions_and_what_programs_were_granted() {
    let house = house().await;
    let (first, account) = house.come(AccountKind::Professional, "anne").await;
    let (_, stranger) = house.come(AccountKind::Professional, "luc").await;
    let own = house.come_again(&account).await;
    house.grant("offline", &account, None).await;
    house.grant("other", &stranger, None).await;
    let (login, account) = house.at(&own).await;
    let change = async |present: &str| {
        let passwords = (&secret(present), &secret("another long password"));
        let changed = house.people.change_password((&login, &account), passwords);
        changed.await.unwrap()
    };
    assert_eq!(change("not it, not at all").await, Taken::NotThem);
    assert_eq!(house.programs(&account).await, ["offline"]);
    assert!(house.is_in(&first).await);
    assert_eq!(change(PASSWORD).await, Taken::Done);
    assert!(house.is_in(&own).await && !house.is_in(&first).await);
    assert_eq!(house.programs(&account).await, [""; 0]);
    assert_eq!(house.programs(&stranger).await, ["other"]);
}

#[tokio::test]
async fn who_ends_other_sessions_ends_what_hangs_on_them() {
    let house = house().await;
    let (first, account) = house.come(AccountKind::Professional, "anne").await;
    let own = house.come_again(&account).await;
    let session = async |step: &Step| Some(hex(&house.at(step).await.0.hash));
    house.grant("theirs", &account, session(&first).await).await;
    house.grant("own", &account, session(&own).await).await;
    house.grant("offline", &account, None).await;
    let (login, account) = house.at(&own).await;
    house.people.end_others(&login).await.unwrap();
    assert!(house.is_in(&own).await && !house.is_in(&first).await);
    assert_eq!(house.programs(&account).await, ["offline", "own"]);
}

#[tokio::test]
async fn another_authenticator_is_enrolled_by_who_knows_the_password() {
    let house = house().await;
    let (first, account) = house.come(AccountKind::Professional, "anne").await;
    let own = house.come_again(&account).await;
    house.grant("offline", &account, None).await;
    let (login, account) = house.at(&own).await;
    let begin = async |present: &str| {
        let of = (&login, &account);
        house.people.begin_authenticator(of, &secret(present)).await
    };
    assert_eq!(begin("not it, not at all").await, Ok(false));
    let of = house.at(&own).await;
    assert_eq!(house.people.pending_authenticator((&of.0, &of.1)), Ok(None));
    let taken = house
        .people
        .take_authenticator((&of.0, &of.1), "000000")
        .await;
    assert_eq!(taken, Ok(None), "nothing is being enrolled");
    assert_eq!(begin(PASSWORD).await, Ok(true));
    let of = house.at(&own).await;
    let drawn = house.people.pending_authenticator((&of.0, &of.1)).unwrap();
    let drawn = drawn.unwrap().into_inner();
    let wrong = house
        .people
        .take_authenticator((&of.0, &of.1), "000000")
        .await;
    assert_eq!(wrong, Ok(None));
    assert!(house.is_in(&first).await, "nothing has changed yet");
    let code = authenticator::code(&drawn, house.clock.now().as_second()).unwrap();
    let spares = house.people.take_authenticator((&of.0, &of.1), &code).await;
    assert_eq!(spares.unwrap().unwrap().len(), login::SPARES);
    assert!(house.is_in(&own).await && !house.is_in(&first).await);
    assert_eq!(house.programs(&account).await, [""; 0]);
    // The new one is what counts from now on, and the code that was shown does not come twice.
    let of = house.at(&own).await;
    assert_eq!(house.people.pending_authenticator((&of.0, &of.1)), Ok(None));
    let kept = house
        .people
        .key
        .unseal(&of.1.id, of.1.authenticator.reveal());
    assert_eq!(kept.unwrap(), drawn);
    let again = house.enter("anne@example.org", PASSWORD).await;
    let at = house.at(&again).await;
    let twice = house.people.prove((&at.0, &at.1), &code, from(1)).await;
    assert_eq!(twice, Ok(Step::Wrong));
}

#[tokio::test]
async fn roles_are_given_and_taken_and_count_at_once() {
    let house = house().await;
    let (_, account) = house.come(AccountKind::Professional, "anne").await;
    let role = |role: &str, organization: &str| AccountRole {
        role: role.into(),
        organization: organization.into(),
    };
    let change = async |given: Vec<AccountRole>, taken: Vec<AccountRole>| {
        let login = account.login.reveal();
        house.people.change_roles(login, (given, taken)).await
    };
    let auditor = role("auditor", "");
    let changed = change(vec![auditor.clone()], vec![]).await.unwrap();
    assert_eq!(changed.role_names(), ["auditor", "professional"]);
    let twice = change(vec![auditor.clone()], vec![]).await.unwrap();
    assert_eq!(twice.roles.len(), 2);
    for (given, taken) in [
        (vec![role("king", "")], vec![]),
        (vec![role("patient", "")], vec![]),
        (vec![role("administrator", "Organization/1")], vec![]),
        (vec![], vec![role("professional", "Organization/1")]),
        (vec![], vec![auditor.clone(), role("professional", "")]),
    ] {
        let problem = change(given, taken).await.unwrap_err();
        assert_eq!(problem.category, Category::Invalid);
    }
    let changed = change(vec![], vec![role("professional", "")])
        .await
        .unwrap();
    assert_eq!(changed.roles, [auditor]);
    let kept = house.people.account(&account.id).await.unwrap().unwrap();
    assert_eq!(kept.roles, changed.roles);
    let nobody = house.people.change_roles("nobody", (vec![], vec![])).await;
    assert_eq!(nobody.unwrap_err().category, Category::NotFound);
}

#[tokio::test]
async fn who_has_lost_everything_enrols_again_and_comes_back() {
    let house = house().await;
    let (step, account) = house.come(AccountKind::Professional, "anne").await;
    house.grant("offline", &account, None).await;
    let login = account.login.reveal();
    house.people.forget_authenticator(login).await.unwrap();
    assert!(!house.is_in(&step).await);
    assert_eq!(house.programs(&account).await, [""; 0]);
    let again = house.enter(login, PASSWORD).await;
    let (_, step, spares) = house.enrolled(&again).await;
    assert!(house.is_in(&step).await && spares.len() == login::SPARES);
    house.people.send_recovery(login).await.unwrap();
    house.people.lock(login).await.unwrap();
    let problem = house.people.send_recovery(login).await.unwrap_err();
    assert_eq!(problem.category, Category::Conflict);
}

#[tokio::test]
async fn who_comes_by_a_provider_is_unlocked_into_what_they_were() {
    let house = house().await;
    let theirs = ("https://id.example".to_owned(), "10003456789".to_owned());
    let enrolment = Enrolment {
        password: None,
        identity: Some(theirs.clone()),
        ..somebody(AccountKind::Professional, "anne")
    };
    let login = enrolment.login.clone();
    let account = house.people.add(enrolment).await.unwrap();
    assert_eq!(account.state, AccountState::Active);
    house.people.lock(&login).await.unwrap();
    let unlocked = house.people.unlock(&login).await.unwrap();
    assert_eq!(unlocked.state, AccountState::Active);
    // A name of somebody's is nobody else's; who waited for a password needs none with one.
    let enrolment = Enrolment {
        password: None,
        ..somebody(AccountKind::Professional, "luc")
    };
    let login = enrolment.login.clone();
    house.people.add(enrolment).await.unwrap();
    let taken = house.people.identify(&login, theirs).await.unwrap_err();
    assert_eq!(taken.category, Category::Conflict);
    let unlocked = house.people.unlock(&login).await.unwrap();
    assert_eq!(unlocked.state, AccountState::Invited);
    let own = ("https://id.example".to_owned(), "2".to_owned());
    let account = house.people.identify(&login, own).await.unwrap();
    assert_eq!(account.state, AccountState::Active);
}

#[tokio::test]
async fn who_answers_for_a_patient_does_so_within_the_period_and_while_the_patient_lives() {
    let house = house().await;
    let paul = |more: Value| {
        let mut tree = json!({ "resourceType": "Patient", "id": "paul" });
        tree.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        tree
    };
    let luc = |more: Value| {
        let mut tree = json!({ "resourceType": "RelatedPerson", "id": "luc",
            "patient": { "reference": "Patient/paul" } });
        tree.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        tree
    };
    house.put(paul(json!({}))).await;
    let account = house
        .people
        .add(somebody(AccountKind::Proxy, "luc"))
        .await
        .unwrap();
    // The clock stands on 2027-01-15, at eight in the morning.
    for (more, stands) in [
        (json!({}), true),
        (json!({ "active": false }), false),
        (
            json!({ "period": { "start": "2027-01-15", "end": "2027-01-15" } }),
            true,
        ),
        (json!({ "period": { "end": "2027-01-14" } }), false),
        (json!({ "period": { "start": "2027-01-16" } }), false),
        (
            json!({ "period": { "start": "2027", "end": "2027" } }),
            true,
        ),
        (json!({ "period": { "end": "soon" } }), false),
    ] {
        house.put(luc(more.clone())).await;
        let marks = house.marks(&account).await;
        assert_eq!(marks.contains(&"paul".to_owned()), stands, "{more}");
    }
    house.put(luc(json!({}))).await;
    for (more, stands) in [
        (json!({ "deceasedBoolean": false }), true),
        (json!({ "deceasedBoolean": true }), false),
        (json!({ "deceasedDateTime": "2027-01-10" }), false),
    ] {
        house.put(paul(more.clone())).await;
        let marks = house.marks(&account).await;
        assert_eq!(marks.contains(&"paul".to_owned()), stands, "{more}");
    }
}

#[tokio::test]
async fn who_works_no_more_is_nobody_here() {
    let house = house().await;
    let (_, account) = house.come(AccountKind::Professional, "anne").await;
    assert!(!house.marks(&account).await.is_empty());
    for (active, stands) in [(true, true), (false, false), (true, true)] {
        let tree = json!({ "resourceType": "Practitioner", "id": "anne", "active": active });
        house.put(tree).await;
        assert_eq!(house.marks(&account).await.is_empty(), !stands);
    }
}

#[tokio::test]
async fn one_place_does_not_have_letters_sent_to_everybody() {
    let house = house().await;
    let ask = async |name: &str, place: u8| {
        let wait = house.people.ask_recovery(name, from(place)).await.unwrap();
        wait.is_none()
    };
    for n in 0..=throttle::BY_ADDRESS.free {
        assert!(ask(&format!("nobody-{n}"), 1).await);
    }
    assert!(!ask("anne@example.org", 1).await, "the place waits");
    assert!(ask("anne@example.org", 2).await, "others do not");
}
