//! What a case needs to log in: apps that the server knows, people who use them, and what they
//! type into its pages.
//!
//! All of it comes from a file (`--logins`), since every server has pages and apps of its own.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/>.

mod browser;
mod html;
mod jwt;
#[cfg(test)]
mod tests;
mod tls;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::Deserialize;
use serde_json::{Value, json};

use self::browser::Browser;
use crate::{
    case::Step,
    client::{Answer, Client},
    variables::Variables,
};

/// Seconds that a client's assertion holds, unless a case says otherwise.
const ASSERTION_SECONDS: i64 = 240;

/// Bytes of chance in a `code_verifier`, a `state` and a `nonce`.
const CHANCE_BYTES: usize = 48;

/// What the file of logins says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logins {
    /// A certificate (PEM) that the server's is signed by, where the world does not know it.
    pub ca: Option<PathBuf>,
    /// The apps, by the names that cases give them.
    clients: BTreeMap<String, App>,
    /// What people type, by the names that cases give them.
    users: BTreeMap<String, Vec<Filling>>,
    /// What everybody does with a page that is not theirs alone, such as that of consent.
    forms: Vec<Filling>,
    /// Steps that cases take by name: how this server is made to launch an app.
    pub parts: BTreeMap<String, Vec<Value>>,
    /// Further variables of cases.
    values: BTreeMap<String, String>,
}

/// An app that the server knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct App {
    id: String,
    /// Where it is sent back to.
    redirect: String,
    /// What it may ask for.
    scope: String,
    /// A page that may call the server from a browser.
    origin: String,
    /// The secret of a confidential app.
    secret: Option<String>,
    /// Whether the secret goes into the form instead of the header.
    post: bool,
    /// The private key (PKCS#8 in PEM) of an app that signs.
    key: Option<PathBuf>,
    alg: String,
    kid: String,
}

/// What is typed into a form that has this field.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filling {
    field: String,
    /// A text, several, `null` for none, `{"totp": SECRET}` or `{"command": [PROGRAM, …]}`.
    #[serde(default)]
    fill: BTreeMap<String, Value>,
}

impl Logins {
    /// Reads the file.
    ///
    /// # Errors
    /// It is not there, or says something else.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Tells cases what there is: `NAME_id`, `NAME_redirect`, `NAME_scope` and `NAME_origin` of
    /// each app, `user_NAME`, `part_NAME`, and the values as they are named.
    pub fn tell(&self, variables: &mut Variables) {
        for (name, app) in &self.clients {
            for (part, value) in [
                ("id", &app.id),
                ("redirect", &app.redirect),
                ("scope", &app.scope),
                ("origin", &app.origin),
            ] {
                variables.set(&format!("{name}_{part}"), value.as_str());
            }
        }
        for name in self.users.keys() {
            variables.set(&format!("user_{name}"), "yes");
        }
        for name in self.parts.keys() {
            variables.set(&format!("part_{name}"), "yes");
        }
        for (name, value) in &self.values {
            variables.set(name, value.as_str());
        }
    }

    /// The form of a step as it is sent, with what shows who the client is.
    ///
    /// # Errors
    /// No such client, a key that cannot be read.
    pub fn dressed(&self, step: &Step) -> Result<Step, String> {
        let mut step = step.clone();
        let Some(mut form) = step.form.take() else {
            return Ok(step);
        };
        if let Some(name) = &step.client {
            let app = self
                .clients
                .get(name)
                .ok_or_else(|| format!("the file of logins has no client '{name}'"))?;
            if let Some(authorization) = app.show(&step, &mut form)? {
                step.headers
                    .entry("authorization".to_owned())
                    .or_insert(authorization);
            }
        }
        step.text = Some(encoded(form.iter()));
        step.headers
            .entry("content-type".to_owned())
            .or_insert_with(|| "application/x-www-form-urlencoded".to_owned());
        step.headers
            .entry("accept".to_owned())
            .or_insert_with(|| "application/json".to_owned());
        Ok(step)
    }
}

impl App {
    /// Adds what shows who asks: nothing but the id, the secret, or an assertion. The header of
    /// HTTP's basic authentication is given back.
    fn show(
        &self,
        step: &Step,
        form: &mut BTreeMap<String, String>,
    ) -> Result<Option<String>, String> {
        let mut own = |name: &str, value: &str| {
            form.entry(name.to_owned())
                .or_insert_with(|| value.to_owned());
        };
        if self.key.is_some() {
            own(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            );
            own("client_assertion", &self.assertion(step)?);
            return Ok(None);
        }
        match &self.secret {
            None => own("client_id", &self.id),
            Some(secret) if self.post => {
                own("client_id", &self.id);
                own("client_secret", secret);
            }
            Some(secret) => {
                let both = format!("{}:{}", percent(&self.id), percent(secret));
                return Ok(Some(format!("Basic {}", BASE64.encode(both))));
            }
        }
        Ok(None)
    }

