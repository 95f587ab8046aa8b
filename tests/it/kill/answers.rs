//! Answers under fire: each one that stands has its alert, and has it once.
//!
//! An answer and its alert are one commit. So after a crash the alerts follow from the answers
//! that are found, whether they had been acknowledged or not; and the acknowledged ones are found.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{verify::Tally, writers::Writer};
use crate::harness::{Client, Nurse, Patient, Server, about, evidence_of, rule_of};

/// Patients who are enrolled for one life of the server; writers share them.
const PATIENTS: usize = 12;

/// An item that makes an answer fulfil one rule, and that rule.
const CAUSES: [(&str, &str); 3] = [
    ("danger.chest", "U4"),
    ("intake.unable", "U5"),
    ("callback", "S8"),
];

/// An answer that was acknowledged.
#[derive(Debug)]
pub struct Answer {
    /// `Patient/1`.
    pub patient: String,
    /// `QuestionnaireResponse/1`.
    pub path: String,
}

/// Those who will answer in this life of the server.
pub fn enrol(server: &Server) -> Arc<[Patient]> {
    let mut nurse = Nurse::of(server);
    (0..PATIENTS)
        .map(|_| nurse.enrol(server, "covid-medical"))
        .collect()
}

impl Writer {
    /// Somebody answers that something is wrong.
    pub(super) fn answer(&mut self) -> Option<()> {
        let patients = Arc::clone(&self.patients);
        let patient = &patients[self.chance.below(patients.len() as u64) as usize];
        let (item, _) = CAUSES[self.chance.below(CAUSES.len() as u64) as usize];
        let answer = patient.answer(&[(item, json!({ "valueBoolean": true }))]);
        let reply = self.send("POST", "QuestionnaireResponse", &answer)?;
        if reply.status == 201 {
            self.journal.answers.push(Answer {
                patient: patient.path.clone(),
                path: reply.location(),
            });
        }
        Some(())
    }
}

/// Looks up the answers of one life of the server, and their alerts.
pub fn verify(client: &mut Client, patients: &[Patient], known: &[Answer], tally: &mut Tally) {
    for patient in patients {
        let answers = about(client, "QuestionnaireResponse", &patient.path);
        let flags = about(client, "Flag", &patient.path);
        let mut expected: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for answer in &answers {
            let (rule, path) = cause_of(answer);
            expected.entry(rule).or_default().push(path);
        }
        for acknowledged in known.iter().filter(|one| one.patient == patient.path) {
            tally.answers += 1;
            if !expected
                .values()
                .flatten()
                .any(|path| *path == acknowledged.path)
            {
                tally.lost += 1;
                tally.faults.push(format!(
                    "{} was acknowledged and is gone",
                    acknowledged.path
                ));
            }
        }
        compare(client, &expected, &flags, tally);
    }
}

fn cause_of(answer: &Value) -> (&'static str, String) {
    let link = answer["item"][0]["linkId"].as_str().unwrap_or_default();
    let cause = CAUSES.iter().find(|(item, _)| *item == link);
    let (_, rule) = cause.unwrap_or_else(|| panic!("an answer that nobody sent: {answer}"));
    let id = answer["id"].as_str().unwrap_or_default();
    (rule, format!("QuestionnaireResponse/{id}"))
}

fn compare(
    client: &mut Client,
    expected: &BTreeMap<&str, Vec<String>>,
    flags: &[Value],
    tally: &mut Tally,
) {
    for (rule, answers) in expected {
        let raised: Vec<&Value> = flags.iter().filter(|flag| rule_of(flag) == *rule).collect();
        tally.alerts += raised.len();
        tally.doubled += raised.len().saturating_sub(1);
        let evidence: Vec<&str> = raised.iter().flat_map(|flag| evidence_of(flag)).collect();
        let missing: Vec<_> = answers
            .iter()
            .filter(|one| !evidence.contains(&one.as_str()))
            .collect();
        tally.missing += missing.len();
        if raised.len() != 1 || !missing.is_empty() {
            let told = format!(
                "{rule}: {} flags; without evidence: {missing:?}",
                raised.len()
            );
            tally.faults.push(told);
        }
        for flag in raised {
            let id = flag["id"].as_str().unwrap_or_default();
            let page = client
                .get(&format!("Task?focus=Flag/{id}"))
                .expect(200)
                .json();
            let tasks = page["entry"].as_array().map_or(0, Vec::len);
            if tasks != 1 {
                tally.doubled += 1;
                tally.faults.push(format!("Flag/{id} has {tasks} tasks"));
            }
        }
    }
    for flag in flags
        .iter()
        .filter(|flag| !expected.contains_key(rule_of(flag)))
    {
        tally.doubled += 1;
        tally
            .faults
            .push(format!("a flag without an answer: {flag}"));
    }
}
