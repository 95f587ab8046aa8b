//! Pages, as a browser gets them.

use std::collections::BTreeSet;

use http_body_util::BodyExt as _;

use super::*;

#[test]
fn both_languages_say_the_same_things() {
    let keys = |language| catalogue(language).keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(Language::Fr), keys(Language::En));
    assert!(!keys(Language::Fr).is_empty());
    for language in [Language::Fr, Language::En] {
        for (key, text) in catalogue(language) {
            assert!(
                text.as_str().is_some_and(|text| !text.trim().is_empty()),
                "{key}"
            );
        }
    }
}

#[test]
fn every_text_that_a_template_asks_for_is_there_and_every_template_has_a_title() {
    for (name, source) in TEMPLATES {
        for part in source.split("t.").skip(1) {
            let key: String = part
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            assert!(FRENCH.contains_key(&key), "{name}: {key}");
        }
        assert!(ENVIRONMENT.get_template(name).is_ok(), "{name}");
        let title = name.replace(".html", "_title");
        assert!(
            *name == "layout.html" || FRENCH.contains_key(&title),
            "{title}"
        );
    }
}

#[test]
fn no_template_has_a_script_or_loads_from_elsewhere() {
    for (name, source) in TEMPLATES {
        let lower = source.to_lowercase();
        for never in [
            "<script",
            "javascript:",
            " style=",
            " onclick",
            "http://",
            "https://",
            "|safe",
            "| safe",
        ] {
            assert!(!lower.contains(never), "{name}: {never}");
        }
    }
}

#[tokio::test]
async fn what_is_given_is_escaped_and_the_page_is_guarded() {
    let given = json!({ "says": "<script>alert(1)</script>\" onload=\"x", "to": "" });
    let response = page_to("notice", given, Language::En, Some("https://app.example"));
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(
        policy.contains("form-action 'self' https://app.example;"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"));
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[header::REFERRER_POLICY], "same-origin");
    assert_eq!(response.headers()[header::X_FRAME_OPTIONS], "DENY");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let html = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        !html.contains("<script>") && html.contains("&lt;script&gt;"),
        "{html}"
    );
    assert!(html.contains("<html lang=\"en\">"), "{html}");
    let odd = page_to(
        "notice",
        json!({ "says": "", "to": "" }),
        Language::En,
        Some("x; script-src *"),
    );
    let policy = odd.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(!policy.contains("script-src"), "{policy}");
}

#[tokio::test]
async fn a_picture_is_drawn_in_the_page_and_a_page_with_a_fault_says_so_first() {
    let given = json!({ "says": "", "action": "/auth/second", "wrong": "no", "secret": "S",
        "address": "otpauth://totp/x", "csrf": "c", "request": "",
        "picture": picture::of("otpauth://totp/x") });
    let response = page("enrol", given, Language::En);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let html = String::from_utf8(body.to_vec()).unwrap();
    assert!(html.contains("viewBox=\"0 0 33 33\""), "{html}");
    assert!(html.contains("<path d=\"M4 4h7v1h-7z"), "{html}");
    assert!(
        html.contains("<title>Not right: Authenticator</title>"),
        "{html}"
    );
    assert!(html.contains("<h1>Authenticator</h1>"), "{html}");
}

#[test]
fn a_browser_says_its_language() {
    let of = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, text.parse().unwrap());
        language(&headers)
    };
    assert_eq!(of("en-GB,en;q=0.9,fr;q=0.8"), Language::En);
    assert_eq!(of("de,fr;q=0.5,en;q=0.4"), Language::Fr);
    assert_eq!(of("de"), Language::Fr);
    assert_eq!(of("en;q=0,*"), Language::Fr);
    assert_eq!(of("é"), Language::Fr);
    assert_eq!(language(&HeaderMap::new()), Language::Fr);
}
