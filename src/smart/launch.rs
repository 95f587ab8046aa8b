//! The other side of an EHR launch: who launches a program says what it is about.
//!
//! A person launches what they may see, with a token that has the scope `__launch`; the launch is
//! theirs. A system that launches for people says for whom (`user`).
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch>,
//! <https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#launch-context-arrives-with-your-access_token>.

use form_urlencoded::Serializer;
use serde_json::{Value, json};

use super::{
    PERMIT, Smart, after,
    authorize::Launch,
    refusal::{Fault, Granted, Refusal},
    scopes::{self, Wish},
    secret,
};
use crate::{
    fhir::{definitions::ResourceType, reference},
    kernel::problem::Problem,
    store::{LaunchContext, PendingKind, TokenKind},
};

/// How long a launch waits for its program.
const LAUNCH_LIFETIME: std::time::Duration = std::time::Duration::from_secs(300);

/// Most other resources of a launch.
const OTHERS_MAX: usize = 32;

/// Most characters of a text.
const TEXT_MAX: usize = 512;

fn invalid(description: &'static str) -> Refusal {
    Refusal::new(Fault::InvalidRequest, description)
}

impl Smart {
    /// Prepares a launch; gives its name, and the address that launches where one is registered.
    ///
    /// # Errors
    /// `InvalidToken`, if the token is not good; `InsufficientScope`, if it is not for this;
    /// `AccessDenied`, if the patient is not reached; `InvalidRequest`.
    pub async fn prepare_launch(&self, bearer: &str, asked: &Value) -> Granted<Value> {
        let mut launch = read(asked)?;
        self.check_launcher(bearer, &mut launch).await?;
        let client = self.store().client(&PERMIT, &launch.client).await?;
        let client = client.ok_or(invalid("The program is not known here."))?;
        let name = self.draw(secret::LAUNCH);
        let (hash, expires) = (secret::digest(&name), after(self.now(), LAUNCH_LIFETIME));
        let body = serde_json::to_value(&launch).map_err(Problem::fault)?;
        let written = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move {
                tx.keep_pending((PendingKind::Launch, &hash), &body, expires)
                    .await
            })
        });
        written.await?;
        let mut answer = json!({ "launch": name, "expires_in": LAUNCH_LIFETIME.as_secs() });
        if let Some(address) = &client.launch_uri {
            let mut query = Serializer::new(String::new());
            query.append_pair("iss", &self.settings.base);
            query.append_pair("launch", &name);
            let joint = if address.contains('?') { '&' } else { '?' };
            answer["launch_url"] = format!("{address}{joint}{}", query.finish()).into();
        }
        Ok(answer)
    }

    /// That who launches may, and may launch this.
    async fn check_launcher(&self, bearer: &str, launch: &mut Launch) -> Granted<()> {
        let unknown = Refusal::new(Fault::InvalidToken, "The access token is not valid.");
        let Some(hash) = secret::digest_of(secret::ACCESS, bearer) else {
            return Err(unknown);
        };
        let held = self.store().held(&PERMIT, &hash).await?;
        let held =
            held.filter(|held| held.token.kind == TokenKind::Access && held.is_good(self.now()));
        let held = held.ok_or(unknown)?;
        if !scopes::read(&held.token.scopes).contains(&Wish::MakeLaunch) {
            return Err(Refusal::new(
                Fault::InsufficientScope,
                "The token has not the scope __launch.",
            ));
        }
        let Some(account) = &held.delegation.account else {
            return match launch.user {
                Some(_) => Ok(()),
                None => Err(invalid("A system says for whom it launches (user).")),
            };
        };
        let person = self.parts.persons.person(account).await?;
        let person = person.ok_or(Refusal::new(
            Fault::AccessDenied,
            "The account is not active.",
        ))?;
        if launch.user.is_some() && launch.user != person.fhir_user {
            return Err(invalid("A person launches for themselves."));
        }
        launch.user.clone_from(&person.fhir_user);
        let reaches = match &launch.patient {
            Some(patient) => self.person_reaches(&person, patient).await?,
            None => true,
        };
        if reaches {
            Ok(())
        } else {
            Err(Refusal::new(
                Fault::AccessDenied,
                "The patient is not among those of the person.",
            ))
        }
    }
}

