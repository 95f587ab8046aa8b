//! JSON and XML in both directions over real HTTP, and what may be said in neither.

use serde_json::json;

use crate::harness::{Client, Options, Reply, Server};

const XML: &str = "application/fhir+xml";

const DIV: &str = "<div xmlns=\"http://www.w3.org/1999/xhtml\">\n<p>É &lt; b</p>  </div>";

/// A patient with what is easily lost on the way.
fn patient() -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"p\"/>\
         <text><status value=\"generated\"/>{DIV}</text>\
         <extension url=\"urn:e\"><valueDecimal value=\"1.10\"/></extension>\
         <active value=\"true\"/><name><family value=\"a&#10;b\"/><given value=\"x\"/>\
         <given id=\"g\"><extension url=\"urn:g\"><valueBoolean value=\"true\"/></extension></given></name></Patient>"
    )
}

fn ask(client: &mut Client, method: &str, path: &str, sent: (&str, &str)) -> Reply {
    let (kind, body) = sent;
    let headers = [("content-type", kind), ("accept", XML)];
    let reply = client.send(method, path, &headers, body.as_bytes());
    reply.expect("a reply")
}

#[track_caller]
fn assert_xml(reply: &Reply, root: &str) {
    let kind = reply.header("content-type");
    assert_eq!(kind, Some("application/fhir+xml; charset=utf-8"));
    assert!(
        reply
            .header("vary")
            .is_some_and(|vary| vary.contains("Accept"))
    );
    let start =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root} xmlns=\"http://hl7.org/fhir\">");
    assert!(reply.text().starts_with(&start), "{}", reply.text());
}

#[test]
fn what_is_sent_in_one_format_is_read_in_the_other() {
    let server = Server::start();
    let mut client = server.client();
    let made = ask(&mut client, "PUT", "Patient/p", (XML, &patient())).expect(201);
    assert_xml(&made, "Patient");
    let read = client.get("Patient/p").expect(200);
    let kept = read.json();
    assert_eq!(kept["text"]["div"], DIV);
    assert_eq!(kept["extension"][0]["valueDecimal"].to_string(), "1.10");
    assert_eq!(kept["name"][0]["family"], "a\nb");
    assert_eq!(kept["name"][0]["given"], json!(["x", null]));
    assert_eq!(
        kept["name"][0]["_given"],
        json!([null, {"id": "g", "extension": [{"url": "urn:g", "valueBoolean": true}]}])
    );
    let told = ask(&mut client, "GET", "Patient/p", ("", "")).expect(200);
    assert_xml(&told, "Patient");
    assert_eq!(told.header("etag"), read.header("etag"));
    // What the server tells can be given back to it, and changes nothing.
    ask(&mut client, "PUT", "Patient/p", (XML, &told.text())).expect(200);
    let mut again = client.get("Patient/p").expect(200).json();
    again["meta"] = kept["meta"].clone();
    assert_eq!(again, kept);
}

#[test]
fn every_kind_of_answer_comes_in_xml() {
    let server = Server::start();
    let mut client = server.client();
    ask(&mut client, "POST", "Patient", (XML, &patient())).expect(201);
    let bundle = format!(
        "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"transaction\"/><entry><resource>{}\
         </resource><request><method value=\"POST\"/><url value=\"Patient\"/></request></entry>\
         </Bundle>",
        patient().split_once('\n').expect("two lines").1
    );
    let done = ask(&mut client, "POST", "", (XML, &bundle)).expect(200);
    assert_xml(&done, "Bundle");
    let found = ask(
        &mut client,
        "GET",
        "Patient?_count=1&_total=accurate",
        ("", ""),
    )
    .expect(200);
    assert_xml(&found, "Bundle");
    assert!(found.text().contains("<total value=\"2\"/>"));
    let form = "application/x-www-form-urlencoded";
    let found = ask(&mut client, "POST", "Patient/_search", (form, "_count=1")).expect(200);
    assert_xml(&found, "Bundle");
    let metadata = ask(&mut client, "GET", "metadata", ("", "")).expect(200);
    assert_xml(&metadata, "CapabilityStatement");
    assert!(
        metadata
            .text()
            .contains("<format value=\"application/fhir+xml\"/>")
    );
    for (path, status) in [
        ("Patient/absent", 404),
        ("Nonsense", 404),
        ("a/b/c/d/e", 404),
    ] {
        let refused = ask(&mut client, "GET", path, ("", "")).expect(status);
        assert_xml(&refused, "OperationOutcome");
    }
    assert_xml(
        &ask(&mut client, "PUT", "metadata", ("", "")).expect(405),
        "OperationOutcome",
    );
    let bad = ask(&mut client, "POST", "Patient", ("application/json", "{")).expect(400);
    assert_xml(&bad, "OperationOutcome");
}

