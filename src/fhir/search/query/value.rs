//! The values of a parameter, as tests on its rows.

use super::{
    VALUES_MAX,
    clause::{
        Clause, CompositeTest, DateTest, NumberTest, PartTest, Prefix, ReferenceTest, Rows,
        StringTest, SystemTest, Tests, TokenTest, UriTest,
    },
    escape::{plain, split},
    number,
    quantity::Quantity,
};
use crate::{
    fhir::{
        date::{self, Span},
        definitions::{ParameterKind, ResourceType},
        knowledge::Knowledge,
        reference,
        search::{
            hash,
            parameters::{ComponentParameter, SearchParameter},
            text,
        },
    },
    kernel::problem::{Problem, Result},
};

/// How far `ap` reaches: this part of the number on either side. For a date it is its own length.
const APPROXIMATION: f64 = 0.1;

/// What a modifier says about the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modifier {
    None,
    Exact,
    Contains,
    Identifier,
    Below,
    Above,
    In,
    Text,
    OfType,
    /// Of strings: all of the value, its end.
    Whole,
    Ends,
    /// Of dates: the two have an instant in common.
    Overlaps,
    Type(ResourceType),
}

/// What a value is read against.
pub(super) struct Reading<'a> {
    /// The parameter as the client named it, for messages.
    pub name: &'a str,
    pub modifier: Modifier,
    /// This server's base URL, which absolute references may have.
    pub base: Option<&'a str>,
    /// What the definitions say.
    pub knowledge: &'a Knowledge,
}

