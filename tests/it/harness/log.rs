//! What no log may hold, whatever a test has done: every server that a test starts is held to it when
//! it ends.
//!
//! The log runs at its most talkative, unless a test says otherwise. Words are those that the tests
//! put into their resources; patterns are of what nobody has to know: addresses, numbers, dates of
//! birth, tokens, resources.

/// What tests write about people, and what people type.
const WORDS: [&str; 34] = [
    // Names.
    "Canary",
    "canary",
    "Kanarienvogel",
    "Xanthippe",
    "Zyxwv",
    "Camille",
    "Lefort",
    "Maud",
    "Durand",
    "Durupt",
    "Ch\u{e9}ron",
    // Dates of birth.
    "1988-02-29",
    "1961-05-04",
    "1931-02-03",
    "1950-01-01",
    // Numbers, and addresses of who asks.
    "+336",
    "0612345678",
    "192.0.2.",
    "198.51.100.",
    "203.0.113.",
    "2001:db8",
    // Secrets: passwords, tokens, codes, launches, requests, secrets of clients.
    "correct horse",
    "vgt_",
    "vgr_",
    "vgc_",
    "vgl_",
    "vgq_",
    "vgs_",
    "Bearer ",
    "eyJ",
    // Resources and narratives.
    "resourceType",
    "valueDecimal",
    "<div",
    "\"family",
];

/// What is told in a line that must not be, if anything is.
pub fn leak(line: &str) -> Option<&str> {
    let word = WORDS.iter().find(|word| line.contains(**word));
    word.copied().or_else(|| mail_address(line))
}

/// An address of a mailbox.
fn mail_address(line: &str) -> Option<&str> {
    let part = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    let mut from = 0;
    while let Some(found) = line[from..].find('@') {
        let at = from + found;
        let before = line[..at].chars().next_back().is_some_and(part);
        let after = &line[at + 1..];
        let end = after.find(|c: char| !part(c)).unwrap_or(after.len());
        let (host, tail) = after[..end].rsplit_once('.').unwrap_or_default();
        let is_name = tail.len() > 1 && tail.chars().all(|c| c.is_ascii_alphabetic());
        if before && !host.is_empty() && is_name {
            return Some(&line[at..at + 1 + end]);
        }
        from = at + 1;
    }
    None
}

#[test]
fn what_tells_of_somebody_is_seen() {
    for line in [
        "INFO name=Canary-Durand",
        "sent to camille@home.example",
        "DEBUG to=<a.b+c@mail.example.org>",
        "born 1988-02-29",
        "from 198.51.100.7:4711",
        "authorization: Bearer x",
        "{\"resourceType\":\"Patient\"}",
    ] {
        assert!(leak(line).is_some(), "{line}");
    }
    for line in [
        "INFO vigie: listening on http://127.0.0.1:4711/fhir",
        "professional@Organization/1",
        "sqlx@0.9.0",
        "@ home.example",
        "request=1a202ef2608-53 status=200",
    ] {
        assert_eq!(leak(line), None, "{line}");
    }
}
