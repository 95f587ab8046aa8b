//! A5: what the server itself does after a write is not lent to whoever writes. A resource about
//! somebody whom the attacker reaches names things of somebody whom they do not: an answer that is
//! based on another's follow-up, a Task about another's alert, a Task that passes for another's
//! report.

use serde_json::{Value, json};

use super::ground::{Ground, Person};
use crate::harness::{Client, Reply, about};

const VIGIE: &str = "https://vigie.example/fhir";

/// A follow-up of each of the two.
struct Followed {
    ground: Ground,
    all: Client,
    insider: Client,
    /// `CarePlan/…` of the attacker's own patient, and of the other.
    own_plan: String,
    plan: String,
}

impl Followed {
    fn new() -> Self {
        let ground = Ground::new();
        let mut all = ground.all();
        let own_plan = enrol(&mut all, &ground.own);
        let plan = enrol(&mut all, &ground.other);
        let insider = ground.insider();
        Self {
            ground,
            all,
            insider,
            own_plan,
            plan,
        }
    }

    /// All that stands about the other patient, by type.
    fn standing(&mut self) -> Vec<(String, Vec<Value>)> {
        let kinds = ["Task", "Flag", "Communication", "CarePlan"];
        let patient = self.ground.other.reference.clone();
        kinds
            .map(|kind| (kind.to_owned(), about(&mut self.all, kind, &patient)))
            .into()
    }

    /// The other patient's open reports.
    fn reports(&mut self) -> Vec<Value> {
        let patient = self.ground.other.reference.clone();
        let mut tasks = about(&mut self.all, "Task", &patient);
        tasks.retain(|task| task["code"]["coding"][0]["code"] == "complete-questionnaire");
        tasks
    }

    /// The other patient says that they are in danger; their open alert.
    fn alarm(&mut self) -> Value {
        let patient = self.ground.other.reference.clone();
        let mut answer = answer(&self.plan, true);
        answer["subject"] = json!({ "reference": patient });
        self.all.post("QuestionnaireResponse", &answer).expect(201);
        // What is told of it has been sent, or could not be.
        let server = &self.ground.server;
        server.set_clock(&server.later(1));
        let mut flags = about(&mut self.all, "Flag", &patient);
        flags.retain(|flag| flag["category"][0]["coding"][0]["code"] == "clinical");
        assert_eq!(flags.len(), 1, "{flags:?}");
        flags.remove(0)
    }
}

fn enrol(all: &mut Client, person: &Person) -> String {
    let parameters = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "subject", "valueString": person.reference },
        { "name": "organization", "valueString": person.hospital },
    ]});
    let plan = all.post("PlanDefinition/covid-medical/$apply", &parameters);
    let plan = plan.expect(200).json();
    format!("CarePlan/{}", plan["id"].as_str().expect("an id"))
}

/// An answer of nobody in particular to the form of a follow-up.
fn answer(plan: &str, danger: bool) -> Value {
    json!({
        "resourceType": "QuestionnaireResponse",
        "questionnaire": format!("{VIGIE}/Questionnaire/covid-medical|1.0.0"),
        "basedOn": [{ "reference": plan }],
        "status": "completed",
        "item": [{ "linkId": "danger.chest", "answer": [{ "valueBoolean": danger }] }],
    })
}

fn status_and_text(reply: &Reply) -> (u16, String) {
    let issue = match reply.status {
        201 => String::new(),
        _ => reply.json()["issue"].to_string(),
    };
    (reply.status, issue)
}

