//! Invitations to an account, and the way back for who has lost a password.
//!
//! A link holds 256 random bits, of which only a hash is kept; it is made of the configured address
//! of the server and nothing that a request says. Looking at it takes nothing: mail scanners do.
//! Taking it needs what the mailbox does not tell: for a patient, and for who answers for one, the
//! date of birth; a professional is asked for an authenticator at the first login.

use std::net::IpAddr;

use jiff::SignedDuration;
use serde_json::Value;

use super::{
    PERMIT, People,
    enrol::{Enrolment, end_sessions},
    fold, secret,
    stay::end_all_but,
    throttle::{self, BY_ADDRESS, BY_FACTOR, BY_MAIL},
};
use crate::{
    fhir::reference,
    kernel::{
        phi::Phi,
        problem::{Category, Problem, Result},
    },
    notify::MessageKind,
    store::{Account, AccountBy, AccountKind, AccountRole, AccountState, Ticket, TicketKind, Tx},
};

/// For how long an invitation is good.
pub const INVITATION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// For how long the way back is open.
pub const RECOVERY_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// Wrong dates of birth that a link survives.
pub const LINK_TRIES: u32 = 5;

/// What taking a link came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The password stands; the person logs in with it.
    Done,
    /// The date of birth is not the person's.
    NotThem,
    /// The password will not do, and why.
    Weak(String),
    /// The link is good no more, or never was.
    Gone,
}

/// What a link's page asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Whether the date of birth is asked.
    pub birth_date: bool,
}

impl People {
    /// Invites the Patient or RelatedPerson of a reference to an account of their own, again if
    /// they were before and have not come. Without a login, it is their mail address.
    ///
    /// # Errors
    /// `NotFound`, if there is nobody; `Invalid`, if they have no mail address to be a login or no
    /// date of birth to be known by; `Conflict`, if they have an account, or somebody else has the
    /// login.
    pub async fn invite_person(
        &self,
        kind: AccountKind,
        person: &str,
        login: Option<&str>,
    ) -> Result<Account> {
        let tree = self.resource(person).await?;
        if tree["resourceType"] != kind.resource() {
            return Err(Problem::not_found("There is nobody of this id."));
        }
        if self.birth_date(&tree).await?.is_none() {
            let text = "Without a date of birth, nobody could show that the invitation is theirs.";
            return Err(
                Problem::invalid("required", text).at(format!("{}.birthDate", kind.resource()))
            );
        }
        let login = login.map_or_else(|| mail_address(&tree), |login| Some(login.to_owned()));
        let login = login.ok_or_else(|| {
            let text = "Without a mail address, a login has to be given.";
            Problem::invalid("required", text).at("login")
        })?;
        let role = kind.name().to_owned();
        let enrolment = Enrolment {
            kind,
            login,
            fhir_user: person.to_owned(),
            roles: vec![AccountRole {
                role,
                organization: String::new(),
            }],
            password: None,
            authenticator: None,
            identity: None,
        };
        self.invite(enrolment).await
    }

    /// Invites somebody to an account, again if they were before and have not come.
    ///
    /// # Errors
    /// As [`People::add`]; `Conflict`, if the person has an account already.
    pub async fn invite(&self, enrolment: Enrolment) -> Result<Account> {
        let person = enrolment.fhir_user.clone();
        let known = self.by_person(&person).await?;
        let account = match known {
            None => {
                self.add(Enrolment {
                    password: None,
                    ..enrolment
                })
                .await?
            }
            Some(account) if account.state == AccountState::Invited => account,
            Some(_) => {
                let text = "This person has an account already.";
                return Err(Problem::new(Category::Conflict, "duplicate", text));
            }
        };
        self.write_link(&account.id, TicketKind::Invitation).await?;
        Ok(account)
    }

