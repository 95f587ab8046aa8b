//! Report days, windows and due instants against an independent calculation: Python's zoneinfo.
//!
//! `tests/oracle/schedule.py` answers 6 time zones x 5 hours x 400 start dates, clock changes
//! included; every day of every follow-up must agree to the second.

use std::{env, process::Command};

use jiff::{Timestamp, civil::Time, tz::TimeZone};
use serde_json::{Value, json};
use vigie::{
    fhir::pathway::{Pathway, Phase, Policy},
    pathways::schedule,
};

/// 6 zones x 5 hours x 400 days.
const COMBINATIONS: usize = 12_000;

/// The lines of the other implementation; the first names its time zone data.
fn asked() -> Vec<Value> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/schedule.py");
    let mut command = match env::var_os("TEST_PYTHON") {
        // Its own time zone data rather than the machine's, which may be older than ours.
        Some(python) => {
            let mut command = Command::new(python);
            command.env("PYTHONTZPATH", "");
            command
        }
        None => Command::new("python3"),
    };
    let output = command.arg(program).output().expect("python3 runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON lines"))
        .collect()
}

fn daily(request: &Value) -> Pathway {
    let time = |member: &str| -> Time {
        let text = request[member].as_str().expect("a time");
        text.parse().expect("a local time")
    };
    let length = request["length"].as_u64().expect("a length");
    Pathway {
        canonical: "https://vigie.example/fhir/PlanDefinition/daily|1".to_owned(),
        title: String::new(),
        policy: Policy::of_times(time("due"), time("cutOff")),
        phases: vec![Phase {
            first_day: 1,
            count: u32::try_from(length).expect("a short follow-up"),
            every_days: 1,
            questionnaire: "https://vigie.example/fhir/Questionnaire/daily|1".to_owned(),
        }],
    }
}

/// The days of one request, in the form of the other implementation.
fn days(request: &Value) -> Value {
    let zone = TimeZone::get(request["zone"].as_str().expect("a zone")).expect("a known zone");
    let start = Timestamp::from_second(request["start"].as_i64().expect("an instant"));
    let pathway = daily(request);
    let cut_off = pathway.policy.cut_off_time;
    let first = schedule::first_date(start.expect("in range"), &zone, cut_off);
    schedule::reports(&pathway, first, &zone)
        .iter()
        .map(|report| {
            let instants = [report.opens, report.closes, report.due].map(Timestamp::as_second);
            json!([
                report.day,
                report.date.to_string(),
                instants[0],
                instants[1],
                instants[2]
            ])
        })
        .collect()
}

#[test]
fn every_day_of_every_zone_agrees_with_zoneinfo() {
    let lines = asked();
    let (header, requests) = lines.split_first().expect("a header");
    assert_eq!(requests.len(), COMBINATIONS);
    let mismatches: Vec<&Value> = requests
        .iter()
        .filter(|request| days(request) != request["days"])
        .collect();
    println!(
        "schedule: {} combinations, {} mismatches; {header}",
        requests.len(),
        mismatches.len()
    );
    let first = mismatches.first().map(|request| (*request, days(request)));
    assert!(
        first.is_none(),
        "{} mismatches with {header}, such as {first:?}",
        mismatches.len()
    );
}
