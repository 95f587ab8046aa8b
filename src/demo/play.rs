//! The script, played through the public HTTP API: the clock moves, people answer, teams handle.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Method;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    answer::{Author, response},
    course::signs,
    enrol::{self, Followed, local},
    form::Form,
    measure::Latencies,
    people::{Pathway, Person, cohort},
    progress::Progress,
    staff,
    timeline::{Deed, Event, Reports, Step, Timeline, timeline},
};
use crate::{
    app::client::Client,
    kernel::problem::{Problem, Result},
};

/// Requests under way at the same time.
pub const CONNECTIONS: usize = 16;

/// Canonical URLs of pathways begin so.
pub const PLAN: &str = "https://vigie.example/fhir/PlanDefinition";

/// The round of an answer that is corrected.
const AMENDED: u32 = 2;

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
    progress: Progress,
    /// Steps that have been played.
    rounds: u32,
    /// Steps that are left.
    steps: Timeline,
    seed: u64,
    forms: BTreeMap<Pathway, Form>,
    /// The first answer of a report: `QuestionnaireResponse/{id}`.
    answers: HashMap<Report, String>,
}

/// A report: whose, on which of their follow-ups, of which day.
type Report = (usize, usize, u32);

/// What one deed left behind.
enum Trace {
    Nothing,
    Converted {
        person: usize,
        care_plan: String,
    },
    Answered {
        at: Report,
        id: String,
        first: bool,
        took: std::time::Duration,
    },
}

/// Begins the script against the server at `base`: its cohort is drawn, its teams are there.
///
/// # Errors
/// The first thing that the server refuses.
pub async fn begin(base: &str, seed: u64, scale: f64) -> Result<Played> {
    let client = Client::new(base)?;
    let people = cohort(seed, scale);
    let (steps, expected) = timeline(seed, &people);
    let total: usize = steps.values().map(deeds).sum();
    let played = Played {
        forms: forms(&client).await?,
        followed: vec![None; people.len()],
        latencies: Latencies::default(),
        end: Timestamp::UNIX_EPOCH,
        answers: HashMap::new(),
        progress: Progress::of(u64::try_from(total).unwrap_or(0)),
        rounds: 0,
        client,
        people,
        expected,
        seed,
        steps,
    };
    enrol::teams(&played.client).await?;
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
    /// Plays on up to an instant, or to the end of the script.
    ///
    /// # Errors
    /// The first thing that the server refuses.
    pub async fn on(&mut self, until: Option<Timestamp>) -> Result<()> {
        while let Some(next) = self.steps.first_entry() {
            if until.is_some_and(|until| *next.key() > until) {
                break;
            }
            let (at, step) = next.remove_entry();
            let done = deeds(&step);
            self.step(at, &step, self.rounds).await?;
            self.rounds += 1;
            self.progress.advance(at, done);
        }
        if self.steps.is_empty() {
            self.progress.end();
        }
        Ok(())
    }

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
        staff::round(&self.client, step.staff, self.seed, number).await
    }

    /// Moves the clock; all work due by then is done when the server replies.
    pub(super) async fn move_clock(&mut self, to: Timestamp) -> Result<()> {
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
        match event.deed {
            Deed::Answer { day, round } => self.answer(&event, (day, round)).await,
            Deed::Amend { day } => {
                let id = self
                    .answers
                    .get(&(event.person, event.leg, day))
                    .ok_or_else(|| Problem::fault("there is no answer to be amended"))?;
                let mut body = self.response(&event, AMENDED)?;
                body["id"] = id.trim_start_matches("QuestionnaireResponse/").into();
                body["status"] = "amended".into();
                self.client
                    .send_tree(Method::PUT, &format!("/{id}"), &body)
                    .await?;
                Ok(Trace::Nothing)
            }
            Deed::Stop => {
                let (person, plan, followed) = self.of(&event)?;
                // The agency's people stop by themselves; a patient of professionals asks them.
                let by = match person.pathway {
                    Pathway::Medical => enrol::agent_of(person),
                    Pathway::Case | Pathway::Contact => followed.patient.clone(),
                };
                let parameters = json!({ "resourceType": "Parameters", "parameter": [
                    { "name": "reason", "valueCode": "patient-stop" },
                    { "name": "by", "valueReference": { "reference": by } },
                ]});
                let path = format!("/{plan}/$stop");
                self.client
                    .send_tree(Method::POST, &path, &parameters)
                    .await?;
                Ok(Trace::Nothing)
            }
            Deed::Convert => {
                let path = format!("/{}/$convert", self.of(&event)?.1);
                let case = format!("{PLAN}/{}", Pathway::Case.id());
                let parameters = json!({ "resourceType": "Parameters", "parameter": [
                    { "name": "planDefinition", "valueCanonical": case },
                ]});
                let plan = self
                    .client
                    .send_tree(Method::POST, &path, &parameters)
                    .await?;
                let id = plan["id"].as_str().unwrap_or_default();
                Ok(Trace::Converted {
                    person: event.person,
                    care_plan: format!("CarePlan/{id}"),
                })
            }
        }
    }

    async fn answer(&self, event: &Event, (day, round): (u32, u32)) -> Result<Trace> {
        let body = self.response(event, round)?;
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
            at: (event.person, event.leg, day),
            id,
            first: round == 0,
            took,
        })
    }

    /// Who acts, and `CarePlan/{id}` of the follow-up that it is about.
    fn of(&self, event: &Event) -> Result<(&Person, &str, &Followed)> {
        let person = self.people.get(event.person);
        let followed = self.followed.get(event.person).and_then(Option::as_ref);
        let plan = followed.and_then(|followed| followed.care_plans.get(event.leg));
        match (person, plan, followed) {
            (Some(person), Some(plan), Some(followed)) => Ok((person, plan, followed)),
            _ => Err(Problem::fault("someone acts before being enrolled")),
        }
    }

    fn response(&self, event: &Event, round: u32) -> Result<Value> {
        let (person, care_plan, followed) = self.of(event)?;
        let pathway = if event.leg == 0 {
            person.pathway
        } else {
            Pathway::Case
        };
        let form = self
            .forms
            .get(&pathway)
            .ok_or_else(|| Problem::fault("a pathway has no form"))?;
        let agent = enrol::agent_of(person);
        let author = Author {
            patient: &followed.patient,
            care_plan,
            keyed_by: person.by_phone.then_some(&*agent),
            authored: event.authored,
            date: local_date(event.authored, person.zone),
        };
        let signs = signs(self.seed, person, event.course_day, round);
        Ok(response(form, &signs, author, "completed"))
    }

    fn keep(&mut self, trace: Trace) {
        match trace {
            Trace::Nothing => {}
            Trace::Converted { person, care_plan } => {
                if let Some(Some(followed)) = self.followed.get_mut(person) {
                    followed.care_plans.push(care_plan);
                }
            }
            Trace::Answered {
                at,
                id,
                first,
                took,
            } => {
                self.latencies.add(&id, took);
                if first {
                    self.answers.insert(at, id);
                }
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
