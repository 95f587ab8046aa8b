//! Whatever is asked of one person's follow-ups, in whichever order, some things always hold.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::{Value, json};

use super::desk::{Desk, MORNING, canonical, code, days, extension, names};
use crate::harness::{Chance, Reply, about};

/// How many things are asked in one course.
const STEPS: usize = 150;

const PATHWAYS: [&str; 2] = ["covid-contact", "covid-case"];
const ZONES: [&str; 4] = [
    "Europe/Paris",
    "America/Martinique",
    "Asia/Tokyo",
    "Pacific/Auckland",
];
const HOURS: [&str; 3] = ["00:30:00", "09:00:00", "20:45:00"];

/// One person, and what has been asked so far.
struct Course {
    desk: Desk,
    chance: Chance,
    patient: String,
    now: Timestamp,
    asked: Vec<String>,
}

impl Course {
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let bound = u64::try_from(from.len()).expect("few");
        from[usize::try_from(self.chance.below(bound)).expect("few")]
    }

    /// Every CarePlan of the person, running or not.
    fn plans(&mut self) -> Vec<Value> {
        self.desk
            .search(&format!("CarePlan?subject={}&_count=500", self.patient))
    }

    /// One of them, mostly one that runs.
    fn some_plan(&mut self) -> Option<String> {
        let mut plans = self.plans();
        if self.chance.below(5) > 0 && plans.iter().any(runs) {
            plans.retain(runs);
        }
        let bound = u64::try_from(plans.len()).expect("few");
        let n = usize::try_from(self.chance.below(bound.max(1))).expect("few");
        plans.get(n).map(path_of)
    }

    fn step(&mut self) -> Option<Reply> {
        let pathway = self.pick(&PATHWAYS);
        let Some(plan) = self.some_plan() else {
            return Some(self.desk.apply(&self.patient, pathway, &[]));
        };
        let what = self.chance.below(12);
        self.asked
            .push(format!("{what} {plan} {pathway} at {}", self.now));
        match what {
            0 => Some(self.desk.apply(&self.patient, pathway, &[])),
            1 => Some(self.desk.ask(&plan, "restart", &[])),
            2 => {
                let url = canonical(&format!("PlanDefinition/{pathway}"));
                let to = json!({ "name": "planDefinition", "valueCanonical": url });
                Some(self.desk.ask(&plan, "convert", &[to]))
            }
            3 => {
                let days = json!({ "name": "days", "valueInteger": 1 + self.chance.below(4) });
                Some(self.desk.ask(&plan, "extend", &[days]))
            }
            4 => {
                let (team, _) = self.desk.other_team();
                Some(
                    self.desk
                        .ask(&plan, "transfer", &[names("careTeam", &team)]),
                )
            }
            5 => {
                let status = self.pick(&["active", "on-hold", "on-hold"]);
                let change = |plan: &mut Value| plan["status"] = status.into();
                Some(self.desk.change(&plan, change))
            }
            6 => {
                let zone = extension("time-zone", "valueCode", self.pick(&ZONES).into());
                Some(self.desk.set(&plan, zone))
            }
            7 => {
                let hour = extension("reminder-time", "valueTime", self.pick(&HOURS).into());
                Some(self.desk.set(&plan, hour))
            }
            8 => {
                self.desk.report(&plan, &[]);
                None
            }
            _ => {
                let minutes = 1 + self.chance.below(2_000);
                let minutes = i64::try_from(minutes).expect("small");
                self.now += SignedDuration::from_mins(minutes);
                self.desk.server.set_clock(&self.now.to_string());
                None
            }
        }
    }

    fn check(&mut self) {
        let plans = self.plans();
        for pathway in PATHWAYS {
            let running = plans.iter().filter(|plan| runs(plan));
            let of = |plan: &&Value| plan["instantiatesCanonical"].to_string().contains(pathway);
            let running = running.filter(of).count();
            assert!(running <= 1, "{running} on {pathway}: {:#?}", self.asked);
        }
        let mut identifiers = Vec::new();
        for plan in &plans {
            let tasks = self.desk.reports(&path_of(plan));
            self.check_plan(plan, &tasks);
            identifiers.extend(tasks.iter().map(|task| task["identifier"][0].to_string()));
        }
        let all = identifiers.len();
        identifiers.sort();
        identifiers.dedup();
        assert_eq!(identifiers.len(), all, "a report twice: {:#?}", self.asked);
        self.check_messages();
    }

    fn check_plan(&self, plan: &Value, tasks: &[Value]) {
        let says = || format!("{plan}: {:#?}", self.asked);
        let open = |task: &&Value| task["status"] == "requested" || task["status"] == "ready";
        let closes = |task: &Value| instant(&task["restriction"]["period"]["end"]);
        if runs(plan) {
            let to_come = tasks.iter().any(|task| closes(task) > self.now);
            assert!(to_come, "it runs past its last day: {}", says());
        } else {
            assert_eq!(tasks.iter().find(open), None, "{}", says());
        }
        for task in tasks {
            let late = closes(task) <= self.now;
            assert!(!late || !open(&task), "{task} is open: {}", says());
            assert!(
                late || task["status"] != "failed",
                "{task} is early: {}",
                says()
            );
            let paused = code(&task["businessStatus"]) == "paused";
            assert!(!paused || task["status"] == "cancelled", "{task}");
        }
        let last = *days(tasks).last().expect("a report");
        let date = |member: &str| -> Date {
            let text = plan["period"][member].as_str().expect("a date");
            text.parse().expect("a date")
        };
        let length = (date("end") - date("start")).get_days() + 1;
        assert_eq!(i64::from(length), i64::from(last), "{}", says());
    }

    /// At most two reminders of a report.
    fn check_messages(&mut self) {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for message in about(&mut self.desk.client, "Communication", &self.patient) {
            if code(&message["category"][0]) == "reminder" {
                *count.entry(message["about"][0].to_string()).or_default() += 1;
            }
        }
        let most = count.values().max().copied().unwrap_or_default();
        assert!(most <= 2, "{count:?}: {:#?}", self.asked);
    }
}

fn runs(plan: &Value) -> bool {
    plan["status"] == "active" || plan["status"] == "on-hold"
}

fn path_of(plan: &Value) -> String {
    format!("CarePlan/{}", plan["id"].as_str().expect("an id"))
}

fn instant(value: &Value) -> Timestamp {
    let text = value.as_str().expect("an instant");
    text.parse().expect("an instant")
}

#[test]
fn in_any_course_nothing_is_doubled_and_nothing_is_left_open() {
    let mut desk = Desk::open();
    let patient = desk.person();
    let mut course = Course {
        desk,
        chance: Chance::announced(),
        patient,
        now: MORNING.parse().expect("an instant"),
        asked: Vec::new(),
    };
    let mut refusals = 0;
    for _ in 0..STEPS {
        if let Some(reply) = course.step() {
            let known = [200, 422].contains(&reply.status);
            assert!(known, "{}: {:#?}", reply.text(), course.asked);
            refusals += usize::from(reply.status == 422);
        }
        course.check();
    }
    assert!(
        refusals < STEPS / 2,
        "{refusals} refusals: little was tried"
    );
}
