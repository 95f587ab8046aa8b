//! Each interaction of the router table: what of a call it takes, and whom it asks.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html>.

use std::sync::Arc;

use axum::http::header;

use super::{Call, IF_NONE_EXIST, Outcome};
use crate::{
    http::{
        audit::events,
        negotiate::{self, Return},
        operations, reply, router,
        state::State,
    },
    interactions::{
        Reply, VersionTag,
        bundle::{self, BundleOptions, Returned},
        capabilities::{self, Door},
        compartment, conditional_delete, conditional_update, create,
        criteria::Criteria,
        delete, history as versions, patch as patching, read as reading, search as searching,
        terminology, update as updating, vread as version_reading,
    },
    kernel::problem::{Problem, Result},
    store::HistoryOf,
};

/// `GET [base]/[type]/[id]`.
pub fn read(call: Call) -> Outcome {
    Box::pin(async move {
        let held = reading::Held {
            none_match: call.header(header::IF_NONE_MATCH).map(VersionTag::read),
            modified_since: call
                .header(header::IF_MODIFIED_SINCE)
                .and_then(reply::read_http_date),
        };
        let context = &call.state.context;
        if let Some(reply) = events::read(&call).await? {
            return Ok(reply);
        }
        let reply = reading::read(context, &call.permit, call.target()?, &held).await?;
        reading::part(context, reply, &call.query)
    })
}

/// `GET [base]/[type]/[id]/_history/[version]`.
pub fn vread(call: Call) -> Outcome {
    Box::pin(async move {
        let version = call.version.as_deref().unwrap_or_default();
        let context = &call.state.context;
        let reply = version_reading::vread(context, &call.permit, call.target()?, version).await?;
        reading::part(context, reply, &call.query)
    })
}

/// A create has no parameters beside those of the format: its condition stands in a header. Who
/// wants to know of those that would go unheard is told
/// (<http://hl7.org/fhir/R4/search.html#errors>).
fn refuse_parameters(call: &Call) -> Result<()> {
    if call.query.is_empty() || !call.preference.strict {
        return Ok(());
    }
    let words = "A create takes no parameters beside `_format` and `_pretty`.";
    Err(Problem::malformed("not-supported", words))
}

/// `POST [base]/[type]`.
pub fn create(call: Call) -> Outcome {
    Box::pin(async move {
        refuse_parameters(&call)?;
        let (context, kind) = (&call.state.context, call.kind()?);
        let condition = call.header(IF_NONE_EXIST);
        create::create(context, &call.permit, kind, &call.body, condition).await
    })
}

/// `PUT [base]/[type]/[id]`.
pub fn update(call: Call) -> Outcome {
    Box::pin(async move {
        let if_match = call.if_match();
        let (context, target) = (&call.state.context, call.target()?);
        updating::update(context, &call.permit, target, &call.body, if_match.as_ref()).await
    })
}

/// `DELETE [base]/[type]/[id]`.
pub fn delete(call: Call) -> Outcome {
    Box::pin(async move {
        let if_match = call.if_match();
        let (context, target) = (&call.state.context, call.target()?);
        delete::delete(context, &call.permit, target, if_match.as_ref()).await
    })
}

/// `GET [base]/[type]/[id]/_history`.
pub fn history(call: Call) -> Outcome {
    Box::pin(async move {
        let span = versions::Span::read(&call.query, call.handling())?;
        let (kind, id) = call.target()?;
        let of = HistoryOf::Instance(kind, id.to_owned());
        versions::history(&call.state.context, &call.permit, of, &span).await
    })
}

/// `GET [base]/_history` and `GET [base]/[type]/_history`.
pub fn history_of_many(call: Call) -> Outcome {
    Box::pin(async move {
        let span = versions::Span::read(&call.query, call.handling())?;
        let of = call.kind.map_or(HistoryOf::System, HistoryOf::Type);
        versions::history(&call.state.context, &call.permit, of, &span).await
    })
}

/// `GET [base]/[type]` and `POST [base]/[type]/_search`.
pub fn search(call: Call) -> Outcome {
    Box::pin(async move {
        let context = &call.state.context;
        if let Some(reply) = events::search(&call).await? {
            return Ok(reply);
        }
        let query = searching::query(context, call.kind()?, &call.query, call.handling())?;
        searching::search(context, &call.permit, &query).await
    })
}

