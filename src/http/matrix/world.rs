//! A server with two patients, two establishments, and a resource of every type for each of them.

use std::sync::{Arc, LazyLock};

use axum::{Router, body::Body, http::Request};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::cast::{self, CAST, Owner, Token, Who};
use crate::{
    fhir::{
        about::SHARED,
        definitions::{ResourceType, definitions},
        path::encode_base64,
        permit::Permit,
        resource::Resource,
    },
    http::{
        Access, State,
        operations::OPERATIONS,
        router::router_with,
        state::RequestLimits,
        testing::{Answer, read},
    },
    interactions::{OnWrite, testing::Bench},
    kernel::problem::Result,
    outbound::{Ask, Cache, Failure, Fetch, Fetched},
    smart::{
        Parts, Settings, Smart,
        keys::Keys,
        persons::{Hat, Person, Persons},
        rates::RateBounds,
        secret,
    },
    store::{self, Client, Delegation, DelegationsOf, Prepared, Proof, TokenKind, Tx},
};

/// Types that hold nobody's data, where they name nobody: the directory, terms, definitions.
pub const SHARED_TYPES: &[&str] = &[
    "ActivityDefinition",
    "CapabilityStatement",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "Endpoint",
    "EventDefinition",
    "GraphDefinition",
    "HealthcareService",
    "ImplementationGuide",
    "Library",
    "Location",
    "Measure",
    "Medication",
    "MessageDefinition",
    "NamingSystem",
    "OperationDefinition",
    "Organization",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "Substance",
    "TerminologyCapabilities",
    "ValueSet",
];

/// Types of which some hold nobody's data by what they are, and which no role has to do with: they
/// are walked as somebody's only.
const DOUBTFUL: &[&str] = &[
    "CatalogEntry",
    "ChargeItemDefinition",
    "DeviceDefinition",
    "EffectEvidenceSynthesis",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "InsurancePlan",
    "MedicationKnowledge",
    "ObservationDefinition",
    "OrganizationAffiliation",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "RiskEvidenceSynthesis",
    "SpecimenDefinition",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "TestScript",
];

/// By which element a resource says whom it is about, where its name does not say so.
const LINKS: &[(&str, &str)] = &[
    ("Appointment", "participant.actor"),
    ("AppointmentResponse", "actor"),
    ("AuditEvent", "entity.what"),
    ("EnrollmentRequest", "candidate"),
    ("Group", "member.entity"),
    ("Person", "link.target"),
    ("Provenance", "target"),
    ("Schedule", "actor"),
    ("SupplyRequest", "deliverTo"),
    ("Binary", "securityContext"),
];

/// The elements whose names say so.
const SUBJECTS: [&str; 5] = ["subject", "patient", "for", "beneficiary", "individual"];

static KINDS: LazyLock<Vec<ResourceType>> = LazyLock::new(|| {
    let all = definitions().resource_types.iter().copied();
    all.filter(|kind| kind.name() != "Parameters").collect()
});

/// Every type that can be kept.
pub fn kinds() -> impl Iterator<Item = ResourceType> {
    KINDS.iter().copied()
}

/// The elements by which a resource of a type is about somebody; none, if it cannot be.
fn link(kind: ResourceType, to: &[&str]) -> Option<Value> {
    let refer = |one: &&str| json!({ "reference": format!("Patient/{one}") });
    let shape = definitions().type_named(kind.name())?;
    let direct = SUBJECTS.iter().find_map(|name| {
        let (element, of) = shape.member(name)?;
        (of == "Reference").then_some((*name, element.list))
    });
    let many: Vec<Value> = to.iter().map(refer).collect();
    if let Some((name, list)) = direct {
        let value = match (list, &many[..]) {
            (true, _) => many.into(),
            (false, [one]) => one.clone(),
            (false, _) => return None,
        };
        return Some(json!({ name: value }));
    }
    let (_, path) = LINKS.iter().find(|(name, _)| *name == kind.name())?;
    let (name, inner) = path.split_once('.').unwrap_or((path, ""));
    let (element, _) = shape.member(name)?;
    let one = |one: Value| {
        if inner.is_empty() {
            one
        } else {
            json!({ inner: one })
        }
    };
    match (element.list, &many[..]) {
        (true, _) => Some(json!({ name: many.into_iter().map(one).collect::<Vec<Value>>() })),
        (false, [only]) => Some(json!({ name: one(only.clone()) })),
        (false, _) => None,
    }
}

