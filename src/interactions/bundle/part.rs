//! One entry of a batch or transaction, read.

use std::sync::Arc;

use serde_json::Value;

use super::{OperationCall, at_entry, in_resource, line::Line};
use crate::{
    fhir::{
        definitions::ResourceType,
        patch::Patch,
        reference,
        resource::Resource,
        search::query::{Handling, Query},
        validate::{self, Judgement},
    },
    interactions::{
        Context, VersionTag, check_kind, compartment,
        criteria::Criteria,
        history::Span,
        pairs,
        patch::{self, Target},
        read::Held,
        search, update,
    },
    kernel::problem::{Category, Problem, Result},
    store::HistoryOf,
};

/// What an entry asks.
#[derive(Debug, Clone)]
pub enum Request {
    /// `POST [type]`.
    Create {
        /// `ifNoneExist`.
        condition: Option<Criteria>,
    },
    /// `PUT [type]/[id]`.
    Update {
        /// `ifMatch`.
        if_match: Option<u64>,
    },
    /// `PUT [type]?[criteria]`.
    ConditionalUpdate {
        /// Which resource is meant.
        criteria: Criteria,
        /// `ifMatch`.
        if_match: Option<u64>,
    },
    /// `DELETE [type]/[id]`.
    Delete {
        /// The resource.
        target: (ResourceType, String),
        /// `ifMatch`.
        if_match: Option<VersionTag>,
    },
    /// `DELETE [type]?[criteria]`.
    ConditionalDelete(Criteria),
    /// `PATCH [type]/[id]` and `PATCH [type]?[criteria]`.
    Patch {
        /// What is to be patched.
        target: Target,
        /// The change.
        patch: Arc<Patch>,
        /// `ifMatch`.
        if_match: Option<u64>,
    },
    /// `GET [type]/[id]`.
    Read {
        /// The resource.
        target: (ResourceType, String),
        /// `ifNoneMatch`, `ifModifiedSince`.
        held: Held,
        /// `_summary`, `_elements`.
        part: Vec<(String, String)>,
    },
    /// `GET [type]/[id]/_history/[version]`.
    Vread((ResourceType, String), String),
    /// `GET [type]/[id]/_history`.
    History(HistoryOf, Span),
    /// `GET [type]?[parameters]`.
    Search(Box<Query>),
    /// `GET` and `POST` of `…/$name`.
    Operation(Box<OperationCall>),
}

impl Request {
    /// The order of work that R4 prescribes: DELETE, POST, PUT and PATCH, GET.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Delete { .. } | Self::ConditionalDelete(_) => 0,
            Self::Create { .. } => 1,
            Self::Operation(call) if call.is_post => 1,
            Self::Update { .. } | Self::ConditionalUpdate { .. } | Self::Patch { .. } => 2,
            Self::Read { .. }
            | Self::Vread(..)
            | Self::History(..)
            | Self::Search(_)
            | Self::Operation(_) => 3,
        }
    }
}

/// One entry, read and checked.
#[derive(Debug)]
pub struct Part {
    /// Its place in the bundle.
    pub place: usize,
    /// `fullUrl`.
    pub full_url: Option<String>,
    /// What it asks.
    pub request: Request,
    /// What is to be written, for POST and PUT.
    pub resource: Option<Resource>,
    /// The same once more, where it asks for what may be kept elsewhere.
    pub elsewhere: Option<Elsewhere>,
}

/// A read, or a search without an id, of a type that may be kept beside the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The type.
    pub kind: ResourceType,
    /// The id that is read.
    pub id: Option<String>,
    /// The query.
    pub query: Vec<(String, String)>,
}

/// The type that may be kept beside the store: the record of accesses is shown as it.
const ELSEWHERE: &str = "AuditEvent";

