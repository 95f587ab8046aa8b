//! What may and may not be written into an alert's Task.

use super::*;
use crate::kernel::clock::from_millis;

/// 2026-03-01T08:00:00Z.
const NOW: i64 = 1_772_352_000_000;

fn now() -> Timestamp {
    from_millis(NOW)
}

fn task(status: &str) -> Value {
    json!({
        "resourceType": "Task",
        "status": status,
        "code": { "coding": [{ "system": TASK_CODE, "code": "handle-alert" }] },
        "focus": { "reference": "Flag/f" },
        "authoredOn": "2026-03-01T07:00:00.000Z",
    })
}

fn snoozed(reason: &str, until: &str) -> Value {
    let mut task = task("on-hold");
    task["statusReason"] = json!({ "text": reason });
    task["restriction"] = json!({ "period": { "end": until } });
    task
}

/// The places of all faults.
fn faults(before: &Value, after: &Value) -> Vec<String> {
    match check(before, after, now()) {
        Ok(()) => Vec::new(),
        Err(problem) => problem
            .issues
            .into_iter()
            .filter_map(|issue| issue.expression)
            .collect(),
    }
}

const STATES: [&str; 12] = [
    "draft",
    "requested",
    "received",
    "accepted",
    "rejected",
    "ready",
    "in-progress",
    "on-hold",
    "cancelled",
    "failed",
    "completed",
    "entered-in-error",
];

#[test]
fn each_change_of_state_is_allowed_or_refused_as_the_table_says() {
    let later = "2026-03-02T08:00:00Z";
    for from in STATES {
        for to in STATES {
            let after = match to {
                "on-hold" => snoozed("Rappelée demain", later),
                _ => task(to),
            };
            let open = CHANGES.iter().find(|(state, _)| *state == from);
            let allowed = from == to
                || to == "entered-in-error"
                || open.is_some_and(|(_, next)| next.contains(&to));
            let found = faults(&task(from), &after);
            let expected: &[&str] = if allowed { &[] } else { &["Task.status"] };
            assert_eq!(found, expected, "{from} to {to}");
        }
    }
    // What has been closed stays closed, and no alert becomes a draft or waits to be ready.
    for closed in ["completed", "cancelled", "failed", "rejected"] {
        for to in ["requested", "accepted", "on-hold", "in-progress"] {
            assert!(
                !faults(&task(closed), &task(to)).is_empty(),
                "{closed} to {to}"
            );
        }
    }
    for open in ["requested", "accepted", "in-progress", "on-hold"] {
        for to in ["draft", "ready"] {
            assert_eq!(faults(&task(open), &task(to)), ["Task.status"]);
        }
    }
}

#[test]
fn an_alert_is_put_off_for_a_reason_and_for_seven_days_at_most() {
    let open = task("requested");
    let until = "Task.restriction.period.end";
    let table: [(&str, &str, &[&str]); 9] = [
        ("Vue, à revoir", "2026-03-01T20:00:00Z", &[]),
        ("Vue", "2026-03-08T09:00:00+01:00", &[]),
        ("Vue", "2026-03-08T08:00:00.001Z", &[until]),
        ("Vue", "2026-03-01T08:00:00Z", &[until]),
        ("Vue", "2020-01-01T00:00:00Z", &[until]),
        ("Vue", "2026-03-05", &[until]),
        ("", "2026-03-05T08:00:00Z", &["Task.statusReason"]),
        (" \u{a0} ", "2026-03-05T08:00:00Z", &["Task.statusReason"]),
        ("", "", &["Task.statusReason", until]),
    ];
    for (reason, end, expected) in table {
        assert_eq!(
            faults(&open, &snoozed(reason, end)),
            expected,
            "{reason:?} {end}"
        );
    }
    assert_eq!(
        faults(&open, &task("on-hold")),
        ["Task.statusReason", until],
        "neither reason nor end"
    );
}

#[test]
fn a_note_on_what_was_put_off_is_taken_even_when_its_time_has_come() {
    let before = snoozed("Vue", "2026-03-01T07:00:00Z");
    let mut after = before.clone();
    after["note"] = json!([{ "text": "La patiente a rappelé" }]);
    assert_eq!(faults(&before, &after), Vec::<String>::new());
    after["restriction"]["period"]["end"] = json!("2027-01-01T00:00:00Z");
    assert_eq!(faults(&before, &after), ["Task.restriction.period.end"]);
}

