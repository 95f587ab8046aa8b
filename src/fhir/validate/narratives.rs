//! The narratives of a resource, wherever they are in it: contained, or in an entry of a bundle.

use serde_json::{Map, Value};

use super::place::Place;
use crate::{
    fhir::narrative::{self, Images, Rigour, read},
    kernel::problem::Issue,
};

/// Most faults that are told of one resource.
const FAULTS_MAX: usize = 20;

/// What narratives hold that does something in a browser, each fault at its place.
pub(super) fn faults(resource: &Value) -> Vec<Issue> {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let mut walk = Walk { faults: Vec::new() };
    walk.value(resource, &Place::root(kind), Images::Own);
    walk.faults
}

/// Takes out of every narrative what does something in a browser. One that is harmless stays as it
/// is, to the byte, and so does one that cannot be read: it is refused by [`faults`].
pub(super) fn clean(resource: &mut Value) {
    clean_value(resource, &Source::Own);
}

/// As [`Images`], by itself.
#[derive(Clone)]
enum Source {
    Own,
    This(String),
    Any,
}

impl Source {
    fn images(&self) -> Images<'_> {
        match self {
            Self::Own => Images::Own,
            Self::This(url) => Images::This(url),
            Self::Any => Images::Any,
        }
    }
}

fn clean_value(value: &mut Value, source: &Source) {
    match value {
        Value::Object(members) => {
            let kind = members.get("resourceType").and_then(Value::as_str);
            let source = kind.map_or_else(
                || source.clone(),
                |kind| match images_of(kind, members) {
                    Images::Own => Source::Own,
                    Images::This(url) => Source::This(url.to_owned()),
                    Images::Any => Source::Any,
                },
            );
            for (name, value) in members.iter_mut() {
                match value {
                    Value::String(div) if name == "div" => clean_div(div, source.images()),
                    _ => clean_value(value, &source),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| clean_value(item, source)),
        _ => {}
    }
}

fn clean_div(div: &mut String, images: Images<'_>) {
    if read(div, Rigour::Inert(images)).is_err()
        && let Ok(cleaned) = narrative::clean(div, images)
    {
        *div = cleaned;
    }
}

struct Walk {
    faults: Vec<Issue>,
}

impl Walk {
    fn value(&mut self, value: &Value, place: &Place<'_>, images: Images<'_>) {
        match value {
            Value::Object(members) => {
                let kind = members.get("resourceType").and_then(Value::as_str);
                let images = kind.map_or(images, |kind| images_of(kind, members));
                for (name, value) in members {
                    let place = place.member(name);
                    match value {
                        // No other element of R4 has this name.
                        Value::String(div) if name == "div" => self.div(div, &place, images),
                        _ => self.value(value, &place, images),
                    }
                }
            }
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    self.value(item, &place.item(n), images);
                }
            }
            _ => {}
        }
    }

    fn div(&mut self, div: &str, place: &Place<'_>, images: Images<'_>) {
        if self.faults.len() >= FAULTS_MAX {
            return;
        }
        if let Err(words) = read(div, Rigour::Inert(images)) {
            let fault = Issue::error("invalid", words).at(place.path());
            self.faults.push(fault);
        }
    }
}

/// From where a resource's narrative may load images.
fn images_of<'v>(kind: &str, members: &'v Map<String, Value>) -> Images<'v> {
    match kind {
        // Its tables are drawn with the icons of the specification, and who writes pathways
        // reads them, and nobody else.
        "StructureDefinition" => Images::Any,
        // Who is shown a Media is shown what it holds, by whatever element.
        "Media" => {
            let content = members.get("content");
            let url = content.and_then(|content| content.get("url")?.as_str());
            url.map_or(Images::Own, Images::This)
        }
        _ => Images::Own,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ACTIVE: &str = "<div><script>1</script></div>";
    const REMOTE: &str = "<div><img src=\"https://a.example/1?b=c&amp;d=e\"/></div>";

    fn places(resource: &Value) -> Vec<String> {
        let faults = faults(resource).into_iter();
        faults.filter_map(|fault| fault.expression).collect()
    }

    #[test]
    fn a_narrative_is_found_wherever_it_is() {
        let text = json!({ "status": "generated", "div": ACTIVE });
        let patient = json!({
            "resourceType": "Patient",
            "text": text,
            "contained": [{ "resourceType": "Organization", "text": text }],
        });
        assert_eq!(
            places(&patient),
            ["Patient.text.div", "Patient.contained[0].text.div"]
        );
        let document = json!({
            "resourceType": "Bundle",
            "entry": [{ "resource": {
                "resourceType": "Composition",
                "section": [{ "title": "x" }, { "section": [{ "text": text }] }],
            } }],
        });
        let within = "Bundle.entry[0].resource.section[1].section[0].text.div";
        assert_eq!(places(&document), [within]);
        let many = json!({ "resourceType": "List", "contained": vec![patient; 30] });
        assert_eq!(places(&many).len(), FAULTS_MAX);
    }

    #[test]
    fn a_narrative_is_cleaned_wherever_it_is() {
        let text = json!({ "status": "generated", "div": "<div>one<script>1</script></div>" });
        let mut patient = json!({
            "resourceType": "Patient", "text": text, "name": [{ "text": ACTIVE }],
            "contained": [{ "resourceType": "Organization", "text": text }],
        });
        clean(&mut patient);
        assert_eq!(patient["text"]["div"], "<div>one</div>");
        assert_eq!(patient["contained"][0]["text"]["div"], "<div>one</div>");
        assert_eq!(patient["name"][0]["text"], ACTIVE, "a text like any other");
        // Nothing would be left of it: it stays, and is refused.
        let mut empty = json!({ "resourceType": "List", "text": { "div": ACTIVE } });
        clean(&mut empty);
        assert_eq!(places(&empty), ["List.text.div"]);
    }

    #[test]
    fn an_image_from_elsewhere_is_for_who_shows_it_anyway() {
        let text = json!({ "div": REMOTE });
        let media =
            |url: &str| json!({ "resourceType": "Media", "text": text, "content": { "url": url } });
        assert!(places(&media("https://a.example/1?b=c&d=e")).is_empty());
        assert_eq!(places(&media("https://a.example/2")), ["Media.text.div"]);
        let list = json!({ "resourceType": "List", "text": text, "contained": [
            media("https://a.example/1?b=c&d=e"),
        ] });
        assert_eq!(places(&list), ["List.text.div"]);
        let definition = json!({ "resourceType": "StructureDefinition", "text": text });
        assert!(places(&definition).is_empty());
        let active = json!({ "resourceType": "StructureDefinition", "text": { "div": ACTIVE } });
        assert_eq!(places(&active).len(), 1);
    }
}
