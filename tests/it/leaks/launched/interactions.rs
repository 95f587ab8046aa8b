//! What each letter of a scope lets a program do to a record, and to no other: 69 to 74, and 77.

use serde_json::{Value, json};

use super::{Clinic, canary, has_only};
use crate::{
    harness::{Backend, Client, Reply},
    leaks::entries,
};

/// Something to be written about somebody.
fn observation(about: &str) -> Value {
    json!({ "resourceType": "Observation", "status": "final", "code": { "text": "written" },
        "subject": { "reference": format!("Patient/{about}") } })
}

/// The resource of a patient with another birthday.
fn changed(clinic: &mut Clinic, patient: &str) -> Value {
    let mut tree = clinic
        .all
        .get(&format!("Patient/{patient}"))
        .expect(200)
        .json();
    tree["birthDate"] = json!("1981-07-03");
    tree
}

/// That what stands of somebody else is as it was.
#[track_caller]
fn untouched(clinic: &mut Clinic, places: &[&str]) {
    for place in places {
        let stands = clinic.all.get(place).expect(200).json();
        assert_eq!(stands["meta"]["versionId"], "1", "{place}");
    }
}

#[test]
fn a_program_that_may_create_creates_in_its_record_alone() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", "patient/Observation.c patient/Patient.c");
    program.post("Observation", &observation("ada")).expect(201);
    program.post("Observation", &observation("ben")).expect(403);
    program
        .post("Observation", &observation("never"))
        .expect(403);
    // A patient more would be another one than that of the launch.
    let patient = json!({ "resourceType": "Patient", "name": [{ "family": "New" }] });
    program.post("Patient", &patient).expect(403);
    program.get("Patient/ada").expect(403);
    program.get("Observation").expect(403);
    let written = clinic.all.get("Observation?code:text=written").expect(200);
    assert_eq!(entries(&written.json()).len(), 1);
    let patients = clinic.all.get("Patient?_summary=count").expect(200);
    assert_eq!(patients.json()["total"], 6);
}

#[test]
fn a_program_that_may_read_or_search_does_one_and_not_the_other() {
    let mut clinic = Clinic::new();
    let mut reads = clinic.program("ada", "patient/Patient.r");
    let reply = reads.get("Patient/ada").expect(200);
    assert!(reply.text().contains(&canary("ada")));
    reads.get("Patient/ben").expect(404);
    reads.get("Patient").expect(403);
    reads.get("Patient/_history").expect(403);
    let mut searches = clinic.program("ada", "patient/Patient.s");
    let reply = searches.get("Patient?name=Ada").expect(200);
    assert_eq!(entries(&reply.json()), ["Patient/ada"]);
    let reply = searches.get("Patient?name=Ben").expect(200);
    has_only("ada", &reply, "search");
    assert!(entries(&reply.json()).is_empty());
    searches.get("Patient/ada").expect(403);
    searches.get("Patient/ada/_history").expect(403);
}

#[test]
fn a_program_that_may_update_updates_its_record_alone() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", "patient/Patient.u patient/Observation.u");
    let tree = changed(&mut clinic, "ada");
    program.put("Patient/ada", &tree).expect(200);
    let tree = changed(&mut clinic, "ben");
    let theirs = program.put("Patient/ben", &tree);
    has_only("ada", &theirs, "update");
    let mut tree = tree;
    tree["id"] = json!("never");
    let never = program.put("Patient/never", &tree);
    assert_eq!(theirs.status, never.status, "{}", theirs.text());
    assert_eq!(theirs.status, 404);
    // Nothing goes over to another record, or comes over from it.
    let mut tree = clinic.all.get("Observation/ada-1").expect(200).json();
    tree["subject"] = json!({ "reference": "Patient/ben" });
    program.put("Observation/ada-1", &tree).expect(403);
    let mut tree = clinic.all.get("Observation/ben").expect(200).json();
    tree["subject"] = json!({ "reference": "Patient/ada" });
    assert_eq!(program.put("Observation/ben", &tree).status, 404);
    program.get("Patient/ada").expect(403);
    untouched(
        &mut clinic,
        &["Patient/ben", "Observation/ada-1", "Observation/ben"],
    );
}

