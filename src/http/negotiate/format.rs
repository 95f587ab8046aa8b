//! JSON and XML: which of them an answer is given in, and which a body came in.
//!
//! Inside, resources are JSON: a body in XML becomes JSON before anybody reads it, an answer in
//! JSON becomes XML, or is laid out for people, after everybody has written it. Who takes JSON as it
//! is gets the bytes that stand in the database.
//!
//! Specification: <http://hl7.org/fhir/R4/http.html#mime-type>,
//! <http://hl7.org/fhir/R4/http.html#parameters>, RFC 9110 section 12.5.1.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, Response, header},
};
use bytes::Bytes;
use serde_json::Value;
use vigie_xml::Layout;

use super::{FHIR_JSON, is_offered};
use crate::{
    fhir::json::{self, Limits},
    interactions::pairs,
    kernel::problem::{Category, Issue, Problem, Result},
};

/// Names of the media types of JSON, and what they are answered with.
const JSON: [(&str, HeaderValue); 3] = [
    ("application/fhir+json", FHIR_JSON),
    (
        "application/json",
        HeaderValue::from_static("application/json; charset=utf-8"),
    ),
    (
        "text/json",
        HeaderValue::from_static("text/json; charset=utf-8"),
    ),
];

/// Names of the media types of XML, and what they are answered with.
const XML: [(&str, HeaderValue); 3] = [
    (
        "application/fhir+xml",
        HeaderValue::from_static("application/fhir+xml; charset=utf-8"),
    ),
    (
        "application/xml",
        HeaderValue::from_static("application/xml; charset=utf-8"),
    ),
    (
        "text/xml",
        HeaderValue::from_static("text/xml; charset=utf-8"),
    ),
];

/// The most media ranges that are looked at.
const MOST_RANGES: usize = 64;

/// How an answer is to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The format; none if none is taken that there is.
    format: Option<Format>,
    /// Whether it is for people to read: `_pretty=true`.
    pretty: bool,
    /// Whether `_format` says so; links repeat it then.
    by_query: bool,
}

/// A format, and the media type that it is called by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    Json(HeaderValue),
    Xml(HeaderValue),
}

impl Wanted {
    /// What the query asks for, else the headers; `_format` goes before `Accept`.
    ///
    /// A query that cannot be read asks for nothing here: who serves it refuses it.
    #[must_use]
    pub fn read(headers: &HeaderMap, query: Option<&str>) -> Self {
        let mut wanted = Self {
            format: None,
            pretty: false,
            by_query: false,
        };
        let query = query.filter(|query| query.contains("_format") || query.contains("_pretty"));
        for (name, value) in query
            .and_then(|query| pairs::read(query).ok())
            .unwrap_or_default()
        {
            match name.as_str() {
                "_format" => {
                    wanted.by_query = true;
                    wanted.format = coded(&value);
                }
                "_pretty" => wanted.pretty = value == "true",
                _ => {}
            }
        }
        if !wanted.by_query {
            wanted.format = accepted(headers);
        }
        wanted
    }

    /// Refuses a request that takes none of the formats there are.
    ///
    /// # Errors
    /// `NotAcceptable`.
    pub fn check(&self) -> Result<()> {
        if self.format.is_some() {
            return Ok(());
        }
        Err(Problem::new(
            Category::NotAcceptable,
            "not-supported",
            "Answers are application/fhir+json or application/fhir+xml, of FHIR 4.0, in UTF-8.",
        ))
    }

    /// Whether the bytes of an answer may stay as they are.
    fn is_as_kept(&self) -> bool {
        !self.pretty && !matches!(self.format, Some(Format::Xml(_)))
    }
}

/// Gives a response in the format that is wanted; what is no resource stays as it is.
pub async fn give(mut response: Response<Body>, wanted: &Wanted) -> Response<Body> {
    let vary = HeaderValue::from_static("Accept");
    response.headers_mut().append(header::VARY, vary);
    if response.headers().get(header::CONTENT_TYPE) != Some(&FHIR_JSON) {
        return response;
    }
    if wanted.is_as_kept() {
        if let Some(Format::Json(kind)) = &wanted.format {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, kind.clone());
        }
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // The body is in memory already: there is nothing to wait for, and nothing that could fail.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let Some((kind, text)) = laid_out(&bytes, wanted) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.insert(header::CONTENT_TYPE, kind);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(text))
}

/// The resource in the format that is wanted; none if it is no resource.
fn laid_out(bytes: &[u8], wanted: &Wanted) -> Option<(HeaderValue, String)> {
    let limits = Limits {
        depth: json::DEEPEST,
    };
    let mut tree = json::parse(bytes, &limits).ok()?;
    match &wanted.format {
        Some(Format::Xml(kind)) => {
            if wanted.by_query {
                keep_format(&mut tree, wanted.pretty);
            }
            let layout = match wanted.pretty {
                true => Layout::Pretty,
                false => Layout::Compact,
            };
            let text = vigie_xml::to_xml(&tree, layout);
            Some((kind.clone(), text.ok()?))
        }
        format => {
            let kind = match format {
                Some(Format::Json(kind)) => kind.clone(),
                _ => FHIR_JSON,
            };
            Some((kind, serde_json::to_string_pretty(&tree).ok()?))
        }
    }
}

