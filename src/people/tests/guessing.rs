//! Guessing at one account from many places, and the person who goes on all the same.

use super::*;
use crate::people::{
    device::{DEVICE_LIFE, DEVICES_MAX, Whence},
    invite::Taken,
    throttle::{BY_ACCOUNT, BY_FACTOR, BY_PAIR},
};

const LOGIN: &str = "anne@example.org";

/// A place of an attacker who has many.
fn bot(number: u32) -> IpAddr {
    let [_, a, b, c] = number.to_be_bytes();
    IpAddr::from([10, a, b, c])
}

fn with(device: &Phi<String>, address: IpAddr) -> Whence {
    Whence {
        address,
        device: device.clone(),
    }
}

/// Somebody who logs in from home with a browser; what it was given, and their authenticator.
async fn at_home(house: &House) -> (Phi<String>, Vec<u8>) {
    let anne = somebody(AccountKind::Professional, "anne");
    let account = house.people.add(anne).await.unwrap();
    let first = house.enter(LOGIN, PASSWORD).await;
    let (secret, _, _) = house.enrolled(&first).await;
    let device = house.people.remember(&account, &from(1).into()).await;
    house.pass(SignedDuration::from_mins(1));
    (device.unwrap(), secret)
}

impl House {
    async fn try_from(&self, login: &str, password: &str, whence: impl Into<Whence>) -> Step {
        let password = Phi::new(password.to_owned());
        let step = self.people.enter(login, &password, whence.into()).await;
        step.unwrap()
    }

    /// One guess from each of so many places; how many were looked at.
    async fn swarm(&self, login: &str, places: u32) -> u32 {
        let mut looked_at = 0;
        for number in 0..places {
            match self.try_from(login, "wrong", bot(number)).await {
                Step::Wrong => looked_at += 1,
                Step::Wait(wait) => assert!(wait <= BY_ACCOUNT.wait_max, "{wait}"),
                Step::Opened(_) => panic!("a guess"),
            }
        }
        looked_at
    }

    fn code(&self, secret: &[u8]) -> String {
        authenticator::code(secret, self.clock.now().as_second()).unwrap()
    }
}

#[tokio::test]
async fn many_places_guess_hardly_more_than_one_whoever_has_an_account() {
    let house = house().await;
    at_home(&house).await;
    for login in [LOGIN, "nobody@example.org"] {
        let looked_at = house.swarm(login, 200).await;
        assert!((30..=31).contains(&looked_at), "{login}: {looked_at}");
    }
    // Nor does a minute help them to more than one or two.
    house.pass(BY_ACCOUNT.wait_max);
    let looked_at = house.swarm(LOGIN, 200).await;
    assert!(looked_at <= 2, "{looked_at}");
}

#[tokio::test]
async fn who_has_logged_in_with_a_browser_goes_on_whatever_strangers_do() {
    let house = house().await;
    let (device, secret) = at_home(&house).await;
    house.swarm(LOGIN, 200).await;
    // The right password from a place that nobody knows waits with the strangers.
    let abroad = house.try_from(LOGIN, PASSWORD, from(7)).await;
    assert!(matches!(abroad, Step::Wait(_)), "{abroad:?}");
    // The browser does not, wherever it is: even at a place from which somebody guesses.
    for place in [from(1), from(7), bot(3)] {
        house.pass(SignedDuration::from_secs(30));
        let whence = with(&device, place);
        let step = house.try_from(LOGIN, PASSWORD, whence.clone()).await;
        let (login, account) = house.at(&step).await;
        let code = house.code(&secret);
        let step = house.people.prove((&login, &account), &code, whence).await;
        assert!(house.is_in(&step.unwrap()).await, "{place}");
    }
    // It is known for half a year.
    house.pass(DEVICE_LIFE);
    house.swarm(LOGIN, 40).await;
    let step = house
        .try_from(LOGIN, PASSWORD, with(&device, from(1)))
        .await;
    assert!(matches!(step, Step::Wait(_)), "{step:?}");
}

#[tokio::test]
async fn a_thief_of_the_password_does_not_keep_the_person_out() {
    let house = house().await;
    let (device, secret) = at_home(&house).await;
    let home = with(&device, from(1));
    let step = house.try_from(LOGIN, PASSWORD, home.clone()).await;
    let (login, account) = house.at(&step).await;
    let code = house.code(&secret);
    let step = house.people.prove((&login, &account), &code, home.clone());
    let (inside, _) = house.at(&step.await.unwrap()).await;
    let thief = house.try_from(LOGIN, PASSWORD, bot(1)).await;
    let (login, account) = house.at(&thief).await;
    for _ in 0..=BY_FACTOR.free {
        let step = house.people.prove((&login, &account), "000000", bot(1));
        assert_eq!(step.await.unwrap(), Step::Wrong);
    }
    let step = house.people.prove((&login, &account), "000000", bot(2));
    assert!(matches!(step.await.unwrap(), Step::Wait(_)));
    // At home a second factor is looked at, and the password that was stolen can be changed.
    house.pass(SignedDuration::from_millis(30_000));
    let own = house.try_from(LOGIN, PASSWORD, home.clone()).await;
    let (login, account) = house.at(&own).await;
    let code = house.code(&secret);
    house.swarm_factor(&account, &thief).await;
    let step = house.people.prove((&login, &account), &code, home).await;
    assert!(house.is_in(&step.unwrap()).await);
    let (present, wanted) = (
        Phi::new(PASSWORD.to_owned()),
        Phi::new("another horse, another battery".to_owned()),
    );
    let of = (&inside, &account);
    let taken = house.people.change_password(of, (&present, &wanted)).await;
    assert_eq!(taken, Ok(Taken::Done));
}

