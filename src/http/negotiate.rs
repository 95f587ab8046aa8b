//! Formats and preferences: `Accept`, `_format`, `Content-Type`, `Prefer`.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#mime-type>,
//! <http://hl7.org/fhir/R4/http.html#ops>.

mod format;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

pub use self::format::{Wanted, body_to_json, give, is_fhir_xml, is_xml};
use crate::{
    interactions::patch::{JSON_PATCH, MERGE_PATCH, PatchFormat},
    kernel::problem::{Category, Problem, Result},
};

/// What answers are, as they leave the interactions.
pub const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json; charset=utf-8");

/// `Prefer: return=`, what a write answers with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Return {
    /// The resource.
    #[default]
    Representation,
    /// Headers only.
    Minimal,
    /// An OperationOutcome.
    OperationOutcome,
}

/// What the `Prefer` header asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Preference {
    /// `return=`.
    pub returns: Return,
    /// Whether the client named a `return=` at all.
    pub returns_named: bool,
    /// `handling=strict`: an unknown search parameter is an error.
    pub strict: bool,
    /// `respond-async`: the answer may come later.
    pub respond_async: bool,
}

impl Preference {
    /// Reads the `Prefer` headers; what is unknown is left out, as RFC 7240 says.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let mut preference = Self::default();
        let values = headers.get_all(HeaderName::from_static("prefer"));
        for value in values.iter().filter_map(|value| value.to_str().ok()) {
            for token in value.split([',', ';']) {
                preference.take(token);
            }
        }
        preference
    }

    fn take(&mut self, token: &str) {
        let Some((name, value)) = token.trim().split_once('=') else {
            self.respond_async |= token.trim().eq_ignore_ascii_case("respond-async");
            return;
        };
        match (name.trim(), value.trim().trim_matches('"')) {
            ("return", "minimal") => self.returns = Return::Minimal,
            ("return", "representation") => self.returns = Return::Representation,
            ("return", "OperationOutcome") => self.returns = Return::OperationOutcome,
            ("handling", value) => {
                self.strict = value == "strict";
                return;
            }
            _ => return,
        }
        self.returns_named = true;
    }
}

/// Whether an answer is wanted as CSV; `_format` goes before `Accept`, and JSON or XML before CSV
/// where both are named.
#[must_use]
pub fn wants_csv(headers: &HeaderMap, format: Option<&str>) -> bool {
    let is_csv = |range: &str| {
        let essence = range.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("text/csv") || essence.eq_ignore_ascii_case("csv")
    };
    match format {
        Some(format) => is_csv(format),
        None => {
            let values = headers.get_all(header::ACCEPT).iter();
            let mut ranges = values
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','));
            ranges.any(is_csv) && !names_resource(headers)
        }
    }
}

/// Whether `Accept` names a format of resources, and not merely anything.
#[must_use]
pub fn names_resource(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let essence = range.split(';').next().unwrap_or_default().trim();
            RESOURCE
                .iter()
                .any(|name| essence.eq_ignore_ascii_case(name))
        })
}

/// What patch a body is said to be.
#[must_use]
pub fn patch_format(headers: &HeaderMap) -> PatchFormat {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(JSON_PATCH) {
        PatchFormat::Json
    } else if essence.eq_ignore_ascii_case(MERGE_PATCH) {
        PatchFormat::Merge
    } else {
        PatchFormat::Any
    }
}

/// Whether a body is said to be a resource.
#[must_use]
pub fn is_resource(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = text.split(';').next().unwrap_or_default().trim();
    let mut known = RESOURCE.iter();
    known.any(|name| essence.eq_ignore_ascii_case(name))
}

/// Whether a body is said to be CSV.
#[must_use]
pub fn is_csv(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("text/csv")
}

/// What a resource may be said to be; the first is its name.
const RESOURCE: &[&str] = &[
    "application/fhir+json",
    "application/json",
    "text/json",
    "application/fhir+xml",
    "application/xml",
    "text/xml",
];

