//! Comparisons: what is compared must be of one kind, and be something the form can give.

use std::collections::BTreeSet;

use super::{
    shape::{Domain, Links, Shape, domain_of, domain_of_kind},
    walk::Walk,
};
use crate::{
    fhir::{
        path::{
            Unit,
            ast::{Expr, Literal, Operator},
        },
        ucum,
    },
    publishing::{
        faults::quoted,
        form::{Kind, Question},
    },
};

/// The literal that an expression is, a sign before it or not.
fn literal(expr: &Expr) -> Option<&Literal> {
    match expr {
        Expr::Literal(literal) => Some(literal),
        Expr::Sign { operand, .. } => literal(operand),
        _ => None,
    }
}

/// Whether an expression is a literal or a list of some.
pub fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Union(parts) => parts.iter().all(is_literal),
        expr => literal(expr).is_some(),
    }
}

impl Walk<'_> {
    /// Judges one comparison; both sides have been walked.
    pub(super) fn compare(
        &mut self,
        operator: Operator,
        left: (&Expr, &Shape),
        right: (&Expr, &Shape),
    ) {
        self.note_partition(left, right);
        for (_, shape) in [left, right] {
            if !matches!(shape, Shape::Value(_) | Shape::Number(_)) {
                self.compare_whole(shape);
            }
        }
        self.mismatch(left.1, right.1, literal(left.0).or(literal(right.0)));
        let orders = matches!(
            operator,
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual
        );
        for ((expr, _), (_, shape)) in [(left, right), (right, left)] {
            match expr {
                Expr::Union(parts) if matches!(operator, Operator::In | Operator::Contains) => {
                    for part in parts {
                        self.known_value(literal(part), shape);
                    }
                }
                // Order asks for a unit, but not for a text that is one of the options.
                expr if orders && matches!(literal(expr), Some(Literal::String(_))) => {}
                expr => self.known_value(literal(expr), shape),
            }
        }
    }

    /// Numbers that are compared with anything but literals cannot be tried out class by class.
    fn note_partition(&mut self, left: (&Expr, &Shape), right: (&Expr, &Shape)) {
        for ((_, shape), (other, _)) in [(left, right), (right, left)] {
            if self.is_measured(shape) && !is_literal(other) {
                self.reads.calculates = true;
            }
        }
    }

    /// Two sides of which no value of the one is ever equal to one of the other.
    fn mismatch(&mut self, left: &Shape, right: &Shape, literal: Option<&Literal>) {
        let (Some(a), Some(b)) = (self.domains(left), self.domains(right)) else {
            return;
        };
        if a.is_empty() || b.is_empty() || !a.is_disjoint(&b) {
            return;
        }
        // A quantity without unit is a number.
        let dimensionless =
            matches!(literal, Some(Literal::Quantity(_, unit)) if *unit == Unit::ONE);
        let both: BTreeSet<Domain> = a.union(&b).copied().collect();
        if dimensionless && both == BTreeSet::from([Domain::Number, Domain::Quantity]) {
            return;
        }
        let what = self.names(left).or_else(|| self.names(right));
        let advice = if both.contains(&Domain::Quantity) && both.contains(&Domain::Number) {
            " Compare the quantity's `value` with the number, or write the unit."
        } else if both.contains(&Domain::Coding) {
            " Compare the coding's `code`."
        } else {
            ""
        };
        let words = |set: &BTreeSet<Domain>| {
            set.iter()
                .map(|domain| domain.words())
                .collect::<Vec<_>>()
                .join(" or ")
        };
        self.say(format!(
            "{}{} is compared with {}: they are never equal.{advice}",
            what.unwrap_or_default(),
            words(&a),
            words(&b),
        ));
    }

    /// A literal that none of the form's options gives.
    fn known_value(&mut self, literal: Option<&Literal>, shape: &Shape) {
        match (literal, shape) {
            (Some(Literal::String(text)), Shape::LinkId(true)) => self.known_link(text),
            (Some(Literal::String(text)), Shape::Code(links)) => {
                self.known_option(text, links, "code");
            }
            (Some(Literal::String(text)), Shape::System(links)) => {
                self.known_option(text, links, "system");
            }
            (Some(Literal::Quantity(_, unit)), Shape::Value(links)) => {
                self.known_unit(unit, links);
            }
            _ => {}
        }
    }

    pub(super) fn known_link(&mut self, link: &str) {
        if self.complete && !self.forms.iter().any(|form| form.links.contains(link)) {
            self.say(format!(
                "No form of this pathway has a question {}.",
                quoted(link)
            ));
        }
    }

    fn known_option(&mut self, text: &str, links: &Links, part: &str) {
        let Some(questions) = self.questions(links) else {
            return;
        };
        let coded: Vec<&Question> = questions
            .into_iter()
            .filter(|question| matches!(question.kind, Kind::Choice | Kind::OpenChoice))
            .collect();
        let mut known = BTreeSet::new();
        for question in &coded {
            let Some(options) = &question.options else {
                return;
            };
            known.extend(options.iter().filter_map(|coding| coding[part].as_str()));
        }
        if !coded.is_empty() && !known.contains(text) {
            let name = self.names(&Shape::Code(links.clone())).unwrap_or_default();
            let says = format!("{name}no option has the {part} {}.", quoted(text));
            self.say(says);
        }
    }

    fn known_unit(&mut self, unit: &Unit<'_>, links: &Links) {
        let Some(questions) = self.questions(links) else {
            return;
        };
        // What is converted before it is compared lies between other numbers than the literals.
        let exact = |question: &&Question| question.units.iter().all(|known| known == unit.text());
        let converted = !questions.iter().all(exact);
        let fits = |question: &&Question| {
            question.kind != Kind::Quantity
                || question.units.is_empty()
                || question.units.iter().any(|known| match unit {
                    Unit::Code(code) => *known == **code || ucum::comparable(known, code),
                    Unit::Calendar(_) => true,
                })
        };
        if !questions.is_empty() && !questions.iter().any(fits) {
            let units: BTreeSet<&str> = questions
                .iter()
                .flat_map(|question| question.units.iter().map(String::as_str))
                .collect();
            let units = units.into_iter().collect::<Vec<_>>().join(", ");
            let name = self.names(&Shape::Value(links.clone())).unwrap_or_default();
            self.say(format!(
                "{name}the form asks for the unit {units}; a quantity of another unit never compares."
            ));
        }
        self.reads.calculates |= converted;
    }

    /// In which domains a shape's values lie; none if that is not known.
    pub(super) fn domains(&self, shape: &Shape) -> Option<BTreeSet<Domain>> {
        let one = |domain| Some(BTreeSet::from([domain]));
        match shape {
            Shape::Unknown => None,
            Shape::Answers(_) | Shape::Items(_) | Shape::Given(_) => one(Domain::Tree),
            Shape::Value(links) => {
                let mut domains = BTreeSet::new();
                for question in self.questions(links)? {
                    domains.insert(domain_of(question)?);
                    // A quantity whose unit is 1 is a number.
                    let bare = question.units.is_empty() || question.units.iter().any(|u| u == "1");
                    if question.kind == Kind::Quantity && bare {
                        domains.insert(Domain::Number);
                    }
                }
                Some(domains)
            }
            Shape::LinkId(_) | Shape::Code(_) | Shape::System(_) | Shape::Text => one(Domain::Text),
            Shape::Number(_) => one(Domain::Number),
            Shape::Boolean => one(Domain::Boolean),
            Shape::Moment => one(Domain::Moment),
            Shape::Quantity => one(Domain::Quantity),
            Shape::Node(kind) => one(domain_of_kind(kind)?),
        }
    }

    /// Whether a shape holds numbers that were answered.
    pub(super) fn is_measured(&self, shape: &Shape) -> bool {
        match shape {
            Shape::Number(measured) => *measured,
            Shape::Value(links) => self.questions(links).is_none_or(|questions| {
                questions
                    .iter()
                    .any(|question| !matches!(question.kind, Kind::Boolean | Kind::Choice))
            }),
            _ => false,
        }
    }

    /// Which questions a shape speaks of, as the beginning of a sentence.
    fn names(&self, shape: &Shape) -> Option<String> {
        const NAMED_MAX: usize = 3;
        let (Shape::Value(Links::These(links)) | Shape::Code(Links::These(links))) = shape else {
            return None;
        };
        let names: Vec<String> = links
            .iter()
            .take(NAMED_MAX)
            .map(|link| quoted(link))
            .collect();
        (!names.is_empty()).then(|| format!("{}: ", names.join(", ")))
    }
}
