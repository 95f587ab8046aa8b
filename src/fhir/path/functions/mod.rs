//! The functions of FHIRPath and those that FHIR adds.
//!
//! To add one: write it in the file of its area, with the signature of
//! [`Run`], and give it a row in that file's `FUNCTIONS`.
//!
//! Specification: <http://hl7.org/fhirpath/N1/#functions>,
//! <http://hl7.org/fhir/R4/fhirpath.html#functions>.

mod boundary;
mod combine;
mod convert;
mod existence;
mod fhir;
mod filter;
mod knowledge;
mod math;
mod string;
mod tree;

use std::{borrow::Cow, fmt};

use super::{
    ast::Call,
    error::EvaluationError,
    evaluate::{BYTES_A_STEP, Evaluator, Items, Outcome, Scope, single},
    item::{Collection, Item},
    text::Text,
};

/// What a function does.
pub(super) type Run = for<'s, 'a> fn(Invocation<'s, 'a>) -> Outcome<'s, 'a>;

/// A function as the tables know it.
pub(crate) struct Function {
    pub name: &'static str,
    least: usize,
    most: usize,
    pub(super) run: Run,
}

impl Function {
    const fn of(name: &'static str, arguments: (usize, usize), run: Run) -> Self {
        Self {
            name,
            least: arguments.0,
            most: arguments.1,
            run,
        }
    }

    /// Whether it may be called with this number of arguments.
    pub(super) fn takes(&self, arguments: usize) -> bool {
        (self.least..=self.most).contains(&arguments)
    }

    /// Whether its first argument is a regular expression.
    pub(super) fn takes_pattern(&self) -> bool {
        matches!(self.name, "matches" | "replaceMatches") || self.matches_whole()
    }

    /// Whether the regular expression must match the whole text.
    pub(super) fn matches_whole(&self) -> bool {
        self.name == "matchesFull"
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const AREAS: [&[Function]; 10] = [
    existence::FUNCTIONS,
    filter::FUNCTIONS,
    combine::FUNCTIONS,
    convert::FUNCTIONS,
    string::FUNCTIONS,
    math::FUNCTIONS,
    tree::FUNCTIONS,
    boundary::FUNCTIONS,
    fhir::FUNCTIONS,
    knowledge::FUNCTIONS,
];

/// The function of this name.
pub(super) fn named(name: &str) -> Option<&'static Function> {
    AREAS
        .iter()
        .flat_map(|area| area.iter())
        .find(|function| function.name == name)
}

pub(super) use filter::repeat_member;

/// A call under way: the input collection, the arguments, and where it stands.
pub(super) struct Invocation<'s, 'a> {
    pub evaluator: &'s Evaluator<'s, 'a>,
    pub input: Items<'s, 'a>,
    pub call: &'a Call,
    pub scope: Scope<'s, 'a>,
}

impl<'s, 'a> Invocation<'s, 'a> {
    /// An argument that is evaluated once, where the call stands; empty if it was not given.
    fn argument(&self, index: usize) -> Outcome<'s, 'a> {
        match self.call.arguments.get(index) {
            Some(expr) => self.evaluator.eval(expr, &self.scope),
            None => Ok(Cow::Owned(Vec::new())),
        }
    }

    /// An argument that is evaluated for an item of the input, as `$this`.
    fn each<'t>(&'t self, argument: usize, index: usize, item: &'t Item<'a>) -> Outcome<'t, 'a> {
        let scope = Scope {
            this: std::slice::from_ref(item),
            index: Some(index),
            total: self.scope.total,
        };
        match self.call.arguments.get(argument) {
            Some(expr) => self.evaluator.eval(expr, &scope),
            None => Ok(Cow::Owned(Vec::new())),
        }
    }

    fn has(&self, argument: usize) -> bool {
        argument < self.call.arguments.len()
    }

    /// The input's only item as a value, if there is one.
    fn value(&self) -> Result<Option<Item<'a>>, EvaluationError> {
        Ok(single(&self.input)?.and_then(Item::definite))
    }

    /// The input as a text; empty is none, anything else is an error.
    fn string(&self) -> Result<Option<Text<'a>>, EvaluationError> {
        self.as_string(&self.input)
    }

    fn as_string(&self, items: &[Item<'a>]) -> Result<Option<Text<'a>>, EvaluationError> {
        match single(items)?.and_then(Item::definite) {
            None => Ok(None),
            Some(Item::String(text)) => {
                self.evaluator.charge(text.len() / BYTES_A_STEP)?;
                Ok(Some(text))
            }
            // FHIR's dates are texts too: `birthDate.substring(0, 4)` is in wide use.
            Some(Item::Temporal(moment)) => Ok(Some(moment.to_string().into())),
            Some(_) => Err(self.fault("wants a text")),
        }
    }

    fn string_argument(&self, index: usize) -> Result<Option<Text<'a>>, EvaluationError> {
        self.as_string(&self.argument(index)?)
    }

    fn integer_argument(&self, index: usize) -> Result<Option<i64>, EvaluationError> {
        match single(&self.argument(index)?)?.map(Item::to_value) {
            None => Ok(None),
            Some(Item::Integer(value)) => Ok(Some(value)),
            Some(_) => Err(self.fault("wants an integer")),
        }
    }

    /// An error that names the function.
    fn fault(&self, what: &str) -> EvaluationError {
        EvaluationError::Semantics(format!("'{}' {what}.", self.call.function.name))
    }

    fn unsupported(&self) -> EvaluationError {
        EvaluationError::NotSupported(format!("'{}'", self.call.function.name))
    }

    /// A text as the result.
    fn text(&self, text: String) -> Outcome<'s, 'a> {
        self.evaluator.text(text).map(some)
    }
}

/// Nothing as a result.
const fn none<'s, 'a>() -> Items<'s, 'a> {
    Cow::Owned(Vec::new())
}

/// One item as a result.
fn some<'s, 'a>(item: Item<'a>) -> Items<'s, 'a> {
    Cow::Owned(vec![item])
}

/// An item or nothing as a result.
fn maybe<'s, 'a>(item: Option<Item<'a>>) -> Items<'s, 'a> {
    Cow::Owned(item.into_iter().collect())
}

/// A truth value as a result.
fn boolean<'s, 'a>(value: bool) -> Items<'s, 'a> {
    some(Item::Boolean(value))
}

/// A count as a result.
fn count<'s, 'a>(value: usize) -> Items<'s, 'a> {
    maybe(i64::try_from(value).ok().map(Item::Integer))
}

/// A collection as a result, if it is not too large.
fn many<'s, 'a>(evaluator: &Evaluator<'_, 'a>, items: Collection<'a>) -> Outcome<'s, 'a> {
    evaluator.bound(&items)?;
    Ok(Cow::Owned(items))
}
