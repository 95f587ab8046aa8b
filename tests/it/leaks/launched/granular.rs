//! Scopes that are narrowed by a search, alone and several together: 75, 76, 78 to 90, and 92 to 96.
//!
//! A search that names a type which was not granted is refused, also beside others that were; one
//! that names none is a search of those that were. What is narrowed across all types is no scope.

use super::{
    Case,
    Told::{All, Part, Refused},
    carry_out,
};

const ADA: super::Told = Part(&["Patient/ada"]);
const NOTHING: super::Told = Part(&[]);
const SUGAR: super::Told = Part(&["Observation/ada-1"]);
const SMOKING: super::Told = Part(&["Observation/ada-2"]);
const BOTH: super::Told = Part(&["Observation/ada-1", "Observation/ada-2"]);
const THREE: super::Told = Part(&["Observation/ada-1", "Observation/ada-2", "Patient/ada"]);
const PATIENT_AND_SUGAR: super::Told = Part(&["Observation/ada-1", "Patient/ada"]);
const STAFF: super::Told = All(&["Practitioner/anne", "Practitioner/bob", "Practitioner/eli"]);

/// What those ask who see the patient's own resource, and nothing else.
const OF_THE_PATIENT: &[(&str, super::Told)] = &[
    ("Patient", ADA),
    ("?_count=50", ADA),
    ("?_type=Patient", ADA),
    ("?_type=Patient,Observation,Practitioner", Refused),
    ("?_type=Observation,Practitioner", Refused),
    ("Patient?gender=female", ADA),
    ("Patient?gender=male", All(&[])),
    ("Patient?name=Ben", NOTHING),
    ("Observation", Refused),
    ("Observation?code=urn:t|sugar", Refused),
    ("Patient/ada/Observation", Refused),
    ("Patient/ada/Patient", All(&["Patient/ada"])),
    ("Patient/ada/*", ADA),
];

/// What those ask who see one kind of Observation beside it.
const OF_PATIENT_AND_SUGAR: &[(&str, super::Told)] = &[
    ("Observation", SUGAR),
    ("Patient", ADA),
    ("?_count=50", PATIENT_AND_SUGAR),
    ("?_type=Patient,Observation", PATIENT_AND_SUGAR),
    ("?_type=Patient,Observation,Practitioner", Refused),
    ("?_type=Observation,Practitioner", Refused),
    ("?_type=Observation", SUGAR),
    ("?_type=Practitioner", Refused),
    ("Observation?code=urn:t|sugar", SUGAR),
    ("Observation?code=urn:t|smoking", NOTHING),
    ("Observation?code:not=urn:t|sugar", NOTHING),
    ("Observation?_id=ada-2", NOTHING),
    ("Patient?gender=female", ADA),
    ("Patient?gender=male", All(&[])),
    ("Patient?name=Ben", NOTHING),
    ("Patient/ada/Observation", SUGAR),
    ("Patient/ada/Patient", All(&["Patient/ada"])),
    ("Patient/ada/*", PATIENT_AND_SUGAR),
];

