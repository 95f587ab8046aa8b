//! Whom a resource is about: what decides who may see it. Pure.
//!
//! The compartments of R4 are for searches: they lack Task and Device, and hold what merely names a
//! patient. Rows of [`About`] say whose data a resource holds, and are kept with each version.
//!
//! - A Patient is about itself. What has a `subject`, `patient`, `for` … is about these; where one
//!   of them cannot be told (contained, logical, elsewhere, a group), it is about nobody that
//!   anybody could reach, so that nothing is shown to the wrong one.
//! - What has none is about those whom R4's compartment links it to.
//! - What is about nobody is everybody's, if its type is one that holds nobody's data ([`SHARED`]);
//!   otherwise only who reaches everything sees it.
//! - A ward's CareTeam, and a pathway that is offered by some establishments only, are about
//!   themselves, by a mark such as `@CareTeam/1`, and say themselves who has it in custody.
//!
//! The same rows of custody say who belongs to whom (`@Organization/child` is in the custody of
//! `Organization/parent`), from which the store finds whom a person can act for.

use serde_json::Value;

use super::{
    canonical::{ON_CALL, PATHWAY_POLICY, extension, extensions, find_extension},
    compartment,
    definitions::ResourceType,
    reference,
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

/// Rows that decide who may see a resource; sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Logical ids of patients, [`SHARED`], or a mark that begins with `@`, such as `@agency`.
    /// None: only who reaches everything sees it.
    pub whom: Vec<String>,
    /// Who has patients in their care by this resource.
    pub custody: Vec<CustodyRow>,
}

/// By one resource, a patient is in somebody's care, or somebody is kept out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CustodyRow {
    /// The logical id of the patient, or a mark.
    pub patient: String,
    /// Such as `Practitioner/1`, `Organization/2`, `CareTeam/3`; [`ABOVE`] may stand before it.
    pub custodian: String,
    /// Whether the patient's Consent denies it, whatever else allows it.
    pub denied: bool,
}

/// Whether resources of this type are everybody's, where they do not say otherwise.
#[must_use]
pub fn is_shared(kind: ResourceType) -> bool {
    SHARED_TYPES.binary_search(&kind.name()).is_ok()
}

/// Whether the rows of this type depend on the id that it is written with.
#[must_use]
pub fn names_itself(kind: ResourceType) -> bool {
    matches!(
        kind.name(),
        "Patient" | "CareTeam" | "PlanDefinition" | "Organization" | "PractitionerRole"
    )
}

/// By what a resource of this type is about itself, if it is.
#[must_use]
pub fn own(kind: ResourceType, id: &str) -> Option<String> {
    match kind.name() {
        "Patient" => Some(id.to_owned()),
        "CareTeam" | "PlanDefinition" => Some(mark(kind, id)),
        _ => None,
    }
}

/// Whom a version is about, given its id and the rows of its references.
#[must_use]
pub fn of(kind: ResourceType, id: &str, tree: &Value, references: &[ReferenceRow]) -> About {
    let mut about = About {
        whom: whom(kind, id, tree, references),
        custody: custody(kind, id, tree),
    };
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
    whom.extend(security_context(kind, tree));
    if whom.is_empty() {
        whom = compartment::patients(kind, None, references);
    }
    if !whom.is_empty() {
        return whom;
    }
    match kind.name() {
        "CareTeam" => vec![mark(kind, id)],
        "PlanDefinition" => audience(kind, id, tree),
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

/// The patient by whose right a Binary is seen.
fn security_context(kind: ResourceType, tree: &Value) -> Option<String> {
    let is_binary = kind.name() == "Binary";
    is_binary.then(|| patient(&tree["securityContext"]))?
}

/// To whom a pathway is offered; what is no pathway is everybody's.
fn audience(kind: ResourceType, id: &str, tree: &Value) -> Vec<String> {
    let Some(policy) = find_extension(tree, PATHWAY_POLICY) else {
        return vec![SHARED.to_owned()];
    };
    let code = extension(policy, "audience").and_then(Value::as_str);
    let audience = code.filter(|code| *code == AGENCY).unwrap_or(PROFESSIONAL);
    let mut whom = vec![format!("{MARK}{audience}")];
    if extensions(policy, ESTABLISHMENT).next().is_some() {
        whom.push(mark(kind, id));
    }
    whom
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
        "Consent" => denials(tree),
        "Organization" => rows(&own(), [&tree["partOf"]]),
        "PractitionerRole" if tree["active"] != false => rows(&own(), [&tree["practitioner"]]),
        "PlanDefinition" => offered(&mark(kind, id), tree),
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
            denied: false,
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

/// Whom an active Consent keeps out: every actor of a provision that denies, whatever it is limited
/// to, since what is limited cannot be told here.
fn denials(tree: &Value) -> Vec<CustodyRow> {
    if tree["status"] != "active" {
        return Vec::new();
    }
    let patients = patients_of(tree);
    let root = &tree["provision"];
    let provisions = std::iter::once(root).chain(each(root, "provision"));
    let actors = provisions
        .filter(|one| one["type"] == "deny")
        .flat_map(|one| each(one, "actor"))
        .filter_map(|actor| reference::local(actor["reference"]["reference"].as_str()?));
    let names = actors.flat_map(|actor| {
        let name = format!("{}/{}", actor.kind, actor.id);
        [format!("{ABOVE}{name}"), name]
    });
    let pairs = names.flat_map(|custodian| {
        patients.iter().map(move |patient| CustodyRow {
            patient: patient.clone(),
            custodian: custodian.clone(),
            denied: true,
        })
    });
    pairs.collect()
}

/// The establishments that offer a pathway, and their parts.
fn offered(mark: &str, tree: &Value) -> Vec<CustodyRow> {
    let Some(policy) = find_extension(tree, PATHWAY_POLICY) else {
        return Vec::new();
    };
    let named = extensions(policy, ESTABLISHMENT);
    let custodians = named.filter_map(|one| custodian(&one["valueReference"]));
    let names = custodians.flat_map(|name| [format!("{ABOVE}{name}"), name]);
    let rows = names.map(|custodian| CustodyRow {
        patient: mark.to_owned(),
        custodian,
        denied: false,
    });
    rows.collect()
}

#[cfg(test)]
mod tests;
