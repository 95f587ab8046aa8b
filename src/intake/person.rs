//! A row of people to be followed, as what is to be written: pure.

use jiff::{Timestamp, civil::time, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::{
    cell::{self, Read},
    fault::Fault,
    matching::letters,
    sheet::{Column, Row, Sheet},
};

const fn column(name: &'static str, others: &'static [&'static str]) -> Column {
    Column {
        name,
        others,
        required: false,
    }
}

const fn required(name: &'static str, others: &'static [&'static str]) -> Column {
    Column {
        name,
        others,
        required: true,
    }
}

/// The columns of a table of people.
pub const COLUMNS: &[Column] = &[
    column("identifier", &["identifiant", "id", "numero"]),
    column("ins", &["nir", "matricule ins"]),
    required(
        "family",
        &["nom", "nom de naissance", "last name", "family name"],
    ),
    required("given", &["prenom", "first name", "given name"]),
    required("birthDate", &["naissance", "date de naissance", "ne le"]),
    column("gender", &["sexe", "sex"]),
    column("phone", &["telephone", "tel", "mobile", "portable"]),
    column("email", &["courriel", "mail", "adresse e-mail"]),
    column("language", &["langue"]),
    column("address", &["adresse", "rue", "street"]),
    column("postalCode", &["code postal", "cp", "zip"]),
    column("city", &["ville", "commune"]),
    column("timeZone", &["fuseau", "fuseau horaire"]),
    column("pathway", &["parcours", "planDefinition"]),
    column("start", &["debut", "date de debut"]),
    column("consent", &["consentement"]),
    column(
        "consentDate",
        &["date de consentement", "date du consentement"],
    ),
    column("reportChannel", &["canal", "channel"]),
    column("reminderTime", &["heure", "heure de rappel"]),
    column("riskFactors", &["facteurs de risque", "risques"]),
    column("careTeam", &["equipe", "team"]),
    column(
        "organization",
        &["organisation", "etablissement", "establishment"],
    ),
    column("practitioner", &["professionnel"]),
    column("contactName", &["contact", "personne a prevenir"]),
    column(
        "contactPhone",
        &["telephone du contact", "contact telephone"],
    ),
    column("contactEmail", &["courriel du contact", "contact courriel"]),
    column("duplicate", &["doublon"]),
];

/// What a table is read with, beside its cells.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What is said once for all rows: `planDefinition`, `careTeam`, `identifierSystem`, …
    pub defaults: Map<String, Value>,
    /// The zone of people whose zone is not told.
    pub zone: TimeZone,
    /// The present instant.
    pub now: Timestamp,
}

/// What must be so of the table as a whole.
///
/// # Errors
/// As no pathway is named anywhere.
pub fn check(sheet: &Sheet, setting: &Setting) -> Result<(), Fault> {
    if sheet.has("pathway") || setting.defaults.contains_key("pathway") {
        return Ok(());
    }
    let reason = "The pathway is named neither in a column `parcours` nor for the whole file.";
    Err(Fault::new(1, "parcours", reason))
}

/// Columns that the writing of a row may find fault with.
const TITLES: [&str; 13] = [
    "identifier",
    "ins",
    "pathway",
    "start",
    "timeZone",
    "consent",
    "reportChannel",
    "reminderTime",
    "riskFactors",
    "careTeam",
    "organization",
    "practitioner",
    "duplicate",
];

/// Reads one row.
///
/// # Errors
/// Every fault of the row.
pub fn read(sheet: &Sheet, row: &Row, setting: &Setting) -> Result<Value, Vec<Fault>> {
    let misshapen = sheet.misshapen(row);
    if !misshapen.is_empty() {
        return Err(misshapen);
    }
    let mut cells = Cells {
        sheet,
        row,
        faults: Vec::new(),
        read: Map::new(),
    };
    cells.person(setting);
    cells.follow_up(setting);
    let titles = TITLES.map(|name| (name.to_owned(), Value::from(sheet.title(name))));
    let titles = Map::from_iter(titles.into_iter().filter(|(_, title)| *title != ""));
    cells
        .read
        .insert("titles".to_owned(), Value::Object(titles));
    if cells.faults.is_empty() {
        Ok(Value::Object(cells.read))
    } else {
        Err(cells.faults)
    }
}

/// The cells of one row, being read.
struct Cells<'a> {
    sheet: &'a Sheet,
    row: &'a Row,
    faults: Vec<Fault>,
    read: Map<String, Value>,
}

impl Cells<'_> {
    fn fault(&mut self, name: &str, reason: &str) {
        let title = self.sheet.title(name);
        self.faults.push(Fault::new(self.row.line, title, reason));
    }

    /// Reads one cell, where there is anything in it.
    fn take<T: Into<Value>>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Read<T>) {
        let Some(text) = self.sheet.cell(self.row, name) else {
            return;
        };
        match read(cell::bare(text)) {
            Ok(value) => {
                self.read.insert(name.to_owned(), value.into());
            }
            Err(reason) => self.fault(name, reason),
        }
    }

    fn text(&mut self, name: &'static str) {
        self.take(name, |text| Ok(text.to_owned()));
    }

    fn must(&mut self, name: &'static str) {
        if self.sheet.cell(self.row, name).is_none() {
            self.fault(name, "The cell is empty.");
        }
    }

    fn person(&mut self, setting: &Setting) {
        let today = setting.now.to_zoned(setting.zone.clone()).date();
        for name in ["family", "given", "birthDate"] {
            self.must(name);
        }
        for name in ["family", "given"] {
            self.take(name, person_name);
        }
        self.text("identifier");
        self.take("ins", cell::ins);
        self.take("birthDate", |text| {
            cell::birth_date(text, today).map(|date| date.to_string())
        });
        self.take("gender", cell::gender);
        self.take("phone", cell::phone);
        self.take("email", cell::email);
        self.take("language", cell::language);
        for name in ["address", "postalCode", "city", "contactName"] {
            self.text(name);
        }
        self.take("contactPhone", cell::phone);
        self.take("contactEmail", cell::email);
        let reached =
            self.read.contains_key("contactPhone") || self.read.contains_key("contactEmail");
        if reached && !self.read.contains_key("contactName") && self.sheet.has("contactName") {
            self.fault("contactName", "Somebody who can be reached has a name.");
        }
        if !self.read.contains_key("identifier") {
            let derived = derived_identifier(&self.read);
            self.read.insert("derived".to_owned(), derived.into());
        }
    }

    fn follow_up(&mut self, setting: &Setting) {
        self.take("timeZone", |text| match TimeZone::get(text) {
            Ok(zone) if zone.iana_name().is_some() => Ok(text.to_owned()),
            _ => Err("A time zone is written Europe/Paris."),
        });
        let zone = self.read.get("timeZone").and_then(Value::as_str);
        let zone = zone
            .and_then(|name| TimeZone::get(name).ok())
            .unwrap_or_else(|| setting.zone.clone());
        let instant = |text: &str| {
            // Day 1 is the day that is written, so before any hour at which the next would be it.
            cell::instant(text, &zone, time(0, 0, 0, 0)).map(|at| at.to_string())
        };
        self.take("start", instant);
        self.take("consent", consent);
        self.take("consentDate", instant);
        self.take("reportChannel", cell::channel);
        self.take("reminderTime", reminder_time);
        self.take("riskFactors", |text| {
            let codes = text.split(['+', '|', ' ']).filter(|code| !code.is_empty());
            Ok(codes.map(Value::from).collect::<Vec<Value>>())
        });
        self.text("pathway");
        for (name, kind) in [
            ("careTeam", "CareTeam"),
            ("organization", "Organization"),
            ("practitioner", "Practitioner"),
        ] {
            self.take(name, |text| reference(text, kind));
        }
        self.take("duplicate", duplicate);
        for (name, value) in &setting.defaults {
            self.read.entry(name).or_insert_with(|| value.clone());
        }
        if self.sheet.cell(self.row, "pathway").is_none()
            && !setting.defaults.contains_key("pathway")
        {
            self.fault("pathway", "The cell is empty.");
        }
        let zone = setting.zone.iana_name().unwrap_or("UTC");
        self.read.entry("timeZone").or_insert_with(|| zone.into());
    }
}

