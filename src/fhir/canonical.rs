//! The names that Vigie itself gives: extensions, code systems, naming systems.
//!
//! Each is defined as a resource under `profiles/`.

/// Where all of Vigie's own canonical URLs start.
macro_rules! own {
    ($path:literal) => {
        concat!("https://vigie.example/fhir/", $path)
    };
}

/// Policy of a pathway, on PlanDefinition.
pub const PATHWAY_POLICY: &str = own!("StructureDefinition/pathway-policy");
/// To whom a form, or another part of a pathway, is offered: an audience or an establishment.
pub const OFFERED_TO: &str = own!("StructureDefinition/offered-to");
/// Level of a rule, on an action of a PlanDefinition.
pub const ALERT_LEVEL: &str = own!("StructureDefinition/alert-level");
/// Who handles what a rule finds, on an action of a PlanDefinition.
pub const ROUTE_TO: &str = own!("StructureDefinition/route-to");
/// Why a Flag was raised, once per answer or missed report.
pub const ALERT_EVIDENCE: &str = own!("StructureDefinition/alert-evidence");
/// The rule, with its version, that raised a Flag.
pub const ALERT_RULE_VERSION: &str = own!("StructureDefinition/alert-rule-version");
/// The time zone of a follow-up, on CarePlan.
pub const TIME_ZONE: &str = own!("StructureDefinition/time-zone");

/// Whether reports are asked for on screen (`app`) or by telephone (`phone`), on CarePlan.
pub const REPORT_CHANNEL: &str = own!("StructureDefinition/report-channel");
/// Who answers and is reminded in the patient's stead, on CarePlan: a RelatedPerson.
pub const REPORTER: &str = own!("StructureDefinition/reporter");
/// The local time at which this patient's reports are due, on CarePlan.
pub const REMINDER_TIME: &str = own!("StructureDefinition/reminder-time");
/// Why a follow-up ended, on CarePlan.
pub const CLOSURE_REASON: &str = own!("StructureDefinition/closure-reason");
/// A risk of severe disease, on CarePlan.
pub const RISK_FACTOR: &str = own!("StructureDefinition/risk-factor");
/// The saturation in % that is urgent for this patient, on CarePlan.
pub const SPO2_URGENT_THRESHOLD: &str = own!("StructureDefinition/spo2-urgent-threshold");
/// Another threshold of this patient's own, by name, on CarePlan.
pub const PATIENT_THRESHOLD: &str = own!("StructureDefinition/patient-threshold");
/// Advice shown to the patient at once, on an action of a PlanDefinition.
pub const PATIENT_ADVICE: &str = own!("StructureDefinition/patient-advice");
/// A time span in a week in which a CareTeam works.
pub const COVER_HOURS: &str = own!("StructureDefinition/cover-hours");
/// Who is told when a CareTeam does not work or does not answer.
pub const ON_CALL: &str = own!("StructureDefinition/on-call");
/// In which turn a member of a CareTeam is told, on CareTeam.participant.
pub const ESCALATION_RANK: &str = own!("StructureDefinition/escalation-rank");
/// How a professional wishes to be told of what is not urgent.
pub const NOTICES: &str = own!("StructureDefinition/notices");
/// How often an unacknowledged alert has been passed on, on Task.
pub const ESCALATION_STEP: &str = own!("StructureDefinition/escalation-step");
/// From when the time to acknowledge counts, on Task, where that is not its authoring.
pub const DEADLINE_START: &str = own!("StructureDefinition/deadline-start");
/// That nothing of this person may be erased for now, on Patient.
pub const LEGAL_HOLD: &str = own!("StructureDefinition/legal-hold");
/// How an answer came in, on QuestionnaireResponse: `app`, `phone` or `import`.
pub const ANSWER_CHANNEL: &str = own!("StructureDefinition/answer-channel");

/// When the person asked for no more text messages, on ContactPoint.
pub const SMS_STOPPED: &str = own!("StructureDefinition/sms-stopped");

/// Codes of what an action of a pathway is: a phase of reports or a rule.
pub const PATHWAY_ACTION: &str = own!("CodeSystem/pathway-action");
/// Codes of rules, in `Flag.code`.
pub const ALERT_RULE: &str = own!("CodeSystem/alert-rule");
/// Codes of who handles an alert, in [`ROUTE_TO`].
pub const ALERT_ROUTE: &str = own!("CodeSystem/alert-route");
/// Codes of Vigie's tasks.
pub const TASK_CODE: &str = own!("CodeSystem/task-code");
/// States of a report beside its Task's status.
pub const REPORT_STATE: &str = own!("CodeSystem/report-state");
/// Why a follow-up ended, in [`CLOSURE_REASON`].
pub const CLOSURE_REASON_CODE: &str = own!("CodeSystem/closure-reason");
/// What became of an alert, in `Task.output`.
pub const ALERT_OUTCOME: &str = own!("CodeSystem/alert-outcome");
/// Kinds of message, in `Communication.category`.
pub const MESSAGE_KIND: &str = own!("CodeSystem/message-kind");
/// By what a message goes where R4 has no code, in `Communication.medium`.
pub const MESSAGE_MEDIUM: &str = own!("CodeSystem/message-medium");
/// What a text message that has come in says, in `Communication.category`.
pub const INBOUND_MESSAGE: &str = own!("CodeSystem/inbound-message");
/// Identifiers of messages by the number that they went to: a fingerprint of it.
pub const SMS_NUMBER: &str = own!("NamingSystem/sms-number");
/// Texts of messages, in `Communication.instantiatesUri`.
pub const TEMPLATE: &str = own!("template");
/// Why a message was not delivered, in `Communication.statusReason`.
pub const DELIVERY_FAILURE: &str = own!("CodeSystem/delivery-failure");
/// Identifiers of due reports: `{CarePlan id}/{day}`.
pub const REPORT: &str = own!("NamingSystem/report");

