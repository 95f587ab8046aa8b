//! Which versions of TLS a server speaks, asked with the first message of a handshake.
//!
//! No library of today says hello in TLS 1.0 or 1.1, so the message is written out (RFC 5246,
//! RFC 8446); the answer's first record tells enough.

use hyper::Uri;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::jwt;

/// Suites that servers of all ages know.
const SUITES: &[u16] = &[
    0xc02f, 0xc030, 0xc02b, 0xc02c, 0xcca8, 0xcca9, 0xc013, 0xc014, 0xc009, 0xc00a, 0x002f, 0x0035,
];

const HANDSHAKE: u8 = 22;

/// Says hello in one version, as `1.0`, `1.1` or `1.2`: `accepted`, and the `version` of the
/// server's hello.
pub async fn hello(address: &str, version: &str) -> Result<Value, String> {
    let minor: u8 = match version {
        "1.0" => 1,
        "1.1" => 2,
        "1.2" => 3,
        other => return Err(format!("no hello is written for TLS {other}")),
    };
    let uri: Uri = address
        .parse()
        .map_err(|_| format!("'{address}' is no address"))?;
    if uri.scheme_str() != Some("https") {
        return Ok(json!({"accepted": false, "https": false}));
    }
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(443);
    let shown = |error: std::io::Error| format!("{host}:{port}: {error}");
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port))
        .await
        .map_err(shown)?;
    stream
        .write_all(&client_hello(host, minor)?)
        .await
        .map_err(shown)?;
    let mut answer = [0_u8; 11];
    // Whoever hangs up has answered too.
    let accepted = stream.read_exact(&mut answer).await.is_ok() && answer[0] == HANDSHAKE;
    let spoken = (answer[9], answer[10]);
    Ok(json!({
        "https": true,
        "accepted": accepted && spoken == (3, minor),
        "version": accepted.then(|| format!("{}.{}", spoken.0, spoken.1)),
    }))
}

fn client_hello(host: &str, minor: u8) -> Result<Vec<u8>, String> {
    let drawn = jwt::random(32)?;
    let mut body = vec![3, minor];
    body.extend(drawn.bytes().take(32));
    body.push(0);
    let suites: Vec<u8> = SUITES.iter().flat_map(|each| each.to_be_bytes()).collect();
    body.extend(counted(&suites));
    body.extend([1, 0]);
    let mut extensions = Vec::new();
    if host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[') {
        let name = [&[0][..], &counted(host.as_bytes())].concat();
        extensions.extend(extension(0, &counted(&name)));
    }
    extensions.extend(extension(10, &counted(&[0, 29, 0, 23, 0, 24])));
    extensions.extend(extension(11, &[1, 0]));
    extensions.extend(extension(
        13,
        &counted(&[4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 2, 1, 2, 3]),
    ));
    body.extend(counted(&extensions));
    let length = u32::try_from(body.len()).map_err(|error| error.to_string())?;
    let mut message = vec![1];
    message.extend(&length.to_be_bytes()[1..]);
    message.extend(body);
    Ok([&[HANDSHAKE, 3, 1][..], &counted(&message)].concat())
}

fn extension(kind: u16, inner: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(inner)].concat()
}

/// Bytes after their number in two bytes.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let number = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&number.to_be_bytes()[..], bytes].concat()
}
