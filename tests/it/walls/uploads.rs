//! Files that a browser might run if it opened them here: each is given back as a file, byte by
//! byte, and run by nobody.

use serde_json::json;

use crate::harness::{Reply, Server};

/// A file that looks like two things at once.
const POLYGLOT: &[u8] = b"GIF89a/*<svg/onload=alert(1)>*/=alert(1)//;";

/// What scanners of viruses are tried with.
const EICAR: &[u8] = br"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

/// The first bytes of an archive that would swell.
const GZIP: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xed, 0xc1, 1, 1];

#[track_caller]
fn assert_file(reply: &Reply, kind: &str) {
    assert_eq!(
        reply.header("content-disposition"),
        Some("attachment"),
        "{kind}"
    );
    assert_eq!(
        reply.header("x-content-type-options"),
        Some("nosniff"),
        "{kind}"
    );
    let policy = reply.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("sandbox") && policy.contains("default-src 'none'"),
        "{policy}"
    );
    assert_eq!(reply.header("content-encoding"), None, "{kind}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{kind}");
}

#[test]
fn what_is_uploaded_is_given_back_as_a_file() {
    let server = Server::start();
    let mut client = server.client();
    for (kind, content) in [
        ("text/html", &b"<script>alert(1)</script>"[..]),
        (
            "text/html; charset=utf-7",
            b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
        ),
        (
            "application/xhtml+xml",
            b"<html xmlns='http://www.w3.org/1999/xhtml'/>",
        ),
        (
            "image/svg+xml",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        ),
        (
            "text/xml",
            b"<?xml-stylesheet href='javascript:alert(1)'?><a/>",
        ),
        ("text/javascript", b"alert(1)"),
        ("application/pdf", b"%PDF-1.4 /JavaScript (app.alert(1))"),
        ("image/gif", POLYGLOT),
        ("text/plain", b"<html><script>alert(1)</script>"),
        ("application/octet-stream", EICAR),
        ("application/gzip", GZIP),
        (
            "multipart/related; boundary=x",
            b"--x\r\n\r\n<script>alert(1)</script>\r\n--x--",
        ),
        (
            "message/rfc822",
            b"Content-Type: text/html\r\n\r\n<script>alert(1)</script>",
        ),
        ("application/x-shockwave-flash", b"FWS"),
        ("*/*", b"<html>"),
    ] {
        let made = client.send("POST", "Binary", &[("content-type", kind)], content);
        let place = made.expect("a reply").expect(201).location();
        for accept in [
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "*/*",
            "image/*",
        ] {
            let read = client.send("GET", &place, &[("accept", accept)], b"");
            let read = read.expect("a reply");
            if read.status == 200 {
                assert_eq!(read.body, content, "{kind}");
                assert_file(&read, kind);
            }
        }
        let old = client.get(&format!("{place}/_history/1")).expect(200);
        assert_file(&old, kind);
    }
}

#[test]
fn a_media_type_cannot_bring_headers_along() {
    let server = Server::start();
    let mut client = server.client();
    for kind in [
        "text/html\r\nx-evil: 1",
        "text/html\nx-evil: 1",
        "text/html\r\n\r\n<script>alert(1)</script>",
        "text/html\u{0}",
        "text/é",
        "",
    ] {
        let binary =
            json!({"resourceType": "Binary", "id": "b", "contentType": kind, "data": "eA=="});
        let made = client.put("Binary/b", &binary);
        if made.status < 300 {
            let read = client.get("Binary/b").expect(200);
            assert_eq!(read.header("x-evil"), None, "{kind:?}");
            assert_file(&read, kind);
        } else {
            assert!(
                (400..500).contains(&made.status),
                "{kind:?}: {}",
                made.status
            );
        }
    }
}

#[test]
fn a_compressed_body_is_not_unpacked() {
    let server = Server::start();
    let mut client = server.client();
    let headers = [
        ("content-type", "application/fhir+json"),
        ("content-encoding", "gzip"),
    ];
    let reply = client
        .send("POST", "Patient", &headers, GZIP)
        .expect("a reply");
    assert!((400..500).contains(&reply.status), "{}", reply.status);
}
