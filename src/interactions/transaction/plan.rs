//! What a transaction will do, as far as it can be said without the store.

use std::collections::HashSet;

use crate::{
    fhir::{about, definitions::ResourceType, resource::Resource, validate::Judgement},
    interactions::{
        Context,
        bundle::{Part, Request, at_entry},
        criteria::Criteria,
        links::{self, Links},
        patch::Target,
    },
    kernel::problem::{Category, Problem, Result},
    store::Prepared,
};

/// What a transaction will do.
pub struct Plan {
    /// Deletions.
    pub deletes: Vec<(usize, Request)>,
    /// POST, then PUT.
    pub writes: Vec<Write>,
    /// Changes to resources.
    pub patches: Vec<(usize, Request)>,
    /// How what they come to is judged.
    pub judgement: Judgement,
    /// Reads and searches.
    pub reads: Vec<(usize, Request)>,
    /// What the links between entries stand for.
    pub links: Links,
    /// Conditional references, each once, and the first entry that has it.
    pub conditional: Vec<(usize, String, Criteria)>,
    /// Resources that are written or deleted, as far as they are known.
    pub touched: HashSet<(ResourceType, String)>,
}

/// A resource to be written.
pub struct Write {
    /// The entry.
    pub place: usize,
    /// Its `fullUrl`.
    pub full_url: Option<String>,
    /// The type.
    pub kind: ResourceType,
    /// The id to write under; where a condition decides, the id for when nothing satisfies it.
    pub id: String,
    /// The id that the body has, where a condition decides.
    pub own: Option<String>,
    /// What is asked.
    pub request: Request,
    /// The resource.
    pub content: Content,
}

/// The resource of a write.
pub enum Content {
    /// Nothing of it depends on the store.
    Ready(Box<Prepared>),
    /// It has links that conditions decide.
    Open(Box<Resource>),
    /// It has conditional references, so it is written after all others: they may be meant.
    Last(Box<Resource>),
}

impl Write {
    /// The condition that decides where it is written, if there is one.
    pub const fn criteria(&self) -> Option<&Criteria> {
        match &self.request {
            Request::Create { condition } => condition.as_ref(),
            Request::ConditionalUpdate { criteria, .. } => Some(criteria),
            _ => None,
        }
    }
}

impl Plan {
    /// Plans what `parts` ask.
    ///
    /// # Errors
    /// `Invalid`, if two entries concern the same resource, condition or `fullUrl`.
    pub fn of(context: &Context, parts: Vec<Part>) -> Result<Self> {
        let mut plan = Self {
            deletes: Vec::new(),
            writes: Vec::new(),
            patches: Vec::new(),
            judgement: Judgement::Base,
            reads: Vec::new(),
            links: Links::default(),
            conditional: Vec::new(),
            touched: HashSet::new(),
        };
        let mut writes = Vec::new();
        for part in parts {
            match (part.request.rank(), part.resource) {
                (0, _) => plan.add_delete(part.place, part.request)?,
                (1 | 3, _) if matches!(part.request, Request::Operation(_)) => {
                    return Err(no_operation(part.place));
                }
                (3, _) => plan.reads.push((part.place, part.request)),
                (_, None) => plan.add_patch(part.place, part.request)?,
                (_, Some(resource)) => {
                    let write = (part.place, part.full_url, part.request);
                    writes.push(plan.add_write(context, write, resource)?);
                }
            }
        }
        check_conditions(&writes)?;
        for write in writes {
            plan.prepare(context, write)?;
        }
        plan.writes
            .sort_by_key(|write| (write.request.rank(), about::turn(write.kind), write.place));
        Ok(plan)
    }

    fn add_delete(&mut self, place: usize, request: Request) -> Result<()> {
        if let Request::Delete { target, .. } = &request {
            self.touch(place, target.clone())?;
        }
        self.deletes.push((place, request));
        Ok(())
    }

