//! What a client may be registered with: checked before it is kept, whoever registers it.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc7591#section-2>,
//! <https://www.rfc-editor.org/rfc/rfc9700#section-4.1>.

use std::mem::discriminant;

use serde_json::Value;

use self::address::Address;
use super::{
    assertion,
    scopes::{SCOPES_MAX, Wish},
};
use crate::{
    kernel::problem::{Category, Issue, Problem, Result},
    store::{Client, Proof},
};

/// Most characters of a name, and of an address.
const TEXT_MAX: usize = 2_048;

/// Most addresses, origins or organisations of a client.
const LIST_MAX: usize = 32;

/// Where something is: what matters of an address.
mod address {
    /// A web address, or that of a program on a telephone.
    pub struct Address<'a> {
        pub scheme: &'a str,
        pub host: &'a str,
        pub rest: &'a str,
    }

    impl<'a> Address<'a> {
        /// Reads `scheme://host[:port][/…]`; none, if it is not exactly that.
        pub fn read(text: &'a str) -> Option<Self> {
            let (scheme, after) = text.split_once("://")?;
            let end = after.find(['/', '?', '#']).unwrap_or(after.len());
            let (host, rest) = after.split_at(end);
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
            let sound = !scheme.is_empty()
                && scheme.bytes().all(plain)
                && !host.contains('@')
                && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
            sound.then_some(Self { scheme, host, rest })
        }

        /// Whether nobody between can read it: https, or this machine.
        pub fn is_private(&self) -> bool {
            let name = match self.host.rsplit_once(':') {
                Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
                _ => self.host,
            };
            let is_local = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
            !name.is_empty() && (self.scheme == "https" || self.scheme == "http" && is_local)
        }
    }
}

/// Checks a registration; all faults are told at once.
///
/// # Errors
/// `Invalid`, with one issue for each fault.
pub fn check(client: &Client) -> Result<()> {
    let mut faults = Vec::new();
    let mut refuse = |place: &str, says: &str| faults.push(Issue::error("value", says).at(place));
    let is_id = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    if client.id.is_empty() || client.id.len() > 128 || !client.id.bytes().all(is_id) {
        refuse("client_id", "It has 1 to 128 letters, digits and -._~.");
    }
    if client.name.trim().is_empty() || client.name.len() > TEXT_MAX {
        refuse("client_name", "It has a name.");
    }
    for (place, list) in [
        ("redirect_uris", &client.redirect_uris),
        ("post_logout_redirect_uris", &client.logout_uris),
        ("origins", &client.origins),
        ("organizations", &client.organizations),
    ] {
        if list.len() > LIST_MAX || list.iter().any(|text| text.len() > TEXT_MAX) {
            refuse(place, "There are too many, or one is too long.");
        }
    }
    for (place, list) in [
        ("redirect_uris", &client.redirect_uris),
        ("post_logout_redirect_uris", &client.logout_uris),
    ] {
        if !list.iter().all(|text| is_redirect(text)) {
            refuse(
                place,
                "Each is https://…, http://localhost…, or a scheme of the program's own, without #.",
            );
        }
    }
    if !client.launch_uri.iter().all(|text| is_private(text)) {
        refuse("launch_uri", "It is https://… or http://localhost….");
    }
    if !client.origins.iter().all(|text| is_origin(text)) {
        refuse("origins", "Each is https://HOST, with a port where needed.");
    }
    check_scopes(client, &mut refuse);
    check_proof(client, &mut refuse);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Problem::with_issues(Category::Invalid, faults))
}

/// Whether a client that is registered again as `next` loses what it was granted: nothing that it
/// holds may say more than it is registered for, or stand on a proof that is asked no longer.
#[must_use]
pub fn begins_anew(known: &Client, next: &Client) -> bool {
    let is_left = |scope: &String| next.scopes.contains(scope);
    discriminant(&known.proof) != discriminant(&next.proof) || !known.scopes.iter().all(is_left)
}

