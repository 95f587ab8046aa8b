//! `vigie client`: programs that may ask for access.

use std::{fs, path::PathBuf, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};
use clap::{Args, Subcommand};
use jsonwebtoken::{
    Algorithm, EncodingKey,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use serde_json::{Value, json};

use super::configuration;
use crate::{
    app::{self, command::Ending, logging, terminal},
    audit::Event,
    fhir::permit::Permit,
    kernel::{
        chance::{Chance, Generator},
        id,
        problem::{Problem, Result},
    },
    smart::{keys, registration, secret},
    store::{Client, DelegationsOf, Proof, Store},
};

static PERMIT: Permit = Permit::system("cli.client");

/// What is to be done, and where.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// The database: sqlite:PATH. A server may have it open.
    #[arg(long, value_name = "URL", global = true)]
    database: Option<String>,
    /// A configuration file.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register a program, or register it anew under the same id: with fewer scopes, or another way
    /// to show that it is itself, what it was granted ends.
    Add(Box<Add>),
    /// Show what is registered, as JSON, one program a line.
    List,
    /// Forget a program, with all that it was granted.
    Remove {
        /// The `client_id`.
        id: String,
    },
}

/// A registration. One of the four ways to show that it is itself is named.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("proof").required(true))]
struct Add {
    /// What people are shown.
    name: String,
    /// The `client_id`; made up where it is not told.
    #[arg(long)]
    id: Option<String>,
    /// It runs in a browser or on a telephone and keeps no secret.
    #[arg(long, group = "proof")]
    public: bool,
    /// It shows a secret, which is made and printed once.
    #[arg(long, group = "proof")]
    secret: bool,
    /// It signs by a key of this set (a file with a JSON Web Key Set).
    #[arg(long, value_name = "FILE", group = "proof")]
    jwks: Option<PathBuf>,
    /// It signs by a key of the set that is found there.
    #[arg(long, value_name = "URL", group = "proof")]
    jwks_uri: Option<String>,
    /// It signs by a key that is made now; the private key is written to this file (PEM).
    #[arg(long, value_name = "FILE", group = "proof")]
    new_key: Option<PathBuf>,
    /// Where codes may be sent, exactly; may be repeated.
    #[arg(long, value_name = "URL")]
    redirect: Vec<String>,
    /// Where browsers may be sent after a logout at its wish, exactly; may be repeated.
    #[arg(long, value_name = "URL")]
    after_logout: Vec<String>,
    /// Where it is launched from.
    #[arg(long, value_name = "URL")]
    launch: Option<String>,
    /// What it may ask for at most, separated by spaces; may be repeated.
    #[arg(long, required = true)]
    scope: Vec<String>,
    /// An origin of its pages, such as https://app.example; may be repeated.
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// It may act for itself (SMART Backend Services).
    #[arg(long)]
    backend: bool,
    /// Where it acts for itself: Organization/ID whose patients it reaches; may be repeated.
    #[arg(long, value_name = "REFERENCE")]
    organization: Vec<String>,
    /// People are not asked for their consent: it is the operator's own.
    #[arg(long)]
    trusted: bool,
}

/// Does it.
pub(super) async fn run(arguments: Arguments) -> Result<Ending> {
    let flags = arguments.database.map(|text| ("database.url", text));
    let config = configuration(arguments.config, flags.into_iter().collect())?.config;
    logging::start(&config.log);
    let chance = Arc::new(Generator::from_system());
    if !matches!(arguments.action, Action::List) {
        app::audit::note(&config, Event::Client, "vigie client")?;
    }
    let store = app::open_store(&config, Arc::clone(&chance) as Arc<dyn Chance>).await?;
    match arguments.action {
        Action::Add(add) => register(&store, *add, chance.as_ref()).await,
        Action::List => list(&store).await,
        Action::Remove { id } => remove(&store, id).await,
    }
}

