//! Whom a resource is about: what decides who may see it. Pure.
//!
//! The compartments of R4 are for searches: they lack Task and Device, and hold what merely names a
//! patient. Rows of [`About`] say whose data a resource holds, and are kept with each version.
//!
//! - A Patient is about itself. What has a `subject`, `patient`, `for` … is about these; where one
//!   of them cannot be told (contained, logical, elsewhere, a group), it is about nobody that
//!   anybody could reach, so that nothing is shown to the wrong one.
//! - What says it by another resource, as a Provenance by its targets and an Observation by the
//!   Device that made it, is about whom these are about ([`About::through`]): R4's compartments leave
//!   them out. Only people come by this way, never what is everybody's; and who reaches one of two
//!   targets sees nothing of it.
//! - What has none is about those whom R4's compartment links it to.
//! - What is about nobody is everybody's, if its type is one that holds nobody's data ([`SHARED`]);
//!   otherwise only who reaches everything sees it.
//! - A ward's CareTeam, a pathway that is offered by some establishments only, and a form that is
//!   offered to some only, are about themselves, by a mark such as `@CareTeam/1`, and say
//!   themselves who has it in custody.
//!
//! The same rows of custody say who belongs to whom (`@Organization/child` is in the custody of
//! `Organization/parent`), from which the store finds whom a person can act for.

mod rows;

use serde_json::Value;

pub use self::rows::{About, CustodyRow, TimedRow};
use super::{
    canonical::{OFFERED_TO, ON_CALL, PATHWAY_POLICY, extension, extensions, find_extension},
    compartment, consent,
    definitions::ResourceType,
    reference::{self, LocalReference},
    search::{hash, rows::ReferenceRow},
};

/// What a resource is about that is everybody's: terms, forms, the directory.
pub const SHARED: &str = "";

/// The mark of who reads the record of accesses. Behind a colon may stand the Organization to whose
/// people and patients that is bounded, as in `@auditor:Organization/1`.
pub const AUDITOR: &str = "@auditor";

/// With what the mark of a resource, or of a circle of people, begins.
pub const MARK: char = '@';

/// With what a custodian begins by which somebody is meant through an establishment above theirs:
/// what is offered to, or kept from, `Organization/parent` is so for its parts.
pub const ABOVE: char = '^';

/// The custodian who has every pathway and form, whoever offers it: the region.
pub const REGION: &str = "@region";

/// The custodian who has every form: whoever may be asked to fill it in.
pub const ASKED: &str = "@patient";

/// Who is meant by an establishment above theirs, in what is offered: `@^Organization/parent`.
#[must_use]
pub fn below(establishment: &str) -> String {
    format!("{MARK}{ABOVE}{establishment}")
}

/// The mark of pathways for an audience (`@professional`) that single establishments offer.
#[must_use]
pub fn single(audience: &str) -> String {
    format!("{audience}/establishment")
}

/// What a pathway is made of: types of which one can be offered to some only.
pub const OFFERED: [&str; 4] = [
    "ActivityDefinition",
    "Library",
    "PlanDefinition",
    "Questionnaire",
];

/// Types that hold nobody's data, where they do not say whom they are about: terms, definitions,
/// the directory.
const SHARED_TYPES: [&str; 50] = [
    "ActivityDefinition",
    "CapabilityStatement",
    "CatalogEntry",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "DeviceDefinition",
    "EffectEvidenceSynthesis",
    "Endpoint",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "GraphDefinition",
    "HealthcareService",
    "ImplementationGuide",
    "InsurancePlan",
    "Library",
    "Location",
    "Measure",
    "Medication",
    "MedicationKnowledge",
    "MessageDefinition",
    "NamingSystem",
    "ObservationDefinition",
    "OperationDefinition",
    "Organization",
    "OrganizationAffiliation",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "RiskEvidenceSynthesis",
    "SearchParameter",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Substance",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "TerminologyCapabilities",
    "TestScript",
    "ValueSet",
];

/// The search parameters by which a resource says whom it is about.
const SUBJECT: [&str; 2] = ["patient", "subject"];

/// The elements by which it does, whether or not a reference in them can be followed.
const SUBJECT_ELEMENTS: [&str; 5] = ["subject", "patient", "for", "beneficiary", "individual"];