/// Repeats the format in the links of a page: who turns the page in the same way reads on.
fn keep_format(tree: &mut Value, pretty: bool) {
    if tree["resourceType"] != "Bundle" {
        return;
    }
    let links = tree.get_mut("link").and_then(Value::as_array_mut);
    for link in links.into_iter().flatten() {
        if let Some(Value::String(url)) = link.get_mut("url") {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str("_format=xml");
            if pretty {
                url.push_str("&_pretty=true");
            }
        }
    }
}

/// Whether a body is said to be a resource in XML.
#[must_use]
pub fn is_xml(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    named(&XML, essence(kind)).is_some()
}

/// Whether a body is said to be FHIR's XML by its own name.
#[must_use]
pub fn is_fhir_xml(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    named(&XML[..1], essence(kind)).is_some()
}

/// A body as JSON, whichever of the two formats its headers tell; `depth` bounds its nesting.
///
/// # Errors
/// `Malformed`, with line, column and place, for XML that is none of FHIR's.
pub fn body_to_json(headers: &HeaderMap, body: Bytes, depth: usize) -> Result<Bytes> {
    if body.is_empty() || !is_xml(headers) {
        return Ok(body);
    }
    let text = std::str::from_utf8(&body)
        .map_err(|_| Problem::malformed("structure", "Bad XML: the text is not valid UTF-8."))?;
    let tree = vigie_xml::from_xml(text, depth).map_err(|error| {
        let mut issue = Issue::error("structure", format!("Bad XML at {error}."));
        issue.expression = error.place;
        let mut problem = Problem::malformed("structure", "");
        problem.issues = vec![issue];
        problem
    })?;
    Ok(tree.to_string().into())
}

fn essence(range: &str) -> &str {
    range.split(';').next().unwrap_or_default().trim()
}

fn named(kinds: &[(&str, HeaderValue)], essence: &str) -> Option<HeaderValue> {
    let mut kinds = kinds.iter();
    let found = kinds.find(|(name, _)| essence.eq_ignore_ascii_case(name));
    found.map(|(_, kind)| kind.clone())
}

/// What `_format` names.
fn coded(format: &str) -> Option<Format> {
    let parameters = format.split(';').skip(1).map(str::trim);
    if !parameters.clone().all(is_offered) {
        return None;
    }
    // A `+` that was not encoded arrives as a space.
    let name = essence(format).replace(' ', "+").to_ascii_lowercase();
    match name.as_str() {
        "json" | "*/*" | "application/*" => return Some(Format::Json(FHIR_JSON)),
        "xml" => return named(&XML, "application/fhir+xml").map(Format::Xml),
        _ => {}
    }
    let json = named(&JSON, &name).map(Format::Json);
    json.or_else(|| named(&XML, &name).map(Format::Xml))
}

/// What the headers prefer; JSON where they take both alike.
fn accepted(headers: &HeaderMap) -> Option<Format> {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return Some(Format::Json(FHIR_JSON));
    }
    let ranges: Vec<Range<'_>> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .take(MOST_RANGES)
        .filter_map(Range::read)
        .collect();
    let (json, xml) = (best(&JSON, &ranges), best(&XML, &ranges));
    // Browsers name XML for the sake of XHTML: they are shown JSON, which they lay out as well.
    let is_browser = ranges.iter().any(|range| range.essence == "text/html");
    match (json, xml) {
        (Some((kind, liked)), Some((_, more))) if liked >= more || is_browser => {
            Some(Format::Json(kind))
        }
        (_, Some((kind, _))) => Some(Format::Xml(kind)),
        (Some((kind, _)), None) => Some(Format::Json(kind)),
        (None, None) => None,
    }
}

/// A media range of `Accept`, and how much it is liked.
#[derive(Debug)]
struct Range<'h> {
    essence: &'h str,
    quality: f32,
}

impl<'h> Range<'h> {
    /// None, if it is of another version or encoding than ours.
    fn read(text: &'h str) -> Option<Self> {
        let mut quality = 1.0;
        for parameter in text.split(';').skip(1).map(str::trim) {
            match parameter.split_once('=') {
                Some((name, value)) if name.trim().eq_ignore_ascii_case("q") => {
                    quality = value.trim().parse().unwrap_or(0.0);
                }
                _ if is_offered(parameter) => {}
                _ => return None,
            }
        }
        Some(Self {
            essence: essence(text),
            quality,
        })
    }
}

