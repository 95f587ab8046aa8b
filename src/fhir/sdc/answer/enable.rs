//! Which items are asked: `enableWhen`, and the expression that may stand in its place.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen>,
//! <http://hl7.org/fhir/uv/sdc/STU3/StructureDefinition-sdc-questionnaire-enableWhenExpression.html>.

use serde_json::Value;

use super::{
    super::{
        expression::{Asked, Named, variables},
        items, link_id, sdc,
        value::{chosen, compare, is_meant},
    },
    Judge,
    nodes::Owner,
};
use crate::fhir::path::{Collection, Item};

const ENABLE_EXPRESSION: &str = sdc!("enableWhenExpression");

impl<'a> Judge<'a> {
    /// Whether an item of the answer, and all that it stands in, is asked.
    pub(super) fn is_enabled(&self, node: usize) -> bool {
        let this = &self.tree.nodes[node];
        if let Some(known) = this.enabled.get() {
            return known;
        }
        // Conditions that go round are no condition.
        this.enabled.set(Some(true));
        let around = this.owner.is_none_or(|(owner, _)| self.is_enabled(owner));
        let enabled = around && self.is_asked(this.form, this.owner, Some(node));
        self.tree.nodes[node].enabled.set(Some(enabled));
        enabled
    }

    /// Whether an item of the form is asked where `owner` is.
    pub(super) fn is_asked(&self, item: &'a Value, owner: Owner, node: Option<usize>) -> bool {
        let mut met = items(&item["enableWhen"]).map(|condition| self.is_met(condition, owner));
        let by_answers = if item["enableBehavior"] == "all" {
            met.all(|met| met)
        } else {
            items(&item["enableWhen"]).next().is_none() || met.any(|met| met)
        };
        let Some(asked) = Asked::of(item, ENABLE_EXPRESSION).filter(|asked| !asked.is_query) else {
            return by_answers;
        };
        let on = node.or(owner.map(|(owner, _)| owner));
        let given = self.evaluate(asked.text, item, on, &|found| truth(found));
        // What cannot be told hides nothing.
        by_answers && given.ok().flatten().unwrap_or(true)
    }

    fn is_met(&self, condition: &Value, owner: Owner) -> bool {
        let question = condition["question"].as_str().unwrap_or_default();
        let answers = self.answers(question, owner);
        let wanted = chosen(condition, "answer").map(|(_, value)| value);
        let operator = condition["operator"].as_str().unwrap_or_default();
        if operator == "exists" {
            return answers.is_empty() != (wanted == Some(&Value::Bool(true)));
        }
        let Some(wanted) = wanted else { return false };
        let mut answers = answers.into_iter();
        match operator {
            "=" => answers.any(|answer| is_meant(answer, wanted)),
            "!=" => !answers.any(|answer| is_meant(answer, wanted)),
            _ => answers.any(|answer| {
                compare(answer, wanted).is_some_and(|order| match operator {
                    ">" => order.is_gt(),
                    "<" => order.is_lt(),
                    ">=" => order.is_ge(),
                    "<=" => order.is_le(),
                    _ => false,
                })
            }),
        }
    }

    /// The answers to a question that a condition at `owner` looks at.
    fn answers(&self, question: &str, mut owner: Owner) -> Vec<&'a Value> {
        while let Some((node, answer)) = owner {
            let this = &self.tree.nodes[node];
            let link = link_id(this.form);
            if link == question {
                let values = this.values();
                let own = values.filter(|(n, ..)| answer.is_none_or(|answer| *n == answer));
                return own.map(|(.., value)| value).collect();
            }
            if self.tree.is_within(question, link) {
                break;
            }
            owner = this.owner;
        }
        let Some(nodes) = self.tree.by_link.get(question) else {
            return Vec::new();
        };
        let left = self.lookups.get().saturating_sub(nodes.len());
        self.lookups.set(left);
        if left == 0 {
            return Vec::new();
        }
        let here = nodes.iter().filter(|node| self.stands_in(**node, owner));
        let asked = here.filter(|node| self.is_enabled(**node));
        asked
            .flat_map(|node| self.tree.nodes[*node].values())
            .map(|(.., value)| value)
            .collect()
    }

    fn stands_in(&self, node: usize, group: Owner) -> bool {
        let Some((group, answer)) = group else {
            return true;
        };
        let mut at = self.tree.nodes[node].owner;
        while let Some((owner, under)) = at {
            if owner == group {
                return answer.is_none() || answer == under;
            }
            at = self.tree.nodes[owner].owner;
        }
        false
    }

    /// Evaluates an expression of `item` on an item of the answer, or on the whole answer.
    pub(super) fn evaluate<R>(
        &self,
        text: &str,
        item: &Value,
        on: Option<usize>,
        read: &dyn Fn(&Collection<'_>) -> R,
    ) -> Result<R, String> {
        let mut levels = vec![(self.form, None)];
        let mut chain = Vec::new();
        let mut at = on;
        while let Some(node) = at {
            chain.push((self.tree.nodes[node].form, Some(node)));
            at = self.tree.nodes[node].owner.map(|(owner, _)| owner);
        }
        levels.extend(chain.into_iter().rev());
        let base: Vec<Named<'_>> = vec![
            ("questionnaire", vec![Item::resource(self.form)]),
            ("qitem", vec![Item::typed(item, "Questionnaire.item")]),
        ];
        self.within(&levels, &base, &mut |named| {
            let focus = self.focus(on);
            let found = self.engine.evaluate(text, (self.answer, focus), named);
            found.map(|found| read(&found))
        })
    }

    /// Hands on the variables of every level, the outermost first.
    fn within<R>(
        &self,
        levels: &[(&'a Value, Option<usize>)],
        named: &[Named<'_>],
        then: &mut dyn FnMut(&[Named<'_>]) -> R,
    ) -> R {
        let Some(((form, node), rest)) = levels.split_first() else {
            return then(named);
        };
        let declared: Vec<Asked<'_>> = variables(form).collect();
        let focus = self.focus(*node);
        self.engine
            .with(&declared, (self.answer, &focus), named, &mut |more| {
                self.within(rest, more, then)
            })
    }

    fn focus(&self, on: Option<usize>) -> Collection<'a> {
        vec![on.map_or_else(
            || Item::resource(self.answer),
            |node| Item::typed(self.tree.nodes[node].given, "QuestionnaireResponse.item"),
        )]
    }
}

/// Whether a condition holds: empty is false, one item that is no Boolean is true.
pub(super) fn truth(found: &Collection<'_>) -> Option<bool> {
    match found.as_slice() {
        [] => Some(false),
        [one] => match one.to_value() {
            Item::Boolean(value) => Some(value),
            _ => Some(true),
        },
        _ => None,
    }
}
