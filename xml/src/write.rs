//! From the JSON shape to XML.
//!
//! Specification: <http://hl7.org/fhir/R4/xml.html>.

use serde_json::{Map, Value};

use crate::{
    FHIR, Layout, characters,
    fault::Error,
    narrative,
    shape::{Form, Shape, Shapes, shapes},
};

/// The deepest value that is written: what a parser of JSON reads.
const DEEPEST: usize = 128;

pub fn document(resource: &Value, layout: Layout) -> Result<String, Error> {
    let mut writer = Writer {
        out: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"),
        layout,
        open: 0,
    };
    writer.resource(resource)?;
    if layout == Layout::Pretty {
        writer.out.push('\n');
    }
    Ok(writer.out)
}

struct Writer {
    out: String,
    layout: Layout,
    open: usize,
}

/// An element to write: what JSON has for it, and what it has beside it.
#[derive(Clone, Copy)]
struct Piece<'v> {
    name: &'v str,
    form: Form,
    value: Option<&'v Value>,
    companion: Option<&'v Value>,
}

impl Writer {
    fn line(&mut self) {
        if self.layout == Layout::Pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.open));
        }
    }

    fn begin(&mut self, name: &str) {
        self.line();
        self.out.push('<');
        self.out.push_str(name);
    }

    fn attribute(&mut self, name: &str, value: &Value) {
        let push = |out: &mut String, text: &str| {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            characters::push_value(out, text);
            out.push('"');
        };
        match value {
            Value::String(text) => push(&mut self.out, text),
            Value::Null | Value::Array(_) | Value::Object(_) => {}
            Value::Bool(_) | Value::Number(_) => push(&mut self.out, &value.to_string()),
        }
    }

    /// Writes what stands between the tags, or closes the tag at once if nothing does.
    fn close(
        &mut self,
        name: &str,
        inner: impl FnOnce(&mut Self) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if self.open == DEEPEST {
            return Err(fault("the resource is nested too deeply"));
        }
        let before = self.out.len();
        self.out.push('>');
        self.open += 1;
        let filled = inner(self)?;
        self.open -= 1;
        if !filled {
            self.out.truncate(before);
            self.out.push_str("/>");
            return Ok(());
        }
        self.line();
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        Ok(())
    }

    fn resource(&mut self, value: &Value) -> Result<(), Error> {
        let members = value
            .as_object()
            .ok_or_else(|| fault("a resource is an object"))?;
        let kind = members
            .get("resourceType")
            .and_then(Value::as_str)
            .filter(|kind| kind.bytes().all(|b| b.is_ascii_alphabetic()) && !kind.is_empty())
            .ok_or_else(|| fault("a resource names its type"))?;
        self.begin(kind);
        if self.open == 0 {
            self.attribute("xmlns", &FHIR.into());
        }
        self.close(kind, |writer| {
            let skipped = |name: &str| name == "resourceType";
            writer.children(members, shapes(kind), skipped)
        })
    }

    /// Writes the members of an object in the order of its type; whether there are any.
    fn children(
        &mut self,
        members: &Map<String, Value>,
        shapes: Option<&'static Shapes>,
        skipped: impl Fn(&str) -> bool,
    ) -> Result<bool, Error> {
        let mut pieces: Vec<(usize, Piece<'_>)> = Vec::with_capacity(members.len());
        for (key, value) in members {
            if skipped(key) {
                continue;
            }
            let (name, is_companion) = match key.strip_prefix('_') {
                Some(name) => (name, true),
                None => (key.as_str(), false),
            };
            // A value brings its companion along.
            if is_companion && members.contains_key(name) || !is_name(name) {
                continue;
            }
            let known = shapes.and_then(|shapes| shapes.get(name)).copied();
            let shape = known.unwrap_or_else(|| guessed(value, is_companion));
            let (value, companion) = match is_companion {
                true => (None, Some(value)),
                false => (Some(value), members.get(&format!("_{name}"))),
            };
            let piece = Piece {
                name,
                form: shape.form,
                value,
                companion,
            };
            pieces.push((shape.order, piece));
        }
        pieces.sort_by_key(|(order, _)| *order);
        let filled = !pieces.is_empty();
        for (_, piece) in pieces {
            self.items(piece)?;
        }
        Ok(filled)
    }

    /// Writes each item of a list, or the one that there is.
    fn items(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        let items = |side: Option<&Value>| side.and_then(Value::as_array).map(Vec::len);
        let Some(length) = items(piece.value).max(items(piece.companion)) else {
            return self.one(piece);
        };
        for n in 0..length {
            let nth = |value: &'_ Value| value.get(n).is_some_and(|item| !item.is_null());
            let item = Piece {
                value: piece
                    .value
                    .filter(|value| nth(value))
                    .map(|value| &value[n]),
                companion: piece
                    .companion
                    .filter(|value| nth(value))
                    .map(|value| &value[n]),
                ..piece
            };
            self.one(item)?;
        }
        Ok(())
    }

    fn one(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        let name = piece.name;
        match (piece.form, piece.value) {
            (Form::Xhtml, Some(Value::String(div))) => {
                self.line();
                narrative::written(&mut self.out, div);
                Ok(())
            }
            (Form::Resource, Some(resource)) => {
                self.begin(name);
                self.close(name, |writer| writer.resource(resource).map(|()| true))
            }
            (Form::Complex(kind), Some(Value::Object(members))) => {
                self.begin(name);
                self.complex(name, kind, members)
            }
            (_, value) => {
                self.begin(name);
                let extra = piece.companion.and_then(Value::as_object);
                if let Some(id) = extra.and_then(|extra| extra.get("id")) {
                    self.attribute("id", id);
                }
                if let Some(value) = value {
                    self.attribute("value", value);
                }
                self.close(name, |writer| match extra {
                    Some(extra) => writer.children(extra, shapes("Extension"), |name| name == "id"),
                    None => Ok(false),
                })
            }
        }
    }

    fn complex(
        &mut self,
        name: &str,
        kind: &str,
        members: &Map<String, Value>,
    ) -> Result<(), Error> {
        let url = members.get("url").filter(|_| kind == "Extension");
        if let Some(id) = members.get("id") {
            self.attribute("id", id);
        }
        if let Some(url) = url {
            self.attribute("url", url);
        }
        self.close(name, |writer| {
            let skipped = |name: &str| name == "id" || (name == "url" && url.is_some());
            writer.children(members, shapes(kind), skipped)
        })
    }
}

/// What is taken for the shape of a member that R4 does not know.
fn guessed(value: &Value, is_companion: bool) -> Shape {
    let first = match value {
        Value::Array(items) => items.first().unwrap_or(value),
        _ => value,
    };
    Shape {
        order: usize::MAX,
        list: value.is_array(),
        form: match first {
            Value::Object(_) if !is_companion => Form::Complex(""),
            _ => Form::Text,
        },
    }
}

/// Whether XML can have an element of this name; R4 has none of another form.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn fault(message: &str) -> Error {
    Error {
        message: message.to_owned(),
        at: None,
        place: None,
    }
}
