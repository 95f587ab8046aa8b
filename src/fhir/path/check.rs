//! What an expression gives, by the types alone: faults that can be told before any data is there.
//!
//! A path to an element that no type has is empty when it is evaluated, since search parameters
//! are written for many types at once. To its author it is a slip, and the specification lets
//! a strict engine say so. What is told here is certain: where a type is not known, nothing is
//! said.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation>.

mod calls;

use super::{
    ast::{Expr, Literal, Name, Operator, Step, TypeTest},
    schema::{Kind, System, TypeSpecifier},
    temporal::TemporalKind,
};

/// Most rounds in which the types of `repeat` are followed.
const REPEAT_ROUNDS_MAX: usize = 4;

/// What an expression can give, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// The names of the types that it can give; none if that is not known.
    pub types: Option<Vec<&'static str>>,
    /// Whether it can give more than one item.
    pub many: bool,
    /// A sentence for each fault.
    pub faults: Vec<String>,
}

/// One type that an item may have.
#[derive(Debug, Clone, Copy)]
enum Type {
    Fhir(&'static Kind),
    System(System),
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::Fhir(kind) => kind.name,
            Self::System(system) => system.name(),
        }
    }

    /// Whether the elements of its items are those of this type, and not of one below it.
    fn is_definite(self) -> bool {
        match self {
            Self::Fhir(kind) => !kind.is_abstract,
            Self::System(_) => true,
        }
    }
}

impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fhir(a), Self::Fhir(b)) => std::ptr::eq(*a, *b),
            (Self::System(a), Self::System(b)) => a == b,
            _ => false,
        }
    }
}

/// What a part of an expression gives.
#[derive(Debug, Clone)]
struct Shape {
    /// None where it is not known.
    types: Option<Vec<Type>>,
    many: bool,
    /// Whether the order of its items is defined.
    ordered: bool,
}

impl Shape {
    const fn unknown(many: bool) -> Self {
        Self {
            types: None,
            many,
            ordered: true,
        }
    }

    const fn nothing() -> Self {
        Self {
            types: Some(Vec::new()),
            many: false,
            ordered: true,
        }
    }

    fn of(types: &[Type]) -> Self {
        Self {
            types: Some(types.to_vec()),
            many: false,
            ordered: true,
        }
    }

    fn system(system: System) -> Self {
        Self::of(&[Type::System(system)])
    }

    const fn single(mut self) -> Self {
        self.many = false;
        self
    }

    const fn with_many(mut self, many: bool) -> Self {
        self.many = many;
        self
    }

    /// What is either of the two.
    fn or(self, other: Self) -> Self {
        let types = self.types.zip(other.types).map(|(mut mine, theirs)| {
            for each in theirs {
                if !mine.contains(&each) {
                    mine.push(each);
                }
            }
            mine
        });
        Self {
            types,
            many: self.many || other.many,
            ordered: self.ordered && other.ordered,
        }
    }
}

/// Examines an expression about something of a type; none if its type is not known.
pub(super) fn check(expr: &Expr, focus: Option<&'static Kind>) -> Checked {
    let root = focus.map_or(Shape::unknown(false), |kind| Shape::of(&[Type::Fhir(kind)]));
    let mut checker = Checker {
        faults: Vec::new(),
        silent: 0,
    };
    let shape = checker.shape(
        expr,
        &Scope {
            this: &root,
            root: &root,
        },
    );
    Checked {
        types: shape
            .types
            .map(|types| types.into_iter().map(Type::name).collect()),
        many: shape.many,
        faults: checker.faults,
    }
}

/// Where a part stands.
#[derive(Clone, Copy)]
struct Scope<'c> {
    this: &'c Shape,
    root: &'c Shape,
}

struct Checker {
    faults: Vec<String>,
    /// Above zero while types are looked for that have not all been found.
    silent: usize,
}

