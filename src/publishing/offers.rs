//! Whether those to whom a pathway is offered see its forms.

use serde_json::Value;

use super::{
    faults::Faults,
    gather::{Form, Materials},
};
use crate::fhir::canonical::{OFFERED_TO, PATHWAY_POLICY, extension, extensions, find_extension};

/// Checks the forms of a PlanDefinition.
pub fn lint(plan: &Value, materials: &Materials, faults: &mut Faults) {
    let Some(policy) = find_extension(plan, PATHWAY_POLICY) else {
        return;
    };
    let actions = plan["action"].as_array().into_iter().flatten();
    for (n, action) in actions.enumerate() {
        let canonical = action["definitionCanonical"].as_str().unwrap_or_default();
        if let Some(Form::Found(form)) = materials.forms.get(canonical)
            && !is_seen(policy, form)
        {
            faults.clash(
                format!("PlanDefinition.action[{n}].definitionCanonical"),
                "The form is not offered to all of those to whom the pathway is (offered-to).",
            );
        }
    }
}

/// Whether a form is everybody's, or offered to the audience or to each establishment.
fn is_seen(policy: &Value, form: &Value) -> bool {
    let mut offers = extensions(form, OFFERED_TO).peekable();
    if offers.peek().is_none() {
        return true;
    }
    let offers: Vec<&Value> = offers.collect();
    let audience = extension(policy, "audience").unwrap_or(&Value::Null);
    let to = |establishment: &Value| {
        let named = &establishment["valueReference"]["reference"];
        named.is_string()
            && offers
                .iter()
                .any(|one| one["valueReference"]["reference"] == *named)
    };
    let mut establishments = extensions(policy, "establishment").peekable();
    offers.iter().any(|one| one["valueCode"] == *audience)
        || (establishments.peek().is_some() && establishments.all(to))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_is_offered_to_whom_its_pathway_is() {
        let by =
            |id: &str| json!({ "url": "establishment", "valueReference": { "reference": id } });
        let policy = |more: &[Value]| {
            let mut parts = vec![json!({ "url": "audience", "valueCode": "agency" })];
            parts.extend_from_slice(more);
            json!({ "extension": parts })
        };
        let to = |names: &[&str]| {
            let all = names.iter().map(|name| match name.contains('/') {
                true => json!({ "url": OFFERED_TO, "valueReference": { "reference": name } }),
                false => json!({ "url": OFFERED_TO, "valueCode": name }),
            });
            json!({ "extension": all.collect::<Vec<Value>>() })
        };
        for (parts, names, seen) in [
            (vec![], &[][..], true),
            (vec![], &["agency"], true),
            (vec![], &["professional"], false),
            (vec![], &["professional", "agency"], true),
            (vec![], &["O/1"], false),
            (vec![by("O/1")], &["O/1"], true),
            (vec![by("O/1")], &["agency"], true),
            (vec![by("O/1")], &["professional"], false),
            (vec![by("O/1"), by("O/2")], &["O/1"], false),
            (vec![by("O/1"), by("O/2")], &["O/2", "O/1"], true),
        ] {
            assert_eq!(
                is_seen(&policy(&parts), &to(names)),
                seen,
                "{parts:?} {names:?}"
            );
        }
    }
}
