//! Walking the tree of an expression over borrowed data.
//!
//! The recursion is as deep as the expression, which the parser bounds;
//! [`Evaluator::charge`] bounds the rest.

use std::{borrow::Cow, cell::Cell};

use serde_json::Value;

use super::{
    ast::{Expr, Step, TypeTest},
    context::Context,
    error::{Bound, EvaluationError},
    functions::Invocation,
    item::{Collection, Item, Node},
    limits::Limits,
    navigate, operators,
    schema::{System, TypeSpecifier},
};

/// A collection, borrowed where it already stands somewhere.
pub(super) type Items<'s, 'a> = Cow<'s, [Item<'a>]>;

/// What evaluating a part gives.
pub(super) type Outcome<'s, 'a> = Result<Items<'s, 'a>, EvaluationError>;

/// Bytes of a text that are read or written in one step.
pub(super) const BYTES_A_STEP: usize = 64;

/// What `$this`, `$index` and `$total` mean at a place.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub this: &'s [Item<'a>],
    pub index: Option<usize>,
    pub total: &'s [Item<'a>],
}

/// One evaluation.
pub(super) struct Evaluator<'s, 'a> {
    pub context: &'s Context<'a>,
    /// Steps that are left; comparing trees takes from it too.
    pub steps: Cell<u64>,
}

impl<'s, 'a> Evaluator<'s, 'a> {
    pub(super) const fn new(context: &'s Context<'a>) -> Self {
        Self {
            context,
            steps: Cell::new(context.limits.steps),
        }
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.context.limits
    }

    /// Takes `count` steps from those that are left.
    pub(super) fn charge(&self, count: usize) -> Result<(), EvaluationError> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let left = self.steps.get().checked_sub(count);
        self.steps
            .set(left.ok_or(EvaluationError::Limit(Bound::Steps))?);
        Ok(())
    }

    /// Refuses a collection that has grown too large.
    pub(super) fn bound(&self, items: &[Item<'a>]) -> Result<(), EvaluationError> {
        if items.len() > self.limits().items {
            return Err(EvaluationError::Limit(Bound::Items));
        }
        Ok(())
    }

    /// A text as an item, if it is not too long.
    pub(super) fn text(&self, text: String) -> Result<Item<'a>, EvaluationError> {
        self.charge(text.len() / BYTES_A_STEP)?;
        if text.len() > self.limits().text {
            return Err(EvaluationError::Limit(Bound::Text));
        }
        Ok(Item::String(text.into()))
    }

    pub(super) fn eval(&'s self, expr: &'a Expr, scope: &Scope<'s, 'a>) -> Outcome<'s, 'a> {
        self.charge(1)?;
        Ok(match expr {
            Expr::This => Cow::Borrowed(scope.this),
            Expr::Total => Cow::Borrowed(scope.total),
            Expr::Index => {
                let index = scope.index.and_then(|index| i64::try_from(index).ok());
                Cow::Owned(index.map(Item::Integer).into_iter().collect())
            }
            Expr::Empty => Cow::Owned(Vec::new()),
            Expr::Literal(literal) => one(literal.into()),
            Expr::Variable(name) => self.variable(name)?,
            Expr::Path(start, steps) => {
                let mut items = self.eval(start, scope)?;
                for step in steps {
                    items = self.step(step, items, scope)?;
                }
                items
            }
            Expr::Sign { negative, operand } => {
                operators::sign(*negative, &self.eval(operand, scope)?)?
            }
            Expr::Binary(operator, operands) => {
                operators::binary(self, *operator, operands, scope)?
            }
            Expr::Union(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(self.eval(part, scope)?.into_owned());
                }
                Cow::Owned(operators::distinct(self, all)?)
            }
            Expr::Type(test, operand, specifier) => {
                type_step(*test, specifier, self.eval(operand, scope)?)?
            }
        })
    }

    fn step(
        &'s self,
        step: &'a Step,
        items: Items<'s, 'a>,
        scope: &Scope<'s, 'a>,
    ) -> Outcome<'s, 'a> {
        Ok(match step {
            Step::Member(name) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items.iter() {
                    navigate::member(item, name, &mut out);
                }
                self.charge(items.len().max(out.len()))?;
                self.bound(&out)?;
                Cow::Owned(out)
            }
            Step::OfRoot(specifier) => keep(items, |item| matches(item, specifier)),
            Step::Item(index) => self.indexed(index, &items, scope)?,
            Step::Type(test, specifier) => type_step(*test, specifier, items)?,
            Step::Call(call) => {
                self.charge(1 + items.len())?;
                let items = (call.function.run)(Invocation {
                    evaluator: self,
                    input: items,
                    call,
                    scope: *scope,
                })?;
                self.charge(items.len())?;
                self.bound(&items)?;
                items
            }
        })
    }

    fn indexed(
        &'s self,
        index: &'a Expr,
        items: &[Item<'a>],
        scope: &Scope<'s, 'a>,
    ) -> Outcome<'s, 'a> {
        let index = self.eval(index, scope)?;
        let Some(Item::Integer(index)) = single(&index)?.map(Item::to_value) else {
            return Err(EvaluationError::semantics("An index must be an integer."));
        };
        let found = usize::try_from(index).ok().and_then(|i| items.get(i));
        Ok(Cow::Owned(found.cloned().into_iter().collect()))
    }

    fn variable(&'s self, name: &str) -> Outcome<'s, 'a> {
        let context = self.context;
        if let Some((_, items)) = context.variables.iter().find(|(known, _)| *known == name) {
            return Ok(Cow::Borrowed(items));
        }
        Ok(match name {
            "context" => Cow::Borrowed(&context.focus),
            "resource" => Cow::Borrowed(std::slice::from_ref(&context.resource)),
            "rootResource" => Cow::Borrowed(std::slice::from_ref(&context.root)),
            "ucum" => one(Item::String("http://unitsofmeasure.org".into())),
            "sct" => one(Item::String("http://snomed.info/sct".into())),
            "loinc" => one(Item::String("http://loinc.org".into())),
            _ => {
                let url = if let Some(name) = name.strip_prefix("vs-") {
                    format!("http://hl7.org/fhir/ValueSet/{name}")
                } else if let Some(name) = name.strip_prefix("ext-") {
                    format!("http://hl7.org/fhir/StructureDefinition/{name}")
                } else {
                    let message = format!("There is no variable '%{name}'.");
                    return Err(EvaluationError::Semantics(message));
                };
                one(Item::String(url.into()))
            }
        })
    }
}

