//! Real nodes for tests: child processes of the built binary on free loopback ports, in temporary directories, killed by
//! process id when dropped. Waiting is always for something that can be asked for, and bounded.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part, and none of them is a library")]

use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The longest anything here is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A node as a process.
pub struct Process {
    pub port: u16,
    pub directory: PathBuf,
    /// The authority of its certificate, if it speaks TLS.
    pub ca: Option<PathBuf>,
    /// The API token that is shown to it.
    pub token: Option<String>,
    arguments: Vec<String>,
    child: Option<Child>,
}

/// An answer to an HTTP request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }
}

impl Process {
    /// Starts a node with these further arguments and waits until it is ready.
    pub fn start(directory: &Path, arguments: &[&str]) -> Process {
        let mut process = Process::prepare(directory, arguments);
        process.launch();
        process
    }

    /// A node that is not started yet.
    pub fn prepare(directory: &Path, arguments: &[&str]) -> Process {
        let port = free_port();
        let directory = directory.join(format!("node-{port}"));
        let ca = arguments.iter().position(|argument| *argument == "--tls-ca").map(|at| arguments[at + 1].into());
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Process { port, directory, ca, token: None, arguments, child: None }
    }

    /// Starts the process (again) and waits until it is ready.
    pub fn launch(&mut self) {
        self.spawn();
        eventually("the node is ready", || {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                panic!("the node ended at once with {status}:\n{}", self.log());
            }
            self.try_get("/readyz").is_some_and(|answer| answer.status == 200)
        });
    }

    /// Starts the process (again), whatever becomes of it.
    pub fn spawn(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.with_extension("log"))
            .expect("the log can be opened");
        let child = alianza()
            .arg("start")
            .args(["--port", &self.port.to_string()])
            .arg("--data-dir")
            .arg(&self.directory)
            .args(&self.arguments)
            .env("ALIANZA_LOG", "debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .expect("the binary starts");
        self.child = Some(child);
    }

    pub fn uri(&self) -> String {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    fn shown<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn agent(&self) -> ureq::Agent {
        agent_trusting(self.ca.as_deref())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.with_extension("log")).unwrap_or_default()
    }

    /// Kills the process the hard way.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the process can be killed");
            child.wait().expect("the process has ended");
        }
    }

    /// Lets the process stand still, or go on.
    pub fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("the process runs").id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
    }

    /// Waits until the process has ended by itself.
    pub fn wait_for_end(&mut self) -> std::process::ExitStatus {
        let mut status = None;
        let child = self.child.as_mut().expect("the process runs");
        eventually("the process ends", || {
            status = child.try_wait().expect("the process can be asked");
            status.is_some()
        });
        self.child = None;
        status.expect("it has ended")
    }

    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("the process runs").id()
    }

    pub fn try_get(&self, path: &str) -> Option<Answer> {
        let request = self.agent().get(format!("{}{path}", self.uri()));
        read(self.shown(request).call())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|| panic!("GET {path} had no answer:\n{}", self.log()))
    }

    pub fn try_post(&self, path: &str, body: impl AsRef<[u8]>) -> Option<Answer> {
        let request = self.agent().post(format!("{}{path}", self.uri()));
        read(self.shown(request).send(body.as_ref()))
    }

    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.try_post(path, body).unwrap_or_else(|| panic!("POST {path} had no answer:\n{}", self.log()))
    }

    pub fn call(&self, request: &Value) -> Answer {
        self.post("/", request.to_string())
    }

    pub fn put(&self, key: &str, value: &str) -> Answer {
        self.call(&json!({"type": "PUT", "key": key, "value": value}))
    }

    /// The value of a key, or `None` if the node says there is none.
    pub fn value(&self, key: &str) -> Option<String> {
        let answer = self.call(&json!({"type": "GET", "key": key}));
        match answer.status {
            200 => Some(answer.json()["value"].as_str().expect("the value is a string").to_owned()),
            404 => None,
            _ => panic!("{answer:?}\n{}", self.log()),
        }
    }

    /// Keys that this node itself stores, by its SQL page.
    pub fn own_keys(&self) -> Vec<String> {
        self.keys_by("SELECT * FROM ITEM;")
    }

    /// Those of one bucket.
    pub fn own_keys_of(&self, bucket: &str) -> Vec<String> {
        self.keys_by(&format!("SELECT hash, key, value FROM item WHERE bucket = '{bucket}'"))
    }

    fn keys_by(&self, sql: &str) -> Vec<String> {
        let answer = self.post("/console/sql", json!({"sql": sql}).to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        assert_eq!(answer["columns"], json!(["hash", "key", "value"]));
        let rows = answer["rows"].as_array().expect("rows are a list").clone();
        rows.iter().map(|row| row[1].as_str().expect("a key is text").to_owned()).collect()
    }

    pub fn events(&self) -> Vec<Value> {
        self.get("/events").json().as_array().expect("events are a list").clone()
    }

    /// Waits until no change of the ring is under way and `nodes` nodes are members.
    pub fn wait_settled(&self, nodes: usize) {
        eventually("the ring settles", || {
            let Some(answer) = self.try_get("/v1/cluster").filter(|answer| answer.status == 200) else { return false };
            let status = answer.json();
            let members = status["members"]
                .as_array()
                .map_or(0, |members| members.iter().filter(|member| member["state"] == json!("active")).count());
            status["epoch"] == status["stable"] && members == nodes
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.uri(), self.log());
        }
    }
}

