//! The ways by which a message may go, as `Communication.medium` has them.

use serde_json::{Value, json};

use crate::fhir::{canonical::MESSAGE_MEDIUM, pathway};

/// R4's own codes, which know no text message.
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode";

/// How a message may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Medium {
    /// Electronic mail.
    Email,
    /// Text message.
    Sms,
}

impl Medium {
    /// Both, in the order in which professionals are reached.
    pub const ALL: [Self; 2] = [Self::Email, Self::Sms];

    /// Its name in logs and in the names of templates.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    const fn coding(self) -> (&'static str, &'static str) {
        match self {
            Self::Email => (PARTICIPATION, "EMAILWRIT"),
            Self::Sms => (MESSAGE_MEDIUM, "sms"),
        }
    }

    /// `Communication.medium` with these, in this order.
    #[must_use]
    pub fn concepts(media: &[Self]) -> Value {
        media
            .iter()
            .map(|medium| {
                let (system, code) = medium.coding();
                json!({ "coding": [{ "system": system, "code": code }] })
            })
            .collect()
    }

    /// Those of a Communication, in its order.
    #[must_use]
    pub fn of(communication: &Value) -> Vec<Self> {
        let concepts = communication["medium"].as_array().into_iter().flatten();
        concepts
            .filter_map(|concept| {
                let coding = &concept["coding"][0];
                Self::ALL
                    .into_iter()
                    .find(|medium| coding["code"] == medium.coding().1)
            })
            .collect()
    }
}

impl From<pathway::Channel> for Medium {
    fn from(channel: pathway::Channel) -> Self {
        match channel {
            pathway::Channel::Email => Self::Email,
            pathway::Channel::Sms => Self::Sms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_are_read_back_in_their_order() {
        let both = [Medium::Sms, Medium::Email];
        let tree = json!({ "medium": Medium::concepts(&both) });
        assert_eq!(Medium::of(&tree), both);
        assert_eq!(Medium::of(&json!({})), []);
    }
}
