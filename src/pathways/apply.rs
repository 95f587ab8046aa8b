//! `PlanDefinition/$apply`: enrolment, as a CarePlan and one Task for each due report.
//!
//! One transaction, and idempotent: a patient has at most one running follow-up of a pathway, and
//! a second `$apply` gives it back. Specification:
//! <http://hl7.org/fhir/R4/plandefinition-operation-apply.html>.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    report,
    schedule::{self, Report},
};
use crate::{
    care::kind,
    fhir::{
        canonical::{REPORT, SDC_TASK, TIME_ZONE},
        date,
        pathway::Pathway,
        permit::Permit,
        reference,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::{Category, Problem, Result},
    store::{Prepared, Store, Stored, Tx},
};

/// What `$apply` is asked.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// Which PlanDefinition.
    pub plan: PlanName,
    /// `Patient/{id}`.
    pub subject: String,
    /// `Practitioner/{id}` who enrols.
    pub practitioner: Option<String>,
    /// `Organization/{id}` that follows.
    pub organization: Option<String>,
    /// `CareTeam/{id}` that is told.
    pub care_team: Option<String>,
    /// When the follow-up starts; now, if absent.
    pub start: Option<Timestamp>,
    /// The patient's time zone.
    pub zone: TimeZone,
}

/// How a PlanDefinition is named.
#[derive(Debug, Clone)]
pub enum PlanName {
    /// By its logical id, as in `PlanDefinition/{id}/$apply`.
    Id(String),
    /// By its canonical URL, with or without `|version`.
    Canonical(String),
}

impl Enrolment {
    /// Reads the `Parameters` of the operation; `default_zone` serves where none is given.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter.
    pub fn read(
        plan_id: Option<&str>,
        parameters: &Value,
        default_zone: &TimeZone,
    ) -> Result<Self> {
        let reference = |name: &str, kind: &str| -> Result<Option<String>> {
            let Some(text) = text_of(parameters, name) else {
                return Ok(None);
            };
            match reference::local(text) {
                Some(local) if local.kind.name() == kind => {
                    Ok(Some(format!("{kind}/{}", local.id)))
                }
                _ => Err(wrong(
                    name,
                    &format!("a reference to a {kind} of this server"),
                )),
            }
        };
        let plan = match (plan_id, text_of(parameters, "planDefinition")) {
            (Some(id), _) => PlanName::Id(id.to_owned()),
            (None, Some(canonical)) => PlanName::Canonical(canonical.to_owned()),
            (None, None) => {
                return Err(wrong("planDefinition", "the canonical of a PlanDefinition"));
            }
        };
        let start = match text_of(parameters, "start") {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| wrong("start", "an instant"))?),
        };
        let zone = match text_of(parameters, "timeZone") {
            None => default_zone.clone(),
            Some(name) => TimeZone::get(name)
                .ok()
                .filter(|zone| zone.iana_name().is_some())
                .ok_or_else(|| wrong("timeZone", "a time zone such as Europe/Paris"))?,
        };
        Ok(Self {
            plan,
            subject: reference("subject", "Patient")?
                .ok_or_else(|| wrong("subject", "a reference to a Patient"))?,
            practitioner: reference("practitioner", "Practitioner")?,
            organization: reference("organization", "Organization")?,
            care_team: reference("careTeam", "CareTeam")?,
            start,
            zone,
        })
    }
}

/// The text of a parameter, whether a reference or a primitive.
fn text_of<'a>(parameters: &'a Value, name: &str) -> Option<&'a str> {
    let part = parameters["parameter"]
        .as_array()?
        .iter()
        .find(|part| part["name"] == name)?;
    let (_, value) = part
        .as_object()?
        .iter()
        .find(|(member, _)| member.starts_with("value"))?;
    value["reference"].as_str().or_else(|| value.as_str())
}

fn wrong(name: &str, wanted: &str) -> Problem {
    Problem::malformed("value", format!("The parameter `{name}` must be {wanted}."))
        .at(format!("Parameters.parameter.where(name='{name}')"))
}

