//! What the configuration promises.

use std::{fs, path::Path};

use super::{manual, sources::Effective, *};
use crate::kernel::problem::Problem;

fn with_flags(flags: &[(&'static str, &str)]) -> Result<Effective> {
    load(&Sources {
        flags: flags.iter().map(|(k, v)| (*k, (*v).to_owned())).collect(),
        ..Sources::default()
    })
}

fn with_variables(variables: &[(&str, &str)]) -> Result<Effective> {
    load(&Sources {
        environment: variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..Sources::default()
    })
}

fn with_file(text: &str) -> Result<Effective> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.toml");
    fs::write(&path, text).unwrap();
    load(&Sources {
        file: Some(path),
        ..Sources::default()
    })
}

fn places(problem: &Problem) -> Vec<String> {
    let issues = problem.issues.iter();
    issues.filter_map(|i| i.expression.clone()).collect()
}

#[test]
fn the_defaults_stand_on_their_own() {
    let effective = load(&Sources::default()).unwrap();
    assert_eq!(effective.config.server.listen.port(), 8080);
    assert_eq!(effective.config.pathways.time_zone, "Europe/Paris");
    assert!(!effective.config.server.insecure_no_auth);
}

#[test]
fn every_key_of_the_manual_is_read() {
    // Sections refuse a key that no field takes, and miss a field that no key fills; so that the
    // defaults are read at all shows one key for each field. What is left: the scan of the text
    // sees the keys that the parser sees, and a slip in any of them is told with the right name.
    let table: config::Value = config::Config::builder()
        .add_source(config::File::from_str(DEFAULT, config::FileFormat::Toml))
        .build()
        .unwrap()
        .try_deserialize()
        .unwrap();
    let mut parsed = Vec::new();
    flatten("", &table, &mut parsed);
    let mut scanned = manual::keys();
    for key in &scanned {
        let (section, name) = key.rsplit_once('.').unwrap();
        let problem = with_file(&format!("[{section}]\n{name}x = 1\n")).unwrap_err();
        assert!(problem.to_string().contains(key), "{key}: {problem}");
    }
    parsed.sort();
    scanned.sort();
    assert_eq!(scanned, parsed);
}

/// Every key below `key`.
fn flatten(key: &str, value: &config::Value, keys: &mut Vec<String>) {
    let config::ValueKind::Table(entries) = &value.kind else {
        return keys.push(key.trim_start_matches('.').to_owned());
    };
    for (name, value) in entries {
        flatten(&format!("{key}.{name}"), value, keys);
    }
}

#[test]
fn every_key_has_a_variable_of_its_own_and_a_sentence() {
    let mut variables: Vec<String> = manual::keys().iter().map(|k| manual::variable(k)).collect();
    let all = variables.len();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), all);
    let lines: Vec<&str> = DEFAULT.lines().collect();
    for pair in lines.windows(2) {
        if pair[1].contains(" = ") && !pair[1].starts_with('#') {
            assert!(pair[0].starts_with("# "), "{} has no sentence", pair[1]);
        }
    }
}

/// The keys of the manual with `Allowed: A to B.` in their comments.
fn documented_bounds() -> Vec<(String, i64, i64)> {
    let mut bounds = Vec::new();
    let (mut section, mut comment) = ("", String::new());
    for line in DEFAULT.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some(text) = line.strip_prefix('#') {
            comment.push_str(text);
        } else if let Some((key, _)) = line.split_once(" = ") {
            if let Some((_, range)) = comment.split_once("Allowed: ") {
                let (least, most) = range.trim_end_matches('.').split_once(" to ").unwrap();
                bounds.push((
                    format!("{section}.{key}"),
                    least.parse().unwrap(),
                    most.parse().unwrap(),
                ));
            }
            comment.clear();
        }
    }
    bounds
}