impl House {
    /// Wrong codes of a thief until they wait.
    async fn swarm_factor(&self, account: &Account, thief: &Step) {
        let (login, _) = self.at(thief).await;
        for number in 0..50 {
            let step = self
                .people
                .prove((&login, account), "000000", bot(number))
                .await;
            if matches!(step.unwrap(), Step::Wait(_)) {
                return;
            }
        }
        panic!("nobody waits");
    }
}

#[tokio::test]
async fn a_browser_is_known_for_its_people_alone_and_bounded_itself() {
    let house = house().await;
    let (device, _) = at_home(&house).await;
    let paul = somebody(AccountKind::Patient, "paul");
    house.people.add(paul).await.unwrap();
    house.swarm("paul@example.org", 40).await;
    let whence = with(&device, from(1));
    let other = house.try_from("paul@example.org", PASSWORD, whence.clone());
    assert!(matches!(other.await, Step::Wait(_)), "it is not his");
    let invented = with(&Phi::new("x".repeat(43)), from(9));
    let step = house.try_from("paul@example.org", PASSWORD, invented).await;
    assert!(matches!(step, Step::Wait(_)), "nobody has given it");
    // Who has the browser guesses as slowly as anybody else.
    for _ in 0..=BY_PAIR.free {
        let step = house.try_from(LOGIN, "wrong", whence.clone()).await;
        assert_eq!(step, Step::Wrong);
    }
    let step = house.try_from(LOGIN, PASSWORD, whence).await;
    assert!(matches!(step, Step::Wait(_)), "{step:?}");
}

#[tokio::test]
async fn the_browsers_of_an_account_are_bounded_and_a_lock_forgets_them() {
    let house = house().await;
    let (device, _) = at_home(&house).await;
    let (_, account) = house.at(&house.enter(LOGIN, PASSWORD).await).await;
    house.swarm(LOGIN, 40).await;
    let is_known = async |device: &Phi<String>| {
        let step = house.try_from(LOGIN, PASSWORD, with(device, from(1))).await;
        !matches!(step, Step::Wait(_))
    };
    assert!(is_known(&device).await);
    let mut last = device.clone();
    for _ in 0..DEVICES_MAX {
        last = house
            .people
            .remember(&account, &from(1).into())
            .await
            .unwrap();
    }
    assert!(!is_known(&device).await, "there were too many");
    assert!(is_known(&last).await);
    house.people.lock(LOGIN).await.unwrap();
    house.people.unlock(LOGIN).await.unwrap();
    assert!(!is_known(&last).await, "who was locked out is a stranger");
}

/// Hashes that are worked out at a try.
async fn cost(house: &House, login: &str, password: &str) -> (usize, Step) {
    let before = house.people.passwords.worked();
    let step = house.try_from(login, password, from(9)).await;
    (house.people.passwords.worked() - before, step)
}

#[tokio::test]
async fn each_refusal_costs_one_hash_whoever_it_is() {
    let house = house().await;
    at_home(&house).await;
    let mut made = Vec::new();
    for (name, kind) in [
        ("locked", AccountKind::Professional),
        ("paul", AccountKind::Patient),
        ("invited", AccountKind::Patient),
        ("federated", AccountKind::Agent),
    ] {
        let mut one = somebody(kind, name);
        if name == "invited" || name == "federated" {
            one.password = None;
        }
        if name == "federated" {
            one.identity = Some(("https://provider.example".to_owned(), "x".to_owned()));
        }
        made.push(house.people.add(one).await.unwrap());
    }
    house.people.lock("locked@example.org").await.unwrap();
    let long = "x".repeat(1 << 16);
    for login in ["nobody", "anne", "locked", "paul", "invited", "federated"] {
        let login = format!("{login}@example.org");
        for password in ["wrong", "", "a wrong horse, a wrong battery", &long] {
            let refused = cost(&house, &login, password).await;
            assert_eq!(refused, (1, Step::Wrong), "{login}");
        }
    }
    // The right password of a locked account is no more right than a wrong one.
    let locked = cost(&house, "locked@example.org", PASSWORD).await;
    assert_eq!(locked, (1, Step::Wrong));
    // Who waits costs nothing, whoever it is.
    for login in ["anne@example.org", "nobody@example.org"] {
        house.swarm(login, 40).await;
        let (hashes, step) = cost(&house, login, "wrong").await;
        assert!(hashes == 0 && matches!(step, Step::Wait(_)), "{step:?}");
    }
    // A wrong second factor costs none, right up to the wait.
    house.pass(SignedDuration::from_hours(25));
    let step = house.enter("paul@example.org", PASSWORD).await;
    let (login, account) = house.at(&step).await;
    let before = house.people.passwords.worked();
    for _ in 0..20 {
        let step = house.people.prove((&login, &account), "000000", from(1));
        step.await.unwrap();
    }
    assert_eq!(house.people.passwords.worked(), before);
}
