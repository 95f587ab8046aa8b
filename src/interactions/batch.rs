//! batch: requests that travel together and know nothing of each other.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#transaction>.

use futures_util::{StreamExt, stream};

use super::{
    Context, Reply,
    bundle::{Operate, Part, Request, at_entry},
    conditional_delete::conditional_delete,
    conditional_update, create, delete, history, patch, read, search, update, vread,
};
use crate::{
    fhir::{permit::Permit, resource::Resource},
    kernel::problem::{Problem, Result},
};

/// Entries of one batch that are worked on at the same time; the writes among them share a commit.
const AT_ONCE: usize = 16;

/// Does each part by itself, in R4's order of verbs; the answers are in the order of the parts.
pub(super) async fn batch(
    context: &Context,
    permit: &Permit,
    parts: Vec<Result<Part>>,
    operate: &dyn Operate,
) -> Vec<Result<Reply>> {
    let mut replies: Vec<Option<Result<Reply>>> = Vec::with_capacity(parts.len());
    let mut ranks: [Vec<Part>; 4] = Default::default();
    for part in parts {
        match part {
            Ok(part) => {
                replies.push(None);
                ranks[usize::from(part.request.rank())].push(part);
            }
            Err(problem) => replies.push(Some(Err(problem))),
        }
    }
    for rank in ranks {
        let work = rank.into_iter().map(|part| async {
            let place = part.place;
            let reply = run(context, permit, part, operate).await;
            (place, reply.map_err(|problem| at_entry(problem, place, "")))
        });
        let mut done = stream::iter(work).buffer_unordered(AT_ONCE);
        while let Some((place, reply)) = done.next().await {
            replies[place] = Some(reply);
        }
    }
    replies
        .into_iter()
        .map(|reply| reply.unwrap_or_else(|| Err(Problem::fault("an entry was not worked on"))))
        .collect()
}

async fn run(
    context: &Context,
    permit: &Permit,
    part: Part,
    operate: &dyn Operate,
) -> Result<Reply> {
    if let Some(asked) = &part.elsewhere
        && let Some(reply) = operate.elsewhere(permit, asked).await?
    {
        return Ok(reply);
    }
    let resource = part.resource;
    match part.request {
        Request::Create { condition } => {
            create::store(context, permit, present(resource)?, condition).await
        }
        Request::Update { if_match } => {
            update::store(context, permit, present(resource)?, if_match).await
        }
        Request::ConditionalUpdate { criteria, if_match } => {
            let input = (criteria, present(resource)?);
            conditional_update::store(context, permit, input, if_match).await
        }
        Request::Delete {
            target: (kind, id),
            if_match,
        } => delete::delete(context, permit, (kind, &id), if_match.as_ref()).await,
        Request::ConditionalDelete(criteria) => conditional_delete(context, permit, criteria).await,
        Request::Patch {
            target,
            patch,
            if_match,
        } => patch::store(context, permit, (target, patch), if_match).await,
        Request::Read {
            target: (kind, id),
            held,
            part,
        } => {
            let reply = read::read(context, permit, (kind, &id), &held).await?;
            read::part(context, reply, &part)
        }
        Request::Vread((kind, id), version) => {
            vread::vread(context, permit, (kind, &id), &version).await
        }
        Request::History(of, span) => history::history(context, permit, of, &span).await,
        Request::Operation(call) => operate.operate(permit.clone(), *call).await,
        Request::Search(query) => search::search(context, permit, &query).await,
    }
}

fn present(resource: Option<Resource>) -> Result<Resource> {
    resource.ok_or_else(|| Problem::fault("a part that writes has no resource"))
}