/// `GET [base]/[type]/[id]/[type]` and `POST …/_search`.
pub fn search_compartment(call: Call) -> Outcome {
    Box::pin(async move {
        let context = &call.state.context;
        let member = call.member.as_deref().unwrap_or("*");
        let query = compartment::query(
            context,
            call.target()?,
            member,
            &call.query,
            call.handling(),
        )?;
        searching::search(context, &call.permit, &query).await
    })
}

/// `GET [base]?…` and `POST [base]/_search`.
pub fn search_system(call: Call) -> Outcome {
    Box::pin(async move {
        let context = &call.state.context;
        let query = searching::system_query(context, &call.query, call.handling())?;
        searching::search(context, &call.permit, &query).await
    })
}

/// `PUT [base]/[type]?[criteria]`.
pub fn conditional_update(call: Call) -> Outcome {
    Box::pin(async move {
        let if_match = call.if_match();
        let context = &call.state.context;
        let criteria = Criteria::of_pairs(context, call.kind()?, &call.query)?;
        let (permit, body) = (&call.permit, &call.body);
        conditional_update::conditional_update(context, permit, criteria, body, if_match.as_ref())
            .await
    })
}

/// `PATCH [base]/[type]/[id]`.
pub fn patch(call: Call) -> Outcome {
    Box::pin(async move {
        let (kind, id) = call.target()?;
        let target = patching::Target::Instance(kind, id.to_owned());
        patch_target(&call, target).await
    })
}

/// `PATCH [base]/[type]?[criteria]`.
pub fn conditional_patch(call: Call) -> Outcome {
    Box::pin(async move {
        let criteria = Criteria::of_pairs(&call.state.context, call.kind()?, &call.query)?;
        patch_target(&call, patching::Target::Criteria(Box::new(criteria))).await
    })
}

async fn patch_target(call: &Call, target: patching::Target) -> Result<Reply> {
    let context = &call.state.context;
    let format = negotiate::patch_format(&call.headers);
    let patch = patching::read(&call.body, format, &context.limits.json)?;
    let if_match = call.if_match();
    patching::patch(
        context,
        &call.permit,
        target,
        Arc::new(patch),
        if_match.as_ref(),
    )
    .await
}

/// `DELETE [base]/[type]?[criteria]`.
pub fn conditional_delete(call: Call) -> Outcome {
    Box::pin(async move {
        let context = &call.state.context;
        let criteria = Criteria::of_pairs(context, call.kind()?, &call.query)?;
        conditional_delete::conditional_delete(context, &call.permit, criteria).await
    })
}

/// `POST [base]`: a batch or a transaction.
pub fn bundle(call: Call) -> Outcome {
    Box::pin(async move {
        let options = BundleOptions {
            status: reply::status_line,
            returned: match call.preference.returns {
                _ if !call.preference.returns_named => Returned::Minimal,
                Return::Minimal => Returned::Minimal,
                Return::Representation => Returned::Representation,
                Return::OperationOutcome => Returned::Outcome,
            },
            handling: call.handling(),
            operate: Arc::new(operations::Table(call.state.clone())),
        };
        bundle::process(&call.state.context, &call.permit, &call.body, options).await
    })
}

/// `GET [base]/metadata`.
pub fn capabilities(call: Call) -> Outcome {
    Box::pin(async move {
        let mode = call.query.iter().find(|(name, _)| name == "mode");
        match mode.map(|(_, mode)| mode.as_str()) {
            None | Some("full" | "normative") => {}
            Some("terminology") => {
                let told = terminology::capabilities(&call.state.context).await?;
                return Ok(Reply::Document(told));
            }
            Some(_) => {
                let says = "`mode` is `full`, `normative` or `terminology`.";
                return Err(Problem::malformed("value", says));
            }
        }
        let context = &call.state.context;
        let known = Arc::clone(&context.library.knowledge().await?.parameters);
        let bytes = call.state.capabilities(&known, || {
            let mut offer = router::offer(&context.base, context.clock.now());
            offer.parameters = Arc::clone(&known);
            offer.door = door(&call.state);
            capabilities::statement(&offer)
        });
        Ok(Reply::Document(bytes))
    })
}

/// Where programs are let in, as far as it is told to whoever asks.
fn door(state: &State) -> Option<Door> {
    let smart = state.smart.as_ref()?;
    let mut names = vec!["authorize", "token", "introspect", "revoke"];
    if smart.settings().registration {
        names.push("register");
    }
    let endpoints = names.into_iter().map(|name| (name, smart.endpoint(name)));
    let account = ("manage", smart.endpoint("account"));
    Some(Door {
        endpoints: endpoints.chain([account]).collect(),
        cors: true,
    })
}
