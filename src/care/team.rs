//! Who is told of what happens in a follow-up.

use serde_json::Value;

use crate::{fhir::reference, kernel::problem::Result, store::Tx};

/// Most people that one event is told to.
pub const RECIPIENTS_MAX: usize = 50;

/// The recipients of a follow-up, as references: the members of its care teams; without a team,
/// its author and contributors.
///
/// # Errors
/// As a read.
pub async fn recipients(tx: &mut Tx, plan: &Value) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for team in references(&plan["careTeam"]) {
        let Some(local) = reference::local(&team) else {
            continue;
        };
        let Some(stored) = tx.read(local.kind, &local.id).await? else {
            continue;
        };
        let team = stored.tree()?;
        let members = team["participant"].as_array().into_iter().flatten();
        found.extend(
            members.filter_map(|one| one["member"]["reference"].as_str().map(str::to_owned)),
        );
    }
    if found.is_empty() {
        found.extend(plan["author"]["reference"].as_str().map(str::to_owned));
        found.extend(references(&plan["contributor"]));
    }
    // Patients and proxies may belong to a team; what is for the team is not for them.
    found.retain(|reference| {
        ["Practitioner/", "PractitionerRole/", "Organization/"]
            .iter()
            .any(|kind| reference.starts_with(kind))
    });
    found.sort();
    found.dedup();
    found.truncate(RECIPIENTS_MAX);
    Ok(found)
}

fn references(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["reference"].as_str().map(str::to_owned))
        .collect()
}
