//! Establishments below a region, each with pathways of its own, beside those of the region and of
//! the agency: whoever works elsewhere neither sees them, nor follows by them, nor changes them.

use serde_json::{Value, json};

use crate::harness::{
    App, Backend, Client, Options, PASSWORD, Reply, Server, Visitor, add_user,
    app::{allow, parameter},
    vigie,
};

const PATHWAY: &str = include_str!("../../profiles/examples/PlanDefinition-heart-failure.json");
const FORM: &str = include_str!("../../profiles/examples/Questionnaire-heart-failure.json");

const SCOPES: &str = "user/*.cruds";

/// Canonical base of everything that Vigie defines.
const VIGIE: &str = "https://vigie.example/fhir";

/// A hospital with a ward, another hospital, and the agency; each has a patient.
struct Region {
    server: Server,
    mails: tempfile::TempDir,
    app: App,
    all: Client,
}

fn refer(to: &str) -> Value {
    json!({ "reference": to })
}

/// A pathway and its form, offered by some establishments, under a name of theirs.
fn pathway_of(name: &str, version: &str, establishments: &[&str]) -> (Value, Value) {
    let own = |text: &str| -> Value {
        let text = text.replace("/heart-failure", &format!("/{name}"));
        serde_json::from_str(&text.replace("|1.0.0", &format!("|{version}"))).unwrap()
    };
    let (mut plan, mut form) = (own(PATHWAY), own(FORM));
    for one in [&mut plan, &mut form] {
        one["version"] = version.into();
        one["status"] = "active".into();
        one.as_object_mut().unwrap().remove("id");
    }
    let policy = plan["extension"][0]["extension"].as_array_mut().unwrap();
    let mut offered = Vec::new();
    for one in establishments {
        policy.push(json!({ "url": "establishment", "valueReference": refer(one) }));
        let url = format!("{VIGIE}/StructureDefinition/offered-to");
        offered.push(json!({ "url": url, "valueReference": refer(one) }));
    }
    if !offered.is_empty() {
        form["extension"] = offered.into();
    }
    (plan, form)
}

impl Region {
    fn open() -> Self {
        let mails = tempfile::tempdir().unwrap();
        let folder = mails.path().display().to_string();
        let set = |name: &str, value: &str| (format!("VIGIE_{name}"), value.to_owned());
        let server = Server::start_with(Options {
            closed: true,
            environment: vec![set("MAIL_CHANNEL", "file"), set("MAIL_DIRECTORY", &folder)],
            ..Options::default()
        });
        let backend = Backend::register(&server, "system/*.cruds");
        let mut all = backend.client(&server, "system/*.cruds");
        let mut put = |path: &str, mut body: Value| {
            let (kind, id) = path.split_once('/').unwrap();
            body["resourceType"] = kind.into();
            body["id"] = id.into();
            all.put(path, &body).expect(201);
        };
        for name in ["a", "b", "agency"] {
            put(&format!("Organization/{name}"), json!({ "name": name }));
        }
        put(
            "Organization/ward",
            json!({ "name": "ward", "partOf": refer("Organization/a") }),
        );
        for (id, organization) in [("pa", "ward"), ("pb", "b"), ("pg", "agency")] {
            let organization = refer(&format!("Organization/{organization}"));
            let name = json!([{ "family": id }]);
            let mail = json!([{ "system": "email", "value": format!("{id}@example.org") }]);
            put(
                &format!("Patient/{id}"),
                json!({ "name": name, "birthDate": "1950-01-01", "telecom": mail,
                    "managingOrganization": organization }),
            );
        }
        let staff = [
            ("nurse-a", "professional@Organization/ward"),
            ("nurse-b", "professional@Organization/b"),
            ("agent", "agent@Organization/agency"),
            ("author-a", "author@Organization/a"),
            ("author-b", "author@Organization/b"),
            ("author", "author"),
            ("administrator", "administrator"),
        ];
        for (name, role) in staff {
            let person = format!("Practitioner/{name}");
            put(&person, json!({ "name": [{ "family": name }] }));
            add_user(&server, name, &person, &[role]);
        }
        let app = App::public(&server, SCOPES);
        Self {
            server,
            mails,
            app,
            all,
        }
    }

