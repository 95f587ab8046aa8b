//! XML that reaches for what is outside of it, or swells within: refused before anything is read,
//! asked or unfolded.

use std::{
    fs,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::harness::{Client, Reply, Server};

const CANARY: &str = "Quetzal-9914";

fn post(client: &mut Client, body: &str) -> Reply {
    let xml = [("content-type", "application/fhir+xml")];
    client
        .send("POST", "Patient", &xml, body.as_bytes())
        .expect("a reply")
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn nothing_outside_of_a_document_is_read() {
    let server = Server::start();
    let mut client = server.client();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("canary.txt");
    fs::write(&file, CANARY).expect("a file");
    let file = file.display().to_string();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let far = format!(
        "http://{}/x.dtd",
        listener.local_addr().expect("its address")
    );
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&heard);
    thread::spawn(move || {
        for _ in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let patient = |inner: &str| {
        format!(
            "<Patient xmlns=\"http://hl7.org/fhir\"><name><text value=\"{inner}\"/></name></Patient>"
        )
    };
    for document in [
        format!(
            "<!DOCTYPE Patient [<!ENTITY a SYSTEM \"file://{file}\">]>{}",
            patient("&a;")
        ),
        format!(
            "<!DOCTYPE Patient [<!ENTITY a SYSTEM \"{file}\">]>{}",
            patient("&a;")
        ),
        format!(
            "<!DOCTYPE Patient [<!ENTITY a PUBLIC \"x\" \"file://{file}\">]>{}",
            patient("&a;")
        ),
        format!(
            "<!DOCTYPE Patient [<!ENTITY a SYSTEM \"{far}\">]>{}",
            patient("&a;")
        ),
        format!("<!DOCTYPE Patient SYSTEM \"{far}\">{}", patient("x")),
        format!(
            "<!DOCTYPE Patient PUBLIC \"-//x\" \"{far}\">{}",
            patient("x")
        ),
        format!(
            "<!DOCTYPE Patient [<!ENTITY % a SYSTEM \"{far}\"> %a;]>{}",
            patient("x")
        ),
        format!(
            "<!DOCTYPE Patient [<!ENTITY % a \"<!ENTITY b SYSTEM '{far}'>\"> %a;]>{}",
            patient("&b;")
        ),
        format!(
            "<!DOCTYPE Patient [<!ATTLIST Patient a CDATA \"{CANARY}\">]>{}",
            patient("x")
        ),
        format!(
            "<!DOCTYPE Patient [<!NOTATION a SYSTEM \"{far}\">]>{}",
            patient("x")
        ),
        format!(
            "<?xml version=\"1.0\"?>\n<!doctype Patient SYSTEM \"{far}\">{}",
            patient("x")
        ),
        format!(
            "<?xml-stylesheet type=\"text/xsl\" href=\"{far}\"?>{}",
            patient("x")
        ),
        format!(
            "<Patient xmlns=\"http://hl7.org/fhir\"><xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" \
             href=\"file://{file}\" parse=\"text\"/></Patient>"
        ),
        format!(
            "<Patient xmlns=\"http://hl7.org/fhir\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:schemaLocation=\"http://hl7.org/fhir {far}\"><xsi:x/></Patient>"
        ),
        format!(
            "\u{feff}<!DOCTYPE Patient SYSTEM \"{far}\">{}",
            patient("x")
        ),
    ] {
        let reply = post(&mut client, &document);
        if document.contains("<?xml-stylesheet") && reply.status == 201 {
            // An instruction to others is passed over, and not kept.
            assert!(!client.get(&reply.location()).text().contains("xsl"));
            continue;
        }
        assert!(
            matches!(reply.status, 400 | 422),
            "{document}: {}",
            reply.status
        );
        assert!(
            !reply.text().contains(CANARY),
            "{document}: {}",
            reply.text()
        );
    }
    assert_eq!(heard.load(Ordering::SeqCst), 0, "somebody was asked");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn nothing_within_a_document_swells() {
    let server = Server::start();
    let mut client = server.client();
    let root = "<Patient xmlns=\"http://hl7.org/fhir\"";
    let laughs: String = (1..10)
        .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
        .collect();
    let quadratic = "x".repeat(100_000);
    let attributes =
        |count: usize| -> String { (0..count).map(|n| format!(" a{n}=\"\"")).collect() };
    let spaces: String = (0..100_000)
        .map(|n| format!(" xmlns:n{n}=\"urn:{n}\""))
        .collect();
    for (document, what) in [
        (
            format!(
                "<!DOCTYPE a [<!ENTITY l0 \"lol\">{laughs}]>{root}><name><text value=\"&l9;\"/></name></Patient>"
            ),
            "a billion laughs",
        ),
        (
            format!(
                "<!DOCTYPE a [<!ENTITY q \"{quadratic}\">]>{root}>{}</Patient>",
                "&q;".repeat(10_000)
            ),
            "a long entity, often",
        ),
        (format!("{root}{}/>", attributes(200_000)), "attributes"),
        (
            format!("{root}{spaces}><active value=\"x\"/></Patient>"),
            "namespaces",
        ),
        (format!("{root}>{}", "<name>".repeat(200_000)), "depth"),
        (
            format!(
                "{root}><!--{}--><active value=\"x\"/></Patient>",
                "- ".repeat(500_000)
            ),
            "a comment",
        ),
        (
            format!(
                "{root}>{}</Patient>",
                "<active value=\"x\"/>".repeat(100_000)
            ),
            "repetition",
        ),
        (
            format!(
                "{root}><active value=\"{}\"/></Patient>",
                "&#65;".repeat(200_000)
            ),
            "numbers",
        ),
    ] {
        let begun = Instant::now();
        let reply = post(&mut client, &document);
        assert!(
            (400..500).contains(&reply.status),
            "{what}: {}",
            reply.status
        );
        // Ten times what is meant, for a busy machine and a build that is not optimised.
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{what}: {:?}",
            begun.elapsed()
        );
    }
}