const BY_TYPE: &[Case] = &[
    Case {
        label: "leak-75",
        of: "ada",
        scopes: "patient/Patient.s?name=Ada",
        asks: OF_THE_PATIENT,
    },
    Case {
        label: "leak-76",
        of: "ada",
        scopes: "patient/Patient.s?name=Ada&gender=female",
        asks: OF_THE_PATIENT,
    },
    Case {
        label: "leak-76",
        of: "ada",
        scopes: "patient/Patient.s?name=Ada&gender=male",
        asks: &[("Patient", NOTHING), ("?_count=50", NOTHING)],
    },
    Case {
        label: "leak-78",
        of: "ada",
        scopes: "patient/Observation.s patient/Observation.s?code=urn:t|sugar&status=final",
        asks: &[
            ("Patient", Refused),
            ("?_count=50", BOTH),
            ("?_type=Patient,Observation,Practitioner", Refused),
            ("?_type=Observation", BOTH),
            ("?_type=Practitioner", Refused),
            ("Observation", BOTH),
            ("Observation?code=urn:t|sugar", SUGAR),
            ("Observation?code=urn:t|smoking", SMOKING),
            ("Patient?gender=female", Refused),
            (
                "Patient/ada/Observation",
                All(&["Observation/ada-1", "Observation/ada-2"]),
            ),
            ("Patient/ada/Patient", Refused),
            ("Patient/ada/*", BOTH),
        ],
    },
    Case {
        label: "leak-79",
        of: "ada",
        scopes: "patient/Patient.s patient/Observation.s?code=urn:t|sugar&status=final",
        asks: OF_PATIENT_AND_SUGAR,
    },
    Case {
        label: "leak-80",
        of: "ada",
        scopes: "patient/Patient.s patient/Practitioner.s?gender=male&name=Anne \
                 patient/Observation.s?code=urn:t|sugar&status=final",
        asks: &[
            ("Observation", SUGAR),
            ("Patient", ADA),
            ("Practitioner", Part(&["Practitioner/anne"])),
            ("Practitioner?name=Bob", NOTHING),
            (
                "?_type=Patient,Observation,Practitioner",
                Part(&["Observation/ada-1", "Patient/ada", "Practitioner/anne"]),
            ),
            (
                "?_count=50",
                Part(&["Observation/ada-1", "Patient/ada", "Practitioner/anne"]),
            ),
            (
                "?_type=Observation,Practitioner",
                Part(&["Observation/ada-1", "Practitioner/anne"]),
            ),
            ("Observation?code=urn:t|smoking", NOTHING),
            ("Patient/ada/*", PATIENT_AND_SUGAR),
        ],
    },
    Case {
        label: "leak-81",
        of: "ada",
        scopes: "patient/Patient.s?name=Ada patient/Observation.s?code=urn:t|sugar",
        asks: OF_PATIENT_AND_SUGAR,
    },
    Case {
        label: "leak-82",
        of: "ada",
        scopes: "patient/Observation.s patient/Observation.s?code=urn:t|none&status=final \
                 patient/Patient.s patient/Patient.s?name=Ada",
        asks: &[
            ("Patient", ADA),
            ("Observation", BOTH),
            ("?_count=50", THREE),
            ("?_type=Patient,Observation", THREE),
            ("?_type=Patient,Observation,Practitioner", Refused),
            ("?_type=Practitioner", Refused),
            ("Observation?code=urn:t|sugar", SUGAR),
            ("Observation?code=urn:t|smoking", SMOKING),
            ("Patient?name=Ben", NOTHING),
            ("Patient/ada/Patient", All(&["Patient/ada"])),
            ("Patient/ada/*", THREE),
        ],
    },
];

/// What those ask who may search all types.
const OF_ALL_TYPES: &[(&str, super::Told)] = &[
    ("Patient", ADA),
    ("Observation", BOTH),
    (
        "?_type=Patient,Observation,Practitioner",
        Part(&[
            "Observation/ada-1",
            "Observation/ada-2",
            "Patient/ada",
            "Practitioner/anne",
            "Practitioner/bob",
            "Practitioner/eli",
        ]),
    ),
    ("?_type=Practitioner", STAFF),
    ("Observation?code=urn:t|sugar", SUGAR),
    ("Observation?code=urn:t|smoking", SMOKING),
    ("Patient?gender=male", All(&[])),
    ("Patient?name=Ben", NOTHING),
    ("Patient/ada/Patient", All(&["Patient/ada"])),
    (
        "Patient/ada/MedicationRequest",
        All(&["MedicationRequest/ada"]),
    ),
    ("Patient/ada/Appointment", Part(&["Appointment/ada"])),
    (
        "Patient/ada/*?_type=Observation,Appointment",
        Part(&["Appointment/ada", "Observation/ada-1", "Observation/ada-2"]),
    ),
];

/// What is narrowed across all types is not granted; the rest of what was asked for is.
const ONLY_SUGAR: &[(&str, super::Told)] = &[
    ("Observation", SUGAR),
    ("?_count=50", SUGAR),
    ("Patient", Refused),
    ("DiagnosticReport", Refused),
    ("Appointment", Refused),
    ("Encounter", Refused),
    ("Practitioner", Refused),
    ("?_type=DiagnosticReport", Refused),
    ("?_type=Patient,Observation", Refused),
    ("Patient/ada/Observation", SUGAR),
    ("Patient/ada/DiagnosticReport", Refused),
    ("Patient/ada/*", SUGAR),
];

const BY_STAR: &[Case] = &[
    Case {
        label: "leak-83",
        of: "ada",
        scopes: "patient/*.s",
        asks: OF_ALL_TYPES,
    },
    Case {
        label: "leak-84",
        of: "ada",
        scopes: "patient/*.s patient/Observation.s?code=urn:t|sugar&status=final",
        asks: OF_ALL_TYPES,
    },
    Case {
        label: "leak-85",
        of: "ada",
        scopes: "patient/*.s?_tag=urn:t|kept patient/Observation.s?code=urn:t|sugar&status=final",
        asks: ONLY_SUGAR,
    },
    Case {
        label: "leak-86",
        of: "ada",
        scopes: "patient/*.s?_type=Patient,Observation \
                 patient/Observation.s?code=urn:t|sugar&status=final",
        asks: ONLY_SUGAR,
    },
    Case {
        label: "leak-87",
        of: "ada",
        scopes: "patient/*.s?_type=Appointment patient/Observation.s?code=urn:t|sugar&status=final",
        asks: ONLY_SUGAR,
    },
];

