//! The demo, on a hundredth of its cohort: the table is there, the counts agree, it ends with 0.

use crate::harness::vigie;

#[test]
fn a_small_cohort_lives_its_fourteen_days() {
    let output = vigie(&["demo", "--exit", "--scale", "0.01", "--seed", "7"]);
    let table = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    // The demo itself compares what it sent with what the server counts.
    assert!(output.status.success(), "{table}\n{log}");
    for heading in ["reports due", "by rule", "e-mails", "POST to durable reply"] {
        assert!(table.contains(heading), "no {heading:?} in\n{table}");
    }
    let row = |name: &str| -> Vec<u64> {
        let line = table
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.split_whitespace()
            .skip(1)
            .filter_map(|cell| cell.parse().ok())
            .collect()
    };
    let (medical, reminders) = (row("covid-medical"), row("reminder"));
    assert_eq!(medical[0], 5, "473 people at a hundredth:\n{table}");
    assert!(
        medical[1] > 0 && medical[2] > 0,
        "reports are due and received:\n{table}"
    );
    assert!(
        table.contains("0 left, canaries left in the files: 0")
            && table.contains("found of the 5 who are kept: 5"),
        "the agency's people are erased, the others are not:\n{table}"
    );
    assert!(
        reminders[0] > 0 && reminders[1] == 0,
        "reminders are sent, all of them:\n{table}"
    );
}
