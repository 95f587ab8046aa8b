//! What must be answered, and what must not.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::Value;

use super::{
    asks::{ABSENT, Ask, Filled, Shape},
    cast::{self, Owner, Who},
    world::{World, canary, id, kinds},
};
use crate::http::testing::Answer;

/// What is told of an answer, requests' own names and instants apart.
type Told = (u16, Vec<(String, String)>, Vec<u8>);

/// Holds the answers that somebody is given to what they may know.
pub struct Judge<'a> {
    world: &'a World,
    who: &'a Who,
    letters: BTreeMap<&'static str, String>,
    requests: usize,
}

impl<'a> Judge<'a> {
    /// Who asks where.
    pub fn of(world: &'a World, who: &'a Who) -> Self {
        let letters = kinds().map(|kind| (kind.name(), who.letters(kind.name())));
        Self {
            world,
            who,
            letters: letters.collect(),
            requests: 0,
        }
    }

    /// There must have been as many requests.
    pub fn conclude(&self, least: usize) {
        assert!(self.requests >= least, "only {} requests", self.requests);
        println!("{}: {} requests", self.who.name, self.requests);
    }

    async fn asked(&mut self, ask: &Ask, filled: Filled) -> Answer {
        self.requests += 1;
        let mut request = Request::builder()
            .method(ask.verb.clone())
            .uri(&filled.path);
        let accept = ask.accept.unwrap_or("application/fhir+json");
        request = request.header(header::ACCEPT, accept);
        if let Some(bearer) = self.who.bearer() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        if let Some(condition) = &filled.unless {
            request = request.header("if-none-exist", condition);
        }
        let body = match filled.body {
            None => Body::empty(),
            Some(Value::String(form)) => {
                let kind = "application/x-www-form-urlencoded";
                request = request.header(header::CONTENT_TYPE, kind);
                Body::from(form)
            }
            Some(body) => {
                let kind = match ask.verb {
                    Method::PATCH => "application/json-patch+json",
                    _ => "application/fhir+json",
                };
                request = request.header(header::CONTENT_TYPE, kind);
                Body::from(body.to_string())
            }
        };
        self.world.send(request.body(body).unwrap()).await
    }

    /// Makes a request, and the same of what is not there.
    pub async fn hold(&mut self, ask: &Ask) {
        if self.would_destroy(ask) {
            return;
        }
        let answer = self.asked(ask, ask.as_made()).await;
        self.keep_clean(ask, &answer);
        if !self.who.is_known() {
            self.expect_stranger(ask, &answer);
            return;
        }
        let reached = ask.owner.is_none_or(|owner| self.who.reaches(owner));
        let may = self.may(ask);
        if may == Some(false) {
            assert_eq!(
                answer.status,
                403,
                "{} {ask:?} {}",
                self.who.name,
                text(&answer)
            );
        }
        if ask.owner.is_some() && (!reached || may == Some(false)) && ask.shape != Shape::Created {
            let nothing = self.asked(ask, ask.of_nothing()).await;
            let owner = ask.owner.map_or("", id);
            assert_eq!(
                told(&answer, owner),
                told(&nothing, ABSENT),
                "{} {ask:?}\n{}\n{}",
                self.who.name,
                text(&answer),
                text(&nothing)
            );
        }
        if may == Some(true) {
            let writes = ask.needs.contains(['c', 'u', 'd']);
            let own = ask
                .owner
                .is_none_or(|owner| !writes || self.who.writes(owner));
            self.expect_allowed(ask, &answer, reached && own);
        }
    }

    /// What would take something away that other requests ask for.
    fn would_destroy(&self, ask: &Ask) -> bool {
        let reached = ask.owner.is_some_and(|owner| self.who.writes(owner));
        let purges = ask.operation.is_some_and(|one| one.name == "purge");
        (ask.verb == Method::DELETE || purges) && reached && self.may(ask) != Some(false)
    }

    /// Whether what is asked may be asked at all; none, where there is no saying from the tables.
    fn may(&self, ask: &Ask) -> Option<bool> {
        if let Some(operation) = ask.operation {
            let role = self.who.role?;
            let called = match operation.kind {
                Some(kind) => format!("{kind}/${}", operation.name),
                None => format!("${}", operation.name),
            };
            let listed = cast::operations_of(role).contains(&called);
            return (!listed).then_some(false);
        }
        let kind = ask.kind.filter(|_| !ask.needs.is_empty())?;
        let own = &self.letters[kind.name()];
        Some(ask.needs.chars().all(|letter| own.contains(letter)))
    }

