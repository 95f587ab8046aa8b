//! A practice that one has to log in to: the same program without `--insecure-no-auth`.
//!
//! The cohort's own server lets everybody in, on a clock that stands still. Beside it, what real
//! people would meet: a server with accounts, second factors and tokens, and a SMART app at an
//! address of its own that is launched against it. The app's page also shows the codes that an
//! authenticator would show, since these accounts are for trying.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-standalone-launch>.

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    http::header::CONTENT_TYPE,
    response::{Html, IntoResponse as _},
    routing::get,
};
use hyper::Method;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    app::{self, Running, client::Client},
    config::{Config, Sources, load},
    fhir::permit::Permit,
    kernel::{
        chance::{Chance, Generator},
        clock::{Clock, SystemClock},
        phi::Phi,
        problem::{Problem, Result},
    },
    people::{authenticator, enrol::Enrolment},
    smart::registration,
    store::{AccountKind, AccountRole, Client as Program, Proof},
};

/// The program that is launched.
const PROGRAM: &str = "demo-app";

/// What the program may ask for.
const SCOPES: [&str; 5] = [
    "launch/patient",
    "openid",
    "fhirUser",
    "patient/*.rs",
    "user/*.rs",
];

/// Whose accounts there are: login, person, role, and what they are for.
const PEOPLE: [(&str, &str, &str, &str); 3] = [
    (
        "nurse@example.org",
        "Practitioner/nurse",
        "professional@Organization/practice",
        "a nurse of the practice, who follows both patients",
    ),
    (
        "stranger@example.org",
        "Practitioner/stranger",
        "professional@Organization/elsewhere",
        "a nurse of another practice, who finds nobody",
    ),
    (
        "auditor@example.org",
        "Practitioner/auditor",
        "auditor",
        "who reads the record of accesses, and no patient",
    ),
];

/// Somebody who can log in.
struct Login {
    name: &'static str,
    what: &'static str,
    password: String,
    secret: Vec<u8>,
}

/// The practice, served.
pub struct Practice {
    running: Running,
    page: JoinHandle<()>,
    address: String,
    logins: Arc<[Login]>,
}

impl Practice {
    /// Opens it on a database in this folder.
    ///
    /// # Errors
    /// As a server that cannot be started.
    pub async fn open(folder: &Path) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(Problem::fault)?;
        let address = listener.local_addr().map_err(Problem::fault)?;
        let address = format!("http://{address}/");
        let config = configuration(&folder.join("practice.db"))?;
        let chance: Arc<dyn Chance> = Arc::new(Generator::from_system());
        let client = app::offline(&config, Arc::clone(&chance)).await?;
        settle(&client).await?;
        drop(client);
        let logins: Arc<[Login]> = enrol(&config, &chance).await?.into();
        register(&config, &chance, &address).await?;
        let running = app::start(&config, chance).await?;
        let pages = pages(running.base(), Arc::clone(&logins));
        let page = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, pages).await {
                tracing::warn!(%error, "the demo's app is served no more");
            }
        });
        Ok(Self {
            running,
            page,
            address,
            logins,
        })
    }

    /// What is worth typing.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let base = self.running.base();
        let mut lines = vec![
            format!("With login, at {base}:"),
            format!(
                "SMART app: {}  (launches; shows the codes of the moment)",
                self.address
            ),
        ];
        lines.extend(self.logins.iter().map(|login| {
            let secret = authenticator::typed(&login.secret);
            format!(
                "  {}  password {}  authenticator {secret}  ({})",
                login.name, login.password, login.what
            )
        }));
        lines.push(format!("curl -s {base}/.well-known/smart-configuration"));
        lines.push(format!(
            "curl -si {base}/Patient  # 401: nobody without a token"
        ));
        lines
    }

    /// Ends both servers.
    pub async fn stop(self) {
        self.page.abort();
        self.running.stop().await;
    }
}

fn configuration(database: &Path) -> Result<Config> {
    let flags = vec![
        ("server.listen", "127.0.0.1:0".to_owned()),
        ("database.url", format!("sqlite:{}", database.display())),
        ("mail.channel", "memory".to_owned()),
        ("log.filter", "error".to_owned()),
    ];
    let sources = Sources {
        flags,
        ..Sources::default()
    };
    load(&sources).map(|effective| effective.config)
}

