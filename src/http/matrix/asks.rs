//! The requests, each for the line of the router's table that it goes to.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    cast::Owner,
    world::{self, id},
};
use crate::{
    fhir::definitions::ResourceType,
    http::{
        operations::{Level, OPERATIONS, Operation},
        router::ROUTES,
    },
};

/// The id of what is not there, as long as no owner's word.
pub const ABSENT: &str = "absent";

/// What is asked of whom.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Of which type, unless of the system.
    pub kind: Option<ResourceType>,
    /// Whose it is, where it is about one resource.
    pub owner: Option<Owner>,
    /// The letters that it needs; none: what is found is held to them each by itself.
    pub needs: &'static str,
    /// What comes of it where it is not refused.
    pub shape: Shape,
    /// The operation that it calls.
    pub operation: Option<&'static Operation>,
    /// The verb.
    pub verb: Method,
    /// The path, in which `{id}` stands for the resource and `{patient}` for its owner.
    pub path: String,
    /// The body; the same. A text is that of a form.
    pub body: Option<Value>,
    /// `If-None-Exist`; the same.
    pub unless: Option<&'static str>,
    /// Headers beside the usual ones.
    pub accept: Option<&'static str>,
}

/// A request with the name of somebody in it.
#[derive(Debug, Clone)]
pub struct Filled {
    /// The path.
    pub path: String,
    /// The body.
    pub body: Option<Value>,
    /// `If-None-Exist`.
    pub unless: Option<String>,
}

/// What an answer is held to beside the canaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 200 with the resource's own canary, or 404.
    Resource,
    /// A success, or 404.
    Success,
    /// 200 and a number: 1, or 0.
    Total,
    /// A success where the resource is reached; where it is not, as if it were not there.
    Written,
    /// 201 where its owner is reached, and 403 where not.
    Created,
    /// Whatever it is.
    Any,
}

impl Ask {
    fn of(kind: ResourceType, verb: Method, path: &str) -> Self {
        Self {
            kind: Some(kind),
            owner: None,
            needs: "",
            shape: Shape::Any,
            operation: None,
            verb,
            path: path.replace("{type}", kind.name()),
            body: None,
            unless: None,
            accept: None,
        }
    }

    fn needing(mut self, needs: &'static str, shape: Shape) -> Self {
        self.needs = needs;
        self.shape = shape;
        self
    }

    fn about(&self, owner: Owner) -> Self {
        let mut ask = self.clone();
        ask.owner = Some(owner);
        ask
    }

    fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The same request of what is not there.
    pub fn of_nothing(&self) -> Filled {
        self.filled(ABSENT)
    }

    /// The request as it is made.
    pub fn as_made(&self) -> Filled {
        self.filled(self.owner.map_or("", id))
    }

    fn filled(&self, id: &str) -> Filled {
        let fill = |text: &str| text.replace("{id}", id).replace("{patient}", id);
        let body = self.body.as_ref().map(|body| {
            let text = fill(&body.to_string());
            serde_json::from_str(&text).unwrap()
        });
        Filled {
            path: fill(&self.path),
            body,
            unless: self.unless.map(fill),
        }
    }
}

/// All that is asked of a type.
pub fn of_type(kind: ResourceType) -> Vec<Ask> {
    let ask = |verb: Method, path: &str| Ask::of(kind, verb, path);
    let mut all = vec![
        ask(Method::GET, "/fhir/{type}").needing("s", Shape::Any),
        ask(Method::GET, "/fhir/{type}?_count=1000&_total=accurate").needing("s", Shape::Any),
        ask(Method::GET, "/fhir/{type}/_history").needing("s", Shape::Any),
        ask(Method::GET, "/fhir/{type}?_include=*&_revinclude=*").needing("s", Shape::Any),
        ask(Method::GET, "/fhir/{type}?_summary=count").needing("s", Shape::Any),
        ask(Method::POST, "/fhir/{type}/_search")
            .with("_count=1000&_include=*&_revinclude=*".into())
            .needing("s", Shape::Any),
    ];
    for owner in Owner::ALL {
        let Some(tree) = world::resource(kind, owner) else {
            continue;
        };
        let targeted = of_instance(kind, owner, &tree);
        all.extend(targeted.iter().map(|ask| ask.about(owner)));
    }
    all
}