    async fn by_person(&self, person: &str) -> Result<Option<Account>> {
        let person = person.to_owned();
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.account(AccountBy::Person(&person)).await })
            })
            .await
    }

    /// Draws a link in the place of an earlier one, and has it sent.
    pub(super) async fn write_link(&self, account: &str, kind: TicketKind) -> Result<()> {
        let token = secret::text(self.chance.as_ref());
        let (letter, life) = match kind {
            TicketKind::Invitation => (MessageKind::Invitation, INVITATION_LIFE),
            _ => (MessageKind::Recovery, RECOVERY_LIFE),
        };
        let path = match kind {
            TicketKind::Invitation => "invitation",
            _ => "recovery",
        };
        let link = Phi::new(format!("{}/auth/{path}/{token}", self.origin()));
        let job = self.telling(account, letter, &link)?;
        let ticket = Ticket {
            kind,
            hash: secret::digest(&token),
            account: account.to_owned(),
            content: Phi::new(String::new()),
            tries: 0,
            expires: self.now().saturating_add(life).map_err(Problem::fault)?,
        };
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    tx.forget_tickets(&ticket.account, kind).await?;
                    tx.keep_ticket(&ticket).await?;
                    tx.enqueue(&job).await
                })
            })
            .await
    }

    /// Sends the way back to who has this login, if somebody has; nobody learns whether. Who asks
    /// often is heard rarely, and who asks for many has to wait: gives how long.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn ask_recovery(
        &self,
        login: &str,
        address: IpAddr,
    ) -> Result<Option<SignedDuration>> {
        let place = throttle::place(address);
        let place = self.key.name("recovery-place", place.as_bytes())?;
        let wait = self.charge(vec![(place, BY_ADDRESS)]).await?;
        if wait.is_none() {
            self.recover(login).await?;
        }
        Ok(wait)
    }

    async fn recover(&self, login: &str) -> Result<()> {
        let login = fold(login);
        let charge = self.key.name("mail", login.as_bytes())?;
        if self.charge(vec![(charge, BY_MAIL)]).await?.is_some() {
            return Ok(());
        }
        let account = self.by_login(&login).await?;
        // For nobody the very same is written, so that time does not tell: a link that leads to no
        // account, and a letter that is sent to none.
        let account = account
            .filter(has_password)
            .map_or_else(String::new, |one| one.id);
        self.write_link(&account, TicketKind::Recovery).await
    }

    /// What a link asks for; none, if it is good no more. Looking takes nothing.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn link(&self, kind: TicketKind, token: &str) -> Result<Option<Link>> {
        let (hash, now) = (secret::digest(token), self.now());
        let account = self
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { holder(tx, kind, &hash, now).await })
            })
            .await?;
        Ok(account.map(|(account, _)| Link {
            birth_date: asks_birth_date(&account),
        }))
    }

    /// Takes a link: the date of birth where it is asked, and a password.
    ///
    /// # Errors
    /// `Busy`, if too many log in; `Fault`, if the database fails.
    pub async fn take(
        &self,
        (kind, token): (TicketKind, &str),
        birth_date: &str,
        password: &Phi<String>,
    ) -> Result<Taken> {
        let (hash, now) = (secret::digest(token), self.now());
        let looked = hash.clone();
        let found = self
            .store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { holder(tx, kind, &looked, now).await })
            })
            .await?;
        let Some((account, _)) = found else {
            return Ok(Taken::Gone);
        };
        if asks_birth_date(&account) {
            let tree = self.resource(&account.fhir_user).await?;
            let known = self.birth_date(&tree).await?;
            if known.as_deref() != Some(birth_date.trim()) {
                return self.note_wrong(kind, hash).await;
            }
        }
        let chosen = match self.chosen(password, account.login.reveal()).await {
            Ok(chosen) => chosen,
            Err(problem) if problem.category == Category::Invalid => {
                return Ok(Taken::Weak(problem.to_string()));
            }
            Err(problem) => return Err(problem),
        };
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { set(tx, (kind, &hash), now, chosen).await })
            })
            .await
    }

    /// Counts a wrong date of birth; the last one ends the link.
    async fn note_wrong(&self, kind: TicketKind, hash: Vec<u8>) -> Result<Taken> {
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let Some(mut ticket) = tx.ticket(kind, &hash).await? else {
                        return Ok(Taken::Gone);
                    };
                    ticket.tries += 1;
                    if ticket.tries < LINK_TRIES {
                        tx.keep_ticket(&ticket).await?;
                        return Ok(Taken::NotThem);
                    }
                    tx.forget_ticket(kind, &hash).await?;
                    Ok(Taken::Gone)
                })
            })
            .await
    }

    /// The date of birth by which somebody is known: their own, or, of who answers for a patient
    /// and tells none, the patient's.
    async fn birth_date(&self, tree: &Value) -> Result<Option<String>> {
        let own = |tree: &Value| tree["birthDate"].as_str().map(str::to_owned);
        if let Some(date) = own(tree) {
            return Ok(Some(date));
        }
        let patient = tree["patient"]["reference"].as_str();
        match patient.filter(|one| reference::local(one).is_some()) {
            Some(patient) => Ok(own(&self.resource(patient).await?)),
            None => Ok(None),
        }
    }

    /// Has a code sent to who has shown a password, if their account is one of those.
    ///
    /// # Errors
    /// `Fault`, if the database fails.
    pub async fn send_code(
        &self,
        (login, account): (&crate::store::LoginSession, &Account),
    ) -> Result<()> {
        let charge = self.key.name("code-mail", account.id.as_bytes())?;
        if self.charge(vec![(charge, BY_MAIL)]).await?.is_some() {
            return Ok(());
        }
        let code = self.draw_code(login).await?;
        let job = self.telling(&account.id, MessageKind::LoginCode, &code)?;
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { tx.enqueue(&job).await })
            })
            .await
    }

    /// Whether somebody knows the password of the account that they have logged in with; who fails
    /// often is not heard for a while.
    pub(super) async fn knows_password(
        &self,
        account: &Account,
        present: &Phi<String>,
    ) -> Result<bool> {
        // A counter of its own: whoever has the password and guesses at the second factor must not
        // keep the person from changing it.
        let charge = self.key.name("present", account.id.as_bytes())?;
        if self
            .charge(vec![(charge.clone(), BY_FACTOR)])
            .await?
            .is_some()
        {
            return Ok(false);
        }
        let hash = account.password.reveal().as_str();
        let knows = self.passwords.is_right(present, Some(hash)).await?;
        if knows {
            self.forgive(vec![charge]).await?;
        }
        Ok(knows)
    }

    /// Another password for who has logged in and knows the present one; every other session ends,
    /// and so does what programs were granted.
    ///
    /// # Errors
    /// `Busy`, if too many log in; `Fault`, if the database fails.
    pub async fn change_password(
        &self,
        (login, account): (&crate::store::LoginSession, &Account),
        (present, wanted): (&Phi<String>, &Phi<String>),
    ) -> Result<Taken> {
        if !self.knows_password(account, present).await? {
            return Ok(Taken::NotThem);
        }
        let chosen = match self.chosen(wanted, account.login.reveal()).await {
            Ok(chosen) => chosen,
            Err(problem) if problem.category == Category::Invalid => {
                return Ok(Taken::Weak(problem.to_string()));
            }
            Err(problem) => return Err(problem),
        };
        let (mut kept, id) = (login.clone(), account.id.clone());
        self.store
            .write(&PERMIT, move |tx| {
                Box::pin(async move {
                    let Some(mut account) = tx.account(AccountBy::Id(&id)).await? else {
                        return Ok(Taken::Gone);
                    };
                    account.password = Phi::new(chosen);
                    end_all_but(tx, &mut account, &mut kept).await?;
                    tx.forget_tickets(&account.id, TicketKind::Recovery).await?;
                    tx.keep_account(&account).await?;
                    Ok(Taken::Done)
                })
            })
            .await
    }
}

