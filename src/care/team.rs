//! Who is told of what happens in a follow-up, and in which turn.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::cover::{self, Cover};
use crate::{
    fhir::{
        canonical::{ESCALATION_RANK, ON_CALL, TIME_ZONE, extension, extensions},
        reference,
    },
    kernel::problem::{Issue, Result},
    store::Tx,
};

/// Most people that one event is told to.
pub const RECIPIENTS_MAX: usize = 50;

/// The turn of a member that states none.
const FIRST_RANK: u32 = 1;

/// Those who follow a patient.
#[derive(Debug, Clone)]
pub struct Team {
    /// Who is told, rank by rank, the first first; each person once, and only professionals.
    pub ranks: Vec<Vec<String>>,
    /// Who is told when the team does not work or does not answer.
    pub on_call: Vec<String>,
    /// When the team works.
    pub cover: Cover,
}

impl Team {
    /// The members of all ranks.
    #[must_use]
    pub fn everybody(&self) -> Vec<String> {
        let mut all: Vec<String> = self.ranks.iter().flatten().cloned().collect();
        all.sort();
        bounded(all)
    }
}

/// The recipients of a follow-up, as references: the members of its care teams; where no team
/// has a professional in it, its author and contributors, so that somebody is told.
///
/// # Errors
/// As a read.
pub async fn recipients(tx: &mut Tx, plan: &Value) -> Result<Vec<String>> {
    Ok(team(tx, plan).await?.everybody())
}

/// The care teams of a follow-up, as one.
///
/// # Errors
/// As a read.
pub async fn team(tx: &mut Tx, plan: &Value) -> Result<Team> {
    let mut teams = Vec::new();
    for team in references(&plan["careTeam"]) {
        let Some(local) = reference::local(&team) else {
            continue;
        };
        if let Some(stored) = tx.read(local.kind, &local.id).await? {
            teams.push(stored.tree()?);
        }
    }
    Ok(join(&teams, plan))
}

/// Several CareTeams as one team: pure.
fn join(teams: &[Value], plan: &Value) -> Team {
    let zone = extension(plan, TIME_ZONE)
        .and_then(Value::as_str)
        .and_then(|name| TimeZone::get(name).ok())
        .unwrap_or(TimeZone::UTC);
    let members = teams
        .iter()
        .flat_map(|team| team["participant"].as_array().into_iter().flatten())
        .filter_map(|one| Some((rank(one), one["member"]["reference"].as_str()?.to_owned())))
        .collect();
    let on_call = teams
        .iter()
        .flat_map(|team| extensions(team, ON_CALL))
        .filter_map(|one| one["valueReference"]["reference"].as_str())
        .map(str::to_owned)
        .collect();
    let cover = teams
        .iter()
        .map(|team| Cover::read(team, &zone))
        .reduce(Cover::or)
        .unwrap_or_else(Cover::always);
    Team {
        ranks: choose(members, plan),
        on_call: bounded(professionals(on_call)),
        cover,
    }
}

/// In which turn a participant is told.
fn rank(participant: &Value) -> u32 {
    extension(participant, ESCALATION_RANK)
        .and_then(|rank| rank.to_string().parse().ok())
        .unwrap_or(FIRST_RANK)
}

/// Whom to tell, rank by rank: pure. Who has two ranks is told in the first of them.
fn choose(mut members: Vec<(u32, String)>, plan: &Value) -> Vec<Vec<String>> {
    members.retain(|(_, one)| is_professional(one));
    if members.is_empty() {
        let mut others = references(&plan["contributor"]);
        others.extend(plan["author"]["reference"].as_str().map(str::to_owned));
        let others = professionals(others);
        members = others.into_iter().map(|one| (FIRST_RANK, one)).collect();
    }
    members.sort();
    let mut seen = HashSet::new();
    members.retain(|(_, one)| seen.insert(one.clone()));
    members
        .chunk_by(|(one, _), (other, _)| one == other)
        .map(|rank| bounded(rank.iter().map(|(_, one)| one.clone()).collect()))
        .collect()
}

