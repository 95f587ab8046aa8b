//! From how someone feels to a QuestionnaireResponse.

use jiff::{Timestamp, ToSpan, civil::Date};
use serde_json::{Value, json};

use super::{
    course::Signs,
    form::{Answer, Form},
};
use crate::fhir::canonical::ANSWER_CHANNEL;

/// Whose answer it is, and when it was written.
#[derive(Debug, Clone, Copy)]
pub struct Author<'a> {
    /// `Patient/{id}`.
    pub patient: &'a str,
    /// `CarePlan/{id}`.
    pub care_plan: &'a str,
    /// Who keyed it, if it was told on the telephone: `Practitioner/{id}`.
    pub keyed_by: Option<&'a str>,
    /// When.
    pub authored: Timestamp,
    /// That day in the author's calendar.
    pub date: Date,
}

/// The QuestionnaireResponse of `signs`.
#[must_use]
pub fn response(form: &Form, signs: &Signs, author: Author<'_>, status: &str) -> Value {
    let channel = if author.keyed_by.is_some() {
        "phone"
    } else {
        "app"
    };
    json!({
        "resourceType": "QuestionnaireResponse",
        "extension": [{ "url": ANSWER_CHANNEL, "valueCode": channel }],
        "questionnaire": form.canonical,
        "basedOn": [{ "reference": author.care_plan }],
        "status": status,
        "subject": { "reference": author.patient },
        "authored": author.authored.to_string(),
        "author": { "reference": author.keyed_by.unwrap_or(author.patient) },
        "source": { "reference": author.patient },
        "item": form.fill(&|link_id| signs.answer(link_id, author.date)),
    })
}

impl Signs {
    /// What the author would say to `link_id` on `date`.
    fn answer(&self, link_id: &str, date: Date) -> Option<Answer> {
        let (group, _) = link_id.split_once('.').unwrap_or((link_id, ""));
        match group {
            "general" | "isolation" | "barrier" | "callback" | "note" | "newcontacts" => {
                self.about_life(link_id)
            }
            "danger" => self.about_danger(link_id),
            "test" => self.about_test(link_id, date),
            "dyspnea" | "resp" | "spo2" | "heart" | "temp" | "cough" => self.about_chest(link_id),
            _ => self.about_body_and_mood(link_id),
        }
    }

    fn about_life(&self, link_id: &str) -> Option<Answer> {
        Some(match link_id {
            "general.feeling" => Answer::Grade(self.feeling),
            "general.trend" => Answer::Code(self.trend),
            "isolation.able" => Answer::Truth(self.isolated),
            "isolation.needs" => Answer::Code(self.need.unwrap_or("none")),
            "newcontacts.count" => Answer::Whole(self.contacts),
            "barrier.edu" => Answer::Truth(true),
            "callback" => Answer::Truth(self.callback),
            "note" => Answer::Text(self.note?),
            _ => return None,
        })
    }

    fn about_danger(&self, link_id: &str) -> Option<Answer> {
        let places = [
            "danger.chest",
            "danger.lips",
            "danger.syncope",
            "danger.confusion",
        ];
        let place = places.iter().position(|name| *name == link_id)?;
        self.danger.get(place).copied().map(Answer::Truth)
    }

    fn about_test(&self, link_id: &str, date: Date) -> Option<Answer> {
        // The sample was taken two days before its result was known.
        let taken = |since: u32| date.saturating_sub((i64::from(since) + 2).days());
        match (link_id, self.test) {
            ("test.done", test) => Some(Answer::Truth(test.is_some())),
            ("test.date", Some((since, _))) => Some(Answer::Day(taken(since))),
            ("test.result", Some((_, true))) => Some(Answer::Code("positive")),
            ("test.result", Some((_, false))) => Some(Answer::Code("negative")),
            _ => None,
        }
    }

    fn about_chest(&self, link_id: &str) -> Option<Answer> {
        Some(match link_id {
            "dyspnea.severity" => Answer::Grade(self.dyspnea),
            "dyspnea.interference" => Answer::Grade(self.hindered),
            "dyspnea.speech" => Answer::Truth(self.speech),
            "resp.rate" => Answer::Whole(self.breaths?),
            "heart.rate" => Answer::Whole(self.pulse?),
            "spo2.available" => Answer::Truth(self.oximeter),
            "spo2.value" => Answer::Whole(self.saturation),
            "temp.feverish" => Answer::Truth(self.temperature >= 380),
            "temp.value" if self.thermometer => Answer::Tenths(self.temperature),
            "temp.antipyretic" => Answer::Truth(self.antipyretic),
            "cough.severity" => Answer::Grade(self.cough),
            "cough.interference" => Answer::Grade(self.hindered),
            "cough.sputum" => Answer::Code(self.sputum),
            _ => return None,
        })
    }

    fn about_body_and_mood(&self, link_id: &str) -> Option<Answer> {
        let minor = |n: usize| self.minor.get(n).copied().map(Answer::Truth);
        Some(match link_id {
            "intake.unable" => Answer::Truth(self.intake_unable),
            "gi.frequency" => Answer::Grade(self.gut),
            "smell.loss" => Answer::Truth(self.smell),
            "taste.loss" => Answer::Truth(self.taste),
            "chills" => return minor(0),
            "myalgia" => return minor(1),
            "throat" => return minor(2),
            "rhinitis" => return minor(3),
            "headache" => Answer::Truth(self.headache),
            "headache.intolerable" => Answer::Truth(self.headache_intolerable),
            "fatigue" => Answer::Truth(self.fatigue),
            "fatigue.bed" => Answer::Truth(self.in_bed),
            "anxiety.frequency" | "anxiety.severity" => Answer::Grade(self.anxiety),
            "anxiety.interference" => Answer::Grade((self.anxiety - 1).max(0)),
            "sadness.frequency" | "sadness.severity" => Answer::Grade(self.sadness),
            "sadness.interference" => Answer::Grade((self.sadness - 1).max(0)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