#[test]
fn letters_together_do_what_each_does_alone() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", "patient/Observation.cs");
    program.post("Observation", &observation("ada")).expect(201);
    let found = entries(&program.get("Observation").expect(200).json());
    assert_eq!(found.len(), 3);
    let tree = clinic.all.get("Observation/ada-1").expect(200).json();
    program.put("Observation/ada-1", &tree).expect(403);
    program.get("Observation/ada-1").expect(403);
    program.delete("Observation/ada-1").expect(403);
    let mut program = clinic.program("ada", "patient/Patient.us");
    let found = entries(&program.get("Patient?_id=ada").expect(200).json());
    assert_eq!(found, ["Patient/ada"]);
    let tree = changed(&mut clinic, "ada");
    program.put("Patient/ada", &tree).expect(200);
    program.post("Patient", &tree).expect(403);
    // A patch tells what was there: it needs to read, too.
    let patch = json!([{ "op": "add", "path": "/active", "value": true }]).to_string();
    let kind = [("content-type", "application/json-patch+json")];
    let reply = program.send("PATCH", "Patient/ada", &kind, patch.as_bytes());
    reply.expect("a reply").expect(403);
}

#[test]
fn who_may_read_all_and_search_one_type_searches_that_type() {
    let mut clinic = Clinic::new();
    let scopes = "system/*.r system/Patient.s";
    let backend = Backend::register(&clinic.server, scopes);
    let mut program = backend.client(&clinic.server, scopes);
    program.get("?_type=Observation").expect(403);
    program.get("?_type=Patient,Observation").expect(403);
    program.get("Observation?_id=ada-1").expect(403);
    program.get("Observation").expect(403);
    program.get("Observation/ada-1").expect(200);
    let all = program.get("?_count=100").expect(200);
    let patients = super::PATIENTS.map(|name| format!("Patient/{name}"));
    assert_eq!(entries(&all.json()), patients);
    // What may be read may come along with what may be searched.
    let along = program.get("Patient?_id=dua&_revinclude=Observation:subject");
    assert_eq!(
        entries(&along.expect(200).json()),
        ["+Observation/dua", "Patient/dua"]
    );
    program
        .get("Patient?_has:Observation:subject:code=urn:t|sugar")
        .expect(403);
    clinic.all.get("Observation").expect(200);
}

fn conditional(program: &mut Client, (method, path): (&str, &str), body: &Value) -> Reply {
    let kind = match method {
        "PATCH" => "application/json-patch+json",
        _ => "application/fhir+json",
    };
    let (path, mut headers) = match path.split_once("#if-none-exist:") {
        Some((path, condition)) => (path, vec![("if-none-exist", condition)]),
        None => (path, Vec::new()),
    };
    headers.push(("content-type", kind));
    let body = body.to_string();
    let reply = program.send(method, path, &headers, body.as_bytes());
    reply.expect("a reply")
}

#[test]
fn conditions_of_a_launched_program_match_its_record_alone() {
    let mut clinic = Clinic::new();
    let mut program = clinic.program("ada", "patient/Observation.crus patient/Patient.crus");
    let sugar = "code=urn:t|sugar&patient=Patient/ben";
    // As if it were not there: another one is made.
    let create = format!("Observation#if-none-exist:{sugar}");
    conditional(&mut program, ("POST", &create), &observation("ada")).expect(201);
    let update = format!("Observation?{sugar}");
    conditional(&mut program, ("PUT", &update), &observation("ada")).expect(201);
    let patch = json!([{ "op": "add", "path": "/language", "value": "fr" }]);
    let theirs = conditional(&mut program, ("PATCH", &update), &patch);
    let never = conditional(&mut program, ("PATCH", "Observation?_id=never"), &patch);
    assert_eq!(theirs.status, never.status, "{}", theirs.text());
    // A condition on what was not granted is refused, whether or not it would hold.
    for name in ["Ada", "Nobody"] {
        let chained = format!("Observation?patient:Patient.organization.name={name}");
        conditional(&mut program, ("PUT", &chained), &observation("ada")).expect(403);
        let chained = format!("Observation#if-none-exist:performer:Practitioner.name={name}");
        conditional(&mut program, ("POST", &chained), &observation("ada")).expect(403);
    }
    // Its own is found.
    let own = "Observation#if-none-exist:code=urn:t|smoking";
    conditional(&mut program, ("POST", own), &observation("ada")).expect(200);
    untouched(&mut clinic, &["Observation/ben", "Patient/ben"]);
}

