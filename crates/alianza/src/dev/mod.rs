//! `alianza dev`: a cluster on this machine, each node a process of this same binary.
//!
//! Invariant: when this process ends, for whatever reason, its nodes end too: their standard input is a pipe that only
//! this process holds open. Refuses to restart nodes that end: trying that out is what a local cluster is for.

mod child;
mod ports;
mod welcome;

use crate::args::Access;
use crate::args::Dev;
use crate::client::Client;
use crate::cmd::cert;
use crate::exit::Failure;
use crate::output;
use crate::signals::Signals;
use child::Child;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// How long the cluster may take to come up.
const READY_PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at whether a node is ready.
const LOOK_AGAIN: Duration = Duration::from_millis(15);
/// How long one look may take.
const LOOK: Duration = Duration::from_secs(2);
/// How long nodes may take to stop before they are killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Runs a local cluster until a signal, or until its last node has ended.
pub(crate) fn run(args: &Dev) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::error(format!("cannot start: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    runtime.block_on(cluster(args))
}

async fn cluster(args: &Dev) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let ports = ports::choose(args.port, args.nodes)?;
    let redis_ports = ports::choose_for_redis(args.redis_port, &ports, args.port == 0)?;
    let place = Place::choose(args)?;
    let tls = args.tls.then(|| certificates(place.path())).transpose()?;
    let mut nodes = Vec::new();
    for (at, (port, redis_port)) in ports.iter().zip(redis_ports).enumerate() {
        let seed = (at > 0).then(|| ports[0]);
        nodes.push(Child::start(at + 1, (*port, redis_port), seed, place.path(), tls.as_deref(), &args.log)?);
    }
    let result = tokio::select! {
        result = serve(args, &mut nodes, &place) => result,
        () = signals.next() => Ok(()),
    };
    stop(nodes).await;
    result
}

async fn serve(args: &Dev, nodes: &mut Vec<Child>, place: &Place) -> Result<(), Failure> {
    for node in nodes.iter_mut() {
        ready(node).await?;
    }
    welcome::print(nodes, place.path(), place.is_temporary(), args.json)?;
    while !nodes.is_empty() {
        let (at, words) = next_end(nodes).await;
        output::remark(&words);
        nodes.remove(at);
    }
    output::remark("all nodes have ended");
    Ok(())
}

/// One certificate for all nodes of this machine, and the authority that signs it, unless they are there.
fn certificates(root: &Path) -> Result<PathBuf, Failure> {
    let dir = root.join("tls");
    if !dir.join("node.pem").exists() {
        cert::authority(&dir)?;
        cert::node(&dir, &["127.0.0.1".to_owned(), "localhost".to_owned()], "node", 365)?;
    }
    Ok(dir)
}

/// Waits until a node serves clients.
async fn ready(node: &mut Child) -> Result<(), Failure> {
    let (url, access) = (node.url(), Access { ca: node.ca(), token_file: None });
    let poll = async {
        loop {
            let (url, access) = (url.clone(), access.clone());
            let look = move || Client::to_url(&url, &access, LOOK).and_then(|client| client.get("/readyz"));
            if let Ok(Ok(answer)) = tokio::task::spawn_blocking(look).await {
                return answer["name"].as_str().unwrap_or_default().to_owned();
            }
            sleep(LOOK_AGAIN).await;
        }
    };
    let outcome = tokio::select! {
        outcome = timeout(READY_PATIENCE, poll) => outcome,
        words = node.ended() => return Err(Failure::error(format!("{words}; nothing was left running"))),
    };
    match outcome {
        Ok(name) => {
            node.name = name;
            Ok(())
        }
        Err(_) => {
            let (port, log) = (node.port, node.log());
            let log = log.display();
            Err(Failure::unavailable(format!("the node on port {port} is not ready after a minute; see {log}")))
        }
    }
}

/// Waits until one of the nodes ends: which one, and what to say about it.
async fn next_end(nodes: &mut [Child]) -> (usize, String) {
    let mut waiting: Vec<_> = nodes.iter_mut().map(|node| Box::pin(node.ended())).collect();
    std::future::poll_fn(|context| {
        for (at, node) in waiting.iter_mut().enumerate() {
            if let std::task::Poll::Ready(words) = node.as_mut().poll(context) {
                return std::task::Poll::Ready((at, words));
            }
        }
        std::task::Poll::Pending
    })
    .await
}

/// Stops all nodes, all at once.
async fn stop(mut nodes: Vec<Child>) {
    nodes.iter_mut().for_each(Child::ask_to_stop);
    let all = async {
        for node in &mut nodes {
            node.ended().await;
        }
    };
    if timeout(STOP_PATIENCE, all).await.is_err() {
        output::remark("some nodes did not stop in time and are killed; their data is safe");
    }
    // Dropping a child kills what still runs.
}

/// Where the data is.
enum Place {
    Temporary(TempDir),
    Given(PathBuf),
}

impl Place {
    fn choose(args: &Dev) -> Result<Place, Failure> {
        let Some(path) = &args.data_dir else {
            let made = tempfile::Builder::new().prefix("alianza-dev-").tempdir();
            return made.map(Place::Temporary).map_err(|error| {
                Failure::error(format!("cannot make a temporary directory: {error}; give one with --data-dir"))
            });
        };
        std::fs::create_dir_all(path).map_err(|error| {
            Failure::error(format!("cannot make {}: {error}; give another --data-dir", path.display()))
        })?;
        Ok(Place::Given(path.clone()))
    }

    fn path(&self) -> &Path {
        match self {
            Place::Temporary(place) => place.path(),
            Place::Given(path) => path,
        }
    }

    fn is_temporary(&self) -> bool {
        matches!(self, Place::Temporary(_))
    }
}
