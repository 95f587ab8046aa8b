//! Rules that can never fire, that always fire, or that cannot be judged: found by trying them out.
//!
//! Answers are sorted into classes that an expression cannot tell apart ([`classes`]): options,
//! true and false, numbers by the literals between which they lie, no answer at all. Each
//! combination of one class a question is tried once ([`trial`]). Where the combinations are too
//! many, or an expression looks at what cannot be listed (the history, the CarePlan), nothing is
//! said: a fault is certain, the absence of one is not a proof.

mod classes;
mod trial;

use self::trial::Outcome;
use super::{expression, form::Form};
use crate::fhir::path::Expression;

/// Most combinations tried for one rule; a rule that has more is not tried.
pub const COMBINATIONS_MAX: usize = 2_000;

/// Most combinations tried for one definition, all its rules together.
pub const COMBINATIONS_IN_ALL_MAX: usize = 20_000;

/// What is left of [`COMBINATIONS_IN_ALL_MAX`].
#[derive(Debug, Clone, Copy)]
pub struct Allowance(pub(super) usize);

impl Default for Allowance {
    fn default() -> Self {
        Self(COMBINATIONS_IN_ALL_MAX)
    }
}

impl Allowance {
    /// Takes so many, if they are left.
    fn take(&mut self, combinations: usize) -> bool {
        let left = self.0.checked_sub(combinations);
        self.0 = left.unwrap_or(self.0);
        left.is_some() && combinations <= COMBINATIONS_MAX
    }
}

/// When a level of a rule holds.
#[derive(Debug)]
pub enum LevelCondition {
    /// Whenever the rule is triggered.
    Always,
    /// When the expression is true.
    When(Box<Expression>),
}

/// The faults of a rule about answers, each with the number of its level.
#[must_use]
pub fn lint(
    levels: &[LevelCondition],
    forms: &[Form],
    last_day: u32,
    allowance: &mut Allowance,
) -> Vec<(usize, String)> {
    let together = tried(levels, forms, last_day, allowance);
    let mut faults = Vec::new();
    for (n, level) in levels.iter().enumerate() {
        let LevelCondition::When(_) = level else {
            continue;
        };
        let alone = match &together {
            Some(outcomes) => outcomes.get(n).cloned(),
            None => tried(std::slice::from_ref(level), forms, last_day, allowance)
                .and_then(|mut outcomes| outcomes.pop()),
        };
        let Some(outcome) = alone else { continue };
        if let Some(says) = fault_of(&outcome) {
            faults.push((n, says));
        }
    }
    faults
}

fn fault_of(outcome: &Outcome) -> Option<String> {
    if let Some(error) = &outcome.error {
        const LONGEST: usize = 120;
        let error: String = error.chars().take(LONGEST).collect();
        return Some(format!(
            "The rule cannot be judged for some answers: {error}"
        ));
    }
    if !outcome.holds {
        return Some("The rule can never fire: no answer that the form allows fulfils it.".into());
    }
    if outcome.holds_always {
        return Some("The rule always fires: every answer that the form allows fulfils it.".into());
    }
    (!outcome.found).then(|| {
        "The level is hidden: whenever it holds, a higher level of the rule holds too.".into()
    })
}

/// Tries levels on every form; none where that cannot be done for one of them.
fn tried(
    levels: &[LevelCondition],
    forms: &[Form],
    last_day: u32,
    allowance: &mut Allowance,
) -> Option<Vec<Outcome>> {
    let mut all: Option<Vec<Outcome>> = None;
    for form in forms {
        let reads = levels.iter().filter_map(|level| match level {
            LevelCondition::When(expression) => Some(expression::reads(expression, forms)),
            LevelCondition::Always => None,
        });
        let reads = reads.reduce(classes::joined)?;
        // The previous answer may be to another form.
        if reads.more || (reads.previous && forms.len() > 1) {
            return None;
        }
        let plan = classes::plan(&reads, form, last_day)?;
        if !allowance.take(plan.combinations()) {
            return None;
        }
        let outcomes = trial::run(levels, form, &plan)?;
        all = Some(match all {
            None => outcomes,
            Some(before) => before
                .into_iter()
                .zip(outcomes)
                .map(|(a, b)| a.or(b))
                .collect(),
        });
    }
    all
}
