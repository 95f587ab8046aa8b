//! `kill -9` under load, again and again: what was acknowledged is there, a bundle is there whole
//! or not at all, an answer has its alert and has it once.
//!
//! Eight writers mix creates, updates, transaction bundles and answers to a pathway. After a
//! random 50 to 800 ms the server is killed, and started again over the same database; then every
//! write of that cycle is looked up. A write that was in flight may stand or not, but not by halves.
//!
//! `TEST_KILL_CYCLES` says how often (50 unless told), `TEST_SEED` repeats the moments.

mod answers;
mod verify;
mod writers;

use std::{env, sync::Arc, thread, time::Duration};

use self::{
    verify::{Tally, verify},
    writers::{Journal, Writer},
};
use crate::harness::{Chance, Options, Patient, Server};

const WRITERS: u64 = 8;
const CYCLES_DEFAULT: u64 = 50;

/// The moment of the kill after the writers start, in milliseconds.
const MOMENT: (u64, u64) = (50, 800);

#[test]
fn nothing_acknowledged_is_lost_nothing_stands_by_halves() {
    let cycles = env::var("TEST_KILL_CYCLES").map_or(CYCLES_DEFAULT, |text| {
        text.parse().expect("TEST_KILL_CYCLES is a number")
    });
    let mut chance = Chance::announced();
    let mut server = Server::start_with(Options {
        real_clock: true,
        ..Options::default()
    });
    let mut restarts = Vec::new();
    let mut tally = Tally::default();
    for cycle in 0..cycles {
        let patients = answers::enrol(&server);
        let journal = one_life(&mut server, cycle, &patients, &mut chance);
        restarts.push(server.restart());
        let mut client = server.client();
        verify(&mut client, &journal, &mut tally);
        answers::verify(&mut client, &patients, &journal.answers, &mut tally);
    }
    println!(
        "kill: {cycles} cycles of {WRITERS} writers; {tally}; {}",
        spread(restarts)
    );
    assert!(
        tally.has_seen_everything(),
        "a kind of write never happened: {tally}"
    );
    assert_eq!(tally.faults, Vec::<String>::new(), "{tally}");
}

/// Writers at work until the server is killed under them.
fn one_life(
    server: &mut Server,
    cycle: u64,
    patients: &Arc<[Patient]>,
    chance: &mut Chance,
) -> Journal {
    let seed = chance.draw();
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let name = format!("{cycle}-{number}");
            let chance = chance.fork(seed ^ number);
            let writer = Writer::new(server.client(), name, Arc::clone(patients), chance);
            thread::spawn(move || writer.write_until_the_end())
        })
        .collect();
    thread::sleep(chance.millis(MOMENT.0, MOMENT.1));
    server.kill();
    let mut journal = Journal::default();
    for writer in writers {
        journal.append(writer.join().expect("a writer"));
    }
    journal
}

fn spread(mut durations: Vec<Duration>) -> String {
    durations.sort();
    let at = |share: usize| {
        let place = (durations.len() * share / 100).min(durations.len().saturating_sub(1));
        durations.get(place).map_or(0, Duration::as_millis)
    };
    format!("ready again in p50 {} ms, p99 {} ms", at(50), at(99))
}