/// What is asked by a tag that names whose it is and which type it has.
const TAGGED: &str = "/fhir/{type}?_tag=urn:tag|tag-{id}-{type}&_summary=count";

fn of_instance(kind: ResourceType, owner: Owner, tree: &Value) -> Vec<Ask> {
    let ask = |verb: Method, path: &str| Ask::of(kind, verb, path);
    let mut own = tree.clone();
    own["id"] = "{id}".into();
    let entry = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "request": { "method": "GET", "url": format!("{kind}/{{id}}") } },
    ] });
    let mut all = vec![
        ask(Method::GET, "/fhir/{type}/{id}").needing("r", Shape::Resource),
        ask(Method::HEAD, "/fhir/{type}/{id}").needing("r", Shape::Success),
        ask(Method::GET, "/fhir/{type}/{id}/_history").needing("r", Shape::Resource),
        ask(Method::GET, "/fhir/{type}/{id}/_history/1").needing("r", Shape::Resource),
        ask(Method::GET, "/fhir/{type}?_id={id}&_total=accurate").needing("s", Shape::Total),
        ask(Method::GET, TAGGED).needing("s", Shape::Total),
        ask(Method::POST, "/fhir").with(entry),
        ask(Method::PATCH, "/fhir/{type}/{id}")
            .with(unchanged(kind))
            .needing("ru", Shape::Written),
        ask(Method::PUT, "/fhir/{type}/{id}")
            .with(own.clone())
            .needing("u", Shape::Written),
    ];
    all.extend(on_condition(kind, &own));
    all.extend([
        ask(Method::DELETE, "/fhir/{type}?_id={id}").needing("sd", Shape::Written),
        ask(Method::DELETE, "/fhir/{type}/{id}").needing("d", Shape::Written),
    ]);
    if kind.name() != "Patient" {
        all.push(
            ask(Method::POST, "/fhir/{type}")
                .with(tree.clone())
                .needing("c", Shape::Created),
        );
    }
    if matches!(owner, Owner::Own | Owner::Other) {
        let within = "/fhir/Patient/{patient}/{type}";
        all.push(ask(Method::GET, within));
        let posted = format!("{within}/_search");
        all.push(ask(Method::POST, &posted).with("_count=1000".into()));
    }
    if kind.name() == "Binary" {
        let mut raw = ask(Method::GET, "/fhir/{type}/{id}").needing("r", Shape::Resource);
        raw.accept = Some("*/*");
        all.push(raw);
    }
    all
}

/// A patch that changes nothing.
fn unchanged(kind: ResourceType) -> Value {
    json!([{ "op": "test", "path": "/resourceType", "value": kind.name() }])
}

/// Searches by form, and writes under a condition that names the resource.
fn on_condition(kind: ResourceType, tree: &Value) -> Vec<Ask> {
    let ask = |verb: Method, path: &str| Ask::of(kind, verb, path);
    let by_id = "/fhir/{type}?_id={id}";
    let mut all = vec![
        ask(Method::POST, "/fhir/{type}/_search")
            .with("_id={id}&_total=accurate".into())
            .needing("s", Shape::Total),
        ask(Method::PUT, by_id)
            .with(tree.clone())
            .needing("su", Shape::Written),
        ask(Method::PATCH, by_id)
            .with(unchanged(kind))
            .needing("sru", Shape::Written),
    ];
    let mut create = ask(Method::POST, "/fhir/{type}")
        .with(tree.clone())
        .needing("cs", Shape::Written);
    create.unless = Some("_id={id}");
    if kind.name() != "Patient" {
        all.push(create);
    }
    all
}

