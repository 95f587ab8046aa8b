//! Scopes that are narrowed by a comparison of dates: 97 to 111. The patient of the launch was born
//! on 1981-07-02.

use super::{Case, Told::Part, carry_out};

/// The patient, whom others would see more than.
const ADA: &[(&str, super::Told)] = &[("Patient", Part(&["Patient/ada"]))];

/// Nobody.
const NOBODY: &[(&str, super::Told)] = &[("Patient", Part(&[]))];

const fn born(
    label: &'static str,
    scopes: &'static str,
    asks: &'static [(&'static str, super::Told)],
) -> Case {
    Case {
        label,
        of: "ada",
        scopes,
        asks,
    }
}

const CASES: &[Case] = &[
    born("leak-97", "patient/Patient.s?birthdate=gt1980-01-01", ADA),
    born(
        "leak-98",
        "patient/Patient.s?birthdate=gt2000-01-01",
        NOBODY,
    ),
    born("leak-99", "patient/Patient.s?birthdate=lt2000-01-01", ADA),
    born(
        "leak-100",
        "patient/Patient.s?birthdate=lt1970-01-01",
        NOBODY,
    ),
    born("leak-101", "patient/Patient.s?birthdate=ge1981-07-02", ADA),
    born("leak-102", "patient/Patient.s?birthdate=le1981-07-02", ADA),
    born(
        "leak-103",
        "patient/Patient.s?birthdate=le1970-01-01",
        NOBODY,
    ),
    born("leak-104", "patient/Patient.s?birthdate=ne2000-01-01", ADA),
    born(
        "leak-105",
        "patient/Patient.s?birthdate=ne1981-07-02",
        NOBODY,
    ),
    born("leak-106", "patient/Patient.s?birthdate=eq1981-07-02", ADA),
    born("leak-107", "patient/Patient.s?birthdate=sa1980-01-01", ADA),
    born("leak-108", "patient/Patient.s?birthdate=eb2000-01-01", ADA),
    born("leak-109", "patient/Patient.s?birthdate=ap1981-07-02", ADA),
    // The other side of each that has one.
    born(
        "leak-101",
        "patient/Patient.s?birthdate=ge1981-07-03",
        NOBODY,
    ),
    born(
        "leak-106",
        "patient/Patient.s?birthdate=eq1981-07-03",
        NOBODY,
    ),
    born(
        "leak-107",
        "patient/Patient.s?birthdate=sa1981-07-02",
        NOBODY,
    ),
    born(
        "leak-108",
        "patient/Patient.s?birthdate=eb1981-07-02",
        NOBODY,
    ),
    born(
        "leak-109",
        "patient/Patient.s?birthdate=ap1900-01-01",
        NOBODY,
    ),
    Case {
        label: "leak-110",
        of: "ada",
        scopes: "patient/Observation.s?date=gt2000-01-01 patient/Patient.s",
        asks: &[
            ("Observation", Part(&["Observation/ada-1"])),
            ("Observation?date=lt2000-01-01", Part(&[])),
        ],
    },
    Case {
        label: "leak-111",
        of: "ada",
        scopes: "patient/Observation.s?date=lt2000-01-01 patient/Patient.s",
        asks: &[
            ("Observation", Part(&["Observation/ada-2"])),
            (
                "Patient?_revinclude=Observation:subject",
                Part(&["+Observation/ada-2", "Patient/ada"]),
            ),
        ],
    },
];

#[test]
fn a_scope_narrowed_by_a_date_is_compared_as_a_search_is() {
    carry_out(CASES);
}