    /// The assertion of RFC 7523, with what the step changes about it: members of `header` and
    /// `claims`, `null` for none, `{"in": SECONDS}` for a time from now, and another `key`.
    fn assertion(&self, step: &Step) -> Result<String, String> {
        let now = now();
        let changes = step.assertion.clone().unwrap_or_default();
        let mut header = json!({"alg": self.alg, "kid": self.kid, "typ": "JWT"});
        let mut claims = json!({
            "iss": self.id, "sub": self.id, "aud": step.path,
            "exp": now + ASSERTION_SECONDS, "jti": jwt::random(CHANCE_BYTES)?,
        });
        for (tree, name) in [(&mut header, "header"), (&mut claims, "claims")] {
            let Some(changed) = changes[name].as_object() else {
                continue;
            };
            for (member, value) in changed {
                let value = value["in"]
                    .as_i64()
                    .map_or_else(|| value.clone(), |after| json!(now + after));
                if value.is_null() {
                    tree.as_object_mut().and_then(|tree| tree.remove(member));
                } else {
                    tree[member.as_str()] = value;
                }
            }
        }
        let key = match (changes["key"].as_str(), &self.key) {
            (Some(text), _) => text.to_owned(),
            (None, Some(path)) => {
                fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?
            }
            (None, None) => return Err("the client has no key".to_owned()),
        };
        jwt::sign(&header, &claims, &key)
    }
}

/// Carries out the steps that are no plain request.
#[derive(Default)]
pub struct Visits {
    logins: Logins,
    browser: Browser,
}

impl Visits {
    /// With what the file of logins says.
    pub fn new(logins: Logins) -> Self {
        Self {
            logins,
            browser: Browser::default(),
        }
    }

    /// What the file of logins says.
    pub const fn logins(&self) -> &Logins {
        &self.logins
    }

    /// The answer to a step, whatever it does.
    ///
    /// # Errors
    /// No answer, or a step that cannot be carried out.
    pub async fn answer(&self, client: &Client, step: &Step) -> Result<Answer, String> {
        match step.verb.as_str() {
            "AUTHORIZE" => self.authorize(client, step).await,
            "JWT" => {
                let keys = Step {
                    verb: "GET".to_owned(),
                    path: step.path.clone(),
                    ..Step::default()
                };
                let keys = client.send(&keys).await?.json;
                let mut opened = jwt::open(step.text.as_deref().unwrap_or_default(), &keys)?;
                let end = opened["payload"]["exp"].as_i64();
                opened["left"] = json!(end.map(|end| end - now()));
                Ok(Answer::of(opened))
            }
            "TLS" => {
                let version = step.text.as_deref().unwrap_or_default();
                tls::hello(&step.path, version).await.map(Answer::of)
            }
            _ => client.send(&self.logins.dressed(step)?).await,
        }
    }

    async fn authorize(&self, client: &Client, step: &Step) -> Result<Answer, String> {
        let mut fillings = step.walk.clone();
        if let Some(user) = &step.user {
            let own = self
                .logins
                .users
                .get(user)
                .ok_or_else(|| format!("the file of logins has no user '{user}'"))?;
            fillings.extend(own.iter().cloned());
        }
        fillings.extend(self.logins.forms.iter().cloned());
        self.browser.visit(client, step, &fillings).await
    }
}

/// Sets what each case draws anew: `verifier` and its `challenge`, `state`, `nonce`.
///
/// # Errors
/// There is no chance to draw from.
pub fn draw(variables: &mut Variables) -> Result<(), String> {
    let verifier = jwt::random(CHANCE_BYTES)?;
    variables.set("challenge", jwt::challenge(&verifier));
    variables.set("verifier", verifier);
    variables.set("state", jwt::random(CHANCE_BYTES)?);
    variables.set("nonce", jwt::random(CHANCE_BYTES)?);
    Ok(())
}

/// Names and values as `application/x-www-form-urlencoded`.
fn encoded<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    pairs
        .map(|(name, value)| format!("{}={}", percent(name), percent(value)))
        .collect::<Vec<_>>()
        .join("&")
}

fn percent(text: &str) -> String {
    let mut safe = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            safe.push_str(&format!("%{byte:02X}"));
        }
    }
    safe
}

/// The reverse of [`percent`], where `+` stands for a space.
fn unpercent(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let hex = after
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn now() -> i64 {
    i64::try_from(seconds()).unwrap_or_default()
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "this program is a client: nobody hands it a clock"
)]
fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
