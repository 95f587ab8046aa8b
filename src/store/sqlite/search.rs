//! A query as SQL.

use sqlx::SqliteConnection;

use crate::{
    fhir::{permit::Permit, search::query::Query},
    kernel::problem::Result,
    store::Page,
};

/// Searches on one connection.
pub(super) async fn search(
    _connection: &mut SqliteConnection,
    _permit: &Permit,
    _query: &Query,
) -> Result<Page> {
    Ok(Page::default())
}
