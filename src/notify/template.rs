//! The texts of messages, embedded: `templates/<kind>/<language>.txt` for mails,
//! `templates/<kind>/<language>.sms.txt` for text messages.
//!
//! The version of a text is a digest of it, so that it changes when the text does and never else.
//! A text has placeholders for a link, for the name of the organisation and for how many messages
//! have gathered, and nothing else: there is no way to put anything of a patient into it.

use std::fmt;

use super::{Medium, MessageKind, gsm};
use crate::{
    fhir::canonical::TEMPLATE,
    kernel::problem::{Problem, Result},
};

/// A language that messages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// French.
    Fr,
    /// English.
    En,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Fr, Self::En];

    /// Its BCP 47 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
        }
    }

    /// The language of a BCP 47 tag such as `fr-CH`, if messages are written in it.
    #[must_use]
    pub fn tagged(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|language| language.code() == primary)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What the placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    /// `{{link}}`
    pub link: &'a str,
    /// `{{organization}}`
    pub organization: &'a str,
    /// `{{counts}}`: how many messages of each kind, in words.
    pub counts: &'a str,
}

/// A message's subject and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// Empty for text messages.
    pub subject: String,
    pub body: String,
    /// Which text, in which version.
    pub template: String,
}

macro_rules! texts {
    ($language:expr, $kind:literal) => {
        match $language {
            Language::Fr => include_str!(concat!("templates/", $kind, "/fr.txt")),
            Language::En => include_str!(concat!("templates/", $kind, "/en.txt")),
        }
    };
}

macro_rules! text_messages {
    ($language:expr, $kind:literal) => {
        match $language {
            Language::Fr => include_str!(concat!("templates/", $kind, "/fr.sms.txt")),
            Language::En => include_str!(concat!("templates/", $kind, "/en.sms.txt")),
        }
    };
}

const fn source(kind: MessageKind, language: Language) -> &'static str {
    match kind {
        MessageKind::Reminder => texts!(language, "reminder"),
        MessageKind::Answered => texts!(language, "answered"),
        MessageKind::NeedsAction => texts!(language, "needs-action"),
        MessageKind::NeedsActionRaised => texts!(language, "needs-action-raised"),
        MessageKind::Escalated => texts!(language, "escalated"),
        MessageKind::Digest => texts!(language, "digest"),
        MessageKind::Advice => texts!(language, "advice"),
        MessageKind::ReportMissed => texts!(language, "report-missed"),
        MessageKind::FollowUpEnded => texts!(language, "follow-up-ended"),
        MessageKind::Technical => texts!(language, "technical"),
        MessageKind::StopRequested => texts!(language, "stop-requested"),
        MessageKind::LoginCode => texts!(language, "login-code"),
        MessageKind::Invitation => texts!(language, "invitation"),
        MessageKind::Recovery => texts!(language, "recovery"),
    }
}

/// The text message of a kind.
const fn sms_source(kind: MessageKind, language: Language) -> &'static str {
    match kind {
        MessageKind::Reminder => text_messages!(language, "reminder"),
        MessageKind::Answered => text_messages!(language, "answered"),
        MessageKind::NeedsAction => text_messages!(language, "needs-action"),
        MessageKind::NeedsActionRaised => text_messages!(language, "needs-action-raised"),
        MessageKind::Escalated => text_messages!(language, "escalated"),
        MessageKind::Digest => text_messages!(language, "digest"),
        MessageKind::Advice => text_messages!(language, "advice"),
        MessageKind::ReportMissed => text_messages!(language, "report-missed"),
        MessageKind::FollowUpEnded => text_messages!(language, "follow-up-ended"),
        MessageKind::Technical => text_messages!(language, "technical"),
        MessageKind::StopRequested => text_messages!(language, "stop-requested"),
        MessageKind::LoginCode => text_messages!(language, "login-code"),
        MessageKind::Invitation => text_messages!(language, "invitation"),
        MessageKind::Recovery => text_messages!(language, "recovery"),
    }
}

/// Writes the text of a message.
///
/// # Errors
/// `Fault`, if the embedded text is not of the form; a test shows that all are.
pub(super) fn render(
    kind: MessageKind,
    language: Language,
    medium: Medium,
    values: Values<'_>,
) -> Result<Text> {
    match medium {
        Medium::Email => mail(kind, language, values),
        Medium::Sms => text_message(kind, language, values),
    }
}

