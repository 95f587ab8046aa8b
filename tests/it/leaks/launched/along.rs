//! What comes along with the matches, forwards and backwards: 1 to 31.

use super::{
    Case, Clinic,
    Told::{All, Part},
    carry_out, has_only,
};
use crate::leaks::entries;

const ONE_TYPE: &[Case] = &[
    Case {
        label: "leak-1",
        of: "ada",
        scopes: "patient/*.rs",
        asks: &[(
            "Patient?_id=ada&_revinclude=Observation:subject",
            All(&["+Observation/ada-1", "+Observation/ada-2", "Patient/ada"]),
        )],
    },
    Case {
        label: "leak-2",
        of: "ada",
        scopes: "patient/Patient.rs patient/Observation.rs",
        asks: &[(
            "Patient?_revinclude=Observation:subject",
            Part(&["+Observation/ada-1", "+Observation/ada-2", "Patient/ada"]),
        )],
    },
    Case {
        label: "leak-3",
        of: "ada",
        scopes: "patient/Patient.rs patient/*.rs",
        asks: &[(
            "Patient?_id=ada&_revinclude=Observation:subject&_revinclude=Encounter:subject",
            All(&[
                "+Encounter/ada",
                "+Observation/ada-1",
                "+Observation/ada-2",
                "Patient/ada",
            ]),
        )],
    },
    Case {
        label: "leak-4",
        of: "ada",
        scopes: "patient/Patient.rs",
        asks: &[
            (
                "Patient?_id=ada&_revinclude=Observation:subject",
                Part(&["Patient/ada"]),
            ),
            ("Patient?_revinclude=*", Part(&["Patient/ada"])),
        ],
    },
    Case {
        label: "leak-7",
        of: "ada",
        scopes: "patient/Observation.rs patient/Patient.rs",
        asks: &[(
            "Patient?_id=ada&_revinclude=Observation:patient",
            All(&["+Observation/ada-1", "+Observation/ada-2", "Patient/ada"]),
        )],
    },
    Case {
        label: "leak-8",
        of: "ada",
        scopes: "patient/Patient.rs patient/Observation.rs",
        asks: &[(
            "Observation?_id=ada-1&_include=Observation:subject",
            All(&["+Patient/ada", "Observation/ada-1"]),
        )],
    },
    Case {
        label: "leak-9",
        of: "ada",
        scopes: "patient/Observation.rs patient/Medication.rs",
        asks: &[(
            "Observation?_id=ada-1&_include=Observation:subject",
            Part(&["Observation/ada-1"]),
        )],
    },
    Case {
        label: "leak-18",
        of: "ada",
        scopes: "patient/*.rs",
        asks: &[(
            "Patient?_id=ada&_revinclude=Encounter:subject&_revinclude=Condition:subject\
             &_revinclude=ImagingStudy:subject",
            All(&[
                "+Condition/ada",
                "+Encounter/ada",
                "+ImagingStudy/ada",
                "Patient/ada",
            ]),
        )],
    },
];

/// What refers to the first patient.
const AROUND_ADA: &[&str] = &[
    "+Appointment/ada",
    "+CareTeam/ada",
    "+Condition/ada",
    "+Device/ada",
    "+DiagnosticReport/ada-kept",
    "+DiagnosticReport/ada-other",
    "+Encounter/ada",
    "+ImagingStudy/ada",
    "+Immunization/ada",
    "+MedicationRequest/ada",
    "+Observation/ada-1",
    "+Observation/ada-2",
    "Patient/ada",
];

