//! Links between the entries of a transaction: what refers to a `fullUrl` comes to refer to the
//! resource that was written for it.
//!
//! Replaced are references, elements of the types uri, url, oid and uuid, and links in narrative;
//! canonicals are not (<http://hl7.org/fhir/R4/http.html#trules>). A relative reference is completed from the
//! `fullUrl` of its own entry (<http://hl7.org/fhir/R4/bundle.html#references>).

mod narrative;

use std::collections::HashMap;

use serde_json::Value;

use crate::fhir::{
    definitions::{ResourceType, definitions},
    resource::Resource,
};

/// What each link of a bundle stands for.
#[derive(Debug, Default)]
pub struct Links {
    /// From a `fullUrl`, or a conditional reference, to `Type/id`; none while that is open.
    targets: HashMap<String, Option<String>>,
}

/// What rewriting has left over.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// Whether a link stands for what is still open.
    pub open: bool,
    /// References of the form `Type?criteria` that nobody has resolved.
    pub conditional: Vec<String>,
}

impl Links {
    /// Says what a link stands for, or that it is to be said later; `false` if it was said.
    pub fn set(&mut self, link: &str, target: Option<String>) -> bool {
        let before = self.targets.insert(link.to_owned(), target);
        before.is_none()
    }

    /// Says at last what an open link stands for.
    pub fn settle(&mut self, link: &str, target: String) {
        self.targets.insert(link.to_owned(), Some(target));
    }

    /// Rewrites the links of `resource`, whose entry has `full_url`.
    pub fn rewrite(&self, resource: &mut Resource, full_url: Option<&str>) -> Remains {
        let root = full_url.and_then(root);
        let mut remains = Remains::default();
        let kind = resource.kind();
        walk(
            resource.tree_mut(),
            kind.name(),
            &mut |link, is_reference| {
                self.replace(link, root, &mut remains);
                if is_reference && conditional(link).is_some() {
                    remains.conditional.push(link.clone());
                }
            },
        );
        remains
    }

    fn replace(&self, link: &mut String, root: Option<&str>, remains: &mut Remains) {
        match self.find(link, root) {
            Some(Some(target)) => *link = target,
            Some(None) => remains.open = true,
            None => {}
        }
    }

    fn find(&self, link: &str, root: Option<&str>) -> Option<Option<String>> {
        if let Some(target) = self.targets.get(link) {
            return Some(target.clone());
        }
        let absolute = format!("{}/{link}", root?);
        self.targets.get(&absolute).cloned()
    }
}

/// The type and the criteria of a conditional reference.
#[must_use]
pub fn conditional(link: &str) -> Option<(ResourceType, &str)> {
    let (kind, criteria) = link.split_once('?')?;
    Some((ResourceType::named(kind)?, criteria))
}

/// The server that a RESTful `fullUrl` names: all before `Type/id`.
fn root(full_url: &str) -> Option<&str> {
    let mut parts = full_url.rsplitn(3, '/');
    let (_id, kind, root) = (parts.next()?, parts.next()?, parts.next()?);
    ResourceType::named(kind).map(|_| root)
}

/// Shows `see` each link, and whether it is a reference.
fn walk(tree: &mut Value, type_name: &str, see: &mut impl FnMut(&mut String, bool)) {
    let (Value::Object(members), Some(shape)) = (tree, definitions().type_named(type_name)) else {
        return;
    };
    for (name, member) in members {
        let Some((_, element_type)) = shape.member(name) else {
            continue;
        };
        let is_reference = type_name == "Reference" && name == "reference";
        let items = match member {
            Value::Array(items) => items.as_mut_slice(),
            single => std::slice::from_mut(single),
        };
        for item in items {
            match (element_type, item) {
                (_, Value::String(link)) if is_reference => see(link, true),
                ("uri" | "url" | "oid" | "uuid", Value::String(link)) => see(link, false),
                ("xhtml", Value::String(div)) => narrate(div, see),
                ("Resource", item @ Value::Object(_)) => {
                    let kind = item["resourceType"].as_str().map(str::to_owned);
                    walk(item, kind.as_deref().unwrap_or_default(), see);
                }
                (_, item @ Value::Object(_)) => walk(item, element_type, see),
                _ => {}
            }
        }
    }
}

