//! The numbers that want no text messages.
//!
//! Each is a `Basic` under the fingerprint of the number, so that the number stays stopped whoever
//! has it: for another member of the household, for somebody enrolled later, and after the person
//! was erased. Specification: <http://hl7.org/fhir/R4/basic.html>.

use serde_json::json;

use super::number;
use crate::{
    fhir::{
        canonical::INBOUND_MESSAGE, date, definitions::ResourceType, permit::Permit,
        resource::Resource,
    },
    kernel::problem::{Problem, Result},
    store::{Prepared, Store, Stored, Tx},
};

fn kind() -> Result<ResourceType> {
    ResourceType::named("Basic").ok_or_else(|| Problem::fault("the definitions lack Basic"))
}

fn id(number: &str) -> String {
    format!("sms-stop-{}", number::fingerprint(number))
}

fn standing(found: Option<Stored>) -> bool {
    found.is_some_and(|stored| !stored.is_deleted())
}

/// Whether a number is on it.
pub(super) async fn holds(store: &Store, permit: &Permit, number: &str) -> Result<bool> {
    store.read(permit, kind()?, &id(number)).await.map(standing)
}

/// Puts a number on it; whether it was not.
pub(super) async fn add(tx: &mut Tx, number: &str) -> Result<bool> {
    let id = id(number);
    if standing(tx.read(kind()?, &id).await?) {
        return Ok(false);
    }
    let basic = json!({
        "resourceType": "Basic",
        "code": { "coding": [{ "system": INBOUND_MESSAGE, "code": "stop" }] },
        "created": date::instant(tx.now()).get(..10),
    });
    tx.put(&id, Prepared::new(Resource::trusted(basic)?), None)
        .await?;
    Ok(true)
}

/// Takes a number off it; whether it was on it.
pub(super) async fn remove(tx: &mut Tx, number: &str) -> Result<bool> {
    let removed = tx.delete(kind()?, &id(number), None).await?;
    Ok(removed.is_some())
}