const WILDCARDS: &[Case] = &[
    Case {
        label: "leak-5",
        of: "ada",
        scopes: "patient/Patient.rs patient/*.rs",
        asks: &[
            ("Patient?_id=ada&_revinclude=*", Part(AROUND_ADA)),
            ("Patient?_revinclude=*", Part(AROUND_ADA)),
        ],
    },
    Case {
        label: "leak-6",
        of: "ada",
        scopes: "patient/Patient.rs patient/Observation.rs",
        asks: &[(
            "Patient?_id=ada&_revinclude=*",
            Part(&["+Observation/ada-1", "+Observation/ada-2", "Patient/ada"]),
        )],
    },
    Case {
        label: "leak-10",
        of: "ada",
        scopes: "patient/Patient.rs patient/*.rs",
        asks: &[(
            "Observation?_id=ada-1&_include=*",
            All(&[
                "+Device/ada",
                "+Patient/ada",
                "+Practitioner/anne",
                "Observation/ada-1",
            ]),
        )],
    },
    Case {
        label: "leak-11",
        of: "ada",
        scopes: "patient/Patient.rs patient/Observation.rs",
        asks: &[(
            "Observation?_id=ada-1&_include=*",
            Part(&["+Patient/ada", "Observation/ada-1"]),
        )],
    },
    Case {
        label: "leak-24",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "Coverage?_id=eva&_include=Coverage:*",
            Part(&["+Patient/eva", "Coverage/eva"]),
        )],
    },
    Case {
        label: "leak-26",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "Coverage?_id=eva&_include=*",
            Part(&["+Patient/eva", "Coverage/eva"]),
        )],
    },
    Case {
        label: "leak-27",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "Patient?_id=eva&_revinclude=*",
            Part(&[
                "+Coverage/eva",
                "+DiagnosticReport/eva",
                "+Observation/eva",
                "+Observation/eva-device",
                "+Observation/eva-focus",
                "+Procedure/eva",
                "Patient/eva",
            ]),
        )],
    },
];

const OUTSIDE: &[Case] = &[
    Case {
        label: "leak-12",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[
            (
                "Coverage?_id=eva&_include=Coverage:subscriber&_count=50",
                Part(&["Coverage/eva"]),
            ),
            (
                "Coverage?_include=Coverage:subscriber&_include=Coverage:payor",
                Part(&["+Patient/eva", "Coverage/eva"]),
            ),
        ],
    },
    Case {
        label: "leak-13",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "Observation?_id=eva&_revinclude=DiagnosticReport:result",
            Part(&["Observation/eva"]),
        )],
    },
    Case {
        label: "leak-14",
        of: "fay",
        scopes: "patient/*.rs",
        asks: &[(
            "Observation?_id=fay-focus&_include=Observation:focus",
            Part(&["Observation/fay-focus"]),
        )],
    },
    Case {
        label: "leak-15",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[
            ("Observation?_id=fay-focus", Part(&[])),
            ("Observation?focus=Patient/eva", Part(&[])),
        ],
    },
    Case {
        label: "leak-16",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "Patient?_id=eva&_revinclude=Observation:focus",
            Part(&["Patient/eva"]),
        )],
    },
    Case {
        label: "leak-17",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "Observation?_id=eva-focus&_include=Observation:focus",
            Part(&["Observation/eva-focus"]),
        )],
    },
    Case {
        label: "leak-19",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "Patient?_revinclude=Procedure:subject&_revinclude=Observation:subject",
            Part(&[
                "+Observation/eva",
                "+Observation/eva-device",
                "+Observation/eva-focus",
                "+Procedure/eva",
                "Patient/eva",
            ]),
        )],
    },
    Case {
        label: "leak-22",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "DiagnosticReport?_id=eva&_include=DiagnosticReport:result\
             &_include:iterate=Observation:focus",
            Part(&["+Observation/eva-focus", "DiagnosticReport/eva"]),
        )],
    },
    Case {
        label: "leak-23",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "Patient?_id=eva&_revinclude=Observation:subject\
             &_revinclude:iterate=DiagnosticReport:result",
            Part(&[
                "+DiagnosticReport/eva",
                "+Observation/eva",
                "+Observation/eva-device",
                "+Observation/eva-focus",
                "Patient/eva",
            ]),
        )],
    },
    Case {
        label: "leak-25",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "Observation?_id=eva-device&_include=Observation:device",
            Part(&["Observation/eva-device"]),
        )],
    },
    Case {
        label: "leak-28",
        of: "eva",
        scopes: "patient/Coverage.s?status=active patient/Patient.s",
        asks: &[
            (
                "Coverage?_id=eva&_include=Coverage:subscriber&_include=Coverage:beneficiary",
                Part(&["+Patient/eva", "Coverage/eva"]),
            ),
            ("Coverage?status=cancelled", All(&[])),
        ],
    },
    Case {
        label: "leak-29",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[(
            "Observation?_id=eva&_include=Observation:subject",
            All(&["+Patient/eva", "Observation/eva"]),
        )],
    },
    Case {
        label: "leak-30",
        of: "fay",
        scopes: "patient/*.rs",
        asks: &[
            (
                "Observation?_id=fay-shared&_include=Observation:focus",
                All(&["+Practitioner/anne", "Observation/fay-shared"]),
            ),
            (
                "Patient?_include=Patient:organization",
                Part(&["+Organization/ward", "Patient/fay"]),
            ),
        ],
    },
    Case {
        label: "leak-31",
        of: "eva",
        scopes: "patient/*.rs",
        asks: &[
            (
                "Observation?_sort=-_lastUpdated&_include=Observation:subject\
                 &_include=Observation:focus",
                Part(&[
                    "+Patient/eva",
                    "Observation/eva",
                    "Observation/eva-device",
                    "Observation/eva-focus",
                ]),
            ),
            (
                "Observation?_sort=code,-date&_include=*",
                Part(&[
                    "+Patient/eva",
                    "Observation/eva",
                    "Observation/eva-device",
                    "Observation/eva-focus",
                ]),
            ),
        ],
    },
];

