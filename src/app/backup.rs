//! Backup and restore: a copy that can be trusted, and a restore after which those who have been
//! erased since are erased again before the database has its name.

use std::{fs::File, io::Read as _, path::Path, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::{clock::Time, erasure, settings};
use crate::{
    config::Config,
    erasure::{
        Eraser,
        backups::{self, Backup},
        beside,
        ledger::{Ledger, Line, hex},
        replay::Replayed,
    },
    kernel::{
        chance::Chance,
        problem::{Problem, Result},
    },
    service,
    store::{self, Store, StoreOptions},
};

/// Bytes hashed at a time.
const CHUNK: usize = 1 << 20;

/// Makes a backup of the configured database, in use or not; gives its entry in the list and the
/// number of versions in it.
///
/// # Errors
/// As the copy cannot be made, or does not hold what it should.
pub fn back_up(config: &Config, to: &Path) -> Result<(Backup, u64)> {
    let database = config.database.path();
    // Before the copy is made: what is written meanwhile may be in it or not.
    let at = Time::of(&config.clock).clock().now();
    let versions = store::back_up(&database, to)?;
    let backup = Backup {
        at,
        file: to.display().to_string(),
        bytes: std::fs::metadata(to).map_err(Problem::fault)?.len(),
        sha256: hex(&sha256(to)?),
    };
    backups::note(&beside(&database, "backups"), &backup)?;
    Ok((backup, versions))
}

fn sha256(path: &Path) -> Result<Vec<u8>> {
    let mut file = File::open(path).map_err(Problem::fault)?;
    let (mut hasher, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        let count = file.read(&mut chunk).map_err(Problem::fault)?;
        if count == 0 {
            return Ok(hasher.finalize().to_vec());
        }
        hasher.update(&chunk[..count]);
    }
}

/// Puts a backup in the place of the configured database, which nobody may have open.
///
/// # Errors
/// `Invalid`, if a database is there and `force` is not given; `Conflict`, if it is in use;
/// `Fault`, if the backup is not sound or an erasure cannot be made again.
pub async fn restore(
    config: &Config,
    chance: Arc<dyn Chance>,
    from: &Path,
    force: bool,
) -> Result<Replayed> {
    let database = config.database.path();
    store::check_copy(from)?;
    if database.exists() {
        if !force {
            let says = format!("{} is there: --force replaces it.", database.display());
            return Err(Problem::invalid("value", says).at("database.url"));
        }
        keep_ledger(&database)?;
    }
    let part = beside(&database, "restoring");
    store::stage(from, &part)?;
    let replayed = replay(config, chance, &part).await?;
    store::hold_alone(&part)?;
    store::put_in_place(&part, &database)?;
    Ok(replayed)
}

/// What the database that goes knows of erasures, and the ledger does not yet.
fn keep_ledger(database: &Path) -> Result<()> {
    let known = match store::hold_alone(database).and_then(|()| store::known_erasures(database)) {
        Ok(known) => known,
        Err(problem) if problem.internal.is_none() => return Err(problem),
        Err(problem) => {
            // That it cannot be read may be why it is replaced.
            tracing::warn!(
                reason = problem.internal,
                "the old database is not readable"
            );
            return Ok(());
        }
    };
    let ledger = Ledger::at(beside(database, "erasures"));
    let written = ledger.read()?;
    let missing: Vec<Line> = known
        .iter()
        .map(Line::of)
        .filter(|line| written.iter().all(|known| known.id != line.id))
        .collect();
    ledger.append(&missing)
}

/// Erases again, in the copy, by the ledger of the database whose place it takes.
async fn replay(config: &Config, chance: Arc<dyn Chance>, part: &Path) -> Result<Replayed> {
    let time = Time::of(&config.clock);
    let seal = erasure::seal(config, chance.as_ref())?;
    let store = Store::open(StoreOptions {
        path: part.to_owned(),
        readers: 1,
        clock: time.clock(),
        chance,
        reactors: service::reactors(),
    })
    .await?;
    let channels = vec![settings::channel(&config.mail).open()?];
    let eraser = Eraser::new(store, time.clock(), channels, seal, &config.database.path());
    eraser.resume().await
}
