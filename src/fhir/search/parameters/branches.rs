//! The parts of an expression that concern one resource type.
//!
//! Many R4 parameters are one union over all the types that have them; a resource is asked only
//! for its own part.

use crate::fhir::definitions::{ResourceType, definitions};

/// The branches of `expression` that may give something for `kind`; none if there is none.
pub(super) fn of_type<'a>(expression: &'a str, kind: &str) -> Option<Vec<&'a str>> {
    let own: Vec<&'a str> = branches(expression)
        .into_iter()
        .filter(|branch| match root(branch) {
            Some(root) => root == kind || ResourceType::named(root).is_none(),
            None => true,
        })
        .collect();
    (!own.is_empty()).then_some(own)
}

/// Whether a token of this branch may have no system of its own but one by definition.
pub(super) fn may_imply_system(branch: &str) -> bool {
    leaf_types(branch).is_none_or(|types| types.iter().any(|name| implies(name)))
}

fn implies(kind: &str) -> bool {
    !matches!(
        kind,
        "CodeableConcept" | "Coding" | "Identifier" | "ContactPoint" | "Reference" | "id" | "uri"
    )
}

/// The parts of a union, at its top level.
fn branches(expression: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut from, mut parts) = (0_usize, false, 0, Vec::new());
    for (at, byte) in expression.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            b'|' if !quoted && depth == 0 => {
                parts.push(expression[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(expression[from..].trim());
    parts
}

/// The first name of a branch, if it is a name in capitals.
fn root(branch: &str) -> Option<&str> {
    let bare = branch.trim_start_matches(['(', ' ']);
    let end = bare
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(bare.len());
    let name = &bare[..end];
    name.starts_with(|c: char| c.is_ascii_uppercase())
        .then_some(name)
}

/// The types of the elements that a plain path leads to; none if it is not plain.
fn leaf_types(branch: &str) -> Option<Vec<&'static str>> {
    let path: String = if let Some((path, kind)) = branch.split_once(" as ") {
        return plain(path.trim_start_matches('('))
            .then(|| definitions().type_named(kind.trim_end_matches(')')))?
            .map(|found| vec![found.name.as_str()]);
    } else {
        without_filters(branch)
    };
    if !plain(&path) {
        return None;
    }
    let mut names = path.split('.');
    let mut types = vec![definitions().type_named(names.next()?)?];
    let mut reached: Vec<&'static str> = Vec::new();
    for name in names {
        reached = types
            .iter()
            .flat_map(|kind| kind.elements.iter().filter(|each| each.name == name))
            .flat_map(|element| element.types.iter().map(String::as_str))
            .collect();
        types = reached
            .iter()
            .filter_map(|name| definitions().type_named(name))
            .collect();
    }
    (!reached.is_empty()).then_some(reached)
}

fn plain(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

/// The path without `.where(…)`, which changes no type.
fn without_filters(branch: &str) -> String {
    let (mut kept, mut rest) = (String::new(), branch);
    while let Some((before, after)) = rest.split_once(".where(") {
        kept.push_str(before);
        let (mut depth, mut end) = (1, after.len());
        for (at, byte) in after.bytes().enumerate() {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                end = at + 1;
                break;
            }
        }
        rest = &after[end..];
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_union_is_cut_at_its_top_level_only() {
        let expression = "Account.subject.where(resolve() is Patient) | (Claim.x | Claim.y) | \
                          Patient.a.where(b='|')";
        assert_eq!(branches(expression).len(), 3);
        assert_eq!(
            of_type(expression, "Claim"),
            Some(vec!["(Claim.x | Claim.y)"])
        );
        assert_eq!(
            of_type("Resource.meta.tag", "Patient"),
            Some(vec!["Resource.meta.tag"])
        );
        assert_eq!(of_type("Account.subject", "Patient"), None);
    }

    #[test]
    fn leaf_types_come_from_the_definitions() {
        for (expression, implied) in [
            ("Patient.gender", true),
            ("Patient.active", true),
            ("Patient.identifier", false),
            ("Patient.telecom.where(system='email')", false),
            ("Observation.component.code", false),
            ("(Observation.value as CodeableConcept)", false),
            (
                "Patient.deceased.exists() and Patient.deceased != false",
                true,
            ),
            ("Resource.meta.tag", false),
        ] {
            assert_eq!(may_imply_system(expression), implied, "{expression}");
        }
    }
}