fn mail(kind: MessageKind, language: Language, values: Values<'_>) -> Result<Text> {
    let source = source(kind, language);
    let (subject, body) = source
        .strip_prefix("Subject: ")
        .and_then(|rest| rest.split_once("\n\n"))
        .ok_or_else(|| Problem::fault(format!("the template {kind}/{language} has no subject")))?;
    Ok(Text {
        subject: fill(subject, values)?,
        body: fill(body, values)?,
        template: template(kind, language, Medium::Email, source),
    })
}

fn text_message(kind: MessageKind, language: Language, values: Values<'_>) -> Result<Text> {
    let source = sms_source(kind, language);
    let name = gsm::nearest(values.organization);
    let values = Values {
        organization: &name,
        ..values
    };
    Ok(Text {
        subject: String::new(),
        body: fill(source.trim_end(), values)?,
        template: template(kind, language, Medium::Sms, source),
    })
}

/// `…/template/reminder/sms/fr#` and the digest of the text.
fn template(kind: MessageKind, language: Language, medium: Medium, source: &str) -> String {
    let digest = blake3::hash(source.as_bytes()).to_hex();
    let medium = medium.code();
    format!("{TEMPLATE}/{kind}/{medium}/{language}#{}", &digest[..8])
}

/// Checks that every text message fits into one segment of GSM-7 with these values.
///
/// # Errors
/// `Invalid`, if one does not.
pub(super) fn check_text_messages(organization: &str, public_url: &str) -> Result<()> {
    let link = format!("{}/t/{}", public_url.trim_end_matches('/'), "0".repeat(36));
    let values = Values {
        link: &link,
        organization,
        counts: "",
    };
    for kind in MessageKind::ALL {
        for language in Language::ALL {
            let text = text_message(kind, language, values)?;
            if gsm::segments(&text.body) != (gsm::Alphabet::Gsm7, 1) {
                let why = "Text messages do not fit into one with this name and public URL.";
                return Err(Problem::invalid("value", why));
            }
        }
    }
    Ok(())
}

