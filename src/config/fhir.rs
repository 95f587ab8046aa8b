//! `[fhir]`: bounds on what clients send and ask.

use serde::Deserialize;

use super::findings::Findings;

/// `fhir.conditional_delete`: how many resources it may concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConditionalDelete {
    /// One; where several satisfy the condition, none is deleted.
    Single,
    /// All that satisfy the condition.
    Multiple,
}

/// Bounds on what clients send and ask.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fhir {
    /// `fhir.body_bytes_max`.
    pub body_bytes_max: usize,
    /// `fhir.json_depth_max`.
    pub json_depth_max: usize,
    /// `fhir.bundle_entries_max`.
    pub bundle_entries_max: usize,
    /// `fhir.conditional_delete`.
    pub conditional_delete: ConditionalDelete,
    /// `fhir.page_size_default`.
    pub page_size_default: u32,
    /// `fhir.page_size_max`.
    pub page_size_max: u32,
    /// `[fhir.validation]`.
    pub validation: Validation,
}

/// `[fhir.validation]`: how what clients send is judged.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// `fhir.validation.on_write`.
    pub on_write: OnWrite,
    /// `fhir.validation.answers`.
    pub answers: Answers,
    /// `fhir.validation.narrative`.
    pub narrative: Narrative,
}

/// `fhir.validation.narrative`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Narrative {
    /// One that does something in a browser is refused.
    Refuse,
    /// What does something is taken out of it.
    Clean,
    /// It is stored as it is.
    Keep,
}

/// `fhir.validation.answers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answers {
    /// An answer is stored, whatever its form says.
    Keep,
    /// One that breaks its form is refused.
    Refuse,
}

/// `fhir.validation.on_write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnWrite {
    /// Elements that R4 requires may be absent.
    Lenient,
    /// The structure of R4.
    Base,
    /// That, and profiles.
    Profiles,
}

impl Fhir {
    pub(super) fn check(&self, findings: &mut Findings) {
        findings.within(
            "fhir.body_bytes_max",
            self.body_bytes_max,
            1_024..=268_435_456,
        );
        findings.within("fhir.json_depth_max", self.json_depth_max, 8..=100);
        findings.within(
            "fhir.bundle_entries_max",
            self.bundle_entries_max,
            1..=10_000,
        );
        findings.within("fhir.page_size_default", self.page_size_default, 1..=1_000);
        findings.within("fhir.page_size_max", self.page_size_max, 1..=10_000);
        if self.page_size_default > self.page_size_max {
            findings.refuse(
                "fhir.page_size_default",
                "It is greater than fhir.page_size_max.",
            );
        }
    }
}
