//! What `$apply` is asked, and the CarePlan that it says.

use jiff::{Timestamp, civil::Time, tz::TimeZone};
use serde_json::{Number, Value, json};

use super::parameters::{Parameters, number, value_of, wrong};
use crate::{
    fhir::canonical::{
        PATIENT_THRESHOLD, REMINDER_TIME, REPORT_CHANNEL, REPORTER, RISK_FACTOR,
        SPO2_URGENT_THRESHOLD, TIME_ZONE,
    },
    kernel::problem::{Problem, Result},
};

/// Most risk factors, and most thresholds, that one enrolment may note.
pub const NOTED_MAX: usize = 50;

/// The parameters that `$apply` knows; R4's own that change nothing here stand at the end.
const KNOWN: &[&str] = &[
    "planDefinition",
    "subject",
    "practitioner",
    "organization",
    "careTeam",
    "start",
    "timeZone",
    "reporter",
    "reportChannel",
    "reminderTime",
    "riskFactor",
    "spo2UrgentThreshold",
    "threshold",
    "baseline",
    "encounter",
    "userType",
    "userLanguage",
    "userTaskContext",
    "setting",
    "settingContext",
];

/// What `$apply` is asked.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// Which PlanDefinition.
    pub plan: PlanName,
    /// `Patient/{id}`.
    pub subject: String,
    /// `Practitioner/{id}` who enrols.
    pub practitioner: Option<String>,
    /// `Organization/{id}` that follows.
    pub organization: Option<String>,
    /// `CareTeam/{id}` that is told.
    pub care_team: Option<String>,
    /// When the follow-up starts; now, if absent.
    pub start: Option<Timestamp>,
    /// The patient's time zone.
    pub zone: TimeZone,
    /// What is this patient's own.
    pub particulars: Particulars,
}

/// What a follow-up notes of its patient beside who, where and when.
#[derive(Debug, Clone, Default)]
pub struct Particulars {
    /// `RelatedPerson/{id}` who answers and is reminded in the patient's stead.
    pub reporter: Option<String>,
    /// How reports are asked for; on screen, if absent.
    pub report_channel: Option<ReportChannel>,
    /// The local time at which reports are due, where it is not the pathway's.
    pub reminder_time: Option<Time>,
    /// Risks of severe disease, as CodeableConcepts.
    pub risk_factors: Vec<Value>,
    /// A saturation in % that is urgent for this patient.
    pub spo2_urgent_threshold: Option<Number>,
    /// Other thresholds, by name.
    pub thresholds: Vec<(String, Number)>,
    /// `QuestionnaireResponse/{id}` that tells how the patient was before.
    pub baseline: Option<String>,
}

/// How reports are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportChannel {
    /// The patient, or who reports for them, is reminded and answers on screen.
    App,
    /// The team calls.
    Phone,
}

impl ReportChannel {
    /// The codes, in the order of the variants.
    pub const CODES: [&str; 2] = ["app", "phone"];

    /// The channel of a code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        match code {
            "app" => Some(Self::App),
            "phone" => Some(Self::Phone),
            _ => None,
        }
    }

    /// Its code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::App => Self::CODES[0],
            Self::Phone => Self::CODES[1],
        }
    }
}

/// How a PlanDefinition is named.
#[derive(Debug, Clone)]
pub enum PlanName {
    /// By its logical id, as in `PlanDefinition/{id}/$apply`.
    Id(String),
    /// By its canonical URL, with or without `|version`.
    Canonical(String),
}

impl Enrolment {
    /// Reads the `Parameters` of the operation; `default_zone` serves where none is given.
    ///
    /// # Errors
    /// `Malformed`, naming the parameter.
    pub fn read(
        plan_id: Option<&str>,
        parameters: &Value,
        default_zone: &TimeZone,
    ) -> Result<Self> {
        let asked = Parameters::read(Some(parameters), KNOWN)?;
        let plan = match (plan_id, asked.text("planDefinition")) {
            (Some(id), _) => PlanName::Id(id.to_owned()),
            (None, Some(canonical)) => PlanName::Canonical(canonical.to_owned()),
            (None, None) => {
                return Err(wrong("planDefinition", "the canonical of a PlanDefinition"));
            }
        };
        let zone = match asked.text("timeZone") {
            None => default_zone.clone(),
            Some(name) => named_zone(name)
                .ok_or_else(|| wrong("timeZone", "a time zone such as Europe/Paris"))?,
        };
        Ok(Self {
            plan,
            subject: asked
                .reference("subject", &["Patient"])?
                .ok_or_else(|| wrong("subject", "a reference to a Patient of this server"))?,
            practitioner: asked.reference("practitioner", &["Practitioner"])?,
            organization: asked.reference("organization", &["Organization"])?,
            care_team: asked.reference("careTeam", &["CareTeam"])?,
            start: asked.instant("start")?,
            zone,
            particulars: Particulars::read(&asked)?,
        })
    }

