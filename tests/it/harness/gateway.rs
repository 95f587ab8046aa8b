//! A gateway of text messages that records what it is given and misbehaves on request.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long a test waits for a message.
const WAIT: Duration = Duration::from_secs(20);

/// What the gateway does with the next messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// It takes them.
    Accept,
    /// It answers so, with these header lines and this body, so often; then it takes them.
    Answer {
        status: u16,
        headers: &'static str,
        body: &'static str,
        times: usize,
    },
    /// It takes them and never says so.
    Hang,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Text {
    /// The header lines.
    pub head: String,
    /// The body.
    pub body: Value,
    /// Whether it was answered by 2xx.
    pub accepted: bool,
}

impl Text {
    /// A member of the body.
    pub fn member(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }
}

#[derive(Debug)]
struct Shared {
    behaviour: Behaviour,
    texts: Vec<Text>,
}

/// A gateway on a free port, for as long as the test runs.
#[derive(Debug, Clone)]
pub struct Gateway {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Gateway {
    /// A gateway that behaves.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let gateway = Self {
            address: listener.local_addr().expect("its address"),
            shared: Arc::new(Mutex::new(Shared {
                behaviour: Behaviour::Accept,
                texts: Vec::new(),
            })),
        };
        let serving = gateway.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let gateway = serving.clone();
                // A client that goes away is no matter here.
                thread::spawn(move || gateway.serve(stream));
            }
        });
        gateway
    }

    /// Where messages are posted.
    pub fn url(&self) -> String {
        format!("http://{}/messages", self.address)
    }

    /// What it does from now on.
    pub fn behave(&self, how: Behaviour) {
        self.lock().behaviour = how;
    }

    /// All messages so far, whatever became of them.
    pub fn texts(&self) -> Vec<Text> {
        self.lock().texts.clone()
    }

    /// Those to a number.
    pub fn to(&self, number: &str) -> Vec<Text> {
        let mut texts = self.texts();
        texts.retain(|text| text.body["to"] == number);
        texts
    }

    /// Waits until so many messages have come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        let begun = Instant::now();
        while self.texts().len() < count {
            assert!(
                begun.elapsed() < WAIT,
                "{count} messages: {:?}",
                self.texts()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
                break;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let behaviour = self.keep(head, serde_json::from_slice(&body).unwrap_or_default());
        let (status, headers, body) = match behaviour {
            Behaviour::Accept => (202, "", "{}"),
            Behaviour::Answer {
                status,
                headers,
                body,
                ..
            } => (status, headers, body),
            Behaviour::Hang => {
                thread::sleep(WAIT);
                return None;
            }
        };
        let length = body.len();
        let reply = format!(
            "HTTP/1.1 {status} .\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
        );
        reader.get_mut().write_all(reply.as_bytes()).ok()
    }

    /// Records a message; gives what is done with it.
    fn keep(&self, head: String, body: Value) -> Behaviour {
        let mut shared = self.lock();
        let now = shared.behaviour.clone();
        if let Behaviour::Answer { times, .. } = &mut shared.behaviour {
            *times -= 1;
            if *times == 0 {
                shared.behaviour = Behaviour::Accept;
            }
        }
        shared.texts.push(Text {
            head,
            body,
            accepted: now == Behaviour::Accept,
        });
        now
    }
}
