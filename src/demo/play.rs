//! The script, played through the public HTTP API: the clock moves, people answer, teams handle.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Method;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;

use super::{
    answer::{Author, response},
    course::signs,
    enrol::{self, Followed, local},
    form::Form,
    measure::Latencies,
    people::{Pathway, Person, cohort},
    progress::Progress,
    staff,
    timeline::{Deed, Event, Reports, Step, timeline},
};
use crate::{
    app::client::Client,
    kernel::problem::{Problem, Result},
};

/// Requests under way at the same time.
pub const CONNECTIONS: usize = 16;

/// What was played, and what the generator expects of it.
pub struct Played {
    /// A client of the server.
    pub client: Client,
    /// The cohort.
    pub people: Vec<Person>,
    /// Each person as the server knows them.
    pub followed: Vec<Option<Followed>>,
    /// How the reports of each pathway must have ended.
    pub expected: BTreeMap<Pathway, Reports>,
    /// How long each answer's POST took.
    pub latencies: Latencies,
    /// The instant at which the clock stands.
    pub end: Timestamp,
    seed: u64,
    forms: BTreeMap<Pathway, Form>,
    /// The first answer of a person and a day: `QuestionnaireResponse/{id}`.
    answers: HashMap<(usize, u32), String>,
}

/// What one deed left behind.
enum Trace {
    Nothing,
    Answered {
        at: (usize, u32),
        id: String,
        first: bool,
        took: std::time::Duration,
    },
}

/// Plays the whole script against the server at `base`.
///
/// # Errors
/// The first thing that the server refuses.
pub async fn play(base: &str, seed: u64, scale: f64) -> Result<Played> {
    let client = Client::new(base)?;
    let people = cohort(seed, scale);
    let (steps, expected) = timeline(seed, &people);
    let total: usize = steps.values().map(deeds).sum();
    let mut played = Played {
        forms: forms(&client).await?,
        followed: vec![None; people.len()],
        latencies: Latencies::default(),
        end: Timestamp::UNIX_EPOCH,
        answers: HashMap::new(),
        client,
        people,
        expected,
        seed,
    };
    let mut progress = Progress::of(u64::try_from(total).unwrap_or(0));
    enrol::teams(&played.client).await?;
    for (day, (at, step)) in steps.iter().enumerate() {
        played
            .step(*at, step, u32::try_from(day).unwrap_or(0))
            .await?;
        progress.advance(*at, deeds(step));
    }
    progress.end();
    Ok(played)
}

fn deeds(step: &Step) -> usize {
    step.enrolments.len() + step.events.len()
}

/// The forms as the server publishes them.
async fn forms(client: &Client) -> Result<BTreeMap<Pathway, Form>> {
    let mut forms = BTreeMap::new();
    for pathway in Pathway::ALL {
        let questionnaire = client
            .get(&format!("/Questionnaire/{}", pathway.id()))
            .await?;
        forms.insert(pathway, Form::read(&questionnaire)?);
    }
    Ok(forms)
}

impl Played {
    async fn step(&mut self, at: Timestamp, step: &Step, number: u32) -> Result<()> {
        self.move_clock(at).await?;
        if !step.enrolments.is_empty() {
            let people: Vec<&Person> = step
                .enrolments
                .iter()
                .filter_map(|n| self.people.get(*n))
                .collect();
            let followed = enrol::people(&self.client, &people, at).await?;
            for (index, followed) in step.enrolments.iter().zip(followed) {
                if let Some(slot) = self.followed.get_mut(*index) {
                    *slot = Some(followed);
                }
            }
        }
        let traces: Vec<Vec<Trace>> = stream::iter(by_person(&step.events))
            .map(|events| self.deeds(events))
            .buffer_unordered(CONNECTIONS)
            .try_collect()
            .await?;
        traces
            .into_iter()
            .flatten()
            .for_each(|trace| self.keep(trace));
        if step.staff {
            staff::handle(&self.client, self.seed, number).await?;
        }
        Ok(())
    }

