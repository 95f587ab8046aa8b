//! One FHIR interaction or operation a file, headed by its specification.
