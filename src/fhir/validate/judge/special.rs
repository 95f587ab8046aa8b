//! Rules that belong to one type, wherever it stands.

use std::collections::HashSet;

use serde_json::Value;

use super::{Judge, node::Node};

/// Where R4 asks for a profile by the code alone.
///
/// Specification: <http://hl7.org/fhir/R4/observation-vitalsigns.html>.
const VITAL_SIGNS: [(&str, &str); 10] = [
    ("85353-1", "vitalspanel"),
    ("9279-1", "resprate"),
    ("8867-4", "heartrate"),
    ("2708-6", "oxygensat"),
    ("8310-5", "bodytemp"),
    ("8302-2", "bodyheight"),
    ("9843-4", "headcircum"),
    ("29463-7", "bodyweight"),
    ("39156-5", "bmi"),
    ("85354-9", "bp"),
];

impl<'a> Judge<'a> {
    /// What a type asks that no definition states as an invariant.
    pub(super) fn special(&mut self, node: &Node<'a, '_>) {
        match node.kind {
            "Coding" | "Quantity" | "Age" | "Count" | "Duration" | "Distance" => self.coding(node),
            "Attachment" => self.attachment(node),
            "Identifier" => self.identifier(node),
            "xhtml" => self.narrative(node),
            "uri" | "url" | "canonical" => self.uri(node),
            "string" | "markdown" => self.text(node),
            "ValueSet.compose.include.filter" => self.filter(node),
            "ValueSet.compose.include" => self.included(node),
            "Questionnaire.item" => self.question(node),
            "CapabilityStatement.rest.resource.searchParam" => self.stated_parameter(node),
            _ => {}
        }
    }

    /// What a type of resources asks.
    pub(super) fn special_resource(&mut self, node: &Node<'a, '_>) {
        match node.kind {
            "Bundle" => self.bundle(node),
            "Observation" => self.vital_sign(node),
            "CodeSystem" => self.code_system(node),
            "StructureDefinition" => self.definition(node),
            "SearchParameter" => self.derived_parameter(node),
            "ConceptMap" => self.concept_map(node),
            _ => {}
        }
    }

    fn included(&mut self, node: &Node<'a, '_>) {
        if node
            .text("system")
            .is_some_and(|system| !system.contains(':'))
        {
            let place = node.place.member("system");
            self.error(
                &place,
                "value",
                "The system of codes must be an absolute URI.",
            );
        }
        let concepts = node.get("concept").and_then(Value::as_array);
        let list = node.place.member("concept");
        for (n, concept) in concepts.into_iter().flatten().enumerate() {
            let code = concept.get("code").and_then(Value::as_str);
            if let (Some(system), Some(code)) = (node.text("system"), code)
                && node.get("version").is_none()
                && self.is_unknown(system, code)
            {
                let words = format!("The code system {system} does not have this code.");
                self.error(&list.item(n), "code-invalid", words);
            }
        }
    }

    fn code_system(&mut self, node: &Node<'a, '_>) {
        if node.get("supplements").is_some() && node.text("content") != Some("supplement") {
            let place = node.place.member("content");
            let words = "A code system that supplements another says so in `content`.";
            self.error(&place, "value", words);
        }
        let properties = node.get("property").and_then(Value::as_array);
        let mut seen = HashSet::new();
        let list = node.place.member("property");
        for (n, property) in properties.into_iter().flatten().enumerate() {
            let code = property.get("code").and_then(Value::as_str);
            if code.is_some_and(|code| !seen.insert(code)) {
                self.error(
                    &list.item(n),
                    "duplicate",
                    "Two properties have the same code.",
                );
            }
        }
    }

    /// A profile speaks of elements that its base has.
    fn definition(&mut self, node: &Node<'a, '_>) {
        self.model(node);
        self.profiles_of_types(node);
        self.discriminators(node);
        if node.text("derivation") != Some("constraint") || node.get("differential").is_none() {
            return;
        }
        let mut alone = node.value.clone();
        if let Value::Object(members) = &mut alone {
            members.shift_remove("snapshot");
        }
        let place = node.place.member("differential");
        for defect in self
            .knowledge
            .profiles
            .defects(&alone)
            .into_iter()
            .flatten()
        {
            self.error(&place, "invalid", defect);
        }
    }

    /// A vital sign conforms to the profile of its code.
    fn vital_sign(&mut self, node: &Node<'a, '_>) {
        let codings = node
            .get("code")
            .and_then(|code| code.get("coding"))
            .and_then(Value::as_array);
        for coding in codings.into_iter().flatten() {
            let text = |name: &str| coding.get(name).and_then(Value::as_str);
            if text("system") != Some("http://loinc.org") {
                continue;
            }
            let known = VITAL_SIGNS
                .iter()
                .find(|(code, _)| text("code") == Some(code));
            let profile = known.and_then(|(_, name)| self.knowledge.profiles.of_type(name));
            if let Some(profile) = profile {
                return self.element(node, &profile.root);
            }
        }
    }
}
