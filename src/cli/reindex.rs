//! `vigie reindex`: the rows by which resources are found, made anew.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::{ArgGroup, Args};
use hyper::Method;
use serde_json::{Value, json};

use super::configuration;
use crate::{
    app::{self, client::Client, command::Ending, logging, terminal},
    fhir::{definitions::ResourceType, permit::Permit},
    kernel::{
        chance::Generator,
        problem::{Problem, Result},
    },
    library::reindex,
    store::Reindex,
};

/// How often a server is asked how far it is.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs between two lines of progress.
const RUNS: u32 = 25;

static PERMIT: Permit = Permit::system("cli.reindex");

/// Where, and what.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true))]
pub struct Arguments {
    /// A database that no server has open: sqlite:PATH.
    #[arg(long, value_name = "URL", group = "target")]
    database: Option<String>,
    /// The base URL of a server that runs, such as http://127.0.0.1:8080/fhir.
    #[arg(long, value_name = "URL", group = "target")]
    base: Option<String>,
    /// A configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only this type, such as Observation.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
}

/// Begins, and tells how far it is until it has ended.
pub(super) async fn run(arguments: Arguments) -> Result<Ending> {
    let kind = arguments.kind.as_deref().map(named).transpose()?;
    let flags = arguments.database.map(|text| ("database.url", text));
    let config = configuration(arguments.config, flags.into_iter().collect())?.config;
    logging::start(&config.log);
    if let Some(base) = &arguments.base {
        return ask(&Client::new(base)?, kind).await;
    }
    let store = app::open_store(&config, Arc::new(Generator::from_system())).await?;
    let mut left = reindex::begin(&store, &PERMIT, kind).await?;
    while !left.is_empty() {
        left = reindex::work(&store, RUNS).await?;
        left.iter().for_each(tell);
    }
    let all = reindex::status(&store, &PERMIT).await?;
    conclude(all.iter().map(|each| each.total).sum());
    Ok(Ending::Done)
}

fn named(name: &str) -> Result<ResourceType> {
    ResourceType::named(name).ok_or_else(|| {
        Problem::invalid("value", format!("{name} is no resource type of R4.")).at("--type")
    })
}

fn tell(at: &Reindex) {
    terminal::say(&format!("{}: {} of {}", at.kind, at.done, at.total));
}

fn conclude(total: u64) {
    terminal::say(&format!("{total} resources are indexed"));
}

/// Has a server do it.
async fn ask(client: &Client, kind: Option<ResourceType>) -> Result<Ending> {
    let path = kind.map_or_else(
        || "/$reindex".to_owned(),
        |kind| format!("/{kind}/$reindex"),
    );
    let nothing = json!({ "resourceType": "Parameters" });
    let mut told = client.send_tree(Method::POST, &path, &nothing).await?;
    loop {
        let runs = parts(&told, "run");
        let open: Vec<_> = runs
            .iter()
            .filter(|run| run.get("ended").is_none())
            .collect();
        if open.is_empty() {
            conclude(runs.iter().filter_map(|run| run["total"].as_u64()).sum());
            return Ok(Ending::Done);
        }
        for run in open {
            let (kind, done, total) = (&run["type"], &run["done"], &run["total"]);
            let kind = kind.as_str().unwrap_or_default();
            terminal::say(&format!("{kind}: {done} of {total}"));
        }
        tokio::time::sleep(PAUSE).await;
        told = client.get("/$reindex-status").await?;
    }
}

/// The parameters of a name, each as an object of its parts.
fn parts(told: &Value, name: &str) -> Vec<Value> {
    let all = told["parameter"].as_array().into_iter().flatten();
    let named = all.filter(|each| each["name"] == name);
    named
        .map(|each| {
            let parts = each["part"].as_array().into_iter().flatten();
            let values = parts.filter_map(|part| {
                let mut members = part.as_object()?.iter();
                let (_, value) = members.find(|(member, _)| member.starts_with("value"))?;
                Some((part["name"].as_str()?.to_owned(), value.clone()))
            });
            Value::Object(values.collect())
        })
        .collect()
}
