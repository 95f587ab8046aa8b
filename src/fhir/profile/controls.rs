//! What extensions of ElementDefinitions ask: members that later versions of FHIR have, and the
//! control of narratives.
//!
//! Specification: <http://hl7.org/fhir/R5/elementdefinition.html>,
//! <http://hl7.org/fhir/extensions/StructureDefinition-narrative-language-control.html>.

use std::sync::Arc;

use serde_json::Value;

use super::model::{Controls, Element};

/// How the members that R5 adds to ElementDefinition are written in R4.
const LATER: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.";
const ADDITIONAL: &str = "binding.additional";
const TOOLS_ADDITIONAL: &str = "http://hl7.org/fhir/tools/StructureDefinition/additional-binding";
const OWN: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Adds to `element` what the extensions of its definition state.
pub(super) fn state(element: &mut Element, extensions: &Value) {
    let mut controls = element.controls.as_deref().cloned().unwrap_or_default();
    let mut stated = false;
    for extension in extensions.as_array().into_iter().flatten() {
        let url = extension
            .get("url")
            .and_then(Value::as_str)
            .unwrap_or_default();
        stated |= one(&mut controls, url, extension);
    }
    if stated {
        element.controls = Some(Arc::new(controls));
    }
}

fn one(controls: &mut Controls, url: &str, extension: &Value) -> bool {
    let own = url.strip_prefix(OWN);
    let later = url.strip_prefix(LATER);
    let code = || extension.get("valueCode").and_then(Value::as_str);
    match (own, later) {
        (Some("minLength"), _) | (_, Some("minLength")) => {
            controls.min_length = extension.get("valueInteger").and_then(Value::as_u64);
        }
        (_, Some("mustHaveValue")) => {
            controls.must_have_value = extension.get("valueBoolean") == Some(&Value::Bool(true));
        }
        (_, Some("valueAlternatives")) => {
            let url = extension
                .get("valueCanonical")
                .or_else(|| extension.get("valueUri"));
            controls
                .alternatives
                .extend(url.and_then(Value::as_str).map(str::to_owned));
        }
        (Some("narrative-language-control"), _) => {
            controls.languages.extend(code().map(str::to_owned));
        }
        (Some("narrative-source-control"), _) => {
            controls.sources = code().map(str::to_owned);
        }
        _ => return false,
    }
    true
}

/// The value sets of a binding's additional ones that are required wherever the element stands.
pub(super) fn also(binding: &Value) -> Vec<String> {
    let list = |value: &Value| {
        let list = value.get("extension").and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let is_additional = |each: &Value| {
        each.get("url").and_then(Value::as_str).is_some_and(|url| {
            url == TOOLS_ADDITIONAL || url.strip_prefix(LATER) == Some(ADDITIONAL)
        })
    };
    let mut found = Vec::new();
    for additional in list(binding).iter().filter(|each| is_additional(each)) {
        let parts = list(additional);
        let part = |name: &str| {
            parts
                .iter()
                .find(|each| each.get("url").and_then(Value::as_str) == Some(name))
        };
        let purpose = part("purpose").and_then(|each| each.get("valueCode"));
        // What is for some uses only cannot be told of a resource alone.
        if purpose.and_then(Value::as_str) == Some("required") && part("usage").is_none() {
            let canonical = part("valueSet").and_then(|each| each.get("valueCanonical"));
            found.extend(canonical.and_then(Value::as_str).map(str::to_owned));
        }
    }
    found
}
