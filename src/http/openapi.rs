//! `GET [base]/openapi.json`: the same tables that serve, as an OpenAPI document.
//!
//! It is for tools that know HTTP and not FHIR, and for whoever asks, as the CapabilityStatement; what a search can ask of each type stands in the
//! CapabilityStatement. Specification: <https://spec.openapis.org/oas/v3.1.0>.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    http::{HeaderValue, Method, StatusCode, header},
    routing::get,
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    fhir::{Body, Endpoint},
    operations::Operation,
    reply,
    router::{BASE_PATH, ROUTES, Route},
    state::State,
};
use crate::{fhir::definitions::definitions, interactions::capabilities::Interaction as I};

/// The path, below the service base URL.
const PATH: &str = "/openapi.json";

/// What a resource, and an answer, may be written in.
const FORMATS: [&str; 2] = ["application/fhir+json", "application/fhir+xml"];

/// The one path.
pub(super) fn routes(state: &Arc<State>, operations: &'static [Operation]) -> Router {
    let state = state.clone();
    let made = Arc::new(OnceLock::new());
    let serve = move || {
        let (state, made) = (state.clone(), Arc::clone(&made));
        async move {
            let base = &state.context.base;
            let bytes = made.get_or_init(|| Bytes::from(document(base, operations).to_string()));
            let mut response = reply::json(StatusCode::OK, bytes.clone());
            let kind = HeaderValue::from_static("application/vnd.oai.openapi+json;version=3.1");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
    };
    Router::new().route(&format!("{BASE_PATH}{PATH}"), get(serve))
}

/// The document of a server at this service base URL.
fn document(base: &str, operations: &'static [Operation]) -> Value {
    let mut paths = Map::new();
    for route in ROUTES.iter().filter(|route| !route.serves.is_empty()) {
        add(&mut paths, &Endpoint::of_route(route), of_route(route));
    }
    for operation in operations {
        for endpoint in operation.endpoints() {
            add(&mut paths, &endpoint, of_operation(operation, &endpoint));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Vigie",
            "summary": "A FHIR R4-native telemonitoring server.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "externalDocs": {"url": "http://hl7.org/fhir/R4/http.html"},
        "servers": [{"url": base}],
        "paths": paths,
        "components": components(),
    })
}

/// Adds what is served at a verb and a path; what two lines of a table share is told once.
fn add(paths: &mut Map<String, Value>, endpoint: &Endpoint, mut told: Value) {
    let path = match endpoint.path.as_str() {
        "" => "/",
        path => path,
    };
    let verb = endpoint.verb.as_str().to_ascii_lowercase();
    told["operationId"] = identifier(&verb, path).into();
    let item = paths.entry(path).or_insert_with(|| {
        let names = path.split('/').filter_map(|part| part.strip_prefix('{'));
        let parameters: Vec<Value> = names
            .map(|name| of_path(name.trim_end_matches('}')))
            .collect();
        match parameters.is_empty() {
            true => json!({}),
            false => json!({"parameters": parameters}),
        }
    });
    if let Some(item) = item.as_object_mut() {
        item.entry(verb).or_insert(told);
    }
}

/// `get` and `/{type}/{id}` as `get_type_id`.
fn identifier(verb: &str, path: &str) -> String {
    let mut text = verb.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        text.push('_');
        text.extend(part.chars().filter(|c| c.is_ascii_alphanumeric()));
    }
    text
}

fn of_path(name: &str) -> Value {
    let schema = match name {
        "type" => json!({"$ref": "#/components/schemas/ResourceType"}),
        "id" | "version" => json!({"$ref": "#/components/schemas/Id"}),
        _ => json!({"type": "string"}),
    };
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}