/// Who can have somebody in their care.
const CUSTODIANS: [&str; 4] = [
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "CareTeam",
];

/// In which turn of a transaction a type is written: what says by another resource whom it is about
/// comes after it.
#[must_use]
pub fn turn(kind: ResourceType) -> u8 {
    match kind.name() {
        "Patient" | "Device" => 0,
        "Binary" | "Task" => 2,
        "Provenance" => 3,
        _ => 1,
    }
}

/// Whether one of whom a resource is about is a patient, and neither everybody nor a mark.
#[must_use]
pub fn is_patient(whom: &str) -> bool {
    !whom.is_empty() && !whom.starts_with(MARK)
}

/// Whether resources of this type are everybody's, where they do not say otherwise.
#[must_use]
pub fn is_shared(kind: ResourceType) -> bool {
    SHARED_TYPES.binary_search(&kind.name()).is_ok()
}

/// Whether the rows of this type depend on the id that it is written with.
#[must_use]
pub fn names_itself(kind: ResourceType) -> bool {
    let names = ["Patient", "CareTeam", "Organization", "PractitionerRole"];
    names.contains(&kind.name()) || is_offered(kind)
}

/// Whether a resource of this type can be offered to some only.
#[must_use]
pub fn is_offered(kind: ResourceType) -> bool {
    OFFERED.contains(&kind.name())
}

/// By what a resource of this type is about itself, if it is.
#[must_use]
pub fn own(kind: ResourceType, id: &str) -> Option<String> {
    match kind.name() {
        "Patient" => Some(id.to_owned()),
        "CareTeam" => Some(mark(kind, id)),
        _ if is_offered(kind) => Some(mark(kind, id)),
        _ => None,
    }
}

/// Whom a version is about, given its id and the rows of its references.
#[must_use]
pub fn of(kind: ResourceType, id: &str, tree: &Value, references: &[ReferenceRow]) -> About {
    let shared = others(kind, tree).map(shared);
    let (whom, through) = shared.unwrap_or_else(|| (whom(kind, id, tree, references), Vec::new()));
    let mut about = About {
        whom,
        custody: custody(kind, id, tree),
        timed: Vec::new(),
        through,
    };
    if kind.name() == "Consent" {
        denials(tree, &mut about);
    }
    about.whom.sort_unstable();
    about.whom.dedup();
    about.custody.sort_unstable();
    about.custody.dedup();
    about
}

fn whom(kind: ResourceType, id: &str, tree: &Value, references: &[ReferenceRow]) -> Vec<String> {
    if kind.name() == "Patient" {
        return vec![id.to_owned()];
    }
    if let Some(subjects) = subjects(tree) {
        return subjects;
    }
    let params = SUBJECT.map(|code| hash::of_parameter(kind.name(), code));
    let is_subject = |row: &&ReferenceRow| {
        params.contains(&row.param) && row.target_type.is_some_and(|kind| kind.name() == "Patient")
    };
    let named = references.iter().filter(is_subject);
    let mut whom: Vec<String> = named.map(|row| row.target_id.clone()).collect();
    if whom.is_empty() {
        whom = compartment::patients(kind, None, references);
    }
    if !whom.is_empty() {
        return whom;
    }
    match kind.name() {
        "CareTeam" => vec![mark(kind, id)],
        _ if is_offered(kind) => audience(kind, id, tree),
        _ if is_shared(kind) => vec![SHARED.to_owned()],
        _ => Vec::new(),
    }
}

/// The mark of a resource that is about itself.
fn mark(kind: ResourceType, id: &str) -> String {
    format!("{MARK}{kind}/{id}")
}

/// The patients that the elements of a subject name; nobody where one of them cannot be told.
fn subjects(tree: &Value) -> Option<Vec<String>> {
    let elements = SUBJECT_ELEMENTS.iter().filter_map(|name| tree.get(name));
    let mut references = elements.flat_map(items).peekable();
    references.peek()?;
    let patients: Option<Vec<String>> = references.map(patient).collect();
    Some(patients.unwrap_or_default())
}

/// The items of an element that may be a list.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(list) => list.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

/// The patient that a Reference names.
fn patient(reference: &Value) -> Option<String> {
    let found = reference::local(reference["reference"].as_str()?)?;
    (found.kind.name() == "Patient").then_some(found.id)
}

