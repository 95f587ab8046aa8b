//! A person with a browser: cookies, forms and redirects, and an authenticator in their pocket.

use std::{io::Write as _, path::PathBuf};

use aws_lc_rs::hmac;

use super::{Client, Reply, Server, vigie};

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// The secret of everybody's authenticator, in base 32 and as it is.
const AUTHENTICATOR: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const AUTHENTICATOR_BYTES: &[u8] = b"12345678901234567890";

/// Where the clock of a server starts that does not tell its time: `VIGIE_CLOCK_START`.
pub const START: &str = "2026-03-02T08:00:00Z";
const START_SECONDS: u64 = 1_772_438_400;

/// A browser.
pub struct Visitor {
    client: Client,
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    /// Names and values.
    pub cookies: Vec<(String, String)>,
    /// The instant of the simulated clock, in seconds: what an authenticator shows follows it.
    pub seconds: u64,
}

/// A form of a page.
#[derive(Debug, Clone)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// Its hidden fields.
    pub hidden: Vec<(String, String)>,
}

impl Visitor {
    /// A browser that has been nowhere yet.
    pub fn new(server: &Server) -> Self {
        let clock = server.client().send("GET", "/clock", &[], b"");
        let now = clock
            .ok()
            .and_then(|reply| reply.json().as_str().map(str::to_owned));
        let seconds = now.and_then(|now| now.parse::<jiff::Timestamp>().ok());
        Self {
            client: server.client(),
            origin: server.origin(),
            cookies: Vec::new(),
            seconds: seconds.map_or(START_SECONDS, |at| at.as_second().unsigned_abs()),
        }
    }

    /// `GET`, without following where it leads.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, &[], "")
    }

    /// `POST` of a form from this origin.
    #[track_caller]
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let origin = self.origin.clone();
        let headers = [
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        self.send("POST", path, &headers, &encoded(fields))
    }

    /// Any request, with the cookies of this browser.
    #[track_caller]
    pub fn send(&mut self, verb: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        let cookies = cookies.join("; ");
        let mut all = headers.to_vec();
        if !cookies.is_empty() {
            all.push(("cookie", &cookies));
        }
        if verb == "POST" && !headers.iter().any(|(name, _)| *name == "content-type") {
            all.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let reply = self
            .client
            .send(verb, path, &all, body.as_bytes())
            .expect("a reply");
        for (name, value) in &reply.headers {
            if name == "set-cookie" {
                self.take(value);
            }
        }
        reply
    }

    fn take(&mut self, header: &str) {
        let pair = header.split(';').next().unwrap_or_default();
        let (name, value) = pair.split_once('=').expect("a cookie");
        self.cookies.retain(|(own, _)| own != name);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Fills the first form of a page in and sends it.
    #[track_caller]
    pub fn submit(&mut self, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        let form = form(page);
        let hidden = form.hidden.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let all: Vec<_> = hidden.chain(fields.iter().copied()).collect();
        self.post(&form.action, &all)
    }

    /// Follows redirects within this server until a page comes, or an address elsewhere.
    #[track_caller]
    pub fn follow(&mut self, mut reply: Reply) -> Reply {
        for _ in 0..10 {
            if reply.status != 303 && reply.status != 302 {
                return reply;
            }
            let to = reply.header("location").expect("where to").to_owned();
            let inner = to.strip_prefix(&self.origin).unwrap_or(&to).to_owned();
            if !inner.starts_with('/') {
                return reply;
            }
            reply = self.get(&inner);
        }
        panic!("it goes round and round");
    }

    /// What the authenticator shows.
    pub fn code(&self) -> String {
        code_of(AUTHENTICATOR_BYTES, self.seconds)
    }

    /// From the login page on: name, password and code, until something else comes.
    #[track_caller]
    pub fn log_in(&mut self, page: &Reply, login: &str) -> Reply {
        let answer = self.submit(page, &[("login", login), ("password", PASSWORD)]);
        let asked = self.follow(answer);
        let code = self.code();
        let answer = self.submit(&asked, &[("code", &code)]);
        self.follow(answer)
    }
}

/// The code of an authenticator (RFC 6238).
pub fn code_of(secret: &[u8], seconds: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &(seconds / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let four: [u8; 4] = tag[at..at + 4].try_into().expect("four bytes");
    format!(
        "{:06}",
        (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000
    )
}

/// A form as a browser sends it.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields);
    text.finish()
}

/// The first form of a page.
#[track_caller]
pub fn form(page: &Reply) -> Form {
    forms(page)
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("no form: {}", page.text()))
}

/// All forms of a page.
pub fn forms(page: &Reply) -> Vec<Form> {
    let text = page.text();
    let parts = text.split("<form ").skip(1);
    parts
        .map(|part| {
            let part = part.split("</form>").next().unwrap_or_default();
            let inputs = part.split("<input ").skip(1);
            let hidden = inputs.filter(|one| attribute(one, "type") == "hidden");
            Form {
                action: attribute(part, "action"),
                hidden: hidden
                    .map(|one| (attribute(one, "name"), attribute(one, "value")))
                    .collect(),
            }
        })
        .collect()
}

/// An attribute of the tag that a text begins with.
fn attribute(tag: &str, name: &str) -> String {
    let tag = tag.split('>').next().unwrap_or_default();
    let value = tag
        .split_once(&format!("{name}=\""))
        .map_or("", |(_, after)| after);
    let value = value.split('"').next().unwrap_or_default();
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
    ];
    let text = entities
        .iter()
        .fold(value.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

/// Makes an account with [`PASSWORD`] and, where its kind has one, [`AUTHENTICATOR`], by the
/// command beside the running server.
#[track_caller]
pub fn add_user(server: &Server, login: &str, person: &str, roles: &[&str]) {
    let file = |name: &str, text: &str| -> PathBuf {
        let path = server.database().with_file_name(name);
        let mut file = std::fs::File::create(&path).expect("a file");
        writeln!(file, "{text}").expect("a line");
        path
    };
    let password = file("password", PASSWORD).display().to_string();
    let secret = file("authenticator", AUTHENTICATOR).display().to_string();
    let database = format!("sqlite:{}", server.database().display());
    let mut arguments = vec!["user", "add", login, "--person", person];
    for role in roles {
        arguments.extend(["--role", role]);
    }
    arguments.extend(["--database", &database, "--password-file", &password]);
    if person.starts_with("Practitioner/") {
        arguments.extend(["--authenticator-file", &secret]);
    }
    let output = vigie(&arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
}
