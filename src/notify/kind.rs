//! What a message is about, as far as its text may tell.

use std::fmt;

/// The kinds of message; “answered” and “needs action” are never the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    /// To the patient: a report is due.
    Reminder,
    /// To the team: a report has come in, and asks for nothing.
    Answered,
    /// To the team: an alert is open.
    NeedsAction,
    /// To the team: an open alert has become more serious.
    NeedsActionRaised,
    /// To the next in turn: nobody has taken an open alert.
    Escalated,
    /// To a professional: what has gathered since the last one.
    Digest,
    /// To the patient, on screen and never sent: what to do now.
    Advice,
    /// To the team: a report has not come in.
    ReportMissed,
    /// A follow-up has ended.
    FollowUpEnded,
    /// To those who run the service: a part of it has failed.
    Technical,
    /// To the team: the patient asks for the follow-up to be stopped.
    StopRequested,
    /// To a person with an account: the code of a login. Never a Communication's.
    LoginCode,
    /// To a person for whom an account was made: how to open it. Never a Communication's.
    Invitation,
    /// To a person with an account: how to choose another password. Never a Communication's.
    Recovery,
}

impl MessageKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Reminder,
        Self::Answered,
        Self::NeedsAction,
        Self::NeedsActionRaised,
        Self::Escalated,
        Self::Digest,
        Self::Advice,
        Self::ReportMissed,
        Self::FollowUpEnded,
        Self::Technical,
        Self::StopRequested,
        Self::LoginCode,
        Self::Invitation,
        Self::Recovery,
    ];

    /// Its code in [`MESSAGE_KIND`](crate::fhir::canonical::MESSAGE_KIND).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Reminder => "reminder",
            Self::Answered => "answered",
            Self::NeedsAction => "needs-action",
            Self::NeedsActionRaised => "needs-action-raised",
            Self::Escalated => "escalated",
            Self::Digest => "digest",
            Self::Advice => "advice",
            Self::ReportMissed => "report-missed",
            Self::FollowUpEnded => "follow-up-ended",
            Self::Technical => "technical",
            Self::StopRequested => "stop-requested",
            Self::LoginCode => "login-code",
            Self::Invitation => "invitation",
            Self::Recovery => "recovery",
        }
    }

    /// The kind of this code.
    #[must_use]
    pub fn coded(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// `Communication.priority`, a code of <http://hl7.org/fhir/R4/valueset-request-priority.html>.
    #[must_use]
    pub const fn priority(self) -> &'static str {
        match self {
            Self::Reminder
            | Self::Answered
            | Self::FollowUpEnded
            | Self::Digest
            | Self::LoginCode
            | Self::Invitation
            | Self::Recovery => "routine",
            Self::ReportMissed | Self::Technical | Self::StopRequested => "urgent",
            Self::NeedsAction | Self::NeedsActionRaised | Self::Escalated => "asap",
            Self::Advice => "stat",
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_lead_back() {
        for kind in MessageKind::ALL {
            let code = kind.code();
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
            assert_eq!(MessageKind::coded(code), Some(kind));
        }
        assert_eq!(MessageKind::coded("Reminder"), None);
    }

    #[test]
    fn the_published_code_system_has_just_these_codes() {
        let text = include_str!("../../profiles/terminology/CodeSystem-message-kind.json");
        let published: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(published["url"], crate::fhir::canonical::MESSAGE_KIND);
        let concepts = published["concept"].as_array().unwrap();
        let codes: Vec<_> = concepts
            .iter()
            .map(|c| c["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes, MessageKind::ALL.map(MessageKind::code));
    }
}
