//! `QuestionnaireResponse/$judge`: which rules hold on an answer, and why. Nothing is written.
//!
//! The answer may be stored or given; what is given with it stands in place of what is stored, so
//! that a draft can be tried on a real answer, and an answer that nobody gave on a real pathway.

use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};

use super::parameters::{Parameter, once, parameters};
use crate::{
    alerts::{
        advice,
        explain::{Explained, Says, explain},
        judge::Case,
        rule::RuleSet,
    },
    care::{
        kind,
        plan::{self, Followed},
    },
    fhir::{
        care_plan::FollowUp,
        definitions::ResourceType,
        pathway::canonical_of,
        permit::Permit,
        questionnaire_response::{effective_time, is_answer},
        reference,
        search::query::Query,
    },
    kernel::problem::{Problem, Result},
    store::{Store, Tx},
};

/// Most earlier answers that one judgement reads.
pub const HISTORY_MAX: usize = 500;

/// What `$judge` is asked.
#[derive(Debug, Clone, Default)]
struct Question {
    response: Option<Value>,
    history: Option<Vec<Value>>,
    /// `CarePlan/{id}`, or the resource.
    care_plan: Option<Value>,
    definition: Option<Value>,
    pathway: Option<String>,
    patient: Option<Value>,
    baseline: Option<Value>,
    day: Option<i64>,
}

/// All that the rules of one follow-up are judged on.
struct Bench {
    definition: Value,
    plan: Value,
    patient: Value,
    baseline: Value,
    answers: Vec<Value>,
    current: usize,
    day: i64,
}

/// Answers the operation with Parameters.
///
/// # Errors
/// `Malformed`, naming the parameter; `NotFound`, if the answer or what is named is not there or
/// the permit does not reach it; `Invalid`, if no follow-up says which rules there are.
pub async fn judge(
    (store, permit): (&Store, &Permit),
    (id, tree): (Option<&str>, Option<&Value>),
    now: Timestamp,
) -> Result<Value> {
    let question = Question::read(id, tree)?;
    let id = id.map(str::to_owned);
    // Reads alone, in one transaction: what stands at one instant.
    let benches = store.write(permit, move |tx| {
        Box::pin(async move { gather(tx, id, question, now).await })
    });
    let followed: Vec<Value> = benches.await?.iter().map(follow_up).collect();
    Ok(json!({ "resourceType": "Parameters", "parameter": followed }))
}

impl Question {
    fn read(id: Option<&str>, tree: Option<&Value>) -> Result<Self> {
        let mut question = Self::default();
        for given in tree.map(parameters).unwrap_or_default() {
            question.take(&given)?;
        }
        match (id, &question.response) {
            (None, None) => {
                let says = "Give the answer to be judged: the resource `response`.";
                Err(Problem::malformed("required", says).at("Parameters.parameter"))
            }
            (Some(_), Some(_)) => {
                let says = "The answer to be judged is named by the URL, or given, not both.";
                Err(Problem::malformed("value", says).at("Parameters.parameter"))
            }
            _ => Ok(question),
        }
    }

    fn take(&mut self, given: &Parameter<'_>) -> Result<()> {
        match given.name {
            "response" => {
                let answer = given.resource("QuestionnaireResponse")?.clone();
                once(&mut self.response, answer, given)
            }
            "history" => {
                let history = self.history.get_or_insert_default();
                history.push(given.resource("QuestionnaireResponse")?.clone());
                if history.len() > HISTORY_MAX {
                    let says = format!("At most {HISTORY_MAX} earlier answers are read.");
                    return Err(Problem::invalid("too-costly", says).at(given.place.clone()));
                }
                Ok(())
            }
            "carePlan" => {
                let named = given.text().ok().and_then(reference::local);
                let named = named.filter(|local| local.kind.name() == "CarePlan");
                let named =
                    named.ok_or_else(|| given.wrong("a reference to a CarePlan of this server"))?;
                once(&mut self.care_plan, json!(named.id), given)
            }
            "carePlanResource" => {
                let plan = given.resource("CarePlan")?.clone();
                once(&mut self.care_plan, plan, given)
            }
            "definition" => {
                let definition = given.resource("PlanDefinition")?.clone();
                once(&mut self.definition, definition, given)
            }
            "planDefinition" => once(&mut self.pathway, given.text()?.to_owned(), given),
            "patient" => {
                let patient = given.resource("Patient")?.clone();
                once(&mut self.patient, patient, given)
            }
            "baseline" => {
                let answer = given.resource("QuestionnaireResponse")?.clone();
                once(&mut self.baseline, answer, given)
            }
            "day" => once(&mut self.day, given.whole()?, given),
            _ => Err(given.unknown()),
        }
    }
}