#[test]
fn a_fault_in_xml_names_line_and_place() {
    let server = Server::start();
    let mut client = server.client();
    let post = |client: &mut Client, body: &str| {
        let headers = [("content-type", XML)];
        let reply = client.send("POST", "Patient", &headers, body.as_bytes());
        reply.expect("a reply")
    };
    let of = |inner: &str| format!("<Patient xmlns=\"http://hl7.org/fhir\">\n{inner}</Patient>");
    for (inner, status, place, words) in [
        ("<nam/>", 400, "Patient", "line 2, column 1"),
        (
            "<name><given/></name>",
            400,
            "Patient.name[0].given[0]",
            "no value",
        ),
        ("<active value=\"yes\"/>", 422, "Patient.active", "boolean"),
        (
            "<birthDate value=\"2001-2-3\"/>",
            422,
            "Patient.birthDate",
            "date",
        ),
        ("<name/>", 422, "Patient.name[0]", "empty"),
    ] {
        let outcome = post(&mut client, &of(inner)).expect(status).json();
        assert_eq!(
            outcome["issue"][0]["expression"][0], place,
            "{inner}: {outcome}"
        );
        let told = outcome["issue"][0]["diagnostics"]
            .as_str()
            .expect("diagnostics");
        assert!(told.contains(words), "{inner}: {told}");
    }
    let entity = "<!DOCTYPE Patient [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>\n\
        <Patient xmlns=\"http://hl7.org/fhir\"><name><text value=\"&a;\"/></name></Patient>";
    post(&mut client, entity).expect(400);
    let (open, shut) = ("<item>".repeat(5_000), "</item>".repeat(5_000));
    let deep = format!("<Questionnaire xmlns=\"http://hl7.org/fhir\">{open}{shut}</Questionnaire>");
    let refused = post(&mut client, &deep).expect(400).json();
    let told = refused["issue"][0]["diagnostics"]
        .as_str()
        .expect("diagnostics");
    assert!(told.contains("too deep"), "{told}");
}

#[test]
fn the_query_says_the_format_and_the_layout() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..3 {
        client.post(
            "Patient",
            &json!({"resourceType": "Patient", "active": true}),
        );
    }
    let page = client
        .get("Patient?_count=1&_total=accurate&_format=xml&_pretty=true")
        .expect(200);
    let text = page.text();
    assert!(text.contains("\n  <total value=\"3\"/>\n"), "{text}");
    let next = text
        .split("<relation value=\"next\"/>")
        .nth(1)
        .and_then(|rest| rest.split('"').nth(1))
        .expect("a next link")
        .replace("&amp;", "&");
    assert!(next.ends_with("&_format=xml&_pretty=true"), "{next}");
    let (_, path) = next.split_once("/fhir/").expect("a link below /fhir");
    assert!(
        client
            .get(path)
            .expect(200)
            .text()
            .contains("\n  <entry>\n")
    );
    let pretty = client
        .get("Patient?_count=1&_total=accurate&_pretty=true")
        .expect(200);
    assert!(
        pretty.text().contains("\n  \"total\": 3"),
        "{}",
        pretty.text()
    );
    let html = client.send(
        "GET",
        "Patient?_format=html",
        &[("accept", "text/html")],
        b"",
    );
    assert_eq!(html.expect("a reply").status, 406);
}

