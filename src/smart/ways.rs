//! How far somebody reaches, turned into grants: pure.
//!
//! What is offered to some only has a reach of its own, apart from patients', so that a look at a
//! patient's data costs nothing for it. Who writes for an establishment, a program of one as well as
//! an author, writes nothing that is everybody's: a directory that says that another hospital is
//! part of theirs would make its patients theirs.
use std::sync::Arc;

use crate::fhir::{
    about::{self, ABOVE, ASKED, MARK, OFFERED, SHARED},
    definitions::ResourceType,
    permit::{Grant, Reach},
    scope::{Action, Actions, Form, Scope},
};

/// What reads.
const READING: [Action; 2] = [Action::Read, Action::Search];

/// What writes.
const WRITING: [Action; 3] = [Action::Create, Action::Update, Action::Delete];

/// How far somebody reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ways {
    /// What is everybody's, and of patients.
    pub reach: Reach,
    /// Pathways, and what they are made of.
    pub offered: Reach,
    /// What is written, where that is less.
    pub writing: Option<Reach>,
}

impl Ways {
    /// Everything there is.
    pub fn everywhere() -> Self {
        Self {
            reach: Reach::Everything,
            offered: Reach::Everything,
            writing: None,
        }
    }

    /// Of who has these marks and acts for some; `houses` are those for whom they see pathways.
    pub fn of(marks: &[String], custodians: Arc<[String]>, houses: &[String]) -> Self {
        let audiences = marks.iter().filter(|mark| mark.starts_with(MARK));
        let singles = audiences.clone().map(|mark| about::single(mark));
        let mut offered: Vec<String> = houses.to_vec();
        offered.extend(audiences.clone().cloned());
        let above = houses.iter().filter_map(|one| one.strip_prefix(ABOVE));
        offered.extend(above.map(about::below));
        Self {
            offered: reach(marks.iter().cloned().chain(singles), offered),
            reach: Reach::Of {
                marks: marks.into(),
                custodians,
            },
            writing: None,
        }
    }

    /// The same, of who writes only what those write for whom they act.
    pub fn writing_for(mut self, houses: &[String]) -> Self {
        let Reach::Of { marks, .. } = &self.reach else {
            return self;
        };
        let audiences = marks.iter().filter(|mark| mark.starts_with(MARK));
        let singles = audiences.map(|mark| about::single(mark));
        self.writing = Some(reach(singles, houses.to_vec()));
        self
    }

    /// Of a launch with a patient: what the patient would see.
    pub fn of_launch(patient: &str) -> Self {
        let marks = [SHARED.to_owned(), patient.to_owned()];
        Self {
            reach: reach(marks.clone(), Vec::new()),
            offered: reach(marks, vec![ASKED.to_owned()]),
            writing: None,
        }
    }

    /// What a scope allows over them.
    pub fn grants(&self, scope: &Scope) -> Vec<Grant> {
        let (all, of) = match &self.writing {
            None => (Actions::ALL, None),
            Some(reach) => (Actions::of(&READING), Some(reach)),
        };
        let mut grants = Vec::new();
        let mut grant = |scope: Option<Scope>, reach: &Reach| {
            let reach = reach.clone();
            grants.extend(scope.map(|scope| Grant { scope, reach }));
        };
        grant(bounded(scope, None, all), &self.reach);
        if self.offered != self.reach {
            for kind in OFFERED.into_iter().filter_map(ResourceType::named) {
                grant(bounded(scope, Some(kind), all), &self.offered);
            }
        }
        if let Some(reach) = of {
            grant(bounded(scope, None, Actions::of(&WRITING)), reach);
        }
        grants
    }
}

fn reach(marks: impl IntoIterator<Item = String>, custodians: Vec<String>) -> Reach {
    Reach::Of {
        marks: marks.into_iter().collect(),
        custodians: custodians.into(),
    }
}

/// What is left of a scope, of one type and by some actions.
fn bounded(scope: &Scope, kind: Option<ResourceType>, actions: Actions) -> Option<Scope> {
    scope.and(&Scope {
        level: scope.level,
        kind,
        actions,
        narrowed: Vec::new(),
        form: Form::V2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|one| (*one).to_owned()).collect()
    }

    fn shown(grants: &[Grant]) -> Vec<String> {
        let shown = grants.iter().map(|grant| {
            let Reach::Of { marks, custodians } = &grant.reach else {
                return grant.scope.to_string();
            };
            let all = [marks.join(" "), custodians.join(" ")];
            format!("{} {}", grant.scope, all.join("; "))
        });
        shown.collect()
    }

    #[test]
    fn pathways_have_a_reach_of_their_own() {
        let houses = texts(&["Organization/ward", "^Organization/a"]);
        let ways = Ways::of(
            &texts(&["", "@professional"]),
            houses.clone().into(),
            &houses,
        );
        let of = |text: &str| shown(&ways.grants(&Scope::read(text).unwrap()));
        let reach = " @professional; Organization/ward ^Organization/a";
        assert_eq!(of("user/Task.rs"), [format!("user/Task.rs {reach}")]);
        assert_eq!(
            of("user/Library.rs"),
            [
                format!("user/Library.rs {reach}"),
                "user/Library.rs  @professional @professional/establishment; Organization/ward \
                 ^Organization/a @professional @^Organization/a"
                    .to_owned(),
            ]
        );
        assert_eq!(of("user/*.rs").len(), 1 + OFFERED.len());
    }

    #[test]
    fn who_writes_for_an_establishment_writes_nothing_of_everybodys() {
        let houses = texts(&["Organization/a", "^Organization/region"]);
        let ways = Ways::of(&texts(&["", "@professional"]), Arc::from([]), &houses);
        let ways = ways.writing_for(&houses);
        let scope = Scope::read("user/Library.crus").unwrap();
        let grants = shown(&ways.grants(&scope));
        assert_eq!(
            grants.last().unwrap(),
            "user/Library.cu @professional/establishment; Organization/a ^Organization/region"
        );
        assert!(
            grants[..2]
                .iter()
                .all(|one| one.starts_with("user/Library.rs "))
        );
        let reading = Scope::read("user/Library.rs").unwrap();
        assert_eq!(ways.grants(&reading).len(), 2);
    }

    #[test]
    fn a_launch_sees_what_its_patient_would() {
        let scope = Scope::read("patient/Questionnaire.r").unwrap();
        assert_eq!(
            shown(&Ways::of_launch("p").grants(&scope)),
            [
                "patient/Questionnaire.r  p; ",
                "patient/Questionnaire.r  p; @patient",
            ]
        );
        let all = Scope::read("system/*.cruds").unwrap();
        assert_eq!(Ways::everywhere().grants(&all).len(), 1);
    }
}
