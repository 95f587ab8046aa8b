//! A desk where people are enrolled: a server, a nurse, her team, and what she asks for.

use serde_json::{Value, json};

use crate::harness::{Client, Options, Reply, Server, about};

/// The instant that every story begins at: nine o'clock in Paris, the pathways' due time.
pub const MORNING: &str = "2030-03-25T08:00:00Z";

/// Canonical base of everything that Vigie defines.
const VIGIE: &str = "https://vigie.example/fhir";

/// The desk of a team.
pub struct Desk {
    /// The server.
    pub server: Server,
    /// The nurse's connection.
    pub client: Client,
    /// `Practitioner/{id}` of the nurse.
    pub nurse: String,
    /// `CareTeam/{id}` of her team.
    pub team: String,
}

/// The canonical URL of something of Vigie's.
pub fn canonical(path: &str) -> String {
    format!("{VIGIE}/{path}")
}

/// An extension of Vigie's with a value.
pub fn extension(name: &str, member: &str, value: Value) -> Value {
    let mut extension = json!({ "url": canonical(&format!("StructureDefinition/{name}")) });
    extension[member] = value;
    extension
}

/// The value of an extension of Vigie's.
pub fn said<'a>(resource: &'a Value, name: &str) -> Option<&'a Value> {
    let url = canonical(&format!("StructureDefinition/{name}"));
    let list = resource["extension"].as_array()?;
    let found = list.iter().find(|one| one["url"] == url)?.as_object()?;
    found
        .iter()
        .find_map(|(member, value)| member.starts_with("value").then_some(value))
}

/// A Parameters resource; FHIR has no empty lists.
pub fn parameters(parameter: &[Value]) -> Value {
    let mut resource = json!({ "resourceType": "Parameters" });
    if !parameter.is_empty() {
        resource["parameter"] = parameter.into();
    }
    resource
}

/// A parameter with a reference.
pub fn names(name: &str, reference: &str) -> Value {
    json!({ "name": name, "valueReference": { "reference": reference } })
}

/// The code of a `businessStatus` or of a category.
pub fn code(concept: &Value) -> &str {
    concept["coding"][0]["code"].as_str().unwrap_or_default()
}

/// Statuses of some Tasks, in their order.
pub fn statuses(tasks: &[Value]) -> Vec<&str> {
    tasks
        .iter()
        .map(|task| task["status"].as_str().unwrap_or_default())
        .collect()
}

/// Days of some reports, in their order.
pub fn days(tasks: &[Value]) -> Vec<u32> {
    tasks.iter().map(day_of).collect()
}

fn day_of(task: &Value) -> u32 {
    let identifier = task["identifier"][0]["value"].as_str().unwrap_or_default();
    let day = identifier.rsplit('/').next().unwrap_or_default();
    day.parse().expect("an identifier that ends in a day")
}

impl Desk {
    /// A desk that opens at [`MORNING`].
    pub fn open() -> Self {
        let server = Server::start_with(Options {
            environment: vec![("VIGIE_CLOCK_START".to_owned(), MORNING.to_owned())],
            ..Default::default()
        });
        let mut client = server.client();
        let nurse = practitioner(&mut client, "Lefort");
        let team = team(&mut client, &nurse);
        Self {
            server,
            client,
            nurse,
            team,
        }
    }

    /// Another team, of one other practitioner: `CareTeam/{id}` and `Practitioner/{id}`.
    pub fn other_team(&mut self) -> (String, String) {
        let nurse = practitioner(&mut self.client, "Marchand");
        (team(&mut self.client, &nurse), nurse)
    }

    /// Writes a resource; gives `Type/{id}`.
    #[track_caller]
    pub fn record(&mut self, resource: &Value) -> String {
        let kind = resource["resourceType"].as_str().expect("a type");
        self.client.post(kind, resource).expect(201).location()
    }

