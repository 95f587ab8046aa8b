//! The bounds that a form sets on single values.
//!
//! Specification: <http://hl7.org/fhir/R4/questionnaire-profiles.html>,
//! <http://hl7.org/fhir/uv/sdc/STU3/rendering.html>.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    super::{
        core, sdc,
        value::{chosen, compare},
    },
    Judge,
};
use crate::fhir::{
    canonical::{extensions, find_extension},
    definitions::ResourceType,
    path::{decode_base64, limits::PATTERN_LENGTH_MAX, limits::PATTERN_SIZE_MAX},
};

pub(super) const MIN_OCCURS: &str = core!("questionnaire-minOccurs");
pub(super) const MAX_OCCURS: &str = core!("questionnaire-maxOccurs");
const MIN_LENGTH: &str = core!("minLength");
const REGEX: &str = core!("regex");
const MAX_DECIMAL_PLACES: &str = core!("maxDecimalPlaces");
const MAX_SIZE: &str = core!("maxSize");
const MIME_TYPE: &str = core!("mimeType");
const REFERENCE_RESOURCE: &str = core!("questionnaire-referenceResource");
/// Lower and upper bounds, and those of quantities by their own name.
const LEAST: [&str; 2] = [core!("minValue"), sdc!("minQuantity")];
const MOST: [&str; 2] = [core!("maxValue"), sdc!("maxQuantity")];

/// A whole number that an extension states.
pub(super) fn whole(item: &Value, url: &str) -> Option<u64> {
    let (_, value) = chosen(find_extension(item, url)?, "value")?;
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

impl<'a> Judge<'a> {
    /// The bounds on a value of the right type.
    pub(super) fn limits(&mut self, item: &'a Value, value: &'a Value, place: &str) {
        self.range(item, value, (&LEAST, Ordering::Less), place);
        self.range(item, value, (&MOST, Ordering::Greater), place);
        match value {
            Value::String(text) => self.text(item, text, place),
            Value::Number(number) => {
                let places = number
                    .as_str()
                    .split_once('.')
                    .map_or(0, |(_, of)| of.len());
                if whole(item, MAX_DECIMAL_PLACES).is_some_and(|most| places as u64 > most) {
                    self.fault(
                        "value",
                        place.to_owned(),
                        "This has too many decimal places.",
                    );
                }
            }
            Value::Object(_) if item["type"] == "attachment" => {
                self.attachment(item, value, place);
            }
            Value::Object(_) if value["reference"].is_string() => {
                self.reference(item, value, place);
            }
            _ => {}
        }
    }

    fn range(
        &mut self,
        item: &Value,
        value: &Value,
        (urls, beyond): (&[&str], Ordering),
        place: &str,
    ) {
        for bound in urls.iter().filter_map(|url| find_extension(item, url)) {
            let Some((_, bound)) = chosen(bound, "value") else {
                continue;
            };
            match compare(value, bound) {
                Some(order) if order == beyond => {
                    let says = if beyond == Ordering::Less {
                        "The value is below the least that the form takes."
                    } else {
                        "The value is above the most that the form takes."
                    };
                    self.fault("value", place.to_owned(), says);
                }
                None if value.is_object() => {
                    let says = "The value cannot be compared with the form's bound: their units \
                                are not of one kind.";
                    self.fault("value", place.to_owned(), says);
                }
                _ => {}
            }
        }
    }

    fn text(&mut self, item: &Value, text: &str, place: &str) {
        let length = text.chars().count() as u64;
        if item["maxLength"].as_u64().is_some_and(|most| length > most) {
            self.fault("too-long", place.to_owned(), "The text is too long.");
        }
        if whole(item, MIN_LENGTH).is_some_and(|least| length < least) {
            self.fault("value", place.to_owned(), "The text is too short.");
        }
        if item["type"] == "string" && text.contains(['\n', '\r']) {
            let says = "The answer to a question of type string should be one line.";
            self.warn("value", place.to_owned(), says);
        }
        let pattern = find_extension(item, REGEX).and_then(|one| chosen(one, "value"));
        if let Some(pattern) = pattern.and_then(|(_, pattern)| pattern.as_str()) {
            match matches(pattern, text) {
                Some(true) => {}
                Some(false) => {
                    let says = "The text is not of the form that is asked for.";
                    self.fault("value", place.to_owned(), says);
                }
                None => {
                    let says = "The form's regular expression cannot be used.";
                    self.warn("not-supported", place.to_owned(), says);
                }
            }
        }
    }

    fn attachment(&mut self, item: &Value, attachment: &Value, place: &str) {
        let types = extensions(item, MIME_TYPE).filter_map(|one| chosen(one, "value"));
        let types: Vec<&str> = types.filter_map(|(_, value)| value.as_str()).collect();
        let own = attachment["contentType"].as_str().unwrap_or_default();
        if !types.is_empty() && !types.contains(&own) {
            let says = "The attachment is not of a type that the form takes.";
            self.fault("value", place.to_owned(), says);
        }
        let data = attachment["data"].as_str().and_then(decode_base64);
        let data = data.map(|data| data.len() as u64);
        let stated = attachment["size"].as_u64();
        if let (Some(data), Some(stated)) = (data, stated)
            && data != stated
        {
            let says = "The attachment is not of the size that it states.";
            self.fault("value", place.to_owned(), says);
        }
        let size = data.or(stated);
        if whole(item, MAX_SIZE).is_some_and(|most| size.is_some_and(|size| size > most)) {
            self.fault("too-long", place.to_owned(), "The attachment is too large.");
        }
    }

    fn reference(&mut self, item: &Value, reference: &Value, place: &str) {
        let text = reference["reference"].as_str().unwrap_or_default();
        if text.contains(char::is_whitespace) {
            self.fault("value", place.to_owned(), "This is no reference.");
            return;
        }
        let mut parts = text.rsplit('/').skip(1);
        let named = parts
            .next()
            .filter(|part| part.starts_with(|first: char| first.is_ascii_uppercase()));
        let known = named.and_then(ResourceType::named);
        if named.is_some() && known.is_none() {
            let says = "The reference names no resource type of R4.";
            self.fault("value", place.to_owned(), says);
        }
        let allowed = extensions(item, REFERENCE_RESOURCE).filter_map(|one| chosen(one, "value"));
        let allowed: Vec<&str> = allowed.filter_map(|(_, value)| value.as_str()).collect();
        if let Some(known) = known
            && !allowed.is_empty()
            && !allowed.contains(&known.name())
        {
            let says = format!("The form takes a reference to {}.", allowed.join(" or "));
            self.fault("value", place.to_owned(), says);
        }
    }
}

/// Whether a text is of a pattern, from its first character to its last; none where the pattern
/// is none, or costs too much.
fn matches(pattern: &str, text: &str) -> Option<bool> {
    if pattern.len() > PATTERN_LENGTH_MAX {
        return None;
    }
    let whole = regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(PATTERN_SIZE_MAX)
        .dfa_size_limit(PATTERN_SIZE_MAX)
        .build();
    whole.ok().map(|whole| whole.is_match(text))
}
