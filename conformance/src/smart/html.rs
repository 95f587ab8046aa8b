//! The forms of a page, as a browser without scripts would send them.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A form and what it would send untouched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it goes; empty means the page itself.
    pub action: String,
    /// Whether it is sent by POST.
    pub is_post: bool,
    /// Names and values that go along as the page stands.
    pub fields: Vec<(String, String)>,
    /// All names that it has, boxes without a tick and buttons included.
    pub names: Vec<String>,
}

/// All forms of a page, in their order.
pub fn forms(page: &str) -> Vec<Form> {
    static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"(?is)<(/?(?:form|select|textarea)|input|button|option)\b((?:[^>"']|"[^"]*"|'[^']*')*)>"#,
        )
        .ok()
    });
    let Some(tag) = TAG.as_ref() else {
        return Vec::new();
    };
    let mut reading = Reading::default();
    for found in tag.captures_iter(page) {
        let name = found[1].to_ascii_lowercase();
        let rest = found.get(0).map_or("", |whole| &page[whole.end()..]);
        reading.tag(&name, &Attributes::of(&found[2]), rest);
    }
    reading.done
}

#[derive(Default)]
struct Reading {
    done: Vec<Form>,
    open: Option<Form>,
    /// The list that is open, and what it would send.
    select: Option<(String, Option<String>)>,
}

impl Reading {
    fn tag(&mut self, tag: &str, attributes: &Attributes, rest: &str) {
        match tag {
            "form" => {
                self.open = Some(Form {
                    action: attributes.get("action").unwrap_or_default(),
                    is_post: attributes
                        .get("method")
                        .is_some_and(|method| method.eq_ignore_ascii_case("post")),
                    ..Form::default()
                });
            }
            "/form" => self.done.extend(self.open.take()),
            "select" => self.select = attributes.get("name").map(|name| (name, None)),
            "option" => self.option(attributes),
            "/select" => {
                if let Some((name, value)) = self.select.take() {
                    self.has(name, value);
                }
            }
            "textarea" => {
                let inner = rest.split("</").next().unwrap_or_default();
                if let Some(name) = attributes.get("name") {
                    self.has(name, Some(plain(inner)));
                }
            }
            "input" | "button" => self.input(tag, attributes),
            _ => {}
        }
    }

    /// The first of a list is sent unless another is chosen.
    fn option(&mut self, attributes: &Attributes) {
        if let Some((_, value)) = &mut self.select
            && (value.is_none() || attributes.has("selected"))
        {
            *value = attributes.get("value");
        }
    }

    fn input(&mut self, tag: &str, attributes: &Attributes) {
        let Some(name) = attributes.get("name") else {
            return;
        };
        let kind = attributes
            .get("type")
            .unwrap_or_else(|| if tag == "button" { "submit" } else { "text" }.to_owned());
        let value = attributes.get("value");
        let sent = match kind.to_ascii_lowercase().as_str() {
            // What is pressed is named by whoever presses it.
            "submit" | "button" | "image" | "reset" | "file" => None,
            "checkbox" | "radio" => attributes
                .has("checked")
                .then(|| value.unwrap_or_else(|| "on".to_owned())),
            _ => Some(value.unwrap_or_default()),
        };
        self.has(name, sent);
    }

    fn has(&mut self, name: String, value: Option<String>) {
        if let Some(form) = &mut self.open {
            if let Some(value) = value {
                form.fields.push((name.clone(), value));
            }
            form.names.push(name);
        }
    }
}

struct Attributes(Vec<(String, String)>);

impl Attributes {
    fn of(text: &str) -> Self {
        static ONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r#"(?s)([A-Za-z_:][-A-Za-z0-9_:.]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?"#)
                .ok()
        });
        let Some(one) = ONE.as_ref() else {
            return Self(Vec::new());
        };
        let value = |found: &Captures<'_>| {
            [2, 3, 4]
                .iter()
                .find_map(|group| found.get(*group))
                .map_or("", |text| text.as_str())
                .to_owned()
        };
        Self(
            one.captures_iter(text)
                .map(|found| (found[1].to_ascii_lowercase(), plain(&value(&found))))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}

/// A text without its character references.
fn plain(text: &str) -> String {
    static REFERENCE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"&(?:#([0-9]+)|#[xX]([0-9A-Fa-f]+)|([a-z]+));").ok());
    let Some(reference) = REFERENCE.as_ref() else {
        return text.to_owned();
    };
    let letter = |number: Option<u32>| number.and_then(char::from_u32).map(String::from);
    reference
        .replace_all(text, |found: &Captures<'_>| {
            let known = if let Some(decimal) = found.get(1) {
                letter(decimal.as_str().parse().ok())
            } else if let Some(hex) = found.get(2) {
                letter(u32::from_str_radix(hex.as_str(), 16).ok())
            } else {
                match &found[3] {
                    "amp" => Some("&".to_owned()),
                    "lt" => Some("<".to_owned()),
                    "gt" => Some(">".to_owned()),
                    "quot" => Some("\"".to_owned()),
                    "apos" => Some("'".to_owned()),
                    _ => None,
                }
            };
            known.unwrap_or_else(|| found[0].to_owned())
        })
        .into_owned()
}
