//! Errors as data.
//!
//! A [`Problem`] has a [`Category`], which one place (`http::reply`) maps to a
//! status, and [`Issue`]s, which the same place writes as an OperationOutcome.
//! What an operator needs and a client must not see goes in `internal`.

use std::fmt;

/// The result of anything that can fail for a reason worth telling.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// What kind of failure this is; the HTTP status follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// The request cannot be read: bad JSON, bad parameter (400).
    Malformed,
    /// No or bad credentials (401).
    Unauthenticated,
    /// The permit does not reach this far (403).
    Forbidden,
    /// Nothing is known under this name (404).
    NotFound,
    /// The verb is not offered here (405).
    MethodNotAllowed,
    /// No format of the `Accept` header can be given (406).
    NotAcceptable,
    /// Two writers met, or the state forbids it (409).
    Conflict,
    /// It was here and has been deleted (410).
    Gone,
    /// `If-Match`, `If-None-Exist` or another condition does not hold (412).
    PreconditionFailed,
    /// Over a bound on size (413).
    TooLarge,
    /// The body's media type is not read here (415).
    UnsupportedMediaType,
    /// Readable, but against a rule of FHIR or of the service (422).
    Invalid,
    /// The caller asks more than its share (429).
    TooManyRequests,
    /// Valid, and not offered by this server (501).
    NotSupported,
    /// No room at the moment; the client may come again (503).
    Busy,
    /// Our own failure (500).
    Fault,
}

/// `OperationOutcome.issue.severity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The action was refused or failed.
    Error,
    /// The action may be less than what was meant.
    Warning,
    /// Good to know.
    Information,
}

/// One fault and its place: an `OperationOutcome.issue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// A code of <http://hl7.org/fhir/R4/valueset-issue-type.html>.
    pub code: &'static str,
    /// A sentence for the client; never health information of anyone else.
    pub diagnostics: String,
    /// Where: a simple FHIRPath such as `Patient.name[0].given[1]`.
    pub expression: Option<String>,
}

impl Issue {
    /// An error without a place.
    pub fn error(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            diagnostics: diagnostics.into(),
            expression: None,
        }
    }

    /// The same issue, at a place.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        self.expression = Some(expression.into());
        self
    }
}

/// A failure as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of failure.
    pub category: Category,
    /// Each fault with its place; at least one.
    pub issues: Vec<Issue>,
    /// For the operator's log only.
    pub internal: Option<String>,
}

impl Problem {
    /// A problem of one issue.
    pub fn new(category: Category, code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self {
            category,
            issues: vec![Issue::error(code, diagnostics)],
            internal: None,
        }
    }

    /// A problem of several issues; an empty list becomes one that says so.
    #[must_use]
    pub fn with_issues(category: Category, mut issues: Vec<Issue>) -> Self {
        if issues.is_empty() {
            issues.push(Issue::error("unknown", "The request was refused."));
        }
        Self {
            category,
            issues,
            internal: None,
        }
    }

    /// The request cannot be read (400).
    pub fn malformed(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self::new(Category::Malformed, code, diagnostics)
    }

    /// Against a rule of FHIR or of the service (422).
    pub fn invalid(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self::new(Category::Invalid, code, diagnostics)
    }

    /// Nothing is known under this name (404).
    pub fn not_found(diagnostics: impl Into<String>) -> Self {
        Self::new(Category::NotFound, "not-found", diagnostics)
    }

    /// Our own failure (500): the client learns nothing, the log has `internal`.
    pub fn fault(internal: impl fmt::Display) -> Self {
        let mut problem = Self::new(
            Category::Fault,
            "exception",
            "The server failed; its log has the reason.",
        );
        problem.internal = Some(internal.to_string());
        problem
    }

    /// No room at the moment (503).
    pub fn busy(diagnostics: impl Into<String>) -> Self {
        Self::new(Category::Busy, "throttled", diagnostics)
    }

    /// The same problem, its first issue at a place.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        if let Some(first) = self.issues.first_mut() {
            first.expression = Some(expression.into());
        }
        self
    }

    /// The same problem with `prefix` before each place, as for an entry of a bundle.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        for issue in &mut self.issues {
            issue.expression = Some(match issue.expression.take() {
                Some(inner) => format!("{prefix}: {inner}"),
                None => prefix.to_owned(),
            });
        }
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, issue) in self.issues.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            match &issue.expression {
                Some(place) => write!(f, "{place}: {}", issue.diagnostics)?,
                None => f.write_str(&issue.diagnostics)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
