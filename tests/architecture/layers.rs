//! Who may name whom: the layers of `src/`, the homes of outside crates, the purity of `fhir`.

use super::code::{tokens, without_tests};

/// From the ground up; siblings on one line never meet.
const LAYERS: [&[&str]; 19] = [
    &["kernel"],
    &["config", "fhir"],
    &["outbound"],
    &["store"],
    &["library"],
    &["queue"],
    &["notify"],
    &["care"],
    &["interactions", "pathways", "alerts"],
    &["figures"],
    &["publishing", "intake", "erasure", "bulk"],
    &["service"],
    &["authoring"],
    &["people"],
    &["smart"],
    &["audit"],
    &["http"],
    &["app"],
    &["cli", "demo"],
];

/// Outside crates, and the path prefixes that may name them.
const HOMES: [(&str, &[&str]); 10] = [
    ("rusqlite", &["src/store/"]),
    ("sqlx", &["src/store/"]),
    ("lettre", &["src/notify/"]),
    ("axum", &["src/http/", "src/app", "src/demo/", "src/cli"]),
    (
        "hyper",
        &[
            "src/notify/",
            "src/outbound/",
            "src/http/",
            "src/app",
            "src/demo/",
            "src/cli",
        ],
    ),
    (
        "hyper_util",
        &[
            "src/notify/",
            "src/outbound/",
            "src/http/",
            "src/app",
            "src/demo/",
            "src/cli",
        ],
    ),
    (
        "http_body_util",
        &[
            "src/notify/",
            "src/outbound/",
            "src/http/",
            "src/app",
            "src/demo/",
            "src/cli",
        ],
    ),
    ("hyper_rustls", &["src/notify/", "src/outbound/"]),
    ("clap", &["src/cli", "src/demo/", "src/main.rs"]),
    ("indicatif", &["src/demo/"]),
];

/// Types whose `now` reads the machine's clock, and the one file that may call it.
const CLOCKS: [&str; 5] = ["Timestamp", "Zoned", "SystemTime", "Utc", "Local"];
const CLOCK: &str = "src/kernel/clock.rs";

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Every path in the code of one file that leaves its layer upwards or sideways.
pub fn edges(path: &str, text: &str) -> Vec<String> {
    let module = module_of(path);
    let Some(own) = module.first() else {
        return roots(path, text);
    };
    let Some(rank) = layer(own) else {
        return vec![format!("`{own}` stands in no layer")];
    };
    let mut faults: Vec<String> = named(&module, text)
        .into_iter()
        .filter_map(|target| match target.first().map(String::as_str) {
            None => Some("names the whole crate; name a module".to_owned()),
            Some(top) if top == own => None,
            Some(top) => match layer(top) {
                Some(other) if other < rank => None,
                Some(other) if other == rank => Some(format!("`{own}` names its sibling `{top}`")),
                Some(_) => Some(format!("`{own}` names `{top}`, which stands above it")),
                None => Some(format!("`{own}` names `{top}`, which stands in no layer")),
            },
        })
        .collect();
    faults.dedup();
    faults
}

/// `lib.rs` is a map and `main.rs` a door to the commands: neither gives a way around the layers.
fn roots(path: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut doors = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if path == "src/lib.rs" && token == "use" {
            doors.push(tokens[at..].iter().take(4).cloned().collect());
        } else if path == "src/main.rs" && token == "vigie" {
            follow(&tokens[at..], Vec::new(), &mut doors);
        }
    }
    let commands = LAYERS[LAYERS.len() - 1];
    doors
        .into_iter()
        .filter(|door| {
            !door
                .get(1)
                .is_some_and(|to| commands.contains(&to.as_str()))
        })
        .map(|door| format!("`{}` opens a way around the layers", door.join(" ")))
        .collect()
}

/// `src/fhir/search/mod.rs` is the module `fhir::search`; the roots are the empty path.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut module: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if module
        .last()
        .is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str()))
    {
        module.pop();
    }
    module
}

