//! capabilities: what this server offers, as a CapabilityStatement.
//!
//! It is made from the router's table and the tables of R4, so it cannot promise what nobody
//! serves. Specification: <http://hl7.org/fhir/R4/http.html#capabilities>,
//! <http://hl7.org/fhir/R4/capabilitystatement.html>.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::fhir::{
    date,
    definitions::{ParameterKind, ResourceType, definitions},
    search::parameters::{Parameters, SearchParameter},
};

/// An interaction that a route serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are R4's own")]
pub enum Interaction {
    Capabilities,
    Batch,
    Transaction,
    Create,
    SearchSystem,
    SearchType,
    ConditionalUpdate,
    ConditionalDelete,
    Read,
    Update,
    Delete,
    History,
    HistoryOfType,
    HistoryOfSystem,
    Vread,
    Patch,
    ConditionalPatch,
}

impl Interaction {
    /// Its code at the level of a type (`TypeRestfulInteraction`), if it has one.
    const fn of_type(self) -> Option<&'static str> {
        match self {
            Self::Create => Some("create"),
            Self::SearchType => Some("search-type"),
            Self::Read => Some("read"),
            Self::Update => Some("update"),
            Self::Delete => Some("delete"),
            Self::History => Some("history-instance"),
            Self::HistoryOfType => Some("history-type"),
            Self::Vread => Some("vread"),
            Self::Patch => Some("patch"),
            Self::Capabilities
            | Self::HistoryOfSystem
            | Self::ConditionalPatch
            | Self::Batch
            | Self::Transaction
            | Self::SearchSystem
            | Self::ConditionalUpdate
            | Self::ConditionalDelete => None,
        }
    }

    /// Its code at the level of the system (`SystemRestfulInteraction`), if it has one.
    const fn of_system(self) -> Option<&'static str> {
        match self {
            Self::Batch => Some("batch"),
            Self::Transaction => Some("transaction"),
            Self::SearchSystem => Some("search-system"),
            Self::HistoryOfSystem => Some("history-system"),
            _ => None,
        }
    }
}

/// An operation that a route serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferedOperation {
    /// Its name, without `$`.
    pub name: &'static str,
    /// The canonical URL of its definition.
    pub definition: &'static str,
    /// The type it belongs to, or none.
    pub kind: Option<&'static str>,
}

/// Where programs are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// The endpoints of the authorization server: what SMART calls them, and their addresses.
    pub endpoints: Vec<(&'static str, String)>,
    /// Whether pages of other origins may call.
    pub cors: bool,
}

/// What a server offers.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The service base URL.
    pub base: String,
    /// When the server started.
    pub since: Timestamp,
    /// Where programs are let in, if a login is asked for.
    pub door: Option<Door>,
    /// The search parameters.
    pub parameters: Arc<Parameters>,
    /// The interactions in the router's table.
    pub interactions: Vec<Interaction>,
    /// The operations in the operations' table.
    pub operations: Vec<OfferedOperation>,
}

/// The CapabilityStatement of an offer.
#[must_use]
pub fn statement(offer: &Offer) -> Bytes {
    let resource: Vec<Value> = definitions()
        .resource_types
        .iter()
        .map(|kind| of_type(offer, *kind))
        .collect();
    let mut rest = Map::new();
    rest.insert("mode".to_owned(), "server".into());
    if let Some(door) = &offer.door {
        rest.insert("security".to_owned(), security(door));
    }
    rest.insert("resource".to_owned(), resource.into());
    if offer.interactions.contains(&Interaction::SearchType) {
        rest.insert("searchParam".to_owned(), of_every_type());
    }
    list(
        &mut rest,
        "interaction",
        coded(offer, Interaction::of_system),
    );
    list(&mut rest, "operation", operations(offer, None));
    let statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date::instant(offer.since),
        "kind": "instance",
        "software": { "name": "Vigie", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "Vigie, a FHIR telemonitoring server", "url": offer.base },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": [
            "application/fhir+json",
            "application/fhir+xml",
            "application/json-patch+json",
            "application/merge-patch+json",
        ],
        "rest": [rest],
    });
    statement.to_string().into()
}

/// How programs are let in, as programs look for it that do not know `.well-known`.
///
/// Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#declaring-support-for-oauth2-endpoints>.
fn security(door: &Door) -> Value {
    const URIS: &str = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris";
    const SERVICE: &str = "http://terminology.hl7.org/CodeSystem/restful-security-service";
    let uris = door.endpoints.iter();
    let uris: Vec<Value> = uris
        .map(|(name, address)| json!({ "url": name, "valueUri": address }))
        .collect();
    json!({
        "extension": [{ "url": URIS, "extension": uris }],
        "cors": door.cors,
        "service": [{ "coding": [{ "system": SERVICE, "code": "SMART-on-FHIR" }],
                      "text": "OAuth2 using SMART-on-FHIR profile (see http://docs.smarthealthit.org)" }],
    })
}

/// The parameters that searches of every type take, and that are none of a resource's elements.
fn of_every_type() -> Value {
    json!([
        { "name": "_text", "type": "string",
          "definition": "http://hl7.org/fhir/SearchParameter/DomainResource-text" },
        { "name": "_content", "type": "string",
          "definition": "http://hl7.org/fhir/SearchParameter/Resource-content" },
        { "name": "_filter", "type": "special" },
        { "name": "_has", "type": "special" },
        { "name": "_list", "type": "special" },
    ])
}