    /// The code in the last mail that has one: others may be sent at the same time.
    fn code(&self) -> String {
        let files = std::fs::read_dir(self.mails.path()).unwrap().flatten();
        let mut files: Vec<_> = files.collect();
        files.sort_by_key(|one| one.metadata().unwrap().modified().unwrap());
        let mails = files.iter().rev();
        let mut mails = mails.map(|one| std::fs::read_to_string(one.path()).unwrap());
        let digits = |word: &&str| word.len() == 6 && word.bytes().all(|c| c.is_ascii_digit());
        let code = mails.find_map(|mail| mail.split_whitespace().find(digits).map(str::to_owned));
        code.expect("a mail with a code")
    }

    /// Somebody who is followed, with an app of theirs.
    fn patient(&self, login: &str, scopes: &str) -> Client {
        let app = App::public(&self.server, scopes);
        let mut visitor = Visitor::new(&self.server);
        let request = app.request(&self.server, scopes, &[]);
        let first = visitor.get(&format!("/auth/authorize?{request}"));
        let page = visitor.follow(first);
        let answer = visitor.submit(&page, &[("login", login), ("password", PASSWORD)]);
        let asked = visitor.follow(answer);
        self.server.set_clock(&self.server.later(60));
        let answer = visitor.submit(&asked, &[("code", &self.code())]);
        let page = visitor.follow(answer);
        let answer = allow(&mut visitor, &page, None);
        let back = visitor.follow(answer);
        let code = parameter(back.header("location").unwrap(), "code").unwrap();
        let tokens = App::post(&self.server, &app.exchange_form(&code));
        let tokens = tokens.expect(200).json();
        let token = tokens["access_token"].as_str().unwrap();
        self.server.client().with_token(token)
    }

    fn who(&self, login: &str) -> Client {
        self.app.client(&self.server, SCOPES, login)
    }
}

/// How many of a type somebody finds by a URL.
fn found(who: &mut Client, kind: &str, url: &str) -> u64 {
    let path = format!("{kind}?url={url}&_summary=count");
    let bundle = who.get(&path).expect(200).json();
    bundle["total"].as_u64().unwrap()
}

fn create(who: &mut Client, tree: &Value) -> Reply {
    who.post(tree["resourceType"].as_str().unwrap(), tree)
}

/// Enrols a patient by a pathway, as a nurse.
fn apply(who: &mut Client, pathway: &str, (nurse, patient): (&str, &str)) -> Reply {
    let parameters = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "subject", "valueString": patient },
        { "name": "practitioner", "valueString": format!("Practitioner/{nurse}") },
        { "name": "planDefinition", "valueCanonical": pathway } ] });
    who.post("PlanDefinition/$apply", &parameters)
}

/// That there is no such pathway, as far as they are told.
#[track_caller]
fn is_not_there(reply: Reply) {
    let text = reply.expect(422).text();
    assert!(text.contains("is not there"), "{text}");
}