const WITH_SUGAR: super::Told = Part(&["+Patient/ada", "Observation/ada-1"]);
const BACK_TO_SUGAR: super::Told = Part(&["+Observation/ada-1", "Patient/ada"]);

const ALONG: &[Case] = &[
    Case {
        label: "leak-88",
        of: "ada",
        scopes: "patient/Observation.s?code=urn:t|sugar patient/Practitioner.s?gender=female",
        asks: &[
            ("Observation?_include=Observation:subject", SUGAR),
            ("Observation?_include=*", SUGAR),
            ("Observation?_include=Observation:*", SUGAR),
        ],
    },
    Case {
        label: "leak-89",
        of: "ada",
        scopes: "patient/Observation.s?code=urn:t|sugar patient/Patient.s \
                 patient/Practitioner.s?gender=female",
        asks: &[
            ("Observation?_include=Observation:subject", WITH_SUGAR),
            (
                "Observation?status=final&_include=Observation:subject",
                WITH_SUGAR,
            ),
            ("Observation?_include=*", WITH_SUGAR),
        ],
    },
    Case {
        label: "leak-90",
        of: "ada",
        scopes: "patient/Patient.s?name=Ada patient/Observation.s?code=urn:t|sugar&status=final",
        asks: &[
            ("Patient?_revinclude=Observation:subject", BACK_TO_SUGAR),
            ("Patient?_revinclude=*", BACK_TO_SUGAR),
        ],
    },
    Case {
        label: "leak-92",
        of: "ada",
        scopes: "patient/Observation.s?code=urn:t|sugar&status=final \
                 patient/Patient.s?name=Ada&gender=female \
                 patient/Practitioner.s?name=Anne&gender=female",
        asks: &[("Observation?_include=*", WITH_SUGAR)],
    },
    Case {
        label: "leak-93",
        of: "ada",
        scopes: "patient/Observation.s?code=urn:t|sugar&status=final \
                 patient/Patient.s?name=Ada&gender=female \
                 patient/Practitioner.s?name=Anne&gender=female",
        asks: &[(
            "Observation?_include=Observation:subject&_include=Observation:performer",
            WITH_SUGAR,
        )],
    },
    Case {
        label: "leak-93",
        of: "ada",
        scopes: "patient/Observation.s?code=urn:t|sugar patient/Practitioner.s?gender=male",
        asks: &[(
            "Observation?_include=Observation:subject&_include=Observation:performer",
            Part(&["+Practitioner/anne", "Observation/ada-1"]),
        )],
    },
    Case {
        label: "leak-94",
        of: "ada",
        scopes: "patient/Observation.s?code=urn:t|sugar&status=final \
                 patient/Patient.s?name=Ada&gender=female patient/Encounter.s?status=triaged",
        asks: &[("Patient?_revinclude=*", BACK_TO_SUGAR)],
    },
    Case {
        label: "leak-95",
        of: "ada",
        scopes: "patient/Observation.s?code=urn:t|sugar&status=final \
                 patient/Patient.s?name=Ada&gender=female patient/Encounter.s?status=triaged",
        asks: &[(
            "Patient?_revinclude=Observation:subject&_revinclude=Encounter:subject",
            BACK_TO_SUGAR,
        )],
    },
    Case {
        label: "leak-96",
        of: "ada",
        scopes: "patient/Observation.s?code=urn:t|sugar&status=final \
                 patient/Observation.s?code=urn:t|none \
                 patient/Patient.s?name=Ada&gender=female patient/Encounter.s?status=finished",
        asks: &[(
            "Patient?_revinclude=Observation:subject&_revinclude=Encounter:subject",
            Part(&["+Encounter/ada", "+Observation/ada-1", "Patient/ada"]),
        )],
    },
    // Two that are narrowed differently add up; words of SMART 1 beside them do no more.
    Case {
        label: "leak-96",
        of: "ada",
        scopes: "patient/Observation.rs?code=urn:t|sugar patient/Observation.rs?date=lt1990 \
                 patient/Patient.read",
        asks: &[
            ("Observation", BOTH),
            (
                "Patient?_revinclude=*",
                Part(&["+Observation/ada-1", "+Observation/ada-2", "Patient/ada"]),
            ),
            ("Encounter", Refused),
        ],
    },
];

#[test]
fn a_narrowed_type_is_all_that_is_there_of_it() {
    carry_out(BY_TYPE);
}

#[test]
fn what_is_narrowed_across_all_types_grants_nothing() {
    carry_out(BY_STAR);
}

#[test]
fn what_comes_along_is_narrowed_like_what_is_found() {
    carry_out(ALONG);
}