fn of_route(route: &Route) -> Value {
    let names: Vec<String> = route.serves.iter().map(|each| words(*each)).collect();
    let mut parameters = shared();
    let searches = [I::SearchType, I::SearchSystem];
    if searches.iter().any(|each| route.serves.contains(each)) && route.verb == Method::GET {
        parameters.extend(["Count", "Sort", "Summary", "Elements", "Search"].map(component));
    }
    if route.serves.contains(&I::Read) {
        parameters.extend(["Summary", "Elements"].map(component));
        parameters.extend(["IfNoneMatch", "IfModifiedSince"].map(component));
    }
    let histories = [I::History, I::HistoryOfType, I::HistoryOfSystem];
    if histories.iter().any(|each| route.serves.contains(each)) {
        parameters.extend(["Count", "Since"].map(component));
    }
    match route.verb {
        Method::PUT | Method::PATCH | Method::DELETE => {
            parameters.extend(["IfMatch", "Prefer"].map(component));
        }
        Method::POST if route.serves.contains(&I::Create) => {
            parameters.extend(["IfNoneExist", "Prefer"].map(component));
        }
        Method::POST => parameters.push(component("Prefer")),
        _ => {}
    }
    let mut told = json!({
        "summary": names.join(", "),
        "tags": ["FHIR"],
        "parameters": parameters,
        "responses": responses(&FORMATS),
    });
    if let Some(body) = body(route.body) {
        told["requestBody"] = body;
    }
    told
}

fn of_operation(operation: &Operation, endpoint: &Endpoint) -> Value {
    let mut parameters = shared();
    if endpoint.verb == Method::GET {
        parameters.push(component("Search"));
    }
    let formats: Vec<&str> = match endpoint.csv {
        true => FORMATS.into_iter().chain(["text/csv"]).collect(),
        false => FORMATS.to_vec(),
    };
    let mut told = json!({
        "summary": format!("${}", operation.name),
        "tags": [operation.kind.unwrap_or("FHIR")],
        "externalDocs": {"url": operation.definition},
        "parameters": parameters,
        "responses": responses(&formats),
    });
    if let Some(body) = body(endpoint.body) {
        told["requestBody"] = body;
    }
    told
}

