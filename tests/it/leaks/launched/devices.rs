//! Devices, which R4 counts among nobody's compartment: 51, 52, and 54 to 57. A device that names no
//! patient is nobody's here, and so is shown to nobody whose reach has an end.

use super::{
    Case,
    Told::{All, Part},
    carry_out,
};

const CASES: &[Case] = &[
    Case {
        label: "leak-51",
        of: "ada",
        scopes: "patient/*.rs",
        asks: &[
            ("Device", Part(&["Device/ada"])),
            ("Device?_id=ada,ben,nobody", Part(&["Device/ada"])),
            ("Device?patient=ben", Part(&[])),
        ],
    },
    Case {
        label: "leak-52",
        of: "ada",
        scopes: "patient/*.rs",
        asks: &[(
            "Device?_include=Device:patient&_count=100",
            Part(&["+Patient/ada", "Device/ada"]),
        )],
    },
    Case {
        label: "leak-54",
        of: "ada",
        scopes: "patient/*.rs",
        asks: &[
            (
                "Patient?_revinclude=Device:patient",
                Part(&["+Device/ada", "Patient/ada"]),
            ),
            (
                "Patient?_id=ada&_revinclude=Device:*",
                All(&["+Device/ada", "Patient/ada"]),
            ),
        ],
    },
    Case {
        label: "leak-55",
        of: "ada",
        scopes: "patient/*.rs",
        asks: &[
            ("Device?patient:missing=true", Part(&[])),
            ("Device?patient:missing=false", Part(&["Device/ada"])),
            (
                "Observation?device:missing=true",
                Part(&["Observation/ada-2"]),
            ),
        ],
    },
    Case {
        label: "leak-56",
        of: "ada",
        scopes: "patient/Device.s?identifier=urn:t|d-ada,urn:t|d-ben,urn:t|d-nobody",
        asks: &[
            ("Device", Part(&["Device/ada"])),
            ("Device?identifier=urn:t|d-ben", Part(&[])),
        ],
    },
    Case {
        label: "leak-56",
        of: "ada",
        scopes: "patient/Device.s?identifier=urn:t|d-ben",
        asks: &[("Device", Part(&[]))],
    },
    Case {
        label: "leak-57",
        of: "ada",
        scopes: "patient/Patient.s?name=Ada",
        asks: &[
            ("Patient?address:missing=true", Part(&["Patient/ada"])),
            ("Patient?address:missing=false", All(&[])),
        ],
    },
    Case {
        label: "leak-57",
        of: "ada",
        scopes: "patient/Patient.s?name=Ben",
        asks: &[("Patient?address:missing=true", Part(&[]))],
    },
];

#[test]
fn a_device_is_shown_with_the_record_that_it_is_of() {
    carry_out(CASES);
}