/// What `$apply` gives back.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// The CarePlan.
    pub care_plan: Stored,
    /// Whether it was made now; otherwise it ran already.
    pub created: bool,
}

/// Enrols a patient.
///
/// # Errors
/// `NotFound` if there is no such PlanDefinition, `Invalid` if it is not an active pathway, the
/// patient is unknown, nobody would be told, or a Consent is missing.
pub async fn apply(store: &Store, permit: &Permit, enrolment: Enrolment) -> Result<Enrolled> {
    store
        .write(permit, move |tx| {
            Box::pin(async move { enrol(tx, &enrolment).await })
        })
        .await
}

async fn enrol(tx: &mut Tx, enrolment: &Enrolment) -> Result<Enrolled> {
    let plan = find_plan(tx, &enrolment.plan).await?;
    if plan["status"] != "active" {
        return Err(rule("Only an active PlanDefinition can be applied."));
    }
    let pathway = Pathway::read(&plan)?;
    check_people(tx, enrolment).await?;
    if let Some(running) = running_follow_up(tx, enrolment, &pathway).await? {
        return Ok(Enrolled {
            care_plan: running,
            created: false,
        });
    }
    if pathway.policy.consent_required {
        check_consent(tx, enrolment).await?;
    }
    let start = enrolment.start.unwrap_or(tx.now());
    let first = schedule::first_date(start, &enrolment.zone, pathway.policy.cut_off_time);
    let reports = schedule::reports(&pathway, first, &enrolment.zone);
    let id = tx.new_id();
    let mut tasks = Vec::with_capacity(reports.len());
    for (n, due) in reports.iter().enumerate() {
        let task_id = tx.new_id();
        let task = Resource::trusted(report_task(&id, due, enrolment, tx.now()))?;
        tx.create(&task_id, Prepared::new(task)).await?;
        let last = n + 1 == reports.len();
        tx.enqueue(&report::job(&task_id, last, due.due)).await?;
        tasks.push(json!({ "reference": { "reference": format!("Task/{task_id}") } }));
    }
    let last = reports.last().map_or(first, |report| report.date);
    let plan = care_plan(enrolment, &pathway, (first, last), tasks);
    let care_plan = tx
        .create(&id, Prepared::new(Resource::trusted(plan)?))
        .await?;
    Ok(Enrolled {
        care_plan,
        created: true,
    })
}

async fn find_plan(tx: &mut Tx, name: &PlanName) -> Result<Value> {
    let kind = kind("PlanDefinition")?;
    let found = match name {
        PlanName::Id(id) => match tx.read(kind, id).await? {
            Some(stored) if !stored.is_deleted() => Some(stored.tree()?),
            _ => None,
        },
        PlanName::Canonical(url) if !url.contains('|') => newest_active(tx, url).await?,
        PlanName::Canonical(canonical) => tx
            .find_canonical(kind, canonical)
            .await?
            .map(|found| found.tree.clone()),
    };
    found.ok_or_else(|| Problem::not_found("There is no such PlanDefinition."))
}

/// Of the versions of a pathway that are active, the one that was created last.
async fn newest_active(tx: &mut Tx, url: &str) -> Result<Option<Value>> {
    let query = Query::new(kind("PlanDefinition")?)
        .uri("url", url)
        .token("status", None, "active")
        .limit(1);
    let newest = tx.search(&query).await?.hits.pop();
    newest.map(|hit| hit.stored.tree()).transpose()
}

/// The people named must exist, and somebody must be there to be told.
async fn check_people(tx: &mut Tx, enrolment: &Enrolment) -> Result<()> {
    let named = [
        ("subject", Some(&enrolment.subject)),
        ("practitioner", enrolment.practitioner.as_ref()),
        ("organization", enrolment.organization.as_ref()),
        ("careTeam", enrolment.care_team.as_ref()),
    ];
    for (parameter, text) in named {
        let Some(local) = text.and_then(|text| reference::local(text)) else {
            continue;
        };
        let found = tx.read(local.kind, &local.id).await?;
        if found.is_none_or(|stored| stored.is_deleted()) {
            return Err(Problem::invalid(
                "not-found",
                format!("There is no {} of this id.", local.kind),
            )
            .at(format!("Parameters.parameter.where(name='{parameter}')")));
        }
    }
    if named[1..].iter().all(|(_, reference)| reference.is_none()) {
        return Err(rule(
            "Somebody must be told of alerts: name a careTeam, a practitioner or an organization.",
        ));
    }
    Ok(())
}

