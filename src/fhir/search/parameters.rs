//! Search parameters with their expressions compiled.
