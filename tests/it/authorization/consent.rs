//! A yes that is remembered, where the operator wants it.

use super::{SCOPES, Ward, ward_with};
use crate::harness::{
    App, Visitor,
    app::{self, REDIRECT, parameter},
    forms,
};

const ASKED: &str = "launch/patient patient/Observation.rs offline_access";

/// Whether a request is answered with a code at once: about this patient, where one is to be chosen.
fn is_let_in(ward: &Ward, anne: &mut Visitor, request: &str, patient: &str) -> bool {
    let first = anne.get(&format!("/auth/authorize?{request}"));
    let mut page = anne.follow(first);
    if page.text().contains("name=\"password\"") {
        ward.server.set_clock(&ward.server.later(30));
        anne.seconds = ward.server.now().unsigned_abs();
        page = anne.log_in(&page, "anne");
    }
    if page.text().contains("name=\"patient\"") {
        page = app::choose(anne, &page, patient);
    }
    let address = page.header("location").unwrap_or_default().to_owned();
    let is_asked = page.text().contains("name=\"decision\"");
    assert!(
        is_asked || address.starts_with(REDIRECT),
        "{address} {}",
        page.text()
    );
    !is_asked && parameter(&address, "code").is_some()
}

#[test]
fn a_yes_is_remembered_for_the_same_and_for_a_while_and_can_be_taken_back() {
    let ward = ward_with(&[("VIGIE_AUTH_CONSENT_DAYS", "30")]);
    let app = App::register(&ward.server, SCOPES, &["--secret", "--id", "kept"]);
    let mut anne = Visitor::new(&ward.server);
    let request = app.request(&ward.server, ASKED, &[]);
    assert!(!is_let_in(&ward, &mut anne, &request, "pa"));
    let first = anne.get(&format!("/auth/authorize?{request}"));
    let page = anne.follow(first);
    let question = app::choose(&mut anne, &page, "pa");
    assert!(question.text().contains(" 30</p>"), "{}", question.text());
    let answer = app::allow(&mut anne, &question, None);
    let code = parameter(answer.header("location").unwrap(), "code").unwrap();
    let tokens = App::post(&ward.server, &app.exchange_form(&code))
        .expect(200)
        .json();
    // The same, and less; nobody has to be there to be asked.
    assert!(is_let_in(&ward, &mut anne, &request, "pa"));
    let less = app.request(&ward.server, "launch/patient patient/Observation.r", &[]);
    assert!(is_let_in(&ward, &mut anne, &less, "pa"));
    for (scopes, changes, patient) in [
        (ASKED, &[][..], "pb"),
        (ASKED, &[("prompt", "consent")][..], "pa"),
        ("launch/patient patient/Observation.cruds", &[][..], "pa"),
        (
            "launch/patient patient/Observation.rs patient/Task.rs",
            &[][..],
            "pa",
        ),
        ("user/Observation.rs", &[][..], "pa"),
    ] {
        let request = app.request(&ward.server, scopes, changes);
        assert!(
            !is_let_in(&ward, &mut anne, &request, patient),
            "{scopes} {patient}"
        );
    }
    // What was granted in silence counts from when it was said, and no later.
    ward.server.set_clock(&ward.server.later(29 * 86_400));
    assert!(is_let_in(&ward, &mut anne, &request, "pa"));
    ward.server.set_clock(&ward.server.later(86_400));
    assert!(!is_let_in(&ward, &mut anne, &request, "pa"));
    let refresh = tokens["refresh_token"].as_str().unwrap();
    app.refresh(&ward.server, refresh, None).expect(200);
    // Said again, and taken back.
    let again = app.authorize(&mut anne, &request, "anne");
    assert!(parameter(&again, "code").is_some());
    assert!(is_let_in(&ward, &mut anne, &request, "pa"));
    let page = anne.get("/auth/account").expect(200);
    let form = forms(&page)
        .into_iter()
        .find(|form| form.action == "/auth/programs");
    let hidden = form.expect("the form of the program").hidden;
    let fields: Vec<(&str, &str)> = hidden
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    anne.post("/auth/programs", &fields).expect(200);
    assert!(!is_let_in(&ward, &mut anne, &request, "pa"));
    app.refresh(&ward.server, refresh, None).expect(400);
}

#[test]
fn a_yes_to_who_cannot_show_that_it_is_itself_is_not_remembered() {
    let ward = ward_with(&[("VIGIE_AUTH_CONSENT_DAYS", "30")]);
    let app = App::register(&ward.server, SCOPES, &["--public"]);
    let mut anne = Visitor::new(&ward.server);
    let request = app.request(&ward.server, ASKED, &[]);
    app.authorize(&mut anne, &request, "anne");
    assert!(!is_let_in(&ward, &mut anne, &request, "pa"));
    // Nor is anybody's where the operator has not said so.
    let ward = ward_with(&[]);
    let app = App::register(&ward.server, SCOPES, &["--secret"]);
    let mut anne = Visitor::new(&ward.server);
    let request = app.request(&ward.server, ASKED, &[]);
    app.authorize(&mut anne, &request, "anne");
    assert!(!is_let_in(&ward, &mut anne, &request, "pa"));
}
