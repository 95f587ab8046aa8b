//! A `vigie serve` of one test: on a free port, with a database in a folder that vanishes.

use std::{
    env,
    io::{BufRead, BufReader, Cursor, Read},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Client, log::leak};

/// How long a server may take to say where it listens.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// What the server prints once it is ready, before its address.
const LISTENING: &str = "listening on http";

/// The key of the log's filter, and how talkative it is where a test does not say.
const FILTER: (&str, &str) = ("VIGIE_LOG_FILTER", "trace");

/// Last lines of the server's output shown when a test fails.
const TAIL_LINES: usize = 60;

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Further arguments of `vigie serve`.
    pub arguments: Vec<String>,
    /// Environment of the process, such as `VIGIE_…` keys.
    pub environment: Vec<(String, String)>,
    /// Whether time runs by itself; otherwise it stands until [`Server::set_clock`].
    pub real_clock: bool,
    /// Whether a login is asked of everybody.
    pub closed: bool,
}

/// What the server has printed so far, and a bell for each line.
#[derive(Debug, Default)]
struct Printed {
    lines: Mutex<Vec<String>>,
    bell: Condvar,
    /// Who copies the lines; they end with the process.
    copying: Mutex<Vec<JoinHandle<()>>>,
}

/// A running server; it is killed when dropped, and shows its output if the test failed.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    options: Options,
    child: Child,
    address: SocketAddr,
    printed: Arc<Printed>,
}

/// The binary with these arguments, run to its end.
pub fn vigie(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("vigie runs")
}

impl Server {
    /// A server over an empty database, its clock standing still.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// A server over an empty database.
    pub fn start_with(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("vigie.sqlite");
        let (child, printed, address) = launch(&database, &options);
        Self {
            folder,
            options,
            child,
            address,
            printed,
        }
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("vigie.sqlite")
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Another connection to it.
    pub const fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Moves the simulated clock; all work due by then is done when this returns.
    #[track_caller]
    pub fn set_clock(&self, instant: &str) {
        let body = serde_json::Value::from(instant).to_string();
        let json = [("content-type", "application/json")];
        let reply = self.client().send("PUT", "/clock", &json, body.as_bytes());
        let reply = reply.expect("a reply to PUT /clock");
        assert!(
            reply.status < 300,
            "PUT /clock: {} {}",
            reply.status,
            reply.text()
        );
    }

    /// The simulated clock, in seconds since 1970.
    #[track_caller]
    pub fn now(&self) -> i64 {
        self.instant().as_second()
    }

    /// An instant so many seconds from now.
    #[track_caller]
    pub fn later(&self, seconds: i64) -> String {
        let now = self.instant();
        (now + jiff::SignedDuration::from_secs(seconds)).to_string()
    }

    #[track_caller]
    fn instant(&self) -> jiff::Timestamp {
        let reply = self.client().send("GET", "/clock", &[], b"");
        let told = reply.expect("a reply to GET /clock").expect(200).json();
        let text = told.as_str().expect("an instant");
        text.parse().expect("an instant")
    }

    /// `kill -9`: no destructor, no last write.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("its end");
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        // The shell's own `kill`: the program of that name is not on every machine.
        let sent = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &id])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -TERM {id}");
        self.child.wait().expect("its end")
    }

    /// Starts it again over the same database, after [`Server::kill`] or [`Server::stop`].
    pub fn restart(&mut self) -> Duration {
        let started = Instant::now();
        self.printed.tells_of_nobody();
        let (child, printed, address) = launch(&self.database(), &self.options);
        (self.child, self.printed, self.address) = (child, printed, address);
        started.elapsed()
    }

    /// All that it has printed since its last start.
    pub fn output(&self) -> String {
        self.printed.lock().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let lines = self.printed.lock();
            let from = lines.len().saturating_sub(TAIL_LINES);
            println!("--- the server said:\n{}\n---", lines[from..].join("\n"));
        } else {
            self.printed.tells_of_nobody();
        }
    }
}

impl Printed {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copy_from(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        let printed = Arc::clone(self);
        let copying = thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                printed.lock().push(line);
                printed.bell.notify_all();
            }
        });
        let mut all = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(copying);
    }

    /// That no line of a process which has ended tells of anybody.
    fn tells_of_nobody(&self) {
        let mut copying = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        for one in copying.drain(..) {
            let _ = one.join();
        }
        for line in self.lock().iter() {
            let leak = leak(line);
            assert!(leak.is_none(), "the log tells {leak:?}: {line}");
        }
    }

    /// Waits for the line that says where the server listens.
    fn address(&self) -> Option<SocketAddr> {
        let told = |lines: &Vec<String>| lines.iter().find_map(|line| address_in(line));
        let (lines, _) = self
            .bell
            .wait_timeout_while(self.lock(), START_TIMEOUT, |lines| {
                told(lines).is_none() && !lines.iter().any(|line| line == ENDED)
            })
            .unwrap_or_else(PoisonError::into_inner);
        told(&lines)
    }
}

/// Stands for the end of standard output, so that a server that refuses to start is noticed.
const ENDED: &str = "(standard output ended)";

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once(LISTENING)?;
    let after = after.trim_start_matches('s').strip_prefix("://")?;
    after.split(['/', ' ']).next()?.parse().ok()
}

fn launch(database: &std::path::Path, options: &Options) -> (Child, Arc<Printed>, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .arg("--database")
        .arg(format!("sqlite:{}", database.display()))
        .args(&options.arguments);
    // Keys of whoever runs the tests must not reach the server.
    for (key, _) in env::vars_os() {
        if key.to_string_lossy().starts_with("VIGIE_") {
            command.env_remove(key);
        }
    }
    command
        .env(FILTER.0, FILTER.1)
        .envs(options.environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if !options.closed {
        command.arg("--insecure-no-auth");
    }
    if !options.real_clock {
        command.arg("--simulated-clock");
    }
    let mut child = command.spawn().expect("vigie starts");
    let printed = Arc::new(Printed::default());
    let stdout = child.stdout.take().expect("its output");
    printed.copy_from(child.stderr.take().expect("its errors"));
    printed.copy_from(stdout.chain(Cursor::new(format!("\n{ENDED}\n"))));
    match printed.address() {
        Some(address) => (child, printed, address),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the server did not start:\n{}", printed.lock().join("\n"));
        }
    }
}

#[test]
#[should_panic(expected = "the log tells")]
fn a_server_that_tells_of_somebody_fails_its_test() {
    let printed = Arc::new(Printed::default());
    printed.copy_from(Cursor::new(
        "INFO started\nDEBUG reminded camille@home.example\n",
    ));
    printed.tells_of_nobody();
}

#[test]
fn the_address_is_read_from_the_line_that_tells_it() {
    let line = "2026-01-01 INFO listening on http://127.0.0.1:4711/fhir";
    assert_eq!(address_in(line), "127.0.0.1:4711".parse().ok());
    assert_eq!(address_in("listening on nothing"), None);
}
