//! The tree of an expression, as FHIRPath Lab shows it.

use serde_json::{Value, json};

use crate::fhir::path::{
    Expression, Item,
    ast::{Expr, Step, TypeTest},
    schema::TypeSpecifier,
};

/// Deepest tree that is shown. Each step of a path is one deeper, so that the bound on
/// expressions alone would not hold it.
const DEPTH_MAX: usize = 120;

/// The tree as JSON: `ExpressionType`, `Name`, `Arguments`; what is too deep is left out.
pub(super) fn tree(expression: &Expression) -> Value {
    expr(&expression.tree, DEPTH_MAX)
}

fn node(kind: &str, name: impl Into<Value>, arguments: Vec<Value>) -> Value {
    let mut node = json!({ "ExpressionType": kind, "Name": name.into() });
    if !arguments.is_empty() {
        node["Arguments"] = arguments.into();
    }
    node
}

fn expr(tree: &Expr, left: usize) -> Value {
    let Some(left) = left.checked_sub(1) else {
        return omitted();
    };
    match tree {
        Expr::This => node("AxisExpression", "builtin.that", Vec::new()),
        Expr::Index => node("AxisExpression", "builtin.index", Vec::new()),
        Expr::Total => node("AxisExpression", "builtin.total", Vec::new()),
        Expr::Empty => node("EmptyExpression", "{}", Vec::new()),
        Expr::Literal(literal) => {
            let text = Item::from(literal).to_text();
            let text = text.map(|text| text.to_string()).unwrap_or_default();
            node("ConstantExpression", text, Vec::new())
        }
        Expr::Variable(name) => node("VariableRefExpression", &**name, Vec::new()),
        Expr::Path(start, steps) => path(start, steps, left),
        Expr::Sign { negative, operand } => {
            let sign = if *negative { "-" } else { "+" };
            node("UnaryExpression", sign, vec![expr(operand, left)])
        }
        Expr::Binary(operator, operands) => {
            let sides = vec![expr(&operands.0, left), expr(&operands.1, left)];
            node("BinaryExpression", operator.text(), sides)
        }
        Expr::Union(parts) => {
            let parts = parts.iter().map(|part| expr(part, left)).collect();
            node("BinaryExpression", "|", parts)
        }
        Expr::Type(test, operand, specifier) => {
            let sides = vec![expr(operand, left), named(specifier)];
            node("BinaryExpression", test_name(*test), sides)
        }
    }
}

fn omitted() -> Value {
    node("EmptyExpression", "...", Vec::new())
}

/// A path: its last step, and within it what comes before.
fn path(start: &Expr, steps: &[Step], left: usize) -> Value {
    let Some(left) = left.checked_sub(1) else {
        return omitted();
    };
    match steps.split_last() {
        None => expr(start, left),
        Some((last, before)) => step(path(start, before, left), last, left),
    }
}

fn step(focus: Value, step: &Step, left: usize) -> Value {
    match step {
        Step::OfRoot(specifier) => {
            let name = specifier.kind.map_or("", |kind| kind.name);
            node("ChildExpression", name, vec![focus])
        }
        Step::Member(name) => node("ChildExpression", &*name.text, vec![focus]),
        Step::Item(index) => node("IndexerExpression", "[]", vec![focus, expr(index, left)]),
        Step::Type(test, specifier) => {
            let both = vec![focus, named(specifier)];
            node("FunctionCallExpression", test_name(*test), both)
        }
        Step::Call(call) => {
            let mut arguments = vec![focus];
            arguments.extend(call.arguments.iter().map(|each| expr(each, left)));
            node("FunctionCallExpression", call.function.name, arguments)
        }
    }
}

const fn test_name(test: TypeTest) -> &'static str {
    match test {
        TypeTest::Is => "is",
        TypeTest::As => "as",
        TypeTest::OfType => "ofType",
    }
}

fn named(specifier: &TypeSpecifier) -> Value {
    let fhir = specifier.kind.map(|kind| kind.name);
    let name = fhir.or(specifier.system.map(|system| system.name()));
    node("ConstantExpression", name.unwrap_or_default(), Vec::new())
}