#[test]
fn a5_nobody_answers_in_the_follow_up_of_somebody_else() {
    let mut at = Followed::new();
    let before = at.standing();
    let own = at.ground.own.reference.clone();
    // Without a subject, the answer is about its author.
    let mut nameless = answer(&at.plan, true);
    nameless["author"] = json!({ "reference": own });
    let mut named = answer(&at.plan, false);
    named["subject"] = json!({ "reference": own });
    for one in [&nameless, &named] {
        let reply = at.insider.post("QuestionnaireResponse", one);
        let mut other = one.clone();
        other["basedOn"][0]["reference"] = json!("CarePlan/01900000-0000-7000-8000-000000000000");
        let none = at.insider.post("QuestionnaireResponse", &other);
        at.ground.sees_nothing("an answer", &reply);
        assert_eq!(status_and_text(&reply), status_and_text(&none));
        assert_eq!(at.standing(), before);
    }
    // One that names the right follow-up counts as ever.
    let mut right = answer(&at.own_plan, true);
    right["subject"] = json!({ "reference": own });
    at.insider.post("QuestionnaireResponse", &right).expect(201);
    assert!(!about(&mut at.insider, "Flag", &own).is_empty());
}

#[test]
fn a5_nobody_puts_down_the_alert_of_somebody_else() {
    let mut at = Followed::new();
    let flag = at.alarm();
    let flag = format!("Flag/{}", flag["id"].as_str().expect("an id"));
    let before = at.standing();
    let mut task = json!({
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": { "coding": [{ "system": format!("{VIGIE}/CodeSystem/task-code"), "code": "handle-alert" }] },
        "focus": { "reference": flag },
        "basedOn": [{ "reference": at.plan }],
        "for": { "reference": at.ground.own.reference },
    });
    for last in ["completed", "on-hold", "cancelled"] {
        task.as_object_mut().expect("members").remove("id");
        task["status"] = json!("requested");
        let place = at.insider.post("Task", &task).expect(201).location();
        let mut next = at.insider.get(&place).expect(200).json();
        next["status"] = json!(last);
        if last == "on-hold" {
            let until = at.ground.server.later(60);
            next["restriction"] = json!({ "period": { "end": until } });
            next["statusReason"] = json!({ "text": "later" });
        }
        let reply = at.insider.put(&place, &next).expect(200);
        at.ground.sees_nothing(last, &reply);
        if last == "on-hold" {
            // It comes back by itself, and is told to nobody.
            at.ground.server.set_clock(&at.ground.server.later(90));
            let back = at.insider.get(&place).expect(200).json();
            assert_eq!(back["status"], "requested");
        }
        assert_eq!(at.standing(), before, "{last}");
    }
    // The other way round: who plants a Task on an alert does not learn that it has ended.
    task["status"] = json!("requested");
    let planted = at.insider.post("Task", &task).expect(201).location();
    let mut closed = at.all.get(&flag).expect(200).json();
    closed["status"] = json!("inactive");
    at.all.put(&flag, &closed).expect(200);
    let task = at.insider.get(&planted).expect(200).json();
    assert_eq!(task["status"], "requested");
}

#[test]
fn a5_nothing_passes_for_the_report_of_somebody_else() {
    let mut at = Followed::new();
    let report = at.reports();
    let first = report
        .iter()
        .find(|task| {
            task["identifier"][0]["value"]
                .as_str()
                .is_some_and(|it| it.ends_with("/0"))
        })
        .or(report.first())
        .cloned()
        .expect("a report");
    let mut planted = json!({
        "resourceType": "Task",
        "status": "ready",
        "intent": "order",
        "identifier": first["identifier"],
        "code": first["code"],
        "for": { "reference": at.ground.own.reference },
    });
    let mut places = Vec::new();
    for report in at.reports() {
        planted["identifier"] = report["identifier"].clone();
        places.push(at.insider.post("Task", &planted).expect(201).location());
    }
    at.alarm();
    for place in places {
        let task = at.insider.get(&place).expect(200);
        at.ground.sees_nothing(&place, &task);
        assert_eq!(task.json()["status"], "ready", "{}", task.text());
    }
    let answered = at.reports();
    let done = answered.iter().filter(|task| task["status"] == "completed");
    assert_eq!(done.count(), 1);
}