/// What stands in a resource and nowhere else.
pub fn canary(owner: Owner, kind: ResourceType) -> String {
    format!("canary-{}-{kind}.", owner.word())
}

/// The id of a resource of some owner: the patients are called as their owners are.
pub const fn id(owner: Owner) -> &'static str {
    owner.word()
}

/// A resource of a type that is some owner's; none, if there can be none.
pub fn resource(kind: ResourceType, owner: Owner) -> Option<Value> {
    let is_shared = SHARED_TYPES.contains(&kind.name());
    let is_patient = kind.name() == "Patient";
    let is_doubtful = DOUBTFUL.contains(&kind.name()) || kind.name() == "CareTeam";
    let mut tree = match owner {
        Owner::Own | Owner::Other if is_patient => json!({}),
        _ if is_patient => return None,
        Owner::Own => link(kind, &["own"])?,
        Owner::Other => link(kind, &["other"])?,
        Owner::Both => link(kind, &["own", "other"])?,
        Owner::Shared if is_shared => json!({}),
        Owner::Nobody if !is_shared && !is_doubtful => json!({}),
        Owner::Shared | Owner::Nobody => return None,
    };
    let canary = canary(owner, kind);
    tree["resourceType"] = kind.name().into();
    tree["id"] = id(owner).into();
    let tag = format!("tag-{}-{kind}", id(owner));
    tree["meta"] = json!({ "tag": [
        { "system": "urn:canary", "code": canary },
        { "system": "urn:tag", "code": tag },
    ] });
    tree["language"] = canary.as_str().into();
    if kind.name() == "Binary" {
        tree["contentType"] = "text/plain".into();
        tree["data"] = encode_base64(canary.as_bytes()).into();
    }
    match (is_patient, owner) {
        (true, Owner::Own) => {
            tree["managingOrganization"] = json!({ "reference": "Organization/near" });
            tree["generalPractitioner"] = json!([{ "reference": "Organization/agency" }]);
        }
        (true, _) => tree["managingOrganization"] = json!({ "reference": "Organization/far" }),
        _ => {}
    }
    Some(tree)
}

/// Who is somebody, as the table of the cast says.
struct Listed;

impl Persons for Listed {
    fn person<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<Option<Person>>> {
        let who = CAST.iter().find(|who| who.name == account && who.alive);
        let person = who.and_then(|who| {
            let role = who.role?;
            let mut marks = cast::marks_of(role);
            marks.extend(who.marks.iter().map(|mark| (*mark).to_owned()));
            Some(Person {
                account: account.to_owned(),
                fhir_user: None,
                hats: vec![Hat {
                    role: role.to_owned(),
                    marks,
                    seeds: who.seeds.iter().map(|seed| (*seed).to_owned()).collect(),
                    houses: who.seeds.iter().map(|seed| (*seed).to_owned()).collect(),
                    writes_own: false,
                }],
            })
        });
        Box::pin(async { Ok(person) })
    }

    fn name<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<String>> {
        Box::pin(async { Ok(account.to_owned()) })
    }

    fn is_logged_in<'a>(&'a self, _session: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async { Ok(false) })
    }
}

/// Nothing is fetched.
struct Nowhere;

impl Fetch for Nowhere {
    fn send<'a>(&'a self, _ask: &'a Ask) -> BoxFuture<'a, std::result::Result<Fetched, Failure>> {
        Box::pin(std::future::pending())
    }
}

/// The whole of it.
pub struct World {
    router: Router,
    _bench: Bench,
}

impl World {
    /// Puts everything in its place.
    pub async fn open() -> Self {
        let mut bench = Bench::open().await;
        // What R4 requires beside the link and the canary is no matter here.
        bench.context.limits.on_write = OnWrite::Lenient;
        let store = bench.context.store.clone();
        let system = Permit::system("matrix");
        store
            .write(&system, |tx| Box::pin(async move { settle(tx).await }))
            .await
            .unwrap();
        let context = bench.context.clone();
        let smart = smart(&bench);
        let state = State::new(context, Access::Tokens, RequestLimits::default());
        let state = state.with_smart(Some(Arc::new(smart)));
        Self {
            router: router_with(Arc::new(state), OPERATIONS),
            _bench: bench,
        }
    }

