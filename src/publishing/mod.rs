//! Publishing: what a pathway must be before people are followed by it.
//!
//! A PlanDefinition that becomes active is examined together with its Questionnaires
//! ([`lint`]), and refused with every fault and its place; what is published no longer changes
//! ([`versions`]). [`reactor`] does both inside the transaction of the write, after all writes of
//! the request: a transaction may bring a pathway before or after its form.
//!
//! Reading order: `reactor`, `gather`, `lint`, then one file for each kind of fault. What the
//! faults mean is told in `profiles/README.md`.

pub mod answers;
mod expression;
mod faults;
mod form;
mod form_lint;
mod gather;
pub mod lint;
mod offers;
mod phases;
mod policy;
mod reach;
pub mod reactor;
mod rules;
mod terms;
mod texts;
pub mod usage;
pub mod versions;

#[cfg(test)]
mod tests;