#[test]
fn what_the_task_is_about_does_not_change() {
    let before = task("requested");
    let mut other = before.clone();
    other["focus"]["reference"] = json!("Flag/another");
    other["code"] = json!({ "coding": [{ "system": TASK_CODE, "code": "support" }] });
    assert_eq!(faults(&before, &other), ["Task.code", "Task.focus"]);
}

fn output(kind: &str, value: Value) -> Value {
    let mut output = value;
    output["type"] = json!({ "coding": [{ "system": ALERT_OUTCOME, "code": kind }] });
    output
}

#[test]
fn an_outcome_is_one_of_the_codes_and_usefulness_a_boolean() {
    let coded = |code: &str| json!({ "valueCodeableConcept": { "coding": [{ "system": ALERT_OUTCOME, "code": code }] } });
    let of = |outputs: Vec<Value>| {
        let mut done = task("completed");
        done["output"] = outputs.into();
        faults(&task("accepted"), &done)
    };
    for code in OUTCOMES {
        let useful = output("useful", json!({ "valueBoolean": true }));
        assert_eq!(of(vec![output("outcome", coded(code)), useful]), [""; 0]);
    }
    for wrong in [
        output("outcome", coded("cured")),
        output("outcome", coded("useful")),
        output("outcome", json!({ "valueString": "advised" })),
        output(
            "outcome",
            json!({ "valueCodeableConcept": { "text": "advised" } }),
        ),
        output("useful", json!({ "valueString": "true" })),
        output("mood", json!({ "valueBoolean": true })),
    ] {
        assert_eq!(of(vec![wrong.clone()]), ["Task.output[0]"], "{wrong}");
    }
    let twice = vec![
        output("outcome", coded("advised")),
        output("outcome", coded("visit")),
    ];
    assert_eq!(of(twice), ["Task.output[1]"]);
    let foreign = json!({ "type": { "text": "letter" }, "valueString": "x" });
    assert_eq!(of(vec![foreign]), [""; 0], "others' outputs are theirs");
}

fn completed(before: &Value, after: &Value, at: i64) -> Value {
    let mut task = after.clone();
    complete(Some(before), &mut task, from_millis(NOW + at), false);
    task
}

#[test]
fn the_first_acknowledgement_and_the_end_are_stamped_and_kept() {
    let open = task("requested");
    let taken = completed(&open, &task("accepted"), 60_000);
    assert_eq!(
        taken["executionPeriod"],
        json!({ "start": "2026-03-01T08:01:00.000Z" })
    );
    // A client that drops the stamp, or writes one of its own, changes nothing.
    let mut forged = task("in-progress");
    forged["executionPeriod"] = json!({ "start": "2020-01-01", "end": "2020-01-02" });
    let going = completed(&taken, &forged, 120_000);
    assert_eq!(going["executionPeriod"], taken["executionPeriod"]);
    let done = completed(&going, &task("completed"), 180_000);
    let period = json!({
        "start": "2026-03-01T08:01:00.000Z",
        "end": "2026-03-01T08:03:00.000Z",
    });
    assert_eq!(done["executionPeriod"], period);
    let noted = completed(&done, &task("completed"), 240_000);
    assert_eq!(noted["executionPeriod"], period);
    // Resolved at once: acknowledged and ended in one.
    let at_once = completed(&open, &task("completed"), 0);
    assert_eq!(
        at_once["executionPeriod"]["start"],
        at_once["executionPeriod"]["end"]
    );
    let put_off = completed(&open, &snoozed("Vue", "2026-03-02T08:00:00Z"), 0);
    assert!(put_off["executionPeriod"].is_null(), "nobody has taken it");
}

#[test]
fn the_time_to_acknowledge_begins_anew_when_an_alert_is_given_back() {
    let mut passed_on = task("requested");
    set_extension(
        &mut passed_on,
        ESCALATION_STEP,
        Some(("valuePositiveInt", 2.into())),
    );
    // A client cannot make the server forget whom it has told.
    let noted = completed(&passed_on, &task("requested"), 0);
    assert_eq!(noted["extension"], passed_on["extension"]);
    let taken = completed(&noted, &task("accepted"), 60_000);
    let back = completed(&taken, &task("requested"), 120_000);
    assert_eq!(
        back["extension"],
        json!([{ "url": DEADLINE_START, "valueInstant": "2026-03-01T08:02:00.000Z" }])
    );
    assert_eq!(
        back["executionPeriod"], taken["executionPeriod"],
        "the first acknowledgement is kept"
    );
    assert_eq!(back["authoredOn"], passed_on["authoredOn"]);
}