#[test]
fn what_comes_along_is_of_the_types_that_were_granted() {
    carry_out(ONE_TYPE);
}

#[test]
fn a_star_brings_along_no_more_than_its_types_alone() {
    carry_out(WILDCARDS);
}

#[test]
fn what_comes_along_is_about_the_patient_of_the_launch() {
    carry_out(OUTSIDE);
}

/// The path of the next page, if there is one.
fn next(page: &serde_json::Value) -> Option<String> {
    let links = page["link"].as_array().into_iter().flatten();
    let next = links.into_iter().find(|link| link["relation"] == "next")?;
    let url = next["url"].as_str().expect("an address");
    url.split_once("/fhir/").map(|(_, path)| path.to_owned())
}

#[test]
fn pages_with_what_comes_along_leave_nothing_out_and_bring_nobody_else() {
    let mut clinic = Clinic::new();
    let mut fay = clinic.program("fay", "patient/*.rs");
    let mut path = Some("Observation?_include=Observation:focus&_count=1".to_owned());
    let mut found = Vec::new();
    while let Some(page) = path {
        let reply = fay.get(&page).expect(200);
        has_only("fay", &reply, &page);
        found.extend(entries(&reply.json()));
        path = next(&reply.json());
    }
    found.sort();
    let all = [
        "+Patient/fay",
        "+Practitioner/anne",
        "Observation/fay-early",
        "Observation/fay-focus",
        "Observation/fay-shared",
    ];
    assert_eq!(found, all);
}

#[test]
fn a_page_of_one_patient_is_no_page_of_another() {
    let mut clinic = Clinic::new();
    let mut fay = clinic.program("fay", "patient/*.rs");
    let mut eva = clinic.program("eva", "patient/*.rs");
    let search = "Observation?_sort=_lastUpdated&_include=Observation:device&_count=1";
    let first = fay.get(search).expect(200).json();
    assert_eq!(
        entries(&first),
        ["+Device/fay-early", "Observation/fay-early"]
    );
    let path = next(&first).expect("a next page");
    // Who it was made for finds the device on it.
    let own = fay.get(&path).expect(200);
    assert_eq!(
        entries(&own.json()),
        ["+Device/fay", "Observation/fay-focus"]
    );
    // The other has resources that lead to the same device, and sees them without it.
    for page in [
        path.clone(),
        path.replace("_count=1", "_count=50"),
        search.replace("_count=1", "_count=50"),
    ] {
        let theirs = eva.get(&page).expect(200);
        has_only("eva", &theirs, &page);
        let found = entries(&theirs.json());
        assert!(
            found.iter().all(|one| one.starts_with("Observation/eva")),
            "{found:?}"
        );
    }
    let whole = eva
        .get(&search.replace("_count=1", "_count=50"))
        .expect(200);
    assert_eq!(entries(&whole.json()).len(), 3);
}
