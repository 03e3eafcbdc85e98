//! One `alianza` process: started, killed, paused and started again on the same port and directory.
//!
//! Invariant: a process that this started is killed and waited for when this is dropped, and ends with its standard
//! input if this program dies first. Refuses to know other nodes.

use crate::http;
use crate::signal;
use serde_json::Value;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a node is doing as far as this program has made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It was started and not stopped.
    Up,
    /// It stands still.
    Paused,
    /// It does not run.
    Down,
}

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Its number, which its name has, too.
    pub number: usize,
    /// Where it really listens.
    pub port: u16,
    /// Where others are told to find it: the proxy's port, or its own.
    pub advertised: u16,
    /// Its data directory.
    pub data: PathBuf,
    /// Its log, over all its lives.
    pub log: PathBuf,
    /// What it is doing.
    pub state: State,
    /// It has left the cluster, or was replaced, and does not come back.
    pub gone: bool,
    /// Arguments besides those that follow from the rest.
    pub arguments: Vec<String>,
    /// More of its environment.
    pub environment: Vec<(String, String)>,
    binary: PathBuf,
    child: Option<Child>,
}

impl Node {
    /// A node that is not started yet.
    pub fn new(number: usize, binary: PathBuf, ports: (u16, u16), data: PathBuf, log: PathBuf) -> Node {
        Node {
            number,
            port: ports.0,
            advertised: ports.1,
            data,
            log,
            state: State::Down,
            gone: false,
            arguments: Vec::new(),
            environment: Vec::new(),
            binary,
            child: None,
        }
    }

    /// Its name in the cluster.
    pub fn name(&self) -> String {
        name(self.number)
    }

    /// Where clients find it without the proxy.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its peers find it.
    pub fn advertised_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.advertised)
    }

    /// Starts the process and does not wait for it.
    pub fn start(&mut self) -> Result<(), String> {
        assert!(self.child.is_none(), "{} runs already", self.name());
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.map_err(|error| format!("cannot open {}: {error}", self.log.display()))?;
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ALIANZA_")) {
            command.env_remove(name);
        }
        let child = command
            .args(["start", "--while-stdin", "--name", &self.name(), "--port", &self.port.to_string()])
            .args(["--advertise", &self.advertised_url(), "--data-dir"])
            .arg(&self.data)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("NO_COLOR", "1")
            .env("ALIANZA_LOG", std::env::var("FAULTS_LOG").unwrap_or_else(|_| "info,server=debug".to_owned()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.binary.display()))?;
        self.child = Some(child);
        self.state = State::Up;
        Ok(())
    }

    /// Waits until it takes requests.
    pub fn wait_ready(&mut self, patience: Duration) -> Result<(), String> {
        let end = Instant::now() + patience;
        let agent = http::agent(Duration::from_secs(2));
        loop {
            if let Some(status) = self.ended() {
                self.state = State::Down;
                self.child = None;
                return Err(format!(
                    "{} ended by itself with {status}; its log ends: {}",
                    self.name(),
                    self.last_words()
                ));
            }
            if http::get(&agent, &format!("{}/readyz", self.url())).is_some_and(|(status, _)| status == 200) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("{} was not ready after {patience:?}; log: {}", self.name(), self.last_words()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its process id, if it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether the process has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// `kill -9`, also of a process that stands still.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.state = State::Down;
    }

    /// Asks it to stop, waits, and says how it ended.
    pub fn stop(&mut self, patience: Duration) -> Result<ExitStatus, String> {
        let Some(child) = &mut self.child else { return Err(format!("{} does not run", self.name())) };
        signal::terminate(child)?;
        self.wait_end(patience)
    }

    /// Waits until it has ended by itself.
    pub fn wait_end(&mut self, patience: Duration) -> Result<ExitStatus, String> {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended() {
                self.child = None;
                self.state = State::Down;
                return Ok(status);
            }
            if Instant::now() > end {
                return Err(format!("{} did not end within {patience:?}: {}", self.name(), self.last_words()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Lets it stand still, or go on.
    pub fn pause(&mut self, paused: bool) -> Result<(), String> {
        let Some(child) = &self.child else { return Ok(()) };
        signal::pause(child, paused)?;
        self.state = if paused { State::Paused } else { State::Up };
        Ok(())
    }

    /// What it knows of the cluster; nothing if it does not answer.
    pub fn cluster(&self) -> Option<Value> {
        let agent = http::agent(Duration::from_secs(3));
        http::get(&agent, &format!("{}/v1/cluster", self.url())).filter(|(status, _)| *status == 200).map(|(_, v)| v)
    }

    /// The last lines of its log that are not about details.
    pub fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(200_000)..]).into_owned();
        let lines: Vec<&str> = tail.lines().filter(|line| !line.contains(" DEBUG ")).collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }
}

/// The name of the node of a number.
pub fn name(number: usize) -> String {
    format!("node-{number}")
}

/// The number in the name of a node.
pub fn number(name: &str) -> Option<usize> {
    name.strip_prefix("node-")?.parse().ok()
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
