//! What somebody defines: search parameters that take effect, packages that are loaded.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{Client, Server, vigie};

fn start() -> Server {
    let server = Server::start();
    server.set_clock("2027-01-01T00:00:00Z");
    server
}

fn patient(id: &str, eyes: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id,
        "extension": [{ "url": "urn:eyes", "valueCode": eyes }],
    })
}

fn definition(status: &str) -> Value {
    json!({
        "resourceType": "SearchParameter", "id": "eyes", "status": status, "name": "Eyes",
        "url": "http://vigie.test/SearchParameter/eyes", "description": "Eyes.",
        "code": "eyes", "base": ["Patient"], "type": "token",
        "expression": "Patient.extension('urn:eyes').value",
    })
}

fn ids(client: &mut Client, search: &str) -> Vec<String> {
    let page = client.get(search).expect(200).json();
    let entries = page["entry"].as_array().cloned().unwrap_or_default();
    let matches = entries
        .iter()
        .filter(|entry| entry["search"]["mode"] == "match");
    let ids = matches.filter_map(|entry| entry["resource"]["id"].as_str());
    ids.map(str::to_owned).collect()
}

fn state(client: &mut Client) -> Value {
    let told = client.get("$reindex-status").expect(200).json();
    told["parameter"][0]["valueCode"].clone()
}

#[test]
fn a_search_parameter_takes_effect_for_what_stood_and_for_what_comes() {
    let mut server = start();
    let mut client = server.client();
    client
        .put("Patient/old", &patient("old", "green"))
        .expect(201);
    client
        .put("SearchParameter/eyes", &definition("active"))
        .expect(201);
    client
        .put("Patient/late", &patient("late", "green"))
        .expect(201);
    // Time stands still, and so does the job that indexes what stood before.
    assert_eq!(state(&mut client), "indexing");
    let strict = [("prefer", "handling=strict")];
    let refused = client
        .send("GET", "Patient?eyes=green", &strict, b"")
        .unwrap();
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["issue"][0]["code"], "incomplete");
    let lenient = client.get("Patient?eyes=green").expect(200).json();
    assert!(!lenient["link"][0]["url"].as_str().unwrap().contains("eyes"));

    server.stop();
    server.restart();
    let mut client = server.client();
    server.set_clock("2027-01-01T00:01:00Z");
    assert_eq!(state(&mut client), "current");
    assert_eq!(ids(&mut client, "Patient?eyes=green"), ["late", "old"]);
    let strict = client
        .send("GET", "Patient?eyes=green", &strict, b"")
        .unwrap();
    assert_eq!(strict.status, 200);
    let observation = json!({
        "resourceType": "Observation", "status": "final", "code": { "text": "x" },
        "subject": { "reference": "Patient/old" },
    });
    client.post("Observation", &observation).expect(201);
    assert_eq!(
        ids(&mut client, "Observation?subject:Patient.eyes=green").len(),
        1
    );
    assert_eq!(
        ids(&mut client, "Observation?subject:Patient.eyes=brown").len(),
        0
    );
    assert!(
        client
            .get("metadata")
            .text()
            .contains("http://vigie.test/SearchParameter/eyes")
    );

    withdraw(&mut client);
}

/// A parameter that is withdrawn is no longer known at once.
fn withdraw(client: &mut Client) {
    client
        .put("SearchParameter/eyes", &definition("retired"))
        .expect(200);
    let refused = client.send(
        "GET",
        "Patient?eyes=green",
        &[("prefer", "handling=strict")],
        b"",
    );
    assert_eq!(refused.unwrap().status, 400);
    assert!(
        !client
            .get("metadata")
            .text()
            .contains("http://vigie.test/SearchParameter/eyes")
    );
}