/// Whose link it is, if it is still good for that account.
async fn holder(
    tx: &mut Tx,
    kind: TicketKind,
    hash: &[u8],
    now: jiff::Timestamp,
) -> Result<Option<(Account, Ticket)>> {
    let Some(ticket) = tx
        .ticket(kind, hash)
        .await?
        .filter(|ticket| ticket.expires > now)
    else {
        return Ok(None);
    };
    let wanted = match kind {
        TicketKind::Invitation => AccountState::Invited,
        _ => AccountState::Active,
    };
    let account = tx.account(AccountBy::Id(&ticket.account)).await?;
    let account = account.filter(|account| account.state == wanted);
    Ok(account.map(|account| (account, ticket)))
}

/// Sets a password by a link, and spends it: two who come at once are not both first.
async fn set(
    tx: &mut Tx,
    (kind, hash): (TicketKind, &[u8]),
    now: jiff::Timestamp,
    chosen: String,
) -> Result<Taken> {
    let Some((mut account, _)) = holder(tx, kind, hash, now).await? else {
        return Ok(Taken::Gone);
    };
    account.password = Phi::new(chosen);
    account.state = AccountState::Active;
    account.generation += 1;
    tx.forget_tickets(&account.id, TicketKind::Invitation)
        .await?;
    tx.forget_tickets(&account.id, TicketKind::Recovery).await?;
    end_sessions(tx, &account).await?;
    tx.keep_account(&account).await?;
    Ok(Taken::Done)
}

/// Whether there is a password to lose: a mailbox gives none to who logs in by another's word.
pub(super) fn has_password(account: &Account) -> bool {
    account.state == AccountState::Active && !account.password.reveal().is_empty()
}

/// Who is known by a date of birth: those who have no authenticator.
fn asks_birth_date(account: &Account) -> bool {
    matches!(account.kind, AccountKind::Patient | AccountKind::Proxy)
}

/// The first mail address of a person that is in use.
fn mail_address(tree: &Value) -> Option<String> {
    let points = tree["telecom"].as_array()?.iter();
    let mut mails = points.filter(|point| point["system"] == "email" && point["use"] != "old");
    mails
        .find_map(|point| point["value"].as_str())
        .map(str::to_owned)
}