#[test]
fn who_asks_for_a_plain_name_is_answered_by_it() {
    let server = Server::start();
    let mut client = server.client();
    for (accept, kind) in [
        ("application/json", "application/json; charset=utf-8"),
        ("text/xml", "text/xml; charset=utf-8"),
        ("*/*", "application/fhir+json; charset=utf-8"),
    ] {
        let reply = client.send("GET", "metadata", &[("accept", accept)], b"");
        let reply = reply.expect("a reply").expect(200);
        assert_eq!(reply.header("content-type"), Some(kind));
    }
    let kinds = [("content-type", "application/pdf"), ("accept", XML)];
    let refused = client
        .send("POST", "Patient", &kinds, b"{}")
        .expect("a reply");
    assert_eq!(refused.status, 415);
    assert_xml(&refused, "OperationOutcome");
}

/// Resources that lack what R4 requires, as some of its own examples do.
fn incomplete() -> [serde_json::Value; 2] {
    [
        json!({"resourceType": "Questionnaire", "status": "draft", "item": [
            {"text": "a", "type": "group", "item": [{"text": "b", "type": "string"}]},
        ]}),
        json!({"resourceType": "SearchParameter", "url": "urn:s", "name": "S", "status": "draft",
            "description": "d", "code": "s", "type": "token"}),
    ]
}

#[test]
fn what_lacks_something_is_stored_where_that_is_forgiven() {
    let strict = Server::start();
    let lenient = Server::start_with(Options {
        environment: vec![(
            "VIGIE_FHIR_VALIDATION_ON_WRITE".to_owned(),
            "lenient".to_owned(),
        )],
        ..Options::default()
    });
    for resource in incomplete() {
        let kind = resource["resourceType"]
            .as_str()
            .expect("a type")
            .to_owned();
        strict.client().post(&kind, &resource).expect(422);
        let mut client = lenient.client();
        let path = client.post(&kind, &resource).expect(201).location();
        let mut kept = client.get(&path).expect(200).json();
        let members = kept.as_object_mut().expect("an object");
        members.retain(|name, _| name != "id" && name != "meta");
        assert_eq!(kept, resource);
        let entry = json!({"resource": resource, "request": {"method": "POST", "url": kind}});
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
        client.post("", &bundle).expect(200);
        strict.client().post("", &bundle).expect(422);
        let steps = json!([{"op": "add", "path": "/title", "value": "t"}]).to_string();
        let kind = [("content-type", "application/json-patch+json")];
        let patched = client.send("PATCH", &path, &kind, steps.as_bytes());
        // A SearchParameter has no title: leniency forgives what is absent, not what is unknown.
        let due = if path.starts_with("Questionnaire") {
            200
        } else {
            422
        };
        patched.expect("a reply").expect(due);
    }
    let unknown = json!({"resourceType": "Questionnaire", "status": "draft", "foo": 1});
    lenient.client().post("Questionnaire", &unknown).expect(422);
}

#[test]
fn the_id_of_what_is_created_is_not_judged() {
    let server = Server::start();
    let mut client = server.client();
    let resource = json!({"resourceType": "Patient", "id": "x".repeat(65), "active": true});
    let path = client.post("Patient", &resource).expect(201).location();
    assert_eq!(client.get(&path).expect(200).json()["active"], true);
    let entry = json!({"resource": resource, "request": {"method": "POST", "url": "Patient"}});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
    client.post("", &bundle).expect(200);
    client.put("Patient/a", &resource).expect(422);
}

#[test]
fn a_binary_may_hold_xml_that_is_none_of_fhir() {
    let server = Server::start();
    let mut client = server.client();
    let document = "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>";
    let kind = [("content-type", "text/xml"), ("accept", "*/*")];
    let made = client.send("POST", "Binary", &kind, document.as_bytes());
    let path = made.expect("a reply").expect(201).location();
    let read = client
        .send("GET", &path, &[("accept", "*/*")], b"")
        .expect("a reply");
    assert_eq!(
        (read.text().as_str(), read.header("content-type")),
        (document, Some("text/xml"))
    );
    let resource = ask(&mut client, "GET", &path, ("", "")).expect(200);
    assert_xml(&resource, "Binary");
    ask(&mut client, "PUT", &path, (XML, &resource.text())).expect(200);
}
