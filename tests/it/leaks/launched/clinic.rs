//! A ward with five patients, all in the care of one nurse, and a sixth who is cared for elsewhere.
//!
//! Since she may see all five, nothing but the launch keeps a program of hers to one of them.
//! Whatever is about a patient holds a word with their name ([`canary`]), which stands nowhere else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{
    App, Backend, Client, Options, Server, Visitor, add_user,
    app::{allow, choose, parameter},
};

/// Everybody who has data here.
pub const PATIENTS: [&str; 6] = ["ada", "ben", "cem", "dua", "eva", "fay"];

/// Whom the nurse cares for.
pub const WARD: [&str; 5] = ["ada", "ben", "dua", "eva", "fay"];

/// What a program may ask for at most.
const REGISTERED: &str = "patient/*.cruds user/*.cruds";

/// The code system of the clinic.
macro_rules! urn {
    ($code:literal) => {
        json!({ "coding": [{ "system": "urn:t", "code": $code }] })
    };
}

/// The word in everything about a patient.
pub fn canary(patient: &str) -> String {
    format!("canary-of-{patient}")
}

/// The server, and who asks.
pub struct Clinic {
    /// The server.
    pub server: Server,
    /// Who reaches everything.
    pub all: Client,
    app: App,
    /// The browser of the nurse, who has logged in.
    anne: Visitor,
    /// Tokens by patient and scopes.
    tokens: BTreeMap<(String, String), String>,
}

impl Clinic {
    /// The clinic with everything in its place.
    pub fn new() -> Self {
        let server = Server::start_with(Options {
            closed: true,
            ..Options::default()
        });
        let backend = Backend::register(&server, "system/*.cruds");
        let mut all = backend.client(&server, "system/*.cruds");
        for (owner, place, mut tree) in everything() {
            let (kind, id) = place.split_once('/').expect("a type and an id");
            tree["resourceType"] = kind.into();
            tree["id"] = id.into();
            if let Some(owner) = owner {
                let tag = json!({ "system": "urn:canary", "code": canary(owner) });
                match &mut tree["meta"]["tag"] {
                    Value::Array(tags) => tags.push(tag),
                    none => *none = json!([tag]),
                }
            }
            all.put(place, &tree).expect(201);
        }
        let role = "professional@Organization/ward";
        add_user(&server, "anne", "Practitioner/anne", &[role]);
        let app = App::public(&server, REGISTERED);
        let anne = Visitor::new(&server);
        Self {
            server,
            all,
            app,
            anne,
            tokens: BTreeMap::new(),
        }
    }

    /// A program that the nurse lets in with these scopes, for one patient if one is named.
    #[track_caller]
    pub fn program(&mut self, patient: &str, scopes: &str) -> Client {
        let key = (patient.to_owned(), scopes.to_owned());
        if !self.tokens.contains_key(&key) {
            let token = self.let_in(patient, scopes);
            self.tokens.insert(key.clone(), token);
        }
        self.server.client().with_token(self.tokens[&key].clone())
    }

    #[track_caller]
    fn let_in(&mut self, patient: &str, scopes: &str) -> String {
        let request = self.app.request(&self.server, scopes, &[]);
        let first = self.anne.get(&format!("/auth/authorize?{request}"));
        let mut page = self.anne.follow(first);
        while page.header("location").is_none() {
            let text = page.text();
            page = if text.contains("name=\"password\"") {
                self.anne.log_in(&page, "anne")
            } else if text.contains("name=\"patient\"") {
                choose(&mut self.anne, &page, patient)
            } else {
                let answer = allow(&mut self.anne, &page, None);
                self.anne.follow(answer)
            };
        }
        let address = page.header("location").expect("an address");
        let code = parameter(address, "code").unwrap_or_else(|| panic!("{scopes}: {address}"));
        let tokens = App::post(&self.server, &self.app.exchange_form(&code));
        let tokens = tokens.expect(200).json();
        if !patient.is_empty() {
            assert_eq!(tokens["patient"], patient, "{scopes}");
        }
        let token = tokens["access_token"].as_str().expect("a token");
        token.to_owned()
    }
}

fn refer(to: &str) -> Value {
    json!({ "reference": to })
}

/// A patient in the care of an establishment.
fn person(name: &str, born: &str, establishment: &str) -> Value {
    json!({ "name": [{ "given": [name] }], "gender": "female", "birthDate": born,
        "managingOrganization": refer(establishment) })
}

/// An Observation about somebody, with what else it says.
fn observed(subject: &str, code: Value, more: Value) -> Value {
    let mut tree = json!({ "status": "final", "code": code, "subject": refer(subject) });
    for (name, value) in more.as_object().expect("members") {
        tree[name] = value.clone();
    }
    tree
}

