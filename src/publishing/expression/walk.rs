//! A walk through the tree of an expression, from shape to shape.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::{
    Reads,
    shape::{Domain, Links, Shape, shape_of_kind},
};
use crate::{
    alerts::rule::Trigger,
    fhir::path::{
        ast::{Expr, Literal, Name, Operator, Step},
        schema,
    },
    publishing::{
        faults::quoted,
        form::{Form, Kind, Question},
    },
};

/// One examination.
pub struct Walk<'f> {
    pub forms: &'f [Form],
    trigger: Option<Trigger>,
    /// Whether all forms are there, so that what they lack is lacking.
    pub complete: bool,
    /// The faults so far.
    pub said: Vec<String>,
    pub reads: Reads,
}

impl<'f> Walk<'f> {
    pub fn new(forms: &'f [Form], trigger: Option<Trigger>, complete: bool) -> Self {
        Self {
            forms,
            trigger,
            complete,
            said: Vec::new(),
            reads: Reads {
                links: Some(BTreeSet::new()),
                ..Reads::default()
            },
        }
    }

    /// Walks a whole condition.
    pub fn condition(&mut self, expr: &Expr) {
        let shape = self.shape(expr, &Shape::Answers(true));
        self.leave(&shape);
        let domains = self.domains(&shape).unwrap_or_default();
        if !domains.is_empty() && !domains.contains(&Domain::Boolean) {
            let words: Vec<_> = domains.iter().map(|domain| domain.words()).collect();
            self.say(format!(
                "A condition is true or false, and this one is {}.",
                words.join(" or ")
            ));
        }
    }

    /// Notes a fault, once.
    pub(super) fn say(&mut self, says: String) {
        if !self.said.contains(&says) {
            self.said.push(says);
        }
    }

