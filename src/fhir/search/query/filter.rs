//! `_filter`: an expression over search parameters.
//!
//! `and` and `or` bind alike and are read from left to right, as the specification says. A path
//! may go through references, each with a filter of its own in square brackets. Specification:
//! <http://hl7.org/fhir/R4/search_filter.html>.

use super::{
    CHAIN_DEPTH_MAX,
    chain::{Reader, Target},
    clause::Clause,
    value::Modifier,
};
use crate::{
    fhir::{
        definitions::{ParameterKind, ResourceType},
        search::parameters::SearchParameter,
    },
    kernel::problem::{Problem, Result},
};

/// Longest filter, in bytes.
pub const FILTER_BYTES_MAX: usize = 4 * 1024;

/// Most comparisons of a filter.
pub const COMPARISONS_MAX: usize = 32;

/// Deepest nesting of brackets.
const DEPTH_MAX: usize = 16;

/// Reads a filter over `kind`; none if it names a parameter that the type does not have.
pub(super) fn clause(
    reader: &Reader<'_>,
    kind: ResourceType,
    text: &str,
    depth: usize,
) -> Result<Option<Clause>> {
    if text.len() > FILTER_BYTES_MAX {
        let text = format!("A _filter has {FILTER_BYTES_MAX} bytes at most.");
        return Err(Problem::malformed("too-costly", text));
    }
    let mut filter = Filter {
        reader,
        text,
        at: 0,
        comparisons: 0,
        counted: None,
    };
    let clause = filter.expression(kind, (0, depth))?;
    filter.space();
    if filter.at < text.len() {
        return Err(filter.refuse("there is more than one expression"));
    }
    Ok(Some(clause))
}

struct Filter<'a> {
    reader: &'a Reader<'a>,
    text: &'a str,
    at: usize,
    comparisons: usize,
    /// Up to where they are counted: each target of a reference reads the same text again.
    counted: Option<usize>,
}

/// Brackets open, and links of a chain above.
type Depth = (usize, usize);

impl<'a> Filter<'a> {
    /// Why the filter is refused, and where: after how many characters.
    fn refuse(&self, what: &str) -> Problem {
        let place = self.text[..self.at].chars().count();
        Problem::malformed(
            "value",
            format!("_filter, at character {}: {what}.", place + 1),
        )
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn takes(&mut self, character: char) -> bool {
        let found = self.rest().starts_with(character);
        self.at += if found { character.len_utf8() } else { 0 };
        found
    }

    /// Takes what stands before the first character that `ends`.
    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// Takes a word if it is this one.
    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let found = rest
            .get(..word.len())
            .is_some_and(|text| text.eq_ignore_ascii_case(word))
            && !rest[word.len()..].starts_with(|c: char| !c.is_whitespace() && c != '(');
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn expression(&mut self, kind: ResourceType, depth: Depth) -> Result<Clause> {
        if depth.0 > DEPTH_MAX {
            return Err(self.refuse("there are too many brackets in each other"));
        }
        let mut clause = self.term(kind, depth)?;
        loop {
            self.space();
            let is_and = self.word("and");
            if !is_and && !self.word("or") {
                return Ok(clause);
            }
            let next = self.term(kind, depth)?;
            clause = match (is_and, clause) {
                (true, Clause::All(mut all)) => {
                    all.push(next);
                    Clause::All(all)
                }
                (false, Clause::Any(mut any)) => {
                    any.push(next);
                    Clause::Any(any)
                }
                (true, clause) => Clause::All(vec![clause, next]),
                (false, clause) => Clause::Any(vec![clause, next]),
            };
        }
    }

    fn term(&mut self, kind: ResourceType, (open, links): Depth) -> Result<Clause> {
        self.space();
        let negated = self.word("not");
        self.space();
        if !self.takes('(') {
            if negated {
                return Err(self.refuse("after 'not' comes a bracket"));
            }
            return self.comparison(kind, (open, links));
        }
        let inner = self.expression(kind, (open + 1, links))?;
        self.space();
        if !self.takes(')') {
            return Err(self.refuse("a bracket is not closed"));
        }
        Ok(if negated {
            Clause::Not(Box::new(inner))
        } else {
            inner
        })
    }

    /// A path, an operator and a value; or, at the end of a link, what must hold there.
    fn comparison(&mut self, kind: ResourceType, depth: Depth) -> Result<Clause> {
        let name = self.until(|c| !(c.is_ascii_alphanumeric() || "_-:".contains(c)));
        if name.is_empty() {
            return Err(self.refuse("a parameter is expected"));
        }
        if let Some(rest) = name.strip_prefix("_has:") {
            let name = rest.to_owned();
            return self.compare(Target::Has(kind, name), depth);
        }
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (name, None),
        };
        let parameter = self
            .reader
            .parameter(kind, code)
            .ok_or_else(|| self.refuse(&format!("{kind} has no such parameter")))?;
        let inner = self.takes('[');
        if !inner && !self.rest().starts_with('.') {
            if modifier.is_some() {
                return Err(self.refuse("an operator says what a modifier would"));
            }
            return self.compare(Target::Own(parameter), depth);
        }
        self.linked((parameter, modifier), inner, depth)
    }

