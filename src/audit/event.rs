//! What is recorded, and how it ended.

use std::borrow::Cow;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An interaction of R4, by its code, such as `read` or `search-type`.
    Interaction(&'static str),
    /// An operation, by its name with `$`.
    Operation(Cow<'static, str>),
    /// A file of an export, or of what an import could not take in, was given out.
    Download,
    /// How far asynchronous work is was asked for, or what came of it.
    Status,
    /// Asynchronous work was called off or forgotten.
    Forget,
    /// The first of two steps of a login.
    FirstFactor,
    /// Somebody logged in, or tried to.
    Login,
    /// A second factor was not the right one.
    SecondFactor,
    /// Somebody logged out.
    Logout,
    /// An account was locked, or unlocked.
    Lock,
    /// A password, a second factor or an address was set or changed.
    Credentials,
    /// An invitation was made.
    Invitation,
    /// An invitation was taken.
    Joining,
    /// Somebody who cannot log in asked for a way back.
    Recovery,
    /// Somebody decided what an application may see.
    Consent,
    /// An authorisation code or tokens were issued.
    TokenIssued,
    /// Tokens were revoked.
    TokenRevoked,
    /// A token was looked into.
    Introspection,
    /// A context was made for an application that is to be started.
    Launch,
    /// A client was registered, changed or removed.
    Client,
    /// An account was made, changed or removed.
    Account,
    /// The record itself was given out.
    Export,
    /// A person, or a follow-up of theirs, was erased since it was time.
    Erasure,
    /// A message was handed to who carries it.
    Message,
    /// The database was copied as a whole.
    Backup,
    /// A copy took the place of the database.
    Restore,
    /// The beginning of the record was taken away, since its time was over.
    Retention,
    /// A server began or ended to record.
    Start,
    /// The same.
    Stop,
    /// Requests that were refused, counted instead of recorded one by one.
    Flood,
}

/// Codes of what is no interaction, with what each does.
const CODES: [(Event, &str, char); 28] = [
    (Event::Download, "download", 'R'),
    (Event::Status, "async-status", 'R'),
    (Event::Forget, "async-forget", 'D'),
    (Event::FirstFactor, "first-factor", 'E'),
    (Event::Login, "login", 'E'),
    (Event::SecondFactor, "second-factor", 'E'),
    (Event::Logout, "logout", 'E'),
    (Event::Lock, "lock", 'U'),
    (Event::Credentials, "credentials", 'U'),
    (Event::Invitation, "invitation", 'C'),
    (Event::Joining, "joining", 'E'),
    (Event::Recovery, "recovery", 'E'),
    (Event::Consent, "consent", 'C'),
    (Event::TokenIssued, "token-issued", 'C'),
    (Event::TokenRevoked, "token-revoked", 'D'),
    (Event::Introspection, "introspection", 'R'),
    (Event::Launch, "launch", 'C'),
    (Event::Client, "client", 'U'),
    (Event::Account, "account", 'U'),
    (Event::Export, "audit-export", 'R'),
    (Event::Erasure, "erasure", 'D'),
    (Event::Message, "message", 'E'),
    (Event::Backup, "backup", 'R'),
    (Event::Restore, "restore", 'U'),
    (Event::Retention, "audit-retention", 'D'),
    (Event::Start, "start", 'E'),
    (Event::Stop, "stop", 'E'),
    (Event::Flood, "flood", 'E'),
];

impl Event {
    /// Its code in the record.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Interaction(code) => code,
            Self::Operation(name) => name,
            other => CODES
                .iter()
                .find(|(event, ..)| event == other)
                .map_or("", |(_, code, _)| code),
        }
    }

    /// `C`, `R`, `U`, `D` or `E` (<http://hl7.org/fhir/R4/valueset-audit-event-action.html>).
    #[must_use]
    pub fn action(&self) -> char {
        match self {
            Self::Interaction("create") => 'C',
            Self::Interaction("read" | "vread") => 'R',
            Self::Interaction("update" | "patch") => 'U',
            Self::Interaction("delete") => 'D',
            Self::Interaction(code) if code.starts_with("history") => 'R',
            Self::Interaction(_) | Self::Operation(_) => 'E',
            other => CODES
                .iter()
                .find(|(event, ..)| event == other)
                .map_or('E', |(.., action)| *action),
        }
    }

    /// Whether a code is neither an interaction nor an operation of FHIR.
    #[must_use]
    pub fn is_of_service(code: &str) -> bool {
        CODES.iter().any(|(_, known, _)| *known == code)
    }

    /// The codes of what is neither an interaction nor an operation of FHIR.
    pub fn codes_of_service() -> impl Iterator<Item = &'static str> {
        CODES.iter().map(|(_, code, _)| *code)
    }
}

/// How it ended (<http://hl7.org/fhir/R4/valueset-audit-event-outcome.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// It was done.
    #[default]
    Success,
    /// It was refused, or what was asked for is not there.
    Refused,
    /// The server failed.
    Failed,
    /// Nobody knows: the client went before it was answered, and it may have been done.
    Unknown,
}

impl Outcome {
    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Refused => 4,
            Self::Failed => 8,
            Self::Unknown => 12,
        }
    }

    /// How an answer with this HTTP status ended.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            0..400 => Self::Success,
            400..500 => Self::Refused,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_code_of_its_own_and_an_action() {
        let mut codes: Vec<&str> = CODES.iter().map(|(_, code, _)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CODES.len());
        for (event, code, action) in &CODES {
            assert_eq!((event.code(), event.action()), (*code, *action));
        }
        assert_eq!(Event::Interaction("history-type").action(), 'R');
        assert_eq!(Event::Interaction("search-type").action(), 'E');
        assert_eq!(Event::Operation("$apply".into()).action(), 'E');
        assert!(Event::is_of_service("login"));
        assert!(!Event::is_of_service("read"));
    }
}