/// Identifiers that people have in the table by which they were brought in.
pub const IMPORT: &str = own!("NamingSystem/import");
/// Fingerprints of rows that had no identifier, so that they are known again.
pub const IMPORT_ROW: &str = own!("NamingSystem/import-row");
/// Codes of imports: of the Task that tells how far one is, and of what it tells.
pub const IMPORT_CODE: &str = own!("CodeSystem/import");
/// Codes of risks, in [`RISK_FACTOR`].
pub const RISK_FACTOR_CODE: &str = own!("CodeSystem/risk-factor");

/// Figures that are kept.
pub const FIGURE: &str = own!("CodeSystem/figure");
/// By what figures are parted.
pub const FIGURE_DIMENSION: &str = own!("CodeSystem/figure-dimension");
/// A month of which figures leave something out, on MeasureReport.
pub const LEFT_OUT_MONTH: &str = own!("StructureDefinition/left-out-month");

/// SDC's codes of the task to fill in a form: <http://hl7.org/fhir/uv/sdc/CodeSystem/temp>.
pub const SDC_TASK: &str = "http://hl7.org/fhir/uv/sdc/CodeSystem/temp";
/// Evidence of a Flag: <http://hl7.org/fhir/R4/extension-flag-detail.html>.
pub const FLAG_DETAIL: &str = "http://hl7.org/fhir/StructureDefinition/flag-detail";
/// Priority of a Flag: <http://hl7.org/fhir/R4/extension-flag-priority.html>.
pub const FLAG_PRIORITY: &str = "http://hl7.org/fhir/StructureDefinition/flag-priority";
/// Codes of [`FLAG_PRIORITY`].
pub const FLAG_PRIORITY_CODE: &str = "http://hl7.org/fhir/flag-priority-code";
/// A text in another language.
pub const TRANSLATION: &str = "http://hl7.org/fhir/StructureDefinition/translation";
/// Categories of a Flag.
pub const FLAG_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/flag-category";

/// The value of the first extension of this URL: its `value[x]` member, whatever its type.
#[must_use]
pub fn extension<'a>(element: &'a serde_json::Value, url: &str) -> Option<&'a serde_json::Value> {
    find_extension(element, url)?
        .as_object()?
        .iter()
        .find_map(|(name, value)| name.starts_with("value").then_some(value))
}

/// The first extension of this URL.
#[must_use]
pub fn find_extension<'a>(
    element: &'a serde_json::Value,
    url: &str,
) -> Option<&'a serde_json::Value> {
    extensions(element, url).next()
}

/// All extensions of this URL.
pub fn extensions<'a>(
    element: &'a serde_json::Value,
    url: &str,
) -> impl Iterator<Item = &'a serde_json::Value> {
    element["extension"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(move |e| e["url"] == url)
}

/// The translation of an element, given its `_element`:
/// <http://hl7.org/fhir/R4/extension-translation.html>.
#[must_use]
pub fn translation<'a>(shadow: &'a serde_json::Value, language: &str) -> Option<&'a str> {
    extensions(shadow, TRANSLATION)
        .find(|one| extension(one, "lang").is_some_and(|lang| lang == language))
        .and_then(|one| extension(one, "content")?.as_str())
}

/// The code that a CodeableConcept (or a list of them) has in a system.
#[must_use]
pub fn code_in<'a>(concept: &'a serde_json::Value, system: &str) -> Option<&'a str> {
    match concept {
        serde_json::Value::Array(list) => list.iter().find_map(|one| code_in(one, system)),
        one => one["coding"]
            .as_array()?
            .iter()
            .find(|coding| coding["system"] == system)?["code"]
            .as_str(),
    }
}

/// Whether a list of concepts of a CodeSystem, or what stands below them, has a code.
#[must_use]
pub fn find_code(concepts: &serde_json::Value, code: &str) -> bool {
    let mut list = concepts.as_array().into_iter().flatten();
    list.any(|concept| concept["code"] == code || find_code(&concept["concept"], code))
}
