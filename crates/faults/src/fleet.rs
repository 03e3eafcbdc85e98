//! All nodes of a run: their directories, their processes, the proxy between them, and waiting for the cluster to rest.
//!
//! Invariant: when this is dropped, no process is left; directories are removed unless the run asked to keep them.

use crate::node::{Node, State};
use crate::place::Place;
use crate::proxy::Proxy;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How a fleet is made.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many nodes.
    pub nodes: usize,
    /// The binary under test.
    pub binary: PathBuf,
    /// Where directories and logs are made.
    pub parent: PathBuf,
    /// Peers and clients go through the faulty proxy.
    pub proxied: bool,
    /// What the data of each node is kept on.
    pub place: Place,
    /// Further arguments of every node.
    pub arguments: Vec<String>,
    /// Further environment of every node.
    pub environment: Vec<(String, String)>,
    /// Seeds every choice.
    pub seed: u64,
}

/// The nodes of a run.
#[derive(Debug)]
pub struct Fleet {
    /// All nodes that were ever started, by number.
    pub nodes: Vec<Node>,
    /// The directory of the run.
    pub directory: PathBuf,
    /// Between nodes, if the run wants it.
    pub proxy: Option<Proxy>,
    /// Keeps directory and logs.
    pub keep: bool,
    setup: Setup,
}

/// How long a node may take to start, and the cluster to come to rest.
pub const PATIENCE: Duration = Duration::from_secs(120);

impl Fleet {
    /// Makes a cluster of settled nodes.
    pub fn start(setup: Setup) -> Result<Fleet, String> {
        let directory = tempfile::Builder::new().prefix("alianza-faults-").tempdir_in(&setup.parent);
        let directory = directory.map_err(|error| format!("cannot make a directory: {error}"))?.keep();
        let proxy = setup.proxied.then(|| Proxy::start(setup.seed)).transpose()?;
        let mut fleet = Fleet { nodes: Vec::new(), directory, proxy, keep: false, setup };
        for _ in 0..fleet.setup.nodes {
            let number = fleet.add()?;
            fleet.launch(number)?;
        }
        fleet.wait_rest(PATIENCE)?;
        Ok(fleet)
    }

    /// Another node, not started. Returns its number.
    pub fn add(&mut self) -> Result<usize, String> {
        let number = self.nodes.len();
        let data = self.setup.place.prepare(&self.directory, number)?;
        let log = self.directory.join(format!("node-{number}.log"));
        let port = free_port();
        let advertised = match &self.proxy {
            Some(proxy) => proxy.add(number, port)?,
            None => port,
        };
        let mut node = Node::new(number, self.setup.binary.clone(), (port, advertised), data, log);
        node.arguments = self.setup.arguments.clone();
        node.environment = self.setup.environment.clone();
        let there = self.nodes.iter().filter(|node| !node.gone);
        let seeds: Vec<String> = there.take(3).map(Node::advertised_url).collect();
        if !seeds.is_empty() {
            node.arguments.extend(["--seeds".to_owned(), seeds.join(",")]);
        }
        self.nodes.push(node);
        Ok(number)
    }

    /// Starts a node and waits until it takes requests.
    pub fn launch(&mut self, number: usize) -> Result<(), String> {
        self.nodes[number].start()?;
        self.nodes[number].wait_ready(PATIENCE)
    }

    /// Starts several nodes at once and waits for all.
    pub fn launch_all(&mut self, numbers: &[usize]) -> Result<(), String> {
        numbers.iter().try_for_each(|number| self.nodes[*number].start())?;
        numbers.iter().try_for_each(|number| self.nodes[*number].wait_ready(PATIENCE))
    }

    /// What the data of node `number` is kept on.
    pub fn place(&self) -> &Place {
        &self.setup.place
    }

    /// Nodes that run, also those that stand still.
    pub fn running(&self) -> Vec<usize> {
        self.nodes.iter().filter(|node| node.state != State::Down).map(|node| node.number).collect()
    }