    /// Makes a request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        use hyper::service::Service as _;
        let service = hyper_util::service::TowerToHyperService::new(self.router.clone());
        read(service.call(request).await.unwrap()).await
    }
}

fn smart(bench: &Bench) -> Smart {
    let context = &bench.context;
    let hour = std::time::Duration::from_secs(3_600);
    let settings = Settings {
        issuer: "http://vigie.test".to_owned(),
        base: context.base.as_ref().to_owned(),
        access: hour,
        backend: hour,
        offline: hour,
        consent: std::time::Duration::ZERO,
        registration: false,
        style: String::new(),
        rates: RateBounds {
            client: 600,
            address: 300,
        },
    };
    let clock = Arc::clone(&context.clock);
    let parts = Parts {
        store: context.store.clone(),
        clock: Arc::clone(&clock),
        chance: Arc::clone(&context.chance),
        keys: Keys::open(&bench.folder().join("keys.pem")).unwrap(),
        sets: Arc::new(Cache::new(Arc::new(Nowhere), clock)),
        persons: Arc::new(Listed),
    };
    Smart::new(settings, parts)
}

async fn settle(tx: &mut Tx) -> Result<()> {
    for name in ["near", "far", "agency"] {
        let tree = json!({ "resourceType": "Organization", "id": name });
        put(tx, tree).await?;
    }
    for owner in Owner::ALL {
        // A follow-up refers to patients, who therefore come first.
        let first = kinds().filter(|kind| kind.name() == "Patient");
        let rest = kinds().filter(|kind| kind.name() != "Patient");
        for kind in first.chain(rest) {
            if let Some(tree) = resource(kind, owner) {
                put(tx, tree).await?;
            }
        }
    }
    for who in CAST {
        let_in(tx, who).await?;
    }
    Ok(())
}

async fn put(tx: &mut Tx, tree: Value) -> Result<()> {
    let id = tree["id"].as_str().unwrap().to_owned();
    let prepared = Prepared::new(Resource::trusted(tree)?);
    tx.put(&id, prepared, None).await.map(|_| ())
}

/// Writes down what somebody was granted.
async fn let_in(tx: &mut Tx, who: &Who) -> Result<()> {
    let Some(bearer) = who.bearer() else {
        return Ok(());
    };
    let text = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
    let client = Client {
        id: who.name.to_owned(),
        name: who.name.to_owned(),
        proof: Proof::Public,
        redirect_uris: Vec::new(),
        logout_uris: Vec::new(),
        launch_uri: None,
        scopes: who.scopes.split(' ').map(str::to_owned).collect(),
        origins: Vec::new(),
        acts_for_itself: who.role.is_none(),
        organizations: text(who.organizations),
        trusted: false,
        self_registered: false,
    };
    tx.keep_client(&client).await?;
    let (issued, hour) = (tx.now(), SignedDuration::from_hours(1));
    let later = |from: Timestamp| from.saturating_add(hour).unwrap();
    let expires = match who.token {
        Token::Expired => issued,
        _ => later(issued),
    };
    let delegation = Delegation {
        id: format!("delegation-{}", who.name),
        client: who.name.to_owned(),
        account: who.role.map(|_| who.name.to_owned()),
        session: None,
        patient: who.launched.map(|owner| id(owner).to_owned()),
        terms: store::Terms::default(),
        created: issued,
        expires: later(issued),
        ended: false,
    };
    tx.keep_delegation(&delegation).await?;
    let token = store::Token {
        hash: secret::digest(&bearer),
        kind: TokenKind::Access,
        delegation: delegation.id.clone(),
        scopes: who.scopes.to_owned(),
        issued,
        expires,
        used: false,
    };
    tx.keep_token(&token).await?;
    if who.token == Token::Revoked {
        tx.end_delegations(DelegationsOf::Id(&delegation.id))
            .await?;
    }
    Ok(())
}

/// What is everybody's has no other name than this in the database.
#[test]
fn what_is_everybodys_is_about_nobody_in_particular() {
    assert_eq!(SHARED, "");
}
