//! Which items a condition can hold for: `where(linkId = 'x')` leaves those of one question.

use std::collections::BTreeSet;

use super::{
    shape::{Links, Shape},
    walk::Walk,
};
use crate::fhir::path::ast::{Expr, Literal, Operator, Step};

impl Walk<'_> {
    /// The items that a condition can hold for.
    pub(super) fn narrowed(&self, input: &Shape, condition: &Expr) -> Shape {
        match input {
            Shape::Items(Links::Foreign) => input.clone(),
            Shape::Items(links) => match self.links_of(condition) {
                Some(these) => Shape::Items(links.clone().both(Links::These(these))),
                None => input.clone(),
            },
            _ => input.clone(),
        }
    }

    /// The link ids that a condition on an item asks for; none if it does not say.
    fn links_of(&self, condition: &Expr) -> Option<BTreeSet<String>> {
        match condition {
            Expr::Binary(Operator::And, operands) => {
                match (self.links_of(&operands.0), self.links_of(&operands.1)) {
                    (Some(a), Some(b)) => Some(a.intersection(&b).cloned().collect()),
                    (a, b) => a.or(b),
                }
            }
            Expr::Binary(Operator::Or, operands) => {
                let (mut a, b) = (self.links_of(&operands.0)?, self.links_of(&operands.1)?);
                a.extend(b);
                Some(a)
            }
            Expr::Binary(Operator::Equal | Operator::In, operands) => {
                let (left, right) = &**operands;
                if is_link_id(left) {
                    texts(right)
                } else if is_link_id(right) {
                    texts(left)
                } else {
                    None
                }
            }
            Expr::Path(start, steps) => match (&**start, steps.as_slice()) {
                (Expr::This, [Step::Member(name), Step::Call(call)])
                    if &*name.text == "linkId" && call.function.name == "startsWith" =>
                {
                    let prefix = texts(call.arguments.first()?)?.pop_first()?;
                    let all = self.forms.iter().flat_map(|form| &form.links);
                    Some(
                        all.filter(|link| link.starts_with(&prefix))
                            .cloned()
                            .collect(),
                    )
                }
                _ => None,
            },
            _ => None,
        }
    }
}

fn is_link_id(expr: &Expr) -> bool {
    matches!(expr, Expr::Path(start, steps)
        if matches!(**start, Expr::This)
            && matches!(steps.as_slice(), [Step::Member(name)] if &*name.text == "linkId"))
}

/// A text literal, or several of them.
fn texts(expr: &Expr) -> Option<BTreeSet<String>> {
    match expr {
        Expr::Literal(Literal::String(text)) => Some(BTreeSet::from([text.to_string()])),
        Expr::Union(parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(texts).collect();
            Some(parts?.into_iter().flatten().collect())
        }
        _ => None,
    }
}
