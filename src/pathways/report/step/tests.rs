//! A day in May 2020 in Paris: midnight to midnight is 22:00 to 22:00 UTC.

use jiff::civil::Time;
use serde_json::json;

use super::*;

fn task(status: &str) -> Value {
    json!({
        "status": status,
        "restriction": { "period": {
            "start": "2020-05-17T22:00:00.000Z", "end": "2020-05-18T22:00:00.000Z",
        } }
    })
}

/// An instant of that day, by its local time.
fn at(local: &str) -> Timestamp {
    let text = format!("2020-05-18T{local}:00+02:00");
    text.parse().expect("an instant")
}

fn closes() -> Timestamp {
    "2020-05-18T22:00:00Z".parse().expect("an instant")
}

fn habits(due: &str, second: Option<i64>, quiet: Option<(&str, &str)>) -> Habits {
    let time = |text: &str| -> Time { text.parse().expect("a time") };
    Habits {
        zone: TimeZone::get("Europe/Paris").expect("a zone"),
        due: Some(at(due)),
        second: second.map(SignedDuration::from_mins),
        quiet: quiet.map(|(start, end)| (time(start), time(end))),
        by_phone: false,
        paused: false,
    }
}

/// When reminders go out to somebody who never answers, by following the steps from one instant.
fn reminders(habits: &Habits, from: Timestamp) -> Vec<Timestamp> {
    let (mut look, mut now, mut status) = (Look::First, from, "requested");
    let mut sent = Vec::new();
    loop {
        match step(&task(status), habits, (look, false), now) {
            Step::Go { act, next, at } => {
                assert!(at > now, "time goes on");
                status = "ready";
                if act == Act::Remind {
                    sent.push(now);
                }
                (look, now) = (next, at);
            }
            Step::NotYet { due } => now = due,
            Step::Miss => return sent,
            Step::Settled | Step::Pause { .. } => panic!("nobody has answered or paused"),
        }
    }
}

#[test]
fn the_first_reminder_is_at_the_due_time_and_the_second_so_much_later() {
    let once = habits("09:00", None, None);
    assert_eq!(reminders(&once, at("09:00")), [at("09:00")]);
    let twice = habits("09:00", Some(240), None);
    assert_eq!(reminders(&twice, at("09:00")), [at("09:00"), at("13:00")]);
    assert_eq!(
        reminders(&twice, at("07:00")),
        [at("09:00"), at("13:00")],
        "a job that comes before the hour waits for it"
    );
    let late = habits("21:00", Some(240), None);
    assert_eq!(
        reminders(&late, at("21:00")),
        [at("21:00")],
        "not on the next day"
    );
}

#[test]
fn a_server_that_was_away_reminds_once_and_not_twice_at_a_time() {
    let twice = habits("09:00", Some(240), None);
    assert_eq!(reminders(&twice, at("15:00")), [at("15:00")]);
    assert_eq!(reminders(&twice, at("12:59")), [at("12:59"), at("13:00")]);
    assert_eq!(reminders(&twice, at("13:00")), [at("13:00")]);
    let quiet = habits("09:00", Some(240), Some(("21:00", "07:00")));
    assert_eq!(reminders(&quiet, at("22:30")), [], "nor in quiet hours");
}

#[test]
fn quiet_hours_hold_a_reminder_until_their_end() {
    let night = Some(("21:00", "07:30"));
    let early = habits("06:00", Some(240), night);
    assert_eq!(reminders(&early, at("06:00")), [at("07:30"), at("10:00")]);
    let short = habits("06:00", Some(60), night);
    assert_eq!(
        reminders(&short, at("06:00")),
        [at("07:30")],
        "a second one at the instant of the first is left out"
    );
    let evening = habits("20:00", Some(240), night);
    assert_eq!(reminders(&evening, at("20:00")), [at("20:00")]);
    let nap = habits("11:00", Some(150), Some(("13:00", "15:00")));
    assert_eq!(reminders(&nap, at("11:00")), [at("11:00"), at("15:00")]);
}

#[test]
fn quiet_hours_begin_at_their_start_and_are_over_at_their_end() {
    let due = |due| reminders(&habits(due, None, Some(("13:00", "15:00"))), at(due));
    assert_eq!(due("12:59"), [at("12:59")]);
    assert_eq!(due("13:00"), [at("15:00")]);
    assert_eq!(due("14:59"), [at("15:00")]);
    assert_eq!(due("15:00"), [at("15:00")]);
}

