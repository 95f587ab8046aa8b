//! `$fhirpath`: an expression tried on a resource, in the form that FHIRPath Lab speaks.
//!
//! Parameters in: `expression`, `resource`, and `context`, `variables`, `validate` where they are
//! wanted. Parameters out: `parameters` with what was asked and what the expression is, and a
//! `result` for each item of the context, whose parts are named by their types; what `trace` was
//! called on is among them, and nowhere else.
//!
//! Specification: <https://github.com/brianpos/fhirpath-lab/blob/master/server-api.md>.

mod asked;
mod part;
mod places;
mod syntax;
#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    sync::Arc,
};

use jiff::Zoned;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

pub use asked::{Asked, FromXml, Source};
use part::Parts;
use places::Places;

use crate::{
    fhir::{
        knowledge::Knowledge,
        path::{
            Collection, CompileError, Conformance, Context, EvaluationError, Expression, Item,
            Limits, Resolver, Tracer,
        },
        validate::Profiled,
    },
    kernel::problem::{Category, Problem, Result},
};

/// Most evaluations that run at once; one more is told to come again (503).
pub const EVALUATIONS_MAX: usize = 2;

/// Most items that a context may give.
pub const CONTEXTS_MAX: usize = 1_000;

/// Steps of all evaluations of one request together.
pub const STEPS_MAX: u64 = 2_000_000;

/// Most bytes of values in an answer, traces included.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Most items in an answer, traces included.
pub const ANSWER_ITEMS_MAX: usize = 20_000;

/// Most judgements of `conformsTo` in one request; after them it knows no profile.
pub const CONFORMANCES_MAX: u32 = 50;

static ROOM: Semaphore = Semaphore::const_new(EVALUATIONS_MAX);

/// Evaluates what is asked, on a thread for work that takes its time.
///
/// # Errors
/// `Malformed` for what is no expression, `Invalid` for what cannot be evaluated or costs too
/// much, `Busy` where too many are running.
pub async fn run(asked: Asked, knowledge: Arc<Knowledge>, now: Zoned) -> Result<Value> {
    let _room = ROOM
        .try_acquire()
        .map_err(|_| Problem::busy("Too many expressions are being evaluated; come again."))?;
    let work = tokio::task::spawn_blocking(move || answer(&asked, &knowledge, &now));
    work.await
        .map_err(|_| Problem::fault("the evaluation of an expression has panicked"))?
}

/// Gives the Parameters that tell what the expression gives.
fn answer(asked: &Asked, knowledge: &Knowledge, now: &Zoned) -> Result<Value> {
    let expression = compiled(&asked.expression, "expression")?;
    let context = match &asked.context {
        Some(text) => Some(compiled(text, "context")?),
        None => None,
    };
    let resource = asked.resource.as_ref().unwrap_or(&Value::Null);
    let variables = asked.values()?;
    let whole = Bench {
        resource,
        given: asked.resource.is_some(),
        variables: &variables,
        knowledge,
        now,
        bundle: Bundled::of(resource),
        profiled: Profiles {
            judge: Profiled {
                knowledge,
                resource,
            },
            left: Cell::new(CONFORMANCES_MAX),
        },
    };
    let places = Places::of(resource);
    let parts = Parts::new(&places);
    let results = match &context {
        None => vec![result(&expression, &whole, None, &parts)?],
        Some(context) => each(&expression, context, &whole, &parts)?,
    };
    let mut parameter = vec![told(asked, &expression, context.as_ref())];
    parameter.extend(results);
    Ok(json!({ "resourceType": "Parameters", "id": "fhirpath", "parameter": parameter }))
}

/// What all evaluations of a request share.
struct Bench<'a> {
    resource: &'a Value,
    given: bool,
    variables: &'a [(&'a str, Collection<'a>)],
    knowledge: &'a Knowledge,
    now: &'a Zoned,
    bundle: Bundled<'a>,
    profiled: Profiles<'a>,
}

impl<'a> Bench<'a> {
    fn context(&'a self, steps: u64) -> Context<'a> {
        let limits = Limits {
            steps,
            ..Limits::default()
        };
        let context = Context::new(self.resource)
            .with_variables(self.variables)
            .with_now(self.now)
            .with_resolver(&self.bundle)
            .with_terminology(&self.knowledge.terminology)
            .with_conformance(&self.profiled)
            .with_limits(limits);
        if self.given {
            context
        } else {
            context.with_focus(Vec::new())
        }
    }
}

/// Judges profiles, a few times.
struct Profiles<'a> {
    judge: Profiled<'a>,
    left: Cell<u32>,
}

impl Conformance for Profiles<'_> {
    fn conforms(&self, item: &Item<'_>, profile: &str) -> Option<bool> {
        self.left.set(self.left.get().checked_sub(1)?);
        self.judge.conforms(item, profile)
    }
}

/// Finds the resources of a Bundle by their full URLs, and by what these end in.
struct Bundled<'a>(HashMap<&'a str, &'a Value>);

impl<'a> Bundled<'a> {
    fn of(tree: &'a Value) -> Self {
        let entries = tree.get("entry").and_then(Value::as_array);
        let mut known = HashMap::new();
        for entry in entries.into_iter().flatten() {
            let url = entry.get("fullUrl").and_then(Value::as_str);
            if let (Some(url), Some(resource)) = (url, entry.get("resource")) {
                known.insert(url, resource);
                let mut parts = url.rmatch_indices('/');
                if let Some((at, _)) = parts.nth(1) {
                    known.entry(&url[at + 1..]).or_insert(resource);
                }
            }
        }
        Self(known)
    }
}

