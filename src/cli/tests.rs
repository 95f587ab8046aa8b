//! How command lines are understood.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
#[command(name = "vigie")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

fn parse(line: &str) -> std::result::Result<Command, clap::Error> {
    Line::try_parse_from(line.split(' ')).map(|line| line.command)
}

fn serve_flags(line: &str) -> Vec<(&'static str, String)> {
    match parse(line).unwrap() {
        Command::Serve(arguments) => arguments.flags(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn flags_of_serve_are_keys_of_the_configuration() {
    assert_eq!(serve_flags("vigie serve"), []);
    let flags = serve_flags(
        "vigie serve --listen [::1]:9000 --database sqlite:x.db --insecure-no-auth \
         --simulated-clock 2020-05-18T06:00:00Z",
    );
    let flags: Vec<_> = flags
        .iter()
        .map(|(key, text)| (*key, text.as_str()))
        .collect();
    assert_eq!(
        flags,
        [
            ("server.listen", "[::1]:9000"),
            ("database.url", "sqlite:x.db"),
            ("server.insecure_no_auth", "true"),
            ("clock.simulated", "true"),
            ("clock.start", "2020-05-18T06:00:00Z"),
        ]
    );
    let flags = serve_flags("vigie serve --simulated-clock --insecure-no-auth");
    assert!(!flags.iter().any(|(key, _)| *key == "clock.start"));
}

#[test]
fn load_wants_one_target_and_something_to_load() {
    assert!(parse("vigie load --database sqlite:x a.json").is_ok());
    assert!(parse("vigie load --base http://127.0.0.1/fhir a.json b").is_ok());
    assert!(parse("vigie load a.json").is_err());
    assert!(parse("vigie load --database sqlite:x --base http://h a.json").is_err());
    assert!(parse("vigie load --database sqlite:x").is_err());
}

#[test]
fn what_is_not_known_is_refused() {
    assert!(parse("vigie").is_err());
    assert!(parse("vigie serve --port 80").is_err());
    assert!(parse("vigie migrate --database sqlite:x --config y.toml").is_ok());
    assert!(parse("vigie check-config").is_ok());
}
