//! People over a real store, with a clock and chance of their own.

mod kept;

use std::{net::IpAddr, sync::Arc};

use jiff::SignedDuration;
use tempfile::TempDir;

use super::{
    People,
    enrol::Enrolment,
    key::Key,
    login::{Second, Step},
    *,
};
use crate::{
    kernel::{
        chance::Generator,
        clock::{SimulatedClock, from_millis},
        phi::Phi,
        problem::Category,
    },
    store::{AccountKind, AccountRole, AccountState, LoginSession, StoreOptions},
};

mod guessing;

const PASSWORD: &str = "correct horse battery";

struct House {
    people: People,
    clock: Arc<SimulatedClock>,
    _folder: TempDir,
}

async fn house() -> House {
    let folder = TempDir::new().unwrap();
    let clock = Arc::new(SimulatedClock::starting_at(from_millis(1_800_000_000_000)));
    let chance = Arc::new(Generator::from_seed(1));
    let store = Store::open(StoreOptions {
        path: folder.path().join("vigie.sqlite"),
        readers: 1,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        chance: Arc::clone(&chance) as Arc<dyn Chance>,
        reactors: Vec::new(),
    })
    .await
    .unwrap();
    let key = Key::of(&[7; 32]).unwrap();
    House {
        people: People::new(store, Arc::clone(&clock) as Arc<dyn Clock>, chance, key),
        clock,
        _folder: folder,
    }
}

fn somebody(kind: AccountKind, name: &str) -> Enrolment {
    Enrolment {
        kind,
        login: format!("{name}@example.org"),
        fhir_user: format!("{}/{name}", kind.resource()),
        roles: vec![AccountRole {
            role: kind.name().to_owned(),
            organization: String::new(),
        }],
        password: Some(Phi::new(PASSWORD.to_owned())),
        authenticator: None,
        identity: None,
    }
}

