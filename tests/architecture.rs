//! The rules of the house that the compiler does not know, as tests.
//!
//! Each rule is a pure function from text to faults; one test holds the repository to it, and
//! `tests::` below holds the rule to samples that break it, for a check that cannot fail is
//! worth nothing. To add a rule: write the function, a sample that breaks it, and its test.

#[path = "architecture/advisories.rs"]
mod advisories;
#[path = "architecture/code.rs"]
mod code;
#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/layers.rs"]
mod layers;
#[path = "architecture/leaks.rs"]
mod leaks;
#[path = "architecture/reach.rs"]
mod reach;
#[path = "architecture/requirements.rs"]
mod requirements;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// One text file of the repository, its path relative to the root and with `/`.
struct File {
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What git tracks or would track; everything that is not built, where there is no git.
fn files() -> Vec<File> {
    let mut paths = listed_by_git().unwrap_or_else(|| {
        let mut found = Vec::new();
        walk(root(), &mut found);
        found
    });
    paths.sort();
    paths
        .into_iter()
        .filter_map(|path| {
            let text = fs::read_to_string(root().join(&path)).ok()?;
            Some(File { path, text })
        })
        .collect()
}

fn listed_by_git() -> Option<Vec<String>> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()?;
    let paths = String::from_utf8(listing.stdout).ok()?;
    (listing.status.success() && !paths.is_empty())
        .then(|| paths.lines().map(str::to_owned).collect())
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    const BUILT: [&str; 5] = ["target", ".git", ".venv", "node_modules", "__pycache__"];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path: PathBuf = entry.path();
        let name = entry.file_name();
        if path.is_dir() && !BUILT.iter().any(|built| name == *built) {
            walk(&path, found);
        } else if let (true, Ok(inner)) = (path.is_file(), path.strip_prefix(root())) {
            found.push(inner.to_string_lossy().replace('\\', "/"));
        }
    }
}

/// Fails with every fault that `rule` finds in the files that `concerned` picks.
fn hold(concerned: impl Fn(&str) -> bool, rule: impl Fn(&File) -> Vec<String>) {
    let files: Vec<File> = files()
        .into_iter()
        .filter(|file| concerned(&file.path))
        .collect();
    assert!(!files.is_empty(), "the rule concerns no file at all");
    let faults: Vec<String> = files
        .iter()
        .flat_map(|file| {
            rule(file)
                .into_iter()
                .map(|fault| format!("{}: {fault}", file.path))
        })
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|kind| kind == "rs")
}

fn is_source(path: &str) -> bool {
    path.starts_with("src/") && is_rust(path)
}

fn is_document(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|kind| kind == "md")
}

#[test]
fn a_module_names_only_what_stands_left_of_it() {
    hold(is_source, |file| layers::edges(&file.path, &file.text));
}

#[test]
fn sql_mail_http_and_the_clock_have_their_homes() {
    hold(is_source, |file| layers::homes(&file.path, &file.text));
}

#[test]
fn the_database_is_read_by_a_permit() {
    hold(
        |path| path.starts_with("src/store/sqlite") && is_rust(path),
        |file| reach::reads(&file.path, &file.text),
    );
    hold(
        |path| {
            let is_way = [
                "facade",
                "session",
                "erase",
                "definitions",
                "indexing",
                "errands",
            ];
            is_way
                .iter()
                .any(|name| path == format!("src/store/{name}.rs"))
        },
        |file| reach::ways(&file.text),
    );
    hold(
        |path| path.starts_with("src/http/") && is_rust(path) && !path.contains("test"),
        |file| reach::routes(&file.path, &file.text),
    );
}

