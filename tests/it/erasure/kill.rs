//! `kill -9` in the middle of an erasure, again and again: after the next start it is complete, or
//! it has not begun and is asked for again; either way nothing is left, and nobody else is touched.
//!
//! `TEST_ERASURE_KILLS` says how often (12 unless told).

use std::{env, thread, time::Instant};

use super::{Clinic, assert_gone, assert_same, canary::Scanner};

const KILLS_DEFAULT: u64 = 12;

#[test]
fn an_erasure_that_is_killed_is_complete_after_the_next_start() {
    let kills = env::var("TEST_ERASURE_KILLS").map_or(KILLS_DEFAULT, |text| {
        text.parse().expect("TEST_ERASURE_KILLS is a number")
    });
    let mut clinic = Clinic::open(true);
    clinic.crowd(600);
    let neighbours = [clinic.admit("covid-medical"), clinic.admit("covid-contact")];
    settle(&mut clinic);
    let portrait = clinic.portrait(&neighbours);
    let first = clinic.admit("covid-case");
    settle(&mut clinic);
    let began = Instant::now();
    first.purge(&mut clinic.client).expect(200);
    let usual = u64::try_from(began.elapsed().as_millis())
        .expect("short")
        .max(10);
    let (mut resumed, mut anew, mut done) = (0, 0, 0);
    for _ in 0..kills {
        let person = clinic.admit("covid-case");
        let scanner = Scanner::of(&person.canaries);
        settle(&mut clinic);
        let (mut client, path) = (clinic.server.client(), format!("{}/$purge", person.path));
        let asked = thread::spawn(move || client.send("POST", &path, &[], b"").is_ok());
        thread::sleep(clinic.chance.millis(0, usual * 5 / 2));
        clinic.server.kill();
        let answered = asked.join().expect("a client");
        clinic.server.restart();
        clinic.client = clinic.server.client();
        // What had begun is complete by now, before anybody asks for it.
        if clinic.client.get(&person.path).status == 404 {
            done += u64::from(answered);
            resumed += u64::from(!answered);
        } else {
            assert!(!answered, "an erasure that was acknowledged is undone");
            anew += 1;
            person.purge(&mut clinic.client).expect(200);
        }
        assert_gone(&mut clinic.client, &person, &clinic.ward);
        let seen = clinic.scan(&scanner);
        assert_eq!(
            seen.found,
            std::collections::BTreeSet::new(),
            "TEST_SEED tells which"
        );
        person.purge(&mut clinic.client).expect(200);
    }
    assert_same(&portrait, &clinic.portrait(&neighbours));
    println!(
        "erasure: {kills} kills; {done} acknowledged before, {resumed} completed by the next start, \
         {anew} not begun and asked for again; usual purge {usual} ms"
    );
}

/// Waits until the messages of those just enrolled have gone out, and their resources stand still.
fn settle(clinic: &mut Clinic) {
    for _ in 0..100 {
        let waiting = clinic
            .client
            .get("Communication?status=preparation,in-progress&_summary=count");
        if waiting.expect(200).json()["total"] == 0 {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("messages do not go out");
}