fn check_scopes(client: &Client, refuse: &mut impl FnMut(&str, &str)) {
    let is_known = |text: &String| Wish::read(text).is_some();
    if client.scopes.is_empty() || client.scopes.len() > SCOPES_MAX {
        refuse("scope", "It may ask for 1 to 500 scopes.");
    }
    if let Some(unknown) = client.scopes.iter().find(|text| !is_known(text)) {
        let shown: String = unknown.chars().take(80).collect();
        refuse("scope", &format!("{shown} is no scope."));
    }
    let is_system = |text: &String| text.starts_with("system/");
    if client.scopes.iter().any(is_system) && !client.acts_for_itself {
        refuse(
            "scope",
            "system/ scopes are for clients that act for themselves.",
        );
    }
}

fn check_proof(client: &Client, refuse: &mut impl FnMut(&str, &str)) {
    match &client.proof {
        Proof::Keys(set) if !is_public_set(set) => refuse(
            "jwks",
            "It is a set of public RSA or P-384 keys, each with a kid of its own.",
        ),
        Proof::KeysAt(url) if !is_private(url) => {
            refuse("jwks_uri", "It is https://… or http://localhost….");
        }
        _ => {}
    }
    let signs = matches!(client.proof, Proof::Keys(_) | Proof::KeysAt(_));
    if client.acts_for_itself && !signs {
        refuse(
            "jwks",
            "A client that acts for itself signs: it has a set of keys.",
        );
    }
    let is_taken = |text: &String| !text.starts_with("https://");
    if client.trusted && client.self_registered {
        refuse("trusted", "Who registers itself is not trusted.");
    } else if client.trusted
        && client.proof == Proof::Public
        && client.redirect_uris.iter().any(is_taken)
    {
        refuse(
            "trusted",
            "A client that keeps no secret is trusted at https:// addresses alone: any program of \
             the machine can receive what is sent to others.",
        );
    }
}

fn is_redirect(text: &str) -> bool {
    Address::read(text).is_some_and(|address| {
        let dangerous = ["javascript", "data", "file", "blob", "about", "vbscript"];
        let own_scheme = !dangerous.contains(&address.scheme.to_ascii_lowercase().as_str())
            && address.scheme.contains('.');
        !address.rest.contains('#') && (address.is_private() || own_scheme)
    })
}

fn is_private(text: &str) -> bool {
    Address::read(text).is_some_and(|address| address.is_private() && !address.rest.contains('#'))
}

fn is_origin(text: &str) -> bool {
    Address::read(text).is_some_and(|address| address.is_private() && address.rest.is_empty())
}