/// The modules that the paths in `text` lead to, seen from `module`.
fn named(module: &[String], text: &str) -> Vec<Vec<String>> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    // Modules written in line, with the depth of braces at which each ends.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0usize;
    for at in 0..tokens.len() {
        match tokens[at].as_str() {
            "{" => {
                depth += 1;
                if at >= 2 && tokens[at - 2] == "mod" {
                    inline.push((tokens[at - 1].clone(), depth));
                }
            }
            "}" => {
                inline.retain(|(_, opened)| *opened != depth);
                depth = depth.saturating_sub(1);
            }
            "crate" | "super" if at == 0 || tokens[at - 1] != "::" => {
                let mut here = module.to_vec();
                here.extend(inline.iter().map(|(name, _)| name.clone()));
                follow(&tokens[at..], here, &mut found);
            }
            _ => {}
        }
    }
    found
}

/// Follows the path at the start of `tokens`, into its groups; gives how many tokens it took.
fn follow(tokens: &[String], mut place: Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    let mut whole = false;
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "crate" => place.clear(),
            "super" => {
                place.pop();
            }
            "self" => {}
            "{" => return at + group(&tokens[at..], &place, found),
            name => place.push(name.to_owned()),
        }
        at += 1;
        if tokens.get(at).is_none_or(|next| next != "::") {
            // `pub(crate)` and `pub(super)` give sight, they do not name.
            whole = at == 1 && tokens.get(at).is_none_or(|next| next != "as");
            break;
        }
        at += 1;
    }
    if !whole || place.len() > 1 {
        found.push(place);
    }
    at
}

fn group(tokens: &[String], place: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 1;
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "}" => return at + 1,
            "," => at += 1,
            "as" => at += 2,
            _ => {
                let mut inner = Vec::new();
                at += follow(&tokens[at..], place.to_vec(), &mut inner).max(1);
                // A single name in a group is a path of its own, unlike a bare `crate`.
                if inner.is_empty() {
                    let mut name = place.to_vec();
                    name.extend(tokens.get(at - 1).filter(|name| *name != "self").cloned());
                    inner.push(name);
                }
                found.append(&mut inner);
            }
        }
    }
    at
}

/// Outside crates and clocks named away from home.
pub fn homes(path: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut faults = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |at| tokens[at].as_str());
        let after = tokens.get(at + 1).map_or("", String::as_str);
        for (outside, homes) in HOMES {
            let named = token == outside && before != "::" && (after == "::" || before == "use");
            if named && !homes.iter().any(|home| path.starts_with(home)) {
                faults.push(format!("names `{outside}`, whose home is {homes:?}"));
            }
        }
        let reads = CLOCKS.contains(&token.as_str()) && after == "::";
        if reads && path != CLOCK && tokens.get(at + 2).is_some_and(|call| call == "now") {
            faults.push(format!(
                "calls `{token}::now`; take a `kernel::clock::Clock`"
            ));
        }
    }
    faults
}

/// What `fhir` must not do: wait, read files, open sockets, look at the clock.
pub fn impurities(text: &str) -> Vec<String> {
    const EFFECTS: [&str; 5] = ["fs", "net", "env", "process", "thread"];
    const BANNED: [&str; 6] = [
        "async",
        "await",
        "tokio",
        "Clock",
        "SystemClock",
        "SimulatedClock",
    ];
    let tokens = tokens(&without_tests(text));
    let mut faults = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let inner = tokens.get(at + 2).map_or("", String::as_str);
        let effect = token == "std" && EFFECTS.contains(&inner);
        if effect || BANNED.contains(&token.as_str()) {
            faults.push(format!("`{token}` has no place in a pure module"));
        }
    }
    faults
}

mod tests {
    use super::{edges, homes, impurities};

