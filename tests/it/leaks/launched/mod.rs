//! Programs that are launched for one patient, or let in by a nurse for all of hers: the leak cases
//! that are known of other servers, by meaning. `conformance/leaks.tsv` lists them, and which of the
//! labels here carries each out.

mod along;
mod chains;
mod clinic;
mod compartments;
mod devices;
mod granular;
mod interactions;
mod operations;
mod practitioners;
mod prefixes;
mod ways;

use self::clinic::{Clinic, PATIENTS, WARD, canary};
use super::entries;
use crate::harness::{Client, Reply};

/// What somebody asks with one set of scopes.
struct Case {
    /// Its name in `conformance/leaks.tsv`.
    label: &'static str,
    /// For whom the program is launched; nobody: for all whom the nurse cares for.
    of: &'static str,
    scopes: &'static str,
    asks: &'static [(&'static str, Told)],
}

/// What a search is answered; what comes along with the matches has a plus.
enum Told {
    /// This, and there is no more.
    All(&'static [&'static str]),
    /// This, and there is more, which others may see.
    Part(&'static [&'static str]),
    /// That it is not allowed.
    Refused,
}

/// That nothing of others is in an answer.
#[track_caller]
fn has_only(of: &str, reply: &Reply, case: &str) {
    for patient in PATIENTS {
        let is_own = if of.is_empty() {
            WARD.contains(&patient)
        } else {
            of == patient
        };
        let text = reply.text();
        assert!(is_own || !text.contains(&canary(patient)), "{case}: {text}");
    }
}

/// Carries the cases out: by GET, by POST, and by counting.
#[track_caller]
fn carry_out(cases: &[Case]) {
    let mut clinic = Clinic::new();
    for case in cases {
        let mut program = clinic.program(case.of, case.scopes);
        for (ask, told) in case.asks {
            let name = format!("{} {} {ask}", case.label, case.scopes);
            let reply = program.get(ask);
            has_only(case.of, &reply, &name);
            let (found, is_all) = match told {
                Told::Refused => {
                    assert_eq!(reply.status, 403, "{name}: {}", reply.text());
                    continue;
                }
                Told::All(found) => (found, true),
                Told::Part(found) => (found, false),
            };
            assert_eq!(reply.status, 200, "{name}: {}", reply.text());
            assert_eq!(&entries(&reply.json()), found, "{name}");
            posted_alike(&mut program, (ask, &name), found);
            counted(&mut program, (ask, &name), found);
            // Who reaches everything shows what there is.
            let all = entries(&clinic.all.get(ask).expect(200).json());
            assert_eq!(all.len() == found.len(), is_all, "{name}: {all:?}");
        }
    }
}

/// That a search by POST finds the same.
#[track_caller]
fn posted_alike(program: &mut Client, (ask, name): (&str, &str), found: &[&str]) {
    let (path, query) = ask.split_once('?').unwrap_or((ask, ""));
    if path.contains('*') {
        return;
    }
    let path = format!("{path}/_search");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = program.send(
        "POST",
        path.trim_start_matches('/'),
        &form,
        query.as_bytes(),
    );
    let reply = reply.expect("a reply").expect(200);
    assert_eq!(entries(&reply.json()), found, "{name} by POST");
}

/// That the counts are those of the matches.
#[track_caller]
fn counted(program: &mut Client, (ask, name): (&str, &str), found: &[&str]) {
    let matches = found.iter().filter(|one| !one.starts_with('+')).count();
    let join = if ask.contains('?') { '&' } else { '?' };
    for total in [
        "_summary=count",
        "_total=accurate",
        "_elements=id&_total=accurate",
    ] {
        let told = program.get(&format!("{ask}{join}{total}")).expect(200);
        assert_eq!(told.json()["total"], matches, "{name} {total}");
    }
}
