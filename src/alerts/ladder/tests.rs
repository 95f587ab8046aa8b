//! Steps and their instants, as tables.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::{care::cover::Cover, fhir::canonical::COVER_HOURS};

fn team(ranks: &[&[&str]], on_call: &[&str], hours: &[(&str, &str, &str)]) -> Team {
    let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let extension: Vec<Value> = hours
        .iter()
        .map(|(days, start, end)| {
            let mut parts: Vec<Value> = days
                .split(' ')
                .map(|day| json!({ "url": "day", "valueCode": day }))
                .collect();
            parts.push(json!({ "url": "start", "valueTime": start }));
            parts.push(json!({ "url": "end", "valueTime": end }));
            json!({ "url": COVER_HOURS, "extension": parts })
        })
        .collect();
    let paris = TimeZone::get("Europe/Paris").unwrap();
    Team {
        ranks: ranks.iter().map(|rank| text(rank)).collect(),
        on_call: text(on_call),
        cover: Cover::read(&json!({ "extension": extension }), &paris),
    }
}

const WEEK: &str = "mon tue wed thu fri";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The minutes from `since` and the audience of each of the first steps.
fn steps(ladder: &Ladder<'_>, count: u32) -> Vec<(i64, String)> {
    (1..=count)
        .filter_map(|step| {
            let due = ladder.due(step)?;
            let minutes = ladder.since.duration_until(due).as_mins();
            Some((minutes, ladder.audience(step)?.join(" ")))
        })
        .collect()
}

fn told(steps: &[(i64, &str)]) -> Vec<(i64, String)> {
    steps
        .iter()
        .map(|(minutes, who)| (*minutes, (*who).to_owned()))
        .collect()
}

#[test]
fn an_urgent_alert_climbs_the_ranks_then_on_call_then_repeats() {
    let team = team(&[&["a", "b"], &["c"], &["d"]], &["night"], &[]);
    let ladder = Ladder::new(Level::Urgent, at("2026-03-06T10:00:00Z"), 15, &team);
    assert_eq!(ladder.at_once(), ["a", "b"]);
    let all = "a b c d night";
    let expected = [
        (15, "c"),
        (30, "d"),
        (45, "night"),
        (60, all),
        (90, all),
        (150, all),
        (270, all),
        (510, all),
        (750, all),
        (990, all),
    ];
    assert_eq!(steps(&ladder, 10), told(&expected));
}

#[test]
fn a_team_without_ranks_is_told_again_and_a_simple_alert_rests() {
    let plain = team(&[&["a", "b"]], &[], &[]);
    let since = at("2026-03-06T10:00:00Z");
    let urgent = Ladder::new(Level::Urgent, since, 15, &plain);
    let expected = [(15, "a b"), (45, "a b"), (105, "a b")];
    assert_eq!(steps(&urgent, 3), told(&expected));
    let simple = Ladder::new(Level::Simple, since, 480, &plain);
    assert_eq!(steps(&simple, 5), []);
    let info = Ladder::new(Level::Info, since, 480, &plain);
    assert_eq!(info.at_once(), ["a", "b"]);
    assert_eq!((info.due(1), info.audience(1)), (None, None));
}

#[test]
fn a_simple_alert_climbs_in_hours_of_cover() {
    let office = [(WEEK, "09:00:00", "18:00:00")];
    let team = team(&[&["a"], &["b"]], &["night"], &office);
    // Friday at 17:00 in Paris: one hour is left, and Monday has the rest.
    let ladder = Ladder::new(Level::Simple, at("2026-03-06T16:00:00Z"), 480, &team);
    assert_eq!(ladder.at_once(), ["a"], "on call is for what cannot wait");
    assert_eq!(ladder.due(1), Some(at("2026-03-09T15:00:00Z")));
    assert_eq!(ladder.due(2), Some(at("2026-03-10T14:00:00Z")));
    assert_eq!(ladder.audience(1), Some(vec!["b".to_owned()]));
    assert_eq!(ladder.audience(2), Some(vec!["night".to_owned()]));
    assert_eq!(ladder.audience(3), None);
}

#[test]
fn on_call_is_told_at_once_of_what_is_urgent_while_nobody_works() {
    // The night of the clock change, over midnight.
    let days = [("mon tue wed thu fri sat sun", "07:00:00", "01:00:00")];
    let team = team(&[&["a"], &["b"]], &["night"], &days);
    for (since, at_once, first) in [
        ("2026-03-28T22:00:00Z", "a", (15, "b")),
        ("2026-03-28T23:59:59Z", "a", (15, "b")),
        ("2026-03-29T00:00:00Z", "a night", (15, "b")),
        ("2026-03-29T04:59:59Z", "a night", (15, "b")),
        ("2026-03-29T05:00:00Z", "a", (15, "b")),
    ] {
        let ladder = Ladder::new(Level::Urgent, at(since), 15, &team);
        assert_eq!(ladder.at_once().join(" "), at_once, "{since}");
        assert_eq!(steps(&ladder, 1), told(&[first]), "{since}");
    }
    let asleep = Ladder::new(Level::Urgent, at("2026-03-29T02:00:00Z"), 15, &team);
    // On call has been told already: the step after the ranks tells everybody again.
    let expected = [(15, "b"), (30, "a night b"), (60, "a night b")];
    assert_eq!(steps(&asleep, 3), told(&expected));
}

#[test]
fn who_is_on_call_and_in_the_team_is_told_in_the_earlier_turn() {
    let team = team(&[&["a"], &["b"]], &["b", "a"], &[]);
    let ladder = Ladder::new(Level::Urgent, at("2026-03-06T10:00:00Z"), 15, &team);
    let expected = [(15, "b"), (30, "a b"), (60, "a b")];
    assert_eq!(steps(&ladder, 3), told(&expected));
}

#[test]
fn nobody_at_all_is_never_told_and_a_long_deadline_is_its_own_interval() {
    let nobody = team(&[], &[], &[]);
    let since = at("2026-03-06T10:00:00Z");
    assert_eq!(
        Ladder::new(Level::Urgent, since, 15, &nobody).audience(1),
        None
    );
    let slow = team(&[&["a"]], &[], &[]);
    let ladder = Ladder::new(Level::Urgent, since, 300, &slow);
    let expected = [(300, "a"), (600, "a"), (900, "a")];
    assert_eq!(steps(&ladder, 3), told(&expected));
    assert_eq!(ladder.due(u32::MAX), None, "no instant lies so far ahead");
}