fn consent(who: &mut Client, patient: &str) {
    let consent = json!({ "resourceType": "Consent", "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope",
            "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "patient": refer(patient), "policyRule": { "text": "at home" } });
    who.post("Consent", &consent).expect(201);
}

#[test]
fn an_establishments_pathway_is_its_own_to_write_to_see_and_to_follow_by() {
    let region = Region::open();
    let mut author = region.who("author-a");
    let (plan, form) = pathway_of("cardio-a", "1.0.0", &["Organization/a"]);
    let form_at = create(&mut author, &form).expect(201).location();
    let plan_at = create(&mut author, &plan).expect(201).location();
    let urls = [
        ("PlanDefinition", plan["url"].as_str().unwrap()),
        ("Questionnaire", form["url"].as_str().unwrap()),
    ];
    // Who works in a part of the hospital, who wrote it, and who answers for the region.
    for login in ["nurse-a", "author-a", "author", "administrator"] {
        let mut who = region.who(login);
        for (kind, url) in urls {
            assert_eq!(found(&mut who, kind, url), 1, "{login} {kind}");
        }
        who.get(&plan_at).expect(200);
        who.get(&form_at).expect(200);
    }
    for login in ["nurse-b", "agent", "author-b"] {
        let mut who = region.who(login);
        for (kind, url) in urls {
            assert_eq!(found(&mut who, kind, url), 0, "{login} {kind}");
        }
        for at in [&plan_at, &form_at] {
            who.get(at).expect(404);
            who.get(&format!("{at}/_history")).expect(404);
            who.get(&format!("{at}/_history/1")).expect(404);
        }
        let included = "PlanDefinition?_include=PlanDefinition:definition&_count=100";
        assert!(!who.get(included).expect(200).text().contains("cardio-a"));
        let all = who.get("Questionnaire/_history?_count=100").text();
        assert!(!all.contains("cardio-a"), "{login}");
    }
    // Followed by it are those of the hospital, whatever way is tried.
    let canonical = format!("{}|1.0.0", urls[0].1);
    let mut nurse = region.who("nurse-b");
    consent(&mut nurse, "Patient/pb");
    for named in [&canonical, urls[0].1] {
        is_not_there(apply(&mut nurse, named, ("nurse-b", "Patient/pb")));
    }
    let care_plan = json!({ "resourceType": "CarePlan", "status": "active", "intent": "plan",
        "subject": refer("Patient/pb"), "instantiatesCanonical": [canonical] });
    create(&mut nurse, &care_plan).expect(403);
    let mut nurse = region.who("nurse-a");
    consent(&mut nurse, "Patient/pa");
    apply(&mut nurse, &canonical, ("nurse-a", "Patient/pa")).expect(200);
}

#[test]
fn an_author_of_an_establishment_writes_what_it_offers_and_nothing_else() {
    let mut region = Region::open();
    let (plan, form) = pathway_of("cardio-a", "1.0.0", &["Organization/a"]);
    let form_at = create(&mut region.all, &form).expect(201).location();
    let plan_at = create(&mut region.all, &plan).expect(201).location();
    let mut author = region.who("author-b");
    // Not another establishment's, not the region's, not the agency's, not everybody's.
    for at in [plan_at.as_str(), &form_at] {
        let mut tree = region.all.get(at).expect(200).json();
        tree["status"] = "retired".into();
        author.put(at, &tree).expect(404);
    }
    for at in [
        "PlanDefinition/covid-medical",
        "PlanDefinition/covid-case",
        "Questionnaire/baseline",
    ] {
        let mut tree = region.all.get(at).expect(200).json();
        tree["status"] = "retired".into();
        author.put(at, &tree).expect(404);
    }
    let nobodys = |name: &str| pathway_of(name, "1.0.0", &[]);
    let theirs = |name: &str| pathway_of(name, "1.0.0", &["Organization/a"]);
    for (plan, form) in [nobodys("x"), theirs("y")] {
        create(&mut author, &plan).expect(403);
        create(&mut author, &form).expect(403);
    }
    let set = json!({ "resourceType": "ValueSet", "status": "active" });
    create(&mut author, &set).expect(403);
    // Under the name of another's nothing is published: it would take its place.
    let (plan, form) = pathway_of("cardio-a", "9.0.0", &["Organization/b"]);
    create(&mut author, &form).expect(403);
    create(&mut author, &plan).expect(403);
    // Nor with the form of another.
    let (mut plan, form) = pathway_of("cardio-b", "1.0.0", &["Organization/b"]);
    create(&mut author, &form).expect(201);
    let text = plan["action"].to_string().replace("cardio-b|", "cardio-a|");
    let stolen = json!({ "action": serde_json::from_str::<Value>(&text).unwrap() });
    let own = plan["action"].take();
    plan["action"] = stolen["action"].clone();
    create(&mut author, &plan).expect(422);
    plan["action"] = own;
    create(&mut author, &plan).expect(201);
    // The author of the region writes everybody's.
    let mut author = region.who("author");
    let mut tree = region.all.get(&plan_at).expect(200).json();
    tree["status"] = "retired".into();
    author.put(&plan_at, &tree).expect(200);
    let (plan, form) = nobodys("z");
    create(&mut author, &form).expect(201);
    create(&mut author, &plan).expect(201);
}

#[test]
fn the_agencys_pathways_are_the_agencys_alone() {
    let region = Region::open();
    let agencys = [
        "PlanDefinition/covid-case",
        "Questionnaire/covid-case",
        "PlanDefinition/covid-contact",
        "Questionnaire/covid-contact",
        "Questionnaire/agency-intake",
    ];
    let others = [
        "PlanDefinition/covid-medical",
        "Questionnaire/covid-medical",
    ];
    let mut agent = region.who("agent");
    for at in agencys {
        agent.get(at).expect(200);
    }
    for at in others {
        agent.get(at).expect(404);
    }
    for login in ["nurse-a", "author-a"] {
        let mut who = region.who(login);
        for at in agencys {
            who.get(at).expect(404);
        }
        for at in others {
            who.get(at).expect(200);
        }
    }
    let mut nurse = region.who("nurse-a");
    consent(&mut nurse, "Patient/pa");
    let canonical = format!("{VIGIE}/PlanDefinition/covid-case|1.0.0");
    is_not_there(apply(&mut nurse, &canonical, ("nurse-a", "Patient/pa")));
}

#[test]
fn who_answers_reads_the_form_and_not_the_pathway() {
    let region = Region::open();
    let mut agent = region.who("agent");
    consent(&mut agent, "Patient/pg");
    let canonical = format!("{VIGIE}/PlanDefinition/covid-case|1.0.0");
    apply(&mut agent, &canonical, ("agent", "Patient/pg")).expect(200);
    add_user(&region.server, "pg", "Patient/pg", &["patient"]);
    let url = format!("{VIGIE}/Questionnaire/covid-case");
    for scopes in ["user/*.rs", "launch/patient patient/*.rs"] {
        let mut patient = region.patient("pg", scopes);
        assert_eq!(found(&mut patient, "Questionnaire", &url), 1, "{scopes}");
        patient.get("Questionnaire/covid-case").expect(200);
        patient.get("PlanDefinition/covid-case").expect(404);
        let plans = patient.get("CarePlan?_count=10").expect(200).text();
        assert!(plans.contains("covid-case"), "their own follow-up");
        patient.get("Patient/pa").expect(404);
    }
}

#[test]
fn a_program_of_an_establishment_sees_its_pathways_and_rewrites_no_directory() {
    let mut region = Region::open();
    let (plan, form) = pathway_of("cardio-a", "1.0.0", &["Organization/a"]);
    let form_at = create(&mut region.all, &form).expect(201).location();
    let plan_at = create(&mut region.all, &plan).expect(201).location();
    let program = |organization: &str| {
        let arguments = ["--organization", organization];
        let backend = Backend::register_with(&region.server, "system/*.cruds", &arguments);
        backend.client(&region.server, "system/*.cruds")
    };
    let mut own = program("Organization/ward");
    own.get(&plan_at).expect(200);
    own.get(&form_at).expect(200);
    own.get("Questionnaire/covid-medical").expect(200);
    let mut other = program("Organization/b");
    other.get(&plan_at).expect(404);
    other.get(&form_at).expect(404);
    other.get("Questionnaire/covid-case").expect(404);
    // Who could say that a hospital is part of theirs would have its patients.
    let taken = json!({ "resourceType": "Organization", "id": "a", "name": "a",
        "partOf": refer("Organization/b") });
    other.get("Organization/a").expect(200);
    other.put("Organization/a", &taken).expect(404);
    let role = json!({ "resourceType": "PractitionerRole",
        "practitioner": refer("Practitioner/nurse-b"), "organization": refer("Organization/a") });
    create(&mut other, &role).expect(403);
    other.get("Patient/pa").expect(404);
}

#[test]
fn what_a_role_does_for_the_whole_region_is_in_no_establishment() {
    let region = Region::open();
    let database = format!("sqlite:{}", region.server.database().display());
    let person = ["user", "add", "x", "--person", "Practitioner/x"];
    let role = ["--role", "administrator@Organization/a", "--database"];
    let output = vigie(&[&person[..], &role, &[&database]].concat());
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("region"), "{told}");
}
