//! The client: carries operations out, at whichever node and as often as it takes.
//!
//! Invariant: an operation ends by its deadline, with an answer or with the failure of its last attempt. What was learnt of the
//! ring is only ever replaced by something newer. The lock is held for choices, never while something is waited for.

use crate::address::Address;
use crate::bucket::Bucket;
use crate::error::Error;
use crate::health::Outcome;
use crate::map::Map;
use crate::node;
use crate::nodes::{About, Nodes, Picked};
use crate::problem::Reason;
use crate::retry::{Attempts, Idempotence, Next};
use crate::settings::{Builder, Settings};
use crate::transport::{Ask, EPOCH, Reply, Transport};
use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stdx::{Mono, Prng, Span};
use tokio::time::{Instant, sleep_until};

/// So much longer than the node itself is waited for its answer.
const MARGIN: Duration = Duration::from_millis(200);
/// The ring is not asked for again because of a failure before so long has passed.
const LEARNING_PAUSE: Duration = Duration::from_secs(1);

/// A client of a cluster. Cloning is cheap; clones share connections and what was learnt.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    transport: Transport,
    settings: Settings,
    is_tls: bool,
    nodes: Mutex<Nodes>,
    started: Instant,
    learning: tokio::sync::Mutex<Option<Instant>>,
    /// Somebody is asking for the ring in the background.
    is_refreshing: AtomicBool,
}

/// One operation, as often as it takes.
pub(crate) struct Call<'a, T> {
    pub(crate) about: About<'a>,
    pub(crate) idempotence: Idempotence,
    /// Another deadline than that of all operations.
    pub(crate) patience: Option<Duration>,
    /// Makes the request of an attempt.
    pub(crate) ask: &'a (dyn Fn(Attempt) -> Ask + Sync),
    /// Reads the answer.
    pub(crate) read: fn(&Address, Reply) -> Result<T, Error>,
}

/// One attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// For how long the node is to try.
    pub(crate) within: Duration,
    /// An earlier one may have done what is asked for.
    pub(crate) again: bool,
}

impl Client {
    /// A client of the cluster that these nodes belong to, with the usual settings.
    pub fn connect(nodes: impl IntoIterator<Item = impl Into<String>>) -> Result<Client, Error> {
        Client::builder(nodes).build()
    }

    /// The way to a client with other settings. `nodes` are addresses of some members, by which the others are found.
    pub fn builder(nodes: impl IntoIterator<Item = impl Into<String>>) -> Builder {
        Builder::new(nodes)
    }

    pub(crate) fn new(builder: Builder, seeds: Vec<Address>) -> Result<Client, Error> {
        let Builder { access, settings, policy, .. } = builder;
        let is_tls = seeds.iter().any(Address::is_tls);
        let prng = Prng::new(RandomState::new().build_hasher().finish());
        let nodes = Nodes::new(seeds, policy, settings.breaker, &settings.retry, prng);
        Ok(Client(Arc::new(Shared {
            transport: Transport::new(&access)?,
            is_tls,
            nodes: Mutex::new(nodes),
            started: Instant::now(),
            learning: tokio::sync::Mutex::new(None),
            is_refreshing: AtomicBool::new(false),
            settings,
        })))
    }

    /// A bucket of the cluster, whether it exists or not.
    pub fn bucket(&self, name: impl Into<String>) -> Bucket {
        Bucket::new(self.clone(), name.into())
    }

    /// The newest epoch whose ring is known here.
    pub fn epoch(&self) -> Option<u64> {
        self.nodes().map().map(|map| map.epoch)
    }

    /// The ring, asked for if it is not known; `None` if this client does not go by it.
    pub(crate) async fn map(&self) -> Result<Option<Arc<Map>>, Error> {
        if !self.0.settings.learns {
            return Ok(None);
        }
        if let Some(map) = self.nodes().map() {
            return Ok(Some(Arc::clone(map)));
        }
        self.learn(None).await?;
        Ok(self.nodes().map().cloned())
    }

    /// Asks for the ring again, unless somebody did after `since`.
    pub(crate) async fn learn(&self, since: Option<Instant>) -> Result<(), Error> {
        let mut learnt = self.0.learning.lock().await;
        if learnt.is_some_and(|at| since.is_none_or(|since| at >= since)) {
            return Ok(());
        }
        let read: fn(&Address, Reply) -> Result<serde_json::Value, Error> = node::read_whole;
        let call = Call {
            about: About::default(),
            idempotence: Idempotence::Safe,
            patience: None,
            ask: &|_| Ask::get("/v1/ring"),
            read,
        };
        let answer = match self.attempts(&call).await {
            Ok(answer) => answer,
            // Not everybody may see it; the nodes that were named serve every key.
            Err(Error::Refused(problem)) if problem.reason == Reason::NotAllowed => serde_json::Value::Null,
            Err(error) => return Err(error),
        };
        if let Some(map) = Map::read(&answer, |address| address.is_tls() == self.0.is_tls) {
            self.nodes().learn(map);
        }
        *learnt = Some(Instant::now());
        Ok(())
    }

