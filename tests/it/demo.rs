//! The demo, on a hundredth of its cohort: the table is there, the counts agree, it ends with 0.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
};

use crate::harness::{Client, vigie};

#[test]
fn a_small_cohort_lives_its_fourteen_days() {
    let output = vigie(&["demo", "--exit", "--scale", "0.01", "--seed", "7"]);
    let table = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    // The demo itself compares what it sent with what the server counts.
    assert!(output.status.success(), "{table}\n{log}");
    for heading in ["reports due", "by rule", "e-mails", "POST to durable reply"] {
        assert!(table.contains(heading), "no {heading:?} in\n{table}");
    }
    let row = |name: &str| -> Vec<u64> {
        let line = table
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.split_whitespace()
            .skip(1)
            .filter_map(|cell| cell.parse().ok())
            .collect()
    };
    let (medical, reminders) = (row("covid-medical"), row("reminder"));
    assert_eq!(medical[0], 5, "473 people at a hundredth:\n{table}");
    assert!(
        medical[1] > 0 && medical[2] > 0,
        "reports are due and received:\n{table}"
    );
    assert!(
        table.contains("0 left, canaries left in the files: 0")
            && table.contains("found of the 5 who are kept: 5"),
        "the agency's people are erased, the others are not:\n{table}"
    );
    assert!(
        reminders[0] > 0 && reminders[1] == 0,
        "reminders are sent, all of them:\n{table}"
    );
}

/// Where the demo serves on, there is a practice that one has to log in to, and the address of an
/// app that is launched against it.
#[test]
fn the_practice_asks_for_a_login_and_its_app_shows_one() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(["demo", "--scale", "0.002", "--seed", "7"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the demo starts");
    let lines = BufReader::new(demo.stdout.take().expect("its output")).lines();
    let (mut base, mut app) = (String::new(), String::new());
    for line in lines.map(|line| line.expect("a line")) {
        if let Some(rest) = line.strip_prefix("With login, at ") {
            base = rest.trim_end_matches(':').to_owned();
        } else if let Some(rest) = line.strip_prefix("SMART app: ") {
            app = rest.split(' ').next().unwrap_or_default().to_owned();
        } else if line.starts_with("Ctrl-C") {
            break;
        }
    }
    let host = |address: &str| -> SocketAddr {
        let host = address.split('/').nth(2).unwrap_or_default();
        host.parse().unwrap_or_else(|_| panic!("{address:?}"))
    };
    let mut practice = Client::new(host(&base));
    practice.get("Patient").expect(401);
    let smart = practice.get(".well-known/smart-configuration").expect(200);
    assert!(smart.text().contains("authorization_endpoint"));
    let mut app = Client::new(host(&app));
    let mut shown = |path: &str| {
        app.send("GET", path, &[], b"")
            .expect("a reply")
            .expect(200)
    };
    let page = shown("/").text();
    assert!(page.contains(&base) && !page.contains("{{"), "{page}");
    let logins = shown("/logins").text();
    assert!(
        logins.contains("nurse@example.org") && logins.contains("\"code\""),
        "{logins}"
    );
    // The shell's own `kill`: the program of that name is not on every machine.
    let told = Command::new("sh")
        .args(["-c", "kill -TERM \"$0\"", &demo.id().to_string()])
        .status();
    assert!(told.is_ok_and(|status| status.success()));
    assert!(demo.wait().expect("it has ended").success());
}