/// Reads what is not given, with the caller's own permit.
async fn gather(
    tx: &mut Tx,
    id: Option<String>,
    mut question: Question,
    now: Timestamp,
) -> Result<Vec<Bench>> {
    let (answer, received) = match (question.response.take(), id) {
        (Some(given), _) => (given, now),
        (None, id) => {
            let id = id.unwrap_or_default();
            let found = tx.read(kind("QuestionnaireResponse")?, &id).await?;
            let stored = found
                .filter(|stored| !stored.is_deleted())
                .ok_or_else(|| Problem::not_found("There is no such QuestionnaireResponse."))?;
            (stored.tree()?, stored.updated)
        }
    };
    let asked = definition_asked(tx, &mut question).await?;
    let mut benches = Vec::new();
    for (plan, definition) in plans(tx, &answer, &mut question).await? {
        let definition = asked.clone().or(definition);
        benches.push(bench(tx, (&answer, received), &question, (plan, definition)).await?);
    }
    if benches.is_empty() {
        let nowhere = (json!({ "resourceType": "CarePlan" }), asked);
        benches.push(bench(tx, (&answer, received), &question, nowhere).await?);
    }
    Ok(benches)
}

/// The PlanDefinition that the question itself names.
async fn definition_asked(tx: &mut Tx, question: &mut Question) -> Result<Option<Value>> {
    if let Some(given) = question.definition.take() {
        return Ok(Some(given));
    }
    let Some(canonical) = &question.pathway else {
        return Ok(None);
    };
    match tx
        .find_canonical(kind("PlanDefinition")?, canonical)
        .await?
    {
        Some(found) => Ok(Some(found.tree.clone())),
        None => Err(Problem::not_found("There is no such PlanDefinition.")),
    }
}

/// The CarePlans that the answer is judged for, each with its own definition.
async fn plans(
    tx: &mut Tx,
    answer: &Value,
    question: &mut Question,
) -> Result<Vec<(Value, Option<Value>)>> {
    let followed: Vec<Followed> = match question.care_plan.take() {
        Some(Value::String(id)) => {
            let found = tx.read(kind("CarePlan")?, &id).await?;
            let stored = found
                .filter(|stored| !stored.is_deleted())
                .ok_or_else(|| Problem::not_found("There is no such CarePlan."))?;
            plan::followed(tx, stored).await?.into_iter().collect()
        }
        Some(given) => {
            let pathway = given["instantiatesCanonical"][0].as_str();
            let definition = match pathway {
                Some(pathway) => tx.find_canonical(kind("PlanDefinition")?, pathway).await?,
                None => None,
            };
            return Ok(vec![(given, definition.map(|found| found.tree.clone()))]);
        }
        None => plan::of_answer(tx, answer).await?,
    };
    let each = followed.into_iter().map(|one| {
        let definition = one.definition.map(|found| found.tree.clone());
        (one.plan.as_ref().clone(), definition)
    });
    Ok(each.collect())
}

async fn bench(
    tx: &mut Tx,
    (answer, received): (&Value, Timestamp),
    question: &Question,
    (mut plan, definition): (Value, Option<Value>),
) -> Result<Bench> {
    let Some(definition) = definition else {
        let says = "The answer belongs to no follow-up whose pathway is known: name a `carePlan`, \
             a `planDefinition`, or give a `definition`.";
        return Err(Problem::invalid("business-rule", says).at("Parameters.parameter"));
    };
    let follow_up = FollowUp::read(&plan);
    let zone = follow_up
        .as_ref()
        .map_or(jiff::tz::TimeZone::UTC, |follow_up| follow_up.zone.clone());
    let effective = |answer: &Value| effective_time(answer, &zone);
    let at = effective(answer).unwrap_or(received);
    let day = match (question.day, &follow_up) {
        (Some(day), _) => day,
        (None, Some(follow_up)) => follow_up.day_of(at),
        (None, None) => 1,
    };
    if plan["period"]["start"].is_null() {
        let first = first_date(at.to_zoned(zone.clone()).date(), day);
        plan["period"] = json!({ "start": first.to_string() });
    }
    let mut before = match &question.history {
        Some(given) => given.clone(),
        None => stored_history(tx, answer, follow_up.as_ref()).await?,
    };
    // Stable: at one instant, the order of receipt. An answer that tells no time is an old one.
    before.sort_by_key(|one| effective(one).unwrap_or(Timestamp::MIN));
    let current = before
        .iter()
        .filter(|one| effective(one).is_none_or(|then| then <= at))
        .count();
    before.insert(current, answer.clone());
    let baseline = match &question.baseline {
        Some(given) => given.clone(),
        None => advice::baseline(tx, &plan).await?,
    };
    Ok(Bench {
        definition,
        baseline,
        patient: patient(tx, answer, question, follow_up.as_ref()).await?,
        plan,
        answers: before,
        current,
        day,
    })
}

