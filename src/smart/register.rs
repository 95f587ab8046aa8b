//! Programs that register themselves, where the operator lets them.
//!
//! Nobody answers for who registers itself: people are asked for their consent each time, and it
//! never acts for itself.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc7591>.

use serde_json::{Value, json};

use super::{
    PERMIT, Smart,
    refusal::{Fault, Granted, Refusal},
    registration, secret,
};
use crate::{
    kernel::problem::{Category, Problem},
    store::{Client, Proof},
};

/// Most programs that have registered themselves.
pub const REGISTERED_MAX: usize = 1_000;

fn invalid(description: &'static str) -> Refusal {
    Refusal::new(Fault::InvalidClientMetadata, description)
}

impl Smart {
    /// Registers a program by its own word; gives what it is registered with.
    ///
    /// # Errors
    /// `InvalidClientMetadata`, `InvalidRedirectUri`; `AccessDenied`, where nobody may register
    /// themselves; `TemporarilyUnavailable`, if too many have.
    pub async fn register(&self, asked: &Value) -> Granted<Value> {
        if !self.settings.registration {
            return Err(Refusal::new(
                Fault::AccessDenied,
                "Programs are registered by the operator of this server.",
            ));
        }
        let (mut client, secret) = self.read_registration(asked)?;
        client.id = self.new_id();
        if let Err(problem) = registration::check(&client) {
            return Err(refused(&problem));
        }
        let kept = client.clone();
        let written = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move {
                let known = tx.clients().await?;
                let own = known.iter().filter(|one| one.self_registered).count();
                if own >= REGISTERED_MAX {
                    return Err(Problem::busy(
                        "Too many programs have registered themselves.",
                    ));
                }
                tx.keep_client(&kept).await
            })
        });
        written.await?;
        Ok(told(&client, secret.as_deref(), self.now().as_second()))
    }

    /// What a program wants to be registered with, and its secret where it is given one.
    fn read_registration(&self, asked: &Value) -> Granted<(Client, Option<String>)> {
        if !asked.is_object() {
            return Err(invalid("The body is a JSON object."));
        }
        let text = |name: &str| match &asked[name] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            _ => Err(invalid("A member of the body is no text.")),
        };
        let redirect_uris = texts(&asked["redirect_uris"])?;
        if redirect_uris.is_empty() {
            return Err(Refusal::new(
                Fault::InvalidRedirectUri,
                "redirect_uris has at least one address.",
            ));
        }
        let grants = texts(&asked["grant_types"])?;
        let offered = ["authorization_code", "refresh_token"];
        if !grants.iter().all(|grant| offered.contains(&grant.as_str())) {
            return Err(invalid(
                "grant_types are authorization_code and refresh_token.",
            ));
        }
        let (proof, secret) = self.proof(asked, text("token_endpoint_auth_method")?.as_deref())?;
        let scope = text("scope")?.ok_or(invalid("scope is missing."))?;
        let scopes: Vec<String> = scope.split_whitespace().map(str::to_owned).collect();
        let is_own = |scope: &String| scope.starts_with("system/") || scope.starts_with("__");
        if scopes.iter().any(is_own) {
            return Err(invalid(
                "Who registers itself asks for scopes of people, and none of the server's own.",
            ));
        }
        let client = Client {
            id: String::new(),
            name: text("client_name")?.unwrap_or_default(),
            proof,
            origins: origins(&redirect_uris),
            redirect_uris,
            logout_uris: texts(&asked["post_logout_redirect_uris"])?,
            launch_uri: text("initiate_login_uri")?,
            scopes,
            acts_for_itself: false,
            organizations: Vec::new(),
            trusted: false,
            self_registered: true,
        };
        Ok((client, secret))
    }

    fn proof(&self, asked: &Value, method: Option<&str>) -> Granted<(Proof, Option<String>)> {
        match (method, &asked["jwks"], &asked["jwks_uri"]) {
            (Some("none"), Value::Null, Value::Null) => Ok((Proof::Public, None)),
            (
                None | Some("client_secret_basic" | "client_secret_post"),
                Value::Null,
                Value::Null,
            ) => {
                let secret = self.draw(secret::CLIENT);
                Ok((Proof::Secret(secret::hexadecimal(&secret)), Some(secret)))
            }
            (Some("private_key_jwt"), keys @ Value::Object(_), Value::Null) => {
                Ok((Proof::Keys(keys.clone()), None))
            }
            (Some("private_key_jwt"), Value::Null, Value::String(url)) => {
                Ok((Proof::KeysAt(url.clone()), None))
            }
            _ => Err(invalid(
                "token_endpoint_auth_method is none, client_secret_basic, client_secret_post, or \
                 private_key_jwt with one of jwks and jwks_uri.",
            )),
        }
    }
}

fn texts(list: &Value) -> Granted<Vec<String>> {
    let unread = || invalid("A member of the body is no list of texts.");
    match list {
        Value::Null => Ok(Vec::new()),
        Value::Array(all) => all
            .iter()
            .map(|one| one.as_str().map(str::to_owned).ok_or_else(unread))
            .collect(),
        _ => Err(unread()),
    }
}

/// The origins of a program's own addresses: its pages are there.
fn origins(addresses: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for address in addresses {
        let Some((scheme, rest)) = address.split_once("://") else {
            continue;
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let origin = format!("{scheme}://{}", &rest[..end]);
        if matches!(scheme, "http" | "https") && !all.contains(&origin) {
            all.push(origin);
        }
    }
    all
}

fn refused(problem: &Problem) -> Refusal {
    if problem.category != Category::Invalid {
        return Refusal::new(Fault::ServerError, "The server failed.");
    }
    let at = |place: &str| {
        let mut issues = problem.issues.iter();
        issues.any(|issue| issue.expression.as_deref() == Some(place))
    };
    if at("redirect_uris") {
        return Refusal::new(
            Fault::InvalidRedirectUri,
            "Each of redirect_uris is https://…, http://localhost…, or a scheme of the program's own.",
        );
    }
    if at("scope") {
        return invalid("scope has 1 to 500 scopes of SMART App Launch.");
    }
    if at("jwks") || at("jwks_uri") {
        return invalid(
            "jwks is a set of public RSA or P-384 keys with a kid; jwks_uri is https://….",
        );
    }
    invalid("client_name or another member is missing, or too long.")
}

fn told(client: &Client, secret: Option<&str>, now: i64) -> Value {
    let method = match client.proof {
        Proof::Public => "none",
        Proof::Secret(_) => "client_secret_basic",
        Proof::Keys(_) | Proof::KeysAt(_) => "private_key_jwt",
    };
    let mut answer = json!({
        "client_id": client.id,
        "client_id_issued_at": now,
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": client.scopes.join(" "),
        "token_endpoint_auth_method": method,
    });
    if !client.logout_uris.is_empty() {
        answer["post_logout_redirect_uris"] = json!(client.logout_uris);
    }
    if let Some(secret) = secret {
        answer["client_secret"] = secret.into();
        answer["client_secret_expires_at"] = 0.into();
    }
    answer
}
