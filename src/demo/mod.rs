//! `vigie demo`: the cohort of the real service lives its fourteen days on this machine.
//!
//! - `people`, `course`, `script`, `timeline`, `form`, `answer`: the generator, pure and seeded.
//! - `enrol`, `play`, `staff`: its people, through the public HTTP API of a server of its own.
//! - `erase`, `canary`: the end of the agency's data, and the search for what may be left of it.
//! - `practice`: a server with a login beside it, and an app that is launched against it.
//! - `count`, `measure`, `table`: what the server says has come of it, and at what speed.

mod answer;
mod canary;
mod count;
mod course;
mod dice;
mod enrol;
mod erase;
mod form;
mod measure;
mod people;
mod play;
mod practice;
mod progress;
mod script;
mod staff;
mod table;
mod timeline;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;

use crate::{
    app::{
        self, Running,
        command::{self, Ending},
        logging, signals, terminal,
    },
    config::{Config, Sources, load},
    kernel::{
        chance::Generator,
        problem::{Problem, Result},
    },
};

/// What the demo can be told.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// End after the table, instead of serving on.
    #[arg(long)]
    exit: bool,
    /// Another seed gives other people, courses and answers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The share of the cohort that takes part, above 0 up to 1.
    #[arg(long, value_name = "FRACTION", default_value_t = 1.0, value_parser = share)]
    scale: f64,
    /// Keep the agency's data too, which is otherwise erased at the end.
    #[arg(long)]
    keep: bool,
    /// Keep the database in this file, which must not exist; otherwise it vanishes at the end.
    #[arg(long, value_name = "PATH")]
    database: Option<PathBuf>,
    /// Where the demo's server listens: a loopback address.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: String,
}

fn share(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("it is a number above 0 and up to 1".to_owned()),
    }
}

/// Runs the demo to its end.
#[must_use]
pub fn run(options: Options) -> ExitCode {
    command::run(demo(options))
}

async fn demo(options: Options) -> Result<Ending> {
    let place = Place::take(options.database.as_deref())?;
    let config = configuration(&options, &place.path())?;
    logging::start(&config.log);
    let started = std::time::Instant::now();
    let fsync = measure::fsync(place.folder())?;
    let running = app::start(&config, Arc::new(Generator::from_seed(options.seed))).await?;
    let mut played = play::begin(running.base(), options.seed, options.scale).await?;
    played.on(Some(timeline::counted())).await?;
    let counts = count::count(&played).await?;
    let performance = measure::Performance {
        wall: started.elapsed(),
        peak_bytes: measure::peak_bytes(),
        fsync,
        alerting: played.latencies.of(&counts.evidence),
        all: played.latencies.all(),
    };
    for line in table::lines(&counts, &performance) {
        terminal::say(&line);
    }
    let mut faults = counts.faults();
    if options.keep {
        played.on(None).await?;
    } else {
        let erased = erase::erase(&mut played, &place.path()).await?;
        for line in table::erasure(&erased) {
            terminal::say(&line);
        }
        faults.extend(erased.faults());
    }
    for fault in &faults {
        terminal::note(&format!("vigie: {fault}"));
    }
    if !options.exit {
        serve_on(&running, &played, &place).await?;
    }
    running.stop().await;
    Ok(if faults.is_empty() {
        Ending::Done
    } else {
        Ending::Faulty
    })
}

async fn serve_on(running: &Running, played: &play::Played, place: &Place) -> Result<()> {
    terminal::say("");
    for line in table::worth_typing(running.base(), played) {
        terminal::say(&line);
    }
    let folder = Place::passing("practice")?;
    let practice = practice::Practice::open(folder.folder()).await?;
    terminal::say("");
    for line in practice.lines() {
        terminal::say(&line);
    }
    terminal::say("");
    if place.is_kept() {
        terminal::say(&format!(
            "The database stays in {}; Ctrl-C ends the server.",
            place.path().display()
        ));
    } else {
        terminal::say("Ctrl-C ends the server and removes its database.");
    }
    signals::stop_wanted().await?;
    practice.stop().await;
    Ok(())
}

/// The demo's own configuration: neither a file nor the environment changes it.
fn configuration(options: &Options, database: &Path) -> Result<Config> {
    let flags = vec![
        ("server.listen", options.listen.clone()),
        ("server.insecure_no_auth", true.to_string()),
        ("database.url", format!("sqlite:{}", database.display())),
        ("clock.simulated", true.to_string()),
        ("clock.start", timeline::START.to_owned()),
        ("mail.channel", "memory".to_owned()),
        ("log.filter", "error".to_owned()),
    ];
    let sources = Sources {
        flags,
        ..Sources::default()
    };
    load(&sources).map(|effective| effective.config)
}

/// Where the demo's database is.
enum Place {
    /// A file that somebody asked for.
    Kept(PathBuf),
    /// A folder that is removed at the end.
    Passing(PathBuf),
}

impl Place {
    fn take(wanted: Option<&Path>) -> Result<Self> {
        if let Some(path) = wanted {
            if path.exists() {
                let reason = "The demo begins with an empty database; this file exists already.";
                return Err(Problem::invalid("value", reason).at(path.display().to_string()));
            }
            return Ok(Self::Kept(path.to_owned()));
        }
        Self::passing("cohort")
    }

    /// A folder that is removed at the end.
    fn passing(name: &str) -> Result<Self> {
        let name = format!("vigie-demo-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder)
            .map_err(|e| Problem::fault(format!("{}: {e}", folder.display())))?;
        Ok(Self::Passing(folder))
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::Kept(path) => path.clone(),
            Self::Passing(folder) => folder.join("vigie.db"),
        }
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Kept(path) => match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            },
            Self::Passing(folder) => folder,
        }
    }

    const fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Passing(folder) = self {
            // What cannot be removed is in the system's folder for such things.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn scales_are_shares() {
        let scale = |text: &str| {
            Line::try_parse_from(["demo", "--scale", text]).map(|line| line.options.scale)
        };
        assert!((scale("0.02").unwrap() - 0.02).abs() < f64::EPSILON);
        for wrong in ["0", "1.5", "-1", "NaN", "all"] {
            assert!(scale(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_database_that_exists_is_left_alone_and_a_passing_one_vanishes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        assert!(Place::take(Some(&path)).is_ok());
        std::fs::write(&path, "x").unwrap();
        assert!(Place::take(Some(&path)).is_err());
        let passing = Place::take(None).unwrap();
        let folder = passing.folder().to_owned();
        assert!(folder.is_dir());
        drop(passing);
        assert!(!folder.exists());
    }

    #[test]
    fn the_demo_listens_on_loopback_only() {
        let options = |listen: &str| {
            Line::try_parse_from(["demo", "--listen", listen])
                .unwrap()
                .options
        };
        let path = Path::new("/x/vigie.db");
        let config = configuration(&options("127.0.0.1:0"), path).unwrap();
        assert_eq!(config.database.path(), path);
        assert!(configuration(&options("0.0.0.0:0"), path).is_err());
    }
}
