//! Functions and type tests: what they give, and what they look at on the way.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::{
    shape::{Links, Shape},
    walk::{Walk, any},
};
use crate::{
    fhir::path::{
        ast::{Call, Expr, Literal, TypeTest},
        schema::TypeSpecifier,
    },
    publishing::{
        faults::quoted,
        form::{Kind, Question},
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

impl Walk<'_> {
    pub(super) fn call(&mut self, call: &Call, input: &Shape, this: &Shape) -> Shape {
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

    pub(super) fn type_test(
        &mut self,
        test: TypeTest,
        specifier: &TypeSpecifier,
        input: Shape,
    ) -> Shape {
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
}