/// What is wrong with the turns and the people on call that a CareTeam states, each with its
/// place.
#[must_use]
pub fn faults(team: &Value) -> Vec<Issue> {
    let mut faults = cover::faults(team);
    let extension_of = |at: &'static str| team[at].as_array().into_iter().flatten().enumerate();
    for (n, one) in extension_of("extension").filter(|(_, one)| one["url"] == ON_CALL) {
        let named = one["valueReference"]["reference"].as_str();
        if !named.is_some_and(is_professional) {
            let says = "On call is a Practitioner, a PractitionerRole or an Organization.";
            faults.push(Issue::error("value", says).at(format!("CareTeam.extension[{n}]")));
        }
    }
    for (n, one) in extension_of("participant") {
        let stated = extension(one, ESCALATION_RANK).map(ToString::to_string);
        if stated.is_some_and(|rank| !rank.parse::<u32>().is_ok_and(|rank| rank > 0)) {
            let says = "A rank is a whole number from 1.";
            let place = format!("CareTeam.participant[{n}].extension");
            faults.push(Issue::error("value", says).at(place));
        }
    }
    faults
}

/// So many that one event can be told to them.
fn bounded(mut chosen: Vec<String>) -> Vec<String> {
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
    references.retain(|reference| is_professional(reference));
    references.sort();
    references.dedup();
    references
}

fn is_professional(reference: &str) -> bool {
    ["Practitioner/", "PractitionerRole/", "Organization/"]
        .iter()
        .any(|kind| reference.starts_with(kind))
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

    fn plan() -> Value {
        json!({
            "author": { "reference": "Practitioner/author" },
            "contributor": [{ "reference": "Organization/agency" }],
        })
    }

    fn chosen(members: &[&str]) -> Vec<String> {
        let participant: Vec<Value> = members.iter().map(|one| member(one, None)).collect();
        join(&[json!({ "participant": participant })], &plan()).everybody()
    }

    fn member(reference: &str, rank: Option<u32>) -> Value {
        let mut participant = json!({ "member": { "reference": reference } });
        if let Some(rank) = rank {
            participant["extension"] =
                json!([{ "url": ESCALATION_RANK, "valuePositiveInt": rank }]);
        }
        participant
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

    #[test]
    fn ranks_follow_each_other_and_who_has_none_is_of_the_first() {
        let team = json!({
            "extension": [
                { "url": ON_CALL, "valueReference": { "reference": "Organization/night" } },
                { "url": ON_CALL, "valueReference": { "reference": "Patient/p" } },
            ],
            "participant": [
                member("Practitioner/chief", Some(9)),
                member("Practitioner/doctor", Some(3)),
                member("Practitioner/nurse", None),
                member("Practitioner/aide", Some(1)),
                member("Practitioner/nurse", Some(3)),
            ],
        });
        let team = join(&[team], &plan());
        let expected: [&[&str]; 3] = [
            &["Practitioner/aide", "Practitioner/nurse"],
            &["Practitioner/doctor"],
            &["Practitioner/chief"],
        ];
        assert_eq!(team.ranks, expected);
        assert_eq!(team.on_call, ["Organization/night"]);
    }

    #[test]
    fn what_a_team_states_wrongly_is_named_with_its_place() {
        let team = json!({
            "extension": [
                { "url": ON_CALL, "valueReference": { "reference": "Organization/night" } },
                { "url": ON_CALL, "valueReference": { "reference": "Patient/p" } },
            ],
            "participant": [member("Practitioner/a", Some(1)), member("Practitioner/b", Some(0))],
        });
        let places: Vec<_> = faults(&team)
            .into_iter()
            .filter_map(|issue| issue.expression)
            .collect();
        assert_eq!(
            places,
            ["CareTeam.extension[1]", "CareTeam.participant[1].extension"]
        );
    }
}