/// What a launch is to be about.
fn read(asked: &Value) -> Granted<Launch> {
    let members = asked
        .as_object()
        .ok_or(invalid("The body is a JSON object."))?;
    let known = [
        "client_id",
        "user",
        "patient",
        "encounter",
        "fhirContext",
        "need_patient_banner",
        "intent",
        "tenant",
    ];
    if members.keys().any(|name| !known.contains(&name.as_str())) {
        return Err(invalid("A member of the body is not known."));
    }
    let text = |name: &str| match &asked[name] {
        Value::Null => Ok(None),
        Value::String(text) if !text.is_empty() && text.len() <= TEXT_MAX => Ok(Some(text.clone())),
        _ => Err(invalid("A member of the body is no text, or too long.")),
    };
    let id = |name: &str, kind: &str| match text(name)? {
        Some(id) if reference::local(&format!("{kind}/{id}")).is_none() => {
            Err(invalid("patient and encounter are logical ids."))
        }
        id => Ok(id),
    };
    let need_patient_banner = match &asked["need_patient_banner"] {
        Value::Null => None,
        Value::Bool(flag) => Some(*flag),
        _ => return Err(invalid("need_patient_banner is true or false.")),
    };
    Ok(Launch {
        client: text("client_id")?.ok_or(invalid("client_id is missing."))?,
        user: text("user")?,
        patient: id("patient", "Patient")?,
        context: LaunchContext {
            encounter: id("encounter", "Encounter")?,
            others: others(&asked["fhirContext"])?,
            need_patient_banner,
            intent: text("intent")?,
            tenant: text("tenant")?,
        },
    })
}

/// Other resources that a launch is about.
fn others(list: &Value) -> Granted<Vec<Value>> {
    let all = match list {
        Value::Null => return Ok(Vec::new()),
        Value::Array(all) if all.len() <= OTHERS_MAX => all,
        _ => return Err(invalid("fhirContext is a list of at most 32 objects.")),
    };
    if all.iter().all(is_context) {
        return Ok(all.clone());
    }
    Err(invalid(
        "Each of fhirContext has a relative reference, a canonical or an identifier; a role is not \
         empty, and absolute unless SMART defines it; Patient and Encounter stand apart.",
    ))
}

fn is_context(one: &Value) -> bool {
    let named = one["reference"].is_string()
        || one["canonical"].is_string()
        || one["identifier"].is_object();
    let role = match &one["role"] {
        Value::Null => None,
        Value::String(role) => Some(role.as_str()),
        _ => return false,
    };
    let role_is_sound = role.is_none_or(|role| role == "launch" || role.contains(':'));
    let is_plain = role.is_none_or(|role| role == "launch");
    // However they are named, the patient and the encounter of the launch stand apart.
    let may_stand =
        |kind: ResourceType| !(is_plain && ["Patient", "Encounter"].contains(&kind.name()));
    let kind_is_sound = match &one["type"] {
        Value::Null => true,
        Value::String(kind) => ResourceType::named(kind).is_some_and(may_stand),
        _ => false,
    };
    let reference_is_sound = match &one["reference"] {
        Value::Null => true,
        Value::String(text) => reference::local(text).is_some_and(|found| may_stand(found.kind)),
        _ => false,
    };
    named && role_is_sound && kind_is_sound && reference_is_sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_launch_is_about_is_looked_at() {
        let with = |name: &str, value: Value| {
            let mut asked = json!({ "client_id": "a" });
            asked[name] = value;
            read(&asked).map_err(|refusal| refusal.fault)
        };
        let launch = with("patient", json!("p1")).unwrap();
        assert_eq!(launch.patient.as_deref(), Some("p1"));
        assert!(with("need_patient_banner", json!(true)).is_ok());
        for (name, value) in [
            ("patient", json!("../x")),
            ("patient", json!(1)),
            ("patient", json!("")),
            ("encounter", json!("a b")),
            ("need_patient_banner", json!("yes")),
            ("intent", json!("x".repeat(TEXT_MAX + 1))),
            ("nonsense", json!(1)),
            ("fhirContext", json!({})),
            ("fhirContext", json!([{}])),
            ("fhirContext", json!([{ "reference": "Patient/1" }])),
            (
                "fhirContext",
                json!([{ "reference": "Encounter/1", "role": "launch" }]),
            ),
            (
                "fhirContext",
                json!([{ "reference": "Task/1", "role": "" }]),
            ),
            (
                "fhirContext",
                json!([{ "reference": "Task/1", "role": "mine" }]),
            ),
            (
                "fhirContext",
                json!([{ "canonical": "x", "type": "Nonsense" }]),
            ),
            (
                "fhirContext",
                json!([{ "identifier": { "value": "1" }, "type": "Patient" }]),
            ),
            (
                "fhirContext",
                json!([{ "identifier": { "value": "1" }, "type": "Encounter", "role": "launch" }]),
            ),
        ] {
            let refused = with(name, value.clone());
            assert_eq!(refused, Err(Fault::InvalidRequest), "{name} {value}");
        }
        for item in [
            json!({ "reference": "Task/1" }),
            json!({ "reference": "Patient/1", "role": "https://x.example/mother" }),
            json!({ "identifier": { "value": "1" }, "type": "Patient", "role": "https://x.example/twin" }),
            json!({ "canonical": "https://x.example/q|1", "type": "Questionnaire" }),
            json!({ "identifier": { "value": "1" }, "type": "Device" }),
        ] {
            assert!(with("fhirContext", json!([item])).is_ok(), "{item}");
        }
    }
}
