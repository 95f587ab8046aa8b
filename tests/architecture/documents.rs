//! Rules on what is not Rust: documents, the manifest, the lock file, fixtures.

/// Most packages in the lock file: each is code that somebody has to trust. JSON Schema, XML and
/// UCUM bring fifty.
pub const PACKAGES_MAX: usize = 385;

/// Folders at the top of the repository; a path that begins with one is a path of ours.
const TOPS: [&str; 10] = [
    "src/",
    "tests/",
    "scripts/",
    "profiles/",
    "fixtures/",
    "migrations/",
    "conformance/",
    "xml/",
    ".ci/",
    "docs/",
];

/// Endings that make a single word a file at the top of the repository.
const ENDINGS: [&str; 4] = [".md", ".toml", ".lock", ".rs"];

/// The paths in backticks that `exists` does not know.
pub fn stale_paths(text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    spans(text)
        .into_iter()
        .filter(|span| is_path(span) && !exists(span))
        .map(|span| format!("names `{span}`, which does not exist"))
        .collect()
}

/// What stands between single backticks, outside fenced blocks.
fn spans(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// The tests that a table of attacks names and that `exists` does not know; at least one is named.
pub fn missing_tests(text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let last_cells = rows.filter_map(|row| row.trim_end_matches(['|', ' ']).rsplit_once("| "));
    let named: Vec<&str> = last_cells
        .flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2))
        .filter(|name| name.contains('_') && name.bytes().all(is_of_a_name))
        .collect();
    if named.is_empty() {
        return vec!["names no test at all".to_owned()];
    }
    named
        .into_iter()
        .filter(|name| !exists(name))
        .map(|name| format!("names the test `{name}`, which does not exist"))
        .collect()
}

/// Rows of the table of attacks, each of a letter and its numbers, that are missing or stand twice.
pub fn missing_rows(text: &str) -> Vec<String> {
    const ROWS: [(char, usize); 3] = [('A', 10), ('B', 20), ('C', 22)];
    let ids = ROWS
        .iter()
        .flat_map(|(letter, last)| (1..=*last).map(move |number| format!("{letter}{number}")));
    ids.filter_map(|id| {
        let begins = format!("| {id} | ");
        let found = text
            .lines()
            .filter(|line| line.starts_with(&begins))
            .count();
        (found != 1).then(|| format!("has {found} rows {id} in its table of attacks"))
    })
    .collect()
}

const fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

fn is_path(span: &str) -> bool {
    let plain = span
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let of_a_folder = TOPS.iter().any(|top| span.starts_with(top));
    let at_the_top = !span.contains('/')
        && span.starts_with(|c: char| c.is_ascii_uppercase())
        && ENDINGS.iter().any(|ending| span.ends_with(ending));
    // `NAME` stands for a name that the reader chooses.
    let placeholder = span.split(['/', '.']).any(|part| part == "NAME");
    plain && !placeholder && (of_a_folder || at_the_top)
}

/// Dependencies of the manifest without a comment that says what they are for.
pub fn bare_dependencies(manifest: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut listed, mut before) = (false, "");
    for line in manifest.lines() {
        if line.starts_with('[') {
            listed = line.trim_end_matches(']').ends_with("dependencies");
        } else if let (true, Some((name, _))) = (listed, line.split_once('=')) {
            let entry = !line.starts_with([' ', '#', '}', ']']);
            if entry && !before.starts_with("# ") {
                faults.push(format!("`{}` has no reason above it", name.trim()));
            }
        }
        before = line;
    }
    faults
}

/// Lints that the manifest must deny, and thresholds that `clippy.toml` must set: a threshold
/// without its lint is a limit that nobody runs.
pub fn missing_lints(manifest: &str, thresholds: &str) -> Vec<String> {
    const DENIED: [&str; 7] = [
        "missing_docs",
        "too_many_lines",
        "too_many_arguments",
        "unwrap_used",
        "panic",
        "allow_attributes",
        "disallowed_methods",
    ];
    const THRESHOLDS: [&str; 2] = [
        "too-many-lines-threshold = 60",
        "too-many-arguments-threshold = 5",
    ];
    let has = |text: &str, line: &str| text.lines().any(|known| known == line);
    let denied = DENIED.map(|lint| (manifest, format!("{lint} = \"deny\"")));
    let set = THRESHOLDS.map(|threshold| (thresholds, threshold.to_owned()));
    denied
        .into_iter()
        .chain(set)
        .filter(|(text, line)| !has(text, line))
        .map(|(_, line)| format!("lacks `{line}`"))
        .collect()
}

/// The lock file keeps its bound.
pub fn packages(lock: &str) -> Vec<String> {
    let count = lock.lines().filter(|line| *line == "[[package]]").count();
    if count > PACKAGES_MAX {
        vec![format!(
            "has {count} packages, {PACKAGES_MAX} are the bound"
        )]
    } else {
        Vec::new()
    }
}