impl Part {
    /// Reads an entry whose resource has been taken out.
    pub fn read(
        context: &Context,
        (handling, judgement): (Handling, &Judgement),
        (place, entry): (usize, &Value),
        resource: Option<Value>,
    ) -> Result<Self> {
        let member = |name: &str| entry["request"][name].as_str();
        let url = member("url").unwrap_or_default();
        let reader = Reader {
            context,
            handling,
            judgement,
            place,
            request: &entry["request"],
        };
        let line = Line::read(&context.base, url)
            .map_err(|problem| at_entry(problem, place, ".request.url"))?;
        let (request, resource) = match member("method").unwrap_or_default() {
            "GET" | "HEAD" => (reader.get(&line)?, None),
            "DELETE" => (reader.delete(&line)?, None),
            "POST" if line.rest.last().is_some_and(|last| last.starts_with('$')) => {
                let called = reader.operation(&line, Some(resource))?;
                let called = called.ok_or_else(|| reader.unsupported(".request.url"))?;
                (called, None)
            }
            "POST" => {
                let mut resource = resource;
                resource.as_mut().map(validate::leave_out_id);
                let resource = reader.resource(reader.kind(&line)?, resource)?;
                (reader.post(&line)?, Some(resource))
            }
            "PUT" => {
                let resource = reader.resource(reader.kind(&line)?, resource)?;
                (reader.put(&line, &resource)?, Some(resource))
            }
            "PATCH" => (reader.patch(&line, resource)?, None),
            _ => return Err(reader.unsupported(".request.method")),
        };
        Ok(Self {
            elsewhere: match request {
                Request::Read { .. } | Request::Search(_) => reader.elsewhere(&line)?,
                _ => None,
            },
            place,
            full_url: entry["fullUrl"].as_str().map(str::to_owned),
            request,
            resource,
        })
    }
}

struct Reader<'a> {
    context: &'a Context,
    handling: Handling,
    judgement: &'a Judgement,
    place: usize,
    request: &'a Value,
}