    /// Where clients find each node: behind the proxy if there is one.
    pub fn client_urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::advertised_url).collect()
    }

    /// Waits until all running nodes know one history, nothing moves, no hint waits, and everybody looks up to everybody.
    pub fn wait_rest(&mut self, patience: Duration) -> Result<Duration, String> {
        let begun = Instant::now();
        loop {
            let unrest = self.unrest();
            let Some(why) = unrest else { return Ok(begun.elapsed()) };
            if begun.elapsed() > patience || crate::stop::wanted() {
                return Err(format!("the cluster did not come to rest within {patience:?}: {why}"));
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// What keeps the cluster from being at rest.
    pub fn unrest(&mut self) -> Option<String> {
        let mut epochs = Vec::new();
        for number in self.running() {
            if let Some(status) = self.nodes[number].ended() {
                return Some(format!("node-{number} has ended with {status}: {}", self.nodes[number].last_words()));
            }
            let Some(status) = self.nodes[number].cluster() else {
                return Some(format!("node-{number} does not answer"));
            };
            if let Some(why) = unrest_of(&status) {
                return Some(format!("node-{number}: {why}"));
            }
            epochs.push(status["epoch"].clone());
        }
        epochs.windows(2).any(|pair| pair[0] != pair[1]).then(|| format!("epochs differ: {epochs:?}"))
    }

    /// Waits until everybody who runs holds a node to be down.
    pub fn wait_until_down(&self, number: usize) -> Result<(), String> {
        let (name, end) = (crate::node::name(number), Instant::now() + PATIENCE);
        let is_down = |node: &usize| {
            let status = self.nodes[*node].cluster().unwrap_or_default();
            let members = status["members"].as_array().cloned().unwrap_or_default();
            members.iter().any(|member| member["name"] == json!(name) && member["condition"] == json!("down"))
        };
        while !self.running().iter().all(is_down) {
            if Instant::now() > end || crate::stop::wanted() {
                return Err(format!("{name} is dead, and not everybody saw that within {PATIENCE:?}"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// A free directory under this run's.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes a bucket, or changes it.
    pub fn bucket(&self, name: &str, settings: &Value) -> Result<(), String> {
        let agent = crate::http::agent(Duration::from_secs(10));
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = crate::http::put(&agent, &format!("{}/v1/buckets/{name}", self.nodes[0].url()), settings);
            match answer {
                Some((200..=299, _)) => return Ok(()),
                other if Instant::now() > end => return Err(format!("cannot make bucket {name}: {other:?}")),
                _ => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// Lets every process that stands still go on, and makes every link good.
    pub fn heal(&mut self) -> Result<(), String> {
        if let Some(proxy) = &self.proxy {
            proxy.links().heal();
        }
        let paused = self.nodes.iter_mut().filter(|node| node.state == State::Paused);
        paused.into_iter().try_for_each(|node| node.pause(false))
    }
}

fn unrest_of(status: &Value) -> Option<String> {
    let moving = status["moving"].as_array().map_or_else(|| status["moving"].as_u64().unwrap_or(0), |m| m.len() as u64);
    if status["epoch"] != status["stable"] || moving > 0 {
        return Some(format!(
            "epoch {}, stable {}, {moving} moving, blocked {}",
            status["epoch"], status["stable"], status["blocked"]
        ));
    }
    let hints = status["hints"].as_array().map_or_else(|| status["hints"].as_u64().unwrap_or(0), |h| h.len() as u64);
    if hints > 0 {
        return Some(format!("hints for {} wait", status["hints"]));
    }
    let members = status["members"].as_array().cloned().unwrap_or_default();
    let down = members.iter().find(|member| member["condition"] != json!("up"));
    down.map(|member| format!("{} looks {}", member["name"], member["condition"]))
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.nodes.clear();
        self.proxy = None;
        self.setup.place.put_away(&self.directory);
        if self.keep || std::thread::panicking() {
            eprintln!("faults: logs and data are kept in {}", self.directory.display());
        } else {
            remove(&self.directory);
        }
    }
}

fn remove(directory: &Path) {
    if let Err(error) = std::fs::remove_dir_all(directory) {
        eprintln!("faults: cannot remove {}: {error}", directory.display());
    }
}

/// A port that nobody listens on. Below those that the system gives to callers, so that it is still free after a kill.
fn free_port() -> u16 {
    let seed = u64::from(std::process::id());
    static TRIES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    loop {
        let try_number = TRIES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let port = stdx::Prng::keyed(seed, "port", &[try_number]).between(10_000, 31_999) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