fn person_name(text: &str) -> Read<String> {
    if text.chars().any(char::is_alphabetic) {
        Ok(text.to_owned())
    } else {
        Err("A name has letters.")
    }
}

fn consent(text: &str) -> Read<bool> {
    match cell::boolean(text)? {
        true => Ok(true),
        false => Err("Who has not consented is not followed."),
    }
}

fn reminder_time(text: &str) -> Read<String> {
    let text = text.replace('h', ":");
    let padded = if text.ends_with(':') {
        format!("{text}00")
    } else {
        text
    };
    let time: jiff::civil::Time = padded
        .parse()
        .map_err(|_| "A time of day is written 18:30.")?;
    Ok(time.strftime("%H:%M:%S").to_string())
}

/// `Kind/id`, from an id alone as well.
fn reference(text: &str, kind: &str) -> Read<String> {
    let id = text
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('/'));
    let id = id.unwrap_or(text);
    if crate::fhir::reference::is_id(id) {
        Ok(format!("{kind}/{id}"))
    } else {
        Err("The cell names somebody by an id of this server.")
    }
}

/// `nouveau`: another person than the one who is known; or the known person's id.
fn duplicate(text: &str) -> Read<String> {
    match crate::fhir::search::text::fold(text).as_str() {
        "nouveau" | "new" | "non" | "no" => Ok("new".to_owned()),
        _ => reference(text, "Patient"),
    }
}