    /// Somebody who has consented: `Patient/{id}`.
    pub fn person(&mut self) -> String {
        let patient = self.stranger();
        self.record(&json!({
            "resourceType": "Consent",
            "status": "active",
            "scope": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                "code": "patient-privacy",
            }] },
            "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
            "patient": { "reference": patient },
            "policyRule": { "text": "Telemonitoring at home" },
        }));
        patient
    }

    /// Somebody who has not been asked yet: `Patient/{id}`.
    pub fn stranger(&mut self) -> String {
        self.record(&json!({
            "resourceType": "Patient",
            "birthDate": "1988-02-29",
            "telecom": [{ "system": "email", "value": "home@family.example" }],
        }))
    }

    /// Somebody of a patient's family: `RelatedPerson/{id}`.
    pub fn relative(&mut self, patient: &str) -> String {
        self.record(&json!({
            "resourceType": "RelatedPerson",
            "active": true,
            "patient": { "reference": patient },
            "telecom": [{ "system": "email", "value": "home@family.example" }],
        }))
    }

    /// `PlanDefinition/$apply` for a patient of the team, whatever comes of it.
    pub fn apply(&mut self, patient: &str, pathway: &str, more: &[Value]) -> Reply {
        let mut parameter = vec![
            names("subject", patient),
            names("practitioner", &self.nurse),
            names("careTeam", &self.team),
        ];
        parameter.extend(more.iter().cloned());
        let parameters = json!({ "resourceType": "Parameters", "parameter": parameter });
        self.client
            .post(&format!("PlanDefinition/{pathway}/$apply"), &parameters)
    }

    /// Enrols somebody: `CarePlan/{id}`.
    #[track_caller]
    pub fn enrol(&mut self, patient: &str, pathway: &str, more: &[Value]) -> String {
        path(&self.apply(patient, pathway, more))
    }

    /// An operation on a follow-up, whatever comes of it.
    pub fn ask(&mut self, plan: &str, operation: &str, parameter: &[Value]) -> Reply {
        let parameters = parameters(parameter);
        self.client
            .post(&format!("{plan}/${operation}"), &parameters)
    }

    /// What stands under a path.
    #[track_caller]
    pub fn read(&mut self, path: &str) -> Value {
        self.client.get(path).expect(200).json()
    }

    /// A plain update of a resource, whatever comes of it.
    pub fn change(&mut self, path: &str, change: impl FnOnce(&mut Value)) -> Reply {
        let mut resource = self.read(path);
        change(&mut resource);
        self.client.put(path, &resource)
    }

    /// Sets or replaces an extension of a follow-up by a plain update.
    pub fn set(&mut self, plan: &str, extension: Value) -> Reply {
        self.change(plan, |plan| {
            let list = plan["extension"].as_array_mut().expect("extensions");
            list.retain(|one| one["url"] != extension["url"]);
            list.push(extension);
        })
    }

    /// The report Tasks of a follow-up, by day.
    pub fn reports(&mut self, plan: &str) -> Vec<Value> {
        let mut tasks = self.tasks(plan);
        tasks.retain(|task| code(&task["code"]) == "complete-questionnaire");
        tasks.sort_by_key(day_of);
        tasks
    }

    /// The alert Tasks of a follow-up.
    pub fn alerts(&mut self, plan: &str) -> Vec<Value> {
        let mut tasks = self.tasks(plan);
        tasks.retain(|task| code(&task["code"]) == "handle-alert");
        tasks
    }

    fn tasks(&mut self, plan: &str) -> Vec<Value> {
        let page = self.read(&format!("Task?based-on={plan}&_count=500"));
        entries(page)
    }

    /// The messages of a kind about a patient, oldest first.
    pub fn messages(&mut self, patient: &str, kind: &str) -> Vec<Value> {
        let mut messages = about(&mut self.client, "Communication", patient);
        messages.retain(|message| code(&message["category"][0]) == kind);
        messages.sort_by_key(|message| message["meta"]["lastUpdated"].to_string());
        messages
    }

    /// What a search finds.
    pub fn search(&mut self, query: &str) -> Vec<Value> {
        let page = self.read(query);
        entries(page)
    }

    /// An answer to a follow-up's form, of these items.
    pub fn answer(&mut self, plan: &str, items: &[(&str, Value)]) -> Value {
        let plan_is = self.read(plan);
        let pathway = plan_is["instantiatesCanonical"][0].as_str().expect("one");
        let item: Vec<Value> = items
            .iter()
            .map(|(link, value)| json!({ "linkId": link, "answer": [value] }))
            .collect();
        let mut answer = json!({
            "resourceType": "QuestionnaireResponse",
            "questionnaire": pathway.replace("PlanDefinition", "Questionnaire"),
            "basedOn": [{ "reference": plan }],
            "status": "completed",
            "subject": plan_is["subject"],
            "source": plan_is["subject"],
        });
        if !item.is_empty() {
            answer["item"] = item.into();
        }
        answer
    }

    /// Sends an answer of these items: `QuestionnaireResponse/{id}`.
    #[track_caller]
    pub fn report(&mut self, plan: &str, items: &[(&str, Value)]) -> String {
        let answer = self.answer(plan, items);
        self.record(&answer)
    }
}

/// `CarePlan/{id}` of a reply that gives a CarePlan.
#[track_caller]
pub fn path(reply: &Reply) -> String {
    let plan = reply.clone().expect(200).json();
    format!("CarePlan/{}", plan["id"].as_str().expect("an id"))
}

/// A reply that refuses with this status, and names a place in these words.
#[track_caller]
pub fn refused(reply: Reply, status: u16, place: &str) {
    let outcome = reply.expect(status).json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    let named = outcome["issue"][0]["expression"].to_string();
    assert!(named.contains(place), "{place} is not named: {outcome}");
}

fn entries(mut page: Value) -> Vec<Value> {
    let entries = page["entry"].as_array_mut().map(std::mem::take);
    entries
        .unwrap_or_default()
        .into_iter()
        .map(|mut entry| entry["resource"].take())
        .collect()
}

fn practitioner(client: &mut Client, family: &str) -> String {
    let practitioner = json!({
        "resourceType": "Practitioner",
        "name": [{ "family": family }],
        "telecom": [{ "system": "email", "value": format!("{family}@ward.example") }],
    });
    client
        .post("Practitioner", &practitioner)
        .expect(201)
        .location()
}

fn team(client: &mut Client, member: &str) -> String {
    let team = json!({
        "resourceType": "CareTeam",
        "status": "active",
        "participant": [{ "member": { "reference": member } }],
    });
    client.post("CareTeam", &team).expect(201).location()
}