#[test]
fn what_cannot_take_effect_is_refused() {
    let server = start();
    let mut client = server.client();
    for (member, value, place) in [
        (
            "expression",
            json!("Patient.name("),
            "SearchParameter.expression",
        ),
        ("code", json!("a.b"), "SearchParameter.code"),
        // R4 has Patient.name as a string.
        ("code", json!("name"), "SearchParameter.code"),
        ("base", json!(["Unicorn"]), "SearchParameter.base[0]"),
    ] {
        let mut tree = definition("active");
        tree[member] = value;
        let refused = client.put("SearchParameter/eyes", &tree).expect(422).json();
        assert_eq!(refused["issue"][0]["expression"][0], place, "{refused}");
    }
    client.get("SearchParameter/eyes").expect(404);
}

#[test]
fn the_index_can_be_made_anew() {
    let mut server = start();
    let mut client = server.client();
    client.put("Patient/a", &patient("a", "green")).expect(201);
    let begun = client.post("Patient/$reindex", &json!({ "resourceType": "Parameters" }));
    let begun = begun.expect(202);
    assert!(
        begun
            .header("content-location")
            .unwrap()
            .ends_with("$reindex-status")
    );
    assert_eq!(state(&mut client), "indexing");
    server.set_clock("2027-01-01T00:01:00Z");
    assert_eq!(state(&mut client), "current");
    server.stop();
    let database = format!("sqlite:{}", server.database().display());
    let output = vigie(&["reindex", "--database", &database]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = vigie(&["reindex", "--database", &database, "--type", "Unicorn"]);
    assert_eq!(output.status.code(), Some(2));
}

/// A package as a folder: two definitions, an example, and a file that is nothing.
fn package(folder: &Path) {
    let write = |path: &str, tree: Value| {
        let path = folder.join("package").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, tree.to_string()).unwrap();
    };
    write(
        "package.json",
        json!({
            "name": "vigie.test", "version": "1.0.0", "canonical": "http://vigie.test",
            "fhirVersions": ["4.0.1"], "dependencies": { "somebody.else": "2.0.0" },
        }),
    );
    let mut eyes = definition("active");
    eyes["id"] = "package-eyes".into();
    write("SearchParameter-eyes.json", eyes);
    write(
        "CodeSystem-c.json",
        json!({
            "resourceType": "CodeSystem", "id": "c", "url": "http://vigie.test/CodeSystem/c",
            "version": "1.0.0", "status": "active", "content": "complete",
            "concept": [{ "code": "a", "_display": { "extension": [{ "url": "urn:empty" }] } }],
        }),
    );
    write("example/Patient-a.json", patient("a", "green"));
    write("other/validation.json", json!({}));
}

fn load(arguments: &[&str]) -> (bool, String) {
    let output = vigie(&[&["load"], arguments].concat());
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8_lossy(&both).into_owned();
    (output.status.success(), text)
}

#[test]
fn a_package_is_loaded_and_loaded_again_without_a_change() {
    let mut server = start();
    let folder = tempfile::tempdir().unwrap();
    package(folder.path());
    let path = folder.path().to_str().unwrap();
    let base = format!("{}/fhir", server.origin());
    let (done, text) = load(&["--base", &base, path]);
    assert!(done, "{text}");
    // The third is the ImplementationGuide by which the package is known.
    assert!(
        text.contains("vigie.test#1.0.0: 3 written, 0 unchanged, 0 refused"),
        "{text}"
    );
    assert!(text.contains("builds on somebody.else#2.0.0"), "{text}");
    let (done, text) = load(&["--base", &base, "--examples", path]);
    assert!(done, "{text}");
    assert!(text.contains("1 written, 3 unchanged, 0 refused"), "{text}");
    let mut client = server.client();
    let found = ids(
        &mut client,
        "ImplementationGuide?url=http://vigie.test/ImplementationGuide/vigie.test",
    );
    assert_eq!(found, ["vigie.test"]);
    client.get("Patient/a").expect(200);

    server.stop();
    let database = format!("sqlite:{}", server.database().display());
    let (done, text) = load(&["--database", &database, path]);
    assert!(done && text.contains("0 written, 3 unchanged"), "{text}");
    server.restart();
    let mut client = server.client();
    let version = client.get("CodeSystem/c").expect(200).json()["meta"]["versionId"].clone();
    assert_eq!(version, "1");
}
