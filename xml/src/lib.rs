//! FHIR R4 resources from JSON to XML and back: the wall around fhirbolt.
