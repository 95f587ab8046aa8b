//! Rules judged in the commit of the answer.
//!
//! Reading order: [`rule`] (the rules of a PlanDefinition, compiled; [`rule_sets`] keeps them at hand), [`judge`] (pure: rules and
//! answers to findings; [`explain`] says why), [`flag`] (what stands already, and pure: what a finding changes of it),
//! [`record`] (the writes), and the reactors: [`answer`], [`silence`], [`handled`], [`technical`], [`inbound`].
//!
//! What becomes of an alert: [`telling`] tells those whose turn it is first; [`ladder`] (pure: who
//! is next, and when) and [`escalation`] pass it on while nobody takes it; [`task_state`] (pure)
//! and [`triage`] are what people do with its Task, [`snooze`] what they put off, [`handover`] what
//! goes to another team. [`advice`] is what the patient is shown at once.

pub mod advice;
pub mod answer;
pub mod escalation;
pub mod evidence;
pub mod explain;
pub mod flag;
pub mod handled;
pub mod handover;
pub mod inbound;
pub mod judge;
pub mod ladder;
#[cfg(test)]
mod published;
pub mod record;
pub mod rule;
pub mod rule_sets;
pub mod silence;
pub mod snooze;
pub mod task_state;
pub mod technical;
pub mod telling;
pub mod triage;