impl Reader<'_> {
    fn get(&self, line: &Line<'_>) -> Result<Request> {
        if let Some(called) = self.operation(line, None)? {
            return Ok(called);
        }
        match (line.kind, line.rest.as_slice()) {
            (Some(kind), []) => {
                let query = search::query(self.context, kind, &self.pairs(line)?, self.handling);
                query
                    .map(|query| Request::Search(Box::new(query)))
                    .map_err(|problem| self.at_url(problem))
            }
            (kind, ["_history"]) => {
                self.history(line, kind.map_or(HistoryOf::System, HistoryOf::Type))
            }
            (Some(kind), [id]) if reference::is_id(id) => Ok(Request::Read {
                target: (kind, (*id).to_owned()),
                held: Held {
                    none_match: self.member("ifNoneMatch").map(VersionTag::read),
                    modified_since: self
                        .member("ifModifiedSince")
                        .and_then(|text| text.parse().ok()),
                },
                part: self.pairs(line)?,
            }),
            (Some(kind), [id, "_history"]) if reference::is_id(id) => {
                self.history(line, HistoryOf::Instance(kind, (*id).to_owned()))
            }
            (Some(kind), [id, "_history", version]) if reference::is_id(id) => Ok(Request::Vread(
                (kind, (*id).to_owned()),
                (*version).to_owned(),
            )),
            (Some(kind), [id, member]) if reference::is_id(id) => {
                let pairs = self.pairs(line)?;
                let query =
                    compartment::query(self.context, (kind, id), member, &pairs, self.handling);
                query
                    .map(|query| Request::Search(Box::new(query)))
                    .map_err(|problem| self.at_url(problem))
            }
            (None, []) => search::system_query(self.context, &self.pairs(line)?, self.handling)
                .map(|query| Request::Search(Box::new(query)))
                .map_err(|problem| self.at_url(problem)),
            _ => Err(self.unsupported(".request.url")),
        }
    }

    fn history(&self, line: &Line<'_>, of: HistoryOf) -> Result<Request> {
        let span = Span::read(&self.pairs(line)?, self.handling);
        let span = span.map_err(|problem| self.at_url(problem))?;
        Ok(Request::History(of, span))
    }

    fn elsewhere(&self, line: &Line<'_>) -> Result<Option<Elsewhere>> {
        let Some(kind) = line.kind.filter(|kind| kind.name() == ELSEWHERE) else {
            return Ok(None);
        };
        let id = match line.rest.as_slice() {
            [] => None,
            [id] => Some((*id).to_owned()),
            _ => return Ok(None),
        };
        let query = self.pairs(line)?;
        Ok(Some(Elsewhere { kind, id, query }))
    }

    fn pairs(&self, line: &Line<'_>) -> Result<Vec<(String, String)>> {
        pairs::read(line.query.unwrap_or_default()).map_err(|problem| self.at_url(problem))
    }

    /// The operation that a URL ends in, if it ends in one; `body` of a POST.
    fn operation(&self, line: &Line<'_>, body: Option<Option<Value>>) -> Result<Option<Request>> {
        let (id, name) = match line.rest.as_slice() {
            [name] => (None, *name),
            [id, name] if line.kind.is_some() && reference::is_id(id) => (Some(*id), *name),
            _ => return Ok(None),
        };
        let Some(name) = name.strip_prefix('$') else {
            return Ok(None);
        };
        let is_post = body.is_some();
        let resource = body.flatten().map(|tree| {
            let checked = validate::check(&tree).and_then(|()| Resource::trusted(tree));
            checked.map_err(|problem| in_resource(problem, self.place))
        });
        Ok(Some(Request::Operation(Box::new(OperationCall {
            kind: line.kind,
            id: id.map(str::to_owned),
            name: name.to_owned(),
            is_post,
            query: self.pairs(line)?,
            resource: resource.transpose()?,
        }))))
    }

    /// The type, where there must be one.
    fn kind(&self, line: &Line<'_>) -> Result<ResourceType> {
        line.kind.ok_or_else(|| self.unsupported(".request.url"))
    }

    fn delete(&self, line: &Line<'_>) -> Result<Request> {
        let kind = self.kind(line)?;
        match (line.rest.as_slice(), line.query) {
            ([id], None) if reference::is_id(id) => Ok(Request::Delete {
                target: (kind, (*id).to_owned()),
                if_match: self.member("ifMatch").map(VersionTag::read),
            }),
            ([], Some(query)) => Ok(Request::ConditionalDelete(self.criteria(kind, query)?)),
            _ => Err(self.unsupported(".request.url")),
        }
    }

    fn post(&self, line: &Line<'_>) -> Result<Request> {
        let kind = self.kind(line)?;
        if !line.rest.is_empty() || line.query.is_some() {
            return Err(self.unsupported(".request.url"));
        }
        let condition = self
            .member("ifNoneExist")
            .map(|text| {
                // Some clients put the type before it, as in a URL.
                let text = text.split_once('?').map_or(text, |(_, criteria)| criteria);
                Criteria::read(self.context, kind, text)
            })
            .transpose()
            .map_err(|problem| at_entry(problem, self.place, ".request.ifNoneExist"))?;
        Ok(Request::Create { condition })
    }

    fn put(&self, line: &Line<'_>, resource: &Resource) -> Result<Request> {
        let (kind, if_match) = (self.kind(line)?, self.if_match()?);
        match (line.rest.as_slice(), line.query) {
            ([id], None) => {
                update::check_id(resource, id)
                    .map_err(|problem| in_resource(problem, self.place))?;
                Ok(Request::Update { if_match })
            }
            ([], Some(query)) => Ok(Request::ConditionalUpdate {
                criteria: self.criteria(kind, query)?,
                if_match,
            }),
            _ => Err(self.unsupported(".request.url")),
        }
    }

    fn patch(&self, line: &Line<'_>, tree: Option<Value>) -> Result<Request> {
        let kind = self.kind(line)?;
        let target = match (line.rest.as_slice(), line.query) {
            ([id], None) if reference::is_id(id) => Target::Instance(kind, (*id).to_owned()),
            ([], Some(query)) => Target::Criteria(Box::new(self.criteria(kind, query)?)),
            _ => return Err(self.unsupported(".request.url")),
        };
        let tree = tree.ok_or_else(|| self.no_resource())?;
        let patch = patch::read_entry(&tree, &self.context.limits.json)
            .map_err(|problem| in_resource(problem, self.place))?;
        Ok(Request::Patch {
            target,
            patch: Arc::new(patch),
            if_match: self.if_match()?,
        })
    }

    fn if_match(&self) -> Result<Option<u64>> {
        self.member("ifMatch")
            .map(VersionTag::read)
            .map_or(Ok(None), |tag| tag.demanded())
            .map_err(|problem| at_entry(problem, self.place, ".request.ifMatch"))
    }

    fn no_resource(&self) -> Problem {
        let problem = Problem::malformed("required", "POST, PUT and PATCH need a resource.");
        at_entry(problem, self.place, ".resource")
    }

    fn criteria(&self, kind: ResourceType, text: &str) -> Result<Criteria> {
        Criteria::read(self.context, kind, text).map_err(|problem| self.at_url(problem))
    }

    fn resource(&self, kind: ResourceType, tree: Option<Value>) -> Result<Resource> {
        let mut tree = tree.ok_or_else(|| self.no_resource())?;
        let read = || {
            self.judgement.settle(&mut tree)?;
            let resource = Resource::trusted(tree)?;
            check_kind(&resource, kind)?;
            Ok(resource)
        };
        read().map_err(|problem| in_resource(problem, self.place))
    }

    fn member(&self, name: &str) -> Option<&str> {
        self.request[name].as_str()
    }

    fn at_url(&self, problem: Problem) -> Problem {
        at_entry(problem, self.place, ".request.url")
    }

    fn unsupported(&self, element: &str) -> Problem {
        let problem = Problem::new(
            Category::NotSupported,
            "not-supported",
            "This server does not offer this request in a batch or transaction.",
        );
        at_entry(problem, self.place, element)
    }
}
