//! One row of people, in one transaction: the person, who may be asked instead, the consent, the
//! follow-up; or nothing of it.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{
    candidates::{Candidate, Source, candidates},
    fault::Fault,
    matching::{Grade, Identity},
    person,
};
use crate::{
    care::kind,
    fhir::{
        canonical::{RISK_FACTOR_CODE, find_code},
        date, reference,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::{Category, Problem, Result},
    pathways::apply::{self, Enrolment},
    store::{Prepared, RowState, Tx},
};

/// Takes one row in; gives the patient whom it is about, as `Patient/{id}`.
///
/// # Errors
/// As the row is refused, with the place in the table; or as the store fails.
pub async fn take(tx: &mut Tx, line: u64, row: &Value) -> Result<(RowState, String)> {
    let place = Place { line, row };
    let identity = Identity::of(&person::patient(row));
    let known = candidates(Source::Tx(tx), &identity).await?;
    let (patient, mut wrote) = match decide(&known, &identity, place)? {
        Who::Known(id) => {
            check_exists(tx, &id, place).await?;
            if is_followed(tx, &id, row).await? {
                return Ok((RowState::Unchanged, format!("Patient/{id}")));
            }
            (format!("Patient/{id}"), false)
        }
        Who::Stranger => (create(tx, person::patient(row)).await?, true),
    };
    if let Some(contact) = person::contact(row, &patient) {
        wrote |= create_contact(tx, &patient, contact).await?;
    }
    if row["consent"] == true {
        wrote |= record_consent(tx, &patient, row).await?;
    }
    let parameters = parameters(tx, &patient, place).await?;
    let plan = row["pathway"].as_str().filter(|name| !name.contains('/'));
    // The parameters always name the zone.
    let enrolment =
        Enrolment::read(plan, &parameters, &TimeZone::UTC).map_err(|p| place.refused(p))?;
    let enrolled = apply::enrol(tx, &enrolment)
        .await
        .map_err(|problem| place.refused(problem))?;
    let state = if wrote || enrolled.created {
        RowState::Created
    } else {
        RowState::Unchanged
    };
    Ok((state, patient))
}

/// Where in the table a row stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    line: u64,
    row: &'a Value,
}

impl Place<'_> {
    /// The place of a column, as the file names it.
    fn of(self, name: &str) -> String {
        let title = self.row["titles"][name].as_str().unwrap_or_default();
        Fault::new(self.line, title, "").place()
    }

    fn refuse(self, name: &str, reason: impl Into<String>) -> Problem {
        Problem::invalid("business-rule", reason).at(self.of(name))
    }

    /// What enrolment refuses, at the column that it comes from.
    fn refused(self, mut problem: Problem) -> Problem {
        if matches!(problem.category, Category::Fault | Category::Busy) {
            return problem;
        }
        problem.category = Category::Invalid;
        for issue in &mut problem.issues {
            let parameter = issue.expression.as_deref().and_then(|place| {
                let (_, name) = place.split_once("(name='")?;
                Some(name.split('\'').next()?.to_owned())
            });
            let column = match parameter.as_deref() {
                Some("subject") => "identifier",
                Some("planDefinition") => "pathway",
                Some("riskFactor") => "riskFactors",
                Some(other) => other,
                None if issue.diagnostics.contains("onsent") => "consent",
                None => "pathway",
            };
            issue.expression = Some(self.of(column));
        }
        problem
    }
}

/// Whom a row is about.
#[derive(Debug, PartialEq, Eq)]
enum Who {
    /// Somebody who is known, by id.
    Known(String),
    /// Somebody who is not.
    Stranger,
}

