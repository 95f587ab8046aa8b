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
        ast::{Call, Expr, Literal, Name, Operator, Step, TypeTest},
        schema::{self, TypeSpecifier},
    },
    publishing::{
        faults::quoted,
        form::{Form, Kind, Question},
    },
};

/// Functions that a rule cannot use, whatever it applies them to.
const UNUSABLE: [&str; 10] = [
    "memberOf",
    "conformsTo",
    "subsumes",
    "subsumedBy",
    "slice",
    "elementDefinition",
    "checkModifiers",
    "now",
    "today",
    "timeOfDay",
];

/// Functions that give some of the items that they are applied to.
const KEEPS: [&str; 9] = [
    "first",
    "last",
    "tail",
    "skip",
    "take",
    "single",
    "distinct",
    "trace",
    "intersect",
];

/// Functions that give true or false, and look at each item by their argument.
const ASKS_EACH: [&str; 3] = ["exists", "all", "any"];

/// Functions that give true or false.
const ASKS: [&str; 12] = [
    "empty",
    "not",
    "hasValue",
    "isDistinct",
    "subsetOf",
    "supersetOf",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "matchesFull",
    "allTrue",
];

/// Functions that count.
const COUNTS: [&str; 3] = ["count", "length", "indexOf"];

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

    fn call(&mut self, call: &Call, input: &Shape, this: &Shape) -> Shape {
        let name = call.function.name;
        if UNUSABLE.contains(&name) {
            self.say(format!("A rule cannot use the function `{name}`."));
            return Shape::Unknown;
        }
        match name {
            "where" => self.keep_where(call, input),
            "select" => self.each(call, input),
            "repeat" => match (input, self.each(call, input)) {
                (Shape::Answers(_) | Shape::Items(_), Shape::Items(links)) => {
                    Shape::Items(any(links != Links::Foreign))
                }
                (_, shape) => shape,
            },
            _ if ASKS_EACH.contains(&name) => {
                let narrowed = call.arguments.first().map(|condition| {
                    let narrowed = self.narrowed(input, condition);
                    let shape = self.shape(condition, &narrowed);
                    self.leave(&shape);
                    narrowed
                });
                self.leave(&narrowed.unwrap_or_else(|| input.clone()));
                Shape::Boolean
            }
            "iif" => {
                let mut shapes: Vec<Shape> = Vec::new();
                for argument in &call.arguments {
                    shapes.push(self.shape(argument, input));
                }
                if let Some(criterion) = shapes.first().cloned() {
                    self.leave(&criterion);
                }
                self.merged(shapes.split_off(1.min(shapes.len())))
            }
            _ => self.plain_call(call, input, this),
        }
    }

    /// A function whose arguments are evaluated once, where it stands.
    fn plain_call(&mut self, call: &Call, input: &Shape, this: &Shape) -> Shape {
        let name = call.function.name;
        let arguments: Vec<Shape> = call
            .arguments
            .iter()
            .map(|argument| self.shape(argument, this))
            .collect();
        for argument in &arguments {
            self.leave(argument);
        }
        if KEEPS.contains(&name) {
            let compares = matches!(name, "distinct" | "intersect");
            self.reads.calculates |= compares && self.is_measured(input);
            return input.clone();
        }
        self.leave(input);
        if name == "startsWith"
            && let (Shape::LinkId(true), Some(prefix)) = (input, call.arguments.first())
        {
            self.known_prefix(prefix);
        }
        match name {
            "toInteger" | "toDecimal" => return self.number_of(input),
            "union" | "combine" => {
                return self.merged([vec![input.clone()], arguments].concat());
            }
            _ => {}
        }
        if ASKS.contains(&name) {
            return Shape::Boolean;
        }
        if COUNTS.contains(&name) {
            return Shape::Number(false);
        }
        if self.is_measured(input) {
            self.reads.calculates = true;
        }
        Shape::Unknown
    }

    fn known_prefix(&mut self, prefix: &Expr) {
        let Expr::Literal(Literal::String(prefix)) = prefix else {
            return;
        };
        let known = self
            .forms
            .iter()
            .any(|form| form.links.iter().any(|link| link.starts_with(&**prefix)));
        if self.complete && !known {
            let says = format!("No question's link id begins with {}.", quoted(prefix));
            self.say(says);
        }
    }

    /// What a function makes a number of.
    fn number_of(&mut self, input: &Shape) -> Shape {
        if let Shape::Code(links) = input
            && let Some(questions) = self.questions(links)
            && !questions.is_empty()
        {
            let numeric = |question: &&Question| {
                question.options.as_ref().is_none_or(|options| {
                    options
                        .iter()
                        .filter_map(|coding| coding["code"].as_str())
                        .any(|code| code.parse::<Decimal>().is_ok())
                })
            };
            if !questions.iter().any(numeric) {
                self.say("No option has a code that is a number.".to_owned());
            }
        }
        let measured = self.is_measured(input);
        self.reads.calculates |= measured;
        Shape::Number(measured)
    }

    fn keep_where(&mut self, call: &Call, input: &Shape) -> Shape {
        let Some(condition) = call.arguments.first() else {
            return input.clone();
        };
        let narrowed = self.narrowed(input, condition);
        let shape = self.shape(condition, &narrowed);
        self.leave(&shape);
        narrowed
    }

    /// A function that evaluates its argument for each item.
    fn each(&mut self, call: &Call, input: &Shape) -> Shape {
        match call.arguments.first() {
            Some(argument) => self.shape(argument, input),
            None => self.lose(input),
        }
    }

    fn type_test(&mut self, test: TypeTest, specifier: &TypeSpecifier, input: Shape) -> Shape {
        if test == TypeTest::Is {
            self.leave(&input);
            return Shape::Boolean;
        }
        let (Shape::Value(links), Some(wanted)) = (&input, specifier.kind) else {
            return self.lose(&input);
        };
        let Some(questions) = self.questions(links) else {
            return Shape::Unknown;
        };
        let fits = |question: &Question| match question.kind {
            Kind::Boolean => wanted.name == "boolean",
            Kind::Integer => wanted.name == "integer",
            Kind::Decimal => wanted.name == "decimal",
            Kind::Quantity => wanted.name == "Quantity",
            Kind::Choice => wanted.name == "Coding",
            Kind::OpenChoice | Kind::Text | Kind::Date | Kind::Time | Kind::Other => true,
        };
        let (asked, fitting) = (questions.len(), {
            let fitting = questions.iter().filter(|question| fits(question));
            fitting
                .map(|question| question.link.clone())
                .collect::<BTreeSet<_>>()
        });
        if asked > 0 && fitting.is_empty() {
            self.say(format!("What is answered is never a {}.", wanted.name));
            return Shape::Unknown;
        }
        Shape::Value(Links::These(fitting))
    }

    /// A part leaves what is followed closely: items that it may stand for are read.
    fn leave(&mut self, shape: &Shape) {
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
    fn lose(&mut self, shape: &Shape) -> Shape {
        self.leave(shape);
        if matches!(shape, Shape::Answers(_)) || self.is_measured(shape) {
            self.reads.more = true;
        }
        Shape::Unknown
    }

    /// Several shapes as one.
    fn merged(&mut self, shapes: Vec<Shape>) -> Shape {
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

    /// The items that a condition can hold for.
    fn narrowed(&self, input: &Shape, condition: &Expr) -> Shape {
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

const fn any(ours: bool) -> Links {
    if ours { Links::Any } else { Links::Foreign }
}

fn node(kind: &str) -> Shape {
    schema::kind(kind).map_or(Shape::Unknown, Shape::Node)
}
