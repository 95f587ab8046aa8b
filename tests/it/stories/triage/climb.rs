//! Nobody takes an alert: it goes on.

use serde_json::{Value, json};

use super::clinic::{CALLBACK, Clinic, DANGER, office_hours, on_call, step};

fn count(told: &[String], who: &str) -> usize {
    told.iter().filter(|one| *one == who).count()
}

#[test]
fn row_escalation_if_unacknowledged() {
    let mut clinic = Clinic::open();
    let (doctor, chief, night) = (
        clinic.staff("Docteur"),
        clinic.staff("Chef"),
        clinic.staff("Garde"),
    );
    clinic.equip(&[(&doctor, 2), (&chief, 5)], vec![on_call(&night)]);
    clinic.say(DANGER);
    let nurse = clinic.desk.nurse.clone();
    assert_eq!(
        clinic.told("needs-action"),
        [nurse.as_str()],
        "the first rank"
    );
    // Quarter by quarter, to the millisecond; nobody before their turn.
    let turns = [
        ("03-25T08:14:59.999Z", "03-25T08:15:00Z", &doctor),
        ("03-25T08:29:59.999Z", "03-25T08:30:00Z", &chief),
        ("03-25T08:44:59.999Z", "03-25T08:45:00Z", &night),
    ];
    for (n, (before, at, next)) in turns.into_iter().enumerate() {
        clinic.at(before);
        assert_eq!(clinic.told("escalated").len(), n, "{before}");
        clinic.at(at);
        assert_eq!(clinic.told("escalated")[n..], [next.as_str()], "{at}");
        let task = clinic.task();
        assert_eq!(step(&task), n as u64 + 1);
        assert_eq!(
            (&task["status"], &task["priority"]),
            (&json!("requested"), &json!("stat"))
        );
    }
    // Then all of them again, at intervals that double up to four hours.
    let repeats = [
        ("03-25T09:00:00Z", 1),
        ("03-25T09:29:59.999Z", 1),
        ("03-25T09:30:00Z", 2),
        ("03-25T10:30:00Z", 3),
        ("03-25T12:30:00Z", 4),
        ("03-25T16:29:59.999Z", 4),
        ("03-25T16:30:00Z", 5),
        ("03-25T20:30:00Z", 6),
    ];
    for (at, repeats) in repeats {
        clinic.at(at);
        let told = clinic.told("escalated");
        assert_eq!(count(&told, &nurse), repeats, "{at}");
        for who in [&doctor, &chief, &night] {
            assert_eq!(count(&told, who), repeats + 1, "{at}");
        }
    }
    let messages = clinic.desk.messages(&clinic.patient.clone(), "escalated");
    let sent = |one: &Value| one["priority"] == "stat" && one["status"] == "completed";
    assert!(messages.iter().all(sent));
    // Somebody takes it: silence.
    let task = clinic.alert();
    let flag = clinic.flag_of(&task);
    clinic
        .act(|task| task["status"] = "accepted".into())
        .expect(200);
    clinic.at("03-27T08:00:00Z");
    assert_eq!(clinic.told_of(&flag, "escalated").len(), messages.len());
}

#[test]
fn who_acknowledges_in_time_is_not_passed_by() {
    let mut clinic = Clinic::open();
    let doctor = clinic.staff("Docteur");
    clinic.equip(&[(&doctor, 2)], vec![]);
    clinic.say(DANGER);
    clinic.at("03-25T08:14:59Z");
    clinic
        .act(|task| task["status"] = "received".into())
        .expect(200);
    clinic.at("03-25T20:00:00Z");
    assert_eq!(clinic.told("escalated"), Vec::<String>::new());
    let task = clinic.task();
    assert_eq!(
        task["executionPeriod"],
        json!({ "start": "2030-03-25T08:14:59.000Z" })
    );
    assert_eq!(step(&task), 0);
}

#[test]
fn at_night_those_on_call_are_told_at_once_of_what_is_urgent_and_a_simple_alert_waits() {
    let mut clinic = Clinic::open();
    let (doctor, night) = (clinic.staff("Docteur"), clinic.staff("Garde"));
    let mut team = office_hours("09:00:00", "18:00:00");
    team.push(on_call(&night));
    clinic.equip(&[(&doctor, 2)], team);
    // Friday at half past nine in the evening; the clocks change before Monday.
    clinic.at("03-29T20:30:00Z");
    let answer = clinic.say(CALLBACK);
    let find = format!("Flag?detail={answer}");
    let flag = clinic.desk.search(&find)[0]["id"].clone();
    let flag = format!("Flag/{}", flag.as_str().expect("an id"));
    let task = clinic.desk.search(&format!("Task?focus={flag}"))[0]["id"].clone();
    let task = format!("Task/{}", task.as_str().expect("an id"));
    assert_eq!(count(&clinic.told_of(&flag, "needs-action"), &night), 0);
    // Eight hours of cover after Monday at nine: seven o'clock in UTC by now.
    clinic.at("04-01T14:59:59.999Z");
    assert_eq!(clinic.told_of(&flag, "escalated"), Vec::<String>::new());
    clinic.at("04-01T15:00:00Z");
    assert_eq!(clinic.told_of(&flag, "escalated"), [doctor.as_str()]);
    let stands = clinic.desk.read(&task);
    assert_eq!((step(&stands), &stands["priority"]), (1, &json!("stat")));
    clinic.at("04-02T13:59:59.999Z");
    assert_eq!(clinic.told_of(&flag, "escalated").len(), 1);
    clinic.at("04-02T14:00:00Z");
    assert_eq!(
        clinic.told_of(&flag, "escalated"),
        [doctor.clone(), night.clone()]
    );
    // Then it rests: it is simple.
    clinic.at("04-04T14:00:00Z");
    assert_eq!(clinic.told_of(&flag, "escalated").len(), 2);
    // An urgent one, at night.
    clinic.at("04-04T21:00:00Z");
    let answer = clinic.say(DANGER);
    let find = format!("Flag?detail={answer}");
    let flag = clinic.desk.search(&find)[0]["id"].clone();
    let flag = format!("Flag/{}", flag.as_str().expect("an id"));
    let mut at_once = clinic.told_of(&flag, "needs-action");
    let mut expected = vec![clinic.desk.nurse.clone(), night];
    at_once.sort();
    expected.sort();
    assert_eq!(at_once, expected, "the nurse and who is on call");
    clinic.at("04-04T21:14:59.999Z");
    assert_eq!(clinic.told_of(&flag, "escalated"), Vec::<String>::new());
    clinic.at("04-04T21:15:00Z");
    assert_eq!(clinic.told_of(&flag, "escalated"), [doctor]);
}

