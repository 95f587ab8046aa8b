//! From XML to the JSON shape.
//!
//! Specification: <http://hl7.org/fhir/R4/xml.html>, <http://hl7.org/fhir/R4/json.html>.

use serde_json::{Map, Number, Value};

use crate::{
    FHIR, XHTML, characters,
    fault::{Error, Fault, Read},
    lexer::{Attribute, Lexer, Tag, Token},
    names::{self, Mark, Names},
    narrative::{self, SPACE},
    shape::{Form, Shape, Shapes, shapes},
};

/// Where a schema lies: `xsi:schemaLocation` may stand in a resource and says nothing.
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The longest name that an error repeats.
const LONGEST_SHOWN: usize = 64;

pub fn document(text: &str, depth: usize) -> Result<Value, Error> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        lexer: Lexer::new(body),
        names: Names::default(),
        free: depth,
    };
    reader.document().map_err(|fault| fault.into_error(body))
}

struct Reader<'a> {
    lexer: Lexer<'a>,
    names: Names<'a>,
    /// How many objects and lists may still be opened, one in the other.
    free: usize,
}

/// What stands between the tags of an element.
enum Inner<'a> {
    Child(Tag<'a>),
    End,
}

/// What the attributes of an element say.
#[derive(Default)]
struct Said {
    id: Option<String>,
    url: Option<String>,
    value: Option<String>,
}

/// The value of a primitive, and its id and extensions.
type Primitive = (Option<Value>, Option<Map<String, Value>>);

/// A child with what is known of it.
struct Child<'a, 'n> {
    tag: &'a Tag<'n>,
    name: &'a str,
    shape: Shape,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Read<Value> {
        self.lexer.declaration()?;
        let mut resource = None;
        loop {
            let at = self.lexer.at();
            match self.lexer.token()? {
                Token::Start(tag) if resource.is_none() => resource = Some(self.resource(&tag)?),
                Token::Text(words) if is_space(words) => {}
                Token::Aside => {}
                Token::Done => {
                    return resource.ok_or_else(|| Fault::at(at, "there is no resource"));
                }
                _ => return Err(Fault::at(at, "an XML document is one element: a resource")),
            }
        }
    }

