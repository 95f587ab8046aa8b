//! Requests, and what is tried with them.

use super::*;
use crate::{kernel::clock::from_millis, store::Proof};

const BASE: &str = "https://vigie.test/fhir";
const REDIRECT: &str = "https://app.example/back";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client() -> Client {
    Client {
        id: "app".into(),
        name: "App".into(),
        proof: Proof::Public,
        redirect_uris: vec![REDIRECT.into()],
        logout_uris: Vec::new(),
        launch_uri: None,
        scopes: vec!["launch".into(), "openid".into(), "patient/*.rs".into()],
        origins: Vec::new(),
        acts_for_itself: false,
        organizations: Vec::new(),
        trusted: false,
        self_registered: false,
    }
}

fn fields(changes: &[(&str, &str)]) -> Fields {
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid patient/Observation.rs"),
        ("state", "x"),
        ("aud", BASE),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        pairs.retain(|(own, _)| own != name);
        pairs.push((name, value));
    }
    let mut text = Serializer::new(String::new());
    text.extend_pairs(pairs);
    Fields::read(text.finish().as_bytes()).unwrap()
}

fn judge(changes: &[(&str, &str)]) -> Result<Asked, &'static str> {
    let asked = read(
        (&client(), REDIRECT),
        &fields(changes),
        BASE,
        from_millis(0),
    );
    asked.map_err(|refusal| refusal.fault.code())
}

#[test]
fn a_sound_request_is_read() {
    let asked = judge(&[
        ("nonce", "n"),
        ("max_age", "60"),
        ("prompt", "login consent"),
    ])
    .unwrap();
    assert_eq!(asked.scopes, "openid patient/Observation.rs");
    assert_eq!(asked.state.as_deref(), Some("x"));
    assert_eq!(asked.nonce.as_deref(), Some("n"));
    assert_eq!(asked.max_age, Some(60));
    assert!(asked.prompt.login && asked.prompt.consent && !asked.prompt.none);
    assert!(judge(&[("aud", &format!("{BASE}/"))]).is_ok());
    assert!(judge(&[("aud", ""), ("resource", BASE)]).is_ok());
    assert!(judge(&[("response_mode", "query")]).is_ok());
}

#[test]
fn what_is_not_sound_is_refused_by_name() {
    let long = "x".repeat(ECHO_MAX + 1);
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        (
            "response_type",
            "code id_token",
            "unsupported_response_type",
        ),
        ("response_type", "", "invalid_request"),
        ("response_mode", "fragment", "invalid_request"),
        ("request", "x", "invalid_request"),
        ("request_uri", "https://evil.example", "invalid_request"),
        ("aud", "https://evil.example/fhir", "invalid_request"),
        ("aud", "https://vigie.test/fhir2", "invalid_request"),
        ("aud", "", "invalid_request"),
        ("resource", "https://evil.example/fhir", "invalid_request"),
        ("scope", "", "invalid_scope"),
        ("scope", "user/*.rs", "invalid_scope"),
        ("scope", "launch openid", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "s256", "invalid_request"),
        ("prompt", "none login", "invalid_request"),
        ("prompt", "dance", "invalid_request"),
        ("max_age", "soon", "invalid_request"),
        ("state", &long, "invalid_request"),
        ("nonce", &long, "invalid_request"),
    ] {
        assert_eq!(judge(&[(name, value)]), Err(error), "{name} {value}");
    }
}

#[test]
fn no_parameter_comes_twice_be_it_known_or_not() {
    for name in ["scope", "state", "prompt", "login_hint", "x"] {
        let mut text = Serializer::new(String::new());
        text.extend_pairs([
            ("response_type", "code"),
            ("scope", "openid patient/Observation.rs"),
            ("aud", BASE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let once = text.append_pair("x", "").finish();
        let of = |text: &str| {
            let fields = Fields::read(text.as_bytes()).unwrap();
            let asked = read((&client(), REDIRECT), &fields, BASE, from_millis(0));
            asked.map_err(|refusal| refusal.fault)
        };
        assert!(of(&once).is_ok());
        let twice = format!("{once}&{name}=1&{name}=1");
        assert_eq!(of(&twice), Err(Fault::InvalidRequest), "{name}");
    }
}

#[test]
fn an_address_is_the_clients_own_letter_for_letter() {
    assert_eq!(redirect(&client(), &fields(&[])).unwrap(), REDIRECT);
    for other in [
        "",
        "https://app.example/back/",
        "https://app.example/back?x=1",
        "https://app.example/back#x",
        "https://app.example/back/../back",
        "https://app.example/BACK",
        "https://APP.example/back",
        "https://app.example:443/back",
        "https://app.example.evil.example/back",
        "https://user@app.example/back",
        "http://app.example/back",
        "https://app.example/%62ack",
        " https://app.example/back",
        "//app.example/back",
    ] {
        let judged = redirect(&client(), &fields(&[("redirect_uri", other)]));
        assert!(judged.is_err(), "{other}");
    }
    let twice = Fields::read(b"redirect_uri=a&redirect_uri=b").unwrap();
    assert!(redirect(&client(), &twice).is_err());
}

#[test]
fn answers_carry_the_state_and_who_answers() {
    let way = |redirect: &str| Way {
        redirect_uri: redirect.into(),
        state: Some("a b&=".into()),
        issuer: "https://vigie.test".into(),
    };
    let tail = "state=a+b%26%3D&iss=https%3A%2F%2Fvigie.test";
    assert_eq!(
        way(REDIRECT).granted("c"),
        format!("{REDIRECT}?code=c&{tail}")
    );
    assert_eq!(
        way("https://app.example/?x=1").granted("c"),
        format!("https://app.example/?x=1&code=c&{tail}")
    );
    let refusal = Refusal::new(Fault::AccessDenied, "No.");
    assert_eq!(
        way(REDIRECT).refused(&refusal),
        format!("{REDIRECT}?error=access_denied&error_description=No.&{tail}")
    );
}