/// The references by which a version says that it is about whom others are about, if it does.
fn others(kind: ResourceType, tree: &Value) -> Option<Vec<&Value>> {
    let named = SUBJECT_ELEMENTS.iter().filter_map(|name| tree.get(name));
    let subjects: Vec<&Value> = named.flat_map(items).collect();
    let is_device = |one: &&Value| {
        let local = one["reference"].as_str().and_then(reference::local);
        local.is_some_and(|local| local.kind.name() == "Device")
    };
    let elements: &[&str] = match kind.name() {
        "Binary" => &["securityContext"],
        "DeviceMetric" => &["source", "parent"],
        "Provenance" => &["target"],
        "Task" if subjects.is_empty() => &["focus"],
        _ if subjects.iter().any(is_device) => return Some(subjects),
        _ => return None,
    };
    let named = elements.iter().filter_map(|name| tree.get(name));
    let references: Vec<&Value> = named.flat_map(items).collect();
    (!references.is_empty()).then_some(references)
}

/// The patients among references, and the other resources; neither where one cannot be told.
fn shared(references: Vec<&Value>) -> (Vec<String>, Vec<LocalReference>) {
    let (mut whom, mut through) = (Vec::new(), Vec::new());
    for reference in references {
        match reference["reference"].as_str().and_then(reference::local) {
            Some(local) if local.kind.name() == "Patient" => whom.push(local.id),
            Some(local) if !through.contains(&local) => through.push(local),
            Some(_) => {}
            None => return (Vec::new(), Vec::new()),
        }
    }
    (whom, through)
}

/// To whom a pathway or a form is offered; what does not say so is everybody's.
fn audience(kind: ResourceType, id: &str, tree: &Value) -> Vec<String> {
    let Some(policy) = policy(kind, tree) else {
        let is_everybodys = extensions(tree, OFFERED_TO).next().is_none();
        let whom = is_everybodys.then(|| SHARED.to_owned());
        return vec![whom.unwrap_or_else(|| mark(kind, id))];
    };
    let code = extension(policy, "audience").and_then(Value::as_str);
    let audience = code.filter(|code| *code == AGENCY).unwrap_or(PROFESSIONAL);
    let audience = format!("{MARK}{audience}");
    if extensions(policy, ESTABLISHMENT).next().is_some() {
        return vec![single(&audience), mark(kind, id)];
    }
    vec![audience]
}

/// The policy of a pathway.
fn policy(kind: ResourceType, tree: &Value) -> Option<&Value> {
    let is_plan = kind.name() == "PlanDefinition";
    is_plan.then(|| find_extension(tree, PATHWAY_POLICY))?
}

/// Those who call on behalf of others.
const AGENCY: &str = "agency";

/// Those who treat.
const PROFESSIONAL: &str = "professional";

/// The part of a pathway's policy that names an establishment which offers it.
const ESTABLISHMENT: &str = "establishment";

/// Who has whom in their care, by what a version says.
fn custody(kind: ResourceType, id: &str, tree: &Value) -> Vec<CustodyRow> {
    if tree["status"] == "entered-in-error" {
        return Vec::new();
    }
    let own = || [mark(kind, id)];
    match kind.name() {
        "Patient" => rows(
            &[id.to_owned()],
            [&tree["managingOrganization"], &tree["generalPractitioner"]],
        ),
        "CarePlan" => rows(
            &patients_of(tree),
            [&tree["author"], &tree["contributor"], &tree["careTeam"]],
        ),
        "EpisodeOfCare" => rows(
            &patients_of(tree),
            [
                &tree["managingOrganization"],
                &tree["careManager"],
                &tree["team"],
            ],
        ),
        "Encounter" => {
            let people = each(tree, "participant").map(|one| &one["individual"]);
            rows(&patients_of(tree), people.chain([&tree["serviceProvider"]]))
        }
        "CareTeam" => rows(&[own().to_vec(), patients_of(tree)].concat(), members(tree)),
        "Organization" => rows(&own(), [&tree["partOf"]]),
        "PractitionerRole" if tree["active"] != false => rows(&own(), [&tree["practitioner"]]),
        _ if is_offered(kind) => offered(kind, id, tree),
        _ => Vec::new(),
    }
}