async fn register(store: &Store, add: Add, chance: &dyn Chance) -> Result<Ending> {
    let (proof, told) = proof(&add, chance)?;
    let scopes = add.scope.iter().flat_map(|text| text.split_whitespace());
    let client = Client {
        // Ids of two clients made in the same millisecond differ by chance.
        id: add
            .id
            .unwrap_or_else(|| id::new_id(jiff::Timestamp::UNIX_EPOCH, chance)),
        name: add.name,
        proof,
        redirect_uris: add.redirect,
        logout_uris: add.after_logout,
        launch_uri: add.launch,
        scopes: scopes.map(str::to_owned).collect(),
        origins: add.origin,
        acts_for_itself: add.backend,
        organizations: add.organization,
        trusted: add.trusted,
        self_registered: false,
    };
    registration::check(&client)?;
    let id = client.id.clone();
    let written = store.write(&PERMIT, move |tx| {
        Box::pin(async move {
            let known = tx.client(&client.id).await?;
            if known.is_some_and(|known| registration::begins_anew(&known, &client)) {
                tx.end_delegations(DelegationsOf::Client(&client.id))
                    .await?;
            }
            tx.keep_client(&client).await
        })
    });
    written.await?;
    terminal::say(&format!("client_id {id}"));
    if let Some(told) = told {
        terminal::say(&told);
    }
    Ok(Ending::Done)
}

/// How the client shows that it is itself, and what has to be told about it now.
fn proof(add: &Add, chance: &dyn Chance) -> Result<(Proof, Option<String>)> {
    if add.secret {
        let secret = secret::draw(secret::CLIENT, chance);
        let told = format!("client_secret {secret}");
        return Ok((Proof::Secret(secret::hexadecimal(&secret)), Some(told)));
    }
    if let Some(path) = &add.jwks {
        let text = fs::read_to_string(path).map_err(|error| {
            Problem::invalid("value", format!("{}: {error}.", path.display())).at("--jwks")
        })?;
        let set = serde_json::from_str(&text).map_err(|error| {
            Problem::invalid("value", format!("It is no JSON: {error}.")).at("--jwks")
        })?;
        return Ok((Proof::Keys(set), None));
    }
    if let Some(url) = &add.jwks_uri {
        return Ok((Proof::KeysAt(url.clone()), None));
    }
    if let Some(path) = &add.new_key {
        let (private, set) = new_key()?;
        keys::write_private(path, &private).map_err(|error| {
            Problem::invalid("value", format!("{}: {error}.", path.display())).at("--new-key")
        })?;
        let kid = set["keys"][0]["kid"].as_str().unwrap_or_default();
        let told = format!("kid {kid}");
        return Ok((Proof::Keys(set), Some(told)));
    }
    Ok((Proof::Public, None))
}

/// A private key (PEM), and the set with its public half.
fn new_key() -> Result<(String, Value)> {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new())
        .map_err(Problem::fault)?;
    let key = EncodingKey::from_ec_der(der.as_ref());
    let mut public = Jwk::from_encoding_key(&key, Algorithm::ES384).map_err(Problem::fault)?;
    let kid = public
        .thumbprint(ThumbprintHash::SHA256)
        .map_err(Problem::fault)?;
    public.common.key_id = Some(kid);
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    let public = serde_json::to_value(&public).map_err(Problem::fault)?;
    Ok((keys::pem(der.as_ref()), json!({ "keys": [public] })))
}

async fn list(store: &Store) -> Result<Ending> {
    for client in store.clients(&PERMIT).await? {
        let mut shown = serde_json::to_value(&client).map_err(Problem::fault)?;
        if matches!(client.proof, Proof::Secret(_)) {
            shown["proof"] = "secret".into();
        }
        terminal::say(&shown.to_string());
    }
    Ok(Ending::Done)
}

async fn remove(store: &Store, id: String) -> Result<Ending> {
    let name = id.clone();
    let removed = store.write(&PERMIT, move |tx| {
        Box::pin(async move { tx.forget_client(&id).await })
    });
    if removed.await? {
        return Ok(Ending::Done);
    }
    terminal::note(&format!("there is no client {name}"));
    Ok(Ending::Faulty)
}