type Placed = (Option<&'static str>, &'static str, Value);

fn everything() -> Vec<Placed> {
    [
        directory(),
        of_ada(),
        done_for_ada(),
        of_the_ward(),
        of_eva(),
        of_fay(),
        of_cem(),
    ]
    .concat()
}

/// What is everybody's, and what is nobody's.
fn directory() -> Vec<Placed> {
    let place = |place, tree| (None, place, tree);
    let staff =
        |name: &str, gender: &str| json!({ "name": [{ "given": [name] }], "gender": gender });
    vec![
        place(
            "Organization/ward",
            json!({ "name": "Ward", "address": [{ "city": "Lyon" }] }),
        ),
        place(
            "Organization/far",
            json!({ "name": "Far", "address": [{ "city": "Brest" }] }),
        ),
        place("Practitioner/anne", staff("Anne", "male")),
        place("Practitioner/bob", staff("Bob", "male")),
        place("Practitioner/eli", staff("Eli", "female")),
        place("Location/room", json!({ "name": "Room" })),
        place("Medication/pill", json!({ "code": { "text": "Pill" } })),
        place(
            "Device/nobody",
            json!({ "identifier": [{ "system": "urn:t", "value": "d-nobody" }] }),
        ),
    ]
}

/// The record of somebody with a bit of everything.
fn of_ada() -> Vec<Placed> {
    let place = |place, tree| (Some("ada"), place, tree);
    let ada = || refer("Patient/ada");
    let mut patient = person("Ada", "1981-07-02", "Organization/ward");
    patient["generalPractitioner"] = json!([refer("Practitioner/anne")]);
    patient["meta"] = json!({ "tag": [{ "system": "urn:t", "code": "kept" }] });
    vec![
        place("Patient/ada", patient),
        place(
            "Device/ada",
            json!({ "patient": ada(), "identifier": [{ "system": "urn:t", "value": "d-ada" }] }),
        ),
        place(
            "Observation/ada-1",
            observed(
                "Patient/ada",
                urn!("sugar"),
                json!({
            "effectiveDateTime": "2008-04-10", "performer": [refer("Practitioner/anne")],
            "device": refer("Device/ada") }),
            ),
        ),
        place(
            "Observation/ada-2",
            observed(
                "Patient/ada",
                urn!("smoking"),
                json!({
            "effectiveDateTime": "1977-09-01" }),
            ),
        ),
    ]
}

/// What was done for her.
fn done_for_ada() -> Vec<Placed> {
    let place = |place, tree| (Some("ada"), place, tree);
    let ada = || refer("Patient/ada");
    let report = |tag: &str| {
        json!({ "meta": { "tag": [{ "system": "urn:t", "code": tag }] }, "status": "final",
            "code": urn!("report"), "subject": ada(), "result": [refer("Observation/ada-1")] })
    };
    vec![
        place(
            "Encounter/ada",
            json!({ "status": "finished", "class": { "code": "HH" }, "subject": ada(),
            "participant": [{ "individual": refer("Practitioner/anne") }] }),
        ),
        place(
            "Condition/ada",
            json!({ "subject": ada(), "code": urn!("ill") }),
        ),
        place(
            "ImagingStudy/ada",
            json!({ "status": "available", "subject": ada() }),
        ),
        place(
            "Appointment/ada",
            json!({ "status": "booked",
            "participant": [{ "actor": ada(), "status": "accepted" }] }),
        ),
        place(
            "MedicationRequest/ada",
            json!({ "status": "active", "intent": "order", "subject": ada(),
            "medicationReference": refer("Medication/pill") }),
        ),
        place(
            "Immunization/ada",
            json!({ "status": "completed", "patient": ada(),
            "vaccineCode": urn!("jab"), "occurrenceDateTime": "2020-01-01" }),
        ),
        place("DiagnosticReport/ada-kept", report("kept")),
        place("DiagnosticReport/ada-other", report("other")),
        place(
            "CareTeam/ada",
            json!({ "status": "active", "subject": ada(),
            "participant": [{ "member": refer("Practitioner/anne") }] }),
        ),
    ]
}

