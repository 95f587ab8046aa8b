//! A planned transaction, done.

use super::plan::{Content, Plan, Write};
use crate::{
    interactions::{
        Context, Reply, VersionTag,
        bundle::{Request, at_entry},
        conditional_delete, conditional_update,
        criteria::Match,
        history,
        links::Links,
        patch::{self, Target},
        read, search, standing, update, vread,
    },
    kernel::problem::{Category, Problem, Result},
    store::{Prepared, Stored, Tx},
};

/// Replies by the place of their entry.
type Done = Vec<(usize, Reply)>;

/// A write of which is known where it goes.
enum Decision {
    /// A new resource, under the write's id.
    Create,
    /// The next or first version under the write's id.
    Put(Option<u64>),
    /// A first version under the write's id, which has just been drawn.
    PutFresh,
    /// Nothing: this one satisfies the condition.
    Existing(Stored),
}

/// Deletes, writes, reads: in this order.
pub async fn run(tx: &mut Tx, context: &Context, mut plan: Plan) -> Result<Done> {
    let mut done = Done::new();
    for (place, request) in std::mem::take(&mut plan.deletes) {
        let several = context.limits.delete_several;
        let gone = delete(tx, request, several).await.map_err(at(place))?;
        // A conditional deletion shows only now what it concerns.
        let touched = gone.iter().map(|stored| (stored.kind, stored.id.clone()));
        plan.touched.extend(touched);
        done.push((place, conditional_delete::reply(gone)));
    }
    let (mut first, mut last, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
    for mut write in std::mem::take(&mut plan.writes) {
        let decision = decide(tx, &mut plan, &mut write)
            .await
            .map_err(at(write.place))?;
        conditions.extend(write.criteria().map(|each| (write.place, each.clone())));
        match write.content {
            Content::Last(_) => last.push((write, decision)),
            _ => first.push((write, decision)),
        }
    }
    for (write, decision) in first {
        put(tx, &plan.links, (write, decision), &mut done).await?;
    }
    resolve(tx, &mut plan).await?;
    for (write, decision) in last {
        put(tx, &plan.links, (write, decision), &mut done).await?;
    }
    for (place, request) in std::mem::take(&mut plan.patches) {
        let reply = patch(tx, context, &mut plan, (place, request)).await;
        done.push((place, reply.map_err(at(place))?));
    }
    for (place, criteria) in conditions {
        // Another entry may have written what satisfies the condition, too.
        criteria.find(tx).await.map_err(at(place))?;
    }
    for (place, request) in plan.reads {
        let reply = show(tx, context, request).await.map_err(at(place))?;
        done.push((place, reply));
    }
    Ok(done)
}

fn at(place: usize) -> impl Fn(Problem) -> Problem {
    move |problem| {
        let is_placed = problem
            .issues
            .iter()
            .any(|issue| matches!(&issue.expression, Some(at) if at.starts_with("Bundle.")));
        if is_placed {
            problem
        } else {
            at_entry(problem, place, "")
        }
    }
}

/// The deletions that a request comes to.
async fn delete(tx: &mut Tx, request: Request, several: bool) -> Result<Vec<Stored>> {
    match request {
        Request::Delete {
            target: (kind, id),
            if_match,
        } => {
            let if_match = if_match.as_ref().map_or(Ok(None), VersionTag::demanded)?;
            let gone = tx.delete(kind, &id, if_match).await?;
            Ok(gone.into_iter().collect())
        }
        Request::ConditionalDelete(criteria) => {
            conditional_delete::within(tx, &criteria, several).await
        }
        _ => Err(Problem::fault("a deletion that is none")),
    }
}

/// Finds out where a write goes, and tells those who refer to it.
async fn decide(tx: &mut Tx, plan: &mut Plan, write: &mut Write) -> Result<Decision> {
    let decision = match &write.request {
        Request::Create { condition: None } => return Ok(Decision::Create),
        Request::Update { if_match } => return Ok(Decision::Put(*if_match)),
        Request::Create {
            condition: Some(criteria),
        } => match criteria.find(tx).await? {
            Match::One(stored) => Decision::Existing(stored),
            Match::None => Decision::Create,
        },
        Request::ConditionalUpdate { criteria, if_match } => {
            let found = criteria.find(tx).await?;
            let (own, fresh) = (write.own.clone(), write.id.clone());
            let is_fresh = conditional_update::is_fresh(&found, own.as_deref(), *if_match);
            write.id = conditional_update::identity(tx, criteria, &found, own, fresh).await?;
            plan.touch(write.place, (write.kind, write.id.clone()))?;
            if is_fresh {
                Decision::PutFresh
            } else {
                Decision::Put(*if_match)
            }
        }
        _ => return Err(Problem::fault("a write that is none")),
    };
    if let Some(url) = &write.full_url {
        let target = match &decision {
            Decision::Existing(stored) => stored.reference(),
            _ => format!("{}/{}", write.kind, write.id),
        };
        plan.links.settle(url, target);
    }
    Ok(decision)
}

async fn put(
    tx: &mut Tx,
    links: &Links,
    (write, decision): (Write, Decision),
    done: &mut Done,
) -> Result<()> {
    let place = write.place;
    let prepared = match write.content {
        Content::Ready(prepared) => *prepared,
        Content::Open(mut resource) | Content::Last(mut resource) => {
            links.rewrite(&mut resource, write.full_url.as_deref());
            Prepared::new(*resource)
        }
    };
    let written = match decision {
        Decision::Create => tx.create(&write.id, prepared).await.map(Reply::Created),
        Decision::Put(if_match) => tx
            .put(&write.id, prepared, if_match)
            .await
            .map(update::reply),
        Decision::PutFresh => tx.put_fresh(&write.id, prepared).await.map(update::reply),
        Decision::Existing(stored) => Ok(Reply::Existing(stored)),
    };
    done.push((place, written.map_err(at(place))?));
    Ok(())
}

async fn patch(
    tx: &mut Tx,
    context: &Context,
    plan: &mut Plan,
    (place, request): (usize, Request),
) -> Result<Reply> {
    let Request::Patch {
        target,
        patch,
        if_match,
    } = request
    else {
        return Err(Problem::fault("a patch that is none"));
    };
    let stored = patch::found(tx, &target).await?;
    if matches!(target, Target::Criteria(_)) {
        plan.touch(place, (stored.kind, stored.id.clone()))?;
    }
    patch::check_version(&stored, if_match)?;
    let judged = patch::Judged {
        permit: tx.permit().clone(),
        patch,
        limits: context.limits.json,
        judgement: plan.judgement.clone(),
    };
    let mut resource = judged.applied_to(&stored)?;
    for link in plan.links.rewrite(&mut resource, None).conditional {
        plan.add_conditional(context, place, &link)?;
    }
    resolve(tx, plan).await?;
    plan.links.rewrite(&mut resource, None);
    let written = tx.put(&stored.id, Prepared::new(resource), Some(stored.version));
    written.await.map(update::reply)
}

/// Resolves conditional references, now that all they may mean is written.
async fn resolve(tx: &mut Tx, plan: &mut Plan) -> Result<()> {
    for (place, link, criteria) in std::mem::take(&mut plan.conditional) {
        criteria.check(tx.permit()).map_err(at(place))?;
        let found = criteria.find(tx).await.map_err(at(place))?;
        let Match::One(stored) = found else {
            let problem = Problem::new(
                Category::PreconditionFailed,
                "not-found",
                "No resource satisfies a conditional reference of the entry.",
            );
            return Err(at_entry(problem, place, ".resource"));
        };
        plan.links.settle(&link, stored.reference());
    }
    Ok(())
}

async fn show(tx: &mut Tx, context: &Context, request: Request) -> Result<Reply> {
    match request {
        Request::Read {
            target: (kind, id),
            held,
            part,
        } => {
            let stored = standing(tx.read(kind, &id).await?)?;
            read::part(context, read::conclude(stored, &held), &part)
        }
        Request::Vread((kind, id), version) => {
            let version = vread::number(&version)?;
            let found = tx.vread((kind, &id), version).await?;
            Ok(Reply::Version(standing(found)?))
        }
        Request::History(of, span) => {
            let excerpt = span.excerpt(context, of);
            let page = tx.history(&excerpt).await?;
            history::document(context, &span, &excerpt, page)
        }
        Request::Search(query) => {
            let page = tx.search(&query).await?;
            search::document(context, &query, &page).map(Reply::Document)
        }
        _ => Err(Problem::fault("a read that is none")),
    }
}
