//! Logging in with an OpenID provider, such as Pro Santé Connect.
//!
//! Only who has an account comes in, known by the name that the provider gives them; the provider
//! has asked for the second factor. What a browser brings back counts if it is the browser that was
//! sent, once, and if the provider's own answer over TLS confirms it.
//!
//! Specification: <https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth>,
//! <https://www.rfc-editor.org/rfc/rfc9700>.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use oauth2::{
    AsyncHttpClient, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, StandardRevocableToken,
    StandardTokenIntrospectionResponse, StandardTokenResponse, TokenUrl,
    basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenType},
    http,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    PERMIT, People,
    id_token::{self, Expected},
    login::Step,
    secret,
};
use crate::{
    kernel::{
        phi::Phi,
        problem::{Category, Problem, Result},
    },
    outbound::{Ask, Cache, Failure, Fetch},
    store::{Account, AccountBy, AccountKind, AccountState, LoginStage, Ticket, TicketKind},
};

/// How long somebody may be away at the provider's.
const AWAY_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Most characters of what a browser brings back.
const BROUGHT_MAX: usize = 4_096;

/// How an OpenID provider is asked.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name for itself: where its configuration is found.
    pub issuer: String,
    /// This server, as it knows it.
    pub client: String,
    /// What proves that.
    pub secret: Phi<String>,
    /// Which claim of its ID tokens identifies people.
    pub claim: String,
    /// What it is asked for, `openid` included.
    pub scopes: Vec<String>,
    /// How well people are to have proved who they are: it is asked for (`acr_values`), and who has
    /// proved none of it is not let in. Empty to leave it open.
    pub acr: String,
    /// What it is called on the login page.
    pub name: String,
}

/// A provider, and the door to it.
pub struct Federation {
    provider: Provider,
    fetch: Arc<dyn Fetch>,
    known: Arc<Cache>,
}

/// What a provider says of itself.
struct Discovered {
    authorization: String,
    token: String,
    keys: String,
}

/// What is kept while somebody is away.
#[derive(Serialize, Deserialize)]
struct Away {
    nonce: String,
    verifier: String,
    request: String,
    browser: String,
}

/// The ID token beside the rest of a token answer.
#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    id_token: Option<String>,
}

impl ExtraTokenFields for Identity {}

type Client<A, T> = oauth2::Client<
    BasicErrorResponse,
    StandardTokenResponse<Identity, BasicTokenType>,
    StandardTokenIntrospectionResponse<EmptyExtraTokenFields, BasicTokenType>,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    A,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    T,
>;

/// What a browser brings back from the provider.
#[derive(Debug, Clone)]
pub struct Brought {
    /// By which it is known.
    pub state: String,
    /// What is exchanged for the provider's word; empty, if it refused.
    pub code: String,
    /// Who sent it, where the provider says so (RFC 9207); empty, if not.
    pub issuer: String,
    /// The browser's cookie.
    pub cookie: String,
}

fn unreachable(failure: Failure) -> Problem {
    let mut problem = Problem::busy("The other server does not answer.");
    problem.internal = Some(format!("the OpenID provider: {failure}"));
    problem
}

fn refused(why: &str) -> Problem {
    let text = "The other server did not let you in, or its word is not good.";
    let mut problem = Problem::new(Category::Unauthenticated, "security", text);
    problem.internal = Some(why.to_owned());
    problem
}

impl Federation {
    /// With a provider, by a door.
    #[must_use]
    pub const fn new(provider: Provider, fetch: Arc<dyn Fetch>, known: Arc<Cache>) -> Self {
        Self {
            provider,
            fetch,
            known,
        }
    }