/// What is asked of the system, and every operation at each of its levels.
pub fn of_system() -> Vec<Ask> {
    let patient = ResourceType::named("Patient").unwrap();
    let mut all: Vec<Ask> = [
        "/fhir?_id=own,other,both,shared,nobody&_count=1000",
        "/fhir?_type=Patient,Observation&_total=accurate",
        "/fhir/_history?_count=1000",
        "/fhir/?_tag=urn:canary|",
        "/fhir/metadata",
        "/fhir/openapi.json",
        "/fhir/_async/1",
        "/fhir/_async/1/1.ndjson",
        "/clock",
        "/healthz",
        "/readyz",
    ]
    .iter()
    .map(|path| Ask {
        kind: None,
        ..Ask::of(patient, Method::GET, path)
    })
    .collect();
    all.push(Ask {
        kind: None,
        ..Ask::of(patient, Method::POST, "/fhir/_search")
            .with("_type=Patient,Observation&_count=1000".into())
    });
    all.extend([Owner::Own, Owner::Other].into_iter().flat_map(|owner| {
        let path = "/fhir/Patient/{patient}/*";
        let listed = Ask::of(patient, Method::GET, &format!("{path}?_count=1000"));
        let post = |path: &str| Ask::of(patient, Method::POST, path).with("_count=1000".into());
        let posted = post(&format!("{path}/_search"));
        let whole = post("/fhir/Patient/{patient}/_search");
        [listed, posted, whole].map(|ask| ask.about(owner))
    }));
    all.extend(OPERATIONS.iter().flat_map(calls));
    all
}

fn calls(operation: &'static Operation) -> Vec<Ask> {
    let empty = json!({ "resourceType": "Parameters" });
    let kind = operation.kind.unwrap_or("Observation");
    let kind = ResourceType::named(kind).unwrap();
    let mut all = Vec::new();
    for (level, verb) in operation
        .levels
        .iter()
        .flat_map(|level| operation.verbs.iter().map(move |verb| (level, verb)))
    {
        let name = operation.name;
        let (path, owners): (String, &[Option<Owner>]) = match level {
            Level::System => (format!("/fhir/${name}"), &[None]),
            Level::Type => (format!("/fhir/{{type}}/${name}"), &[None]),
            Level::Instance => (
                format!("/fhir/{{type}}/{{id}}/${name}"),
                &[Some(Owner::Own), Some(Owner::Other), Some(Owner::Shared)],
            ),
        };
        for owner in owners {
            let mut ask = Ask::of(kind, verb.clone(), &path);
            if *level == Level::System {
                ask.kind = None;
            }
            ask.operation = Some(operation);
            if *verb == Method::POST {
                ask.body = Some(empty.clone());
            }
            match owner {
                None => all.push(ask),
                Some(owner) if world::resource(kind, *owner).is_some() => {
                    all.push(ask.about(*owner))
                }
                Some(_) => {}
            }
        }
    }
    all
}

/// A line of the router's table without a request would be a line that nobody has tried.
#[test]
fn each_line_of_the_table_is_asked() {
    let kind = ResourceType::named("Binary").unwrap();
    let mut asked: Vec<(Method, String)> = of_type(kind)
        .into_iter()
        .chain(of_system())
        .map(|ask| (ask.verb.clone(), shape_of(&ask)))
        .collect();
    // The base with a stroke is the base.
    asked.push((Method::POST, "/".to_owned()));
    for route in ROUTES {
        let line = (route.verb.clone(), route.path.to_owned());
        assert!(asked.contains(&line), "nobody asks {} {}", line.0, line.1);
    }
}

/// The line of the table that a request goes to.
fn shape_of(ask: &Ask) -> String {
    let path = ask.path.split('?').next().unwrap_or_default();
    let below = path.strip_prefix("/fhir").unwrap_or_default();
    if !below.starts_with('/') || below.len() < 2 || below[1..].starts_with(['_', '$', 'm', 'o']) {
        return below.to_owned();
    }
    let mut parts: Vec<&str> = below[1..].split('/').collect();
    for (at, part) in parts.iter_mut().enumerate() {
        *part = match (at, &**part) {
            (0, _) => "{type}",
            (1, "_history") => "_history",
            (1, "_search") => "_search",
            (1, _) => "{id}",
            (2, "_history") => "_history",
            (2 | 3, "_search") => "_search",
            (2, name) if name.starts_with('$') => name,
            (2, _) => "{member}",
            _ => "{version}",
        };
    }
    format!("/{}", parts.join("/"))
}
