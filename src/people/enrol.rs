//! Accounts made, locked and ended by who keeps them.

use super::{
    PERMIT, People, authenticator, fold,
    keep::standing,
    password::{self, CHARS_MAX, CHARS_MIN, Weakness},
    roles::{self, Within},
};
use crate::{
    fhir::reference,
    kernel::{
        id,
        phi::Phi,
        problem::{Category, Problem, Result},
    },
    store::{Account, AccountKind, AccountRole, AccountState, DelegationsOf, TicketKind, Tx},
};

/// Accounts that are read at once, where all are listed.
const LIST_PAGE: u32 = 500;

/// What an account is made of.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// For what kind of person.
    pub kind: AccountKind,
    /// What they type at the login.
    pub login: String,
    /// The resource that they are, such as `Practitioner/1`.
    pub fhir_user: String,
    /// What they are here.
    pub roles: Vec<AccountRole>,
    /// The password; without one, the account waits for its person to choose it.
    pub password: Option<Phi<String>>,
    /// The secret of an authenticator that the person has already, in base 32.
    pub authenticator: Option<Phi<String>>,
    /// The name by which an OpenID provider knows them: issuer and subject.
    pub identity: Option<(String, String)>,
}

impl People {
    /// Makes an account.
    ///
    /// # Errors
    /// `Invalid`, if it does not hang together; `Conflict`, if the login or the person has one.
    pub async fn add(&self, enrolment: Enrolment) -> Result<Account> {
        check(&enrolment)?;
        let password = match &enrolment.password {
            None => String::new(),
            Some(password) => self.chosen(password, &enrolment.login).await?,
        };
        let now = self.now();
        let id = id::new_id(now, self.chance.as_ref());
        let authenticator = match &enrolment.authenticator {
            None => Vec::new(),
            Some(typed) => self.sealed(&id, typed)?,
        };
        let account = Account {
            id,
            kind: enrolment.kind,
            login: Phi::new(fold(&enrolment.login)),
            fhir_user: enrolment.fhir_user,
            state: if password.is_empty() && enrolment.identity.is_none() {
                AccountState::Invited
            } else {
                AccountState::Active
            },
            password: Phi::new(password),
            authenticator: Phi::new(authenticator),
            authenticator_step: 0,
            generation: 0,
            created: now,
            roles: enrolment.roles,
        };
        let (kept, identity) = (account.clone(), enrolment.identity);
        let is_new = self
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let is_new = tx.keep_account(&kept).await?;
                    let Some((issuer, subject)) = identity.filter(|_| is_new) else {
                        return Ok(is_new);
                    };
                    let is_theirs = tx.keep_identity((&issuer, &subject), &kept.id).await?;
                    if is_theirs {
                        return Ok(true);
                    }
                    let text = "Somebody else has this name at the provider's.";
                    Err(Problem::new(Category::Conflict, "duplicate", text))
                })
            })
            .await?;
        if is_new {
            Ok(account)
        } else {
            Err(Problem::new(
                Category::Conflict,
                "duplicate",
                "This login, or this person, has an account already.",
            ))
        }
    }

    /// The secret of an authenticator, encrypted for the account of an id.
    fn sealed(&self, id: &str, typed: &Phi<String>) -> Result<Vec<u8>> {
        let secret = authenticator::untyped(typed.reveal()).ok_or_else(|| {
            let text = "The secret of an authenticator is 32 letters and digits of base 32.";
            Problem::invalid("value", text).at("authenticator")
        })?;
        self.key.seal(id, &secret, self.chance.as_ref())
    }

    /// The hash of a password that somebody chooses.
    pub(super) async fn chosen(&self, password: &Phi<String>, login: &str) -> Result<String> {
        password::judge(password.reveal(), login)
            .map_err(|weakness| Problem::invalid("value", told(weakness)).at("password"))?;
        self.passwords.hash(password, self.chance.as_ref()).await
    }

    /// Locks the account of a login: its sessions end at once, and so does what was granted.
    ///
    /// # Errors
    /// `NotFound`, if there is none.
    pub async fn lock(&self, login: &str) -> Result<Account> {
        self.keep(login, |_, account| {
            account.state = AccountState::Locked;
            account.generation += 1;
            Ok(())
        })
        .await
    }

    /// Unlocks it; who has never come waits for an invitation again.
    ///
    /// # Errors
    /// `NotFound`, if there is none; `Conflict`, if it has ended.
    pub async fn unlock(&self, login: &str) -> Result<Account> {
        let login = fold(login);
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let mut account = standing(tx, &login).await?;
                    let has_none = account.password.reveal().is_empty()
                        && !tx.has_identity(&account.id).await?;
                    account.state = if has_none {
                        AccountState::Invited
                    } else {
                        AccountState::Active
                    };
                    tx.keep_account(&account).await?;
                    Ok(account)
                })
            })
            .await
    }

    /// All accounts, in the order in which they were made.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn all(&self) -> Result<Vec<Account>> {
        let mut all: Vec<Account> = Vec::new();
        loop {
            let after = all.last().map_or_else(String::new, |last| last.id.clone());
            let page = self
                .store
                .write(&PERMIT, move |tx| {
                    Box::pin(async move { tx.accounts(&after, LIST_PAGE).await })
                })
                .await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }
}

