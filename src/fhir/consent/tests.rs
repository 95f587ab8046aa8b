//! What Consents deny.

use serde_json::json;

use super::*;

fn consent(policy: Option<&str>, provision: Value) -> Value {
    let mut tree = json!({
        "resourceType": "Consent", "status": "active", "provision": provision,
        "scope": { "coding": [{ "system": SCOPE, "code": "patient-privacy" }] },
    });
    if let Some(code) = policy {
        tree["policyRule"] = json!({ "coding": [{ "system": ACT_CODE, "code": code }] });
    }
    tree
}

fn actor(to: &str) -> Value {
    json!({ "reference": { "reference": to } })
}

/// Each rule as `denied, … but excepted, …`.
fn told(consent: &Value) -> Vec<String> {
    let rules = rules(consent).into_iter();
    let told = rules.map(|rule| {
        let deny = rule.deny.join(", ");
        match rule.except.is_empty() {
            true => deny,
            false => format!("{deny} but {}", rule.except.join(", ")),
        }
    });
    told.collect()
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn whom_a_consent_keeps_out() {
    let (o, p) = (actor("Organization/o"), actor("Practitioner/p"));
    let nobody = json!({ "reference": { "display": "Dr Martin" } });
    let class = json!([{ "system": "http://hl7.org/fhir/resource-types", "code": "Flag" }]);
    let read = json!([{ "text": "read" }]);
    for (why, policy, provision, denied) in [
        ("nothing is said", None, json!({}), &[][..]),
        (
            "a name",
            None,
            json!({ "type": "deny", "actor": [o] }),
            &["Organization/o"],
        ),
        (
            "nobody in particular",
            None,
            json!({ "type": "deny" }),
            &["*"],
        ),
        (
            "who cannot be told",
            None,
            json!({ "type": "deny", "actor": [p, nobody] }),
            &["*"],
        ),
        (
            "a group",
            None,
            json!({ "type": "deny", "actor": [actor("Group/g")] }),
            &["*"],
        ),
        (
            "somebody elsewhere",
            None,
            json!({ "type": "deny", "actor": [actor("https://else.example/Organization/o")] }),
            &["https://else.example/Organization/o"],
        ),
        (
            "what limits it, does not",
            None,
            json!({ "type": "deny", "actor": [o], "class": class, "action": read }),
            &["Organization/o"],
        ),
        (
            "but one of them",
            None,
            json!({ "type": "deny", "actor": [o], "provision": [{ "type": "permit", "actor": [p] }] }),
            &["Organization/o but Practitioner/p"],
        ),
        (
            "an exception that is limited is none",
            None,
            json!({ "type": "deny", "provision": [
                { "type": "permit", "actor": [p], "class": class },
                { "type": "permit", "actor": [p], "period": { "start": "2030" } },
                { "type": "permit", "actor": [p, nobody] },
                { "type": "permit" },
                { "actor": [p] }] }),
            &["*"],
        ),
        (
            "an exception has one of its own",
            None,
            json!({ "type": "deny", "provision": [
                { "type": "permit", "actor": [o], "provision": [{ "type": "deny", "actor": [p] }] }] }),
            &["* but Organization/o", "Practitioner/p"],
        ),
        (
            "within a permission",
            None,
            json!({ "type": "permit", "actor": [o], "provision": [{ "type": "deny", "class": class }] }),
            &["Organization/o"],
        ),
        (
            "within nothing in particular",
            None,
            json!({ "provision": [{ "type": "deny", "actor": [p] }, { "type": "deny", "code": read }] }),
            &["Practitioner/p", "*"],
        ),
        (
            "three deep",
            None,
            json!({ "provision": [{ "type": "permit", "provision": [{ "type": "permit",
                "provision": [{ "type": "deny", "actor": [p] }] }] }] }),
            &["Practitioner/p"],
        ),
        (
            "an outermost one without a base",
            None,
            json!({ "actor": [o] }),
            &[],
        ),
        (
            "an exception to yes",
            Some("OPTIN"),
            json!({ "actor": [o] }),
            &["Organization/o"],
        ),
        (
            "yes",
            Some("OPTIN"),
            json!({ "period": { "start": "2020" } }),
            &[],
        ),
        (
            "yes, in so many words",
            Some("OPTIN"),
            json!({ "type": "permit", "actor": [o] }),
            &[],
        ),
        ("no", Some("OPTOUT"), json!({}), &["*"]),
        (
            "an exception to no",
            Some("OPTOUTE"),
            json!({ "actor": [o] }),
            &["* but Organization/o"],
        ),
        (
            "a limited exception to no",
            Some("OPTOUT"),
            json!({ "actor": [o], "purpose": [{ "system": ACT_REASON, "code": "ETREAT" }] }),
            &["*"],
        ),
        (
            "another to no",
            Some("OPTOUT"),
            json!({ "provision": [{ "type": "permit", "actor": [p] }, { "type": "deny", "actor": [o] }] }),
            &["* but Practitioner/p", "Organization/o"],
        ),
    ] {
        assert_eq!(
            told(&consent(policy, provision.clone())),
            denied,
            "{why}: {provision}"
        );
    }
}

#[test]
fn only_what_is_in_force_denies_and_what_is_refused_otherwise_keeps_out_only_names() {
    let deny = json!({ "type": "deny", "provision": [
        { "type": "deny", "actor": [actor("Practitioner/p")] }] });
    for status in [
        "draft",
        "proposed",
        "rejected",
        "inactive",
        "entered-in-error",
    ] {
        let mut one = consent(None, deny.clone());
        one["status"] = json!(status);
        assert!(rules(&one).is_empty(), "{status}");
    }
    for (scope, denied) in [
        ("patient-privacy", &["*", "Practitioner/p"][..]),
        ("something-else", &["*", "Practitioner/p"]),
        ("research", &["Practitioner/p"]),
        ("treatment", &["Practitioner/p"]),
        ("adr", &["Practitioner/p"]),
    ] {
        let mut one = consent(None, deny.clone());
        one["scope"]["coding"][0]["code"] = json!(scope);
        assert_eq!(told(&one), denied, "{scope}");
    }
}

#[test]
fn a_denial_is_limited_to_purposes_that_are_known_and_to_its_time() {
    let of = |purposes: Value| {
        let deny = json!({ "type": "deny", "purpose": purposes });
        rules(&consent(None, deny)).remove(0).purposes
    };
    let code = |code: &str| json!({ "system": ACT_REASON, "code": code });
    assert_eq!(of(json!([code("HRESCH")])), ["~HRESCH", "~?"]);
    assert_eq!(
        of(json!([code("HRESCH"), code("HMARKT")])),
        ["~HRESCH", "~HMARKT", "~?"]
    );
    // One that may be any, or a part of one.
    assert!(of(json!([code("HRESCH"), code("ETREAT")])).is_empty());
    assert!(of(json!([{ "system": "urn:own", "code": "HRESCH" }])).is_empty());
    assert!(of(json!([])).is_empty());

    let times = |period: Value| {
        let deny = json!({ "type": "deny", "period": period });
        let rule = rules(&consent(None, deny)).remove(0);
        (rule.from, rule.until)
    };
    assert_eq!(
        times(json!({ "start": "1970-01-02", "end": "1970-01-02" })),
        (Some(86_400_000), Some(172_799_999))
    );
    assert_eq!(times(json!({ "start": "soon" })), (None, None));
    assert_eq!(times(json!({})), (None, None));
}