/// What stands for the identifier of a row that has none, so that it is known again.
fn derived_identifier(read: &Map<String, Value>) -> String {
    let text = |name: &str| read.get(name).and_then(Value::as_str).unwrap_or_default();
    let identity = json!([
        letters(text("family")),
        letters(text("given")),
        text("birthDate"),
        text("phone"),
        text("email"),
    ]);
    let hash = blake3::hash(identity.to_string().as_bytes());
    hash.to_hex().chars().take(32).collect()
}

/// The Patient that a row is about.
#[must_use]
pub fn patient(row: &Value) -> Value {
    let text = |name: &str| row[name].as_str();
    let mut identifiers = Vec::new();
    if let Some(ins) = text("ins") {
        identifiers.push(json!({ "system": super::matching::INS, "value": ins }));
    }
    identifiers.push(identifier(row));
    let mut patient = json!({
        "resourceType": "Patient",
        "identifier": identifiers,
        "name": [{ "use": "official", "family": row["family"], "given": [row["given"]] }],
        "birthDate": row["birthDate"],
    });
    if let Some(gender) = text("gender") {
        patient["gender"] = gender.into();
    }
    let telecom = telecom(text("email"), text("phone"));
    if !telecom.is_empty() {
        patient["telecom"] = Value::Array(telecom);
    }
    let mut address = Map::new();
    if let Some(line) = text("address") {
        address.insert("line".to_owned(), json!([line]));
    }
    for name in ["postalCode", "city"] {
        if let Some(part) = text(name) {
            address.insert(name.to_owned(), part.into());
        }
    }
    if !address.is_empty() {
        patient["address"] = json!([address]);
    }
    if let Some(language) = text("language") {
        let coding = json!([{ "system": "urn:ietf:bcp:47", "code": language }]);
        patient["communication"] = json!([{ "language": { "coding": coding }, "preferred": true }]);
    }
    patient
}

/// The identifier by which a row is known again.
#[must_use]
pub fn identifier(row: &Value) -> Value {
    match (row["identifier"].as_str(), row["derived"].as_str()) {
        (Some(value), _) => {
            let system = row["identifierSystem"].as_str();
            let system = system.unwrap_or(crate::fhir::canonical::IMPORT);
            json!({ "system": system, "value": value })
        }
        (None, derived) => {
            json!({ "system": crate::fhir::canonical::IMPORT_ROW, "value": derived })
        }
    }
}

/// The contact points of somebody: a mobile number takes text messages.
#[must_use]
pub fn telecom(email: Option<&str>, phone: Option<&str>) -> Vec<Value> {
    let mut telecom = Vec::new();
    if let Some(email) = email {
        telecom.push(json!({ "system": "email", "value": email }));
    }
    if let Some(phone) = phone {
        let is_mobile = ["+336", "+337"]
            .iter()
            .any(|start| phone.starts_with(start));
        let purpose = if is_mobile { "mobile" } else { "home" };
        telecom.push(json!({ "system": "phone", "value": phone, "use": purpose }));
    }
    telecom
}

/// The RelatedPerson who may be asked instead, if the row names one.
#[must_use]
pub fn contact(row: &Value, patient: &str) -> Option<Value> {
    let name = row["contactName"].as_str()?;
    let mut contact = json!({
        "resourceType": "RelatedPerson",
        "active": true,
        "identifier": [identifier(row)],
        "patient": { "reference": patient },
        "relationship": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "C",
        }] }],
        "name": [{ "text": name }],
    });
    let telecom = telecom(row["contactEmail"].as_str(), row["contactPhone"].as_str());
    if !telecom.is_empty() {
        contact["telecom"] = Value::Array(telecom);
    }
    Some(contact)
}

#[cfg(test)]
mod tests;
