//! One node of a local cluster, as a child process.
//!
//! Invariant: the child ends when its standard input does; dropping this kills it.

use crate::exit::Failure;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::process::{ChildStdin, Command};

/// Characters of the log shown when a node has ended by itself.
const LAST_WORDS: usize = 300;

/// A node.
pub(super) struct Child {
    /// Its name, as soon as it is known.
    pub(super) name: String,
    /// Its port.
    pub(super) port: u16,
    /// Its port for Redis clients.
    redis_port: u16,
    place: PathBuf,
    /// Where its certificate is, if it speaks TLS.
    tls: Option<PathBuf>,
    process: tokio::process::Child,
    /// Held apart from the process, because waiting for that would close it, and so stop the node.
    stdin: Option<ChildStdin>,
}

impl Child {
    /// Starts node `number` below `root`; with a seed, it joins that one's cluster.
    pub(super) fn start(
        number: usize,
        (port, redis_port): (u16, u16),
        seed: Option<u16>,
        root: &Path,
        tls: Option<&Path>,
        log: &str,
    ) -> Result<Child, Failure> {
        let place = root.join(format!("node-{number}"));
        let cannot = |error: std::io::Error| Failure::error(format!("cannot start node {number}: {error}"));
        let words = File::create(place.with_extension("log")).map_err(cannot)?;
        let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
        command.args(["start", "--while-stdin", "--port", &port.to_string(), "--listen", "127.0.0.1"]);
        command.args(["--advertise", &url(tls, port), "--log", log, "--data-dir"]).arg(&place);
        if let Some(tls) = tls {
            command.arg("--tls-cert").arg(tls.join("node.pem")).arg("--tls-key").arg(tls.join("node.key"));
            command.arg("--tls-ca").arg(tls.join("ca.pem"));
        }
        command.args(["--redis", &format!("127.0.0.1:{redis_port}")]);
        if let Some(seed) = seed {
            command.args(["--seeds", &url(tls, seed)]);
        }
        // Settings of the shell are for one node, not for each of several.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ALIANZA_")) {
            command.env_remove(name);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(words).kill_on_drop(true);
        // In a group of its own, so that Ctrl-C reaches this process only, which then stops all in an orderly way.
        command.process_group(0);
        let mut process = command.spawn().map_err(cannot)?;
        let stdin = process.stdin.take();
        let tls = tls.map(Path::to_owned);
        Ok(Child { name: format!("node {number}"), port, redis_port, place, tls, process, stdin })
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        url(self.tls.as_deref(), self.port)
    }

    /// The certificate of its authority, if it speaks TLS.
    pub(super) fn ca(&self) -> Option<PathBuf> {
        self.tls.as_ref().map(|tls| tls.join("ca.pem"))
    }

    /// Where it serves Redis clients.
    pub(super) fn redis(&self) -> String {
        format!("127.0.0.1:{}", self.redis_port)
    }

    /// Its data directory.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Its log.
    pub(super) fn log(&self) -> PathBuf {
        self.place.with_extension("log")
    }

    /// Its process.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Asks it to stop without leaving.
    pub(super) fn ask_to_stop(&mut self) {
        drop(self.stdin.take());
    }

    /// Waits until it has ended, and says how.
    pub(super) async fn ended(&mut self) -> String {
        let status = self.process.wait().await;
        self.describe(status.ok())
    }

    fn describe(&self, status: Option<ExitStatus>) -> String {
        let who = format!("{} (port {})", self.name, self.port);
        let how = match status {
            Some(status) if status.success() => return format!("{who} has ended"),
            Some(status) => status.to_string(),
            None => "nobody knows how".to_owned(),
        };
        match self.last_words() {
            Some(words) => format!("{who} ended: {how}; its last words: {words}"),
            None => format!("{who} ended: {how}; its log is {}", self.log().display()),
        }
    }

    fn last_words(&self) -> Option<String> {
        let log = std::fs::read_to_string(self.log()).ok()?;
        let line = log.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(line.chars().take(LAST_WORDS).collect())
    }
}

fn url(tls: Option<&Path>, port: u16) -> String {
    let scheme = if tls.is_some() { "https" } else { "http" };
    format!("{scheme}://127.0.0.1:{port}")
}