/// A cluster of `count` settled nodes; the first is the seed.
pub fn cluster(directory: &Path, count: usize, arguments: &[&str]) -> Vec<Process> {
    let mut nodes = vec![Process::start(directory, arguments)];
    let seed = nodes[0].uri();
    for _ in 1..count {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--seeds", &seed]).collect();
        nodes.push(Process::start(directory, &arguments));
    }
    nodes.iter().for_each(|node| node.wait_settled(count));
    nodes
}

/// The binary under test, with no configuration from around it.
pub fn alianza() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alianza"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ALIANZA_")) {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1");
    command
}

/// Runs the binary to its end.
pub fn run(arguments: &[&str]) -> Output {
    alianza().args(arguments).stdin(Stdio::null()).output().expect("the binary runs")
}

/// Runs the binary against a node, showing `token` unless it is empty.
pub fn ask(node: &Process, token: &str, arguments: &[&str]) -> Output {
    let mut command = alianza();
    command.args(arguments).args(["--url", &node.uri()]);
    if !token.is_empty() {
        command.env("ALIANZA_TOKEN", token);
    }
    command.output().expect("the binary runs")
}

/// Starts a node that is to say why it does not come up.
pub fn try_start(directory: &Path, arguments: &[&str]) -> Output {
    let port = free_port().to_string();
    let output = alianza()
        .args(["start", "--port", &port, "--data-dir"])
        .arg(directory)
        .args(arguments)
        .output()
        .expect("the binary runs");
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    output
}

/// The one line that says what is wrong.
pub fn complaint(output: &Output) -> String {
    let errors = text(&output.stderr);
    let line = errors.lines().rev().find(|line| line.starts_with("error: "));
    line.unwrap_or_else(|| panic!("no error line in:\n{errors}")).to_owned()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Asks again and again until it is so, at most for [`PATIENCE`].
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Tells other threads to end when it goes, also by a panic: a scope waits for its threads, so a test would hang and not fail.
pub struct Stopper<'a>(pub &'a AtomicBool);

impl Drop for Stopper<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub fn agent() -> ureq::Agent {
    agent_trusting(None)
}

/// Trusts this authority and nobody else.
pub fn agent_trusting(ca: Option<&Path>) -> ureq::Agent {
    let text = ca.map(|ca| std::fs::read(ca).expect("the authority can be read")).unwrap_or_default();
    let authorities: Vec<_> = ureq::tls::parse_pem(&text)
        .filter_map(|item| match item.expect("it is PEM") {
            ureq::tls::PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::new_with_certs(&authorities))
        .unversioned_rustls_crypto_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into()
}

fn read(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<Answer> {
    let mut response = result.ok()?;
    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
    let (status, content_type) = (response.status().as_u16(), content_type.to_owned());
    let body = response.body_mut().with_config().limit(1 << 30).read_to_string().ok()?;
    Some(Answer { status, content_type, body })
}