impl Reading<'_> {
    pub(super) fn refuse(&self, what: &str) -> Problem {
        Problem::malformed("value", format!("A value of {} {what}", self.name))
    }

    /// All values of the parameter as one "or".
    pub(super) fn clause(&self, parameter: &SearchParameter, value: &str) -> Result<Clause> {
        match (parameter.kind, self.modifier) {
            (ParameterKind::Quantity, _) => self.quantities(parameter, value),
            (ParameterKind::Token, Modifier::In | Modifier::Below | Modifier::Above) => {
                self.codes(parameter, value).map(Clause::Some)
            }
            (ParameterKind::Date, _) if parameter.code == "_lastUpdated" => {
                match self.rows(parameter, value)?.tests {
                    Tests::Date(tests) => Ok(Clause::Updated(tests)),
                    _ => Err(Problem::fault("_lastUpdated is not a date parameter")),
                }
            }
            _ => self.rows(parameter, value).map(Clause::Some),
        }
    }

    /// The values of a parameter, separated by commas.
    pub(super) fn values<'v>(&self, value: &'v str) -> Result<Vec<&'v str>> {
        let values = split(value, ',');
        if values.len() > VALUES_MAX {
            return Err(self.refuse("is one too many."));
        }
        Ok(values)
    }

    fn rows(&self, parameter: &SearchParameter, value: &str) -> Result<Rows> {
        let values = self.values(value)?;
        let mut param = parameter.id;
        let tests = match parameter.kind {
            ParameterKind::Token | ParameterKind::Reference if self.modifier == Modifier::Text => {
                param = parameter.text_id;
                Tests::String(each(&values, |value| self.string(value))?)
            }
            ParameterKind::Token if self.modifier == Modifier::OfType => {
                param = parameter.of_type_id;
                Tests::Token(each(&values, |value| self.of_type(value))?)
            }
            ParameterKind::Reference if self.modifier == Modifier::Identifier => {
                param = parameter.identifier_id;
                Tests::Token(each(&values, |value| self.token(value, false))?)
            }
            ParameterKind::Special => Tests::Near(each(&values, |value| self.near(value))?),
            ParameterKind::Token => {
                let implied = parameter.implies_system;
                Tests::Token(each(&values, |value| self.token(value, implied))?)
            }
            ParameterKind::String => Tests::String(each(&values, |value| self.string(value))?),
            ParameterKind::Date => Tests::Date(each(&values, |value| self.date(value))?),
            ParameterKind::Number => Tests::Number(each(&values, |value| self.number(value))?),
            ParameterKind::Quantity => {
                return Err(Problem::fault("quantities are read by themselves"));
            }
            ParameterKind::Reference => {
                let targets = &parameter.targets;
                Tests::Reference(each(&values, |value| self.placed(value, targets))?)
            }
            ParameterKind::Uri => {
                let nested = each(&values, |value| self.uri(value))?;
                let tests: Vec<UriTest> = nested.into_iter().flatten().collect();
                if tests.len() > VALUES_MAX {
                    return Err(self.refuse("has too many parts."));
                }
                Tests::Uri(tests)
            }
            ParameterKind::Composite => {
                Tests::Composite(each(&values, |value| self.composite(parameter, value))?)
            }
        };
        Ok(Rows { param, tests })
    }

    fn token(&self, value: &str, implied: bool) -> Result<TokenTest> {
        let (system, code) = match split(value, '|').as_slice() {
            [code] => (None, plain(code)),
            [system, code] => (Some(plain(system)), plain(code)),
            _ => return Err(self.refuse("has too many '|'.")),
        };
        if code.is_empty() && system.as_ref().is_none_or(String::is_empty) {
            return Err(self.refuse("is empty."));
        }
        let system = match system {
            None => SystemTest::Any,
            Some(system) => {
                let hash = if system.is_empty() {
                    hash::ABSENT
                } else {
                    hash::of_text(&system)
                };
                if implied {
                    SystemTest::IsOrImplied(hash)
                } else {
                    SystemTest::Is(hash)
                }
            }
        };
        Ok(TokenTest {
            code: (!code.is_empty()).then(|| hash::of_text(&code)),
            system,
        })
    }

    /// `system|code|value`: the coding of an identifier's type, and its value.
    fn of_type(&self, value: &str) -> Result<TokenTest> {
        let parts: Vec<String> = split(value, '|').into_iter().map(plain).collect();
        match parts.as_slice() {
            [system, code, value] if parts.iter().all(|part| !part.is_empty()) => Ok(TokenTest {
                code: Some(hash::of_text(value)),
                system: SystemTest::Is(hash::of_type(system, code)),
            }),
            _ => Err(self.refuse("with :of-type is system|code|value.")),
        }
    }

    fn string(&self, value: &str) -> Result<StringTest> {
        let value = plain(value);
        let folded = text::folded_key(&value);
        if folded.is_empty() {
            return Err(self.refuse("is empty."));
        }
        if self.modifier == Modifier::Exact {
            let exact = text::exact_key(&value);
            return Ok(StringTest::Exact { folded, exact });
        }
        if value.chars().count() > text::INDEXED_CHARACTERS_MAX {
            return Err(self.refuse("is longer than what is indexed."));
        }
        Ok(match self.modifier {
            Modifier::Contains => StringTest::Contains(folded),
            Modifier::Ends => StringTest::Ends(folded),
            Modifier::Whole => StringTest::Whole(folded),
            _ => StringTest::Prefix(folded),
        })
    }

    fn date(&self, value: &str) -> Result<DateTest> {
        let (prefix, rest) = prefix(value);
        // A '+' that was not percent-encoded has become a space on the way.
        let span = date::span(&plain(rest).replace(' ', "+"))
            .ok_or_else(|| self.refuse("is not a date."))?;
        Ok(match (self.modifier, prefix) {
            (Modifier::Overlaps, Prefix::Eq) => DateTest {
                prefix: Prefix::Ap,
                span,
            },
            (_, Prefix::Ap) => DateTest {
                prefix,
                span: widened(span),
            },
            _ => DateTest { prefix, span },
        })
    }

    pub(super) fn number(&self, value: &str) -> Result<NumberTest> {
        let (prefix, rest) = prefix(value);
        let precise = number::parse(&plain(rest)).ok_or_else(|| self.refuse("is not a number."))?;
        let near = precise.value.abs() * APPROXIMATION;
        let (mut low, mut high) = (precise.low, precise.high);
        if prefix == Prefix::Ap {
            low = low.min(precise.value - near);
            high = high.max(precise.value + near);
        }
        Ok(NumberTest {
            prefix,
            value: precise.value,
            low,
            high,
            system: None,
            code: None,
        })
    }

    pub(super) fn reference(&self, value: &str, targets: &[ResourceType]) -> Result<ReferenceTest> {
        let value = plain(value);
        let relative = self
            .base
            .and_then(|base| value.strip_prefix(base.trim_end_matches('/')))
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or(&value);
        let asked = match self.modifier {
            Modifier::Type(kind) => Some(kind),
            _ => None,
        };
        if let Some(local) = reference::local(relative) {
            if asked.is_some_and(|kind| kind != local.kind) {
                return Err(self.refuse("is of another type than its modifier."));
            }
            return Ok(ReferenceTest::Local {
                kind: Some(local.kind),
                id: local.id,
            });
        }
        if reference::is_id(relative) {
            let only = match targets {
                [only] => Some(*only),
                _ => None,
            };
            return Ok(ReferenceTest::Local {
                kind: asked.or(only),
                id: relative.to_owned(),
            });
        }
        if value.is_empty() {
            return Err(self.refuse("is empty."));
        }
        Ok(ReferenceTest::Text(value))
    }

    /// A reference or, with `:above` and `:below`, a place among what has parts.
    fn placed(&self, value: &str, targets: &[ResourceType]) -> Result<ReferenceTest> {
        let test = self.reference(value, targets)?;
        if !matches!(self.modifier, Modifier::Above | Modifier::Below) {
            return Ok(test);
        }
        let ReferenceTest::Local {
            kind: Some(kind),
            id,
        } = test
        else {
            return Err(self.refuse("with :above or :below names a type and an id."));
        };
        let parent = ["partof", "part-of"]
            .iter()
            .filter_map(|code| self.knowledge.parameters.parameter(kind, code))
            .find(|parameter| parameter.targets.contains(&kind));
        let parent = parent.ok_or_else(|| {
            Problem::malformed(
                "not-supported",
                format!("{}: nothing of type {kind} is above another.", self.name),
            )
        })?;
        Ok(ReferenceTest::Within {
            kind,
            id,
            parent: parent.id,
            above: self.modifier == Modifier::Above,
        })
    }

    fn uri(&self, value: &str) -> Result<Vec<UriTest>> {
        let value = plain(value);
        if value.is_empty() {
            return Err(self.refuse("is empty."));
        }
        Ok(match self.modifier {
            Modifier::Below => vec![UriTest::Below(value.trim_end_matches('/').to_owned())],
            Modifier::Above => above(&value),
            _ => vec![UriTest::Is(value)],
        })
    }

    fn composite(&self, parameter: &SearchParameter, value: &str) -> Result<CompositeTest> {
        let values = split(value, '$');
        let components = &parameter.components;
        let refused =
            || self.refuse("does not have as many parts, separated by '$', as it should.");
        if values.len() != components.len() {
            return Err(refused());
        }
        let pairs = components.iter().zip(&values);
        let parts = pairs.map(|(component, value)| self.part(component, value));
        let parts = parts.collect::<Result<Vec<PartTest>>>()?;
        let (component, value) = components.first().zip(values.first()).ok_or_else(refused)?;
        let tests = match parts.first() {
            Some(PartTest::Token(test)) => Tests::Token(vec![*test]),
            _ => Tests::Reference(vec![self.reference(value, &component.targets)?]),
        };
        let first = Rows {
            param: component.id,
            tests,
        };
        Ok(CompositeTest { parts, first })
    }

    fn part(&self, component: &ComponentParameter, value: &str) -> Result<PartTest> {
        Ok(match component.kind {
            ParameterKind::Token => PartTest::Token(self.token(value, component.implies_system)?),
            ParameterKind::String => PartTest::String(self.string(value)?),
            ParameterKind::Date => PartTest::Date(self.date(value)?),
            ParameterKind::Number => PartTest::Number(self.number(value)?),
            ParameterKind::Quantity => match self.quantity(value)? {
                Quantity::Plain(test) => PartTest::Number(test),
                Quantity::Canonical(test) => PartTest::Canonical(test),
            },
            ParameterKind::Reference => {
                PartTest::Hashed(hashed(&self.reference(value, &component.targets)?))
            }
            ParameterKind::Uri => PartTest::Hashed(hash::of_text(&plain(value))),
            ParameterKind::Composite | ParameterKind::Special => {
                return Err(self.refuse("has a part that cannot be searched."));
            }
        })
    }
}

