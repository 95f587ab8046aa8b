//! Who is told of what happens in a follow-up.

use serde_json::Value;

use crate::{fhir::reference, kernel::problem::Result, store::Tx};

/// Most people that one event is told to.
pub const RECIPIENTS_MAX: usize = 50;

/// The recipients of a follow-up, as references: the members of its care teams; where no team
/// has a professional in it, its author and contributors, so that somebody is told.
///
/// # Errors
/// As a read.
pub async fn recipients(tx: &mut Tx, plan: &Value) -> Result<Vec<String>> {
    let mut members = Vec::new();
    for team in references(&plan["careTeam"]) {
        let Some(local) = reference::local(&team) else {
            continue;
        };
        let Some(stored) = tx.read(local.kind, &local.id).await? else {
            continue;
        };
        let team = stored.tree()?;
        let participants = team["participant"].as_array().into_iter().flatten();
        members.extend(
            participants.filter_map(|one| one["member"]["reference"].as_str().map(str::to_owned)),
        );
    }
    Ok(choose(members, plan))
}

/// Whom to tell: pure.
fn choose(members: Vec<String>, plan: &Value) -> Vec<String> {
    let mut chosen = professionals(members);
    if chosen.is_empty() {
        let mut others = references(&plan["contributor"]);
        others.extend(plan["author"]["reference"].as_str().map(str::to_owned));
        chosen = professionals(others);
    }
    if chosen.len() > RECIPIENTS_MAX {
        tracing::warn!(
            recipients = chosen.len(),
            most = RECIPIENTS_MAX,
            "a team is too large: not all of it is told"
        );
        chosen.truncate(RECIPIENTS_MAX);
    }
    chosen
}

/// Patients and proxies may belong to a team; what is for the team is not for them.
fn professionals(mut references: Vec<String>) -> Vec<String> {
    references.retain(|reference| {
        ["Practitioner/", "PractitionerRole/", "Organization/"]
            .iter()
            .any(|kind| reference.starts_with(kind))
    });
    references.sort();
    references.dedup();
    references
}

fn references(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["reference"].as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chosen(members: &[&str]) -> Vec<String> {
        let plan = json!({
            "author": { "reference": "Practitioner/author" },
            "contributor": [{ "reference": "Organization/agency" }],
        });
        choose(members.iter().map(|one| (*one).to_owned()).collect(), &plan)
    }

    #[test]
    fn the_professionals_of_a_team_are_told_once_each() {
        let team = [
            "Practitioner/b",
            "Patient/p",
            "Organization/a",
            "Practitioner/b",
        ];
        assert_eq!(chosen(&team), ["Organization/a", "Practitioner/b"]);
    }

    #[test]
    fn a_team_without_a_professional_leaves_it_to_who_enrolled() {
        let enrolled = ["Organization/agency", "Practitioner/author"];
        assert_eq!(chosen(&[]), enrolled);
        assert_eq!(chosen(&["Patient/p", "RelatedPerson/mother"]), enrolled);
    }

    #[test]
    fn a_team_over_the_bound_is_cut_at_it() {
        let many: Vec<String> = (0..=RECIPIENTS_MAX)
            .map(|n| format!("Practitioner/{n}"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(chosen(&many).len(), RECIPIENTS_MAX);
    }
}