/// Two more of the ward.
fn of_the_ward() -> Vec<Placed> {
    let ben = |place, tree| (Some("ben"), place, tree);
    let dua = |place, tree| (Some("dua"), place, tree);
    vec![
        ben(
            "Patient/ben",
            person("Ben", "1950-01-01", "Organization/ward"),
        ),
        ben(
            "Observation/ben",
            observed("Patient/ben", urn!("sugar"), json!({})),
        ),
        ben(
            "Device/ben",
            json!({ "patient": refer("Patient/ben"), "identifier": [{ "system": "urn:t", "value": "d-ben" }] }),
        ),
        ben(
            "DiagnosticReport/ben",
            json!({ "status": "final", "code": urn!("report"), "subject": refer("Patient/ben") }),
        ),
        ben(
            "Appointment/both",
            json!({ "status": "booked", "participant": [
                { "actor": refer("Patient/ada"), "status": "accepted" },
                { "actor": refer("Patient/ben"), "status": "accepted" }] }),
        ),
        ben(
            "Group/both",
            json!({ "type": "person", "actual": true, "member": [
                { "entity": refer("Patient/ada") }, { "entity": refer("Patient/ben") }] }),
        ),
        dua(
            "Patient/dua",
            person("Dua", "1960-01-01", "Organization/ward"),
        ),
        dua(
            "Encounter/dua",
            json!({ "status": "finished", "class": { "code": "HH" }, "subject": refer("Patient/dua") }),
        ),
        dua(
            "Observation/dua",
            observed("Patient/dua", urn!("sugar"), json!({})),
        ),
    ]
}

/// A child, whose record leads to that of her mother.
fn of_eva() -> Vec<Placed> {
    let place = |place, tree| (Some("eva"), place, tree);
    let (eva, fay) = (|| refer("Patient/eva"), || refer("Patient/fay"));
    vec![
        place(
            "Patient/eva",
            person("Eva", "2015-01-01", "Organization/ward"),
        ),
        place(
            "Coverage/eva",
            json!({ "status": "active", "beneficiary": eva(), "payor": [eva()],
            "subscriber": fay() }),
        ),
        place(
            "Observation/eva",
            observed("Patient/eva", urn!("sugar"), json!({})),
        ),
        place(
            "Observation/eva-focus",
            observed(
                "Patient/eva",
                urn!("smoking"),
                json!({
            "focus": [fay()], "device": refer("Device/fay") }),
            ),
        ),
        place(
            "Observation/eva-device",
            observed(
                "Patient/eva",
                urn!("smoking"),
                json!({
            "device": refer("Device/fay") }),
            ),
        ),
        place(
            "DiagnosticReport/eva",
            json!({ "status": "final", "code": urn!("report"), "subject": eva(),
            "result": [refer("Observation/eva-focus")] }),
        ),
        place(
            "Procedure/eva",
            json!({ "status": "completed", "subject": eva() }),
        ),
    ]
}

/// The mother, whose record leads to that of her child.
fn of_fay() -> Vec<Placed> {
    let place = |place, tree| (Some("fay"), place, tree);
    let fay = || refer("Patient/fay");
    vec![
        place(
            "Patient/fay",
            person("Fay", "1985-01-01", "Organization/ward"),
        ),
        place("Device/fay-early", json!({ "patient": fay() })),
        place("Device/fay", json!({ "patient": fay() })),
        place(
            "Observation/fay-early",
            observed(
                "Patient/fay",
                urn!("sugar"),
                json!({
            "device": refer("Device/fay-early"), "focus": [fay()] }),
            ),
        ),
        place(
            "Observation/fay-focus",
            observed(
                "Patient/fay",
                urn!("sugar"),
                json!({
            "device": refer("Device/fay"), "focus": [refer("Patient/eva")] }),
            ),
        ),
        place(
            "Observation/fay-shared",
            observed(
                "Patient/fay",
                urn!("sugar"),
                json!({
            "focus": [refer("Practitioner/anne")] }),
            ),
        ),
        place(
            "DiagnosticReport/fay",
            json!({ "status": "final", "code": urn!("report"), "subject": fay(),
            "result": [refer("Observation/eva")] }),
        ),
    ]
}

/// Somebody whom others care for, and who names the nurse all the same.
fn of_cem() -> Vec<Placed> {
    let place = |place, tree| (Some("cem"), place, tree);
    let cem = || refer("Patient/cem");
    vec![
        place(
            "Patient/cem",
            person("Cem", "1970-01-01", "Organization/far"),
        ),
        place(
            "Observation/cem",
            observed(
                "Patient/cem",
                urn!("sugar"),
                json!({
            "performer": [refer("Practitioner/anne")] }),
            ),
        ),
        place(
            "Observation/cem-focus",
            observed(
                "Patient/cem",
                urn!("sugar"),
                json!({
            "focus": [refer("Practitioner/anne")] }),
            ),
        ),
        place(
            "CareTeam/cem",
            json!({ "status": "active", "subject": cem(),
            "participant": [{ "member": refer("Practitioner/bob") }] }),
        ),
        place("Device/cem", json!({ "patient": cem() })),
        place(
            "Encounter/cem",
            json!({ "status": "finished", "class": { "code": "HH" }, "subject": cem(),
            "participant": [{ "individual": refer("Practitioner/bob") }] }),
        ),
    ]
}
