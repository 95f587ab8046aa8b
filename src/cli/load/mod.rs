//! `vigie load`: files into a server or into a database, checked as any request is.
//!
//! With `--database` the requests go straight into the router of this process; no server may have
//! the database open at the same time. `unit` reads files; `tally` counts what became of them;
//! `package` brings in the definitions of implementation guides, `settle` decides under which ids.

mod package;
mod settle;
mod tally;
mod unit;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{ArgGroup, Args};
use futures_util::{StreamExt, stream};

use self::{tally::Tally, unit::Unit};
use super::configuration;
use crate::{
    app::{self, client::Client, command::Ending, logging, terminal},
    kernel::{
        chance::Generator,
        problem::{Problem, Result},
    },
};

/// Lines of an NDJSON file under way at the same time.
const CONCURRENCY: usize = 8;

/// Where to, and what.
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
    /// Take folders as packages, which they are anyway if they have a package.json: their
    /// definitions are loaded, each under its canonical URL and version.
    #[arg(long)]
    package: bool,
    /// Load the examples of packages, too.
    #[arg(long)]
    examples: bool,
    /// Files (*.ndjson: a resource a line; others: a resource or a Bundle), folders of them, and
    /// FHIR packages (.tgz). A Bundle is loaded as a whole or not at all; a batch or a collection
    /// as well.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
}

/// Loads every file and reports each; faulty if anything was rejected.
pub(super) async fn run(arguments: Arguments) -> Result<Ending> {
    let (mut packages, mut plain) = (Vec::new(), Vec::new());
    for path in &arguments.paths {
        match package::read(path, arguments.package)? {
            Some(found) => packages.push((path, found)),
            None => plain.push(path.clone()),
        }
    }
    let files = if plain.is_empty() {
        Vec::new()
    } else {
        unit::files(&plain)?
    };
    let flags = arguments.database.map(|text| ("database.url", text));
    let config = configuration(arguments.config, flags.into_iter().collect())?.config;
    logging::start(&config.log);
    let client = match &arguments.base {
        Some(base) => Client::new(base)?,
        None => app::offline(&config, Arc::new(Generator::from_system())).await?,
    };
    let mut ending = Ending::Done;
    for (path, found) in packages {
        let outcome = package::load(&client, found, arguments.examples).await?;
        for note in outcome.notes.iter().chain(&outcome.refusals) {
            terminal::note(&format!("{}: {note}", path.display()));
        }
        terminal::say(&format!("{}: {outcome}", path.display()));
        if !outcome.refusals.is_empty() {
            ending = Ending::Faulty;
        }
    }
    if files.is_empty() {
        return Ok(ending);
    }
    let mut total = Tally::default();
    for path in &files {
        let tally = load_file(&client, path).await?;
        for rejection in &tally.rejections {
            terminal::note(&format!("{}{rejection}", path.display()));
        }
        terminal::say(&format!("{}: {tally}", path.display()));
        total.add(tally);
    }
    terminal::say(&format!("{} files: {total}", files.len()));
    Ok(if total.rejections.is_empty() {
        ending
    } else {
        Ending::Faulty
    })
}

/// Loads one file; only a server that is out of reach ends the command.
async fn load_file(client: &Client, path: &Path) -> Result<Tally> {
    let bytes = std::fs::read(path)
        .map_err(|e| Problem::invalid("value", e.to_string()).at(path.display().to_string()))?;
    let mut tally = Tally::default();
    let mut outcomes = stream::iter(unit::units(path, bytes.into()))
        .map(|(line, unit)| async move { (line, load_unit(client, unit).await) })
        .buffered(CONCURRENCY);
    while let Some((line, outcome)) = outcomes.next().await {
        match outcome {
            Ok(counted) => tally.add(counted),
            Err(problem) => tally.reject(line, &problem)?,
        }
    }
    Ok(tally)
}

async fn load_unit(client: &Client, unit: Result<Unit>) -> Result<Tally> {
    let unit = unit?;
    let answer = client
        .send(unit.method, &unit.path, Some(unit.body))
        .await?;
    let tree = answer.tree()?;
    Ok(if tree["resourceType"] == "Bundle" {
        Tally::of_bundle(&tree)
    } else {
        Tally::of_status(answer.status.as_u16())
    })
}
