//! What a patient is shown at once when an answer is urgent.
//!
//! It is a Communication in the commit of the answer, one for each answer, and never sent: the
//! reply to the answer shows it, and any screen that reads it later.

use serde_json::{Value, json};

use super::rule::Level;
use crate::{
    care::kind,
    fhir::{
        canonical::{MESSAGE_KIND, PATIENT_ADVICE, extension, find_extension, translation},
        date,
        questionnaire_response::advice_id,
        reference,
        resource::Resource,
    },
    kernel::problem::Result,
    notify::{Language, MessageKind, language},
    store::{Prepared, Tx},
};

/// The advice of a rule's level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    french: String,
    english: Option<String>,
}

impl Advice {
    /// Reads the advice of a level's action; only what is urgent has one.
    #[must_use]
    pub fn read(action: &Value, level: Level) -> Option<Self> {
        if level != Level::Urgent {
            return None;
        }
        let holder = find_extension(action, PATIENT_ADVICE)?;
        Some(Self {
            french: extension(action, PATIENT_ADVICE)?.as_str()?.to_owned(),
            english: translation(&holder["_valueString"], Language::En.code()).map(str::to_owned),
        })
    }

    /// The advice in a language; in French where it has not been translated.
    #[must_use]
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::En => self.english.as_deref().unwrap_or(&self.french),
            Language::Fr => &self.french,
        }
    }
}

/// An answer that calls for advice.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// `QuestionnaireResponse.id`.
    pub answer: &'a str,
    /// The answer.
    pub tree: &'a Value,
    /// The patient's logical id.
    pub patient: &'a str,
    /// `CarePlan.id`.
    pub plan: &'a str,
}

/// Writes the advice to show; nothing where there is none.
///
/// # Errors
/// As the transaction.
pub async fn show(tx: &mut Tx, occasion: Occasion<'_>, advices: &[Advice]) -> Result<()> {
    if advices.is_empty() {
        return Ok(());
    }
    let author = occasion.tree["author"]["reference"].as_str();
    let answering = author
        .filter(|author| author.starts_with("Patient/") || author.starts_with("RelatedPerson/"));
    let recipient =
        answering.map_or_else(|| format!("Patient/{}", occasion.patient), str::to_owned);
    let language = language_of(tx, &recipient).await?.unwrap_or(Language::Fr);
    let message = json!({
        "resourceType": "Communication",
        "language": language.code(),
        "basedOn": [{ "reference": format!("CarePlan/{}", occasion.plan) }],
        "status": "completed",
        "category": [{
            "coding": [{ "system": MESSAGE_KIND, "code": MessageKind::Advice.code() }],
        }],
        "priority": MessageKind::Advice.priority(),
        "subject": { "reference": format!("Patient/{}", occasion.patient) },
        "about": [{ "reference": format!("QuestionnaireResponse/{}", occasion.answer) }],
        "sent": date::instant(tx.now()),
        "recipient": [{ "reference": recipient }],
        "payload": [{ "contentString": joined(advices, language) }],
    });
    // Under an id that follows from the answer's: an answer that is amended has its advice
    // written anew, and whoever answers the client finds it without a search.
    let prepared = Prepared::new(Resource::trusted(message)?);
    tx.put(&advice_id(occasion.answer), prepared, None)
        .await
        .map(|_| ())
}

/// What several rules advise, each thing once.
fn joined(advices: &[Advice], language: Language) -> String {
    let mut texts: Vec<&str> = Vec::new();
    for advice in advices {
        let text = advice.text(language);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join("\n\n")
}

async fn language_of(tx: &mut Tx, recipient: &str) -> Result<Option<Language>> {
    let Some(local) = reference::local(recipient) else {
        return Ok(None);
    };
    match tx.read(local.kind, &local.id).await? {
        Some(stored) => Ok(language(&stored.tree()?)),
        None => Ok(None),
    }
}

/// The answer that a follow-up begins with, where its CarePlan refers to one of the same patient.
///
/// # Errors
/// As a read.
pub async fn baseline(tx: &mut Tx, plan: &Value) -> Result<Value> {
    let referred = plan["supportingInfo"].as_array().into_iter().flatten();
    let mut answers = referred
        .filter_map(|one| one["reference"].as_str())
        .filter_map(reference::local)
        .filter(|local| local.kind.name() == "QuestionnaireResponse");
    let Some(local) = answers.next() else {
        return Ok(Value::Null);
    };
    let Some(stored) = tx.read(kind("QuestionnaireResponse")?, &local.id).await? else {
        return Ok(Value::Null);
    };
    let tree = stored.tree()?;
    let same = tree["subject"]["reference"] == plan["subject"]["reference"];
    Ok(if same { tree } else { Value::Null })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(french: &str, english: Option<&str>) -> Value {
        let mut advice = json!({ "url": PATIENT_ADVICE, "valueString": french });
        if let Some(english) = english {
            advice["_valueString"] = json!({ "extension": [{
                "url": "http://hl7.org/fhir/StructureDefinition/translation",
                "extension": [
                    { "url": "lang", "valueCode": "en" },
                    { "url": "content", "valueString": english },
                ],
            }] });
        }
        json!({ "extension": [advice] })
    }

    #[test]
    fn each_advice_is_shown_once_in_the_readers_language() {
        let call = Advice::read(&level("Appelez le 15.", Some("Call 15.")), Level::Urgent).unwrap();
        let lie = Advice::read(&level("Allongez-vous.", None), Level::Urgent).unwrap();
        let all = [call.clone(), lie, call];
        assert_eq!(
            joined(&all, Language::Fr),
            "Appelez le 15.\n\nAllongez-vous."
        );
        assert_eq!(joined(&all, Language::En), "Call 15.\n\nAllongez-vous.");
    }

    #[test]
    fn only_what_is_urgent_advises() {
        assert_eq!(Advice::read(&level("x", None), Level::Simple), None);
        assert_eq!(Advice::read(&json!({}), Level::Urgent), None);
    }
}
