//! A person with a browser: follows redirects, keeps cookies, fills in forms, until it is sent
//! back to the app.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    process::Command,
    time::Duration,
};

use hyper::Uri;
use serde_json::{Map, Value};

use super::{
    Filling,
    html::{Form, forms},
    jwt, percent, seconds, unpercent,
};
use crate::{
    case::Step,
    client::{Answer, Client},
};

/// Most pages and redirects on the way.
const HOPS_MAX: usize = 24;

/// How often one form is filled in; more often, and what was typed is not taken.
const SAME_FORM_MAX: usize = 2;

type Jar = BTreeMap<String, String>;

/// The browsers of all who take part; each keeps its cookies.
#[derive(Default)]
pub struct Browser {
    jars: RefCell<HashMap<String, Jar>>,
    /// The last code of each authenticator: no server takes one twice.
    codes: RefCell<HashMap<String, String>>,
}

/// What is asked next.
struct Request {
    is_post: bool,
    address: String,
    body: String,
    /// What a browser says about where it comes from.
    site: &'static str,
}

impl Browser {
    /// Visits an authorization endpoint with the step's form, and walks on until it is sent back
    /// to the form's `redirect_uri`: then the answer's JSON is what came along. Where it is not,
    /// the answer is the page where the walk ended.
    pub async fn visit(
        &self,
        client: &Client,
        step: &Step,
        fillings: &[Filling],
    ) -> Result<Answer, String> {
        let who = step.user.clone().unwrap_or_default();
        let mut jar = if step.fresh {
            Jar::new()
        } else {
            self.jars.borrow().get(&who).cloned().unwrap_or_default()
        };
        let form = step.form.clone().unwrap_or_default();
        let back = form.get("redirect_uri").cloned().unwrap_or_default();
        let mut next = first(step, &form);
        let mut filled: HashMap<String, usize> = HashMap::new();
        for _ in 0..HOPS_MAX {
            let mut answer = sent(client, &next, &jar).await?;
            keep(&mut jar, &answer);
            if !who.is_empty() {
                self.jars.borrow_mut().insert(who.clone(), jar.clone());
            }
            if let Some(location) = redirect(&answer) {
                let target = resolved(&next.address, &location);
                if !back.is_empty() && is_back(&target, &back) {
                    answer.json = parameters(&target);
                    return Ok(answer);
                }
                next = Request {
                    is_post: false,
                    address: target,
                    body: String::new(),
                    site: "same-origin",
                };
                continue;
            }
            let all = forms(&answer.text);
            if step
                .until
                .as_ref()
                .is_some_and(|field| all.iter().any(|form| form.names.contains(field)))
            {
                return Ok(answer);
            }
            let Some((form, filling)) = chosen(&all, fillings, &filled) else {
                return Ok(answer);
            };
            *filled.entry(filling.field.clone()).or_default() += 1;
            next = self.submitted(&next.address, form, filling).await?;
        }
        Err("the way back to the app is too long".to_owned())
    }

    async fn submitted(
        &self,
        page: &str,
        form: &Form,
        filling: &Filling,
    ) -> Result<Request, String> {
        let mut fields = form.fields.clone();
        for (name, value) in &filling.fill {
            fields.retain(|(known, _)| known != name);
            for value in self.typed(value).await? {
                fields.push((name.clone(), value));
            }
        }
        let body = fields
            .iter()
            .map(|(name, value)| format!("{}={}", percent(name), percent(value)))
            .collect::<Vec<_>>()
            .join("&");
        let target = resolved(page, &form.action);
        let address = if form.is_post {
            target
        } else {
            let bare = target.split('?').next().unwrap_or_default();
            format!("{bare}?{body}")
        };
        Ok(Request {
            is_post: form.is_post,
            address,
            body: if form.is_post { body } else { String::new() },
            site: "same-origin",
        })
    }

    /// The texts that a value stands for.
    async fn typed(&self, value: &Value) -> Result<Vec<String>, String> {
        Ok(match value {
            Value::Null => Vec::new(),
            Value::String(text) => vec![text.clone()],
            Value::Array(several) => several
                .iter()
                .filter_map(|each| each.as_str().map(str::to_owned))
                .collect(),
            other => {
                if let Some(secret) = other["totp"].as_str() {
                    vec![self.code(secret).await?]
                } else if let Some(command) = other["command"].as_array() {
                    vec![told(command)?]
                } else {
                    return Err(format!("nobody can type {other}"));
                }
            }
        })
    }