    fn add_patch(&mut self, place: usize, request: Request) -> Result<()> {
        match &request {
            Request::Patch {
                target: Target::Instance(kind, id),
                ..
            } => self.touch(place, (*kind, id.clone()))?,
            Request::Patch { .. } => {}
            _ => return Err(Problem::fault("a part that writes has no resource")),
        }
        self.patches.push((place, request));
        Ok(())
    }

    /// Gives the write its id, and its `fullUrl` a meaning.
    fn add_write(
        &mut self,
        context: &Context,
        (place, full_url, request): (usize, Option<String>, Request),
        resource: Resource,
    ) -> Result<Write> {
        let kind = resource.kind();
        let own = resource.id().map(str::to_owned);
        let (id, own, settled) = match &request {
            Request::Create { condition } => (context.new_id(), None, condition.is_none()),
            Request::Update { .. } => (own.unwrap_or_default(), None, true),
            _ => (context.new_id(), own, false),
        };
        if matches!(request, Request::Update { .. }) {
            self.touch(place, (kind, id.clone()))?;
        }
        if let Some(url) = &full_url {
            let target = settled.then(|| format!("{kind}/{id}"));
            if !self.links.set(url, target) {
                let problem = Problem::invalid("duplicate", "Two entries have this fullUrl.");
                return Err(at_entry(problem, place, ".fullUrl"));
            }
        }
        Ok(Write {
            place,
            full_url,
            kind,
            id,
            own,
            request,
            // Until all links are known, nothing is ready.
            content: Content::Open(Box::new(resource)),
        })
    }

    /// Notes that an entry concerns a resource.
    ///
    /// # Errors
    /// `Invalid`, if another one does.
    pub fn touch(&mut self, place: usize, target: (ResourceType, String)) -> Result<()> {
        if self.touched.insert(target) {
            return Ok(());
        }
        let problem = Problem::invalid(
            "duplicate",
            "Another entry of the transaction writes or deletes the same resource.",
        );
        Err(at_entry(problem, place, ""))
    }

    /// Rewrites what links are known, and extracts index rows where all are.
    fn prepare(&mut self, context: &Context, mut write: Write) -> Result<()> {
        let Content::Open(mut resource) = write.content else {
            return Err(Problem::fault("a write that is ready before its time"));
        };
        let remains = self.links.rewrite(&mut resource, write.full_url.as_deref());
        for link in &remains.conditional {
            self.add_conditional(context, write.place, link)?;
        }
        write.content = if !remains.conditional.is_empty() {
            Content::Last(resource)
        } else if remains.open {
            Content::Open(resource)
        } else {
            Content::Ready(Box::new(Prepared::new(*resource)))
        };
        self.writes.push(write);
        Ok(())
    }

    /// Notes a conditional reference, to be resolved once all that it may mean is written.
    pub fn add_conditional(&mut self, context: &Context, place: usize, link: &str) -> Result<()> {
        if self.conditional.iter().any(|(_, known, _)| known == link) {
            return Ok(());
        }
        let Some((kind, text)) = links::conditional(link) else {
            return Ok(());
        };
        let criteria = Criteria::read(context, kind, text)
            .map_err(|problem| at_entry(problem, place, ".resource"))?;
        self.conditional.push((place, link.to_owned(), criteria));
        Ok(())
    }
}

/// An operation may write and wait on its own: it cannot be undone with the rest.
fn no_operation(place: usize) -> Problem {
    let problem = Problem::new(
        Category::NotSupported,
        "not-supported",
        "Operations are called outside of transactions, or in a batch.",
    );
    at_entry(problem, place, ".request.url")
}

/// Refuses two writes under the same condition: the second would meet the first's result.
fn check_conditions(writes: &[Write]) -> Result<()> {
    let mut seen = HashSet::new();
    for write in writes {
        let Some(criteria) = write.criteria() else {
            continue;
        };
        let mut says = criteria.says().to_vec();
        says.sort();
        if !seen.insert((write.kind, says)) {
            let problem = Problem::invalid(
                "duplicate",
                "Another entry of the transaction has the same condition.",
            );
            return Err(at_entry(problem, write.place, ".request"));
        }
    }
    Ok(())
}