    /// The questions of these links; none if they are not known.
    pub(super) fn questions(&self, links: &Links) -> Option<Vec<&'f Question>> {
        if !self.complete {
            return None;
        }
        let all = self.forms.iter().flat_map(|form| form.questions.values());
        match links {
            Links::Foreign => None,
            Links::Any => Some(all.collect()),
            Links::These(these) => Some(
                all.filter(|question| these.contains(&question.link))
                    .collect(),
            ),
        }
    }

    pub(super) fn shape(&mut self, expr: &Expr, this: &Shape) -> Shape {
        match expr {
            Expr::This => this.clone(),
            Expr::Index => Shape::Number(false),
            Expr::Total | Expr::Empty => Shape::Unknown,
            Expr::Literal(literal) => self.literal(literal),
            Expr::Variable(name) => self.variable(name),
            Expr::Path(start, steps) => {
                let mut shape = self.shape(start, this);
                for step in steps {
                    shape = self.step(step, &shape, this);
                }
                shape
            }
            Expr::Sign { operand, .. } => self.shape(operand, this),
            Expr::Binary(operator, operands) => self.binary(*operator, operands, this),
            Expr::Union(parts) => {
                let shapes: Vec<Shape> = parts.iter().map(|part| self.shape(part, this)).collect();
                // Equal values become one.
                self.reads.calculates |= shapes.iter().any(|shape| self.is_measured(shape));
                self.merged(shapes)
            }
            Expr::Type(test, operand, specifier) => {
                let shape = self.shape(operand, this);
                self.type_test(*test, specifier, shape)
            }
        }
    }

    fn literal(&mut self, literal: &Literal) -> Shape {
        match literal {
            Literal::Boolean(_) => Shape::Boolean,
            Literal::Integer(value) => {
                self.reads.literals.insert(Decimal::from(*value));
                self.reads.literals.insert(-Decimal::from(*value));
                Shape::Number(false)
            }
            Literal::Decimal(value) => {
                self.reads.literals.extend([*value, -*value]);
                Shape::Number(false)
            }
            Literal::String(_) => Shape::Text,
            Literal::Temporal(_) => Shape::Moment,
            Literal::Quantity(value, _) => {
                self.reads.literals.extend([*value, -*value]);
                Shape::Quantity
            }
        }
    }

    fn variable(&mut self, name: &str) -> Shape {
        let silence = self.trigger == Some(Trigger::ReportMissed);
        match name {
            "current" | "context" | "resource" | "rootResource" => Shape::Answers(true),
            "previous" => {
                self.reads.previous = true;
                Shape::Answers(true)
            }
            "day" => {
                self.reads.day = true;
                Shape::Number(true)
            }
            "ucum" | "sct" | "loinc" => Shape::Text,
            _ => {
                self.reads.more = true;
                match name {
                    "history" => Shape::Answers(true),
                    "baseline" => Shape::Answers(false),
                    "patient" => node("Patient"),
                    "careplan" => node("CarePlan"),
                    "missed" | "flags" if !silence && self.trigger.is_some() => {
                        self.say(format!("`%{name}` is known to rules about silence only."));
                        Shape::Unknown
                    }
                    "missed" => Shape::Number(false),
                    "flags" => node("Flag"),
                    _ if name.starts_with("vs-") || name.starts_with("ext-") => Shape::Text,
                    _ => {
                        self.say(format!(
                            "There is no variable {}.",
                            quoted(&format!("%{name}"))
                        ));
                        Shape::Unknown
                    }
                }
            }
        }
    }

    fn step(&mut self, step: &Step, input: &Shape, this: &Shape) -> Shape {
        match step {
            Step::Member(name) => self.member(name, input),
            Step::OfRoot(specifier) => {
                let named = specifier.kind.map(|kind| kind.name);
                match (input, named) {
                    (Shape::Answers(_), Some("QuestionnaireResponse" | "Resource")) => {
                        input.clone()
                    }
                    _ => self.lose(input),
                }
            }
            Step::Item(index) => {
                let index = self.shape(index, this);
                self.leave(&index);
                input.clone()
            }
            Step::Type(test, specifier) => self.type_test(*test, specifier, input.clone()),
            Step::Call(call) => self.call(call, input, this),
        }
    }

    fn member(&mut self, name: &Name, input: &Shape) -> Shape {
        let text = &*name.text;
        match (input, text) {
            (Shape::Answers(ours), "item") => Shape::Items(any(*ours)),
            (Shape::Items(links) | Shape::Given(links), "item") => {
                Shape::Items(any(*links != Links::Foreign))
            }
            (Shape::Items(links), "linkId") => {
                self.leave(input);
                Shape::LinkId(*links != Links::Foreign)
            }
            (Shape::Items(links), "answer") => {
                self.leave(input);
                Shape::Given(links.clone())
            }
            (Shape::Given(links), "value") => Shape::Value(links.clone()),
            (Shape::Value(links), _) => self.part_of_value(text, links),
            (Shape::Answers(_), _) => {
                self.reads.more = true;
                self.of_kind("QuestionnaireResponse", name)
            }
            (Shape::Items(_), _) => {
                self.leave(input);
                self.of_kind("QuestionnaireResponse.item", name)
            }
            (Shape::Given(_), _) => self.of_kind("QuestionnaireResponse.item.answer", name),
            (Shape::Node(kind), _) => self.of_kind(kind.name, name),
            _ => Shape::Unknown,
        }
    }

    /// An element of a FHIR type.
    fn of_kind(&mut self, kind: &str, name: &Name) -> Shape {
        let Some(kind) = schema::kind(kind) else {
            return Shape::Unknown;
        };
        let member = name.symbol.and_then(|symbol| kind.member(symbol));
        match member {
            Some(member) if member.choice => Shape::Unknown,
            Some(member) => member.kind().map_or(Shape::Unknown, shape_of_kind),
            None => {
                self.say(format!(
                    "{} has no element {}.",
                    kind.name,
                    quoted(&name.text)
                ));
                Shape::Unknown
            }
        }
    }

    /// A part of what was answered.
    fn part_of_value(&mut self, part: &str, links: &Links) -> Shape {
        let Some(questions) = self.questions(links) else {
            return Shape::Unknown;
        };
        if questions.is_empty() || matches!(part, "id" | "extension") {
            return Shape::Unknown;
        }
        let has = |kinds: &[Kind]| {
            questions
                .iter()
                .any(|question| kinds.contains(&question.kind))
        };
        let coded = has(&[Kind::Choice, Kind::OpenChoice]);
        let (quantity, other) = (has(&[Kind::Quantity]), has(&[Kind::Other]));
        match part {
            _ if other => Shape::Unknown,
            "code" if coded && !quantity => Shape::Code(links.clone()),
            "system" if coded && !quantity => Shape::System(links.clone()),
            "display" | "version" | "userSelected" if coded => Shape::Unknown,
            "value" if quantity => Shape::Number(true),
            "code" | "system" if coded || quantity => Shape::Text,
            "unit" | "comparator" if quantity => Shape::Text,
            _ => {
                let kinds: BTreeSet<&str> = questions.iter().map(|q| q.kind.words()).collect();
                let kinds: Vec<&str> = kinds.into_iter().collect();
                self.say(format!(
                    "What is answered is {}, which has no {}.",
                    kinds.join(" or "),
                    quoted(part)
                ));
                Shape::Unknown
            }
        }
    }

    /// A part leaves what is followed closely: items that it may stand for are read.
    pub(super) fn leave(&mut self, shape: &Shape) {
        let Shape::Items(links) = shape else {
            return;
        };
        match (links, &mut self.reads.links) {
            (Links::These(these), Some(read)) => read.extend(these.iter().cloned()),
            (Links::Foreign, _) => self.reads.more = true,
            (_, read) => *read = None,
        }
    }

    /// The same, where nothing more is known afterwards.
    pub(super) fn lose(&mut self, shape: &Shape) -> Shape {
        self.leave(shape);
        if matches!(shape, Shape::Answers(_)) || self.is_measured(shape) {
            self.reads.more = true;
        }
        Shape::Unknown
    }

    /// Several shapes as one.
    pub(super) fn merged(&mut self, shapes: Vec<Shape>) -> Shape {
        let mut shapes = shapes.into_iter();
        let Some(first) = shapes.next() else {
            return Shape::Unknown;
        };
        shapes.fold(first, |so_far, next| match (so_far, next) {
            (Shape::Items(a), Shape::Items(b)) => Shape::Items(a.either(b)),
            (Shape::Given(a), Shape::Given(b)) => Shape::Given(a.either(b)),
            (Shape::Value(a), Shape::Value(b)) => Shape::Value(a.either(b)),
            (Shape::Code(a), Shape::Code(b)) => Shape::Code(a.either(b)),
            (Shape::Number(a), Shape::Number(b)) => Shape::Number(a || b),
            (Shape::Text, Shape::Text) => Shape::Text,
            (Shape::Boolean, Shape::Boolean) => Shape::Boolean,
            (Shape::Answers(true), Shape::Answers(true)) => Shape::Answers(true),
            (a, b) => {
                self.lose(&a);
                self.lose(&b)
            }
        })
    }

    fn binary(&mut self, operator: Operator, operands: &(Expr, Expr), this: &Shape) -> Shape {
        use Operator as O;
        let (left, right) = operands;
        match operator {
            O::And => {
                // Either side holds only for items that the other lets through.
                let narrowed = self.narrowed(this, left);
                let narrowed = self.narrowed(&narrowed, right);
                for side in [left, right] {
                    let shape = self.shape(side, &narrowed);
                    self.leave(&shape);
                }
                Shape::Boolean
            }
            O::Or | O::Xor | O::Implies => {
                for side in [left, right] {
                    let shape = self.shape(side, this);
                    self.leave(&shape);
                }
                Shape::Boolean
            }
            O::Add | O::Subtract | O::Multiply | O::Divide | O::Div | O::Mod => {
                let (a, b) = (self.shape(left, this), self.shape(right, this));
                self.leave(&a);
                self.leave(&b);
                self.calculated(&a, &b)
            }
            O::Concatenate => {
                let shape = self.shape(left, this);
                self.lose(&shape);
                let shape = self.shape(right, this);
                self.lose(&shape);
                Shape::Text
            }
            _ => {
                let (a, b) = (self.shape(left, this), self.shape(right, this));
                self.leave(&a);
                self.leave(&b);
                self.compare(operator, (left, &a), (right, &b));
                Shape::Boolean
            }
        }
    }

    fn calculated(&mut self, left: &Shape, right: &Shape) -> Shape {
        let measured = self.is_measured(left) || self.is_measured(right);
        self.reads.calculates |= measured;
        let number = |shape: &Shape| self.domains(shape) == Some(BTreeSet::from([Domain::Number]));
        if number(left) && number(right) {
            Shape::Number(measured)
        } else {
            Shape::Unknown
        }
    }
}

pub(super) const fn any(ours: bool) -> Links {
    if ours { Links::Any } else { Links::Foreign }
}

fn node(kind: &str) -> Shape {
    schema::kind(kind).map_or(Shape::Unknown, Shape::Node)
}
