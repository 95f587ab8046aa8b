//! `vigie import`: a table of people, or of answers on paper, into a server that runs.
//!
//! It sends the table to `$import`, follows the Task until every row is settled, and prints each
//! row that was refused with its line, column and reason.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use crate::{
    app::{client::Client, command::Ending, terminal},
    fhir::path::encode_base64,
    kernel::problem::{Problem, Result},
};

/// Between two looks at how far the import is.
const LOOK: Duration = Duration::from_millis(500);

/// Where to, and what.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The base URL of a server that runs, such as http://127.0.0.1:8080/fhir.
    #[arg(long, value_name = "URL")]
    base: String,
    /// The table: CSV with a header line, in UTF-8 or as a spreadsheet saves it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The table is of answers that were given on paper, not of people.
    #[arg(long)]
    answers: bool,
    /// The pathway of rows that name none: an id or a canonical URL.
    #[arg(long, value_name = "PLANDEFINITION")]
    pathway: Option<String>,
    /// The CareTeam that is told, for rows that name none.
    #[arg(long, value_name = "ID")]
    care_team: Option<String>,
    /// The Organization that follows, for rows that name none.
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// The Practitioner who enrols, or who has keyed the answers in.
    #[arg(long, value_name = "ID")]
    practitioner: Option<String>,
    /// The system of the identifiers in the table.
    #[arg(long, value_name = "URI")]
    identifier_system: Option<String>,
    /// The time zone of rows that name none, such as Europe/Paris.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
}

/// Sends the table and follows its import; faulty if any row was refused.
pub(super) async fn run(arguments: Arguments) -> Result<Ending> {
    let path = arguments.file.display().to_string();
    let bytes = std::fs::read(&arguments.file)
        .map_err(|e| Problem::invalid("value", e.to_string()).at(&path))?;
    let client = Client::new(&arguments.base)?;
    let kind = if arguments.answers {
        "QuestionnaireResponse"
    } else {
        "Patient"
    };
    let asked = parameters(&arguments, &bytes);
    let operation = format!("/{kind}/$import");
    let mut task = client
        .send_tree(Method::POST, &operation, &asked)
        .await
        .map_err(|problem| problem.within(&path))?;
    while task["status"] == "in-progress" {
        tokio::time::sleep(LOOK).await;
        let id = task["id"].as_str().unwrap_or_default();
        task = client.get(&format!("/Task/{id}")).await?;
    }
    let issues = task["contained"][0]["issue"].as_array();
    for issue in issues.into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (place, reason) = (text(&issue["expression"][0]), text(&issue["diagnostics"]));
        terminal::note(&format!("{path}: {place}: {reason}"));
    }
    let [rows, created, unchanged, rejected] =
        ["rows", "created", "unchanged", "rejected"].map(|code| count(&task, code));
    terminal::say(&format!(
        "{path}: {rows} rows, {created} taken in, {unchanged} known already, {rejected} refused"
    ));
    Ok(if rejected == 0 {
        Ending::Done
    } else {
        Ending::Faulty
    })
}

fn parameters(arguments: &Arguments, table: &[u8]) -> Value {
    let mut parameter = vec![json!({
        "name": "file",
        "valueAttachment": { "contentType": "text/csv", "data": encode_base64(table) },
    })];
    for (name, value) in [
        ("planDefinition", &arguments.pathway),
        ("careTeam", &arguments.care_team),
        ("organization", &arguments.organization),
        ("practitioner", &arguments.practitioner),
        ("identifierSystem", &arguments.identifier_system),
        ("timeZone", &arguments.time_zone),
    ] {
        if let Some(text) = value {
            parameter.push(json!({ "name": name, "valueString": text }));
        }
    }
    json!({ "resourceType": "Parameters", "parameter": parameter })
}

fn count(task: &Value, code: &str) -> u64 {
    let outputs = task["output"].as_array().into_iter().flatten();
    let mut of_code = outputs.filter(|one| one["type"]["coding"][0]["code"] == code);
    of_code
        .next()
        .and_then(|one| one["valueInteger"].as_u64())
        .unwrap_or_default()
}
