//! One entry of a batch or transaction, read.

use std::sync::Arc;

use serde_json::Value;

use super::{at_entry, in_resource};
use crate::{
    fhir::{
        definitions::ResourceType,
        patch::Patch,
        reference,
        resource::Resource,
        search::query::{Handling, Query},
        validate,
    },
    interactions::{
        Context, VersionTag, check_kind,
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
    },
    /// `GET [type]/[id]/_history/[version]`.
    Vread((ResourceType, String), String),
    /// `GET [type]/[id]/_history`.
    History(HistoryOf, Span),
    /// `GET [type]?[parameters]`.
    Search(Box<Query>),
}

impl Request {
    /// The order of work that R4 prescribes: DELETE, POST, PUT and PATCH, GET.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Delete { .. } | Self::ConditionalDelete(_) => 0,
            Self::Create { .. } => 1,
            Self::Update { .. } | Self::ConditionalUpdate { .. } | Self::Patch { .. } => 2,
            Self::Read { .. } | Self::Vread(..) | Self::History(..) | Self::Search(_) => 3,
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
}

impl Part {
    /// Reads an entry whose resource has been taken out.
    pub fn read(
        context: &Context,
        handling: Handling,
        (place, entry): (usize, &Value),
        resource: Option<Value>,
    ) -> Result<Self> {
        let member = |name: &str| entry["request"][name].as_str();
        let url = member("url").unwrap_or_default();
        let reader = Reader {
            context,
            handling,
            place,
            request: &entry["request"],
        };
        let line = Line::read(&context.base, url)
            .map_err(|problem| at_entry(problem, place, ".request.url"))?;
        let (request, resource) = match member("method").unwrap_or_default() {
            "GET" => (reader.get(&line)?, None),
            "DELETE" => (reader.delete(&line)?, None),
            "POST" => {
                let resource = reader.resource(line.kind, resource)?;
                (reader.post(&line)?, Some(resource))
            }
            "PUT" => {
                let resource = reader.resource(line.kind, resource)?;
                (reader.put(&line, &resource)?, Some(resource))
            }
            "PATCH" => (reader.patch(&line, resource)?, None),
            _ => return Err(reader.unsupported(".request.method")),
        };
        Ok(Self {
            place,
            full_url: entry["fullUrl"].as_str().map(str::to_owned),
            request,
            resource,
        })
    }
}

/// `request.url` taken apart.
struct Line<'a> {
    kind: ResourceType,
    rest: Vec<&'a str>,
    query: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn read(base: &str, url: &'a str) -> Result<Self> {
        let relative = url.strip_prefix(base).unwrap_or(url);
        let relative = relative.strip_prefix('/').unwrap_or(relative);
        let (path, query) = match relative.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (relative, None),
        };
        let mut segments = path.split('/');
        let name = segments.next().unwrap_or_default();
        let kind = ResourceType::named(name).ok_or_else(|| {
            Problem::new(
                Category::NotFound,
                "not-found",
                "The URL does not begin with a resource type of R4.",
            )
        })?;
        Ok(Self {
            kind,
            rest: segments.collect(),
            query,
        })
    }
}

struct Reader<'a> {
    context: &'a Context,
    handling: Handling,
    place: usize,
    request: &'a Value,
}

impl Reader<'_> {
    fn get(&self, line: &Line<'_>) -> Result<Request> {
        let pairs = |text: Option<&str>| {
            pairs::read(text.unwrap_or_default()).map_err(|problem| self.at_url(problem))
        };
        match line.rest.as_slice() {
            [] => {
                let pairs = pairs(line.query)?;
                let query = search::query(self.context, line.kind, &pairs, self.handling);
                query
                    .map(|query| Request::Search(Box::new(query)))
                    .map_err(|problem| self.at_url(problem))
            }
            [id] if reference::is_id(id) => Ok(Request::Read {
                target: (line.kind, (*id).to_owned()),
                held: Held {
                    none_match: self.member("ifNoneMatch").map(VersionTag::read),
                    modified_since: self
                        .member("ifModifiedSince")
                        .and_then(|text| text.parse().ok()),
                },
            }),
            [id, "_history"] if reference::is_id(id) => {
                let span =
                    Span::read(&pairs(line.query)?, self.handling).map_err(|p| self.at_url(p))?;
                Ok(Request::History(
                    HistoryOf::Instance(line.kind, (*id).to_owned()),
                    span,
                ))
            }
            [id, "_history", version] if reference::is_id(id) => Ok(Request::Vread(
                (line.kind, (*id).to_owned()),
                (*version).to_owned(),
            )),
            _ => Err(self.unsupported(".request.url")),
        }
    }

    fn delete(&self, line: &Line<'_>) -> Result<Request> {
        match (line.rest.as_slice(), line.query) {
            ([id], None) if reference::is_id(id) => Ok(Request::Delete {
                target: (line.kind, (*id).to_owned()),
                if_match: self.member("ifMatch").map(VersionTag::read),
            }),
            ([], Some(query)) => Ok(Request::ConditionalDelete(self.criteria(line.kind, query)?)),
            _ => Err(self.unsupported(".request.url")),
        }
    }

    fn post(&self, line: &Line<'_>) -> Result<Request> {
        if !line.rest.is_empty() || line.query.is_some() {
            return Err(self.unsupported(".request.url"));
        }
        let condition = self
            .member("ifNoneExist")
            .map(|text| {
                // Some clients put the type before it, as in a URL.
                let text = text.split_once('?').map_or(text, |(_, criteria)| criteria);
                Criteria::read(self.context, line.kind, text)
            })
            .transpose()
            .map_err(|problem| at_entry(problem, self.place, ".request.ifNoneExist"))?;
        Ok(Request::Create { condition })
    }

    fn put(&self, line: &Line<'_>, resource: &Resource) -> Result<Request> {
        let if_match = self.if_match()?;
        match (line.rest.as_slice(), line.query) {
            ([id], None) => {
                update::check_id(resource, id)
                    .map_err(|problem| in_resource(problem, self.place))?;
                Ok(Request::Update { if_match })
            }
            ([], Some(query)) => Ok(Request::ConditionalUpdate {
                criteria: self.criteria(line.kind, query)?,
                if_match,
            }),
            _ => Err(self.unsupported(".request.url")),
        }
    }

    fn patch(&self, line: &Line<'_>, tree: Option<Value>) -> Result<Request> {
        let target = match (line.rest.as_slice(), line.query) {
            ([id], None) if reference::is_id(id) => Target::Instance(line.kind, (*id).to_owned()),
            ([], Some(query)) => Target::Criteria(Box::new(self.criteria(line.kind, query)?)),
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
        let tree = tree.ok_or_else(|| self.no_resource())?;
        let read = || {
            validate::check(&tree)?;
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
