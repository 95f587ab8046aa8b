//! Scopes in words, for who is asked to grant them.

use crate::{
    fhir::{
        definitions::ResourceType,
        scope::{Action, Level, Scope},
    },
    http::pages::{Language, text},
    smart::scopes::Wish,
};

/// What a wish asks for.
pub(super) fn of(wish: &Wish, language: Language) -> String {
    match wish {
        Wish::Resources(scope) => resources(scope, language),
        word => {
            let key = format!("consent_{}", word.to_string().replace('/', "_"));
            text(&key, language).to_owned()
        }
    }
}

fn resources(scope: &Scope, language: Language) -> String {
    let verbs: Vec<&str> = [
        (Action::Read, "consent_read"),
        (Action::Search, "consent_search"),
        (Action::Create, "consent_create"),
        (Action::Update, "consent_update"),
        (Action::Delete, "consent_delete"),
    ]
    .into_iter()
    .filter(|(action, _)| scope.actions.has(*action))
    .map(|(_, key)| text(key, language))
    .collect();
    let whose = match scope.level {
        Level::Patient => text("consent_of_patient", language),
        Level::User | Level::System => text("consent_of_user", language),
    };
    let kind = scope
        .kind
        .map_or(text("consent_all", language), ResourceType::name);
    let mut says = format!("{kind} {whose}: {}", verbs.join(", "));
    for (at, (name, value)) in scope.narrowed.iter().enumerate() {
        let joint = if at == 0 {
            format!("; {}", text("consent_narrowed", language))
        } else {
            ",".to_owned()
        };
        says = format!("{says}{joint} {name} = {value}");
    }
    says
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smart::scopes;

    #[test]
    fn everything_that_can_be_asked_has_words_in_both_languages() {
        let all = "launch launch/patient launch/encounter openid fhirUser profile online_access \
                   offline_access __introspect __launch";
        for language in [Language::Fr, Language::En] {
            for wish in scopes::read(all) {
                let says = of(&wish, language);
                assert!(!says.starts_with("consent_"), "{says}");
            }
        }
        let wish = &scopes::read("patient/Observation.rs?category=a&status=final")[0];
        assert_eq!(
            of(wish, Language::En),
            "Observation of this patient: see, search; only where category = a, status = final"
        );
        let wish = &scopes::read("user/*.d")[0];
        assert_eq!(
            of(wish, Language::Fr),
            "tout de ce que vous pouvez voir: supprimer"
        );
    }
}