impl Checker {
    fn say(&mut self, fault: String) {
        if self.silent == 0 && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn shape(&mut self, expr: &Expr, scope: &Scope<'_>) -> Shape {
        match expr {
            Expr::This => scope.this.clone(),
            Expr::Index => Shape::system(System::Integer),
            Expr::Total => Shape::unknown(true),
            Expr::Empty => Shape::nothing(),
            Expr::Literal(literal) => Shape::system(system_of(literal)),
            Expr::Variable(name) => match &**name {
                "context" => scope.root.clone(),
                "ucum" | "sct" | "loinc" => Shape::system(System::String),
                _ => Shape::unknown(true),
            },
            Expr::Path(start, steps) => {
                let mut shape = self.shape(start, scope);
                for step in steps {
                    shape = self.step(step, shape, scope);
                }
                shape
            }
            Expr::Sign { operand, .. } => self.shape(operand, scope),
            Expr::Binary(operator, operands) => {
                let left = self.shape(&operands.0, scope);
                let right = self.shape(&operands.1, scope);
                binary(*operator, left, right)
            }
            Expr::Union(parts) => {
                let shapes = parts.iter().map(|part| self.shape(part, scope));
                let all = shapes.fold(Shape::nothing(), Shape::or);
                all.with_many(true)
            }
            Expr::Type(test, operand, specifier) => {
                let operand = self.shape(operand, scope);
                self.tested(*test, specifier, operand)
            }
        }
    }

    fn step(&mut self, step: &Step, input: Shape, scope: &Scope<'_>) -> Shape {
        match step {
            Step::OfRoot(specifier) => self.of_root(specifier, input),
            Step::Member(name) => self.member(name, &input),
            Step::Item(index) => {
                self.shape(index, scope);
                self.wants_order(&input, "[]");
                input.single()
            }
            Step::Type(test, specifier) => self.tested(*test, specifier, input),
            Step::Call(call) => self.call(call, input, scope),
        }
    }

    /// `Patient` at the start of a path: it must be what the path starts from.
    fn of_root(&mut self, specifier: &TypeSpecifier, input: Shape) -> Shape {
        let (Some(types), Some(wanted)) = (&input.types, specifier.kind) else {
            return input;
        };
        let fits = |one: &Type| match one {
            Type::Fhir(kind) => kind.is_a(wanted) || wanted.is_a(kind),
            Type::System(_) => false,
        };
        if !types.is_empty() && !types.iter().any(fits) {
            let found = names(types);
            self.say(format!(
                "The path starts from {found}, which is no {}.",
                wanted.name
            ));
        }
        Shape {
            types: Some(vec![Type::Fhir(wanted)]),
            ..input
        }
    }

    fn member(&mut self, name: &Name, input: &Shape) -> Shape {
        let Some(types) = &input.types else {
            return Shape::unknown(true);
        };
        let mut found: Vec<Type> = Vec::new();
        let (mut known, mut many) = (false, input.many);
        for one in types {
            let Type::Fhir(kind) = one else { continue };
            let Some(member) = name.symbol.and_then(|symbol| kind.member(symbol)) else {
                continue;
            };
            known = true;
            many |= member.list;
            found.extend(
                member
                    .kinds()
                    .map(Type::Fhir)
                    .filter(|one| one.is_definite()),
            );
            // Any resource, or any type of element: what it has is not known.
            if member.kinds().any(|kind| kind.is_abstract) {
                return Shape::unknown(many);
            }
        }
        if !known {
            if !types.iter().all(|one| one.is_definite()) {
                return Shape::unknown(true);
            }
            if !types.is_empty() {
                self.say(format!("{} has no element '{}'.", names(types), name.text));
            }
        }
        Shape {
            types: Some(found),
            many,
            ordered: input.ordered,
        }
    }

    fn tested(&mut self, test: TypeTest, specifier: &TypeSpecifier, input: Shape) -> Shape {
        if test == TypeTest::Is {
            return Shape::system(System::Boolean).with_many(false);
        }
        if test == TypeTest::As && input.many && input.types.is_some() {
            self.say("'as' wants one item; 'ofType' filters several.".to_owned());
        }
        let fhir = specifier.kind.map(Type::Fhir);
        let system = specifier.system.map(Type::System);
        let types = match input.types {
            // `as(Quantity)` of a FHIR element is FHIR's Quantity.
            Some(types) if types.iter().all(|one| matches!(one, Type::Fhir(_))) => {
                fhir.or(system).into_iter().collect()
            }
            Some(_) => fhir.into_iter().chain(system).collect(),
            None => fhir.or(system).into_iter().collect(),
        };
        Shape {
            types: Some(types),
            ..input
        }
    }

    fn wants_order(&mut self, input: &Shape, what: &str) {
        if !input.ordered {
            self.say(format!(
                "'{what}' wants items in an order, and these have none."
            ));
        }
    }
}

fn binary(operator: Operator, left: Shape, right: Shape) -> Shape {
    match operator {
        Operator::Concatenate => Shape::system(System::String),
        Operator::Div => Shape::system(System::Integer),
        Operator::Add
        | Operator::Subtract
        | Operator::Multiply
        | Operator::Divide
        | Operator::Mod => match (left.types.as_deref(), right.types.as_deref()) {
            (Some([Type::System(a)]), Some([Type::System(b)]))
                if a == b && operator != Operator::Divide =>
            {
                left.single()
            }
            _ => Shape::unknown(false),
        },
        _ => Shape::system(System::Boolean),
    }
}

const fn system_of(literal: &Literal) -> System {
    match literal {
        Literal::Boolean(_) => System::Boolean,
        Literal::Integer(_) => System::Integer,
        Literal::Decimal(_) => System::Decimal,
        Literal::String(_) => System::String,
        Literal::Temporal(moment) => match moment.kind {
            TemporalKind::Date => System::Date,
            TemporalKind::DateTime => System::DateTime,
            TemporalKind::Time => System::Time,
        },
        Literal::Quantity(..) => System::Quantity,
    }
}

fn names(types: &[Type]) -> String {
    let names: Vec<&str> = types.iter().map(|one| one.name()).collect();
    names.join(" or ")
}
