//! Which patients' compartments hold a resource.
//!
//! Specification: <http://hl7.org/fhir/R4/compartmentdefinition-patient.html>.
