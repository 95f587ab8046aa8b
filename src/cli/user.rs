//! `vigie user`: accounts made, listed and locked, what they may, and the ways back into them.
//!
//! It works on the database itself, beside a server that runs or without one. A password is never
//! an argument: arguments are seen by everybody on the machine.

use std::{fs, path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::configuration;
use crate::{
    app::{self, command::Ending, logging, terminal},
    audit::Event,
    kernel::{
        chance::Generator,
        phi::Phi,
        problem::{Problem, Result},
    },
    people::{People, enrol::Enrolment, roles},
    store::{Account, AccountKind, AccountRole},
};

/// Where, and what.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The database: sqlite:PATH.
    #[arg(long, value_name = "URL", global = true)]
    database: Option<String>,
    /// A configuration file.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make an account.
    Add(Add),
    /// Make an account, and have the server write to its person how to open it: once more, if they
    /// have not come.
    Invite(Add),
    /// Lock an account: its sessions end at once, and so does what was granted.
    Lock(Named),
    /// Unlock an account.
    Unlock(Named),
    /// Give roles to somebody, or take some away; it counts at once.
    Role(Roles),
    /// Have the server write to somebody how to choose another password.
    Recover(Named),
    /// Forget somebody's authenticator and spare codes, when both are lost: their sessions end, and
    /// they enrol another at the next login.
    Reset(Named),
    /// Give somebody the name by which the OpenID provider of the configuration knows them.
    Identify(Identify),
    /// Print every account: login, state, person and roles.
    List {
        /// As JSON, one account a line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
struct Roles {
    /// What the person types at the login.
    login: String,
    /// A role that they get, alone or in an Organization (professional@Organization/1). May be given
    /// several times.
    #[arg(long, value_name = "ROLE[@ORGANIZATION]", group = "change")]
    add: Vec<String>,
    /// A role that they have no longer.
    #[arg(long, value_name = "ROLE[@ORGANIZATION]", group = "change")]
    remove: Vec<String>,
}

#[derive(Debug, Args)]
struct Identify {
    /// What the person types at the login.
    login: String,
    /// The provider's name for them.
    subject: String,
}

#[derive(Debug, Args)]
struct Add {
    /// What the person types at the login: an e-mail address, an RPPS number, or another word.
    login: String,
    /// The resource that they are, such as Practitioner/1, Patient/1 or RelatedPerson/1.
    #[arg(long, value_name = "TYPE/ID")]
    person: String,
    /// What they are: a role of profiles/roles.json, alone or in an Organization
    /// (professional@Organization/1). May be given several times.
    #[arg(long = "role", value_name = "ROLE[@ORGANIZATION]", required = true)]
    roles: Vec<String>,
    /// The kind of account: professional, patient, proxy or agent. Taken from the first role, if it
    /// is not given.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// A file with the password; its last line end does not count. Without it, the account waits
    /// for an invitation.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// A file with the secret of an authenticator that the person has already, in base 32. Without
    /// it, they enrol one at their first login.
    #[arg(long, value_name = "FILE")]
    authenticator_file: Option<PathBuf>,
    /// The name by which the OpenID provider of the configuration knows the person: they log in
    /// with it, and need no password.
    #[arg(long, value_name = "SUBJECT")]
    identity: Option<String>,
}

#[derive(Debug, Args)]
struct Named {
    /// What the person types at the login.
    login: String,
}

/// Does it.
pub(super) async fn run(arguments: Arguments) -> Result<Ending> {
    let flags = arguments.database.map(|text| ("database.url", text));
    let config = configuration(arguments.config, flags.into_iter().collect())?.config;
    logging::start(&config.log);
    if !matches!(arguments.what, What::List { .. }) {
        app::audit::note(&config, Event::Account, "vigie user")?;
    }
    let people = app::open_people(&config, Arc::new(Generator::from_system())).await?;
    let issuer = config.federation.issuer.as_str();
    match arguments.what {
        What::Add(add) => say(&people.add(enrolment(add, issuer)?).await?),
        What::Invite(add) => say(&people.invite(enrolment(add, issuer)?).await?),
        What::Lock(named) => say(&people.lock(&named.login).await?),
        What::Unlock(named) => say(&people.unlock(&named.login).await?),
        What::Role(change) => {
            let read = |all: &[String]| all.iter().map(|text| role(text)).collect();
            let roles = (read(&change.add), read(&change.remove));
            say(&people.change_roles(&change.login, roles).await?);
        }
        What::Recover(named) => say(&people.send_recovery(&named.login).await?),
        What::Reset(named) => say(&people.forget_authenticator(&named.login).await?),
        What::Identify(named) => {
            let identity = (provider(issuer, "SUBJECT")?, named.subject);
            say(&people.identify(&named.login, identity).await?);
        }
        What::List { json } => list(&people, json).await?,
    }
    Ok(Ending::Done)
}

async fn list(people: &People, as_json: bool) -> Result<()> {
    for account in people.all().await? {
        if as_json {
            terminal::say(&shown(&account).to_string());
        } else {
            say(&account);
        }
    }
    Ok(())
}

/// What may be seen of an account.
fn shown(account: &Account) -> Value {
    let roles = account.roles.iter().map(|held| {
        let mut shown = json!({ "role": held.role });
        if !held.organization.is_empty() {
            shown["organization"] = held.organization.as_str().into();
        }
        shown
    });
    json!({
        "login": account.login.reveal(),
        "kind": account.kind.name(),
        "state": account.state.name(),
        "person": account.fhir_user,
        "roles": roles.collect::<Vec<Value>>(),
        "password": !account.password.reveal().is_empty(),
        "authenticator": !account.authenticator.reveal().is_empty(),
        "created": account.created.to_string(),
    })
}

/// The provider by which people may be known.
fn provider(issuer: &str, place: &'static str) -> Result<String> {
    if issuer.is_empty() {
        let text = "The configuration has no OpenID provider (federation.issuer).";
        return Err(Problem::invalid("value", text).at(place));
    }
    Ok(issuer.to_owned())
}

fn say(account: &Account) {
    let roles = account
        .roles
        .iter()
        .map(|held| match held.organization.as_str() {
            "" => held.role.clone(),
            organization => format!("{}@{organization}", held.role),
        });
    let roles: Vec<String> = roles.collect();
    let (login, state) = (account.login.reveal(), account.state.name());
    let line = format!("{login} {state} {} {}", account.fhir_user, roles.join(","));
    terminal::say(&line);
}

fn enrolment(add: Add, issuer: &str) -> Result<Enrolment> {
    let roles: Vec<AccountRole> = add.roles.iter().map(|text| role(text)).collect();
    let kind = add.kind.or_else(|| first_kind(&roles));
    let kind = kind
        .as_deref()
        .and_then(AccountKind::named)
        .ok_or_else(|| {
            let text = "An account is professional, patient, proxy or agent.";
            Problem::invalid("value", text).at("--kind")
        })?;
    if add.identity.is_some() {
        provider(issuer, "--identity")?;
    }
    Ok(Enrolment {
        kind,
        login: add.login,
        fhir_user: add.person,
        roles,
        password: add.password_file.as_ref().map(secret).transpose()?,
        authenticator: add.authenticator_file.as_ref().map(secret).transpose()?,
        identity: add.identity.map(|subject| (issuer.to_owned(), subject)),
    })
}

fn role(text: &str) -> AccountRole {
    let (role, organization) = text.split_once('@').unwrap_or((text, ""));
    AccountRole {
        role: role.to_owned(),
        organization: organization.to_owned(),
    }
}

/// The kind of account that has the first role.
fn first_kind(held: &[AccountRole]) -> Option<String> {
    let role = roles::named(&held.first()?.role)?;
    role.accounts.first().cloned()
}

fn secret(file: &PathBuf) -> Result<Phi<String>> {
    let text = fs::read_to_string(file).map_err(|error| {
        Problem::invalid(
            "value",
            format!("{} cannot be read: {error}.", file.display()),
        )
    })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Phi::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}