    /// Moves the clock; all work due by then is done when the server replies.
    async fn move_clock(&mut self, to: Timestamp) -> Result<()> {
        let root = self.client.base().trim_end_matches("/fhir");
        let body = Bytes::from(format!("\"{to}\""));
        let answer = self
            .client
            .send(Method::PUT, &format!("{root}/clock"), Some(body))
            .await?;
        self.end = to;
        answer.tree().map(|_| ())
    }

    /// What one person does in a step, one thing after the other.
    async fn deeds(&self, events: Vec<Event>) -> Result<Vec<Trace>> {
        let mut traces = Vec::with_capacity(events.len());
        for event in events {
            traces.push(self.deed(event).await?);
        }
        Ok(traces)
    }

    async fn deed(&self, event: Event) -> Result<Trace> {
        let (person, followed) = self.of(event.person)?;
        match event.deed {
            Deed::Answer { day, round } => {
                let body = self.response(person, followed, (day, round), event.authored)?;
                let started = Instant::now();
                let answer = self
                    .client
                    .send(
                        Method::POST,
                        "/QuestionnaireResponse",
                        Some(body.to_string().into()),
                    )
                    .await?;
                let took = started.elapsed();
                answer.check()?;
                let id = answer
                    .location
                    .and_then(|location| local(&location, "QuestionnaireResponse/"))
                    .ok_or_else(|| Problem::fault("a created answer has no Location"))?;
                Ok(Trace::Answered {
                    at: (event.person, day),
                    id,
                    first: round == 0,
                    took,
                })
            }
            Deed::Amend { day } => {
                let id = self
                    .answers
                    .get(&(event.person, day))
                    .ok_or_else(|| Problem::fault("there is no answer to be amended"))?;
                let mut body = self.response(person, followed, (day, 2), event.authored)?;
                body["id"] = id.trim_start_matches("QuestionnaireResponse/").into();
                body["status"] = "amended".into();
                self.client
                    .send_tree(Method::PUT, &format!("/{id}"), &body)
                    .await?;
                Ok(Trace::Nothing)
            }
            Deed::Stop => {
                let path = format!("/{}", followed.care_plan);
                let mut plan = self.client.get(&path).await?;
                plan["status"] = "revoked".into();
                self.client.send_tree(Method::PUT, &path, &plan).await?;
                Ok(Trace::Nothing)
            }
        }
    }

    fn of(&self, index: usize) -> Result<(&Person, &Followed)> {
        let person = self.people.get(index);
        let followed = self.followed.get(index).and_then(Option::as_ref);
        person
            .zip(followed)
            .ok_or_else(|| Problem::fault("someone acts before being enrolled"))
    }

    fn response(
        &self,
        person: &Person,
        followed: &Followed,
        (day, round): (u32, u32),
        authored: Timestamp,
    ) -> Result<Value> {
        let form = self
            .forms
            .get(&person.pathway)
            .ok_or_else(|| Problem::fault("a pathway has no form"))?;
        let author = Author {
            patient: &followed.patient,
            care_plan: &followed.care_plan,
            authored,
            date: local_date(authored, person.zone),
        };
        Ok(response(
            form,
            &signs(self.seed, person, day, round),
            author,
            "completed",
        ))
    }

    fn keep(&mut self, trace: Trace) {
        if let Trace::Answered {
            at,
            id,
            first,
            took,
        } = trace
        {
            self.latencies.add(&id, took);
            if first {
                self.answers.insert(at, id);
            }
        }
    }
}

fn local_date(at: Timestamp, zone: &str) -> Date {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).date()
}

/// Events of one person stay in their order; people do not wait for each other.
fn by_person(events: &[Event]) -> Vec<Vec<Event>> {
    let mut groups: BTreeMap<usize, Vec<Event>> = BTreeMap::new();
    for event in events {
        groups.entry(event.person).or_default().push(*event);
    }
    groups.into_values().collect()
}