#[test]
fn every_documented_bound_is_kept() {
    let bounds = documented_bounds();
    assert_eq!(bounds.len(), DEFAULT.matches("Allowed: ").count());
    assert!(bounds.len() >= 15);
    for (key, least, most) in bounds {
        for value in [least - 1, most + 1] {
            let problem = with_variables(&[(&manual::variable(&key), &value.to_string())])
                .expect_err(&format!("{key} = {value}"));
            assert!(
                places(&problem).iter().any(|place| place.contains(&key)),
                "{key} = {value}: {problem}"
            );
        }
        for value in [least, most] {
            let outcome = with_variables(&[(&manual::variable(&key), &value.to_string())]);
            let refused = outcome.err().map(|problem| places(&problem));
            // The bound itself may offend a second key that depends on it, never its own range.
            assert!(
                refused.is_none_or(|places| places == ["fhir.page_size_default"]),
                "{key} = {value}"
            );
        }
    }
}

#[test]
fn later_sources_win() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.toml");
    fs::write(
        &path,
        "[server]\nlisten = \"127.0.0.1:1\"\nconnections_max = 7\n",
    )
    .unwrap();
    let mut sources = Sources {
        file: Some(path),
        ..Sources::default()
    };
    let listen = |sources: &Sources| load(sources).unwrap().config.server.listen.port();
    assert_eq!(listen(&sources), 1);
    sources.environment = vec![("VIGIE_SERVER_LISTEN".into(), "127.0.0.1:2".into())];
    assert_eq!(listen(&sources), 2);
    sources.flags = vec![("server.listen", "127.0.0.1:3".into())];
    assert_eq!(listen(&sources), 3);
    let effective = load(&sources).unwrap();
    assert_eq!(effective.config.server.connections_max, 7);
    assert!(
        effective
            .print()
            .contains("listen = \"127.0.0.1:3\"  # command line")
    );
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    let problem = with_variables(&[("VIGIE_SERVER_LISTN", "127.0.0.1:1")]).unwrap_err();
    assert_eq!(places(&problem), ["VIGIE_SERVER_LISTN"]);
    assert!(problem.to_string().contains("VIGIE_SERVER_LISTEN"));
    let problem = with_file("[serve]\nlisten = \"127.0.0.1:1\"\n").unwrap_err();
    assert!(problem.to_string().contains("server.listen"), "{problem}");
    let problem = with_file("listen = \"127.0.0.1:1\"\n").unwrap_err();
    assert!(problem.to_string().contains("no such key"), "{problem}");
    assert!(with_variables(&[("PATH", "/bin")]).is_ok());
}

#[test]
fn values_of_a_wrong_kind_name_their_key() {
    for (text, key) in [
        ("[database]\nreaders = \"4\"\n", "database.readers"),
        ("[clock]\nsimulated = 1\n", "clock.simulated"),
        ("[mail]\nport = -1\n", "mail.port"),
        ("[server]\nlisten = \"here\"\n", "server.listen"),
        ("[mail]\nchannel = \"pigeon\"\n", "mail.channel"),
        ("[log]\nformat = \"xml\"\n", "log.format"),
        (
            "[fhir.validation]\non_write = \"none\"\n",
            "fhir.validation.on_write",
        ),
        (
            "[fhir.validation]\nanswers = \"lose\"\n",
            "fhir.validation.answers",
        ),
    ] {
        let problem = with_file(text).unwrap_err();
        assert!(problem.to_string().contains(key), "{key}: {problem}");
    }
    let problem = with_variables(&[("VIGIE_DATABASE_READERS", "many")]).unwrap_err();
    assert!(problem.to_string().contains("a whole number"), "{problem}");
}

#[test]
fn what_sections_forbid_names_the_key() {
    for (key, value) in [
        ("server.base_url", "ftp://example.org"),
        ("database.url", "postgres://localhost/vigie"),
        ("database.url", "sqlite:"),
        ("database.url", "mysql:x"),
        ("mail.from", "nobody"),
        ("clock.start", "yesterday"),
        ("pathways.time_zone", "Europe/Atlantis"),
        ("log.filter", "vigie=loud"),
    ] {
        let problem = with_flags(&[(key, value)]).unwrap_err();
        assert_eq!(places(&problem), [key], "{value}");
    }
    let problem = with_flags(&[("database.url", "postgres://localhost/vigie")]).unwrap_err();
    assert!(problem.to_string().contains("not in this version"));
}

