//! One answer that was given on paper, in one transaction; it is judged as any answer is, at the
//! time at which the form was filled in.

use serde_json::{Map, Value, json};

use super::{answer::Form, fault::Fault};
use crate::{
    care::kind,
    fhir::{
        canonical::{ANSWER_CHANNEL, IMPORT, IMPORT_ROW},
        care_plan::FollowUp,
        pathway::Pathway,
        permit::Permit,
        questionnaire_response::effective_time,
        reference,
        resource::Resource,
        search::query::Query,
    },
    kernel::problem::{Problem, Result},
    store::{Prepared, RowState, Store, Stored, Tx},
};

/// The form of the pathway that a table of answers is of.
///
/// # Errors
/// As no pathway is named, or it or its form is not there.
pub async fn form(store: &Store, permit: &Permit, defaults: &Map<String, Value>) -> Result<Form> {
    let wrong = |says: &str| {
        Problem::invalid("not-found", says).at("Parameters.parameter.where(name='planDefinition')")
    };
    let name = defaults
        .get("pathway")
        .and_then(Value::as_str)
        .ok_or_else(|| wrong("Name the pathway whose form the table holds: `planDefinition`."))?;
    let definition = definition(store, permit, "PlanDefinition", name).await?;
    let definition = definition.ok_or_else(|| wrong("There is no such PlanDefinition."))?;
    let pathway = Pathway::read(&definition)?;
    let canonical = pathway
        .phases
        .last()
        .map(|phase| phase.questionnaire.clone());
    let canonical = canonical.ok_or_else(|| wrong("The pathway asks for no reports."))?;
    let tree = definition_of(store, permit, &canonical).await?;
    let url = pathway.canonical.split('|').next().unwrap_or_default();
    Ok(Form {
        pathway: url.to_owned(),
        tree: tree.ok_or_else(|| wrong("The form of the pathway is not there."))?,
        canonical,
    })
}

async fn definition_of(store: &Store, permit: &Permit, canonical: &str) -> Result<Option<Value>> {
    definition(store, permit, "Questionnaire", canonical).await
}

/// A definition by its id or its canonical URL.
async fn definition(
    store: &Store,
    permit: &Permit,
    name: &str,
    id_or_canonical: &str,
) -> Result<Option<Value>> {
    let kind = kind(name)?;
    if reference::is_id(id_or_canonical) {
        let found = store.read(permit, kind, id_or_canonical).await?;
        let found = found.filter(|stored| !stored.is_deleted());
        return found.map(|stored| stored.tree()).transpose();
    }
    let (url, version) = match id_or_canonical.split_once('|') {
        Some((url, version)) => (url, Some(version)),
        None => (id_or_canonical, None),
    };
    let mut query = Query::new(kind).uri("url", url);
    if let Some(version) = version {
        query = query.token("version", None, version);
    }
    let hit = store.search(permit, &query.limit(1)).await?.hits.pop();
    hit.map(|hit| hit.stored.tree()).transpose()
}

/// Takes one row in; gives the patient whom it is about, as `Patient/{id}`.
///
/// # Errors
/// As the row is refused, with the place in the table; or as the store fails.
pub async fn take(tx: &mut Tx, line: u64, row: &Value) -> Result<(RowState, String)> {
    let refuse = |name: &str, reason: &str| {
        let title = row["titles"][name].as_str().unwrap_or_default();
        Problem::invalid("business-rule", reason).at(Fault::new(line, title, "").place())
    };
    let column = if row["patient"].is_string() {
        "patient"
    } else {
        "identifier"
    };
    let patient = match people(tx, row).await?.as_slice() {
        [one] => one.clone(),
        [] => return Err(refuse(column, "Nobody of this name is known.")),
        _ => return Err(refuse(column, "Several people have this identifier.")),
    };
    let plan = follow_up(tx, &patient, row).await?;
    let plan = plan.ok_or_else(|| {
        refuse(
            "date",
            "This person has no follow-up of this pathway that holds the date.",
        )
    })?;
    let response = response(row, &patient, &plan);
    let identifier = &response["identifier"];
    let query = Query::new(kind("QuestionnaireResponse")?)
        .token(
            "identifier",
            identifier["system"].as_str(),
            identifier["value"].as_str().unwrap_or_default(),
        )
        .limit(1);
    if !tx.search(&query).await?.hits.is_empty() {
        return Ok((RowState::Unchanged, patient));
    }
    let id = tx.new_id();
    tx.create(&id, Prepared::new(Resource::trusted(response)?))
        .await?;
    Ok((RowState::Created, patient))
}

/// The people whom a row may mean, as `Patient/{id}`.
async fn people(tx: &mut Tx, row: &Value) -> Result<Vec<String>> {
    let patients = kind("Patient")?;
    if let Some(named) = row["patient"].as_str() {
        let id = named.strip_prefix("Patient/").unwrap_or(named);
        let found = if reference::is_id(id) {
            tx.read(patients, id).await?
        } else {
            None
        };
        let found = found.filter(|stored| !stored.is_deleted());
        return Ok(found.iter().map(Stored::reference).collect());
    }
    let system = row["identifierSystem"].as_str().unwrap_or(IMPORT);
    let value = row["identifier"].as_str().unwrap_or_default();
    let query = Query::new(patients)
        .token("identifier", Some(system), value)
        .limit(2);
    let hits = tx.search(&query).await?.hits;
    Ok(hits.iter().map(|hit| hit.stored.reference()).collect())
}

/// The follow-up of the pathway that was begun last before the answer.
async fn follow_up(tx: &mut Tx, patient: &str, row: &Value) -> Result<Option<Value>> {
    let pathway = row["pathway"].as_str().unwrap_or_default();
    let mut best: Option<(jiff::civil::Date, Value)> = None;
    let query = Query::new(kind("CarePlan")?).reference("subject", patient);
    for hit in tx.search(&query).await?.hits {
        let plan = hit.stored.tree()?;
        let Some(follow_up) = FollowUp::read(&plan) else {
            continue;
        };
        let authored = json!({ "authored": row["authored"] });
        let day = effective_time(&authored, &follow_up.zone).map(|at| follow_up.day_of(at));
        let same = follow_up.pathway.split('|').next() == Some(pathway);
        let later = best
            .as_ref()
            .is_none_or(|(first, _)| follow_up.first_date > *first);
        if same && later && day.is_some_and(|day| day >= 1) && plan["status"] != "entered-in-error"
        {
            best = Some((follow_up.first_date, plan));
        }
    }
    Ok(best.map(|(_, plan)| plan))
}

fn response(row: &Value, patient: &str, plan: &Value) -> Value {
    let plan = format!("CarePlan/{}", plan["id"].as_str().unwrap_or_default());
    let identity = json!([plan, row["authored"], row["items"]]).to_string();
    let hash: String = blake3::hash(identity.as_bytes())
        .to_hex()
        .chars()
        .take(32)
        .collect();
    let mut response = json!({
        "resourceType": "QuestionnaireResponse",
        "extension": [{ "url": ANSWER_CHANNEL, "valueCode": "import" }],
        "identifier": { "system": IMPORT_ROW, "value": hash },
        "basedOn": [{ "reference": plan }],
        "questionnaire": row["questionnaire"],
        "status": "completed",
        "subject": { "reference": patient },
        "authored": row["authored"],
        "source": { "reference": patient },
        "item": row["items"],
    });
    if let Some(author) = row["author"].as_str() {
        response["author"] = json!({ "reference": author });
    }
    response
}
