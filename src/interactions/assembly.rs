//! Bundles put together from stored bytes, none of which is parsed again.
//!
//! Specification: <http://hl7.org/fhir/R4/bundle.html>.

use bytes::Bytes;
use serde_json::Value;

use crate::{fhir::date, store::Stored};

/// `Bundle.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleKind {
    /// What a search found.
    Searchset,
    /// Versions of a resource.
    History,
    /// What became of the entries of a batch.
    BatchResponse,
    /// What became of the entries of a transaction.
    TransactionResponse,
}

impl BundleKind {
    const fn code(self) -> &'static str {
        match self {
            Self::Searchset => "searchset",
            Self::History => "history",
            Self::BatchResponse => "batch-response",
            Self::TransactionResponse => "transaction-response",
        }
    }
}

/// One `Bundle.entry`; what is absent is left out.
#[derive(Debug, Clone, Default)]
pub struct Entry<'a> {
    /// `fullUrl`.
    pub full_url: Option<String>,
    /// `resource`, serialised.
    pub resource: Option<&'a [u8]>,
    /// `search.mode`.
    pub mode: Option<&'static str>,
    /// `request.method` and `request.url`.
    pub request: Option<(&'static str, String)>,
    /// `response`.
    pub response: Option<Value>,
}

/// A Bundle being written: kind and total, then links, then entries.
#[derive(Debug)]
pub struct Assembly {
    bytes: Vec<u8>,
    links: usize,
    entries: usize,
}

impl Assembly {
    /// Starts a Bundle.
    #[must_use]
    pub fn new(kind: BundleKind, total: Option<u64>) -> Self {
        let mut assembly = Self {
            bytes: Vec::with_capacity(4_096),
            links: 0,
            entries: 0,
        };
        assembly.raw(r#"{"resourceType":"Bundle","type":""#);
        assembly.raw(kind.code());
        assembly.raw("\"");
        if let Some(total) = total {
            assembly.raw(&format!(r#","total":{total}"#));
        }
        assembly
    }

    /// Adds a link; all links come before the first entry.
    pub fn link(&mut self, relation: &str, url: &str) {
        let opening = if self.links == 0 {
            r#","link":[{"relation":"#
        } else {
            r#",{"relation":"#
        };
        self.links += 1;
        self.raw(opening);
        self.text(relation);
        self.raw(r#","url":"#);
        self.text(url);
        self.raw("}");
    }

    /// Adds an entry.
    pub fn entry(&mut self, entry: &Entry<'_>) {
        self.close_links();
        self.raw(if self.entries == 0 {
            r#","entry":[{"#
        } else {
            ",{"
        });
        self.entries += 1;
        let start = self.bytes.len();
        if let Some(url) = &entry.full_url {
            self.member(start, "fullUrl");
            self.text(url);
        }
        if let Some(resource) = entry.resource {
            self.member(start, "resource");
            self.bytes.extend_from_slice(resource);
        }
        if let Some(mode) = entry.mode {
            self.member(start, "search");
            self.raw(r#"{"mode":""#);
            self.raw(mode);
            self.raw("\"}");
        }
        if let Some((method, url)) = &entry.request {
            self.member(start, "request");
            self.raw(r#"{"method":""#);
            self.raw(method);
            self.raw(r#"","url":"#);
            self.text(url);
            self.raw("}");
        }
        if let Some(response) = &entry.response {
            self.member(start, "response");
            self.raw(&response.to_string());
        }
        self.raw("}");
    }

    /// The Bundle's bytes.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        self.close_links();
        if self.entries > 0 {
            self.raw("]");
        }
        self.raw("}");
        self.bytes.into()
    }

    fn close_links(&mut self) {
        if self.links > 0 && self.entries == 0 {
            self.raw("]");
            self.links = 0;
        }
    }

    fn member(&mut self, start: usize, name: &str) {
        if self.bytes.len() > start {
            self.raw(",");
        }
        self.raw("\"");
        self.raw(name);
        self.raw("\":");
    }

    fn text(&mut self, text: &str) {
        self.raw(&Value::from(text).to_string());
    }

    fn raw(&mut self, json: &str) {
        self.bytes.extend_from_slice(json.as_bytes());
    }
}

/// `Bundle.entry.response` for a version.
pub fn response(status: &str, stored: &Stored) -> Value {
    serde_json::json!({
        "status": status,
        "etag": format!("W/\"{}\"", stored.version),
        "lastModified": date::instant(stored.updated),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_part_lands_where_r4_has_it() {
        let mut assembly = Assembly::new(BundleKind::Searchset, Some(2));
        assembly.link("self", "http://vigie.test/fhir/Patient?name=\"a\"");
        assembly.link("next", "http://vigie.test/fhir/Patient?_page=1");
        assembly.entry(&Entry {
            full_url: Some("http://vigie.test/fhir/Patient/1".to_owned()),
            resource: Some(br#"{"resourceType":"Patient","id":"1"}"#),
            mode: Some("match"),
            ..Entry::default()
        });
        assembly.entry(&Entry {
            request: Some(("DELETE", "Patient/2".to_owned())),
            response: Some(json!({"status": "204"})),
            ..Entry::default()
        });
        let tree: Value = serde_json::from_slice(&assembly.finish()).unwrap();
        let expected = json!({
            "resourceType": "Bundle", "type": "searchset", "total": 2,
            "link": [
                {"relation": "self", "url": "http://vigie.test/fhir/Patient?name=\"a\""},
                {"relation": "next", "url": "http://vigie.test/fhir/Patient?_page=1"},
            ],
            "entry": [
                {"fullUrl": "http://vigie.test/fhir/Patient/1",
                 "resource": {"resourceType": "Patient", "id": "1"},
                 "search": {"mode": "match"}},
                {"request": {"method": "DELETE", "url": "Patient/2"},
                 "response": {"status": "204"}},
            ],
        });
        assert_eq!(tree, expected);
    }

    #[test]
    fn nothing_is_written_for_what_is_not_there() {
        let empty = Assembly::new(BundleKind::History, None).finish();
        assert_eq!(&empty[..], br#"{"resourceType":"Bundle","type":"history"}"#);
        let mut linked = Assembly::new(BundleKind::Searchset, Some(0));
        linked.link("self", "x");
        let tree: Value = serde_json::from_slice(&linked.finish()).unwrap();
        assert_eq!(tree["link"][0]["url"], "x");
        assert!(tree.get("entry").is_none());
    }
}
