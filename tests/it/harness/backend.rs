//! A program that acts for itself: it is registered by the operator's command and gets tokens by
//! signing, as any backend service does.

use std::{
    process::Output,
    sync::atomic::{AtomicU64, Ordering},
};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{Client, Reply, Server, vigie};

/// How its assertion is named in a form.
pub const ASSERTION: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

static ASSERTIONS: AtomicU64 = AtomicU64::new(0);

/// A registered backend service of one server.
pub struct Backend {
    /// Its `client_id`.
    pub id: String,
    /// The name of its key.
    pub kid: String,
    /// What it signs with.
    pub key: EncodingKey,
}

/// `vigie client …` for the database of a server.
#[track_caller]
pub fn client_command(server: &Server, arguments: &[&str]) -> Output {
    let database = format!("sqlite:{}", server.database().display());
    let mut all = vec!["client"];
    all.extend(arguments);
    all.extend(["--database", &database]);
    vigie(&all)
}

/// What a command has printed after a word, such as `client_id`.
#[track_caller]
pub fn printed(output: &Output, word: &str) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    let errors = String::from_utf8_lossy(&output.stderr);
    found
        .unwrap_or_else(|| panic!("no {word} in: {text}{errors}"))
        .to_owned()
}

impl Backend {
    /// Registers one that may ask for these scopes.
    #[track_caller]
    pub fn register(server: &Server, scopes: &str) -> Self {
        Self::register_with(server, scopes, &[])
    }

    /// The same, with further arguments of `vigie client add`.
    #[track_caller]
    pub fn register_with(server: &Server, scopes: &str, arguments: &[&str]) -> Self {
        let number = ASSERTIONS.fetch_add(1, Ordering::Relaxed);
        let path = server
            .database()
            .with_file_name(format!("key-{number}.pem"));
        let path = path.to_str().expect("a path");
        let mut all = vec!["add", "Backend", "--backend", "--scope", scopes];
        all.extend(["--new-key", path]);
        all.extend(arguments);
        let output = client_command(server, &all);
        let pem = std::fs::read(path).expect("the key that was written");
        Self {
            id: printed(&output, "client_id"),
            kid: printed(&output, "kid"),
            key: EncodingKey::from_ec_pem(&pem).expect("a key"),
        }
    }

    /// What it says of itself now.
    pub fn claims(&self, server: &Server) -> Value {
        let number = ASSERTIONS.fetch_add(1, Ordering::Relaxed);
        json!({
            "iss": self.id,
            "sub": self.id,
            "aud": format!("{}/auth/token", server.origin()),
            "exp": server.now() + 240,
            "jti": format!("assertion-{number}"),
        })
    }

    /// The same, signed.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES384);
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.key).expect("a signature")
    }

    /// Asks for a token.
    #[track_caller]
    pub fn ask(&self, server: &Server, scopes: &str) -> Reply {
        let assertion = self.sign(&self.claims(server));
        ask(server, scopes, &assertion)
    }

    /// A token, as it is shown in requests.
    #[track_caller]
    pub fn token(&self, server: &Server, scopes: &str) -> String {
        let granted = self.ask(server, scopes).expect(200).json();
        granted["access_token"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    /// A connection that shows a token of these scopes.
    #[track_caller]
    pub fn client(&self, server: &Server, scopes: &str) -> Client {
        server.client().with_token(self.token(server, scopes))
    }
}

/// Asks for a token by an assertion.
#[track_caller]
pub fn ask(server: &Server, scopes: &str, assertion: &str) -> Reply {
    let scopes: String = form_urlencoded::byte_serialize(scopes.as_bytes()).collect();
    let form = format!(
        "grant_type=client_credentials&scope={scopes}&client_assertion_type={ASSERTION}\
         &client_assertion={assertion}"
    );
    post_form(server, "/auth/token", &form, &[])
}

/// Sends a form.
#[track_caller]
pub fn post_form(server: &Server, path: &str, form: &str, headers: &[(&str, &str)]) -> Reply {
    let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
    all.extend(headers);
    let reply = server.client().send("POST", path, &all, form.as_bytes());
    reply.expect("a reply")
}
