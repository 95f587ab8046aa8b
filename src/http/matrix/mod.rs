//! Every route, for every role, on resources of every type: nobody is given a byte that is not theirs.
//!
//! Each resource carries a canary that names whose it is. What somebody may do is computed from
//! `profiles/roles.json` and from the little table of [`cast`], and never from the code that decides
//! it; tokens are looked up as in any request. What is not somebody's and what is not there must be
//! refused in the same words: each request is made of both.

mod asks;
mod cast;
mod judge;
mod world;

use self::{cast::Who, judge::Judge, world::World};

/// Fewest requests of one person that make a matrix.
const REQUESTS_MIN: usize = 5_000;

/// Fewest requests of all together, those of what is not there left out.
const REQUESTS_ALL_MIN: usize = 15_000;

/// Makes every request that there is as one person.
async fn walk(name: &str) {
    let world = World::open().await;
    let who = Who::named(name);
    let mut judge = Judge::of(&world, &who);
    for kind in world::kinds() {
        for ask in asks::of_type(kind) {
            judge.hold(&ask).await;
        }
    }
    for ask in asks::of_system() {
        judge.hold(&ask).await;
    }
    judge.conclude(REQUESTS_MIN);
}

/// A test of its own for each person, so that they are walked at the same time.
macro_rules! walks {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                walk(stringify!($name)).await;
            }
        )*

        /// Whom there is a test for.
        const WALKED: &[&str] = &[$(stringify!($name)),*];
    };
}

walks![
    anonymous,
    patient,
    proxy,
    professional,
    professional_elsewhere,
    coordinator,
    agent,
    author,
    administrator,
    auditor,
    backend,
    backend_of_an_organization,
    narrow_app,
    app_without_patient,
    patient_no_longer_reached,
    expired,
    revoked,
    locked,
];

#[test]
fn everybody_is_walked() {
    let cast: Vec<&str> = cast::CAST.iter().map(|who| who.name).collect();
    assert_eq!(cast, WALKED);
    let asks = world::kinds().map(|kind| asks::of_type(kind).len());
    let asks = asks.sum::<usize>() + asks::of_system().len();
    assert!(asks >= REQUESTS_MIN, "{asks}");
    assert!(REQUESTS_MIN * cast.len() >= REQUESTS_ALL_MIN);
    let roles = cast::roles();
    for role in roles.keys() {
        assert!(
            cast::CAST.iter().any(|who| who.role == Some(role)),
            "{role}"
        );
    }
}
