//! How far an auditor reads: all of the record, or what concerns one establishment; the same by each
//! way in.

use serde_json::{Value, json};

use super::harness::{App, Backend, Client, Options, START, Server, add_user};

fn closed() -> Server {
    Server::start_with(Options {
        closed: true,
        environment: vec![
            ("VIGIE_CLOCK_START".to_owned(), START.to_owned()),
            (
                "VIGIE_AUDIT_DURABILITY".to_owned(),
                "before_reply".to_owned(),
            ),
        ],
        ..Options::default()
    })
}

fn entries(bundle: &Value) -> Vec<&Value> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.map(|entry| &entry["resource"]).collect()
}

/// How many AuditEvents satisfy a query.
#[track_caller]
fn count(auditor: &mut Client, query: &str) -> usize {
    let found = auditor.get(&format!("AuditEvent?_count=100&{query}"));
    let found = found.expect(200).json();
    let total = auditor.get(&format!("AuditEvent?_summary=count&{query}"));
    let count = entries(&found).len();
    assert_eq!(total.expect(200).json()["total"], count, "{query}");
    count
}

#[test]
fn an_auditor_of_an_establishment_sees_its_people_and_patients_only() {
    let server = closed();
    let office = Backend::register(&server, "system/*.cruds");
    let mut all = office.client(&server, "system/*.cruds");
    for house in ["here", "there"] {
        let tree = json!({ "resourceType": "Organization", "id": house, "name": house });
        all.put(&format!("Organization/{house}"), &tree).expect(201);
        let patient = json!({ "resourceType": "Patient", "id": format!("of-{house}"),
            "managingOrganization": { "reference": format!("Organization/{house}") } });
        all.put(&format!("Patient/of-{house}"), &patient)
            .expect(201);
        let role = format!("professional@Organization/{house}");
        let login = format!("nurse-{house}@example.org");
        add_user(
            &server,
            &login,
            &format!("Practitioner/nurse-{house}"),
            &[&role],
        );
        let app = App::public(&server, "openid fhirUser user/*.rs");
        let mut nurse = app.client(&server, "openid fhirUser user/*.rs", &login);
        nurse.get(&format!("Patient/of-{house}")).expect(200);
    }
    // Both on one page, for somebody of neither.
    all.get("Patient?_sort=_id").expect(200);
    let scopes = "openid fhirUser user/AuditEvent.rs";
    let auditor = |login: &str, person: &str, role: &str| {
        add_user(&server, login, person, &[role]);
        App::public(&server, scopes).client(&server, scopes, login)
    };
    let mut region = auditor("region@example.org", "Practitioner/region", "auditor");
    let bounded = "auditor@Organization/here";
    let mut here = auditor("here@example.org", "Practitioner/here", bounded);
    let reads = "subtype=read";
    assert_eq!((count(&mut region, reads), count(&mut here, reads)), (2, 1));
    for (who, expected) in [("here", 2), ("there", 0)] {
        let query = format!("patient=of-{who}&subtype=update,read");
        assert_eq!(count(&mut here, &query), expected, "{who}");
        assert_eq!(count(&mut region, &query), 2, "{who}");
    }
    let by = format!("https://vigie.example/fhir/sid/client-id|{}", office.id);
    let page = here.get(&format!(
        "AuditEvent?subtype=search-type&agent:identifier={by}"
    ));
    let page = page.expect(200).json();
    let people = entries(&page)[0]["entity"].as_array().cloned();
    let people = people.unwrap_or_default();
    let patients = people.iter().filter(|one| one["role"]["code"] == "1");
    assert_eq!(patients.count(), 1, "{page}");
    assert!(count(&mut region, "subtype=token-issued") > count(&mut here, "subtype=token-issued"));
    assert_eq!(count(&mut here, "agent=Practitioner/nurse-there"), 0);
    assert!(count(&mut here, "agent=Practitioner/nurse-here") > 0);

    // By its id, and in a batch, it is the same record.
    let foreign = region.get("AuditEvent?patient=of-there&subtype=read");
    let foreign = entries(&foreign.expect(200).json())[0]["id"].clone();
    let path = format!("AuditEvent/{}", foreign.as_str().unwrap());
    region.get(&path).expect(200);
    here.get(&path).expect(404);
    let get = |url: &str| json!({ "request": { "method": "GET", "url": url } });
    let batch = json!({ "resourceType": "Bundle", "type": "batch",
        "entry": [get("AuditEvent?subtype=update&patient=of-here,of-there"), get(&path)] });
    for (auditor, found, status) in [(&mut region, 2, "200 OK"), (&mut here, 1, "404 Not Found")] {
        let answer = auditor.post("", &batch).expect(200).json();
        assert_eq!(entries(&answer["entry"][0]["resource"]).len(), found);
        assert_eq!(answer["entry"][1]["response"]["status"], status);
    }

    // A client that was registered for an establishment is bounded likewise.
    let arguments = ["--organization", "Organization/there"];
    let scope = "system/AuditEvent.rs";
    let office = Backend::register_with(&server, scope, &arguments);
    let mut there = office.client(&server, scope);
    assert_eq!(count(&mut there, reads), 1);
    assert_eq!(count(&mut there, "patient=of-here"), 0);
}