/// The practice, its nurse and two patients, who are followed.
async fn settle(client: &Client) -> Result<()> {
    let named = |kind: &str, id: &str, family: &str, given: &str| {
        json!({
            "resourceType": kind, "id": id, "active": true,
            "name": [{ "family": family, "given": [given] }],
        })
    };
    let practice = json!({ "reference": "Organization/practice" });
    let mut resources = vec![
        json!({ "resourceType": "Organization", "id": "practice", "name": "Cabinet des Pentes" }),
        json!({ "resourceType": "Organization", "id": "elsewhere", "name": "Cabinet de la Plaine" }),
        named("Practitioner", "nurse", "Martin", "Ana"),
        named("Practitioner", "stranger", "Petit", "Luc"),
        named("Practitioner", "auditor", "Roche", "Inès"),
        json!({
            "resourceType": "CareTeam", "id": "practice", "status": "active",
            "managingOrganization": [practice],
            "participant": [{ "member": { "reference": "Practitioner/nurse" } }],
        }),
    ];
    let patients = [
        ("camille", "Durand", "Camille"),
        ("sacha", "Morel", "Sacha"),
    ];
    for (id, family, given) in patients {
        let mut patient = named("Patient", id, family, given);
        patient["managingOrganization"] = practice.clone();
        resources.extend([patient, consent(id)]);
    }
    for resource in resources {
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        let id = resource["id"].as_str().unwrap_or_default();
        let path = format!("/{kind}/{id}");
        client.send_tree(Method::PUT, &path, &resource).await?;
    }
    for (id, ..) in patients {
        let parameters = json!({ "resourceType": "Parameters", "parameter": [
            { "name": "subject", "valueReference": { "reference": format!("Patient/{id}") } },
            { "name": "practitioner", "valueReference": { "reference": "Practitioner/nurse" } },
            { "name": "organization", "valueReference": practice },
            { "name": "careTeam", "valueReference": { "reference": "CareTeam/practice" } },
        ]});
        let path = "/PlanDefinition/covid-medical/$apply";
        client.send_tree(Method::POST, path, &parameters).await?;
    }
    Ok(())
}

fn consent(patient: &str) -> Value {
    let code = |system: &str, code: &str| json!({ "coding": [{ "system": system, "code": code }] });
    json!({
        "resourceType": "Consent", "id": patient, "status": "active",
        "patient": { "reference": format!("Patient/{patient}") },
        "scope": code("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [code("http://loinc.org", "59284-0")],
        "policyRule": { "text": "Telemonitoring at home" },
    })
}

/// Makes the accounts; their passwords and authenticators are drawn.
async fn enrol(config: &Config, chance: &Arc<dyn Chance>) -> Result<Vec<Login>> {
    let people = app::open_people(config, Arc::clone(chance)).await?;
    let mut logins = Vec::with_capacity(PEOPLE.len());
    for (name, person, role, what) in PEOPLE {
        let secret = authenticator::draw(chance.as_ref()).to_vec();
        let password = authenticator::typed(&authenticator::draw(chance.as_ref()));
        let password: String = password.chars().filter(|c| *c != ' ').take(20).collect();
        let (role, organization) = role.split_once('@').unwrap_or((role, ""));
        let enrolment = Enrolment {
            kind: AccountKind::Professional,
            login: name.to_owned(),
            fhir_user: person.to_owned(),
            roles: vec![AccountRole {
                role: role.to_owned(),
                organization: organization.to_owned(),
            }],
            password: Some(Phi::new(password.clone())),
            authenticator: Some(Phi::new(authenticator::typed(&secret))),
            identity: None,
        };
        people.add(enrolment).await?;
        logins.push(Login {
            name,
            what,
            password,
            secret,
        });
    }
    Ok(logins)
}

/// Registers the program, whose page is at `address`.
async fn register(config: &Config, chance: &Arc<dyn Chance>, address: &str) -> Result<()> {
    let program = Program {
        id: PROGRAM.to_owned(),
        name: "A SMART app".to_owned(),
        proof: Proof::Public,
        redirect_uris: vec![address.to_owned()],
        logout_uris: Vec::new(),
        launch_uri: None,
        scopes: SCOPES.map(str::to_owned).to_vec(),
        origins: vec![address.trim_end_matches('/').to_owned()],
        acts_for_itself: false,
        organizations: Vec::new(),
        trusted: false,
        self_registered: false,
    };
    registration::check(&program)?;
    let store = app::open_store(config, Arc::clone(chance)).await?;
    store
        .write(&Permit::system("demo.practice"), move |tx| {
            Box::pin(async move { tx.keep_client(&program).await })
        })
        .await
}

/// The app's page, and the logins that it shows.
fn pages(base: &str, logins: Arc<[Login]>) -> Router {
    let page = include_str!("app.html")
        .replace("{{base}}", base)
        .replace("{{client}}", PROGRAM);
    Router::new()
        .route("/", get(async move || Html(page.clone())))
        .route(
            "/logins",
            get(async move || {
                let json = [(CONTENT_TYPE, "application/json")];
                (json, shown(&logins).to_string()).into_response()
            }),
        )
}

fn shown(logins: &[Login]) -> Value {
    let now = SystemClock.now().as_second();
    let shown = logins.iter().map(|login| {
        json!({
            "login": login.name, "password": login.password, "what": login.what,
            "code": authenticator::code(&login.secret, now).unwrap_or_default(),
        })
    });
    shown.collect()
}
