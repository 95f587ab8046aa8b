//! What a professional sees by a program: 34 to 36, 46 to 49, 53, 63, 64 and 66. What decides is whose
//! patients they are, and not what names the professional: whoever is written down somewhere as the
//! performer of something does not see it by that.

use super::{
    Case, Clinic,
    Told::{All, Part},
    carry_out, has_only,
};
use crate::leaks::entries;

const CASES: &[Case] = &[
    Case {
        label: "leak-34",
        of: "",
        scopes: "user/*.rs",
        asks: &[
            (
                "Observation?_id=cem&_include=Observation:subject",
                Part(&[]),
            ),
            (
                "Observation?_id=ada-1&_include=Observation:subject",
                All(&["+Patient/ada", "Observation/ada-1"]),
            ),
        ],
    },
    Case {
        label: "leak-35",
        of: "",
        scopes: "user/*.rs",
        asks: &[
            (
                "Practitioner?_id=anne&_revinclude=Observation:performer\
                 &_revinclude=Observation:focus",
                Part(&[
                    "+Observation/ada-1",
                    "+Observation/fay-shared",
                    "Practitioner/anne",
                ]),
            ),
            (
                "Observation?performer=Practitioner/anne",
                Part(&["Observation/ada-1"]),
            ),
        ],
    },
    Case {
        label: "leak-36",
        of: "",
        scopes: "user/*.rs",
        asks: &[
            (
                "Encounter?_id=ada&_include=Encounter:subject",
                All(&["+Patient/ada", "Encounter/ada"]),
            ),
            ("Encounter?_id=cem&_include=Encounter:subject", Part(&[])),
        ],
    },
    Case {
        label: "leak-46",
        of: "",
        scopes: "user/Patient.rs",
        asks: &[("Patient?_id=ada", All(&["Patient/ada"]))],
    },
    Case {
        label: "leak-47",
        of: "",
        scopes: "user/Patient.rs",
        asks: &[
            ("Patient?_id=cem", Part(&[])),
            ("Patient?name=Cem", Part(&[])),
        ],
    },
    Case {
        label: "leak-48",
        of: "",
        scopes: "user/CareTeam.rs",
        asks: &[("CareTeam", Part(&["CareTeam/ada"]))],
    },
    Case {
        label: "leak-53",
        of: "",
        scopes: "user/*.rs",
        asks: &[(
            "Device",
            Part(&["Device/ada", "Device/ben", "Device/fay", "Device/fay-early"]),
        )],
    },
    Case {
        label: "leak-63",
        of: "",
        scopes: "user/Patient.rs user/Observation.rs",
        asks: &[(
            "Patient/ada/*",
            Part(&["Observation/ada-1", "Observation/ada-2", "Patient/ada"]),
        )],
    },
    Case {
        label: "leak-64",
        of: "",
        scopes: "user/*.rs",
        asks: &[
            ("Patient/cem/*", Part(&[])),
            ("Patient/cem/Encounter", Part(&[])),
        ],
    },
    Case {
        label: "leak-66",
        of: "",
        scopes: "user/Practitioner.rs user/CareTeam.rs user/Patient.rs",
        asks: &[(
            "Practitioner/anne/*",
            Part(&["CareTeam/ada", "Patient/ada", "Practitioner/anne"]),
        )],
    },
];

#[test]
fn a_professional_sees_those_in_their_care_and_nobody_who_names_them() {
    carry_out(CASES);
}

#[test]
fn everything_at_once_is_of_those_in_care_and_what_is_everybodys() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("", "user/*.rs");
    let reply = program.get("?_count=1000").expect(200);
    has_only("", &reply, "everything");
    let found = entries(&reply.json());
    for seen in [
        "CareTeam/ada",
        "Location/room",
        "Medication/pill",
        "Observation/fay-focus",
        "Organization/far",
        "Organization/ward",
        "Patient/ada",
        "Patient/ben",
        "Practitioner/anne",
        "Practitioner/bob",
    ] {
        assert!(found.contains(&seen.to_owned()), "{seen}: {found:?}");
    }
    assert!(found.iter().all(|one| !one.contains("cem")), "{found:?}");
}
