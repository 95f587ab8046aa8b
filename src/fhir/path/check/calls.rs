//! What functions give.

use super::{Checker, REPEAT_ROUNDS_MAX, Scope, Shape, Type};
use crate::fhir::path::{
    ast::{Call, Expr},
    schema::{self, System},
};

/// What a function gives, and what it asks of its arguments.
#[derive(Clone, Copy)]
enum Gives {
    /// Some of the items that it is applied to; whether one at most.
    Some { single: bool, ordered: bool },
    /// A value of one type.
    One(System),
    /// Values of one type.
    Many(System),
    /// Elements of a FHIR type.
    Elements(&'static str),
    /// A value for each argument's item.
    Argument,
    /// Its items and those of the argument.
    Both,
    /// Nothing that the types tell; whether one at most.
    Unknown { single: bool },
    /// Children, in no order.
    Children,
}

/// What the function of a name gives.
fn gives(name: &str) -> Gives {
    use Gives as G;
    use System as S;
    match name {
        "where" | "intersect" | "exclude" | "distinct" | "trace" | "sort" | "checkModifiers" => {
            G::Some {
                single: false,
                ordered: false,
            }
        }
        "tail" | "skip" | "take" => G::Some {
            single: false,
            ordered: true,
        },
        "first" | "last" => G::Some {
            single: true,
            ordered: true,
        },
        "single" => G::Some {
            single: true,
            ordered: false,
        },
        "select" => G::Argument,
        "union" | "combine" => G::Both,
        "count" | "length" | "indexOf" | "lastIndexOf" | "toInteger" | "precision" | "ceiling"
        | "floor" | "truncate" => G::One(S::Integer),
        "toDecimal" | "exp" | "ln" | "log" | "sqrt" | "round" => G::One(S::Decimal),
        "toString" | "substring" | "upper" | "lower" | "trim" | "replace" | "replaceMatches"
        | "join" | "encode" | "decode" | "escape" | "unescape" => G::One(S::String),
        "toChars" | "split" => G::Many(S::String),
        "toDate" | "today" => G::One(S::Date),
        "toDateTime" | "now" => G::One(S::DateTime),
        "toTime" | "timeOfDay" => G::One(S::Time),
        "toQuantity" => G::One(S::Quantity),
        "extension" => G::Elements("Extension"),
        "elementDefinition" => G::Elements("ElementDefinition"),
        "children" | "descendants" => G::Children,
        "abs" | "power" | "lowBoundary" | "highBoundary" | "getValue" | "type" => {
            G::Unknown { single: true }
        }
        "repeat" | "aggregate" | "iif" | "resolve" | "slice" => G::Unknown { single: false },
        // All others ask something.
        _ => G::One(S::Boolean),
    }
}

/// Functions whose arguments are evaluated for each item.
const EACH: [&str; 6] = ["where", "select", "exists", "all", "sort", "trace"];

impl Checker {
    pub(super) fn call(&mut self, call: &Call, input: Shape, scope: &Scope<'_>) -> Shape {
        match call.function.name {
            "iif" => return self.branches(call, input, scope),
            "repeat" => return self.repeated(call, input, scope),
            "aggregate" => return self.aggregated(call, input, scope),
            _ => {}
        }
        let item = input.clone().single();
        let inner = if EACH.contains(&call.function.name) {
            Scope {
                this: &item,
                ..*scope
            }
        } else {
            *scope
        };
        let mut arguments: Vec<Shape> = call
            .arguments
            .iter()
            .map(|argument| self.shape(argument, &inner))
            .collect();
        let argument = arguments.pop();
        match gives(call.function.name) {
            Gives::Some { single, ordered } => {
                if ordered {
                    self.wants_order(&input, call.function.name);
                }
                let many = input.many && !single;
                let sorted = input.ordered || call.function.name == "sort";
                Shape {
                    many,
                    ordered: sorted,
                    ..input
                }
            }
            Gives::One(system) => Shape::system(system),
            Gives::Many(system) => Shape::system(system).with_many(true),
            Gives::Elements(name) => match schema::kind(name) {
                Some(kind) => Shape::of(&[Type::Fhir(kind)]).with_many(true),
                None => Shape::unknown(true),
            },
            Gives::Argument => {
                let many = input.many;
                let shape = argument.unwrap_or_else(Shape::nothing);
                Shape {
                    many: shape.many || many,
                    ordered: shape.ordered && input.ordered,
                    types: shape.types,
                }
            }
            Gives::Both => {
                let other = argument.unwrap_or_else(Shape::nothing);
                input.or(other).with_many(true)
            }
            Gives::Unknown { single } => Shape::unknown(!single),
            Gives::Children => Shape {
                ordered: false,
                ..Shape::unknown(true)
            },
        }
    }

    fn branches(&mut self, call: &Call, input: Shape, scope: &Scope<'_>) -> Shape {
        let inner = Scope {
            this: &input,
            ..*scope
        };
        let mut shapes = call
            .arguments
            .iter()
            .map(|argument| self.shape(argument, &inner))
            .collect::<Vec<_>>()
            .into_iter();
        if let Some(criterion) = shapes.next()
            && let Some([Type::System(system)]) = criterion.types.as_deref()
            && *system != System::Boolean
        {
            self.say(format!(
                "The criterion of 'iif' is a {}, not a Boolean.",
                system.name()
            ));
        }
        shapes.fold(Shape::nothing(), Shape::or)
    }

    /// The projection is applied to what it gives; each round may find types that are new.
    fn repeated(&mut self, call: &Call, input: Shape, scope: &Scope<'_>) -> Shape {
        let Some(projection) = call.arguments.first() else {
            return Shape::unknown(true);
        };
        match self.rounds(projection, input, scope) {
            Some((all, given)) => {
                // Said once, when all types are known: one may have an element that others lack.
                self.shape(
                    projection,
                    &Scope {
                        this: &all,
                        ..*scope
                    },
                );
                given.with_many(true)
            }
            None => Shape::unknown(true),
        }
    }

    /// What the projection is applied to, and what it gives; none if that is not known.
    fn rounds(
        &mut self,
        projection: &Expr,
        input: Shape,
        scope: &Scope<'_>,
    ) -> Option<(Shape, Shape)> {
        self.silent += 1;
        let mut all = input.single();
        let mut given = Shape::nothing();
        let mut settled = false;
        for _ in 0..REPEAT_ROUNDS_MAX {
            let next = self.shape(
                projection,
                &Scope {
                    this: &all,
                    ..*scope
                },
            );
            let before = all.types.as_ref().map(Vec::len);
            given = given.or(next.clone());
            all = all.or(next).single();
            settled = before == all.types.as_ref().map(Vec::len);
            if settled {
                break;
            }
        }
        self.silent -= 1;
        (settled && all.types.is_some()).then_some((all, given))
    }

    fn aggregated(&mut self, call: &Call, input: Shape, scope: &Scope<'_>) -> Shape {
        let item = input.single();
        let mut shapes = call.arguments.iter();
        if let Some(step) = shapes.next() {
            self.shape(
                step,
                &Scope {
                    this: &item,
                    ..*scope
                },
            );
        }
        for start in shapes {
            self.shape(start, scope);
        }
        Shape::unknown(true)
    }
}