/// A reference as one number, as composite rows keep it: `Type/id`, `id` or its text.
fn hashed(test: &ReferenceTest) -> i64 {
    match test {
        ReferenceTest::Local {
            kind: Some(kind),
            id,
        } => hash::of_text(&format!("{kind}/{id}")),
        ReferenceTest::Local { kind: None, id } => hash::of_text(id),
        ReferenceTest::Within { kind, id, .. } => hash::of_text(&format!("{kind}/{id}")),
        ReferenceTest::Text(text) => hash::of_text(text),
    }
}

fn each<T>(values: &[&str], read: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
    values.iter().map(|value| read(value)).collect()
}

/// Two letters that may stand before a date or a number; none is `eq`.
pub(super) fn prefix(value: &str) -> (Prefix, &str) {
    let found = match value.get(..2) {
        Some("eq") => Prefix::Eq,
        Some("ne") => Prefix::Ne,
        Some("gt") => Prefix::Gt,
        Some("lt") => Prefix::Lt,
        Some("ge") => Prefix::Ge,
        Some("le") => Prefix::Le,
        Some("sa") => Prefix::Sa,
        Some("eb") => Prefix::Eb,
        Some("ap") => Prefix::Ap,
        _ => return (Prefix::Eq, value),
    };
    (found, &value[2..])
}

/// The span with its own length added on either side.
const fn widened(span: Span) -> Span {
    let length = span.end.saturating_sub(span.start).saturating_add(1);
    Span {
        start: span.start.saturating_sub(length),
        end: span.end.saturating_add(length),
    }
}

/// The URI and every URI that it is below of, by path segments.
fn above(uri: &str) -> Vec<UriTest> {
    let start = uri.find("://").map_or(0, |at| at + 3);
    let cuts = uri[start..].match_indices('/').map(|(at, _)| at + start);
    let mut tests: Vec<UriTest> = cuts.map(|at| UriTest::Is(uri[..at].to_owned())).collect();
    tests.push(UriTest::Is(uri.to_owned()));
    tests
}
