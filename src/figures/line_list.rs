//! The line list: one row for each follow-up, as teams work through it.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;

use super::{
    contribution::{establishment, is_handling, is_report},
    table::{Style, Table},
    tally::Days,
};
use crate::{
    care::kind,
    fhir::{
        canonical::{
            CLOSURE_REASON, CLOSURE_REASON_CODE, FLAG_PRIORITY, FLAG_PRIORITY_CODE, REPORT_CHANNEL,
            code_in, extension,
        },
        care_plan::FollowUp,
        date,
        definitions::ResourceType,
        permit::Permit,
        reference,
        search::query::{Query, clause::Prefix},
    },
    kernel::problem::{Category, Problem, Result},
    store::{
        Store, Stored,
        witness::{Act, Deed},
    },
};

/// Most follow-ups of one list.
pub const LINES_MAX: usize = 20_000;

/// The names of the columns, in English and in French.
const COLUMNS: [(&str, &str); 27] = [
    ("followUp", "suivi"),
    ("patient", "patient"),
    ("identifier", "identifiant"),
    ("family", "nom"),
    ("given", "prénom"),
    ("birthDate", "date de naissance"),
    ("phone", "téléphone"),
    ("email", "courriel"),
    ("pathway", "parcours"),
    ("establishment", "établissement"),
    ("status", "statut"),
    ("closureReason", "motif de fin"),
    ("channel", "canal"),
    ("start", "début"),
    ("end", "fin"),
    ("day", "jour"),
    ("lastAnswer", "dernière réponse"),
    ("nextDue", "prochaine échéance"),
    ("answered", "réponses"),
    ("missed", "manqués"),
    ("missedInARow", "manqués de suite"),
    ("urgentAlerts", "alertes urgentes"),
    ("simpleAlerts", "alertes simples"),
    ("otherAlerts", "autres alertes"),
    ("oldestAlert", "alerte la plus ancienne"),
    ("owner", "responsable"),
    ("careTeam", "équipe"),
];

/// Which follow-ups are listed.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The pathway's canonical URL, without its version.
    pub pathway: Option<String>,
    /// `Organization/{id}`.
    pub establishment: Option<String>,
    /// Statuses of the CarePlan; none: all.
    pub statuses: Vec<String>,
    /// Follow-ups that ran on one of these days.
    pub days: Days,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Form {
    /// Separators and mark.
    pub style: Style,
    /// Whether the columns are named in French.
    pub french: bool,
}

impl Form {
    /// The names of columns.
    pub(super) fn header<'a>(&self, columns: &[(&'a str, &'a str)]) -> Vec<&'a str> {
        let name = |(english, french): &(&'a str, &'a str)| {
            if self.french { *french } else { *english }
        };
        columns.iter().map(name).collect()
    }
}

/// Where lists are read from.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The store.
    pub store: &'a Store,
    /// Who asks.
    pub permit: &'a Permit,
    /// The present instant.
    pub now: Timestamp,
}

impl Reader<'_> {
    /// Tells the record of accesses of whom a list is: a table names its people in ways of its own.
    pub(super) fn lists(&self, operation: &'static str, plans: &[Value]) {
        let patient = |plan| FollowUp::read(plan).map(|one| one.patient);
        self.store.saw(Deed {
            act: Act::Listed(operation),
            actor: self.permit.actor().clone(),
            entity: None,
            patients: plans.iter().filter_map(patient).collect(),
            is_done: true,
            detail: "list".to_owned(),
        });
    }

    async fn all(&self, query: Query) -> Result<Vec<Value>> {
        let hits = self.store.search(self.permit, &query).await?.hits;
        hits.iter().map(|hit| hit.stored.tree()).collect()
    }

    async fn one(&self, kind: ResourceType, id: &str) -> Result<Value> {
        let found = self.store.read(self.permit, kind, id).await?;
        found.as_ref().map_or(Ok(Value::Null), Stored::tree)
    }

    /// The follow-ups of a selection, the latest first.
    ///
    /// # Errors
    /// `TooLarge`, if there are more than [`LINES_MAX`].
    pub(super) async fn plans(&self, selection: &Selection) -> Result<Vec<Value>> {
        let mut query = Query::new(kind("CarePlan")?);
        let statuses: Vec<&str> = selection.statuses.iter().map(String::as_str).collect();
        if !statuses.is_empty() {
            query = query.tokens("status", None, &statuses);
        }
        // A day more on each side: the days themselves are compared below.
        let utc = |day: Date| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp());
        if let Some(first) = selection.days.first.yesterday().ok().and_then(utc) {
            query = query.date("date", Prefix::Ge, first);
        }
        if let Some(last) = selection.days.last.tomorrow().ok().and_then(utc) {
            query = query.date("date", Prefix::Le, last);
        }
        let query = query.limit(u32::try_from(LINES_MAX).unwrap_or(u32::MAX));
        let page = self.store.search(self.permit, &query).await?;
        if page.next.is_some() {
            return Err(Problem::new(
                Category::TooLarge,
                "too-costly",
                format!("A list has at most {LINES_MAX} follow-ups; narrow it."),
            ));
        }
        let mut plans = Vec::new();
        for hit in page.hits {
            let plan = hit.stored.tree()?;
            if FollowUp::read(&plan).is_some_and(|one| selection.holds(&plan, &one)) {
                plans.push(plan);
            }
        }
        Ok(plans)
    }

    pub(super) async fn based_on(&self, name: &str, plan: &Value) -> Result<Vec<Value>> {
        let plan = format!("CarePlan/{}", text(&plan["id"]));
        self.all(Query::new(kind(name)?).reference("based-on", &plan))
            .await
    }

    pub(super) async fn patient(&self, plan: &Value) -> Result<Value> {
        let local = plan["subject"]["reference"]
            .as_str()
            .and_then(reference::local);
        match local {
            Some(local) => self.one(local.kind, &local.id).await,
            None => Ok(Value::Null),
        }
    }
}