    /// The authenticator's code; the next one, if this one was given before.
    async fn code(&self, secret: &str) -> Result<String, String> {
        loop {
            let code = jwt::one_time_code(secret, seconds())?;
            let before = self
                .codes
                .borrow_mut()
                .insert(secret.to_owned(), code.clone());
            if before.as_ref() != Some(&code) {
                return Ok(code);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

fn first(step: &Step, form: &BTreeMap<String, String>) -> Request {
    let query = super::encoded(form.iter());
    let mark = if step.path.contains('?') { '&' } else { '?' };
    Request {
        is_post: step.post,
        address: if step.post {
            step.path.clone()
        } else {
            format!("{}{mark}{query}", step.path)
        },
        body: if step.post { query } else { String::new() },
        site: "cross-site",
    }
}

async fn sent(client: &Client, request: &Request, jar: &Jar) -> Result<Answer, String> {
    let mut headers = BTreeMap::from([
        ("accept".to_owned(), "text/html,*/*;q=0.8".to_owned()),
        ("sec-fetch-site".to_owned(), request.site.to_owned()),
        ("sec-fetch-mode".to_owned(), "navigate".to_owned()),
        ("sec-fetch-dest".to_owned(), "document".to_owned()),
        // A person's browser says who they are by cookies alone.
        ("authorization".to_owned(), String::new()),
    ]);
    if !jar.is_empty() {
        let cookies: Vec<String> = jar.iter().map(|(n, v)| format!("{n}={v}")).collect();
        headers.insert("cookie".to_owned(), cookies.join("; "));
    }
    if request.is_post {
        headers.insert(
            "content-type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        );
        if request.site == "same-origin" {
            headers.insert("origin".to_owned(), origin(&request.address));
        }
    }
    let step = Step {
        verb: if request.is_post { "POST" } else { "GET" }.to_owned(),
        path: request.address.clone(),
        headers,
        text: request.is_post.then(|| request.body.clone()),
        ..Step::default()
    };
    client.send(&step).await
}

/// The first form that somebody knows what to do with.
fn chosen<'a>(
    forms: &'a [Form],
    fillings: &'a [Filling],
    filled: &HashMap<String, usize>,
) -> Option<(&'a Form, &'a Filling)> {
    fillings.iter().find_map(|filling| {
        let often = filled.get(&filling.field).copied().unwrap_or_default();
        let form = forms
            .iter()
            .find(|form| form.names.contains(&filling.field))?;
        (often < SAME_FORM_MAX).then_some((form, filling))
    })
}

fn redirect(answer: &Answer) -> Option<String> {
    if !(300..400).contains(&answer.status) {
        return None;
    }
    let location = answer.headers.get("location")?;
    Some(location.to_str().ok()?.to_owned())
}

fn keep(jar: &mut Jar, answer: &Answer) {
    for cookie in answer.headers.get_all("set-cookie") {
        let Ok(text) = cookie.to_str() else { continue };
        let mut parts = text.split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            continue;
        };
        let is_over = parts.any(|part| {
            let part = part.trim().to_ascii_lowercase();
            part == "max-age=0" || part.starts_with("expires=thu, 01 jan 1970")
        });
        if is_over || value.is_empty() {
            jar.remove(name.trim());
        } else {
            jar.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
}

fn origin(address: &str) -> String {
    let uri: Uri = address.parse().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", uri.scheme_str().unwrap_or("http"))
}

/// An address as a page means it.
pub(super) fn resolved(page: &str, target: &str) -> String {
    let is_absolute = target
        .split_once(':')
        .is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains(['/', '?', '#']));
    let target = target.split('#').next().unwrap_or_default();
    if is_absolute {
        return target.to_owned();
    }
    let bare = page.split('?').next().unwrap_or_default();
    if target.is_empty() {
        return page.to_owned();
    }
    if target.starts_with('/') {
        return format!("{}{target}", origin(page));
    }
    if target.starts_with('?') {
        return format!("{bare}{target}");
    }
    let folder = bare.rsplit_once('/').map_or(bare, |(folder, _)| folder);
    format!("{folder}/{target}")
}

pub(super) fn is_back(target: &str, back: &str) -> bool {
    target
        .strip_prefix(back)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', '&']))
}

/// The query of an address as an object.
pub(super) fn parameters(address: &str) -> Value {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let mut all = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        all.insert(unpercent(name), Value::String(unpercent(value)));
    }
    Value::Object(all)
}

/// What a program prints: the code that was sent to a mailbox of the test's.
fn told(command: &[Value]) -> Result<String, String> {
    let mut words = command.iter().filter_map(Value::as_str);
    let program = words.next().ok_or("a command without a program")?;
    let output = Command::new(program)
        .args(words)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} failed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