/// A collection of one item.
pub(super) fn one<'s, 'a>(item: Item<'a>) -> Items<'s, 'a> {
    Cow::Owned(vec![item])
}

/// The only item, or none.
pub(super) fn single<'i, 'a>(
    items: &'i [Item<'a>],
) -> Result<Option<&'i Item<'a>>, EvaluationError> {
    match items {
        [] => Ok(None),
        [item] => Ok(Some(item)),
        _ => Err(EvaluationError::semantics(
            "One item is wanted where there are several.",
        )),
    }
}

/// A collection as a truth value: empty is unknown, and a single item that is no Boolean is true.
///
/// Specification: <http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections>.
pub(super) fn truth(items: &[Item<'_>]) -> Result<Option<bool>, EvaluationError> {
    Ok(match single(items)? {
        None => None,
        Some(Item::Boolean(value)) => Some(*value),
        Some(Item::Node(Node { value, kind, .. })) => match (value, kind) {
            (Value::Bool(value), _) => Some(*value),
            // A boolean that has only extensions says nothing.
            (Value::Null, Some(kind)) if kind.system == Some(System::Boolean) => None,
            _ => Some(true),
        },
        Some(_) => Some(true),
    })
}

/// The items that a test keeps; borrowed if it keeps all.
pub(super) fn keep<'s, 'a>(
    items: Items<'s, 'a>,
    mut test: impl FnMut(&Item<'a>) -> bool,
) -> Items<'s, 'a> {
    if items.iter().all(&mut test) {
        return items;
    }
    Cow::Owned(items.iter().filter(|item| test(item)).cloned().collect())
}

/// Whether an item is of a type or of one that specialises it.
pub(super) fn matches(item: &Item<'_>, specifier: &TypeSpecifier) -> bool {
    match item {
        Item::Node(node) => match (node.kind, specifier.kind) {
            (Some(kind), Some(wanted)) => kind.is_a(wanted),
            _ => false,
        },
        value => value
            .system_type()
            .is_some_and(|system| Some(system) == specifier.system),
    }
}

/// Whether `as` and `ofType` keep an item: among primitives only the very type counts,
/// so that a code is not taken for a string, as FHIR R4's own tests have it.
fn keeps(item: &Item<'_>, specifier: &TypeSpecifier) -> bool {
    if let Item::Node(Node {
        kind: Some(kind), ..
    }) = item
        && kind.class == crate::fhir::definitions::Kind::Primitive
    {
        return specifier
            .kind
            .is_some_and(|wanted| std::ptr::eq(*kind, wanted));
    }
    matches(item, specifier)
}

/// Whether `as` keeps an item: beside what [`keeps`] does, a primitive is the value of FHIRPath that
/// it converts to (<http://hl7.org/fhir/R4/fhirpath.html#types>), so that `as String` finds a text.
fn converts(item: &Item<'_>, specifier: &TypeSpecifier) -> bool {
    match item {
        Item::Node(Node {
            kind: Some(kind), ..
        }) if specifier.kind.is_none()
            && kind.class == crate::fhir::definitions::Kind::Primitive =>
        {
            kind.system.is_some() && kind.system == specifier.system
        }
        _ => keeps(item, specifier),
    }
}

/// `is`, `as`, `ofType`. R4's search parameters apply `as` to several items, hence it filters.
fn type_step<'s, 'a>(
    test: TypeTest,
    specifier: &TypeSpecifier,
    items: Items<'s, 'a>,
) -> Outcome<'s, 'a> {
    Ok(match test {
        TypeTest::Is => {
            let answer = single(&items)?.map(|item| Item::Boolean(matches(item, specifier)));
            Cow::Owned(answer.into_iter().collect())
        }
        TypeTest::As => keep(items, |item| converts(item, specifier)),
        TypeTest::OfType => keep(items, |item| keeps(item, specifier)),
    })
}

/// Evaluates a whole expression.
pub(super) fn evaluate<'a>(
    expr: &'a Expr,
    context: &Context<'a>,
) -> Result<Collection<'a>, EvaluationError> {
    let evaluator = Evaluator::new(context);
    let scope = Scope {
        this: &context.focus,
        index: None,
        total: &[],
    };
    let items = evaluator.eval(expr, &scope)?.into_owned();
    // A comparison that ran out of steps has answered "different"; that is no result.
    if evaluator.steps.get() == 0 {
        return Err(EvaluationError::Limit(Bound::Steps));
    }
    Ok(items)
}