/// `ConditionalUpdate` as `conditional update`.
fn words(interaction: I) -> String {
    let mut text = String::new();
    for letter in format!("{interaction:?}").chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

fn component(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// What every path takes.
fn shared() -> Vec<Value> {
    ["Format", "Pretty"].map(component).into()
}

fn content(formats: &[&str]) -> Value {
    let schema = |format: &&str| match *format {
        "application/json-patch+json" => json!({"schema": {"type": "array"}}),
        format if format.ends_with("json") => {
            json!({"schema": {"$ref": "#/components/schemas/Resource"}})
        }
        _ => json!({"schema": {"type": "string"}}),
    };
    let told = formats
        .iter()
        .map(|each| ((*each).to_owned(), schema(each)));
    Value::Object(told.collect())
}

/// What an answer can be, whatever was asked: the status says which.
fn responses(formats: &[&str]) -> Value {
    json!({
        "2XX": {"description": "What was asked for.", "content": content(formats)},
        "default": {"$ref": "#/components/responses/Problem"},
    })
}

fn body(body: Body) -> Option<Value> {
    let told = match body {
        Body::None | Body::Any => return None,
        Body::Form => json!({"content": {"application/x-www-form-urlencoded": {
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        }}}),
        Body::JsonOrCsv => {
            let formats = [FORMATS[0], FORMATS[1], "text/csv"];
            json!({"required": true, "content": content(&formats)})
        }
        Body::OptionalJson | Body::UnjudgedJson => {
            json!({"required": false, "content": content(&FORMATS)})
        }
        Body::Json => json!({"required": true, "content": content(&FORMATS)}),
        Body::Patch => {
            let formats = [
                FORMATS[0],
                FORMATS[1],
                "application/json-patch+json",
                "application/merge-patch+json",
            ];
            json!({"required": true, "content": content(&formats)})
        }
        Body::Content => json!({"required": true, "content": {"*/*": {}}}),
    };
    Some(told)
}

fn components() -> Value {
    let kinds: Vec<&str> = definitions()
        .resource_types
        .iter()
        .map(|kind| kind.name())
        .collect();
    json!({
        "schemas": {
            "ResourceType": {"type": "string", "enum": kinds},
            "Id": {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$"},
            "Resource": {
                "type": "object",
                "description": "A FHIR R4 resource; its definition is the specification's.",
                "properties": {
                    "resourceType": {"$ref": "#/components/schemas/ResourceType"},
                    "id": {"$ref": "#/components/schemas/Id"},
                },
                "required": ["resourceType"],
            },
        },
        "responses": {"Problem": {
            "description": "An OperationOutcome: each issue names what is wrong and where.",
            "content": content(&FORMATS),
        }},
        "parameters": parameters(),
    })
}

/// What queries and headers have in common.
fn parameters() -> Value {
    let text = || json!({"type": "string"});
    let told = [
        (
            "Format",
            "query",
            "_format",
            json!({"type": "string", "examples": ["json", "xml"]}),
        ),
        ("Pretty", "query", "_pretty", json!({"type": "boolean"})),
        (
            "Count",
            "query",
            "_count",
            json!({"type": "integer", "minimum": 0}),
        ),
        ("Sort", "query", "_sort", text()),
        (
            "Since",
            "query",
            "_since",
            json!({"type": "string", "format": "date-time"}),
        ),
        ("Elements", "query", "_elements", text()),
        (
            "Summary",
            "query",
            "_summary",
            json!({"type": "string", "enum": ["true", "text", "data", "count", "false"]}),
        ),
        (
            "Search",
            "query",
            "parameters",
            json!({
                "type": "object",
                "description": "The parameters of the type, as the CapabilityStatement lists them.",
                "additionalProperties": {"type": "string"},
            }),
        ),
        ("IfMatch", "header", "If-Match", text()),
        ("IfNoneMatch", "header", "If-None-Match", text()),
        ("IfModifiedSince", "header", "If-Modified-Since", text()),
        ("IfNoneExist", "header", "If-None-Exist", text()),
        (
            "Prefer",
            "header",
            "Prefer",
            json!({"type": "string", "examples": ["return=minimal", "handling=strict"]}),
        ),
    ];
    let told = told.map(|(key, place, name, schema)| {
        (
            key.to_owned(),
            json!({"name": name, "in": place, "schema": schema}),
        )
    });
    Value::Object(told.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::http::{operations::OPERATIONS, testing::Site};

    #[tokio::test]
    async fn each_line_of_both_tables_is_told() {
        let site = Site::open().await;
        let answer = site.get("/fhir/openapi.json").await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").contains("openapi+json"));
        let told = answer.json();
        let has = |verb: &Method, path: &str| {
            let path = if path.is_empty() { "/" } else { path };
            told["paths"][path][verb.as_str().to_ascii_lowercase()].is_object()
        };
        for route in ROUTES {
            let serves = !route.serves.is_empty();
            let same = ROUTES.iter().any(|other| {
                other.verb == route.verb && other.path == route.path && !other.serves.is_empty()
            });
            assert_eq!(
                has(&route.verb, route.path),
                serves || same,
                "{}",
                route.path
            );
        }
        for endpoint in OPERATIONS.iter().flat_map(Operation::endpoints) {
            assert!(has(&endpoint.verb, &endpoint.path), "{}", endpoint.path);
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_name_is_one() {
        let told = document("http://a/fhir", OPERATIONS);
        let mut names = HashSet::new();
        let mut open = vec![&told];
        while let Some(value) = open.pop() {
            if let Some(Value::String(reference)) = value.get("$ref") {
                let pointer = reference.trim_start_matches('#');
                assert!(told.pointer(pointer).is_some(), "{reference}");
            }
            if let Some(Value::String(name)) = value.get("operationId") {
                assert!(names.insert(name), "{name}");
            }
            match value {
                Value::Object(members) => open.extend(members.values()),
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        assert!(names.len() > 20);
    }
}