/// What stands in an earlier version, and is not for those who see the later one.
const EARLIER: &str = "earlier-and-not-for-them";

#[test]
fn an_earlier_version_that_its_scopes_leave_out_is_not_shown() {
    let mut clinic = Clinic::new();
    let place = "Observation/ada-2";
    let mut tree = clinic.all.get(place).expect(200).json();
    tree["note"] = json!([{ "text": EARLIER }]);
    clinic.all.put(place, &tree).expect(200);
    // It was about something else, until somebody changed its code.
    tree.as_object_mut().expect("members").remove("note");
    tree["code"] = json!({ "coding": [{ "system": "urn:t", "code": "sugar" }] });
    let later = clinic.all.put(place, &tree).expect(200).json();
    assert_eq!(later["meta"]["versionId"], "3");
    let narrow = "patient/Observation.rs?code=urn:t|sugar patient/Patient.rs";
    let both = "patient/Observation.rs?code=urn:t|sugar patient/Observation.rs?code=urn:t|smoking";
    for scopes in [narrow, both] {
        let mut program = clinic.program("ada", scopes);
        program.get(place).expect(200);
        program.get(&format!("{place}/_history/3")).expect(200);
        let hidden = program.get(&format!("{place}/_history/2")).expect(404);
        let never = program.get(&format!("{place}/_history/9")).expect(404);
        let as_never = hidden.text().replace("_history/2", "_history/9");
        assert_eq!(as_never, never.text());
        // Nor is it counted.
        let all = program.get(&format!("{place}/_history")).expect(200);
        assert_eq!(all.json()["total"], 1);
        for path in [
            &format!("{place}/_history"),
            "Observation/_history?_count=100",
            "_history?_count=1000",
            &format!("{place}/_history?_at=2000"),
            "Observation/_history?_since=2000-01-01T00:00:00Z",
        ] {
            let reply = program.get(path).expect(200);
            assert!(!reply.text().contains(EARLIER), "{path}: {}", reply.text());
            let shown = entries(&reply.json());
            let times = shown.iter().filter(|one| *one == place).count();
            assert!(times == 1 || path.contains("_at"), "{path}: {shown:?}");
        }
    }
    // Each letter is narrowed by itself: this one reads all, and searches some.
    let mut program = clinic.program(
        "ada",
        "patient/Observation.r patient/Observation.s?code=urn:t|sugar",
    );
    program.get(&format!("{place}/_history/2")).expect(200);
    let reply = program.get(&format!("{place}/_history")).expect(200);
    assert_eq!(entries(&reply.json()).len(), 3);
    assert_eq!(reply.json()["total"], 3);
    let reply = program.get("Observation/_history?_count=100").expect(200);
    assert!(!reply.text().contains(EARLIER));
    // Who may see all of the record sees what it was.
    let mut program = clinic.program("ada", "patient/Observation.rs");
    let reply = program.get(&format!("{place}/_history")).expect(200);
    assert!(reply.text().contains(EARLIER));
    assert_eq!(entries(&reply.json()).len(), 3);
    program.get(&format!("{place}/_history/2")).expect(200);
    let all = program.get("Observation/_history?_count=100").expect(200);
    assert!(all.text().contains(EARLIER));
}