/// Decides whom a row is about; what a person must decide is refused.
fn decide(known: &[Candidate], identity: &Identity, place: Place<'_>) -> Result<Who> {
    let own = person::identifier(place.row);
    let own = (text(&own["system"]), text(&own["value"]));
    let holds = |candidate: &&Candidate, one: &(String, String)| {
        Identity::of(&candidate.tree).identifiers.contains(one)
    };
    if let Some(candidate) = known.iter().find(|candidate| holds(candidate, &own)) {
        if identity.contradicts(&Identity::of(&candidate.tree)) {
            let id = &candidate.stored.id;
            let reason = format!(
                "The identifier belongs to Patient/{id}, of another name and date of birth."
            );
            return Err(place.refuse("identifier", reason));
        }
        return Ok(Who::Known(candidate.stored.id.clone()));
    }
    match place.row["duplicate"].as_str() {
        Some("new") => return Ok(Who::Stranger),
        Some(patient) => return Ok(Who::Known(patient.replacen("Patient/", "", 1))),
        None => {}
    }
    let Some(likest) = known.iter().find(|c| c.likeness.grade >= Grade::Probable) else {
        return Ok(Who::Stranger);
    };
    let theirs = Identity::of(&likest.tree);
    let has_other = theirs
        .identifiers
        .iter()
        .any(|(system, _)| *system == own.0);
    if likest.likeness.grade == Grade::Certain && !has_other && !identity.contradicts(&theirs) {
        return Ok(Who::Known(likest.stored.id.clone()));
    }
    Err(place.refuse(
        "duplicate",
        format!(
            "This is probably Patient/{} already. Write that id in the column `doublon` if it is, \
             or `nouveau` if it is not.",
            likest.stored.id
        ),
    ))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn check_exists(tx: &mut Tx, id: &str, place: Place<'_>) -> Result<()> {
    let found = tx.read(kind("Patient")?, id).await?;
    if found.is_some_and(|stored| !stored.is_deleted()) {
        return Ok(());
    }
    Err(place.refuse("duplicate", "There is no Patient of this id."))
}

/// Whether this row's follow-up is there already, ended or not: a table that is read again does
/// not start anew what has been.
async fn is_followed(tx: &mut Tx, patient: &str, row: &Value) -> Result<bool> {
    let Some(pathway) = pathway_url(tx, row).await? else {
        return Ok(false);
    };
    let start = row["start"].as_str().and_then(date::start);
    let query = Query::new(kind("CarePlan")?).reference("subject", &format!("Patient/{patient}"));
    for hit in tx.search(&query).await?.hits {
        let plan = hit.stored.tree()?;
        let same = plan["instantiatesCanonical"][0]
            .as_str()
            .is_some_and(|canonical| canonical.split('|').next() == Some(pathway.as_str()));
        let (first, last) = (&plan["period"]["start"], &plan["period"]["end"]);
        let span = |value: &Value| value.as_str().and_then(date::span);
        let within = start.is_none_or(|start| {
            // A day is longer than its zone is from UTC: the day before and after still count.
            const DAY: i64 = 86_400_000;
            let at = start.as_millisecond();
            span(first).is_none_or(|first| first.start - DAY <= at)
                && span(last).is_none_or(|last| at <= last.end + DAY)
        });
        if same && within {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn pathway_url(tx: &mut Tx, row: &Value) -> Result<Option<String>> {
    let name = row["pathway"].as_str().unwrap_or_default();
    if name.contains('/') {
        return Ok(name.split('|').next().map(str::to_owned));
    }
    if !reference::is_id(name) {
        return Ok(None);
    }
    let found = tx.read(kind("PlanDefinition")?, name).await?;
    match found.filter(|stored| !stored.is_deleted()) {
        Some(stored) => Ok(stored.tree()?["url"].as_str().map(str::to_owned)),
        None => Ok(None),
    }
}

async fn create(tx: &mut Tx, tree: Value) -> Result<String> {
    let id = tx.new_id();
    let stored = tx
        .create(&id, Prepared::new(Resource::trusted(tree)?))
        .await?;
    Ok(stored.reference())
}

async fn create_contact(tx: &mut Tx, patient: &str, contact: Value) -> Result<bool> {
    let identifier = &contact["identifier"][0];
    let query = Query::new(kind("RelatedPerson")?)
        .reference("patient", patient)
        .token(
            "identifier",
            identifier["system"].as_str(),
            &text(&identifier["value"]),
        )
        .limit(1);
    if !tx.search(&query).await?.hits.is_empty() {
        return Ok(false);
    }
    create(tx, contact).await.map(|_| true)
}

async fn record_consent(tx: &mut Tx, patient: &str, row: &Value) -> Result<bool> {
    let query = Query::new(kind("Consent")?)
        .reference("patient", patient)
        .token("status", None, "active")
        .limit(1);
    if !tx.search(&query).await?.hits.is_empty() {
        return Ok(false);
    }
    let given = row["consentDate"].as_str().and_then(date::start);
    let mut consent = json!({
        "resourceType": "Consent",
        "status": "active",
        "scope": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/consentscope",
            "code": "patient-privacy",
        }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "patient": { "reference": patient },
        "dateTime": date::instant(given.unwrap_or(tx.now())),
        "performer": [{ "reference": patient }],
        "policyRule": { "text": "Télésuivi à domicile" },
    });
    if let Some(organization) = row["organization"].as_str() {
        consent["organization"] = json!([{ "reference": organization }]);
    }
    create(tx, consent).await.map(|_| true)
}

/// What `$apply` is asked for a row.
async fn parameters(tx: &mut Tx, patient: &str, place: Place<'_>) -> Result<Value> {
    let row = place.row;
    let mut parameter = vec![json!({ "name": "subject", "valueString": patient })];
    for (name, asked) in [
        ("careTeam", "valueString"),
        ("organization", "valueString"),
        ("practitioner", "valueString"),
        ("start", "valueDateTime"),
        ("timeZone", "valueCode"),
        ("reportChannel", "valueCode"),
        ("reminderTime", "valueTime"),
    ] {
        if let Some(text) = row[name].as_str() {
            parameter.push(json!({ "name": name, asked: text }));
        }
    }
    if let Some(canonical) = row["pathway"].as_str().filter(|name| name.contains('/')) {
        parameter.push(json!({ "name": "planDefinition", "valueCanonical": canonical }));
    }
    for code in row["riskFactors"].as_array().into_iter().flatten() {
        let known = tx
            .find_canonical(kind("CodeSystem")?, RISK_FACTOR_CODE)
            .await?;
        let code = text(code);
        if known.is_none_or(|known| !find_code(&known.tree["concept"], &code)) {
            return Err(place.refuse("riskFactors", "No risk factor of this code is known."));
        }
        parameter.push(json!({
            "name": "riskFactor",
            "valueCodeableConcept": { "coding": [{ "system": RISK_FACTOR_CODE, "code": code }] },
        }));
    }
    Ok(json!({ "resourceType": "Parameters", "parameter": parameter }))
}