    /// The next child, or the end of the element `name`.
    fn inner(&mut self, name: &str) -> Read<Inner<'a>> {
        loop {
            let at = self.lexer.at();
            match self.lexer.token()? {
                Token::Start(tag) => return Ok(Inner::Child(tag)),
                Token::End(ended) if ended == name => return Ok(Inner::End),
                Token::End(_) => return Err(Fault::at(at, format!("`</{name}>` is due here"))),
                Token::Text(words) if is_space(words) => {}
                Token::Text(_) | Token::Data => {
                    let words = "text stands only in attributes and in narrative";
                    return Err(Fault::at(at, words));
                }
                Token::Aside => {}
                Token::Done => return Err(Fault::at(at, "the text ends too early")),
            }
        }
    }

    /// Reads `levels` further down.
    fn nested<T>(
        &mut self,
        (at, levels): (usize, usize),
        read: impl FnOnce(&mut Self) -> Read<T>,
    ) -> Read<T> {
        let Some(free) = self.free.checked_sub(levels) else {
            return Err(Fault::at(at, "the nesting is too deep"));
        };
        let before = std::mem::replace(&mut self.free, free);
        let read = read(self)?;
        self.free = before;
        Ok(read)
    }

    fn enter(&mut self, tag: &Tag<'a>) -> Read<(Mark, &'a str)> {
        let mark = self.names.enter(tag)?;
        match self.names.element(tag.at, tag.name)? {
            (FHIR, local) => Ok((mark, local)),
            (XHTML, "div") => Ok((mark, "div")),
            _ => {
                let words = format!("this element must be of the namespace {FHIR}");
                Err(Fault::at(tag.at, words))
            }
        }
    }

    fn said(&self, tag: &Tag<'a>) -> Read<Said> {
        let mut said = Said::default();
        for attribute in &tag.attributes {
            if names::bound(attribute.name).is_some() {
                continue;
            }
            let place = match self.names.attribute(attribute.at, attribute.name)? {
                ("", "id") => &mut said.id,
                ("", "url") => &mut said.url,
                ("", "value") => &mut said.value,
                (SCHEMA_INSTANCE, _) => continue,
                _ => return Err(Fault::at(attribute.at, unknown_attribute(attribute))),
            };
            let value =
                characters::value(attribute.raw).map_err(|words| Fault::at(attribute.at, words))?;
            *place = Some(value.into_owned());
        }
        Ok(said)
    }

    fn resource(&mut self, tag: &Tag<'a>) -> Read<Value> {
        let (mark, kind) = self.enter(tag)?;
        let Some(shapes) = shapes(kind).filter(|shapes| shapes.contains_key("implicitRules"))
        else {
            let words = format!("R4 has no resource type {}", shown(kind));
            return Err(Fault::at(tag.at, words));
        };
        let said = self.said(tag).map_err(|fault| fault.within(kind, None))?;
        refuse(tag, [&said.id, &said.url, &said.value])
            .map_err(|fault| fault.within(kind, None))?;
        let mut members = Map::new();
        members.insert("resourceType".to_owned(), kind.into());
        let whole = Whole {
            kind,
            shapes,
            is_resource: true,
        };
        self.nested((tag.at, 1), |reader| {
            reader.members(tag, whole, &mut members)
        })
        .map_err(|fault| fault.within(kind, None))?;
        self.names.leave(mark);
        Ok(Value::Object(members))
    }

    fn complex(&mut self, tag: &Tag<'a>, kind: &'static str) -> Read<Value> {
        let said = self.said(tag)?;
        let mut members = Map::new();
        let whole = Whole {
            kind,
            shapes: shapes(kind).ok_or_else(|| Fault::at(tag.at, "this type is not known"))?,
            is_resource: false,
        };
        if let Some(id) = said.id {
            members.insert("id".to_owned(), id.into());
        }
        if kind == "Extension" {
            refuse(tag, [&said.value])?;
            if let Some(url) = said.url {
                members.insert("url".to_owned(), url.into());
            }
        } else {
            refuse(tag, [&said.url, &said.value])?;
        }
        self.nested((tag.at, 1), |reader| {
            reader.members(tag, whole, &mut members)
        })?;
        Ok(Value::Object(members))
    }

    /// The children of an element, into the members of its object.
    fn members(
        &mut self,
        tag: &Tag<'a>,
        whole: Whole<'_>,
        members: &mut Map<String, Value>,
    ) -> Read<()> {
        let mut gaps = Vec::new();
        if tag.empty {
            return Ok(());
        }
        while let Inner::Child(tag) = self.inner(tag.name)? {
            let (mark, name) = self.enter(&tag)?;
            let Some(shape) = whole.child(name) else {
                let words = format!("`{}` has no element {}", whole.kind, shown(name));
                return Err(Fault::at(tag.at, words));
            };
            let child = Child {
                tag: &tag,
                name,
                shape,
            };
            let item = shape.list.then(|| {
                let items = members.get(name).and_then(Value::as_array);
                items.map_or(0, Vec::len)
            });
            self.member(&child, members, &mut gaps)
                .map_err(|fault| fault.within(name, item))?;
            self.names.leave(mark);
        }
        // A list in which no item has a value is told by its companion alone.
        for name in gaps {
            let is_void = |value: &Value| {
                let items = value.as_array();
                items.is_some_and(|items| items.iter().all(Value::is_null))
            };
            if members.get(&name).is_some_and(is_void) {
                members.shift_remove(&name);
            }
        }
        Ok(())
    }

    fn member(
        &mut self,
        child: &Child<'_, 'a>,
        members: &mut Map<String, Value>,
        gaps: &mut Vec<String>,
    ) -> Read<()> {
        let Child { tag, name, shape } = *child;
        let is_xhtml = self.names.element(tag.at, tag.name)?.0 == XHTML;
        if is_xhtml != (shape.form == Form::Xhtml) {
            let words = match is_xhtml {
                true => format!("this element must be of the namespace {FHIR}"),
                false => format!("the narrative must be of the namespace {XHTML}"),
            };
            return Err(Fault::at(tag.at, words));
        }
        let is_told = |members: &Map<String, Value>| {
            members.contains_key(name) || members.contains_key(&format!("_{name}"))
        };
        if !shape.list && is_told(members) {
            return Err(Fault::at(tag.at, "this element occurs only once"));
        }
        let level = (tag.at, usize::from(shape.list));
        let value = self.nested(level, |reader| match shape.form {
            Form::Xhtml => {
                narrative::take(&mut reader.lexer, &mut reader.names, tag).map(Value::String)
            }
            Form::Resource => reader.held(tag),
            Form::Complex(kind) => reader.complex(tag, kind),
            Form::Boolean | Form::Number | Form::Text => Ok(Value::Null),
        })?;
        if value.is_null() {
            let (value, extra) = self.primitive(tag, shape)?;
            add_primitive(members, child, (value, extra), gaps);
        } else if shape.list {
            push(members, name, value);
        } else {
            members.insert(name.to_owned(), value);
        }
        Ok(())
    }

    /// The one resource in an element such as `contained`.
    fn held(&mut self, tag: &Tag<'a>) -> Read<Value> {
        let said = self.said(tag)?;
        refuse(tag, [&said.id, &said.url, &said.value])?;
        let one = "exactly one resource is due here";
        if tag.empty {
            return Err(Fault::at(tag.at, one));
        }
        let Inner::Child(inner) = self.inner(tag.name)? else {
            return Err(Fault::at(tag.at, one));
        };
        let resource = self.resource(&inner)?;
        match self.inner(tag.name)? {
            Inner::End => Ok(resource),
            Inner::Child(second) => Err(Fault::at(second.at, one)),
        }
    }

    /// The value of a primitive, and what else it has.
    fn primitive(&mut self, tag: &Tag<'a>, shape: Shape) -> Read<Primitive> {
        let said = self.said(tag)?;
        refuse(tag, [&said.url])?;
        let mut extra = Map::new();
        if let Some(id) = said.id {
            extra.insert("id".to_owned(), id.into());
        }
        let level = (tag.at, usize::from(shape.list) + 1);
        if !tag.empty {
            self.nested(level, |reader| reader.extensions(tag, &mut extra))?;
        }
        let value = said.value.map(|text| typed(text, shape.form));
        if value.is_none() && extra.is_empty() {
            return Err(Fault::at(tag.at, "this element has no value"));
        }
        Ok((value, (!extra.is_empty()).then_some(extra)))
    }

    fn extensions(&mut self, tag: &Tag<'a>, extra: &mut Map<String, Value>) -> Read<()> {
        while let Inner::Child(inner) = self.inner(tag.name)? {
            let (mark, name) = self.enter(&inner)?;
            if name != "extension" {
                let words = format!("a primitive has no element {}", shown(name));
                return Err(Fault::at(inner.at, words));
            }
            let items = extra.get(name).and_then(Value::as_array);
            let item = items.map_or(0, Vec::len);
            let extension = self
                .nested((inner.at, 1), |reader| reader.complex(&inner, "Extension"))
                .map_err(|fault| fault.within(name, Some(item)))?;
            push(extra, name, extension);
            self.names.leave(mark);
        }
        Ok(())
    }
}

