//! The README's tour, run as it is printed.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::harness::{Options, Server};

/// The address that the README uses; the test puts its own server's in its place.
const PRINTED: &str = "http://127.0.0.1:8080";

/// Requests that a tour has at least; an empty one would pass every check.
const REQUESTS_MIN: usize = 10;

/// The commands of the fenced `sh` blocks below a heading, up to the next one.
fn commands_below(heading: &str, document: &str) -> String {
    let mut commands = String::new();
    let (mut below, mut fenced) = (false, false);
    for line in document.lines() {
        match line {
            _ if fenced && line == "```" => fenced = false,
            _ if fenced => commands.extend([line, "\n"]),
            _ if line.starts_with("## ") => below = line == heading,
            "```sh" => fenced = below,
            _ => {}
        }
    }
    commands
}

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    fs::read_to_string(path).expect("README.md")
}

/// Each request of the tour answers JSON; all but the last succeed, and that is refused with 400.
#[test]
fn the_tour_of_the_readme_works_as_printed() {
    let tour = commands_below("## A first tour", &readme());
    let (start, requests) = tour.split_once('\n').expect("a first command");
    assert!(start.contains("serve --insecure-no-auth"), "{start}");
    assert!(
        requests.matches("curl ").count() >= REQUESTS_MIN,
        "{requests}"
    );
    let server = Server::start_with(Options {
        real_clock: true,
        ..Options::default()
    });
    // Each body is followed by its status, on a line of its own.
    let script = format!(
        "set -euo pipefail\ncurl() {{ command curl --write-out '\\n%{{http_code}}\\n' \"$@\"; }}\n{}",
        requests.replace(PRINTED, &server.origin())
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .output()
        .expect("bash runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{printed}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<&str> = printed.lines().collect();
    let statuses: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| line.len() == 3)
        .collect();
    let (last, others) = statuses.split_last().expect("a status");
    assert!(
        others.iter().all(|status| status.starts_with('2')),
        "{statuses:?}\n{printed}"
    );
    assert_eq!(*last, "400", "{printed}");
    let flags: Vec<Value> = lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|body: &Value| body["entry"][0]["resource"]["resourceType"] == "Flag")
        .collect();
    assert_eq!(flags.len(), 1, "the tour shows an alert: {printed}");
}

/// People and programs are let in by the commands as they are printed, and whoever has no token
/// stays out.
#[test]
fn the_commands_that_let_people_in_work_as_printed() {
    let printed = commands_below("## Who may come in", &readme());
    let (mut script, mut asked) = (String::new(), 0);
    let folder = tempfile::tempdir().expect("a folder");
    for line in printed.lines() {
        asked += usize::from(line.contains("/fhir/"));
        let line = line.replace("cargo run --release --", "\"$VIGIE\"");
        let is_server = line.contains(" serve ");
        script += &line.replace(
            "127.0.0.1:8081",
            if is_server { "127.0.0.1:0" } else { "$AT" },
        );
        script += if is_server {
            " > told & trap \"kill $!\" EXIT\n\
             until AT=$(sed -n 's|^listening on http://\\([^/]*\\)/fhir.*|\\1|p' told) && [ -n \"$AT\" ]\n\
             do sleep 0.1; done\n"
        } else {
            "\n"
        };
    }
    let output = Command::new("bash")
        .args(["-c", &format!("set -euo pipefail\n{script}")])
        .env("VIGIE", env!("CARGO_BIN_EXE_vigie"))
        .current_dir(folder.path())
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaints}");
    assert_eq!(asked, 2, "{printed}");
    for expected in ["client_id ward-app", "authorization_endpoint", "\"login\""] {
        assert!(said.contains(expected), "{expected}: {said}\n{complaints}");
    }
}

#[test]
fn commands_are_found_below_their_heading_only() {
    let document = "## A\n```sh\none\n```\n```json\n{}\n```\n## B\n```sh\ntwo\n```\n";
    assert_eq!(commands_below("## A", document), "one\n");
    assert_eq!(commands_below("## B", document), "two\n");
    assert_eq!(commands_below("## C", document), "");
}
