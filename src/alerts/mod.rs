//! Rules judged in the commit of the answer.
//!
//! Reading order: [`rule`] (the rules of a PlanDefinition, compiled; [`rule_sets`] keeps them at hand), [`judge`] (pure: rules and
//! answers to findings; [`explain`] says why), [`flag`] (what stands already, and pure: what a finding changes of it),
//! [`record`] (the writes), and the reactors: [`answer`], [`silence`], [`handled`], [`technical`], [`inbound`].

pub mod answer;
pub mod evidence;
pub mod explain;
pub mod flag;
pub mod handled;
pub mod inbound;
pub mod judge;
#[cfg(test)]
mod published;
pub mod record;
pub mod rule;
pub mod rule_sets;
pub mod silence;
pub mod technical;