    /// What it is called on the login page.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.provider.name
    }

    /// Its name for itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// Where things are, as the provider says; it speaks for itself alone.
    async fn discover(&self) -> Result<Discovered> {
        let issuer = &self.provider.issuer;
        let address = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let found = self.known.get(&address).await.map_err(unreachable)?;
        let found = found.json().map_err(unreachable)?;
        if found["issuer"].as_str() != Some(issuer) {
            return Err(refused("the configuration is another provider's"));
        }
        let of = |name: &str| {
            let address = found[name].as_str().map(str::to_owned);
            address.ok_or_else(|| refused("the configuration lacks an endpoint"))
        };
        Ok(Discovered {
            authorization: of("authorization_endpoint")?,
            token: of("token_endpoint")?,
            keys: of("jwks_uri")?,
        })
    }

    fn client(&self) -> Client<oauth2::EndpointNotSet, oauth2::EndpointNotSet> {
        oauth2::Client::new(ClientId::new(self.provider.client.clone()))
            .set_client_secret(ClientSecret::new(self.provider.secret.reveal().clone()))
    }

    /// Exchanges a code for the provider's word.
    async fn exchange(
        &self,
        found: &Discovered,
        (code, verifier): (String, String),
        redirect: String,
    ) -> Result<String> {
        let token = TokenUrl::new(found.token.clone()).map_err(Problem::fault)?;
        let redirect = RedirectUrl::new(redirect).map_err(Problem::fault)?;
        let client = self
            .client()
            .set_token_uri(token)
            .set_redirect_uri(redirect);
        let carrier = Carrier(Arc::clone(&self.fetch));
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request_async(&carrier)
            .await
            // What the provider says may hold what nobody is to read in a log.
            .map_err(|error| match error {
                oauth2::RequestTokenError::Request(failure) => unreachable(failure),
                _ => refused("the provider did not take the code"),
            })?;
        let identity = answer.extra_fields().id_token.clone();
        identity.ok_or_else(|| refused("the provider gave no ID token"))
    }

    /// The keys by which the provider signs, the one of this name among them, if there is one.
    async fn keys(&self, address: &str, kid: &str) -> Result<Value> {
        let keys = self.known.get(address).await.map_err(unreachable)?;
        let keys = keys.json().map_err(unreachable)?;
        if has(&keys, kid) {
            return Ok(keys);
        }
        // They may be new.
        let keys = self.known.renew(address).await.map_err(unreachable)?;
        keys.json().map_err(unreachable)
    }
}

fn has(keys: &Value, kid: &str) -> bool {
    let mut all = keys["keys"].as_array().into_iter().flatten();
    kid.is_empty() || all.any(|key| key["kid"].as_str() == Some(kid))
}

/// Carries the requests of the OAuth library through the one door to other servers.
struct Carrier(Arc<dyn Fetch>);

impl<'c> AsyncHttpClient<'c> for Carrier {
    type Error = Failure;
    type Future = BoxFuture<'c, Result<HttpResponse, Failure>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(carry(Arc::clone(&self.0), request))
    }
}

async fn carry(fetch: Arc<dyn Fetch>, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let form = String::from_utf8_lossy(request.body()).into_owned();
    let mut ask = Ask::post_form(request.uri().to_string(), form);
    let authorization = request.headers().get(http::header::AUTHORIZATION);
    if let Some(value) = authorization.and_then(|value| value.to_str().ok()) {
        ask = ask.with_authorization(value);
    }
    let fetched = fetch.send(&ask).await?;
    let kind = fetched.content_type.unwrap_or_default();
    http::Response::builder()
        .status(fetched.status)
        .header(http::header::CONTENT_TYPE, kind)
        .body(fetched.body.to_vec())
        .map_err(|_| Failure::NotJson)
}

impl People {
    /// The provider with which people may log in, if there is one.
    #[must_use]
    pub fn federation(&self) -> Option<&Federation> {
        self.federation.as_ref()
    }

    fn provider(&self) -> Result<&Federation> {
        let none = || Problem::not_found("This server knows no other to log in with.");
        self.federation().ok_or_else(none)
    }

    fn redirect(&self) -> String {
        format!("{}/auth/federation/callback", self.origin())
    }