#[test]
fn an_open_urgent_alert_outlives_a_stop_until_somebody_has_seen_it() {
    let mut clinic = Clinic::open();
    let doctor = clinic.staff("Docteur");
    clinic.equip(&[(&doctor, 2)], vec![]);
    clinic.say(DANGER);
    let plan = clinic.plan.clone();
    clinic
        .desk
        .change(&plan, |plan| plan["status"] = "revoked".into())
        .expect(200);
    clinic.at("03-25T08:15:00Z");
    assert_eq!(clinic.told("escalated"), [doctor.as_str()]);
    clinic.at("03-25T08:30:00Z");
    assert_eq!(clinic.told("escalated").len(), 3, "both again");
    clinic
        .act(|task| task["status"] = "completed".into())
        .expect(200);
    clinic.at("03-28T08:00:00Z");
    assert_eq!(clinic.told("escalated").len(), 3);
}

#[test]
fn what_was_put_off_comes_back_and_what_rises_comes_back_at_once() {
    let mut clinic = Clinic::open();
    let doctor = clinic.staff("Docteur");
    clinic.equip(&[(&doctor, 2)], vec![]);
    clinic.desk.report(
        &clinic.plan.clone(),
        &[("resp.rate", json!({ "valueInteger": 23 }))],
    );
    let until = |instant: &str| {
        let end = format!("2030-{instant}");
        move |task: &mut Value| {
            task["status"] = "on-hold".into();
            task["statusReason"] = json!({ "text": "Vue au téléphone, à revoir" });
            task["restriction"] = json!({ "period": { "end": end } });
        }
    };
    clinic.act(until("03-25T20:00:00Z")).expect(200);
    // Longer, then shorter: the last word counts.
    clinic.act(until("03-26T20:00:00Z")).expect(200);
    clinic.at("03-25T20:00:00Z");
    assert_eq!(clinic.task()["status"], "on-hold");
    clinic.act(until("03-26T10:00:00Z")).expect(200);
    assert_eq!(
        clinic.told("escalated"),
        Vec::<String>::new(),
        "not while it sleeps"
    );
    clinic.at("03-26T10:00:00Z");
    let task = clinic.task();
    assert_eq!(task["status"], "requested");
    assert!(task["statusReason"].is_null() && task["restriction"].is_null());
    assert_eq!(clinic.told("needs-action").len(), 2, "told again");
    // The time to acknowledge is whole again: eight hours.
    clinic.at("03-26T17:59:59.999Z");
    assert_eq!(clinic.told("escalated"), Vec::<String>::new());
    clinic.at("03-26T18:00:00Z");
    assert_eq!(clinic.told("escalated"), [doctor.as_str()]);
    // Put off once more, and then it becomes urgent.
    clinic.act(until("04-01T10:00:00Z")).expect(200);
    let worse = [("resp.rate", json!({ "valueInteger": 26 }))];
    clinic.desk.report(&clinic.plan.clone(), &worse);
    let task = clinic.task();
    assert_eq!(
        (&task["status"], &task["priority"]),
        (&json!("requested"), &json!("stat"))
    );
    assert_eq!(step(&task), 0, "nobody has been passed by yet");
    assert_eq!(clinic.told("needs-action-raised").len(), 1);
    assert_eq!(clinic.told("needs-action").len(), 2, "and not twice");
    clinic.at("03-26T18:15:00Z");
    assert_eq!(clinic.told("escalated"), [doctor.clone(), doctor]);
}

#[test]
fn what_is_given_back_is_told_anew() {
    let mut clinic = Clinic::open();
    let doctor = clinic.staff("Docteur");
    clinic.equip(&[(&doctor, 2)], vec![]);
    clinic.say(DANGER);
    clinic.at("03-25T08:10:00Z");
    clinic
        .act(|task| task["status"] = "accepted".into())
        .expect(200);
    clinic.at("03-25T09:00:00Z");
    clinic
        .act(|task| task["status"] = "requested".into())
        .expect(200);
    assert_eq!(clinic.told("needs-action").len(), 2);
    clinic.at("03-25T09:14:59.999Z");
    assert_eq!(clinic.told("escalated"), Vec::<String>::new());
    clinic.at("03-25T09:15:00Z");
    assert_eq!(clinic.told("escalated"), [doctor]);
    assert_eq!(
        clinic.task()["executionPeriod"]["start"],
        "2030-03-25T08:10:00.000Z"
    );
}
