//! C21: packages of the lock file that are known to be weak, by what RustSec has published.
//!
//! The whole database of advisories is not here, and continuous integration asks nobody: these are
//! those that concern what a server like this one is made of. `cargo audit` and `cargo deny` know the
//! rest.
//!
//! Specification: <https://rustsec.org/advisories/>.

/// A package, the first version that is good (none: no version is), and the advisory.
const ADVISORIES: [(&str, Option<[u64; 3]>, &str); 21] = [
    ("ammonia", Some([4, 1, 4]), "RUSTSEC-2026-0193"),
    ("quick-xml", Some([0, 41, 0]), "RUSTSEC-2026-0194"),
    ("h2", Some([0, 4, 16]), "RUSTSEC-2026-0258"),
    ("lettre", Some([0, 11, 22]), "RUSTSEC-2026-0141"),
    ("time", Some([0, 3, 47]), "RUSTSEC-2026-0009"),
    ("sqlx", Some([0, 8, 1]), "RUSTSEC-2024-0363"),
    ("sqlx-core", Some([0, 8, 1]), "RUSTSEC-2024-0363"),
    ("rsa", None, "RUSTSEC-2023-0071"),
    ("rustls", Some([0, 23, 18]), "RUSTSEC-2024-0399"),
    ("ring", Some([0, 17, 12]), "RUSTSEC-2025-0009"),
    ("openssl", Some([0, 10, 70]), "RUSTSEC-2025-0004"),
    ("tokio", Some([1, 44, 2]), "RUSTSEC-2025-0023"),
    ("hyper", Some([0, 14, 10]), "RUSTSEC-2021-0078"),
    ("regex", Some([1, 5, 5]), "RUSTSEC-2022-0013"),
    ("idna", Some([1, 0, 0]), "RUSTSEC-2024-0421"),
    ("crossbeam-channel", Some([0, 5, 15]), "RUSTSEC-2025-0024"),
    ("tracing-subscriber", Some([0, 3, 20]), "RUSTSEC-2025-0055"),
    ("rusqlite", Some([0, 26, 2]), "RUSTSEC-2021-0128"),
    ("libsqlite3-sys", Some([0, 25, 1]), "RUSTSEC-2022-0090"),
    ("atty", None, "RUSTSEC-2021-0145"),
    ("chrono", Some([0, 4, 20]), "RUSTSEC-2020-0159"),
];

/// The packages of a lock file that an advisory warns of.
pub fn weak_packages(lock: &str) -> Vec<String> {
    let packages = lock.split("[[package]]").skip(1);
    packages
        .filter_map(|package| {
            let value = |name: &str| {
                let mut lines = package.lines();
                let line = lines.find_map(|line| line.strip_prefix(&format!("{name} = \"")))?;
                line.strip_suffix('"')
            };
            let (name, version) = (value("name")?, value("version")?);
            let found = ADVISORIES.iter().find(|(own, good, _)| {
                *own == name && good.is_none_or(|good| numbers(version) < good)
            });
            found.map(|(_, _, advisory)| format!("has {name} {version}: {advisory}"))
        })
        .collect()
}

/// The three numbers of a version.
fn numbers(version: &str) -> [u64; 3] {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    let mut parts = plain.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

#[test]
fn a_weak_package_is_seen() {
    let lock = |name: &str, version: &str| {
        format!(
            "version = 4\n\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"x\"\n"
        )
    };
    assert_eq!(weak_packages(&lock("h2", "0.4.15")).len(), 1);
    assert_eq!(weak_packages(&lock("h2", "0.4.16")), Vec::<String>::new());
    assert_eq!(
        weak_packages(&lock("h2", "1.0.0-beta.1")),
        Vec::<String>::new()
    );
    assert_eq!(weak_packages(&lock("rsa", "9.9.9")).len(), 1);
    assert_eq!(weak_packages(&lock("h2o", "0.0.1")), Vec::<String>::new());
}