#[test]
fn fhir_is_pure() {
    hold(
        |path| path.starts_with("src/fhir/") && !path.contains("/tests"),
        |file| layers::impurities(&file.text),
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    hold(is_rust, |file| code::header(&file.text));
}

#[test]
fn no_file_is_longer_than_the_bound() {
    hold(is_rust, |file| code::length(&file.path, &file.text));
}

#[test]
fn lints_are_expected_with_a_reason_or_kept() {
    hold(is_rust, |file| code::allowances(&file.text));
}

#[test]
fn test_modules_are_compiled_for_tests_only() {
    hold(is_source, |file| code::test_modules(&file.text));
}

#[test]
fn the_paths_that_documents_and_comments_name_exist() {
    let exists = |path: &str| root().join(path).exists();
    hold(is_document, |file| {
        documents::stale_paths(&file.text, exists)
    });
    hold(is_rust, |file| {
        documents::stale_paths(&code::comments(&file.text), exists)
    });
}

#[test]
fn the_tests_that_the_table_of_attacks_names_exist() {
    let sources: Vec<File> = files()
        .into_iter()
        .filter(|file| is_rust(&file.path))
        .collect();
    let exists = |name: &str| sources.iter().any(|file| code::has_test(&file.text, name));
    hold(
        |path| path == "SECURITY.md",
        |file| documents::missing_tests(&file.text, exists),
    );
}

#[test]
fn each_dependency_has_a_reason_and_the_lock_file_a_bound() {
    hold(
        |path| path == "Cargo.toml",
        |file| documents::bare_dependencies(&file.text),
    );
    hold(
        |path| path == "Cargo.lock",
        |file| documents::packages(&file.text),
    );
}

#[test]
fn c21_no_package_is_known_to_be_weak() {
    hold(
        |path| path == "Cargo.lock",
        |file| advisories::weak_packages(&file.text),
    );
}

#[test]
fn the_table_of_attacks_has_each_row_once() {
    hold(
        |path| path == "SECURITY.md",
        |file| documents::missing_rows(&file.text),
    );
}

#[test]
fn the_lints_and_their_thresholds_are_on() {
    let thresholds = fs::read_to_string(root().join("clippy.toml")).unwrap_or_default();
    hold(
        |path| path == "Cargo.toml",
        |file| documents::missing_lints(&file.text, &thresholds),
    );
}

#[test]
fn every_fixture_is_used() {
    let files = files();
    let users: Vec<&File> = files
        .iter()
        .filter(|file| {
            ["src/", "tests/", "scripts/"]
                .iter()
                .any(|top| file.path.starts_with(top))
        })
        .collect();
    let idle: Vec<&str> = files
        .iter()
        .map(|file| file.path.as_str())
        .filter(|path| path.starts_with("fixtures/") && !is_document(path))
        .filter(|path| !users.iter().any(|user| documents::names(&user.text, path)))
        .collect();
    assert!(idle.is_empty(), "no test and no runner names {idle:?}");
}

#[test]
fn each_requirement_of_smart_has_a_test_or_a_reason() {
    let proofs: BTreeSet<String> = files()
        .iter()
        .flat_map(|file| -> Vec<String> {
            if file.path.starts_with("conformance/cases/") {
                requirements::cases(&file.text).collect()
            } else if is_rust(&file.path) {
                requirements::tests(&file.text).collect()
            } else {
                Vec::new()
            }
        })
        .collect();
    hold(
        |path| path == "conformance/smart.tsv",
        |file| requirements::faults(&file.text, &proofs),
    );
}

#[test]
fn each_leak_that_is_known_has_a_test_or_a_reason() {
    let files = files();
    let sources: Vec<&str> = files
        .iter()
        .filter(|file| is_rust(&file.path))
        .map(|file| file.text.as_str())
        .collect();
    hold(
        |path| path == "conformance/leaks.tsv",
        |file| leaks::faults(&file.text, &sources),
    );
}

#[test]
fn the_documents_say_what_smart_asks_of_them() {
    hold(
        |path| path == "SECURITY.md",
        |file| {
            let said = ["`Patient.link` opens nothing", "sends it again"];
            let missing = said.iter().filter(|text| !file.text.contains(**text));
            missing
                .map(|text| format!("nothing says '{text}'"))
                .collect()
        },
    );
}

#[test]
fn nothing_speaks_of_the_machine_it_was_written_on() {
    hold(|_| true, |file| documents::private_paths(&file.text));
}