    #[test]
    fn an_edge_to_the_left_stands() {
        for (path, text) in [
            (
                "src/store/tx.rs",
                "use crate::{fhir::permit::Permit, kernel::{clock, id}};",
            ),
            (
                "src/http/router.rs",
                "use crate::interactions::read; pub(crate) fn f(p: super::X) {}",
            ),
            (
                "src/fhir/search/rows.rs",
                "use super::super::date::Range; use super::query;",
            ),
            (
                "src/fhir/date.rs",
                "// crate::store\nconst S: &str = \"crate::http::x\";",
            ),
            (
                "src/fhir/date.rs",
                "mod tests { use super::*; use super::super::json; }",
            ),
            (
                "src/fhir/mod.rs",
                "pub(super) use self::date::Range; pub(in crate::fhir) struct A;",
            ),
            ("src/lib.rs", "pub mod kernel;"),
            ("src/main.rs", "fn main() { vigie::cli::run() }"),
            ("src/main.rs", "use vigie::{cli::Command, demo};"),
        ] {
            assert_eq!(edges(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }

    #[test]
    fn an_edge_upwards_or_sideways_is_found() {
        for (path, text) in [
            ("src/kernel/id.rs", "use crate::store::Tx;"),
            ("src/fhir/date.rs", "fn f(c: &crate::config::Config) {}"),
            (
                "src/alerts/mod.rs",
                "use crate::{kernel::id, pathways::plan};",
            ),
            (
                "src/alerts/mod.rs",
                "use crate::{\n    kernel::{id, clock},\n    fhir,\n    http,\n};",
            ),
            (
                "src/store/sqlite/rows.rs",
                "use super::super::super::queue::Runner;",
            ),
            ("src/store/mod.rs", "use super::notify;"),
            ("src/store/mod.rs", "use super::{kernel::id, app::{run}};"),
            ("src/store/mod.rs", "mod tests { use super::super::cli; }"),
            (
                "src/store/mod.rs",
                "mod tests { mod deep {} use super::super::cli; }",
            ),
            ("src/cli/mod.rs", "let x = crate::demo::run();"),
            ("src/queue/mod.rs", "use crate as root;"),
            ("src/queue/mod.rs", "use crate::{self as root};"),
            ("src/queue/mod.rs", "use crate::*;"),
            ("src/queue/mod.rs", "type T = <crate::http::State as A>::B;"),
            ("src/gossip/mod.rs", "fn f() {}"),
            ("src/queue.rs", "use crate::gossip;"),
            ("src/lib.rs", "pub mod kernel; pub use store::Store as S;"),
            ("src/main.rs", "use vigie::store::Store;"),
            ("src/main.rs", "use vigie::{cli::Command, app};"),
        ] {
            assert_eq!(edges(path, text).len(), 1, "{path}: {text}");
        }
    }

    #[test]
    fn a_crate_or_a_clock_away_from_home_is_found() {
        for (path, text) in [
            ("src/http/mod.rs", "use sqlx::Row;"),
            ("src/fhir/mod.rs", "use sqlx;"),
            ("src/http/mod.rs", "use rusqlite::Connection;"),
            (
                "src/fhir/mod.rs",
                "fn f(r: &::sqlx::Row) { sqlx::query(\"\") }",
            ),
            ("src/queue/mod.rs", "use lettre::Message;"),
            ("src/notify/mod.rs", "fn f(b: axum::body::Body) {}"),
            ("src/store/mod.rs", "use hyper_util::rt;"),
            ("src/app.rs", "let t = jiff::Timestamp::now();"),
            ("src/demo/mod.rs", "let t = SystemTime::now();"),
        ] {
            assert_eq!(homes(path, text).len(), 1, "{path}: {text}");
        }
        for (path, text) in [
            ("src/store/sqlite/mod.rs", "use sqlx::Row;"),
            ("src/app.rs", "use hyper::body; let now = clock.now();"),
            ("src/kernel/clock.rs", "Timestamp::now()"),
            ("src/fhir/mod.rs", "// sqlx::Row\nlet sqlx = \"lettre::x\";"),
        ] {
            assert_eq!(homes(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }

    #[test]
    fn waiting_files_sockets_and_clocks_are_impure() {
        for text in [
            "async fn f() {}",
            "x.await",
            "use std::fs;",
            "std::net::TcpStream",
            "use crate::kernel::clock::Clock;",
            "tokio::spawn(x)",
        ] {
            assert_eq!(impurities(text).len(), 1, "{text}");
        }
        assert!(impurities("// async\nuse std::fmt; let fs = 1;").is_empty());
        assert!(impurities("#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n").is_empty());
    }
}
