//! A synchronous HTTP/1.1 client over one kept-alive connection, as plain as it can be: it shares
//! no code with the server, and shows what was really sent.

use std::{
    io::{self, BufRead, BufReader, Error, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// How long a reply may take; a server that hangs fails the test instead of hanging it.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// The media type of FHIR JSON.
const FHIR_JSON: &str = "application/fhir+json";

/// A reply as it came.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    /// The same reply, if it has this status; else the test fails and shows it.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// `Patient/1` of a `Location` such as `http://…/fhir/Patient/1/_history/1`.
    #[track_caller]
    pub fn location(&self) -> String {
        let location = self.header("location").expect("a Location header");
        let (_, inner) = location
            .split_once("/fhir/")
            .expect("a location below /fhir");
        inner.split("/_history/").next().unwrap_or(inner).to_owned()
    }
}

/// One connection to a server, opened when needed and kept.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    token: Option<String>,
}

impl Client {
    /// A client of the server at this address; nothing is opened yet.
    pub const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
            token: None,
        }
    }

    /// The same, showing an access token with each request.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// `GET /fhir/{path}`.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, &[], b"").expect("a reply")
    }

    /// `POST /fhir/{path}` of a resource.
    #[track_caller]
    pub fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.try_send("POST", path, body).expect("a reply")
    }

    /// `PUT /fhir/{path}` of a resource.
    #[track_caller]
    pub fn put(&mut self, path: &str, body: &Value) -> Reply {
        self.try_send("PUT", path, body).expect("a reply")
    }

    /// `DELETE /fhir/{path}`.
    #[track_caller]
    pub fn delete(&mut self, path: &str) -> Reply {
        self.send("DELETE", path, &[], b"").expect("a reply")
    }

    /// A resource sent to `/fhir/{path}`, where the server may go away meanwhile.
    pub fn try_send(&mut self, method: &str, path: &str, body: &Value) -> io::Result<Reply> {
        self.send(
            method,
            path,
            &[("content-type", FHIR_JSON)],
            body.to_string().as_bytes(),
        )
    }

    /// Any request below `/fhir`; a path that begins with `/` is taken as it is.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Reply> {
        let base = match path {
            "" => "/fhir",
            absolute if absolute.starts_with('/') => "",
            _ => "/fhir/",
        };
        let mut head = format!(
            "{method} {base}{path} HTTP/1.1\r\nhost: {}\r\n",
            self.address
        );
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let result = self.exchange(head.as_bytes(), body, method == "HEAD");
        if !matches!(&result, Ok(reply) if reply.header("connection") != Some("close")) {
            self.connection = None;
        }
        result
    }

    fn exchange(&mut self, head: &[u8], body: &[u8], bodiless: bool) -> io::Result<Reply> {
        let connection = match &mut self.connection {
            Some(open) => open,
            none => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
                stream.set_nodelay(true)?;
                none.insert(BufReader::new(stream))
            }
        };
        connection.get_mut().write_all(&[head, body].concat())?;
        read_reply(connection, bodiless)
    }
}

fn read_reply(from: &mut impl BufRead, bodiless: bool) -> io::Result<Reply> {
    let first = read_line(from)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| Error::other(format!("no status line: {first}")))?;
    let mut reply = Reply {
        status,
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let line = read_line(from)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        reply
            .headers
            .push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if status == 100 {
        return read_reply(from, bodiless);
    }
    if bodiless || status == 204 || status == 304 {
        return Ok(reply);
    }
    reply.body = match (
        reply.header("transfer-encoding"),
        reply.header("content-length"),
    ) {
        (Some("chunked"), _) => read_chunks(from)?,
        (_, Some(length)) => read_exactly(from, length.parse().map_err(Error::other)?)?,
        _ => return Err(Error::other("a body without length")),
    };
    Ok(reply)
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn read_exactly(from: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(from)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(Error::other)?;
        body.extend(read_exactly(from, length)?);
        read_line(from)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

#[test]
fn a_reply_is_read_by_length_and_by_chunks() {
    let mut two: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: W/\"1\"\r\n\r\nab\
        HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    let first = read_reply(&mut two, false).expect("first");
    assert_eq!((first.status, first.text().as_str()), (200, "ab"));
    assert_eq!(first.header("etag"), Some("W/\"1\""));
    let second = read_reply(&mut two, false).expect("second");
    assert_eq!((second.status, second.text().as_str()), (404, "abc"));
    assert!(read_reply(&mut two, false).is_err());
}