/// The media type of a format that is liked best, and how much; none if none is taken.
fn best(kinds: &[(&str, HeaderValue)], ranges: &[Range<'_>]) -> Option<(HeaderValue, f32)> {
    let mut best: Option<(HeaderValue, f32)> = None;
    for (name, kind) in kinds {
        // What names the type itself goes before what names a family.
        let of = |wide: &str| {
            let mut ranges = ranges.iter();
            ranges.find(|range| range.essence.eq_ignore_ascii_case(wide))
        };
        let family = match name.split_once('/') {
            Some(("text", _)) => "text/*",
            _ => "application/*",
        };
        let Some(range) = of(name).or_else(|| of(family)).or_else(|| of("*/*")) else {
            continue;
        };
        if range.quality > 0.0 && best.as_ref().is_none_or(|(_, q)| range.quality > *q) {
            best = Some((kind.clone(), range.quality));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))])
    }

    fn kind(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
        let wanted = Wanted::read(headers, query);
        assert_eq!(wanted.check().is_ok(), wanted.format.is_some());
        wanted.format.map(|format| match format {
            Format::Json(kind) | Format::Xml(kind) => essence(kind.to_str().unwrap()).to_owned(),
        })
    }

    #[test]
    fn the_best_liked_format_is_given_under_the_name_it_was_asked_by() {
        for (value, expected) in [
            ("application/fhir+json", "application/fhir+json"),
            (
                "application/fhir+json; fhirVersion=4.0",
                "application/fhir+json",
            ),
            ("application/json;charset=UTF-8", "application/json"),
            ("Application/FHIR+XML", "application/fhir+xml"),
            ("application/xml", "application/xml"),
            ("text/xml; charset=\"utf-8\"", "text/xml"),
            ("text/*", "text/json"),
            ("*/*", "application/fhir+json"),
            ("application/*;q=0.1", "application/fhir+json"),
            (
                "application/fhir+xml, application/fhir+json",
                "application/fhir+json",
            ),
            (
                "application/fhir+xml, application/fhir+json;q=0.9",
                "application/fhir+xml",
            ),
            ("application/fhir+json;q=0, */*;q=0.1", "application/json"),
            (
                "application/fhir+json;q=0.2, application/json",
                "application/json",
            ),
            ("application/xml, */*;q=0.8", "application/xml"),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                "application/fhir+json",
            ),
            (
                "application/fhir+json; fhirVersion=5.0, application/fhir+xml",
                "application/fhir+xml",
            ),
        ] {
            let found = kind(&accept(value), None);
            assert_eq!(found.as_deref(), Some(expected), "{value}");
        }
        let found = kind(&HeaderMap::new(), None);
        assert_eq!(found.as_deref(), Some("application/fhir+json"));
    }

    #[test]
    fn other_formats_are_refused() {
        for value in [
            "image/png",
            "text/html",
            "text/turtle",
            "application/fhir+json; fhirVersion=5.0",
            "application/fhir+xml; charset=latin1",
            "*/*;q=0",
            "application/json;q=none",
            "",
        ] {
            assert_eq!(kind(&accept(value), None), None, "{value}");
        }
    }

    #[test]
    fn the_format_parameter_goes_before_accept() {
        let html = accept("text/html");
        for (query, expected) in [
            ("_format=json", Some("application/fhir+json")),
            ("a=b&_format=xml", Some("application/fhir+xml")),
            ("_format=application/fhir+xml", Some("application/fhir+xml")),
            (
                "_format=application%2Ffhir%2Bjson",
                Some("application/fhir+json"),
            ),
            ("_format=text/xml", Some("text/xml")),
            ("_format=xml;fhirVersion=5.0", None),
            ("_format=html", None),
            ("_format=ttl", None),
            ("_format=", None),
            ("_pretty=true", None),
        ] {
            assert_eq!(kind(&html, Some(query)).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn bodies_in_xml_become_json() {
        let headers =
            |kind| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let xml = Bytes::from_static(
            b"<Patient xmlns=\"http://hl7.org/fhir\"><active value=\"true\"/></Patient>",
        );
        for kind in [
            "application/fhir+xml; fhirVersion=4.0",
            "text/xml",
            "application/xml",
        ] {
            let json = body_to_json(&headers(kind), xml.clone(), 64).unwrap();
            assert_eq!(json, &b"{\"resourceType\":\"Patient\",\"active\":true}"[..]);
        }
        let kept = body_to_json(&headers("application/fhir+json"), xml.clone(), 64).unwrap();
        assert_eq!(kept, xml);
        let kind = headers("application/fhir+xml");
        assert!(body_to_json(&kind, xml.slice(1..), 64).is_err());
        assert!(body_to_json(&kind, Bytes::from_static(b"\xff"), 64).is_err());
        assert!(body_to_json(&kind, xml, 0).is_err());
    }
}