async fn running_follow_up(
    tx: &mut Tx,
    enrolment: &Enrolment,
    pathway: &Pathway,
) -> Result<Option<Stored>> {
    let url = pathway.canonical.split('|').next().unwrap_or_default();
    let query = Query::new(kind("CarePlan")?).reference("subject", &enrolment.subject);
    for hit in tx.search(&query).await?.hits {
        let plan = hit.stored.tree()?;
        let same = plan["instantiatesCanonical"][0]
            .as_str()
            .is_some_and(|canonical| canonical.split('|').next() == Some(url));
        if same && (plan["status"] == "active" || plan["status"] == "on-hold") {
            return Ok(Some(hit.stored));
        }
    }
    Ok(None)
}

async fn check_consent(tx: &mut Tx, enrolment: &Enrolment) -> Result<()> {
    let query = Query::new(kind("Consent")?)
        .reference("patient", &enrolment.subject)
        .token("status", None, "active")
        .limit(1);
    if tx.search(&query).await?.hits.is_empty() {
        return Err(rule(
            "This pathway asks for the patient's consent: record an active Consent.",
        ));
    }
    Ok(())
}

fn care_plan(
    enrolment: &Enrolment,
    pathway: &Pathway,
    (first, last): (Date, Date),
    activity: Vec<Value>,
) -> Value {
    let mut plan = json!({
        "resourceType": "CarePlan",
        "extension": [{
            "url": TIME_ZONE,
            "valueCode": enrolment.zone.iana_name().unwrap_or("UTC"),
        }],
        "instantiatesCanonical": [pathway.canonical],
        "status": "active",
        "intent": "plan",
        "title": pathway.title,
        "subject": { "reference": enrolment.subject },
        "period": { "start": first.to_string(), "end": last.to_string() },
        "activity": activity,
    });
    let mut contributors = Vec::new();
    if let Some(practitioner) = &enrolment.practitioner {
        plan["author"] = json!({ "reference": practitioner });
    }
    if let Some(organization) = &enrolment.organization {
        contributors.push(json!({ "reference": organization }));
    }
    if !contributors.is_empty() {
        plan["contributor"] = Value::Array(contributors);
    }
    if let Some(team) = &enrolment.care_team {
        plan["careTeam"] = json!([{ "reference": team }]);
    }
    plan
}

/// A Task in the form of SDC's questionnaire task.
fn report_task(plan: &str, due: &Report, enrolment: &Enrolment, now: Timestamp) -> Value {
    let requester = [
        &enrolment.practitioner,
        &enrolment.organization,
        &enrolment.care_team,
    ]
    .into_iter()
    .flatten()
    .find(|reference| !reference.starts_with("CareTeam/"));
    let mut task = json!({
        "resourceType": "Task",
        "identifier": [{ "system": REPORT, "value": format!("{plan}/{}", due.day) }],
        "basedOn": [{ "reference": format!("CarePlan/{plan}") }],
        "status": "requested",
        "intent": "order",
        "code": { "coding": [{ "system": SDC_TASK, "code": "complete-questionnaire" }] },
        "for": { "reference": enrolment.subject },
        "authoredOn": date::instant(now),
        "owner": { "reference": enrolment.subject },
        "restriction": {
            "period": { "start": date::instant(due.opens), "end": date::instant(due.closes) },
        },
        "input": [{
            "type": { "coding": [{ "system": SDC_TASK, "code": "questionnaire" }] },
            "valueCanonical": due.questionnaire,
        }],
    });
    if let Some(requester) = requester {
        task["requester"] = json!({ "reference": requester });
    }
    task
}

fn rule(says: &str) -> Problem {
    Problem::new(Category::Invalid, "business-rule", says)
}