impl Selection {
    fn holds(&self, plan: &Value, follow_up: &FollowUp) -> bool {
        let pathway = follow_up.pathway.split('|').next();
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == found
        };
        let end: Option<Date> = plan["period"]["end"]
            .as_str()
            .and_then(|end| end.get(..10)?.parse().ok());
        is(&self.pathway, pathway)
            && is(&self.establishment, establishment(plan))
            && follow_up.first_date <= self.days.last
            && end.is_none_or(|end| end >= self.days.first)
    }
}

/// Writes the list.
///
/// # Errors
/// As the selection is too large, or the store fails.
pub async fn line_list(reader: Reader<'_>, selection: &Selection, form: Form) -> Result<Vec<u8>> {
    let mut table = Table::new(form.style, form.header(&COLUMNS))?;
    let plans = reader.plans(selection).await?;
    for plan in &plans {
        let line = line(reader, plan).await?;
        table.row(&line)?;
    }
    reader.lists("$line-list", &plans);
    table.finish()
}

async fn line(reader: Reader<'_>, plan: &Value) -> Result<Vec<String>> {
    let Some(follow_up) = FollowUp::read(plan) else {
        return Ok(Vec::new());
    };
    let patient = reader.patient(plan).await?;
    let tasks = reader.based_on("Task", plan).await?;
    let answers = reader.based_on("QuestionnaireResponse", plan).await?;
    let reports = Reports::of(&tasks, &follow_up);
    let alerts = alerts(reader, &tasks).await?;
    let status = text(&plan["status"]);
    let day = if status == "active" || status == "on-hold" {
        follow_up.day_of(reader.now).to_string()
    } else {
        String::new()
    };
    let last = answers
        .iter()
        .filter_map(|one| one["authored"].as_str())
        .max();
    let mut line = vec![follow_up.id.clone(), follow_up.patient.clone()];
    line.extend(identity(&patient));
    line.extend([
        follow_up.pathway.clone(),
        establishment(plan).unwrap_or_default().to_owned(),
        status,
        closure_reason(plan),
        extension(plan, REPORT_CHANNEL).map_or("app".to_owned(), text),
        text(&plan["period"]["start"]),
        text(&plan["period"]["end"]),
        day,
        last.unwrap_or_default().to_owned(),
        reports.next,
        reports.answered.to_string(),
        reports.missed.to_string(),
        reports.missed_in_a_row.to_string(),
    ]);
    line.extend(alerts);
    line.push(text(&plan["careTeam"][0]["reference"]));
    Ok(line)
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Identifier, family and given name, date of birth, telephone and e-mail.
pub(super) fn identity(patient: &Value) -> [String; 6] {
    let telecom = |system: &str| {
        let mut all = patient["telecom"].as_array().into_iter().flatten();
        let found = all.find(|one| one["system"] == system && one["period"]["end"].is_null());
        found.map_or(String::new(), |one| text(&one["value"]))
    };
    [
        text(&patient["identifier"][0]["value"]),
        text(&patient["name"][0]["family"]),
        text(&patient["name"][0]["given"][0]),
        text(&patient["birthDate"]),
        telecom("phone"),
        telecom("email"),
    ]
}

fn closure_reason(plan: &Value) -> String {
    let reason = extension(plan, CLOSURE_REASON);
    let code = reason.and_then(|reason| code_in(reason, CLOSURE_REASON_CODE));
    code.unwrap_or_default().to_owned()
}

/// What has become of the reports of a follow-up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reports {
    answered: u32,
    missed: u32,
    /// Missed since the last answer; reports that were called off do not count.
    missed_in_a_row: u32,
    /// The date of the next that is not settled.
    next: String,
}

