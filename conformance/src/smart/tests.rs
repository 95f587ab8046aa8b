//! What logs in, held to the published examples.

use serde_json::{Value, json};

use super::{
    browser::{is_back, parameters, resolved},
    html::{Form, forms},
    jwt, percent, tls, unpercent,
};

#[test]
fn codes_and_challenges_are_those_of_the_standards() {
    // RFC 6238, appendix B, the last six of its eight digits.
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for (now, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (2_000_000_000, "279037"),
    ] {
        assert_eq!(jwt::one_time_code(secret, now).unwrap(), code);
    }
    assert!(jwt::one_time_code("1!", 0).is_err());
    // RFC 7636, appendix B.
    assert_eq!(
        jwt::challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
    assert_ne!(jwt::random(32).unwrap(), jwt::random(32).unwrap());
}

#[test]
fn a_token_without_a_known_key_is_not_verified() {
    let claims = json!({"sub": "x"});
    let none = jwt::sign(&json!({"alg": "none"}), &claims, "").unwrap();
    let opened = jwt::open(&none, &json!({"keys": []})).unwrap();
    assert_eq!(
        (&opened["payload"], &opened["verified"]),
        (&claims, &json!(false))
    );
    let secret = jwt::sign(&json!({"alg": "HS256", "kid": "a"}), &claims, "secret").unwrap();
    let keys = json!({"keys": [{"kid": "a", "kty": "RSA", "n": "AQAB", "e": "AQAB"}]});
    assert_eq!(jwt::open(&secret, &keys).unwrap()["verified"], false);
    assert!(jwt::open("a.b", &Value::Null).is_err());
    assert!(jwt::sign(&json!({"alg": "RS384"}), &claims, "no key").is_err());
}

#[test]
fn forms_are_read_as_a_browser_would_send_them() {
    let page = r#"<form method="post" action="/a&amp;b"><input type=hidden name="csrf" value="x&#x2f;y">
        <input name=login><input type='checkbox' name="scope" value="a" checked>
        <input type="checkbox" name="scope" value="b"><select name="patient"><option value="1">
        <option value="2" selected></select><textarea name=note>a &lt; b</textarea>
        <button name="decision" value="allow">Yes</button></form><form><input name=q></form>"#;
    let all = forms(page);
    assert_eq!(all.len(), 2);
    let pairs = |form: &Form| form.fields.clone();
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    };
    assert!(all[0].is_post && all[0].action == "/a&b");
    let wanted = [
        ("csrf", "x/y"),
        ("login", ""),
        ("scope", "a"),
        ("patient", "2"),
        ("note", "a < b"),
    ];
    assert_eq!(pairs(&all[0]), own(&wanted));
    assert!(all[0].names.contains(&"decision".to_owned()));
    assert_eq!(pairs(&all[1]), own(&[("q", "")]));
    assert!(!all[1].is_post);
}

#[test]
fn texts_go_into_forms_and_back() {
    let text = "a b+c&d=é/%";
    assert_eq!(percent(text), "a%20b%2Bc%26d%3D%C3%A9%2F%25");
    assert_eq!(unpercent(&percent(text)), text);
    assert_eq!(unpercent("a+b%2"), "a b%2");
}

#[test]
fn a_person_finds_their_way_and_knows_where_it_ends() {
    let page = "http://h:1/a/b?x=1";
    for (target, wanted) in [
        ("", "http://h:1/a/b?x=1"),
        ("/c", "http://h:1/c"),
        ("c?y=2", "http://h:1/a/c?y=2"),
        ("?y=2", "http://h:1/a/b?y=2"),
        ("https://other/c#part", "https://other/c"),
    ] {
        assert_eq!(resolved(page, target), wanted);
    }
    let back = "https://app/back";
    assert!(is_back("https://app/back?code=1", back));
    for other in [
        "https://app/backwards?code=1",
        "https://app/",
        "https://evil/back",
    ] {
        assert!(!is_back(other, back), "{other}");
    }
    assert_eq!(
        parameters("https://app/back?a=1%202&b"),
        json!({"a": "1 2", "b": ""})
    );
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_without_tls_accepts_no_hello() {
    let answer = tls::hello("http://127.0.0.1:1/", "1.2").await.unwrap();
    assert_eq!(answer["https"], false);
    assert!(tls::hello("https://127.0.0.1/", "0.9").await.is_err());
}
