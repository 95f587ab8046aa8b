//! Inputs that nobody has thought of: no panic, no hang, no 5xx.
//!
//! A campaign takes the corpus of its target (`fixtures/fuzz/`, whose README says more), changes
//! one input after another, and keeps those that the target takes, so that the next change starts
//! from there. Reading, evaluating and indexing are called as functions, many thousand times a
//! second; bundles and requests go to a server. `TEST_FUZZ_SECONDS` says how long each campaign
//! runs, `TEST_SEED` repeats one.

pub mod campaign;
pub mod corpus;
pub mod mutate;
mod requests;
pub mod targets;

use std::{env, time::Duration};

use self::campaign::Campaign;
use crate::harness::Chance;

/// How long a campaign runs where nobody says.
const SECONDS: u64 = 2;

/// Fewest inputs that make a campaign, however slow the machine.
const INPUTS_MIN: u64 = 20;

fn duration() -> Duration {
    let seconds = env::var("TEST_FUZZ_SECONDS").ok();
    let seconds = seconds.map(|text| text.parse().expect("TEST_FUZZ_SECONDS is a number"));
    Duration::from_secs(seconds.unwrap_or(SECONDS))
}

/// Runs a campaign; `takes` says whether the target took an input, and panics at a finding.
fn run(name: &'static str, takes: impl FnMut(&[u8]) -> bool) {
    let mut chance = Chance::announced();
    let campaign = Campaign::new(name, duration(), INPUTS_MIN);
    let done = campaign.run(&mut || chance.draw(), takes);
    println!("{name}: {} inputs, {} taken", done.inputs, done.taken);
    assert!(done.inputs >= INPUTS_MIN, "only {} inputs", done.inputs);
    assert!(done.taken > 0, "{name}: not even the corpus is taken");
    assert!(
        done.found.is_empty(),
        "{name}: add what was found to fixtures/fuzz/{name}/found.jsonl\n{}",
        done.found.join("\n")
    );
}

#[test]
fn json() {
    run("json", targets::json);
}

#[test]
fn xml() {
    run("xml", targets::xml);
}

#[test]
fn query() {
    run("query", targets::query);
}

#[test]
fn fhirpath() {
    run("fhirpath", targets::fhirpath);
}

#[test]
fn date() {
    run("date", targets::date);
}

#[test]
fn unit() {
    run("unit", targets::unit);
}

#[test]
fn bundle() {
    let mut door = requests::Door::open();
    run("bundle", |input| door.bundle(input));
}

#[test]
fn request() {
    let mut door = requests::Door::open();
    run("request", |input| door.request(input));
}
