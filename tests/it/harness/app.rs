//! A program that people let in: registered by the operator's command, authorised in a browser.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    Client, Reply, Server, Visitor,
    backend::{client_command, post_form, printed},
    encoded, forms,
};

/// Where codes are sent.
pub const REDIRECT: &str = "https://app.example/back?own=1";

/// What the program keeps to itself.
pub const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0";

/// A registered program.
pub struct App {
    /// Its `client_id`.
    pub id: String,
    /// Its secret, if it keeps one.
    pub secret: Option<String>,
}

/// The challenge of a verifier.
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// A parameter of an address.
pub fn parameter(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(own, value)| (own == name).then(|| value.into_owned()))
}

impl App {
    /// Registers a public one, that may ask for these scopes.
    #[track_caller]
    pub fn public(server: &Server, scopes: &str) -> Self {
        Self::register(server, scopes, &["--public"])
    }

    /// Registers one with further arguments of `vigie client add`.
    #[track_caller]
    pub fn register(server: &Server, scopes: &str, arguments: &[&str]) -> Self {
        let mut all = vec!["add", "App", "--scope", scopes, "--redirect", REDIRECT];
        all.extend(arguments);
        let output = client_command(server, &all);
        let is_secret = arguments.contains(&"--secret");
        Self {
            id: printed(&output, "client_id"),
            secret: is_secret.then(|| printed(&output, "client_secret")),
        }
    }

    /// What it asks with, but for what a test changes (an empty value takes a parameter away).
    pub fn request(&self, server: &Server, scopes: &str, changes: &[(&str, &str)]) -> String {
        let base = format!("{}/fhir", server.origin());
        let challenge = challenge(VERIFIER);
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT),
            ("scope", scopes),
            ("state", "a state/&="),
            ("aud", &base),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            pairs.retain(|(own, _)| own != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        encoded(&pairs)
    }

    /// From the request to the address of the program: somebody logs in where that is asked, takes
    /// the only patient there is to choose, and allows everything.
    #[track_caller]
    pub fn authorize(&self, visitor: &mut Visitor, request: &str, login: &str) -> String {
        let first = visitor.get(&format!("/auth/authorize?{request}"));
        let mut page = visitor.follow(first);
        for _ in 0..6 {
            if let Some(address) = page.header("location") {
                return address.to_owned();
            }
            let text = page.text();
            page = if text.contains("name=\"password\"") {
                visitor.log_in(&page, login)
            } else if text.contains("name=\"patient\"") {
                let (_, after) = text.split_once("name=\"patient\" value=\"").unwrap();
                let id = after.split('"').next().unwrap().to_owned();
                choose(visitor, &page, &id)
            } else {
                let answer = allow(visitor, &page, None);
                visitor.follow(answer)
            };
        }
        panic!("no end: {}", page.text());
    }

    /// The form by which a code is changed for tokens.
    pub fn exchange_form(&self, code: &str) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("grant_type".to_owned(), "authorization_code".to_owned()),
            ("code".to_owned(), code.to_owned()),
            ("redirect_uri".to_owned(), REDIRECT.to_owned()),
            ("code_verifier".to_owned(), VERIFIER.to_owned()),
        ];
        pairs.extend(self.identity());
        pairs
    }

    fn identity(&self) -> Vec<(String, String)> {
        let mut pairs = vec![("client_id".to_owned(), self.id.clone())];
        let secret = self.secret.clone();
        pairs.extend(secret.map(|secret| ("client_secret".to_owned(), secret)));
        pairs
    }

    /// Sends a form to the token endpoint.
    #[track_caller]
    pub fn post(server: &Server, pairs: &[(String, String)]) -> Reply {
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        post_form(server, "/auth/token", &encoded(&pairs), &[])
    }

    /// Another access token.
    #[track_caller]
    pub fn refresh(&self, server: &Server, token: &str, scopes: Option<&str>) -> Reply {
        let mut pairs = vec![
            ("grant_type".to_owned(), "refresh_token".to_owned()),
            ("refresh_token".to_owned(), token.to_owned()),
        ];
        pairs.extend(scopes.map(|scopes| ("scope".to_owned(), scopes.to_owned())));
        pairs.extend(self.identity());
        Self::post(server, &pairs)
    }

    /// All of it: what the token endpoint answers somebody who logs in and allows everything.
    #[track_caller]
    pub fn tokens(&self, server: &Server, scopes: &str, login: &str) -> Value {
        // An authenticator's code is good once.
        server.set_clock(&server.later(30));
        let mut visitor = Visitor::new(server);
        self.tokens_by(&mut visitor, server, (scopes, login))
    }

    /// The same, in a browser that may have logged in already.
    #[track_caller]
    pub fn tokens_by(
        &self,
        visitor: &mut Visitor,
        server: &Server,
        (scopes, login): (&str, &str),
    ) -> Value {
        let request = self.request(server, scopes, &[]);
        let address = self.authorize(visitor, &request, login);
        let code = parameter(&address, "code").unwrap_or_else(|| panic!("no code: {address}"));
        Self::post(server, &self.exchange_form(&code))
            .expect(200)
            .json()
    }

    /// A connection that shows a token of somebody.
    #[track_caller]
    pub fn client(&self, server: &Server, scopes: &str, login: &str) -> Client {
        let tokens = self.tokens(server, scopes, login);
        let token = tokens["access_token"].as_str().expect("a token");
        server.client().with_token(token)
    }
}

/// Says yes on the page of consent: to all that is asked, or to these scopes.
#[track_caller]
pub fn allow(visitor: &mut Visitor, page: &Reply, scopes: Option<&[&str]>) -> Reply {
    let text = page.text();
    assert!(text.contains("value=\"allow\""), "no question: {text}");
    let boxes = text.split("name=\"scope\" value=\"").skip(1);
    let asked: Vec<String> = boxes
        .map(|part| part.split('"').next().unwrap_or_default())
        .map(|scope| scope.replace("&#x2f;", "/").replace("&amp;", "&"))
        .collect();
    let all: Vec<&str> = asked.iter().map(String::as_str).collect();
    let left = scopes.unwrap_or(&all);
    let mut fields = vec![("decision", "allow")];
    fields.extend(left.iter().map(|scope| ("scope", *scope)));
    visitor.submit(page, &fields)
}

/// Takes a patient on the page of choice.
#[track_caller]
pub fn choose(visitor: &mut Visitor, page: &Reply, patient: &str) -> Reply {
    // The first form looks for names; the second takes one.
    let form = forms(page)
        .into_iter()
        .nth(1)
        .expect("the form of patients");
    let mut fields: Vec<(&str, &str)> = form
        .hidden
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    fields.push(("patient", patient));
    let answer = visitor.post(&form.action, &fields);
    visitor.follow(answer)
}
