//! One's own record and those of others, asked for by type, by compartment, and all at once: 42 to
//! 45, 50, and 58 to 68.

use serde_json::json;

use super::{
    Case, Clinic,
    Told::{All, Part, Refused},
    carry_out, has_only,
};
use crate::leaks::entries;

const OBSERVATIONS: &[&str] = &["Observation/ada-1", "Observation/ada-2"];

const CASES: &[Case] = &[
    Case {
        label: "leak-42",
        of: "ada",
        scopes: "patient/Patient.rs",
        asks: &[
            ("Observation", Refused),
            ("Patient/ada/Observation", Refused),
        ],
    },
    Case {
        label: "leak-43",
        of: "ada",
        scopes: "patient/Patient.rs",
        asks: &[
            ("Patient?_id=ben", Part(&[])),
            ("Patient?name=Ben", Part(&[])),
            ("Patient?_id=ada,ben,cem", Part(&["Patient/ada"])),
        ],
    },
    Case {
        label: "leak-45",
        of: "ada",
        scopes: "patient/Patient.rs",
        asks: &[("Patient?_id=ada", All(&["Patient/ada"]))],
    },
    Case {
        label: "leak-58",
        of: "ada",
        scopes: "patient/*.rs",
        asks: &[(
            "Practitioner",
            All(&["Practitioner/anne", "Practitioner/bob", "Practitioner/eli"]),
        )],
    },
    Case {
        label: "leak-61",
        of: "ada",
        scopes: "patient/Patient.rs patient/Observation.rs",
        asks: &[(
            "Patient/ada/*",
            Part(&["Observation/ada-1", "Observation/ada-2", "Patient/ada"]),
        )],
    },
    Case {
        label: "leak-62",
        of: "ada",
        scopes: "patient/*.rs",
        asks: &[
            ("Patient/ben/*", Part(&[])),
            ("Patient/ben/Observation", Part(&[])),
            ("Patient/cem/*", Part(&[])),
            ("Patient/never/*", All(&[])),
        ],
    },
    Case {
        label: "leak-65",
        of: "ada",
        scopes: "patient/Observation.rs",
        asks: &[
            ("Patient/ada/Observation", All(OBSERVATIONS)),
            (
                "Patient/ada/Observation?code=urn:t|sugar",
                All(&["Observation/ada-1"]),
            ),
        ],
    },
    Case {
        label: "leak-67",
        of: "dua",
        scopes: "patient/Patient.rs patient/*.rs",
        asks: &[(
            "Patient?_id=dua&_revinclude=*",
            All(&["+Encounter/dua", "+Observation/dua", "Patient/dua"]),
        )],
    },
    Case {
        label: "leak-68",
        of: "dua",
        scopes: "patient/Patient.rs patient/Encounter.rs",
        asks: &[(
            "Patient?_id=dua&_revinclude=*",
            Part(&["+Encounter/dua", "Patient/dua"]),
        )],
    },
];

/// What is about two patients at once is in the record of neither alone.
const SHARED_BY_TWO: &[Case] = &[
    Case {
        label: "several",
        of: "ada",
        scopes: "patient/*.rs",
        asks: &[
            ("Appointment", Part(&["Appointment/ada"])),
            ("Appointment?patient=ada", Part(&["Appointment/ada"])),
            ("Appointment?patient=ben", Part(&[])),
            ("Group", Part(&[])),
            ("Group?member=Patient/ada", Part(&[])),
            (
                "Patient?_revinclude=Appointment:actor&_revinclude=Group:member",
                Part(&["+Appointment/ada", "Patient/ada"]),
            ),
            ("Patient?_has:Group:member:actual=true", Part(&[])),
            ("Patient?_has:Appointment:patient:_id=both", Part(&[])),
            ("Patient/ada/Appointment", Part(&["Appointment/ada"])),
            ("Patient/ada/Group", Part(&[])),
        ],
    },
    Case {
        label: "several",
        of: "ben",
        scopes: "patient/*.rs",
        asks: &[("Appointment", Part(&[])), ("Group", Part(&[]))],
    },
    Case {
        label: "several",
        of: "",
        scopes: "user/*.rs",
        asks: &[
            ("Appointment", All(&["Appointment/ada", "Appointment/both"])),
            ("Group", All(&["Group/both"])),
            (
                "Group?_include=Group:member",
                All(&["+Patient/ada", "+Patient/ben", "Group/both"]),
            ),
        ],
    },
];

#[test]
fn what_is_about_several_patients_is_for_who_may_see_them_all() {
    carry_out(SHARED_BY_TWO);
}

#[test]
fn a_record_is_the_patients_of_the_launch_or_nobodys() {
    carry_out(CASES);
}

#[test]
fn a_patient_who_is_not_of_the_launch_is_as_one_who_never_was() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", "patient/Patient.rs");
    for path in ["Patient/ID", "Patient/ID/_history", "Patient/ID/_history/1"] {
        program.get(&path.replace("ID", "ada")).expect(200);
        let never = program.get(&path.replace("ID", "zoe")).expect(404);
        for other in ["ben", "cem"] {
            let theirs = program.get(&path.replace("ID", other)).expect(404);
            has_only("ada", &theirs, path);
            let text = theirs.text().replace(&format!("/{other}"), "/zoe");
            assert_eq!(text, never.text(), "{path} {other}");
        }
    }
}

#[test]
fn everything_at_once_is_ones_own_and_what_is_everybodys() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", "patient/*.rs");
    let reply = program.get("?_count=1000").expect(200);
    has_only("ada", &reply, "everything");
    let found = entries(&reply.json());
    let own = found.iter().filter(|one| one.contains("/ada"));
    assert_eq!(own.count(), 13, "{found:?}");
    for shared in [
        "Location/room",
        "Medication/pill",
        "Organization/far",
        "Organization/ward",
        "Practitioner/anne",
        "Practitioner/bob",
    ] {
        assert!(found.contains(&shared.to_owned()), "{shared}: {found:?}");
    }
    // A device of nobody might be anybody's.
    assert!(!found.contains(&"Device/nobody".to_owned()));
    let all = clinic.all.get("?_count=1000").expect(200);
    let all = entries(&all.json());
    assert!(all.len() > found.len());
    for name in super::PATIENTS {
        assert!(all.contains(&format!("Patient/{name}")), "{all:?}");
    }
    assert!(all.contains(&"Device/nobody".to_owned()));
}

#[test]
fn earlier_versions_of_what_is_everybodys_do_not_hide_a_record() {
    let mut clinic = Clinic::new();
    for version in 2..=4 {
        for place in ["Organization/ward", "Practitioner/bob", "Location/room"] {
            let mut tree = clinic.all.get(place).expect(200).json();
            tree["language"] = json!(format!("fr-{version}{version}"));
            clinic.all.put(place, &tree).expect(200);
        }
    }
    let mut program = clinic.program("dua", "patient/Patient.rs patient/*.rs");
    for path in ["?_count=1000", "_history?_count=1000"] {
        let reply = program.get(path).expect(200);
        has_only("dua", &reply, path);
        let found = entries(&reply.json());
        for own in ["Encounter/dua", "Observation/dua", "Patient/dua"] {
            let times = found.iter().filter(|one| *one == own).count();
            assert_eq!(times, 1, "{path}: {found:?}");
        }
    }
    let history = program.get("_history?_count=1000").expect(200).json();
    let shared = entries(&history);
    let versions = shared.iter().filter(|one| *one == "Location/room");
    assert_eq!(versions.count(), 4);
}