    /// Where a browser is sent to log in; `request` is what the login was begun for.
    ///
    /// # Errors
    /// `NotFound`, without a provider; `Busy`, if it does not answer.
    pub async fn go_away(&self, cookie: &str, request: &str) -> Result<String> {
        let federation = self.provider()?;
        let found = federation.discover().await?;
        let chance = self.chance.as_ref();
        let (state, verifier) = (secret::text(chance), secret::text(chance));
        let away = Away {
            nonce: secret::text(chance),
            verifier: verifier.clone(),
            request: request.to_owned(),
            browser: self.form_token(cookie)?,
        };
        let ticket = Ticket {
            kind: TicketKind::Federation,
            hash: secret::digest(&state),
            account: String::new(),
            content: Phi::new(json!(away).to_string()),
            tries: 0,
            expires: self
                .now()
                .saturating_add(AWAY_MAX)
                .map_err(Problem::fault)?,
        };
        let authorization = AuthUrl::new(found.authorization).map_err(Problem::fault)?;
        let redirect = RedirectUrl::new(self.redirect()).map_err(Problem::fault)?;
        let client = federation
            .client()
            .set_auth_uri(authorization)
            .set_redirect_uri(redirect);
        let challenge =
            PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier));
        let provider = &federation.provider;
        let mut asked = client
            .authorize_url(|| CsrfToken::new(state))
            .set_pkce_challenge(challenge)
            .add_extra_param("nonce", away.nonce.clone());
        for scope in &provider.scopes {
            asked = asked.add_scope(Scope::new(scope.clone()));
        }
        if !provider.acr.is_empty() {
            asked = asked.add_extra_param("acr_values", provider.acr.clone());
        }
        let (address, _) = asked.url();
        let address = address.to_string();
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.keep_ticket(&ticket).await })
            })
            .await?;
        Ok(address)
    }

    /// Takes what a browser brings back: the new session, and what the login was begun for.
    ///
    /// # Errors
    /// `Unauthenticated`, if it is not good or nobody with an account; `Busy`, if the provider does
    /// not answer.
    pub async fn come_back(&self, brought: Brought) -> Result<(Step, String)> {
        let federation = self.provider()?;
        let away = self.recall(&brought.state, &brought.cookie).await?;
        let is_long = [&brought.code, &brought.issuer]
            .iter()
            .any(|one| one.len() > BROUGHT_MAX);
        if brought.code.is_empty() || is_long {
            return Err(refused("the provider let nobody in"));
        }
        let issuer = federation.issuer();
        if !brought.issuer.is_empty() && brought.issuer != issuer {
            return Err(refused("the answer is another provider's"));
        }
        let found = federation.discover().await?;
        let code = (brought.code, away.verifier);
        let token = federation.exchange(&found, code, self.redirect()).await?;
        let kid = id_token::key_name(&token)?;
        let keys = federation.keys(&found.keys, &kid).await?;
        let expected = Expected {
            issuer,
            client: &federation.provider.client,
            nonce: &away.nonce,
            claim: &federation.provider.claim,
            acr: &federation.provider.acr,
            now: self.now(),
        };
        let subject = id_token::subject(&token, &keys, expected)?;
        let account = self.known_as(issuer.to_owned(), subject).await?;
        let step = self.open(&account, LoginStage::Full, "federation").await?;
        Ok((step, away.request))
    }

    /// What was kept for a browser that was sent away: once, and for that browser alone.
    async fn recall(&self, state: &str, cookie: &str) -> Result<Away> {
        let (hash, now) = (secret::digest(state), self.now());
        let ticket = self
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let ticket = tx.ticket(TicketKind::Federation, &hash).await?;
                    tx.forget_ticket(TicketKind::Federation, &hash).await?;
                    Ok(ticket.filter(|ticket| ticket.expires > now))
                })
            })
            .await?;
        let ticket = ticket.ok_or_else(|| refused("nobody was sent away with this state"))?;
        let away: Away = serde_json::from_str(ticket.content.reveal()).map_err(Problem::fault)?;
        if cookie.is_empty() || away.browser != self.form_token(cookie)? {
            return Err(refused("it is not the browser that was sent away"));
        }
        Ok(away)
    }

    /// The account of somebody whom the provider knows.
    async fn known_as(&self, issuer: String, subject: String) -> Result<Account> {
        let account = self
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.account(AccountBy::Identity(&issuer, &subject)).await })
            })
            .await?;
        account
            .filter(may_come)
            .ok_or_else(|| refused("nobody has an account by this name"))
    }
}

/// Only those who care come in by another's word.
fn may_come(account: &Account) -> bool {
    let kind = matches!(account.kind, AccountKind::Professional | AccountKind::Agent);
    kind && account.state == AccountState::Active
}