/// Whether `text` names the fixture, or a folder of fixtures that it is read with.
pub fn names(text: &str, fixture: &str) -> bool {
    let mut name = fixture;
    loop {
        if text.contains(name) {
            return true;
        }
        match name.rsplit_once('/') {
            Some((folder, _)) if folder != "fixtures" => name = folder,
            _ => return false,
        }
    }
}

/// Paths that exist on one machine only.
pub fn private_paths(text: &str) -> Vec<String> {
    // Split, so that this file does not break its own rule.
    const PRIVATE: [&str; 6] = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
        concat!("/tmp", "/wt"),
        concat!("C:\\", "Users"),
    ];
    PRIVATE
        .iter()
        .filter(|private| {
            text.match_indices(**private)
                .any(|(at, _)| begins_a_path(text, at))
        })
        .map(|private| format!("names the private path `{private}`"))
        .collect()
}

/// A path begins where no word, host or folder stands before it: not in a URL.
fn begins_a_path(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    before.is_none_or(|c| !(c.is_alphanumeric() || "._-~$}/".contains(c)))
}

mod tests {
    use super::{
        PACKAGES_MAX, bare_dependencies, missing_lints, missing_tests, names, packages,
        private_paths, stale_paths,
    };

    #[test]
    fn a_path_that_does_not_exist_is_found() {
        let exists = |path: &str| ["src/lib.rs", "README.md", "tests/it"].contains(&path);
        for stale in [
            "see `src/gone.rs`.",
            "`GONE.md` and `README.md`",
            "a `.ci/gone` b",
        ] {
            assert_eq!(stale_paths(stale, exists).len(), 1, "{stale}");
        }
        for fine in [
            "`src/lib.rs`, `tests/it`, `README.md`",
            "`/fhir/Patient` `PlanDefinition/$apply` `src/<module>/mod.rs` `src/NAME.rs` `text/plain` `vigie.toml`",
            "```sh\ncat `src/gone.rs`\n```\n",
        ] {
            assert_eq!(stale_paths(fine, exists), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn an_attack_that_nobody_tries_is_found() {
        let exists = |name: &str| name == "it_is_tried";
        let table =
            |cell: &str| format!("| attack | tests |\n|---|---|\n| `an_attack` | {cell} |\n");
        assert!(missing_tests(&table("`it_is_tried`"), exists).is_empty());
        assert_eq!(
            missing_tests(&table("`it_is_tried`, `it_is_not`"), exists).len(),
            1
        );
        assert_eq!(missing_tests(&table("none"), exists).len(), 1);
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let fine = "[package]\nname = \"a\"\n[dependencies]\n# Numbers.\nnum = \"1\"\n[lints.rust]\nx = \"deny\"\n";
        assert!(bare_dependencies(fine).is_empty());
        let bare = "[dependencies]\n# Numbers.\nnum = \"1\"\nrand = \"1\"\n[dev-dependencies]\n\ntempfile = \"3\"\n";
        assert_eq!(bare_dependencies(bare).len(), 2);
    }

    #[test]
    fn a_lint_that_is_off_is_found() {
        let manifest = include_str!("../../Cargo.toml");
        let thresholds = include_str!("../../clippy.toml");
        assert_eq!(missing_lints(manifest, thresholds), Vec::<String>::new());
        let lax = manifest.replace("too_many_lines = \"deny\"", "too_many_lines = \"warn\"");
        assert_eq!(missing_lints(&lax, thresholds).len(), 1);
        assert_eq!(
            missing_lints(manifest, "too-many-lines-threshold = 60\n").len(),
            1
        );
    }

    #[test]
    fn one_package_too_many_is_found() {
        let package = "[[package]]\nname = \"a\"\n\n";
        assert!(packages(&package.repeat(PACKAGES_MAX)).is_empty());
        assert_eq!(packages(&package.repeat(PACKAGES_MAX + 1)).len(), 1);
    }

    #[test]
    fn an_idle_fixture_is_found() {
        assert!(names(
            "include_str!(\"../fixtures/a/b.json\")",
            "fixtures/a/b.json"
        ));
        assert!(names("read_dir(\"fixtures/a\")", "fixtures/a/b.json"));
        assert!(!names("read_dir(\"fixtures/\")", "fixtures/a/b.json"));
        assert!(!names("fixtures/c.json", "fixtures/a/b.json"));
    }

    #[test]
    fn a_private_path_is_found() {
        for private in [
            concat!("cd /ho", "me/someone"),
            concat!("(/wo", "rk/shared)"),
            concat!("\"/tmp", "/wt/x\""),
        ] {
            assert_eq!(private_paths(private).len(), 1, "{private}");
        }
        assert!(
            private_paths(concat!("https://example.org/ho", "me/x $HOME/wo", "rk/ a")).is_empty()
        );
    }
}