#[test]
fn open_doors_and_still_clocks_stay_on_loopback() {
    for key in [
        "server.insecure_no_auth",
        "clock.simulated",
        "outbound.loopback",
    ] {
        assert!(with_flags(&[(key, "true")]).is_ok());
        assert!(with_flags(&[(key, "true"), ("server.listen", "[::1]:80")]).is_ok());
        for address in ["0.0.0.0:8080", "192.0.2.1:8080", "[::]:8080"] {
            let flags = [
                (key, "true"),
                ("server.listen", address),
                ("server.trusted_proxies", "10.0.0.1"),
            ];
            let problem = with_flags(&flags).unwrap_err();
            assert_eq!(places(&problem), [key]);
            assert!(problem.to_string().contains("loopback"));
        }
    }
}

#[test]
fn plain_http_is_not_spoken_to_a_network() {
    let pair = [
        ("server.tls.certificate", "c.pem"),
        ("server.tls.key", "k.pem"),
    ];
    for address in [
        "0.0.0.0:8080",
        "192.0.2.1:8080",
        "10.0.0.1:8080",
        "[::]:8080",
    ] {
        let listen = ("server.listen", address);
        assert_eq!(
            places(&with_flags(&[listen]).unwrap_err()),
            ["server.listen"]
        );
        assert!(with_flags(&[listen, pair[0], pair[1]]).is_ok());
        assert!(with_flags(&[listen, ("server.trusted_proxies", "10.0.0.0/8 ::1")]).is_ok());
        for given in [
            &[listen, ("server.trusted_proxies", "10.0.0.1")],
            &[pair[0], pair[1]],
        ] {
            let given = [given, &[("server.base_url", "http://a.example/fhir")][..]].concat();
            let problem = with_flags(&given).unwrap_err();
            assert_eq!(places(&problem), ["server.base_url"]);
        }
    }
    for (key, value) in [
        ("server.trusted_proxies", "10.0.0.0/8,10.0.0.1"),
        ("server.trusted_proxies", "proxy.example"),
        ("outbound.inside_hosts", "https://keys.example"),
        ("outbound.inside_hosts", "*.example"),
    ] {
        assert_eq!(
            places(&with_flags(&[(key, value)]).unwrap_err()),
            [key],
            "{value}"
        );
    }
    for half in pair {
        assert_eq!(
            places(&with_flags(&[half]).unwrap_err()),
            ["server.tls.key"]
        );
    }
    let both = with_flags(&pair).unwrap().config.server;
    assert!(both.base(both.listen).starts_with("https://"));
}

#[test]
fn every_key_that_names_a_secret_is_masked() {
    let is_secret = |key: &str| {
        let name = key.rsplit('.').next().unwrap_or(key);
        ["password", "secret", "authorization", "token"]
            .iter()
            .any(|word| name.ends_with(word))
    };
    let keys = manual::keys();
    let unmasked: Vec<_> = keys
        .iter()
        .filter(|key| is_secret(key) && !manual::SECRETS.contains(&key.as_str()))
        .collect();
    assert!(unmasked.is_empty(), "{unmasked:?} would be printed");
}

#[test]
fn mail_without_tls_stays_on_this_machine() {
    let smtp = [("mail.channel", "smtp"), ("mail.tls", "none")];
    assert!(with_flags(&smtp).is_ok());
    let far = [smtp[0], smtp[1], ("mail.host", "mx.example.org")];
    assert_eq!(places(&with_flags(&far).unwrap_err()), ["mail.tls"]);
}

#[test]
fn secrets_are_read_from_files_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, "correct horse\n").unwrap();
    let path = path.to_str().unwrap();
    let effective = with_flags(&[("mail.password_file", path)]).unwrap();
    assert_eq!(effective.config.mail.password.reveal(), "correct horse");
    let effective = with_flags(&[("mail.password", "correct horse")]).unwrap();
    assert!(!effective.print().contains("horse"));
    assert!(!format!("{effective:?}").contains("horse"));
    let both = [("mail.password", "x"), ("mail.password_file", path)];
    let problem = with_flags(&both).unwrap_err();
    assert_eq!(places(&problem), ["mail.password_file"]);
    let absent = Path::new(path).with_extension("absent");
    assert!(with_flags(&[("mail.password_file", absent.to_str().unwrap())]).is_err());
}