#[test]
fn quiet_to_the_end_of_the_day_means_no_reminder_and_the_report_is_ready_all_the_same() {
    let late = habits("22:00", Some(30), Some(("21:00", "07:00")));
    let step = step(&task("requested"), &late, (Look::First, false), at("22:00"));
    let Step::Go { act, next, .. } = step else {
        panic!("{step:?}")
    };
    assert_eq!((act, next), (Act::Nothing, Look::Close));
    assert_eq!(reminders(&late, at("22:00")), []);
}

#[test]
fn who_is_asked_by_telephone_is_called_once_and_not_reminded() {
    let by_phone = Habits {
        by_phone: true,
        ..habits("09:00", Some(240), Some(("08:00", "20:00")))
    };
    let first = (Look::First, false);
    let call = Step::Go {
        act: Act::Call,
        next: Look::Close,
        at: closes(),
    };
    assert_eq!(
        step(&task("requested"), &by_phone, first, at("09:00")),
        call
    );
    assert_eq!(
        step(&task("requested"), &by_phone, first, at("08:59")),
        Step::NotYet { due: at("09:00") }
    );
    // Whoever moves to the telephone between two reminders keeps today's second one.
    let second = (Look::Second, false);
    let awake = Habits {
        quiet: None,
        ..by_phone
    };
    assert!(matches!(
        step(&task("ready"), &awake, second, at("13:00")),
        Step::Go {
            act: Act::Remind,
            next: Look::Close,
            ..
        }
    ));
}

#[test]
fn a_report_is_missed_only_after_its_window_and_a_settled_one_never() {
    let habits = habits("09:00", Some(240), None);
    for look in [Look::First, Look::Second, Look::Close] {
        for status in ["requested", "ready"] {
            assert_eq!(
                step(&task(status), &habits, (look, false), closes()),
                Step::Miss
            );
        }
        for status in ["completed", "failed", "cancelled"] {
            let settled = step(&task(status), &habits, (look, false), at("13:00"));
            assert_eq!(settled, Step::Settled, "{status}");
        }
    }
}

#[test]
fn the_last_report_waits_for_the_end_of_its_day() {
    let habits = habits("09:00", Some(240), None);
    let wait = Step::Go {
        act: Act::Nothing,
        next: Look::Close,
        at: closes(),
    };
    for status in ["completed", "cancelled"] {
        let last = |now| step(&task(status), &habits, (Look::Second, true), now);
        assert_eq!(last(at("13:00")), wait, "{status}");
        assert_eq!(last(closes()), Step::Settled, "{status}");
    }
}

#[test]
fn a_look_before_the_hour_comes_back_at_it() {
    let mut habits = habits("09:00", None, None);
    let first = |habits: &Habits| {
        step(
            &task("requested"),
            habits,
            (Look::First, false),
            at("08:59"),
        )
    };
    assert_eq!(first(&habits), Step::NotYet { due: at("09:00") });
    habits.due = Some("2020-05-19T09:00:00Z".parse().expect("an instant"));
    assert_eq!(first(&habits), Step::NotYet { due: closes() });
}

#[test]
fn what_falls_due_in_a_pause_is_called_off_and_what_was_asked_for_before_is_not_missed() {
    let habits = Habits {
        paused: true,
        ..habits("09:00", Some(240), None)
    };
    let paused = |status: &str, look, now| step(&task(status), &habits, (look, false), now);
    let off = Step::Pause { closes: closes() };
    assert_eq!(paused("requested", Look::First, at("09:00")), off);
    assert_eq!(paused("requested", Look::First, closes()), off);
    let wait = Step::Go {
        act: Act::Nothing,
        next: Look::Close,
        at: closes(),
    };
    assert_eq!(
        paused("ready", Look::Second, at("13:00")),
        wait,
        "it may resume"
    );
    assert_eq!(paused("ready", Look::Close, closes()), off);
    assert_eq!(paused("completed", Look::Close, closes()), Step::Settled);
    let by_phone = Habits {
        by_phone: true,
        ..habits.clone()
    };
    let first = (Look::First, false);
    assert_eq!(step(&task("requested"), &by_phone, first, at("09:00")), off);
}

#[test]
fn quiet_hours_end_at_the_clock_change_that_skips_their_end() {
    let habits = habits("09:00", None, Some(("01:00", "02:30")));
    let quiet: Timestamp = "2026-03-29T00:30:00Z".parse().expect("an instant");
    let after_the_gap: Timestamp = "2026-03-29T01:00:00Z".parse().expect("an instant");
    assert_eq!(habits.awake(quiet), after_the_gap);
    assert_eq!(habits.awake(after_the_gap), after_the_gap);
}