fn of_type(offer: &Offer, kind: ResourceType) -> Value {
    let serves = |interaction| offer.interactions.contains(&interaction);
    let delete = if serves(Interaction::ConditionalDelete) {
        "single"
    } else {
        "not-supported"
    };
    let parameters: Vec<&SearchParameter> = offer.parameters.of_type(kind).collect();
    let includes = parameters
        .iter()
        .filter(|parameter| parameter.kind == ParameterKind::Reference)
        .map(|parameter| format!("{kind}:{}", parameter.code).into());
    let mut entry = Map::new();
    entry.insert("type".to_owned(), kind.name().into());
    list(
        &mut entry,
        "interaction",
        coded(offer, Interaction::of_type),
    );
    for (name, value) in [
        ("versioning", "versioned".into()),
        ("readHistory", serves(Interaction::Vread).into()),
        ("updateCreate", serves(Interaction::Update).into()),
        ("conditionalCreate", serves(Interaction::Create).into()),
        ("conditionalRead", "full-support".into()),
        (
            "conditionalUpdate",
            serves(Interaction::ConditionalUpdate).into(),
        ),
        ("conditionalDelete", delete.into()),
        ("referencePolicy", json!(["literal"])),
    ] {
        entry.insert(name.to_owned(), value);
    }
    list(&mut entry, "searchInclude", includes.collect());
    list(
        &mut entry,
        "searchParam",
        parameters.into_iter().map(of_parameter).collect(),
    );
    list(&mut entry, "operation", operations(offer, Some(kind)));
    entry.into()
}

/// Adds a list; JSON in FHIR has no empty ones.
fn list(members: &mut Map<String, Value>, name: &str, items: Vec<Value>) {
    if !items.is_empty() {
        members.insert(name.to_owned(), items.into());
    }
}

fn coded(offer: &Offer, code: fn(Interaction) -> Option<&'static str>) -> Vec<Value> {
    let mut codes: Vec<&str> = offer
        .interactions
        .iter()
        .filter_map(|interaction| code(*interaction))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
        .into_iter()
        .map(|code| json!({ "code": code }))
        .collect()
}

fn of_parameter(parameter: &SearchParameter) -> Value {
    let mut entry = json!({ "name": parameter.code });
    if !parameter.url.is_empty() {
        entry["definition"] = parameter.url.as_str().into();
    }
    entry["type"] = type_code(parameter.kind).into();
    entry
}

const fn type_code(kind: ParameterKind) -> &'static str {
    match kind {
        ParameterKind::Number => "number",
        ParameterKind::Date => "date",
        ParameterKind::String => "string",
        ParameterKind::Token => "token",
        ParameterKind::Reference => "reference",
        ParameterKind::Composite => "composite",
        ParameterKind::Quantity => "quantity",
        ParameterKind::Uri => "uri",
        ParameterKind::Special => "special",
    }
}

fn operations(offer: &Offer, kind: Option<ResourceType>) -> Vec<Value> {
    let concerned = offer
        .operations
        .iter()
        .filter(|operation| operation.kind == kind.map(ResourceType::name));
    concerned
        .map(|each| json!({ "name": each.name, "definition": each.definition }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fhir::{json::Limits, validate},
        kernel::clock::from_millis,
    };

    fn offer(interactions: &[Interaction]) -> Value {
        let bytes = statement(&Offer {
            door: None,
            base: "http://vigie.test/fhir".to_owned(),
            since: from_millis(0),
            parameters: Arc::clone(Parameters::core()),
            interactions: interactions.to_vec(),
            operations: vec![OfferedOperation {
                name: "apply",
                definition: "http://hl7.org/fhir/OperationDefinition/PlanDefinition-apply",
                kind: Some("PlanDefinition"),
            }],
        });
        let read = validate::read(&bytes, &Limits::default()).unwrap();
        read.tree().clone()
    }

    #[test]
    fn it_says_what_is_served_and_no_more() {
        let tree = offer(&[
            Interaction::Read,
            Interaction::SearchType,
            Interaction::Batch,
        ]);
        assert_eq!(tree["fhirVersion"], "4.0.1");
        let rest = &tree["rest"][0];
        assert_eq!(rest["interaction"], json!([{"code": "batch"}]));
        let resources = rest["resource"].as_array().unwrap();
        assert_eq!(resources.len(), definitions().resource_types.len());
        let plan = resources
            .iter()
            .find(|resource| resource["type"] == "PlanDefinition")
            .unwrap();
        let codes = json!([{"code": "read"}, {"code": "search-type"}]);
        assert_eq!(plan["interaction"], codes);
        assert_eq!(plan["conditionalDelete"], "not-supported");
        assert_eq!(plan["updateCreate"], false);
        assert_eq!(plan["operation"][0]["name"], "apply");
        assert!(resources[0].get("operation").is_none());
    }

    #[test]
    fn each_parameter_has_its_type() {
        let tree = offer(&[]);
        let resources = tree["rest"][0]["resource"].as_array().unwrap();
        let observation = resources
            .iter()
            .find(|resource| resource["type"] == "Observation")
            .unwrap();
        let parameters = observation["searchParam"].as_array().unwrap();
        let code = parameters
            .iter()
            .find(|each| each["name"] == "code")
            .unwrap();
        assert_eq!(code["type"], "token");
        let includes = observation["searchInclude"].as_array().unwrap();
        assert!(includes.contains(&json!("Observation:subject")));
    }
}