fn from(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

impl House {
    fn pass(&self, time: SignedDuration) {
        self.clock.advance_to(self.clock.now() + time);
    }

    async fn enter(&self, login: &str, password: &str) -> Step {
        let password = Phi::new(password.to_owned());
        self.people.enter(login, &password, from(1)).await.unwrap()
    }

    async fn at(&self, step: &Step) -> (LoginSession, Account) {
        let Step::Opened(cookie) = step else {
            panic!("{step:?}");
        };
        self.people
            .at_stage(cookie.reveal())
            .await
            .unwrap()
            .unwrap()
    }

    async fn enrolled(&self, step: &Step) -> (Vec<u8>, Step, Vec<String>) {
        let (login, account) = self.at(step).await;
        let Second::Enrol(secret) = self.people.second(&login, &account).await.unwrap() else {
            panic!("an authenticator is to be enrolled");
        };
        let code = authenticator::code(secret.reveal(), self.clock.now().as_second()).unwrap();
        // The secret is kept with the session.
        let (login, account) = self.at(step).await;
        let (step, spares) = self.people.enrol((&login, &account), &code).await.unwrap();
        (secret.into_inner(), step, spares)
    }

    async fn is_in(&self, step: &Step) -> bool {
        let Step::Opened(cookie) = step else {
            return false;
        };
        self.people
            .logged_in(cookie.reveal())
            .await
            .unwrap()
            .is_some()
    }
}

#[tokio::test]
async fn a_professional_enrols_an_authenticator_and_logs_in_with_it() {
    let house = house().await;
    house
        .people
        .add(somebody(AccountKind::Professional, "anne"))
        .await
        .unwrap();
    let first = house.enter(" Anne@Example.org ", PASSWORD).await;
    assert!(!house.is_in(&first).await, "a password alone opens nothing");
    let (secret, second, spares) = house.enrolled(&first).await;
    assert!(house.is_in(&second).await);
    let Step::Opened(old) = &first else { panic!() };
    assert_eq!(
        house.people.at_stage(old.reveal()).await,
        Ok(None),
        "the old cookie is dead"
    );
    assert_eq!(spares.len(), login::SPARES);

    house.pass(SignedDuration::from_mins(1));
    let again = house.enter("anne@example.org", PASSWORD).await;
    let (login, account) = house.at(&again).await;
    assert_eq!(
        house.people.second(&login, &account).await,
        Ok(Second::Authenticator)
    );
    let code = authenticator::code(&secret, house.clock.now().as_second()).unwrap();
    let step = house
        .people
        .prove((&login, &account), "000000", from(1))
        .await;
    assert_eq!(step, Ok(Step::Wrong));
    let step = house
        .people
        .prove((&login, &account), &code, from(1))
        .await
        .unwrap();
    assert!(house.is_in(&step).await);
    // The same code again, from another session.
    let again = house.enter("anne@example.org", PASSWORD).await;
    let (login, account) = house.at(&again).await;
    let step = house.people.prove((&login, &account), &code, from(1)).await;
    assert_eq!(step, Ok(Step::Wrong));
    // A code that was written down, once.
    let step = house
        .people
        .prove((&login, &account), &spares[3], from(1))
        .await
        .unwrap();
    assert!(house.is_in(&step).await);
    let again = house.enter("anne@example.org", PASSWORD).await;
    let (login, account) = house.at(&again).await;
    let step = house
        .people
        .prove((&login, &account), &spares[3], from(1))
        .await;
    assert_eq!(step, Ok(Step::Wrong));
    let (_, enrolled_again) = house.people.enrol((&login, &account), &code).await.unwrap();
    assert!(
        enrolled_again.is_empty(),
        "nobody enrols over an authenticator"
    );
}

#[tokio::test]
async fn a_patient_proves_a_code_that_was_sent_within_its_time_and_tries() {
    let house = house().await;
    house
        .people
        .add(somebody(AccountKind::Patient, "paul"))
        .await
        .unwrap();
    let (login, account) = house
        .at(&house.enter("paul@example.org", PASSWORD).await)
        .await;
    assert_eq!(
        house.people.second(&login, &account).await,
        Ok(Second::Sent)
    );
    let code = house.people.draw_code(&login).await.unwrap();
    let wrong = if code.reveal() == "123456" {
        "654321"
    } else {
        "123456"
    };
    for _ in 0..login::CODE_TRIES {
        let step = house.people.prove((&login, &account), wrong, from(1)).await;
        assert_eq!(step, Ok(Step::Wrong));
    }
    let step = house
        .people
        .prove((&login, &account), code.reveal(), from(1))
        .await;
    assert_eq!(step, Ok(Step::Wrong), "its tries are used up");
    let code = house.people.draw_code(&login).await.unwrap();
    house.pass(login::CODE_LIFE - SignedDuration::from_secs(1));
    let (late, account) = house
        .at(&house.enter("paul@example.org", PASSWORD).await)
        .await;
    let other = house
        .people
        .prove((&late, &account), code.reveal(), from(1))
        .await;
    assert_eq!(other, Ok(Step::Wrong), "it is for its own session");
    let step = house
        .people
        .prove((&login, &account), code.reveal(), from(1))
        .await
        .unwrap();
    assert!(house.is_in(&step).await);
    let code = house.people.draw_code(&late).await.unwrap();
    house.pass(login::CODE_LIFE);
    let step = house
        .people
        .prove((&late, &account), code.reveal(), from(1))
        .await;
    assert_eq!(step, Ok(Step::Wrong), "it is too late");
}

#[tokio::test]
async fn whoever_fails_learns_nothing_and_waits_and_others_do_not() {
    let house = house().await;
    house
        .people
        .add(somebody(AccountKind::Patient, "paul"))
        .await
        .unwrap();
    for login in ["paul@example.org", "nobody@example.org"] {
        for _ in 0..5 {
            assert_eq!(house.enter(login, "wrong").await, Step::Wrong);
        }
        assert_eq!(house.enter(login, "wrong").await, Step::Wrong);
        // Nor does the right password help now: nothing is looked at.
        let waiting = house.enter(login, PASSWORD).await;
        assert_eq!(waiting, Step::Wait(SignedDuration::from_secs(1)));
    }
    let password = Phi::new(PASSWORD.to_owned());
    let elsewhere = house
        .people
        .enter("paul@example.org", &password, from(2))
        .await;
    assert!(
        matches!(elsewhere, Ok(Step::Opened(_))),
        "nobody is locked out by a stranger"
    );
    house.pass(SignedDuration::from_secs(1));
    assert!(matches!(
        house.enter("paul@example.org", PASSWORD).await,
        Step::Opened(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tries_at_once_are_not_many_free_ones() {
    let house = Arc::new(house().await);
    let tries: Vec<_> = (0..40)
        .map(|_| {
            let house = Arc::clone(&house);
            tokio::spawn(async move { house.enter("paul@example.org", "wrong").await })
        })
        .collect();
    let mut looked_at = 0;
    for one in tries {
        looked_at += usize::from(one.await.unwrap() == Step::Wrong);
    }
    assert_eq!(looked_at, 6);
}

#[tokio::test]
async fn sessions_end_by_time_by_leaving_and_by_a_lock() {
    let house = house().await;
    house
        .people
        .add(somebody(AccountKind::Agent, "anne"))
        .await
        .unwrap();
    let first = house.enter("anne@example.org", PASSWORD).await;
    let (secret, step, _) = house.enrolled(&first).await;
    for _ in 0..23 {
        house.pass(SignedDuration::from_mins(29));
        assert!(house.is_in(&step).await, "it is in use");
    }
    house.pass(session::IDLE_MAX);
    assert!(!house.is_in(&step).await, "it was idle");

    let log_in = async || {
        house.pass(SignedDuration::from_mins(1));
        let first = house.enter("anne@example.org", PASSWORD).await;
        let (login, account) = house.at(&first).await;
        let code = authenticator::code(&secret, house.clock.now().as_second()).unwrap();
        let proved = house.people.prove((&login, &account), &code, from(1)).await;
        proved.unwrap()
    };
    let step = log_in().await;
    for _ in 0..30 {
        house.pass(SignedDuration::from_mins(25));
        house.is_in(&step).await;
    }
    assert!(!house.is_in(&step).await, "it is old, though in use");

    let step = log_in().await;
    house
        .people
        .leave(&house.at(&step).await.0.hash)
        .await
        .unwrap();
    assert!(!house.is_in(&step).await, "they have left");

    let step = log_in().await;
    let locked = house.people.lock("anne@example.org").await.unwrap();
    assert_eq!(locked.state, AccountState::Locked);
    assert!(!house.is_in(&step).await);
    house.pass(SignedDuration::from_mins(1));
    assert_eq!(house.enter("anne@example.org", PASSWORD).await, Step::Wrong);
    assert!(house.people.standings(&locked).await.unwrap().is_empty());
    house.people.unlock("anne@example.org").await.unwrap();
    assert!(!house.is_in(&step).await, "what has ended stays so");
    assert!(house.is_in(&log_in().await).await);

    let first = house.enter("anne@example.org", PASSWORD).await;
    let (login, account) = house.at(&first).await;
    house.pass(session::SECOND_MAX);
    let Step::Opened(cookie) = &first else {
        panic!()
    };
    assert_eq!(house.people.at_stage(cookie.reveal()).await, Ok(None));
    drop((login, account));
}

/// Enrolments that do not hang together.
fn crooked(good: &Enrolment) -> Vec<Enrolment> {
    let having = |role: &str, organization: &str| {
        vec![AccountRole {
            role: role.into(),
            organization: organization.into(),
        }]
    };
    let with = |change: &dyn Fn(&mut Enrolment)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed
    };
    vec![
        with(&|one| one.login = "a b".into()),
        with(&|one| one.login = " ".into()),
        with(&|one| one.fhir_user = "Patient/1".into()),
        with(&|one| one.fhir_user = "Practitioner".into()),
        with(&|one| one.roles = Vec::new()),
        with(&|one| one.roles = having("patient", "")),
        with(&|one| one.roles = having("king", "")),
        with(&|one| one.roles = having("professional", "Group/1")),
        with(&|one| one.roles = having("administrator", "Organization/1")),
        with(&|one| one.password = Some(Phi::new("short".into()))),
        with(&|one| one.authenticator = Some(Phi::new("short".into()))),
    ]
}

#[tokio::test]
async fn an_account_hangs_together_and_is_one_for_each_person() {
    let house = house().await;
    let good = somebody(AccountKind::Professional, "anne");
    house.people.add(good.clone()).await.unwrap();
    for refused in crooked(&good) {
        let problem = house.people.add(refused.clone()).await.unwrap_err();
        assert_eq!(problem.category, Category::Invalid, "{refused:?}");
    }
    for taken in [
        Enrolment {
            fhir_user: "Practitioner/2".into(),
            login: "ANNE@example.org".into(),
            ..good.clone()
        },
        Enrolment {
            login: "other@example.org".into(),
            ..good.clone()
        },
    ] {
        let problem = house.people.add(taken).await.unwrap_err();
        assert_eq!(problem.category, Category::Conflict);
    }
    assert_eq!(house.people.all().await.unwrap().len(), 1);
    let shown = format!("{:?}", house.people.all().await.unwrap());
    assert!(
        !shown.contains("anne@") && !shown.contains("argon2id"),
        "{shown}"
    );
}

#[tokio::test]
async fn each_role_reaches_its_own() {
    let house = house().await;
    let mut both = somebody(AccountKind::Professional, "anne");
    both.roles = vec![
        AccountRole {
            role: "professional".into(),
            organization: "Organization/1".into(),
        },
        AccountRole {
            role: "author".into(),
            organization: String::new(),
        },
    ];
    let account = house.people.add(both).await.unwrap();
    let mut standings = house.people.standings(&account).await.unwrap();
    standings.sort_by(|one, two| one.role.name.cmp(&two.role.name));
    assert_eq!(standings[0].role.name, "author");
    assert_eq!(standings[0].seeds, [""; 0]);
    assert_eq!(
        standings[0].marks,
        ["", "@agency", "@professional", "@region"]
    );
    assert!(!standings[0].writes_own && standings[0].houses.is_empty());
    let seeds = ["Practitioner/anne", "Organization/1", "~TREAT"];
    assert_eq!(standings[1].seeds, seeds);
    assert_eq!(standings[1].marks, ["", "@professional"]);
    assert_eq!(standings[1].houses, seeds[..2]);
    let account = house
        .people
        .add(somebody(AccountKind::Patient, "paul"))
        .await
        .unwrap();
    let standings = house.people.standings(&account).await.unwrap();
    assert_eq!(standings[0].marks, ["", "@patient", "paul"]);
    assert_eq!(standings[0].seeds, [""; 0]);
    // Whoever stands for nobody reaches nobody.
    let account = house
        .people
        .add(somebody(AccountKind::Proxy, "luc"))
        .await
        .unwrap();
    assert_eq!(
        house.people.standings(&account).await.unwrap()[0].marks,
        ["", "@patient"]
    );
    // A role that does not fit the kind of account grants nothing.
    let odd = Account {
        roles: vec![AccountRole {
            role: "coordinator".into(),
            organization: String::new(),
        }],
        ..account
    };
    assert!(house.people.standings(&odd).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_author_in_an_establishment_is_of_its_audience_and_writes_what_it_offers() {
    let house = house().await;
    let held = |role: &str| AccountRole {
        role: role.into(),
        organization: "Organization/1".into(),
    };
    for (kind, login, audience) in [
        (AccountKind::Professional, "anne", "@professional"),
        (AccountKind::Agent, "luc", "@agency"),
    ] {
        let mut author = somebody(kind, login);
        author.roles = vec![held("author")];
        let account = house.people.add(author).await.unwrap();
        let standings = house.people.standings(&account).await.unwrap();
        assert_eq!(standings[0].marks, ["", audience]);
        assert_eq!(standings[0].houses, ["Organization/1"]);
        assert!(standings[0].writes_own && standings[0].seeds.is_empty());
        // A role of the region that is held in an establishment is none.
        let odd = Account {
            roles: vec![held("administrator")],
            ..account
        };
        assert!(house.people.standings(&odd).await.unwrap().is_empty());
    }
}