impl Resolver for Bundled<'_> {
    fn resolve(&self, reference: &str) -> Option<&Value> {
        self.0.get(reference).copied()
    }
}

/// A result for each item that the context gives; the steps are shared out among them.
fn each<'a>(
    expression: &'a Expression,
    context: &'a Expression,
    whole: &'a Bench<'a>,
    parts: &Parts<'_>,
) -> Result<Vec<Value>> {
    let items = context
        .evaluate(&whole.context(STEPS_MAX))
        .map_err(|fault| failed(&fault, "context"))?;
    if items.len() > CONTEXTS_MAX {
        let says = format!("The context gives more than {CONTEXTS_MAX} items.");
        return Err(costly(says));
    }
    let share = STEPS_MAX / u64::try_from(items.len().max(1)).unwrap_or(u64::MAX);
    let mut results = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let place = parts.place(&item);
        let place = place.unwrap_or_else(|| format!("{}[{index}]", context.text()));
        let one = (item, place, share);
        results.push(result(expression, whole, Some(one), parts)?);
    }
    Ok(results)
}

/// The result on one item of the context, or on the whole resource.
fn result<'a>(
    expression: &'a Expression,
    whole: &'a Bench<'a>,
    one: Option<(Item<'a>, String, u64)>,
    parts: &Parts<'_>,
) -> Result<Value> {
    let mut told = json!({ "name": "result" });
    let traces = Traces {
        parts,
        told: RefCell::default(),
    };
    let items = {
        let context = match one {
            None => whole.context(STEPS_MAX),
            Some((item, place, share)) => {
                told["valueString"] = place.into();
                whole.context(share).with_focus(vec![item])
            }
        };
        evaluate(expression, context, &traces)?
    };
    let mut list = items;
    list.extend(traces.told.into_inner());
    if parts.is_over() {
        return Err(costly(format!(
            "The answer has more than {ANSWER_ITEMS_MAX} items or {ANSWER_BYTES_MAX} bytes."
        )));
    }
    if !list.is_empty() {
        told["part"] = list.into();
    }
    Ok(told)
}

fn evaluate(
    expression: &Expression,
    context: Context<'_>,
    traces: &Traces<'_>,
) -> Result<Vec<Value>> {
    let context = context.with_tracer(traces);
    let items = expression
        .evaluate(&context)
        .map_err(|fault| failed(&fault, "expression"))?;
    Ok(items
        .iter()
        .map_while(|item| traces.parts.part(item))
        .collect())
}

/// Notes what `trace` was called on.
struct Traces<'p> {
    parts: &'p Parts<'p>,
    told: RefCell<Vec<Value>>,
}

impl Tracer for Traces<'_> {
    fn trace(&self, name: &str, items: &[Item<'_>]) {
        let told: Vec<Value> = items
            .iter()
            .map_while(|item| self.parts.part(item))
            .collect();
        let mut trace = json!({ "name": "trace", "valueString": name });
        if !told.is_empty() {
            trace["part"] = told.into();
        }
        if self.parts.take(name.len()) {
            self.told.borrow_mut().push(trace);
        }
    }
}

/// What was asked, and what the expression is.
fn told(asked: &Asked, expression: &Expression, context: Option<&Expression>) -> Value {
    let text = |name: &str, text: String| json!({ "name": name, "valueString": text });
    let kind = asked
        .resource
        .as_ref()
        .and_then(|tree| tree["resourceType"].as_str());
    let scope = match (context, kind) {
        (Some(context), Some(kind)) => match context.check(kind).types.as_deref() {
            Some([one]) => Some(*one),
            _ => None,
        },
        (_, kind) => kind,
    };
    let checked = expression.check(scope.unwrap_or_default());
    let version = env!("CARGO_PKG_VERSION");
    let mut part = vec![text("evaluator", format!("Vigie {version} (R4)"))];
    if let Some(types) = &checked.types
        && !types.is_empty()
    {
        let many = if checked.many { "[]" } else { "" };
        let types: Vec<String> = types.iter().map(|one| format!("{one}{many}")).collect();
        part.push(text("expectedReturnType", types.join(" | ")));
    }
    part.push(text("parseDebugTree", syntax::tree(expression).to_string()));
    if asked.validate && !checked.faults.is_empty() {
        part.push(text("parseDebug", checked.faults.join("\n")));
    }
    part.push(text("expression", asked.expression.clone()));
    if let Some(context) = &asked.context {
        part.push(text("context", context.clone()));
    }
    part.extend(asked.echoed.iter().cloned());
    json!({ "name": "parameters", "part": part })
}

fn compiled(text: &str, name: &str) -> Result<Expression> {
    Expression::compile(text).map_err(|fault| {
        let CompileError { message, offset } = fault;
        let says = format!("`{name}`: {message} (at byte {offset})");
        Problem::malformed("invalid", says).at(place(name))
    })
}

fn failed(fault: &EvaluationError, name: &str) -> Problem {
    let code = match fault {
        EvaluationError::Semantics(_) => "processing",
        EvaluationError::Limit(_) => "too-costly",
        EvaluationError::NotSupported(_) => "not-supported",
    };
    Problem::new(Category::Invalid, code, format!("`{name}`: {fault}")).at(place(name))
}

fn costly(says: String) -> Problem {
    Problem::new(Category::Invalid, "too-costly", says).at(place("expression"))
}

/// Where a parameter stands.
fn place(name: &str) -> String {
    format!("Parameters.parameter.where(name='{name}')")
}
