//! Conditions on what matches refer to, and on what refers to them: 37 to 41, and 91. What asks a
//! type that was not granted is refused, since silence about it would be an answer.

use super::{
    Case,
    Told::{All, Part, Refused},
    carry_out,
};

const CASES: &[Case] = &[
    Case {
        label: "leak-37",
        of: "ada",
        scopes: "patient/Observation.rs",
        asks: &[
            ("Observation?subject:Patient.name=Ada", Refused),
            ("Observation?subject:Patient.name=Nobody", Refused),
            ("Observation?patient.name=Ada", Refused),
            ("Observation?subject:Patient._id=ada", Refused),
            (
                "Observation?patient:Patient.organization.name=Ward",
                Refused,
            ),
            ("Observation?_filter=patient.name%20eq%20Ada", Refused),
            ("Observation?_list=any", Refused),
            ("?_type=Observation&subject:Patient.name=Ada", Refused),
            ("Patient/ada/Observation?patient.name=Ada", Refused),
        ],
    },
    Case {
        label: "leak-38",
        of: "ada",
        scopes: "patient/Observation.rs patient/Patient.rs",
        asks: &[
            (
                "Observation?subject:Patient.name=Ada",
                All(&["Observation/ada-1", "Observation/ada-2"]),
            ),
            ("Observation?subject:Patient.name=Ben", Part(&[])),
            ("Observation?focus:Patient.name=Fay", Part(&[])),
        ],
    },
    Case {
        label: "leak-39",
        of: "ada",
        scopes: "patient/Patient.rs",
        asks: &[
            ("Patient?_has:Observation:subject:code=urn:t|sugar", Refused),
            ("Patient?_has:Observation:subject:code=urn:t|none", Refused),
        ],
    },
    Case {
        label: "leak-40",
        of: "ada",
        scopes: "patient/Patient.rs",
        asks: &[
            ("Patient?_has:Observation:patient:code=urn:t|sugar", Refused),
            (
                "Patient?_has:Observation:patient:_has:DiagnosticReport:result:_id=ada-kept",
                Refused,
            ),
        ],
    },
    Case {
        label: "leak-41",
        of: "ada",
        scopes: "patient/*.rs",
        asks: &[
            (
                "Patient?_has:Observation:subject:code=urn:t|sugar",
                Part(&["Patient/ada"]),
            ),
            ("Patient?_has:Observation:focus:status=final", Part(&[])),
            (
                "Practitioner?_has:Observation:performer:code=urn:t|sugar",
                All(&["Practitioner/anne"]),
            ),
            (
                "Practitioner?_has:Observation:focus:code=urn:t|sugar",
                Part(&[]),
            ),
        ],
    },
];

/// Scopes of which two are narrowed.
const NARROWED: &str = "patient/Observation.s?status=final patient/Patient.s \
                        patient/DiagnosticReport.s?status=final";

/// The same, and the directory.
const WITH_DIRECTORY: &str = "patient/Observation.s?status=final patient/Patient.s \
                              patient/DiagnosticReport.s?status=final patient/Organization.s";

const REPORTS: &[&str] = &["DiagnosticReport/ada-kept", "DiagnosticReport/ada-other"];

const THROUGH_NARROWED: &[Case] = &[
    Case {
        label: "leak-91",
        of: "ada",
        scopes: NARROWED,
        asks: &[
            (
                "Observation?subject:Patient.name=Ada",
                All(&["Observation/ada-1", "Observation/ada-2"]),
            ),
            (
                "Observation?subject:Patient.name=Ada&code=urn:t|sugar&status=registered",
                All(&[]),
            ),
            (
                "DiagnosticReport?subject:Patient.organization.address-city=Lyon",
                Refused,
            ),
            (
                "DiagnosticReport?subject:Patient._tag=urn:t|kept",
                All(REPORTS),
            ),
            (
                "?_type=Patient,Device&_has:Observation:subject:code=urn:t|sugar",
                Refused,
            ),
            (
                "?_type=Patient&_has:Observation:subject:code=urn:t|sugar",
                Part(&["Patient/ada"]),
            ),
            (
                "Patient?_has:Observation:subject:code=urn:t|sugar",
                Part(&["Patient/ada"]),
            ),
        ],
    },
    Case {
        label: "leak-91",
        of: "ada",
        scopes: WITH_DIRECTORY,
        asks: &[(
            "DiagnosticReport?subject:Patient.organization.address-city=Lyon",
            Part(REPORTS),
        )],
    },
    // What a scope leaves out is not there for a condition either.
    Case {
        label: "leak-91",
        of: "ada",
        scopes: "patient/Patient.s patient/Observation.s?code=urn:t|sugar patient/DiagnosticReport.s",
        asks: &[
            (
                "Patient?_has:Observation:subject:code=urn:t|smoking",
                Part(&[]),
            ),
            ("Patient?_has:Observation:subject:date=lt1990", Part(&[])),
            ("DiagnosticReport?result.code=urn:t|sugar", Part(REPORTS)),
        ],
    },
];

#[test]
fn a_condition_on_a_type_that_was_not_granted_is_refused() {
    carry_out(CASES);
}

#[test]
fn a_condition_sees_no_more_than_its_scopes_leave() {
    carry_out(THROUGH_NARROWED);
}
