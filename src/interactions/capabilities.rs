//! capabilities: what this server offers, as a CapabilityStatement.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#capabilities>.

/// An interaction that a route serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are R4's own")]
pub enum Interaction {
    Capabilities,
    Batch,
    Transaction,
    Create,
    SearchType,
    ConditionalUpdate,
    ConditionalDelete,
    Read,
    Update,
    Delete,
    HistoryInstance,
    Vread,
}
