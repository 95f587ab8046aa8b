//! What an evaluation knows besides the expression.

use jiff::Zoned;
use serde_json::Value;

use super::{
    functions,
    item::{Collection, Item},
    limits::Limits,
};
use crate::fhir::terminology::Terminology;

/// Finds the resource that a reference means.
pub trait Resolver {
    /// The resource, if it is at hand. `#id` is not asked for: the engine looks into `contained` itself.
    fn resolve(&self, reference: &str) -> Option<&Value>;
}

/// Judges whether something conforms to a profile, for `conformsTo`.
pub trait Conformance {
    /// Whether an item conforms; none where no such profile is known.
    fn conforms(&self, item: &Item<'_>, profile: &str) -> Option<bool>;
}

/// Is told what `trace` is called on. Values are health information: only who asked for the
/// evaluation may see them.
pub trait Tracer {
    /// Takes the items of one call.
    fn trace(&self, name: &str, items: &[Item<'_>]);
}

/// What an evaluation knows besides the expression.
///
/// It is built by [`Context::new`] and the methods that add to it.
pub struct Context<'a> {
    pub(super) focus: Collection<'a>,
    pub(super) resource: Item<'a>,
    pub(super) root: Item<'a>,
    pub(super) variables: &'a [(&'a str, Collection<'a>)],
    pub(super) now: Option<&'a Zoned>,
    pub(super) resolver: Option<&'a dyn Resolver>,
    pub(super) terminology: Option<&'a Terminology>,
    pub(super) conformance: Option<&'a dyn Conformance>,
    pub(super) tracer: Option<&'a dyn Tracer>,
    pub(super) repeated: &'a [Repeated<'a>],
    pub(super) limits: Limits,
}

/// What `repeat(member)` finds in a resource, found once for the many expressions that ask for it.
///
/// The rules of a pathway do little else than `%current.repeat(item)`.
pub struct Repeated<'a> {
    pub(super) resource: &'a Value,
    pub(super) member: &'static str,
    pub(super) items: Collection<'a>,
}

impl<'a> Repeated<'a> {
    /// Finds `repeat(member)` in a resource; none if that is over a bound.
    #[must_use]
    pub fn of(resource: &'a Value, member: &'static str) -> Option<Self> {
        let items = functions::repeat_member(&Context::new(resource), member).ok()?;
        Some(Self {
            resource,
            member,
            items,
        })
    }
}

impl<'a> Context<'a> {
    /// A context about one resource: it is the focus, `%resource` and `%rootResource`.
    #[must_use]
    pub fn new(resource: &'a Value) -> Self {
        Self::of(Item::resource(resource))
    }

    /// A context about any item, such as a node that another expression found.
    #[must_use]
    pub fn of(item: Item<'a>) -> Self {
        Self {
            focus: vec![item.clone()],
            resource: item.clone(),
            root: item,
            variables: &[],
            now: None,
            resolver: None,
            terminology: None,
            conformance: None,
            tracer: None,
            repeated: &[],
            limits: Limits::default(),
        }
    }

    /// The same, with another focus (`$this`, `%context`) within the resource.
    #[must_use]
    pub fn with_focus(mut self, focus: Collection<'a>) -> Self {
        self.focus = focus;
        self
    }

    /// The same, with the resource that contains `%resource`.
    #[must_use]
    pub fn with_root(mut self, root: &'a Value) -> Self {
        self.root = Item::resource(root);
        self
    }

    /// The same, with named values: `%name`.
    #[must_use]
    pub const fn with_variables(mut self, variables: &'a [(&'a str, Collection<'a>)]) -> Self {
        self.variables = variables;
        self
    }

    /// The same, with the time that `now()`, `today()` and `timeOfDay()` give, in its zone.
    /// Without it they are errors.
    #[must_use]
    pub const fn with_now(mut self, now: &'a Zoned) -> Self {
        self.now = Some(now);
        self
    }

    /// The same, with a way to follow references.
    #[must_use]
    pub fn with_resolver(mut self, resolver: &'a dyn Resolver) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// The same, with what `memberOf`, `subsumes` and `subsumedBy` ask. Without it they are errors.
    #[must_use]
    pub const fn with_terminology(mut self, terminology: &'a Terminology) -> Self {
        self.terminology = Some(terminology);
        self
    }

    /// The same, with what `conformsTo` asks. Without it that is an error.
    #[must_use]
    pub fn with_conformance(mut self, conformance: &'a dyn Conformance) -> Self {
        self.conformance = Some(conformance);
        self
    }

    /// The same, with somebody who sees what `trace` shows. Without one it is silent.
    #[must_use]
    pub fn with_tracer(mut self, tracer: &'a dyn Tracer) -> Self {
        self.tracer = Some(tracer);
        self
    }

    /// The same, with what has been found before.
    #[must_use]
    pub const fn with_repeated(mut self, repeated: &'a [Repeated<'a>]) -> Self {
        self.repeated = repeated;
        self
    }

    /// The same, with other bounds.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
