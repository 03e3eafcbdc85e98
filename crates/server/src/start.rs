//! From a configuration to a running server: the port, the data directory, the node in it or a new one, the threads
//! and tasks around it.
//!
//! Invariant: the port is bound before anybody is told of this node, and what makes the node itself (its identity and
//! the history it came in by) is durable before it speaks.
//! Refuses to know how the configuration was given and how clients are served.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use node::{Node, NodeEffect, NodeInput};
use proto::Pulse;
use serde_json::json;
use stdx::Prng;
use storage::{DiskEngine, Engine};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::info;

use crate::audit::{Audit, By, Deed, Outcome};
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::counters::Counters;
use crate::disk_thread::DiskThread;
use crate::entropy;
use crate::error::StartError;
use crate::event;
use crate::event_loop::EventLoop;
use crate::handle::{Handle, Shared};
use crate::measures::Measures;
use crate::news::{self, News, Teller};
use crate::node_cell::{NodeCell, OwnCopy};
use crate::origin;
use crate::peer::directory::{Directory, Roster};
use crate::peer::listener::{HttpStream, Listener};
use crate::peer::{Local, PulseCell, Surroundings};
use crate::phase::{Ended, PhaseCell};
use crate::readdress;
use crate::replies::Replies;
use crate::seats::Seats;
use crate::stalls::Watch;
use crate::tls::Tls;
use crate::tokens::Tokens;
use crate::traces::{Span, Threads, Traces};

/// Clients' connections that may wait to be served.
const HTTP_WAITING_MAX: usize = 128;

/// A server that runs. It goes on when this is dropped; [`Handle::shutdown`] ends it.
#[derive(Debug)]
pub struct Running {
    /// Asks the node.
    pub handle: Handle,
    /// Clients' connections, for whoever serves them. If this is dropped, they are closed as they come.
    pub http: mpsc::Receiver<HttpStream>,
    /// Where the server really listens.
    pub address: SocketAddr,
    /// Parts of traces that are over, for whoever sends them on; none if nothing is traced.
    pub spans: Option<mpsc::Receiver<Span>>,
}

impl Running {
    /// Waits until the server has ended and everything is put away. [`Handle::ended`] is the same.
    pub async fn wait(self) -> Ended {
        self.handle.ended().await
    }
}

/// How long a node that starts waits for peers that neither answer nor refuse.
const INTRODUCED_WITHIN: stdx::Span = stdx::Span::millis(300);

/// Starts a server in the current runtime: opens the node that is stored, or else joins a cluster or founds one.
pub async fn start(config: ServerConfig) -> Result<Running, StartError> {
    config.check()?;
    let clock = Clock::start();
    let (socket, address) = bind(config.listen).await?;
    let advertised = config.advertised(address)?;
    let tls = config.tls.clone().map(|files| Tls::load(files, &advertised.host)).transpose()?.map(Arc::new);
    let mut prng = Prng::new(entropy::seed().map_err(StartError::Entropy)?);
    let mut engine = DiskEngine::open(&config.data_dir, &config.disk)?;
    if Node::identity(&engine)?.is_none() {
        if let Some(listen) = config.open_to_network()
            && config.own_token.is_none()
        {
            // Whether the cluster that it comes into has tokens is known only when it is a member already.
            return Err(StartError::NoToken { listen });
        }
        origin::give(&mut engine, &config, (address, &advertised, tls.as_deref()), clock, &mut prng).await?;
    }
    let (mut node, mut effects) = Node::open(engine, config.node.clone(), prng.next_u64(), clock.now())?;
    node.introduce_first(clock.now(), INTRODUCED_WITHIN, &effects);
    awaken(&mut node, clock, &mut effects)?;
    let member = node.member();
    let (events, queue) = event::queue(config.node.requests_max);
    let (teller, news) = news::news(node.machine().history().epoch().0);
    let counters = Arc::<Counters>::default();
    let (traces, spans) =
        config.traced_per_million.map(|share| Traces::new(share, prng.next_u64(), Arc::clone(&counters))).unzip();
    let traces = traces.map(Arc::new);
    let audit = Audit::open(&config.data_dir, node.id(), Arc::clone(&counters)).map_err(StartError::Thread)?;
    let shared =
        shared(&node, &config, (advertised.to_string(), tls), news, (traces.clone(), counters, Arc::new(audit)));
    let handle = Handle::new(events, shared);
    handle.tokens().set(node.tokens());
    if let Some(own) = config.own_token.clone() {
        handle.tokens().set_own(own);
    }
    if let Some(listen) = config.open_to_network()
        && !handle.tokens().is_guarded()
    {
        return Err(StartError::NoToken { listen });
    }
    handle.audit().told(&By::LOCAL, started(&handle, &config), &Outcome::Done).await;
    let roster = Arc::<Roster>::default();
    let surroundings = Arc::new(surroundings(&handle, clock, node.pulse()));
    let peers = Directory::new(Arc::clone(&surroundings), Arc::clone(&roster), prng);
    let threads = traces.map(Threads::new);
    let node = Arc::new(NodeCell::new(node, clock));
    let own: Arc<dyn OwnCopy> = Arc::<NodeCell<DiskEngine>>::clone(&node);
    handle.read_from(&own);
    drop(own);
    let event_loop = event_loop(
        node,
        effects,
        &surroundings,
        queue,
        peers,
        (handle.phase().clone(), teller, Arc::clone(handle.tokens())),
        threads,
    )?;
    let (http, http_streams) = mpsc::channel(HTTP_WAITING_MAX);
    let listener = Listener { handle: handle.clone(), roster, surroundings, refusals: Arc::default() };
    tokio::spawn(event_loop.run());
    tokio::spawn(listener.run(socket, http));
    tokio::spawn(readdress::when_changed(handle.clone(), member, config.name));
    info!("{} ({}) listens on {address} as {}", handle.name(), handle.node_id(), handle.uri());
    Ok(Running { handle, http: http_streams, address, spans })
}