    /// The CarePlan, but for its pathway and its dates.
    #[must_use]
    pub fn shell(&self) -> Value {
        let mut extension = vec![json!({
            "url": TIME_ZONE,
            "valueCode": self.zone.iana_name().unwrap_or("UTC"),
        })];
        self.particulars.extend(&mut extension);
        let mut plan = json!({
            "resourceType": "CarePlan",
            "extension": extension,
            "subject": { "reference": self.subject },
        });
        if let Some(practitioner) = &self.practitioner {
            plan["author"] = json!({ "reference": practitioner });
        }
        if let Some(organization) = &self.organization {
            plan["contributor"] = json!([{ "reference": organization }]);
        }
        if let Some(team) = &self.care_team {
            plan["careTeam"] = json!([{ "reference": team }]);
        }
        if let Some(baseline) = &self.particulars.baseline {
            plan["supportingInfo"] = json!([{ "reference": baseline }]);
        }
        plan
    }
}

impl Particulars {
    fn read(asked: &Parameters<'_>) -> Result<Self> {
        Ok(Self {
            reporter: asked.reference("reporter", &["RelatedPerson"])?,
            report_channel: asked
                .code("reportChannel", &ReportChannel::CODES)?
                .and_then(ReportChannel::of_code),
            reminder_time: asked.time("reminderTime")?,
            risk_factors: risk_factors(asked)?,
            spo2_urgent_threshold: saturation(asked)?,
            thresholds: thresholds(asked)?,
            baseline: asked.reference("baseline", &["QuestionnaireResponse"])?,
        })
    }

    fn extend(&self, extension: &mut Vec<Value>) {
        if let Some(reporter) = &self.reporter {
            extension.push(json!({ "url": REPORTER, "valueReference": { "reference": reporter } }));
        }
        if let Some(channel) = self.report_channel {
            extension.push(json!({ "url": REPORT_CHANNEL, "valueCode": channel.code() }));
        }
        if let Some(time) = self.reminder_time {
            let time = time.strftime("%H:%M:%S").to_string();
            extension.push(json!({ "url": REMINDER_TIME, "valueTime": time }));
        }
        for factor in &self.risk_factors {
            extension.push(json!({ "url": RISK_FACTOR, "valueCodeableConcept": factor }));
        }
        if let Some(percent) = &self.spo2_urgent_threshold {
            extension.push(json!({ "url": SPO2_URGENT_THRESHOLD, "valueDecimal": percent }));
        }
        for (name, value) in &self.thresholds {
            extension.push(json!({ "url": PATIENT_THRESHOLD, "extension": [
                { "url": "name", "valueCode": name },
                { "url": "value", "valueDecimal": value },
            ] }));
        }
    }
}

/// A time zone of the IANA data by its name.
#[must_use]
pub fn named_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name)
        .ok()
        .filter(|zone| zone.iana_name().is_some())
}

fn risk_factors(asked: &Parameters<'_>) -> Result<Vec<Value>> {
    let says_something =
        |concept: &&Value| concept["coding"][0]["code"].is_string() || concept["text"].is_string();
    let given = asked.all("riskFactor").count();
    let factors: Vec<Value> = asked
        .values("riskFactor")
        .filter(says_something)
        .cloned()
        .collect();
    if factors.len() == given && given <= NOTED_MAX {
        return Ok(factors);
    }
    let wanted = format!("a CodeableConcept with a code or a text, at most {NOTED_MAX} times");
    Err(wrong("riskFactor", &wanted))
}

fn saturation(asked: &Parameters<'_>) -> Result<Option<Number>> {
    if asked.all("spo2UrgentThreshold").next().is_none() {
        return Ok(None);
    }
    let percent = asked.values("spo2UrgentThreshold").next().and_then(number);
    let within = |number: &&Number| number.as_f64().is_some_and(|n| (50.0..=100.0).contains(&n));
    match percent.filter(within) {
        Some(percent) => Ok(Some(percent.clone())),
        None => Err(wrong("spo2UrgentThreshold", "a percentage from 50 to 100")),
    }
}

