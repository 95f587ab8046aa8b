//! What is published no longer changes.
//!
//! Follow-ups that run, and answers that were given, name a definition by `url|version`; they
//! mean the text that stood there when they did.

use serde_json::Value;

use super::faults::Faults;

/// What may change in a definition that is published: what says who stands behind it and for
/// whom it is, not what it does.
const MAY_CHANGE: [&str; 15] = [
    "id",
    "meta",
    "text",
    "status",
    "date",
    "publisher",
    "contact",
    "approvalDate",
    "lastReviewDate",
    "effectivePeriod",
    "useContext",
    "jurisdiction",
    "copyright",
    "_date",
    "_publisher",
];

/// Whether a definition has been in force: active now, or retired since.
#[must_use]
pub fn is_published(definition: &Value) -> bool {
    matches!(definition["status"].as_str(), Some("active" | "retired"))
}

/// The elements in which a definition differs from what was published, in their order.
#[must_use]
pub fn changed<'a>(published: &'a Value, proposed: &'a Value) -> Vec<&'a str> {
    let members = |tree: &'a Value| tree.as_object().into_iter().flatten();
    let mut names: Vec<&str> = members(published)
        .chain(members(proposed))
        .map(|(name, _)| name.as_str())
        .filter(|name| !MAY_CHANGE.contains(name) && published[*name] != proposed[*name])
        .collect();
    names.dedup();
    let mut seen = Vec::with_capacity(names.len());
    names.retain(|name| {
        let first = !seen.contains(name);
        seen.push(*name);
        first
    });
    names
}

/// Faults of an attempt to change what is published.
pub fn lint(published: &Value, proposed: &Value, faults: &mut Faults) {
    let kind = proposed["resourceType"].as_str().unwrap_or_default();
    for element in changed(published, proposed) {
        faults.clash(
            format!("{kind}.{element}"),
            "A published definition keeps its content, as follow-ups run by it and answers name \
             it: publish the change as a new version, under a new id.",
        );
    }
    if !is_published(proposed) {
        faults.clash(
            format!("{kind}.status"),
            "A published definition can be retired, but not be a draft again: publish a new \
             version, under a new id.",
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_definition_does_cannot_change_and_its_status_can() {
        let published = json!({ "resourceType": "PlanDefinition", "status": "active",
            "date": "2026-01-01", "title": "a", "action": [{ "id": "U1" }] });
        let mut retired = published.clone();
        retired["status"] = "retired".into();
        retired["date"] = "2026-02-01".into();
        retired["publisher"] = "somebody".into();
        assert!(changed(&published, &retired).is_empty());
        let mut other = published.clone();
        other["title"] = "b".into();
        other["action"][0]["id"] = "U2".into();
        other["library"] = json!(["x"]);
        assert_eq!(changed(&published, &other), ["title", "action", "library"]);
    }

    #[test]
    fn what_is_published_is_no_draft_again() {
        let published = json!({ "resourceType": "PlanDefinition", "status": "active" });
        let draft = json!({ "resourceType": "PlanDefinition", "status": "draft" });
        let mut faults = Faults::default();
        lint(&published, &draft, &mut faults);
        let issues = faults.into_issues();
        assert_eq!(
            issues[0].expression.as_deref(),
            Some("PlanDefinition.status")
        );
    }
}
