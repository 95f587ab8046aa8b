//! FHIRPath: one compiled engine for search parameters, invariants and rules.