/// A type and its elements.
#[derive(Clone, Copy)]
struct Whole<'s> {
    kind: &'s str,
    shapes: &'static Shapes,
    is_resource: bool,
}

impl Whole<'_> {
    /// What is known of a child; what XML has as attributes is none.
    fn child(&self, name: &str) -> Option<Shape> {
        let is_attribute =
            !self.is_resource && (name == "id" || (name == "url" && self.kind == "Extension"));
        self.shapes.get(name).copied().filter(|_| !is_attribute)
    }
}

fn is_space(words: &str) -> bool {
    words.trim_matches(SPACE).is_empty()
}

/// Refuses attributes that this element does not have.
fn refuse<const N: usize>(tag: &Tag<'_>, absent: [&Option<String>; N]) -> Read<()> {
    match absent.iter().any(|value| value.is_some()) {
        true => Err(Fault::at(
            tag.at,
            "this element has an attribute that is not its own",
        )),
        false => Ok(()),
    }
}

fn unknown_attribute(attribute: &Attribute<'_>) -> String {
    format!("no element has an attribute {}", shown(attribute.name))
}

/// A name as an error may repeat it.
fn shown(name: &str) -> String {
    let plain = name.len() <= LONGEST_SHOWN && name.bytes().all(|b| b.is_ascii_alphanumeric());
    match plain {
        true => format!("`{name}`"),
        false => "of this name".to_owned(),
    }
}

/// The value as JSON has it; what has not the form of its type stays text.
fn typed(text: String, form: Form) -> Value {
    match (form, text.as_str()) {
        (Form::Boolean, "true") => true.into(),
        (Form::Boolean, "false") => false.into(),
        (Form::Number, number) => match read_number(number) {
            Some(number) => Value::Number(number),
            None => Value::String(text),
        },
        _ => Value::String(text),
    }
}

fn read_number(text: &str) -> Option<Number> {
    // The parser would pass over white space at both ends.
    let framed = text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit());
    let is_number = framed && text.parse::<Number>().is_ok();
    // What parsing gives would write `E-22` as `e-22`.
    is_number.then(|| Number::from_string_unchecked(text.to_owned()))
}

fn push(members: &mut Map<String, Value>, name: &str, value: Value) {
    match members.get_mut(name) {
        Some(Value::Array(items)) => items.push(value),
        _ => {
            members.insert(name.to_owned(), Value::Array(vec![value]));
        }
    }
}

fn add_primitive(
    members: &mut Map<String, Value>,
    child: &Child<'_, '_>,
    (value, extra): Primitive,
    gaps: &mut Vec<String>,
) {
    let companion = format!("_{}", child.name);
    let extra = extra.map(Value::Object);
    if !child.shape.list {
        if let Some(value) = value {
            members.insert(child.name.to_owned(), value);
        }
        if let Some(extra) = extra {
            members.insert(companion, extra);
        }
        return;
    }
    if value.is_none() && !gaps.iter().any(|name| name == child.name) {
        gaps.push(child.name.to_owned());
    }
    push(members, child.name, value.unwrap_or_default());
    let length = members[child.name].as_array().map_or(0, Vec::len);
    match (members.get_mut(&companion), extra) {
        (Some(Value::Array(items)), extra) => items.push(extra.unwrap_or_default()),
        (_, Some(extra)) => {
            let mut items = vec![Value::Null; length - 1];
            items.push(extra);
            members.insert(companion, Value::Array(items));
        }
        (_, None) => {}
    }
}