impl Reports {
    fn of(tasks: &[Value], follow_up: &FollowUp) -> Self {
        let opens = |task: &Value| {
            let start = task["restriction"]["period"]["start"].as_str();
            start.and_then(date::start)
        };
        let mut reports: Vec<(Timestamp, &Value)> = tasks
            .iter()
            .filter(|task| is_report(task))
            .filter_map(|task| Some((opens(task)?, task)))
            .collect();
        reports.sort_by_key(|(opens, _)| *opens);
        let mut all = Self::default();
        for (opens, task) in reports {
            match task["status"].as_str() {
                Some("completed") => {
                    all.answered += 1;
                    all.missed_in_a_row = 0;
                }
                Some("failed") => {
                    all.missed += 1;
                    all.missed_in_a_row += 1;
                }
                Some("requested" | "ready") if all.next.is_empty() => {
                    let local = opens.to_zoned(follow_up.zone.clone());
                    all.next = local.date().to_string();
                }
                _ => {}
            }
        }
        all
    }
}

/// Open alerts by level, since when the oldest waits, and who has taken them.
async fn alerts(reader: Reader<'_>, tasks: &[Value]) -> Result<[String; 5]> {
    let (mut urgent, mut simple, mut other) = (0, 0, 0);
    let (mut oldest, mut owners) = (None::<String>, Vec::new());
    for task in tasks.iter().filter(|task| is_handling(task)) {
        let flag = task["focus"]["reference"]
            .as_str()
            .and_then(reference::local);
        let Some(flag) = flag else { continue };
        let flag = reader.one(flag.kind, &flag.id).await?;
        if flag["status"] != "active" {
            continue;
        }
        let priority = extension(&flag, FLAG_PRIORITY);
        match priority.and_then(|priority| code_in(priority, FLAG_PRIORITY_CODE)) {
            Some("PH") => urgent += 1,
            Some("PM") => simple += 1,
            _ => other += 1,
        }
        let raised = text(&flag["period"]["start"]);
        oldest = Some(oldest.map_or(raised.clone(), |known| known.min(raised)));
        owners.extend(task["owner"]["reference"].as_str().map(str::to_owned));
    }
    owners.sort();
    owners.dedup();
    Ok([
        urgent.to_string(),
        simple.to_string(),
        other.to_string(),
        oldest.unwrap_or_default(),
        owners.join(" "),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fhir::canonical::{REPORT, TIME_ZONE};

    fn report(day: &str, status: &str) -> Value {
        json!({
            "identifier": [{ "system": REPORT, "value": "f/1" }],
            "status": status,
            "restriction": { "period": { "start": format!("{day}T22:00:00Z") } },
        })
    }

    #[test]
    fn missed_reports_are_counted_in_all_and_in_a_row() {
        let plan = json!({
            "id": "f", "subject": { "reference": "Patient/p" }, "instantiatesCanonical": ["u|1"],
            "period": { "start": "2020-05-11" },
            "extension": [{ "url": TIME_ZONE, "valueCode": "Europe/Paris" }],
        });
        let follow_up = FollowUp::read(&plan).expect("a follow-up");
        let mut tasks = vec![
            report("2020-05-15", "ready"),
            report("2020-05-14", "failed"),
            report("2020-05-13", "cancelled"),
            report("2020-05-12", "failed"),
            report("2020-05-11", "completed"),
            report("2020-05-10", "failed"),
        ];
        tasks.push(json!({ "status": "failed" }));
        let reports = Reports::of(&tasks, &follow_up);
        let expected = Reports {
            answered: 1,
            missed: 3,
            missed_in_a_row: 2,
            next: "2020-05-16".into(),
        };
        assert_eq!(reports, expected);
    }

    #[test]
    fn every_line_has_a_cell_for_each_column() {
        // Two ids, six of the person, thirteen of the follow-up, five of its alerts, its team.
        assert_eq!(COLUMNS.len(), 2 + 6 + 13 + 5 + 1);
    }
}