#[test]
fn the_secrets_of_a_gateway_are_read_from_files_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "correct horse battery\n").unwrap();
    let path = path.to_str().unwrap();
    for key in ["sms.authorization", "sms.callback_secret"] {
        let file = format!("{key}_file");
        let effective = with_flags(&[(file.leak(), path)]).unwrap();
        let sms = &effective.config.sms;
        let read = [sms.authorization.reveal(), sms.callback_secret.reveal()];
        assert!(read.contains(&"correct horse battery"), "{key}");
        let given = with_flags(&[(key, "correct horse battery")]).unwrap();
        assert!(!given.print().contains("horse"), "{key}");
        assert!(!format!("{given:?}").contains("horse"), "{key}");
    }
}

#[test]
fn text_messages_that_could_not_be_sent_as_one_are_refused_at_once() {
    let places_of = |key: &'static str, value: &str| match with_flags(&[
        ("sms.channel", "http"),
        ("sms.url", "https://gateway.example"),
        (key, value),
    ]) {
        Ok(_) => Vec::new(),
        Err(problem) => places(&problem),
    };
    assert_eq!(places_of("sms.sender", "Vigie"), Vec::<String>::new());
    let url = format!("https://{}", "u".repeat(32));
    assert_eq!(places_of("mail.public_url", &url), Vec::<String>::new());
    for (key, value) in [
        ("sms.url", ""),
        ("sms.sender", "Cellule de suivi"),
        ("sms.organization", "Cellule de suivi 2030"),
        ("sms.organization", ""),
        ("sms.timeout_seconds", "0"),
        ("sms.timeout_seconds", "301"),
        ("sms.callback_secret", "too short"),
        ("mail.public_url", &format!("{url}u")),
    ] {
        assert_eq!(places_of(key, value), [key], "{value}");
    }
    assert!(
        with_flags(&[("sms.sender", "Cellule de suivi")]).is_ok(),
        "not sent at all"
    );
}

#[test]
fn what_is_printed_can_be_read_again() {
    let printed = load(&Sources::default()).unwrap().print();
    let again = with_file(&printed).unwrap();
    assert_eq!(again.config.mail.from, "Vigie <vigie@example.org>");
}

#[test]
fn the_base_follows_the_address_unless_it_is_given() {
    let bound = "127.0.0.1:4321".parse().unwrap();
    let config = with_flags(&[]).unwrap().config;
    assert_eq!(config.server.base(bound), "http://127.0.0.1:4321/fhir");
    let config = with_flags(&[("server.base_url", "https://example.org/fhir/")])
        .unwrap()
        .config;
    assert_eq!(config.server.base(bound), "https://example.org/fhir");
}

#[test]
fn a_section_may_have_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.toml");
    fs::write(
        &path,
        "[fhir]\npage_size_max = 50\nvalidation.on_write = \"lenient\"\n",
    )
    .unwrap();
    let sources = Sources {
        file: Some(path),
        ..Sources::default()
    };
    let effective = load(&sources).unwrap();
    assert_eq!(effective.config.fhir.validation.on_write, OnWrite::Lenient);
    assert_eq!(effective.config.fhir.page_size_max, 50);
    let config = with_variables(&[("VIGIE_FHIR_VALIDATION_ON_WRITE", "profiles")]).unwrap();
    assert_eq!(config.config.fhir.validation.on_write, OnWrite::Profiles);
    // What is printed is a file of the same configuration.
    let printed = folder.path().join("printed.toml");
    fs::write(&printed, effective.print()).unwrap();
    let again = load(&Sources {
        file: Some(printed),
        ..Sources::default()
    });
    assert_eq!(
        again.unwrap().config.fhir.validation.on_write,
        OnWrite::Lenient
    );
}