fn thresholds(asked: &Parameters<'_>) -> Result<Vec<(String, Number)>> {
    let mut thresholds: Vec<(String, Number)> = Vec::new();
    for one in asked.all("threshold") {
        let part = |name: &str| {
            let parts = one["part"].as_array()?;
            value_of(parts.iter().find(|part| part["name"] == name)?)
        };
        let name = part("name")
            .and_then(Value::as_str)
            .filter(|name| is_name(name));
        match (name, part("value").and_then(number)) {
            (Some(name), Some(value)) if thresholds.iter().all(|(known, _)| known != name) => {
                thresholds.push((name.to_owned(), value.clone()));
            }
            _ => return Err(wrong_threshold()),
        }
    }
    if thresholds.len() > NOTED_MAX {
        return Err(wrong_threshold());
    }
    Ok(thresholds)
}

fn wrong_threshold() -> Problem {
    let wanted = format!(
        "a part `name` (a code, each once) and a part `value` (a decimal), at most {NOTED_MAX} times"
    );
    wrong("threshold", &wanted)
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (1..=64).contains(&name.len()) && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::canonical::{extension, extensions};

    fn read(more: &[Value]) -> Result<Enrolment> {
        let mut parameter = vec![json!({ "name": "subject", "valueString": "Patient/p" })];
        parameter.extend(more.iter().cloned());
        let parameters = json!({ "resourceType": "Parameters", "parameter": parameter });
        Enrolment::read(Some("p"), &parameters, &TimeZone::UTC)
    }

    #[test]
    fn every_particular_goes_to_the_care_plan() {
        let shell = read(&[
            json!({ "name": "reporter", "valueReference": { "reference": "RelatedPerson/r" } }),
            json!({ "name": "reportChannel", "valueCode": "phone" }),
            json!({ "name": "reminderTime", "valueTime": "19:30:00" }),
            json!({ "name": "riskFactor", "valueCodeableConcept": { "text": "COPD" } }),
            json!({ "name": "riskFactor", "valueCodeableConcept": { "text": "diabetes" } }),
            json!({ "name": "spo2UrgentThreshold", "valueDecimal": 88 }),
            json!({ "name": "threshold", "part": [
                { "name": "name", "valueCode": "weight-gain" },
                { "name": "value", "valueDecimal": 1.5 },
            ] }),
            json!({ "name": "baseline", "valueString": "QuestionnaireResponse/b" }),
        ])
        .expect("all well")
        .shell();
        assert_eq!(
            extension(&shell, REPORTER).expect("one")["reference"],
            "RelatedPerson/r"
        );
        assert_eq!(extension(&shell, REPORT_CHANNEL).expect("one"), "phone");
        assert_eq!(extension(&shell, REMINDER_TIME).expect("one"), "19:30:00");
        assert_eq!(extensions(&shell, RISK_FACTOR).count(), 2);
        assert_eq!(extension(&shell, SPO2_URGENT_THRESHOLD), Some(&json!(88)));
        let threshold = extensions(&shell, PATIENT_THRESHOLD).next().expect("one");
        assert_eq!(extension(threshold, "value"), Some(&json!(1.5)));
        assert_eq!(
            shell["supportingInfo"][0]["reference"],
            "QuestionnaireResponse/b"
        );
    }

    #[test]
    fn what_is_no_such_thing_is_refused_by_name() {
        let threshold = |name: &str| {
            json!({ "name": "threshold", "part": [
                { "name": "name", "valueCode": name }, { "name": "value", "valueDecimal": 1 },
            ] })
        };
        let faulty = [
            (
                "reporter",
                vec![json!({ "name": "reporter", "valueString": "Patient/p" })],
            ),
            (
                "reportChannel",
                vec![json!({ "name": "reportChannel", "valueCode": "fax" })],
            ),
            (
                "reminderTime",
                vec![json!({ "name": "reminderTime", "valueTime": "noon" })],
            ),
            (
                "riskFactor",
                vec![json!({ "name": "riskFactor", "valueCodeableConcept": {} })],
            ),
            (
                "spo2UrgentThreshold",
                vec![json!({ "name": "spo2UrgentThreshold", "valueDecimal": 9 })],
            ),
            ("threshold", vec![threshold("a"), threshold("a")]),
            ("threshold", vec![threshold("a b")]),
            (
                "threshold",
                (0..=NOTED_MAX).map(|n| threshold(&n.to_string())).collect(),
            ),
            (
                "reportCanal",
                vec![json!({ "name": "reportCanal", "valueCode": "phone" })],
            ),
        ];
        for (name, parameters) in faulty {
            let problem = read(&parameters).expect_err(name);
            let place = problem.issues[0].expression.as_deref().unwrap_or_default();
            assert!(place.contains(&format!("'{name}'")), "{name}: {place}");
        }
    }
}