    /// No canary of anybody whose data is not theirs, or of a type that they may not see.
    fn keep_clean(&self, ask: &Ask, answer: &Answer) {
        let body = String::from_utf8_lossy(&answer.body);
        let headers = format!("{:?}", answer.headers);
        for text in [body.as_ref(), &headers] {
            for (at, _) in text.match_indices("canary-") {
                let rest = &text[at..];
                let own = &rest[..rest.find('.').unwrap_or(rest.len())];
                let mut parts = own.split('-').skip(1);
                let (owner, kind) = (parts.next().unwrap(), parts.next().unwrap());
                let owner = Owner::ALL
                    .into_iter()
                    .find(|one| one.word() == owner)
                    .unwrap();
                let letters = self.letters.get(kind).map_or("", String::as_str);
                let sees = self.who.reaches(owner) && letters.contains(['r', 's']);
                // Whoever writes is shown what they have just written.
                let echoes = ask.needs.contains(['c', 'u']) && self.who.reaches(owner);
                assert!(sees || echoes, "{} sees {own}: {ask:?}", self.who.name);
            }
        }
    }

    /// Who is not known is told so, whatever they ask, and nothing else.
    fn expect_stranger(&self, ask: &Ask, answer: &Answer) {
        let open = [
            "/fhir/metadata",
            "/fhir/openapi.json",
            "/healthz",
            "/readyz",
        ];
        if open.contains(&ask.path.as_str()) {
            assert_eq!(answer.status, 200, "{ask:?}");
            return;
        }
        if ask.path == "/clock" {
            assert_eq!(answer.status, 404);
            return;
        }
        assert_eq!(
            answer.status,
            401,
            "{} {ask:?} {}",
            self.who.name,
            text(answer)
        );
        let challenge = answer.header("www-authenticate");
        let shown = self.who.bearer().is_some();
        assert!(challenge.starts_with("Bearer realm="), "{challenge}");
        assert_eq!(challenge.contains("invalid_token"), shown, "{challenge}");
    }

    fn expect_allowed(&self, ask: &Ask, answer: &Answer, reached: bool) {
        let says = || {
            format!(
                "{} {ask:?} {} {}",
                self.who.name,
                answer.status,
                text(answer)
            )
        };
        let status = answer.status.as_u16();
        match ask.shape {
            Shape::Resource if reached => {
                assert_eq!(status, 200, "{}", says());
                let (Some(owner), Some(kind)) = (ask.owner, ask.kind) else {
                    return;
                };
                assert!(text(answer).contains(&canary(owner, kind)), "{}", says());
            }
            Shape::Resource | Shape::Success if !reached => assert_eq!(status, 404, "{}", says()),
            Shape::Total => {
                let total = answer.json()["total"].as_u64();
                assert_eq!(total.map(|total| total > 0), Some(reached), "{}", says());
            }
            Shape::Created if reached => assert_eq!(status, 201, "{}", says()),
            Shape::Created => assert_eq!(status, 403, "{}", says()),
            Shape::Success | Shape::Written if reached => assert!(status < 300, "{}", says()),
            Shape::Resource | Shape::Success | Shape::Written | Shape::Any => {}
        }
    }
}

fn text(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    text.chars().take(600).collect()
}

/// What an answer tells, the name of the resource that was asked for taken out.
fn told(answer: &Answer, name: &str) -> Told {
    let neutral = |text: &str| {
        let marked = text.replace(&format!("/{name}"), "/·");
        let marked = marked.replace(&format!("_id={name}"), "_id=·");
        marked.replace(&format!("tag-{name}-"), "tag-·-")
    };
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id" && *name != "date")
        .map(|(name, value)| {
            (
                name.to_string(),
                neutral(value.to_str().unwrap_or_default()),
            )
        })
        .collect();
    headers.retain(|(name, _)| name != "content-length");
    headers.sort();
    let body = neutral(&String::from_utf8_lossy(&answer.body));
    (answer.status.as_u16(), headers, body.into_bytes())
}
