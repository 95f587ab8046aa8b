//! Whom a resource is about: what decides who may see it. Pure.
//!
//! The compartments of R4 are for searches: they lack Task and Device, and hold what merely names a
//! patient. Rows of [`About`] say whose data a resource holds, and are kept with each version.

/// What a resource is about that is everybody's: terms, forms, the directory.
pub const SHARED: &str = "";

/// Rows that decide who may see a resource; sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Logical ids of patients, [`SHARED`], or a mark that begins with `@`, such as `@agency`.
    /// None: only who reaches everything sees it.
    pub whom: Vec<String>,
    /// Who has patients in their care by this resource.
    pub custody: Vec<CustodyRow>,
}

/// By one resource, a patient is in somebody's care, or somebody is kept out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CustodyRow {
    /// The logical id of the patient.
    pub patient: String,
    /// Such as `Practitioner/1`, `Organization/2`, `CareTeam/3`.
    pub custodian: String,
    /// Whether the patient's Consent denies it, whatever else allows it.
    pub denied: bool,
}