    /// A number that nobody else has chosen.
    pub(crate) fn chance(&self) -> u64 {
        self.nodes().prng().next_u64()
    }

    /// Carries an operation out.
    pub(crate) async fn carry_out<T>(&self, call: &Call<'_, T>) -> Result<T, Error> {
        self.map().await?;
        self.attempts(call).await
    }

    async fn attempts<T>(&self, call: &Call<'_, T>) -> Result<T, Error> {
        let shared = &*self.0;
        let deadline = Instant::now() + call.patience.unwrap_or(shared.settings.patience);
        let mut attempts = Attempts::new(&shared.settings.retry, call.idempotence, self.mono(deadline));
        let (mut tried, mut again) = (BTreeSet::new(), false);
        self.nodes().earn();
        loop {
            let picked = self.nodes().pick(call.about, &tried, self.now());
            let (error, others) = match picked {
                Ok(Picked { address, others }) => match self.attempt(call, &address, deadline, again).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => {
                        again |= error.may_have_been_applied();
                        tried.insert(address);
                        (error, others)
                    }
                },
                Err(error) => (error, 0),
            };
            let next = self.nodes().after(&mut attempts, &error, others, self.now());
            match next {
                Next::At(at) => sleep_until(shared.started + Duration::from(at - Mono(0))).await,
                Next::Over if again => return Err(unsure(error)),
                Next::Over => return Err(error),
            }
        }
    }

    async fn attempt<T>(&self, call: &Call<'_, T>, node: &Address, deadline: Instant, again: bool) -> Result<T, Error> {
        let settings = &self.0.settings;
        let begun = Instant::now();
        let within = settings.attempt.min(deadline.saturating_duration_since(begun)).max(Duration::from_millis(1));
        let under_way = UnderWay { client: self, node, is_over: false };
        let mut ask = (call.ask)(Attempt { within, again });
        ask.epoch = self.epoch().filter(|_| settings.learns);
        let reply = self.0.transport.send(node, ask, begun + within + MARGIN, settings.answer_bytes_max).await;
        self.heed(&reply);
        let answer = reply.and_then(|reply| (call.read)(node, reply));
        under_way.over(match &answer {
            Err(error) if is_of_the_node(error) => Outcome::Failed,
            _ => Outcome::Answered(Span::from(begun.elapsed())),
        });
        answer
    }

    /// Looks whether the ring has changed, or may have.
    fn heed(&self, reply: &Result<Reply, Error>) {
        let known = self.epoch().filter(|_| self.0.settings.learns);
        match (known, reply) {
            (Some(known), Ok(reply)) if reply.number(&EPOCH).is_some_and(|epoch| epoch > known) => {
                self.refresh(Some(Instant::now()));
            }
            (Some(_), Err(Error::Unreachable { .. } | Error::Broken { .. } | Error::TimedOut { .. })) => {
                self.refresh(Instant::now().checked_sub(LEARNING_PAUSE));
            }
            _ => {}
        }
    }

    /// Asks for the ring in the background; operations go on by the old one, which still serves.
    fn refresh(&self, since: Option<Instant>) {
        if self.0.is_refreshing.swap(true, Ordering::AcqRel) {
            return;
        }
        let client = self.clone();
        tokio::spawn(async move {
            // Whoever comes next finds out again.
            let _ = client.learn(since).await;
            client.0.is_refreshing.store(false, Ordering::Release);
        });
    }

    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Mono {
        self.mono(Instant::now())
    }

    fn mono(&self, at: Instant) -> Mono {
        Mono(0) + Span::from(at.saturating_duration_since(self.0.started))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}

/// A request that a node has not answered yet. If whoever waits for it goes away, that is noted.
struct UnderWay<'a> {
    client: &'a Client,
    node: &'a Address,
    is_over: bool,
}

impl UnderWay<'_> {
    fn over(mut self, outcome: Outcome) {
        self.is_over = true;
        self.client.nodes().end(self.node, outcome, self.client.now());
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.client.nodes().end(self.node, Outcome::Abandoned, self.client.now());
        }
    }
}

/// Whether the node is to be left alone if that goes on.
fn is_of_the_node(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } | Error::Broken { .. } | Error::TimedOut { .. } | Error::Strange { .. } => true,
        Error::Refused(problem) => matches!(problem.reason, Reason::NotReady | Reason::StorageFailed),
        _ => false,
    }
}

/// The failure of the last attempt, when an earlier one may have done what was asked for.
fn unsure(error: Error) -> Error {
    match error {
        Error::Refused(mut problem) => {
            let is_settled = matches!(problem.reason, Reason::ConditionFailed);
            problem.may_have_been_applied |= !is_settled;
            Error::Refused(problem)
        }
        Error::Unreachable { node, why } => Error::Broken { node, why: why.to_string(), applied: true },
        Error::NoneUsable => {
            Error::Broken { node: "the last node asked".into(), why: "it did not answer".into(), applied: true }
        }
        other => other,
    }
}
