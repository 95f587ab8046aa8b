//! JSON read strictly: no duplicate keys, no NUL, no bottomless nesting; decimals as written.
//!
//! Specification: <http://hl7.org/fhir/R4/json.html>, RFC 8259. The reader is our own because
//! `serde_json` lets the last of two equal keys win, and, where it keeps numbers as written, cannot
//! tell a number from an object that a client made to look like its inner form of one. A byte
//! order mark at the start is skipped, as RFC 8259 (section 8.1) allows.

mod scalar;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::definitions::ResourceType;
use crate::kernel::problem::{Issue, Problem, Result};

/// The deepest nesting that is ever read, whatever [`Limits`] say: readers recurse, and this is
/// what `serde_json` reads when a stored body is parsed again.
pub const DEEPEST: usize = 127;

/// The longest member name that an error repeats.
const LONGEST_NAME: usize = 64;

/// Bounds on what is read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deepest nesting of objects and lists; at most [`DEEPEST`].
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64 }
    }
}

/// Parses JSON.
///
/// # Errors
/// `Malformed`, with line and column, and the place as a path where there is one.
pub fn parse(body: &[u8], limits: &Limits) -> Result<Value> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(e) => {
            let good = body.get(..e.valid_up_to()).unwrap_or_default();
            let fault = Fault::at(good.len(), "the text is not valid UTF-8");
            return Err(problem(&String::from_utf8_lossy(good), fault));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        text,
        at: 0,
        open: 0,
        limit: limits.depth.min(DEEPEST),
    };
    reader.document().map_err(|fault| problem(text, fault))
}

/// Whether an error may repeat this member name: short, and a FHIRPath identifier.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// What is wrong, where in the text, and (innermost first) where in the tree.
#[derive(Debug)]
struct Fault {
    at: usize,
    message: &'static str,
    path: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Member(String),
    Item(usize),
}

impl Fault {
    const fn at(at: usize, message: &'static str) -> Self {
        Self {
            at,
            message,
            path: Vec::new(),
        }
    }

    fn within(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    /// A path such as `Patient.name[0].given`; it ends before a name that must not be repeated,
    /// and there is none where the whole is a list.
    fn expression(&self) -> Option<String> {
        let mut path = String::new();
        if let Some(Step::Item(_)) = self.path.last() {
            return None;
        }
        for step in self.path.iter().rev() {
            match step {
                Step::Member(name) if is_plain_name(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
                Step::Member(_) => break,
                Step::Item(n) => path.push_str(&format!("[{n}]")),
            }
        }
        (!path.is_empty()).then_some(path)
    }
}

fn problem(text: &str, fault: Fault) -> Problem {
    let before = text.get(..fault.at).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    let mut issue = Issue::error(
        "structure",
        format!(
            "Bad JSON at line {line}, column {column}: {}.",
            fault.message
        ),
    );
    issue.expression = fault.expression();
    let mut problem = Problem::malformed("structure", "");
    problem.issues = vec![issue];
    problem
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How many objects and lists are open, and how many may be.
    open: usize,
    limit: usize,
}

type Read<T> = std::result::Result<T, Fault>;

impl Reader<'_> {
    fn document(&mut self) -> Read<Value> {
        let value = self.value()?;
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.fault("something follows the end of the value")),
        }
    }

    fn fault(&self, message: &'static str) -> Fault {
        if self.at >= self.text.len() {
            return Fault::at(self.text.len(), "the text ends too early");
        }
        Fault::at(self.at, message)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is not white space, not yet taken.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn value(&mut self) -> Read<Value> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.fault("a value is expected here")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Read<Value> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.fault("a value is expected here"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// Reads one level further down, past its opening bracket.
    fn nested(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        if self.open == self.limit {
            return Err(self.fault("the nesting is too deep"));
        }
        self.open += 1;
        self.at += 1;
        let value = read(self)?;
        self.open -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Read<Value> {
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            let item = self
                .value()
                .map_err(|fault| fault.within(Step::Item(items.len())))?;
            items.push(item);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.fault("`,` or `]` is expected here")),
            }
        }
    }

    fn object(&mut self) -> Read<Value> {
        let mut members = Map::new();
        let outermost = self.open == 1;
        match self.members(&mut members) {
            Ok(()) => Ok(Value::Object(members)),
            Err(fault) if outermost => Err(rooted(fault, &members)),
            Err(fault) => Err(fault),
        }
    }

    fn members(&mut self, members: &mut Map<String, Value>) -> Read<()> {
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.member(members)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fault("`,` or `}` is expected here")),
            }
        }
    }

    fn member(&mut self, members: &mut Map<String, Value>) -> Read<()> {
        if self.peek() != Some(b'"') {
            return Err(self.fault("a member name is expected here"));
        }
        let start = self.at;
        let name = self.string()?;
        if members.contains_key(&name) {
            let fault = Fault::at(start, "this member name occurs twice in its object");
            return Err(fault.within(Step::Member(name)));
        }
        if self.peek() != Some(b':') {
            return Err(self.fault("`:` is expected here"));
        }
        self.at += 1;
        match self.value() {
            Ok(value) => {
                members.insert(name, value);
                Ok(())
            }
            Err(fault) => Err(fault.within(Step::Member(name))),
        }
    }
}

/// A path starts with the type of the resource, where that is known by the time of the fault.
fn rooted(fault: Fault, members: &Map<String, Value>) -> Fault {
    let kind = members.get("resourceType").and_then(Value::as_str);
    match kind.and_then(ResourceType::named) {
        Some(kind) => fault.within(Step::Member(kind.name().to_owned())),
        None => fault,
    }
}