/// Puts the values in place, in one pass: a value that looks like a placeholder stays as it is.
fn fill(template: &str, values: Values<'_>) -> Result<String> {
    let mut filled = String::with_capacity(template.len() + values.link.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after
            .split_once("}}")
            .ok_or_else(|| Problem::fault("a placeholder of a template is not closed"))?;
        let value = match name {
            "link" => values.link,
            "organization" => values.organization,
            "counts" => values.counts,
            other => return Err(Problem::fault(format!("unknown placeholder {other}"))),
        };
        filled.push_str(before);
        // A line break in a value would begin a header of its own in a subject.
        filled.extend(value.chars().filter(|c| !c.is_control()));
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    const VALUES: Values<'static> = Values {
        link: "https://portal.example/t/1",
        organization: "Centre de régulation",
        counts: "3",
    };

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split("{{")
            .skip(1)
            .filter_map(|part| part.split("}}").next())
            .collect()
    }

    #[test]
    fn each_kind_has_its_own_text_in_both_languages() {
        let mut subjects = HashSet::new();
        for kind in MessageKind::ALL {
            for language in Language::ALL {
                let text = render(kind, language, Medium::Email, VALUES).unwrap();
                assert!(text.body.contains(VALUES.link), "{kind}/{language}");
                assert!(text.body.contains(VALUES.organization), "{kind}/{language}");
                assert!(!text.subject.contains('\n') && !text.subject.is_empty());
                assert!(subjects.insert(text.subject.clone()), "{}", text.subject);
            }
        }
    }

    #[test]
    fn both_languages_of_a_kind_have_the_same_placeholders() {
        for kind in MessageKind::ALL {
            let of = |language| placeholders(source(kind, language));
            assert_eq!(of(Language::Fr), of(Language::En), "{kind}");
            let of = |language| placeholders(sms_source(kind, language));
            assert_eq!(of(Language::Fr), of(Language::En), "{kind}");
        }
    }

    /// Bounds of the configuration: `sms.organization` and `mail.public_url`.
    const SMS_NAME_MAX: usize = 20;
    const SMS_URL_MAX: usize = 40;

    /// The longest values that the configuration lets through.
    fn longest(name: char) -> (String, String) {
        let url = "https://".to_owned() + &"u".repeat(SMS_URL_MAX - 8);
        let id = "0".repeat(36);
        (
            format!("{url}/t/{id}"),
            std::iter::repeat_n(name, SMS_NAME_MAX).collect(),
        )
    }

    #[test]
    fn each_text_message_is_one_segment_of_gsm_7_with_the_longest_name() {
        for kind in MessageKind::ALL {
            for language in Language::ALL {
                let (link, organization) = longest('É');
                let values = Values {
                    link: &link,
                    organization: &organization,
                    counts: "",
                };
                let text = render(kind, language, Medium::Sms, values).unwrap();
                let counted = gsm::segments(&text.body);
                assert_eq!(counted, (gsm::Alphabet::Gsm7, 1), "{}", text.body);
                assert!(text.body.contains(&link) && text.body.contains(&organization));
                assert!(text.subject.is_empty() && !text.body.contains('\n'));
            }
        }
    }

    #[test]
    fn a_name_outside_of_gsm_7_costs_no_second_segment() {
        let (link, organization) = longest('ê');
        let values = Values {
            link: &link,
            organization: &organization,
            counts: "",
        };
        let text = render(MessageKind::Reminder, Language::Fr, Medium::Sms, values).unwrap();
        assert_eq!(gsm::segments(&text.body), (gsm::Alphabet::Gsm7, 1));
    }

    #[test]
    fn a_patients_text_message_says_how_to_stop_them() {
        for language in Language::ALL {
            let text = sms_source(MessageKind::Reminder, language);
            assert!(text.trim_end().ends_with("STOP"), "{text}");
        }
    }

    #[test]
    fn the_version_of_a_text_is_its_own() {
        let of = |language, medium| {
            let text = render(MessageKind::Reminder, language, medium, VALUES).unwrap();
            text.template
        };
        let sms = of(Language::Fr, Medium::Sms);
        assert!(sms.contains("/template/reminder/sms/fr#"), "{sms}");
        assert_eq!(sms.split('#').nth(1).map(str::len), Some(8));
        assert_ne!(sms, of(Language::En, Medium::Sms));
        assert_ne!(sms, of(Language::Fr, Medium::Email));
        assert_eq!(sms, of(Language::Fr, Medium::Sms));
    }

    #[test]
    fn no_text_names_a_disease_or_a_measurement() {
        let words = [
            "covid",
            "fièvre",
            "fever",
            "températ",
            "temperat",
            "satur",
            "oxyg",
            "toux",
            "cough",
            "symptom",
            "symptôm",
            "malad",
            "disease",
            "grave",
            "urgence",
            "emergency",
            "diagnos",
            "contamin",
            "isol",
            "santé",
            "health",
            "hôpital",
            "hospital",
        ];
        for kind in MessageKind::ALL {
            for language in Language::ALL {
                let text = source(kind, language).to_owned() + sms_source(kind, language);
                let text = text.to_lowercase();
                for word in words {
                    assert!(!text.contains(word), "{kind}/{language} says {word}");
                }
            }
        }
    }

    #[test]
    fn french_signs_of_two_parts_keep_to_their_word() {
        for kind in MessageKind::ALL {
            let text = source(kind, Language::Fr).replacen("Subject:", "", 1);
            for (at, _) in text.match_indices([':', ';', '!', '?', '»']) {
                assert!(text[..at].ends_with('\u{a0}'), "{kind}: {}", &text[..at]);
            }
        }
    }

    #[test]
    fn a_value_neither_breaks_a_line_nor_is_read_as_a_template() {
        let values = Values {
            link: "{{organization}}",
            organization: "A\r\nBcc: b@example.org",
            counts: "",
        };
        let filled = fill("{{link}} {{organization}}", values).unwrap();
        assert_eq!(filled, "{{organization}} ABcc: b@example.org");
        assert!(fill("{{patient}}", values).is_err());
        assert!(fill("{{link", values).is_err());
    }

    #[test]
    fn regions_of_a_language_are_that_language() {
        assert_eq!(Language::tagged("fr-CH"), Some(Language::Fr));
        assert_eq!(Language::tagged("EN"), Some(Language::En));
        assert_eq!(Language::tagged("de"), None);
        assert_eq!(Language::tagged("french"), None);
    }
}