fn first_date(date: Date, day: i64) -> Date {
    let before = jiff::Span::new().try_days(day - 1).unwrap_or_default();
    date.checked_sub(before).unwrap_or(date)
}

/// The other answers of the follow-up, in the order of receipt.
async fn stored_history(
    tx: &mut Tx,
    answer: &Value,
    follow_up: Option<&FollowUp>,
) -> Result<Vec<Value>> {
    let Some(follow_up) = follow_up else {
        return Ok(Vec::new());
    };
    let query = Query::new(kind("QuestionnaireResponse")?)
        .reference("based-on", &format!("CarePlan/{}", follow_up.id));
    let mut history = Vec::new();
    for hit in tx.search(&query).await?.hits {
        let mut tree = hit.stored.tree()?;
        let counts = is_answer(&tree) && plan::is_of(&tree, &follow_up.patient);
        if !counts || tree["id"] == answer["id"] {
            continue;
        }
        if !tree["authored"].is_string() {
            // Without a time of its own it is true of when it was received.
            tree["authored"] = crate::fhir::date::instant(hit.stored.updated).into();
        }
        history.push((hit.stored.key, tree));
    }
    history.sort_by_key(|(key, _)| *key);
    Ok(history.into_iter().map(|(_, tree)| tree).collect())
}

async fn patient(
    tx: &mut Tx,
    answer: &Value,
    question: &Question,
    follow_up: Option<&FollowUp>,
) -> Result<Value> {
    if let Some(given) = &question.patient {
        return Ok(given.clone());
    }
    let named = match follow_up {
        Some(follow_up) => Some(follow_up.patient.clone()),
        None => answer["subject"]["reference"]
            .as_str()
            .and_then(|subject| subject.strip_prefix("Patient/"))
            .map(str::to_owned),
    };
    let Some(id) = named else {
        return Ok(Value::Null);
    };
    let kind: ResourceType = kind("Patient")?;
    match tx.read(kind, &id).await? {
        Some(stored) => stored.tree(),
        None => Ok(Value::Null),
    }
}

/// What the rules of one follow-up say.
fn follow_up(bench: &Bench) -> Value {
    let rules = RuleSet::read(&bench.definition);
    let case = Case {
        answers: &bench.answers,
        current: bench.current,
        patient: &bench.patient,
        baseline: &bench.baseline,
        care_plan: &bench.plan,
        day: bench.day,
    };
    let pathway = canonical_of(&bench.definition).unwrap_or_default();
    let mut parts = vec![json!({ "name": "pathway", "valueCanonical": pathway })];
    if let Some(id) = bench.plan["id"].as_str() {
        let reference = format!("CarePlan/{id}");
        let reference = json!({ "reference": reference });
        parts.push(json!({ "name": "carePlan", "valueReference": reference }));
    }
    parts.push(json!({ "name": "day", "valueInteger": bench.day }));
    parts.extend(explain(&rules, &case).iter().map(rule));
    json!({ "name": "followUp", "part": parts })
}

fn rule(explained: &Explained) -> Value {
    let mut parts = vec![
        json!({ "name": "rule", "valueCode": explained.rule }),
        json!({ "name": "title", "valueString": explained.title }),
    ];
    if let Some(finding) = explained.finding {
        parts.push(json!({ "name": "finding", "valueCode": finding.code() }));
    }
    for level in &explained.levels {
        let (verdict, error) = match &level.says {
            Says::Holds => ("holds", None),
            Says::DoesNotHold => ("does-not-hold", None),
            Says::Failed(error) => ("failed", Some(error)),
        };
        let mut told = vec![
            json!({ "name": "level", "valueCode": level.level.code() }),
            json!({ "name": "verdict", "valueCode": verdict }),
        ];
        let evidence = Some(&level.evidence).filter(|text| !text.is_empty());
        let texts = [
            ("condition", level.condition.as_ref()),
            ("evidence", evidence),
            ("error", error),
        ];
        for (name, text) in texts {
            told.extend(text.map(|text| json!({ "name": name, "valueString": text })));
        }
        parts.push(json!({ "name": "level", "part": told }));
    }
    parts.retain(|part| part["valueString"] != "");
    json!({ "name": "rule", "part": parts })
}