/// Whether a set holds public keys alone, of kinds that sign, each with its name.
fn is_public_set(set: &Value) -> bool {
    let Some(keys) = set["keys"].as_array() else {
        return false;
    };
    let names: Vec<_> = keys.iter().map(|key| key["kid"].as_str()).collect();
    let differ = |at: usize| !names[..at].contains(&names[at]);
    !keys.is_empty()
        && keys.len() <= assertion::KEYS_MAX
        && (0..names.len()).all(|at| names[at].is_some() && differ(at))
        && keys.iter().all(|key| {
            let is_kind = key["kty"] == "RSA" || key["kty"] == "EC" && key["crv"] == "P-384";
            let private = ["d", "p", "q", "dp", "dq", "qi", "k", "oth"];
            is_kind && private.iter().all(|name| key.get(name).is_none())
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn client() -> Client {
        Client {
            id: "app".into(),
            name: "App".into(),
            proof: Proof::Public,
            redirect_uris: vec!["https://app.example/back".into()],
            logout_uris: Vec::new(),
            launch_uri: None,
            scopes: vec!["openid".into()],
            origins: Vec::new(),
            acts_for_itself: false,
            organizations: Vec::new(),
            trusted: false,
            self_registered: false,
        }
    }

    fn faults(change: impl FnOnce(&mut Client)) -> Vec<String> {
        let mut client = client();
        change(&mut client);
        let issues = check(&client).err().map(|problem| problem.issues);
        let places = issues.into_iter().flatten();
        places.filter_map(|issue| issue.expression).collect()
    }

    #[test]
    fn codes_are_sent_only_where_nobody_else_reads_them() {
        for (text, good) in [
            ("https://app.example/back?x=1", true),
            ("http://localhost:4567/back", true),
            ("http://127.0.0.1/back", true),
            ("com.example.app://back", true),
            ("http://app.example/back", false),
            ("http://localhost.evil.example/", false),
            ("https://app.example/#back", false),
            ("https://user@app.example/", false),
            ("https://", false),
            ("javascript://app.example/%0aalert(1)", false),
            ("data://x", false),
            ("https://app.example\\@evil.example/", false),
            ("//app.example", false),
            ("/back", false),
        ] {
            let told = faults(|client| client.redirect_uris = vec![text.into()]);
            assert_eq!(told.is_empty(), good, "{text}: {told:?}");
            let told = faults(|client| client.logout_uris = vec![text.into()]);
            assert_eq!(told.is_empty(), good, "{text}: {told:?}");
        }
    }

    #[test]
    fn nobody_is_trusted_whose_name_anybody_can_take() {
        let trusted = |redirect: &str, proof: Proof| {
            faults(|client| {
                client.trusted = true;
                client.redirect_uris = vec!["https://app.example/a".into(), redirect.into()];
                client.proof = proof;
            })
        };
        assert!(trusted("https://app.example/b", Proof::Public).is_empty());
        // Any program of the same machine can receive what is sent there.
        for anybodys in ["com.example.app://back", "http://localhost:4567/back"] {
            assert_eq!(trusted(anybodys, Proof::Public), ["trusted"], "{anybodys}");
            assert!(trusted(anybodys, Proof::Secret("00".into())).is_empty());
        }
        let own = |client: &mut Client| {
            client.trusted = true;
            client.self_registered = true;
            client.proof = Proof::Secret("00".into());
        };
        assert_eq!(faults(own), ["trusted"]);
    }

    #[test]
    fn what_is_registered_with_less_begins_anew() {
        let after = |change: &dyn Fn(&mut Client)| {
            let known = Client {
                scopes: vec!["openid".into(), "user/Task.rs".into()],
                ..client()
            };
            let mut next = known.clone();
            change(&mut next);
            begins_anew(&known, &next)
        };
        assert!(!after(&|_| ()));
        assert!(!after(&|next| next.scopes.push("user/Flag.rs".into())));
        assert!(!after(&|next| next.name = "Other".into()));
        assert!(after(&|next| drop(next.scopes.pop())));
        assert!(after(&|next| next.scopes[1] = "user/Task.r".into()));
        assert!(after(&|next| next.proof = Proof::Secret("00".into())));
    }

    #[test]
    fn scopes_and_keys_are_looked_at() {
        assert!(faults(|_| ()).is_empty());
        assert_eq!(faults(|one| one.scopes.clear()), ["scope"]);
        let system = |one: &mut Client| one.scopes = vec!["system/*.rs".into()];
        assert_eq!(faults(system), ["scope"]);
        let dus = |one: &mut Client| one.scopes = vec!["patient/Task.dus".into()];
        assert_eq!(faults(dus), ["scope"]);
        assert_eq!(faults(|one| one.acts_for_itself = true), ["jwks"]);
        let key = json!({ "kty": "EC", "crv": "P-384", "kid": "a", "x": "", "y": "" });
        let with = |keys: Value| faults(|one| one.proof = Proof::Keys(json!({ "keys": keys })));
        assert!(with(json!([key])).is_empty());
        assert_eq!(with(json!([])), ["jwks"]);
        assert_eq!(with(json!([key, key])), ["jwks"]);
        assert_eq!(
            with(json!([{ "kty": "oct", "k": "x", "kid": "a" }])),
            ["jwks"]
        );
        let mut private = key.clone();
        private["d"] = "x".into();
        assert_eq!(with(json!([private])), ["jwks"]);
        assert_eq!(faults(|one| one.id = "a b".into()), ["client_id"]);
        assert_eq!(
            faults(|one| one.origins = vec!["https://a/".into()]),
            ["origins"]
        );
    }
}
