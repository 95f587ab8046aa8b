//! Codes by their own code systems, whatever binds them; units by UCUM.

use serde_json::Value;

use super::{
    super::super::terminology::{Coding, Known},
    Judge,
    extension::is_example,
    node::Node,
};

impl<'a> Judge<'a> {
    pub(super) fn coding(&mut self, node: &Node<'a, '_>) {
        let Some(code) = node.text("code") else {
            return;
        };
        let Some(system) = node.text("system") else {
            return;
        };
        if node.kind == "Coding" {
            let place = node.place.member("system");
            if !system.contains(':') {
                return self.error(
                    &place,
                    "value",
                    "The system of a code must be an absolute URI.",
                );
            }
            if system.contains("/ValueSet/") && system.starts_with("http://hl7.org/fhir") {
                return self.error(
                    &place,
                    "value",
                    "This is the URL of a value set, not of a code system.",
                );
            }
        }
        let coding = Coding {
            system: Some(system),
            version: node.text("version"),
            code,
            display: node.text("display"),
        };
        let said = match self.knowledge.terminology.known(&coding) {
            Known::Yes | Known::Untold => return,
            Known::No => (
                "code",
                format!("The code system {system} does not have this code."),
            ),
            Known::Supplement => (
                "system",
                format!(
                    "The code system {system} is a supplement: its codes are those of another."
                ),
            ),
            Known::Otherwise(display) => (
                "display",
                format!("The code system {system} calls this code `{display}`."),
            ),
        };
        let place = node.place.member(said.0);
        if said.0 != "display" || !self.called.contains(&place.path()) {
            self.error(&place, "code-invalid", said.1);
        }
    }

    /// What attachments say of their data.
    pub(super) fn attachment(&mut self, node: &Node<'a, '_>) {
        let (Some(data), Some(size)) =
            (node.text("data"), node.get("size").and_then(Value::as_u64))
        else {
            return;
        };
        let characters = data.bytes().filter(|byte| !byte.is_ascii_whitespace());
        let (mut count, mut padding) = (0_u64, 0_u64);
        for byte in characters {
            count += 1;
            padding += u64::from(byte == b'=');
        }
        let actual = (count / 4 * 3).saturating_sub(padding);
        if actual != size {
            let words = format!("`size` says {size}, and the data has {actual} bytes.");
            self.error(node.place, "value", words);
        }
    }

    /// Identifiers whose system says that the value is a URI.
    pub(super) fn identifier(&mut self, node: &Node<'a, '_>) {
        let is_uri = node.text("system") == Some("urn:ietf:rfc:3986");
        if let Some(value) = node.text("value")
            && is_uri
            && !value.contains(':')
        {
            let words = "The system says that the value is a URI, and it is none.";
            self.error(&node.place.member("value"), "value", words);
        }
    }

    /// Texts that look like markup, where that is refused.
    pub(super) fn text(&mut self, node: &Node<'a, '_>) {
        let is_tag = |after: &str| after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
        if self.rigour.no_markup
            && let Some(text) = node.value.as_str()
            && text.split('<').skip(1).any(is_tag)
        {
            self.error(node.place, "value", "The text has what looks like markup.");
        }
    }

    /// URIs of forms that are fixed.
    pub(super) fn uri(&mut self, node: &Node<'a, '_>) {
        let Some(text) = node.value.as_str() else {
            return;
        };
        if node.kind == "canonical" && !text.contains(':') && !text.starts_with('#') {
            let words = "A canonical must be absolute, or name a contained resource.";
            return self.error(node.place, "value", words);
        }
        if self.rigour.no_examples && is_example(text) {
            self.error(node.place, "value", "This is the URL of an example.");
        }
        if let Some(uuid) = text.strip_prefix("urn:uuid:") {
            let plain = uuid.split(['#', '|']).next().unwrap_or(uuid);
            if !is_uuid(plain) {
                self.error(
                    node.place,
                    "value",
                    "A UUID must be valid, in small letters.",
                );
            }
        } else if let Some(oid) = text.strip_prefix("urn:oid:") {
            let plain = oid.split(['#', '|']).next().unwrap_or(oid);
            if plain.is_empty()
                || !plain
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
            {
                self.error(node.place, "value", "An OID must be valid.");
            }
        }
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(n, byte)| match n {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}
