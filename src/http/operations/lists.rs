//! `CarePlan/$line-list` and `CarePlan/$daily-list`: follow-ups, and their reports, as CSV.
//!
//! Asked for as JSON, the table comes in a Binary: <http://hl7.org/fhir/R4/binary.html>.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::json;

use super::{Invocation, State, asked::Asked};
use crate::{
    fhir::{path::encode_base64, permit::Permit},
    figures::{daily_list, line_list, line_list::Reader},
    intake::response,
    interactions::Reply,
    kernel::problem::Result,
};

/// One row a follow-up.
pub(super) fn line_list(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let asked = Asked::read(&invocation);
        let selection = asked.selection(&state, &permit).await?;
        let reader = reader(&state, &permit);
        let bytes = line_list::line_list(reader, &selection, asked.form()?).await?;
        Ok(reply(bytes, &invocation, "line-list"))
    })
}

/// One row a report.
pub(super) fn daily_list(
    state: Arc<State>,
    permit: Permit,
    invocation: Invocation,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let asked = Asked::read(&invocation);
        let pathway = asked
            .text("planDefinition")
            .ok_or_else(|| asked.wrong("planDefinition", "the pathway whose form is listed"))?;
        let pathway = pathway.strip_prefix("PlanDefinition/").unwrap_or(pathway);
        let named = serde_json::Map::from_iter([("pathway".to_owned(), pathway.into())]);
        let form = response::form(&state.context.store, &permit, &named).await?;
        let selection = asked.selection(&state, &permit).await?;
        let (reader, shape) = (reader(&state, &permit), asked.form()?);
        let bytes = daily_list::daily_list(reader, &selection, &form.tree, shape).await?;
        Ok(reply(bytes, &invocation, "daily-list"))
    })
}

fn reader<'a>(state: &'a State, permit: &'a Permit) -> Reader<'a> {
    Reader {
        store: &state.context.store,
        permit,
        now: state.context.clock.now(),
    }
}

fn reply(bytes: Vec<u8>, invocation: &Invocation, name: &'static str) -> Reply {
    if invocation.csv {
        return Reply::Table(bytes.into(), name);
    }
    let binary = json!({
        "resourceType": "Binary",
        "contentType": "text/csv; charset=utf-8",
        "data": encode_base64(&bytes),
    });
    Reply::Document(binary.to_string().into())
}
