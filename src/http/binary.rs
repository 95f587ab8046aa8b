//! Binary as what it holds: read and written by its own media type, without a resource around it.
//!
//! Whoever names a format of FHIR in `Accept` or `_format` gets the resource, everybody else what
//! it holds. It comes from a client and is served at this server's address, so that a browser is
//! told to keep it as a file, to run nothing of it and to guess nothing about it.
//!
//! Specification: <http://hl7.org/fhir/R4/binary.html#rest>.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, header},
};
use bytes::Bytes;
use serde_json::{Value, json};

use super::negotiate;
use crate::{
    fhir::{
        definitions::ResourceType,
        path::{decode_base64, encode_base64},
        reference,
    },
    kernel::problem::{Problem, Result},
    store::Stored,
};

/// What a Binary is the content of (`Binary.securityContext`).
const SECURITY_CONTEXT: HeaderName = HeaderName::from_static("x-security-context");

/// Longest media type that is kept.
const CONTENT_TYPE_MAX: usize = 255;

/// Whether the type is Binary.
pub(super) fn is_binary(kind: Option<ResourceType>) -> bool {
    kind.is_some_and(|kind| kind.name() == "Binary")
}

/// Whether the content is wanted, and not the resource.
pub(super) fn is_content_wanted(headers: &HeaderMap, format: Option<&str>) -> bool {
    format.is_none() && !negotiate::names_resource(headers)
}

/// Whether a body is the content, and not the resource.
pub(super) fn is_content(headers: &HeaderMap) -> bool {
    // XML under its plain names is a document of any kind: who sends the resource says fhir+xml.
    let is_document = negotiate::is_xml(headers) && !negotiate::is_fhir_xml(headers);
    headers.contains_key(header::CONTENT_TYPE) && (is_document || !negotiate::is_resource(headers))
}

/// The resource around a content.
///
/// # Errors
/// `Malformed`, if the media type or the security context cannot be kept.
pub(super) fn wrap(headers: &HeaderMap, id: Option<&str>, content: &[u8]) -> Result<Bytes> {
    let text = |name: &HeaderName| {
        let value = headers.get(name).map(HeaderValue::to_str);
        value.transpose().map_err(|_| {
            Problem::malformed("value", format!("The header {name} holds what is no text."))
        })
    };
    let kind = text(&header::CONTENT_TYPE)?.unwrap_or_default().trim();
    if kind.len() > CONTENT_TYPE_MAX || !kind.contains('/') {
        return Err(Problem::malformed(
            "value",
            "Content-Type names no media type.",
        ));
    }
    let mut tree = json!({ "resourceType": "Binary", "contentType": kind });
    if let Some(id) = id {
        tree["id"] = id.into();
    }
    if let Some(context) = text(&SECURITY_CONTEXT)? {
        if reference::local(context).is_none() {
            let says = "X-Security-Context is a reference such as Patient/1.";
            return Err(Problem::malformed("value", says));
        }
        tree["securityContext"] = json!({ "reference": context });
    }
    if !content.is_empty() {
        tree["data"] = encode_base64(content).into();
    }
    Ok(tree.to_string().into())
}

/// The content of a Binary as a response without its version; none where there is no telling.
pub(super) fn response(stored: &Stored) -> Option<Response<Body>> {
    let tree: Value = stored.tree().ok()?;
    let content = match tree.get("data") {
        Some(data) => decode_base64(data.as_str()?)?,
        None => Vec::new(),
    };
    let mut response = Response::new(Body::from(content));
    let headers = response.headers_mut();
    let octets = HeaderValue::from_static("application/octet-stream");
    let kind = tree["contentType"].as_str().unwrap_or_default();
    let kind = HeaderValue::from_str(kind)
        .ok()
        .filter(|kind| !kind.is_empty());
    headers.insert(header::CONTENT_TYPE, kind.unwrap_or(octets));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let context = tree["securityContext"]["reference"].as_str();
    if let Some(context) = context.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(SECURITY_CONTEXT, context);
    }
    Some(response)
}