/// Makes durable what opening wrote, without which a node takes no writes, so that a started server takes them at once.
fn awaken<E: Engine>(node: &mut Node<E>, clock: Clock, effects: &mut Vec<NodeEffect>) -> Result<(), StartError> {
    let durable = node.engine().syncer().sync()?;
    node.handle(clock.now(), NodeInput::Synced(Ok(durable)), effects);
    Ok(())
}

async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { addr: listen },
        _ => StartError::Listen { addr: listen, error },
    };
    let socket = TcpListener::bind(listen).await.map_err(refused)?;
    let address = socket.local_addr().map_err(refused)?;
    Ok((socket, address))
}

fn shared<E: Engine>(
    node: &Node<E>,
    config: &ServerConfig,
    (uri, tls): (String, Option<Arc<Tls>>),
    news: News,
    (traces, counters, audit): (Option<Arc<Traces>>, Arc<Counters>, Arc<Audit>),
) -> Shared {
    Shared {
        node: node.id(),
        name: node.member().map_or_else(|| node.id().to_string(), |member| member.name),
        uri,
        tls,
        tokens: Arc::default(),
        audit,
        cluster: node.cluster(),
        context_key: node.context_key(),
        limits: config.limits(),
        seats: Seats::new(config.node.requests_max),
        counters,
        measures: Measures::logging(config.slow.into()),
        traces,
        news,
        data_dir: config.data_dir.clone(),
        phase: PhaseCell::new(),
        own: OnceLock::new(),
    }
}

/// How the process was started, as far as that says who may do what.
fn started(handle: &Handle, config: &ServerConfig) -> Deed {
    Deed::new(
        "process.start",
        json!({
            "name": handle.name(),
            "uri": handle.uri(),
            "listen": config.listen.to_string(),
            "version": env!("CARGO_PKG_VERSION"),
            "tls": config.tls.is_some(),
            "insecure": config.insecure,
            "adminTokenFile": config.own_token.is_some(),
        }),
    )
}

fn surroundings(handle: &Handle, clock: Clock, own: Pulse) -> Surroundings {
    let pulse = PulseCell::default();
    pulse.raise(own);
    let local = Local { node: handle.node_id(), cluster: handle.cluster(), name: handle.name().to_owned(), pulse };
    let tls = handle.tls().cloned();
    Surroundings { local, clock, events: handle.events().clone(), counters: handle.shared_counters(), tls }
}

fn event_loop<E: Engine>(
    node: Arc<NodeCell<E>>,
    effects: Vec<NodeEffect>,
    surroundings: &Surroundings,
    events: mpsc::Receiver<event::Event>,
    peers: Directory,
    (phase, teller, tokens): (PhaseCell, Teller, Arc<Tokens>),
    threads: Option<Threads>,
) -> Result<EventLoop<E>, StartError> {
    let counters = Arc::clone(&surroundings.counters);
    let syncer = node.lock().engine().syncer();
    let disk = DiskThread::start(syncer, surroundings.events.clone(), Arc::clone(&counters));
    let disk = disk.map_err(StartError::Thread)?;
    let clock = surroundings.clock;
    let replies = Replies::default();
    let batch = Vec::new();
    Ok(EventLoop {
        node,
        clock,
        events,
        peers,
        disk,
        counters,
        teller,
        tokens,
        phase,
        replies,
        threads,
        batch,
        effects,
        deadline: None,
        watch: Watch::begin(Instant::now()),
    })
}