/// The patients that a version of one of these types is about.
fn patients_of(tree: &Value) -> Vec<String> {
    subjects(tree).unwrap_or_default()
}

fn each<'t>(tree: &'t Value, name: &str) -> impl Iterator<Item = &'t Value> + use<'t> {
    tree[name].as_array().into_iter().flatten()
}

/// Who is of a CareTeam: members, those for whom they act, whom it is of, and who is on call.
fn members(tree: &Value) -> impl Iterator<Item = &Value> {
    let people = each(tree, "participant").flat_map(|one| [&one["member"], &one["onBehalfOf"]]);
    let on_call = extensions(tree, ON_CALL).map(|one| &one["valueReference"]);
    people.chain(on_call).chain([&tree["managingOrganization"]])
}

/// Each patient in the care of each custodian that the values refer to.
fn rows<'t>(patients: &[String], values: impl IntoIterator<Item = &'t Value>) -> Vec<CustodyRow> {
    let custodians = values.into_iter().flat_map(items).filter_map(custodian);
    let pairs = custodians.flat_map(|custodian| {
        patients.iter().map(move |patient| CustodyRow {
            patient: patient.clone(),
            custodian: custodian.clone(),
            denied: 0,
        })
    });
    pairs.collect()
}

/// The custodian that a Reference names.
fn custodian(reference: &Value) -> Option<String> {
    let found = reference::local(reference["reference"].as_str()?)?;
    let may = CUSTODIANS.contains(&found.kind.name());
    may.then(|| format!("{}/{}", found.kind, found.id))
}

/// Whom a Consent keeps out ([`consent::rules`]), one number for each of its rules.
fn denials(tree: &Value, about: &mut About) {
    let patients = patients_of(tree);
    for (rule, number) in consent::rules(tree).into_iter().zip(1..) {
        let denied = rule
            .deny
            .iter()
            .flat_map(|name| limited(name, &rule.purposes));
        let denied = denied.map(|name| (name, number));
        let except = rule.except.iter().map(|name| (name.clone(), -number));
        for (name, denied) in denied.chain(except) {
            let names = match name.strip_prefix(consent::EVERYBODY) {
                Some(_) => vec![name],
                None => vec![format!("{ABOVE}{name}"), name],
            };
            for (custodian, patient) in pairs(names, &patients) {
                let row = CustodyRow {
                    patient,
                    custodian,
                    denied,
                };
                match (rule.from, rule.until) {
                    (None, None) => about.custody.push(row),
                    (from, until) => about.timed.push(TimedRow { from, until, row }),
                }
            }
        }
    }
}

/// A name, once for each purpose that a denial is limited to.
fn limited(name: &str, purposes: &[String]) -> Vec<String> {
    if purposes.is_empty() {
        return vec![name.to_owned()];
    }
    purposes.iter().map(|one| format!("{name}{one}")).collect()
}

fn pairs(names: Vec<String>, patients: &[String]) -> impl Iterator<Item = (String, String)> + '_ {
    let each = |name: String| patients.iter().map(move |one| (name.clone(), one.clone()));
    names.into_iter().flat_map(each)
}

/// Who has what is offered to some only: the establishments and their parts, the audience where a
/// form names one, the region, and of forms whoever may be asked.
fn offered(kind: ResourceType, id: &str, tree: &Value) -> Vec<CustodyRow> {
    let policy = policy(kind, tree);
    let named: Vec<&Value> = match policy {
        Some(policy) => extensions(policy, ESTABLISHMENT).collect(),
        None => extensions(tree, OFFERED_TO).collect(),
    };
    if named.is_empty() {
        return Vec::new();
    }
    let mut custodians = vec![REGION.to_owned()];
    for one in named {
        if let Some(name) = custodian(&one["valueReference"]) {
            custodians.extend([below(&name), name]);
        }
        if let Some(code @ (AGENCY | PROFESSIONAL)) = one["valueCode"].as_str() {
            custodians.push(format!("{MARK}{code}"));
        }
    }
    if policy.is_none() {
        custodians.push(ASKED.to_owned());
    }
    let rows = custodians.into_iter().map(|custodian| CustodyRow {
        patient: mark(kind, id),
        custodian,
        denied: 0,
    });
    rows.collect()
}

#[cfg(test)]
mod tests;