/// Ends every session of an account.
pub(super) async fn end_sessions(tx: &mut Tx, account: &Account) -> Result<()> {
    // What programs were granted ends with them: who has lost a password has lost more.
    tx.end_delegations(DelegationsOf::Account(&account.id))
        .await?;
    tx.forget_tickets(&account.id, TicketKind::Device).await?;
    tx.forget_logins(&account.id, &[]).await
}

/// Why a password will not do, in a sentence.
#[must_use]
pub fn told(weakness: Weakness) -> String {
    match weakness {
        Weakness::Short => format!("A password has at least {CHARS_MIN} characters."),
        Weakness::Long => format!("A password has at most {CHARS_MAX} characters."),
        Weakness::Worn => "This password is among the first that anybody tries.".to_owned(),
        Weakness::Login => "The password must not hold the login.".to_owned(),
    }
}

fn check(enrolment: &Enrolment) -> Result<()> {
    let refused = |text: &str, place: &str| Err(Problem::invalid("value", text).at(place));
    let login = fold(&enrolment.login);
    if login.is_empty() || login.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refused("A login is one word.", "login");
    }
    let kind = enrolment.kind.resource();
    let person = reference::local(&enrolment.fhir_user);
    if person.is_none_or(|person| person.kind.name() != kind) {
        let text = format!("An account of this kind is for a {kind}.");
        return Err(Problem::invalid("value", text).at("fhirUser"));
    }
    check_roles(enrolment.kind, &enrolment.roles)
}

/// Whether an account of a kind can have these roles, where it has them.
pub(super) fn check_roles(kind: AccountKind, all: &[AccountRole]) -> Result<()> {
    let refused = |text: &str, place: &str| Err(Problem::invalid("value", text).at(place));
    if all.is_empty() {
        return refused("An account has at least one role.", "role");
    }
    for held in all {
        let Some(role) = roles::named(&held.role) else {
            let known: Vec<&str> = roles::all().iter().map(|role| role.name.as_str()).collect();
            let text = format!("There is no such role; there are: {}.", known.join(", "));
            return Err(Problem::invalid("value", text).at("role"));
        };
        if !role.accounts.iter().any(|one| one == kind.name()) {
            return refused("Accounts of this kind do not have this role.", "role");
        }
        let organization = reference::local(&held.organization);
        let is_one = organization.is_some_and(|one| one.kind.name() == "Organization");
        if !held.organization.is_empty() && !is_one {
            return refused("A role is in an Organization, or in none.", "organization");
        }
        if is_one && role.within == Within::Never {
            let text = "This role is of the whole region: it is held in no Organization.";
            return refused(text, "organization");
        }
    }
    Ok(())
}
