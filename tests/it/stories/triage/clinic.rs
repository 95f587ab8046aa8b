//! A team that handles alerts: ranks, hours, people on call, and what they are told.

use serde_json::{Value, json};

use super::super::enrolment::desk::{Desk, code, extension};

/// A canonical URL of Vigie's.
pub fn vigie(path: &str) -> String {
    format!("https://vigie.example/fhir/{path}")
}

/// An answer that is urgent, one that is simple, and one that is neither.
pub const DANGER: &str = "danger.chest";
/// The patient asks to be called.
pub const CALLBACK: &str = "callback";

/// A desk with a patient on the medical pathway.
pub struct Clinic {
    /// The desk.
    pub desk: Desk,
    /// `Patient/{id}`.
    pub patient: String,
    /// `CarePlan/{id}`.
    pub plan: String,
}

impl Clinic {
    /// It opens at nine o'clock on a Monday, in Paris.
    pub fn open() -> Self {
        let mut desk = Desk::open();
        let patient = desk.person();
        let plan = desk.enrol(&patient, "covid-medical", &[]);
        Self {
            desk,
            patient,
            plan,
        }
    }

    /// A practitioner with an address: `Practitioner/{id}`.
    pub fn staff(&mut self, name: &str) -> String {
        self.desk.record(&json!({
            "resourceType": "Practitioner",
            "name": [{ "family": name }],
            "telecom": [{ "system": "email", "value": format!("{name}@ward.example") }],
        }))
    }

    /// Gives the team these members beside the nurse, each with a rank, and these extensions.
    pub fn equip(&mut self, members: &[(&str, u32)], extensions: Vec<Value>) {
        let team = self.desk.team.clone();
        let changed = self.desk.change(&team, |team| {
            let list = team["participant"].as_array_mut().expect("participants");
            for (member, rank) in members {
                let rank = extension("escalation-rank", "valuePositiveInt", (*rank).into());
                list.push(json!({
                    "extension": [rank],
                    "member": { "reference": member },
                }));
            }
            if !extensions.is_empty() {
                team["extension"] = extensions.into();
            }
        });
        changed.expect(200);
    }

    /// An answer of one item that is true.
    pub fn say(&mut self, item: &str) -> String {
        let items = [(item, json!({ "valueBoolean": true }))];
        self.desk.report(&self.plan, &items)
    }

    /// The one open alert: `Task/{id}`.
    #[track_caller]
    pub fn alert(&mut self) -> String {
        let mut open = self.desk.alerts(&self.plan);
        open.retain(|task| task["status"] != "completed");
        assert_eq!(open.len(), 1, "{open:?}");
        format!("Task/{}", open[0]["id"].as_str().expect("an id"))
    }

    /// The alert's Task.
    pub fn task(&mut self) -> Value {
        let path = self.alert();
        self.desk.read(&path)
    }

    /// Changes the alert's Task as a person would.
    pub fn act(&mut self, change: impl FnOnce(&mut Value)) -> crate::harness::Reply {
        let path = self.alert();
        self.desk.change(&path, change)
    }

    /// Who has been told by messages of a kind, oldest first.
    pub fn told(&mut self, kind: &str) -> Vec<String> {
        let messages = self.desk.messages(&self.patient, kind);
        messages.iter().map(recipient).collect()
    }

    /// The Flag of an alert's Task, as a reference.
    pub fn flag_of(&mut self, task: &str) -> String {
        let task = self.desk.read(task);
        let flag = task["focus"]["reference"].as_str();
        flag.expect("a flag").to_owned()
    }

    /// Who has been told by messages of a kind about one Flag, oldest first.
    pub fn told_of(&mut self, flag: &str, kind: &str) -> Vec<String> {
        let mut messages = self.desk.messages(&self.patient, kind);
        messages.retain(|message| message["about"][0]["reference"] == flag);
        messages.iter().map(recipient).collect()
    }

    /// Moves the clock to an instant of 2030, such as `03-25T08:15:00Z`.
    #[track_caller]
    pub fn at(&self, instant: &str) {
        self.desk.server.set_clock(&format!("2030-{instant}"));
    }
}

/// Who gets a message.
pub fn recipient(message: &Value) -> String {
    let recipient = message["recipient"][0]["reference"].as_str();
    recipient.expect("a recipient").to_owned()
}

/// How many steps an alert has made.
pub fn step(task: &Value) -> u64 {
    let said = super::super::enrolment::desk::said(task, "escalation-step");
    said.and_then(Value::as_u64).unwrap_or(0)
}

/// Who is on call.
pub fn on_call(who: &str) -> Value {
    extension("on-call", "valueReference", json!({ "reference": who }))
}

/// Hours of cover, on working days.
pub fn office_hours(start: &str, end: &str) -> Vec<Value> {
    let mut parts: Vec<Value> = ["mon", "tue", "wed", "thu", "fri"]
        .iter()
        .map(|day| json!({ "url": "day", "valueCode": day }))
        .collect();
    parts.push(json!({ "url": "start", "valueTime": start }));
    parts.push(json!({ "url": "end", "valueTime": end }));
    vec![
        json!({ "url": vigie("StructureDefinition/cover-hours"), "extension": parts }),
        extension("time-zone", "valueCode", "Europe/Paris".into()),
    ]
}

/// The wishes of a professional.
pub fn notices(parts: &[(&str, &str, &str)]) -> Value {
    let mut extension: Vec<Value> = parts
        .iter()
        .map(|(url, member, value)| {
            let mut part = json!({ "url": url });
            part[*member] = (*value).into();
            part
        })
        .collect();
    extension.push(json!({ "url": "timeZone", "valueCode": "Europe/Paris" }));
    json!({ "url": vigie("StructureDefinition/notices"), "extension": extension })
}

/// An outcome of an alert, and whether it was useful.
pub fn outcome(code: &str, useful: bool) -> Value {
    let system = vigie("CodeSystem/alert-outcome");
    let typed = |code: &str| json!({ "coding": [{ "system": system, "code": code }] });
    json!([
        { "type": typed("outcome"), "valueCodeableConcept": typed(code) },
        { "type": typed("useful"), "valueBoolean": useful },
    ])
}

/// The code of a Flag's level.
pub fn level(flag: &Value) -> &str {
    let priority = flag["extension"].as_array().into_iter().flatten();
    let mut priority = priority
        .filter(|one| one["url"] == "http://hl7.org/fhir/StructureDefinition/flag-priority");
    priority
        .next()
        .map_or("", |one| code(&one["valueCodeableConcept"]))
}