    /// A reference followed: `subject.name`, `subject[active eq true].name`.
    fn linked(
        &mut self,
        (parameter, modifier): (&SearchParameter, Option<&str>),
        inner: bool,
        (open, links): Depth,
    ) -> Result<Clause> {
        if links >= CHAIN_DEPTH_MAX {
            let text = format!("A chain has {CHAIN_DEPTH_MAX} links at most.");
            return Err(Problem::malformed("too-costly", text));
        }
        let start = self.at;
        let mut targets = Vec::new();
        let (mut end, mut refused) = (start, None);
        for target in self.reader.targets(parameter, modifier)? {
            self.at = start;
            match self.at_target(target, inner, (open + 1, links + 1)) {
                Ok(clause) => {
                    targets.push((target, clause));
                    end = self.at;
                }
                // Another type may have the parameter.
                Err(problem) if problem.issues.iter().all(|i| i.code != "too-costly") => {
                    refused.get_or_insert(problem);
                }
                Err(problem) => return Err(problem),
            }
        }
        if targets.is_empty() {
            return Err(refused.unwrap_or_else(|| self.refuse("the reference has no target")));
        }
        self.at = end;
        Ok(Clause::Chain {
            param: parameter.id,
            targets,
        })
    }

    fn at_target(&mut self, kind: ResourceType, inner: bool, depth: Depth) -> Result<Clause> {
        let mut all = Vec::new();
        if inner {
            all.push(self.expression(kind, depth)?);
            self.space();
            if !self.takes(']') {
                return Err(self.refuse("a square bracket is not closed"));
            }
        }
        if !self.takes('.') {
            return Err(self.refuse("a path goes on with '.'"));
        }
        all.push(self.comparison(kind, depth)?);
        Ok(match all.pop() {
            Some(only) if all.is_empty() => only,
            last => {
                all.extend(last);
                Clause::All(all)
            }
        })
    }

    fn compare(&mut self, target: Target<'_>, (_, links): Depth) -> Result<Clause> {
        if self.counted.is_none_or(|counted| counted < self.at) {
            self.counted = Some(self.at);
            self.comparisons += 1;
        }
        if self.comparisons > COMPARISONS_MAX {
            let text = format!("A _filter has {COMPARISONS_MAX} comparisons at most.");
            return Err(Problem::malformed("too-costly", text));
        }
        self.space();
        let operator = self.until(char::is_whitespace).to_ascii_lowercase();
        self.space();
        let value = self.value()?;
        if value.is_empty() {
            return Err(self.refuse("a value is expected"));
        }
        // A comma separates values elsewhere; here it is part of one.
        let value = value.replace(',', "\\,");
        match target {
            Target::Own(parameter) => {
                let found = self.operate(parameter, &operator, &value)?;
                found.ok_or_else(|| {
                    let code = &parameter.code;
                    self.refuse(&format!("this operator is not one for {code}"))
                })
            }
            Target::Has(kind, name) if operator == "eq" => {
                let found = self
                    .reader
                    .clause(kind, &format!("_has:{name}"), &value, links)?;
                found.ok_or_else(|| self.refuse("there is no such parameter"))
            }
            Target::Has(..) => Err(self.refuse("_has is compared with 'eq'")),
        }
    }

    /// A JSON string, or all up to white space or a bracket that is not open.
    fn value(&mut self) -> Result<String> {
        if !self.rest().starts_with('"') {
            return Ok(self
                .until(|c| c.is_whitespace() || c == ')' || c == ']')
                .to_owned());
        }
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<String>();
        let value = values.next().and_then(std::result::Result::ok);
        let end = values.byte_offset();
        let value = value.ok_or_else(|| self.refuse("a string is not closed"))?;
        self.at += end;
        Ok(value)
    }

    fn operate(
        &self,
        parameter: &SearchParameter,
        operator: &str,
        value: &str,
    ) -> Result<Option<Clause>> {
        use ParameterKind as Kind;
        let compare = |modifier| self.reader.compare(parameter, modifier, value).map(Some);
        let prefixed = || {
            let value = format!("{operator}{value}");
            self.reader
                .compare(parameter, Modifier::None, &value)
                .map(Some)
        };
        match (operator, parameter.kind) {
            ("pr", _) => {
                // Present is not missing.
                let missing = match value {
                    "true" => "false",
                    "false" => "true",
                    _ => return Err(self.refuse("'pr' is true or false")),
                };
                self.reader.missing(parameter, missing).map(Some)
            }
            ("ne", Kind::Token | Kind::String | Kind::Reference | Kind::Uri) => {
                let equal = self.operate(parameter, "eq", value)?;
                Ok(equal.map(unequal))
            }
            ("eq", Kind::String) => compare(Modifier::Whole),
            ("co", Kind::String) => compare(Modifier::Contains),
            ("sw", Kind::String) => compare(Modifier::None),
            ("ew", Kind::String) => compare(Modifier::Ends),
            ("eq", Kind::Token | Kind::Uri | Kind::Composite | Kind::Special) => {
                compare(Modifier::None)
            }
            ("eq" | "re", Kind::Reference) => compare(Modifier::None),
            ("ss", Kind::Token | Kind::Uri | Kind::Reference) => compare(Modifier::Below),
            ("sb", Kind::Token | Kind::Uri | Kind::Reference) => compare(Modifier::Above),
            ("in", Kind::Token) => compare(Modifier::In),
            ("po", Kind::Date) => compare(Modifier::Overlaps),
            (
                "eq" | "ne" | "gt" | "lt" | "ge" | "le" | "ap" | "sa" | "eb",
                Kind::Date | Kind::Number | Kind::Quantity,
            ) => prefixed(),
            _ => Ok(None),
        }
    }
}

/// A value that is another.
fn unequal(equal: Clause) -> Clause {
    match equal {
        Clause::Some(rows) => Clause::Other(rows),
        // An id, of which there is one.
        one => Clause::Not(Box::new(one)),
    }
}