/// Whether a parameter of a media range leaves what we have acceptable.
fn is_offered(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return true;
    };
    let value = value.trim().trim_matches('"');
    match name.trim() {
        "fhirVersion" => value == "4.0",
        "charset" => value.eq_ignore_ascii_case("utf-8"),
        _ => true,
    }
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFormat {
    /// A resource, as JSON or XML.
    Resource,
    /// `application/x-www-form-urlencoded`, for `_search`.
    Form,
    /// A JSON Patch, or a JSON Merge Patch.
    JsonPatch,
    /// What a Binary is to hold; of any kind.
    Content,
    /// `text/csv`; who reads it tells its encoding from its bytes.
    Csv,
}

/// Refuses a body of another media type or of another encoding than UTF-8.
///
/// # Errors
/// `UnsupportedMediaType`.
pub fn check_content(headers: &HeaderMap, wanted: BodyFormat) -> Result<()> {
    if wanted == BodyFormat::Content {
        return Ok(());
    }
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let known: &[&str] = match wanted {
        BodyFormat::Resource => RESOURCE,
        BodyFormat::Form => &["application/x-www-form-urlencoded"],
        BodyFormat::JsonPatch => &[JSON_PATCH, MERGE_PATCH],
        BodyFormat::Csv | BodyFormat::Content => &["text/csv"],
    };
    let readable = known.iter().any(|name| essence.eq_ignore_ascii_case(name))
        && (wanted == BodyFormat::Csv || parts.all(is_offered));
    if readable {
        return Ok(());
    }
    let due = match wanted {
        BodyFormat::Resource => "application/fhir+json or application/fhir+xml, of FHIR 4.0,",
        _ => known[0],
    };
    Err(Problem::new(
        Category::UnsupportedMediaType,
        "not-supported",
        format!("The body must be {due} in UTF-8."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn csv_is_given_to_whoever_asks_for_it_and_not_for_json() {
        for (accept, wanted) in [
            ("text/csv", true),
            ("text/csv; charset=utf-8, */*;q=0.1", true),
            ("text/csv, application/fhir+json", false),
            ("application/fhir+json", false),
            ("*/*", false),
        ] {
            let headers = with(header::ACCEPT, accept);
            assert_eq!(wants_csv(&headers, None), wanted, "{accept}");
        }
        assert!(wants_csv(&with(header::ACCEPT, "*/*"), Some("csv")));
        assert!(!wants_csv(&with(header::ACCEPT, "text/csv"), Some("json")));
    }

    #[test]
    fn who_can_wait_says_so() {
        let read = |prefer| Preference::read(&with(HeaderName::from_static("prefer"), prefer));
        assert!(read("respond-async, return=minimal").respond_async);
        assert!(!read("return=minimal").respond_async);
    }

    #[test]
    fn bodies_are_json_or_xml_in_utf_8() {
        let json = with(header::CONTENT_TYPE, "application/fhir+json; charset=utf-8");
        assert!(check_content(&json, BodyFormat::Resource).is_ok());
        assert!(check_content(&json, BodyFormat::Form).is_err());
        let xml = with(header::CONTENT_TYPE, "application/fhir+xml;fhirVersion=4.0");
        assert!(check_content(&xml, BodyFormat::Resource).is_ok());
        for refused in [
            "text/plain",
            "application/json; charset=latin1",
            "application/fhir+xml; charset=utf-16",
            "application/xhtml+xml",
        ] {
            let headers = with(header::CONTENT_TYPE, refused);
            assert!(check_content(&headers, BodyFormat::Resource).is_err());
        }
        assert!(check_content(&HeaderMap::new(), BodyFormat::Resource).is_err());
    }

    #[test]
    fn preferences_are_read_from_lists() {
        let headers = with(
            HeaderName::from_static("prefer"),
            "return=\"minimal\", handling=strict, respond-async",
        );
        let expected = Preference {
            returns: Return::Minimal,
            returns_named: true,
            strict: true,
            respond_async: true,
        };
        assert_eq!(Preference::read(&headers), expected);
        assert_eq!(
            Preference::read(&HeaderMap::new()).returns,
            Return::Representation
        );
    }
}
