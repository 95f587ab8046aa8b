//! The operations of a terminology service on what is loaded and on what is stored.
//!
//! The work itself is pure and stands in [`crate::fhir::terminology::operations`]; here are found
//! the resource on which an operation is called and the definitions of this moment.
//!
//! Specification: <http://hl7.org/fhir/R4/terminology-service.html>.

use bytes::Bytes;
use serde_json::Value;

use super::{Context, Reply, standing};
use crate::{
    fhir::{
        date,
        definitions::ResourceType,
        permit::Permit,
        terminology::{
            Served, Terminology,
            operations::{self, Asked, Stamp},
        },
    },
    kernel::problem::{Problem, Result},
};

/// The operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are R4's own")]
pub enum Operation {
    Expand,
    ValidateCodeInValueSet,
    ValidateCodeInCodeSystem,
    Lookup,
    Subsumes,
    Translate,
}

impl Operation {
    /// The parameter that a body is which is no Parameters resource.
    const fn sole_parameter(self) -> &'static str {
        match self {
            Self::Expand | Self::ValidateCodeInValueSet => "valueSet",
            Self::ValidateCodeInCodeSystem | Self::Lookup | Self::Subsumes => "codeSystem",
            Self::Translate => "conceptMap",
        }
    }

    fn run(self, terminology: &Terminology, asked: &Asked, stamp: &Stamp) -> Result<Value> {
        match self {
            Self::Expand => operations::expand(terminology, asked, stamp),
            Self::ValidateCodeInValueSet => operations::in_value_set(terminology, asked),
            Self::ValidateCodeInCodeSystem => operations::in_code_system(terminology, asked),
            Self::Lookup => operations::lookup(terminology, asked),
            Self::Subsumes => operations::subsumes(terminology, asked),
            Self::Translate => operations::translate(terminology, asked),
        }
    }
}

/// Asks an operation: by its query, its body, or both; of a resource, if one is named.
///
/// # Errors
/// `NotFound` and `Gone` for the resource; what the operation refuses.
pub async fn ask(
    (context, permit): (&Context, &Permit),
    operation: Operation,
    instance: Option<(ResourceType, &str)>,
    (query, body): (&[(String, String)], Option<&Value>),
) -> Result<Reply> {
    let mut asked = Asked::read(query, body, operation.sole_parameter())?;
    if let Some((kind, id)) = instance {
        let stored = standing(context.store.read(permit, kind, id).await?)?;
        asked = asked.of(stored.tree()?);
    }
    let knowledge = context.library.knowledge().await?;
    let stamp = Stamp {
        identifier: format!("urn:uuid:{}", context.new_id()),
        timestamp: date::instant(context.clock.now()),
    };
    // A large value set is no work for a thread that serves others.
    let work = move || operation.run(&knowledge.terminology, &asked, &stamp);
    let answer = tokio::task::spawn_blocking(work);
    let answer = answer.await.map_err(Problem::fault)??;
    Ok(Reply::Document(answer.to_string().into()))
}

/// What of terminology this server offers, as a TerminologyCapabilities resource.
///
/// # Errors
/// `Fault`, if the definitions cannot be read.
pub async fn capabilities(context: &Context) -> Result<Bytes> {
    let knowledge = context.library.knowledge().await?;
    let since = date::instant(context.clock.now());
    let told = knowledge.terminology.capabilities(Served {
        base: &context.base,
        since: &since,
        version: env!("CARGO_PKG_VERSION"),
    });
    Ok(told.to_string().into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{interactions::testing::Bench, kernel::problem::Category};

    #[tokio::test]
    async fn a_value_set_that_is_stored_is_expanded() {
        let bench = Bench::open().await;
        let stored = bench
            .create(
                r#"{"resourceType":"ValueSet","status":"active","compose":{"include":[
                    {"system":"http://a.example","concept":[{"code":"a"},{"code":"b"}]}]}}"#,
            )
            .await;
        let permit = Permit::development();
        let caller = (&bench.context, &permit);
        let query = [("count".to_owned(), "1".to_owned())];
        let instance = Some((stored.kind, stored.id.as_str()));
        let reply = ask(caller, Operation::Expand, instance, (&query, None)).await;
        let Ok(Reply::Document(bytes)) = reply else {
            panic!("it is answered")
        };
        let set: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(set["id"], json!(stored.id));
        assert_eq!(set["expansion"]["total"], 2);
        assert_eq!(set["expansion"]["contains"].as_array().unwrap().len(), 1);
        let absent = Some((stored.kind, "absent"));
        let reply = ask(caller, Operation::Expand, absent, (&[], None)).await;
        assert_eq!(reply.unwrap_err().category, Category::NotFound);
    }
}