/// Shows `see` the links in narrative.
fn narrate(div: &mut String, see: &mut impl FnMut(&mut String, bool)) {
    let rewritten = narrative::rewrite(div, |link| {
        let mut target = link.to_owned();
        see(&mut target, false);
        (target != link).then_some(target)
    });
    if let Some(rewritten) = rewritten {
        *div = rewritten;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URN: &str = "urn:uuid:550e8400-e29b-41d4-a716-446655440000";

    fn rewritten(links: &Links, tree: Value, full_url: Option<&str>) -> (Value, Remains) {
        let mut resource = Resource::trusted(tree).unwrap();
        let remains = links.rewrite(&mut resource, full_url);
        (resource.tree().clone(), remains)
    }

    fn links() -> Links {
        let mut links = Links::default();
        assert!(links.set(URN, Some("Patient/1".to_owned())));
        assert!(!links.set(URN, Some("Patient/1".to_owned())));
        links
    }

    #[test]
    fn references_and_uris_are_replaced_everywhere_and_nothing_else() {
        let tree = json!({
            "resourceType": "Observation",
            "subject": {"reference": URN, "display": URN},
            "instantiatesCanonical": [URN],
            "identifier": [{"system": URN, "value": URN, "assigner": {"reference": URN}}],
            "extension": [{"url": "http://vigie.test/a", "valueUri": URN},
                          {"url": "http://vigie.test/b", "valueReference": {"reference": URN}}],
            "contained": [{"resourceType": "Provenance", "target": [{"reference": URN}]}],
            "component": [{"valueString": URN}],
            "text": {"status": "generated", "div": format!("<div><a href=\"{URN}\">{URN}</a></div>")},
        });
        let (tree, remains) = rewritten(&links(), tree, None);
        assert_eq!(remains, Remains::default());
        for place in [
            "/subject/reference",
            "/identifier/0/system",
            "/identifier/0/assigner/reference",
            "/extension/0/valueUri",
            "/extension/1/valueReference/reference",
            "/contained/0/target/0/reference",
        ] {
            assert_eq!(tree.pointer(place).unwrap(), "Patient/1", "{place}");
        }
        let div = format!("<div><a href=\"Patient/1\">{URN}</a></div>");
        assert_eq!(tree["text"]["div"], div);
        for place in [
            "/subject/display",
            "/identifier/0/value",
            "/component/0/valueString",
        ] {
            assert_eq!(tree.pointer(place).unwrap(), URN, "{place}");
        }
    }

    #[test]
    fn a_relative_reference_is_one_of_its_own_server() {
        let mut links = Links::default();
        links.set(
            "http://old.test/fhir/Patient/7",
            Some("Patient/1".to_owned()),
        );
        let tree = || json!({"resourceType": "Flag", "subject": {"reference": "Patient/7"}});
        let (near, _) = rewritten(&links, tree(), Some("http://old.test/fhir/Flag/1"));
        assert_eq!(near["subject"]["reference"], "Patient/1");
        let (far, _) = rewritten(&links, tree(), Some("http://new.test/fhir/Flag/1"));
        assert_eq!(far["subject"]["reference"], "Patient/7");
    }

    #[test]
    fn what_cannot_be_replaced_yet_is_told() {
        let mut links = links();
        links.set("urn:uuid:b", None);
        let tree = json!({
            "resourceType": "Flag",
            "subject": {"reference": "Patient?identifier=urn:a|1"},
            "encounter": {"reference": "urn:uuid:b"},
        });
        let (_, remains) = rewritten(&links, tree, None);
        assert!(remains.open);
        assert_eq!(remains.conditional, ["Patient?identifier=urn:a|1"]);
    }
}
