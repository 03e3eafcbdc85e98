//! What the interfaces for clients hold: a cheap, cloneable way to ask the node.
//!
//! Invariant: every call is answered, at once if the node is overloaded or ending or its own copy is enough, else when the
//! machine answers.
//! Refuses to know how requests came in and how answers are worded.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};

use node::LocalItems;
use proto::{Refusal, Request, Response, TraceMark};
use ring::NodeId;
use stdx::Span;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::audit::Audit;
use crate::config::Limits;
use crate::counters::Counters;
use crate::event::{Event, EventSender};
use crate::measures::process::free_bytes;
use crate::measures::{Gauges, Measures, Reason, Watch};
use crate::news::News;
use crate::node_cell::OwnCopy;
use crate::phase::{Ended, PhaseCell};
use crate::seats::{Answer, Seats};
use crate::tls::Tls;
use crate::tokens::Tokens;
use crate::traces::{Open, Traces};

/// Asks the node of this process. Cloning is cheap; clones may be used from any thread.
#[derive(Clone)]
pub struct Handle {
    events: EventSender,
    shared: Arc<Shared>,
}

/// What does not change while the process runs.
pub(crate) struct Shared {
    pub(crate) node: NodeId,
    pub(crate) name: String,
    pub(crate) uri: String,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) cluster: u128,
    pub(crate) context_key: [u8; 32],
    pub(crate) limits: Limits,
    pub(crate) seats: Seats,
    pub(crate) counters: Arc<Counters>,
    pub(crate) measures: Measures,
    pub(crate) traces: Option<Arc<Traces>>,
    pub(crate) news: News,
    pub(crate) data_dir: PathBuf,
    pub(crate) phase: PhaseCell,
    /// Reads at once. Gone when the node is put away, for whoever holds a handle must not keep its data directory.
    pub(crate) own: OnceLock<Weak<dyn OwnCopy>>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("node", &self.shared.node).field("uri", &self.shared.uri).finish_non_exhaustive()
    }
}

impl Handle {
    pub(crate) fn new(events: EventSender, shared: Shared) -> Handle {
        Handle { events, shared: Arc::new(shared) }
    }

    /// From where reads are answered at once, as long as it is there.
    pub(crate) fn read_from(&self, own: &Arc<dyn OwnCopy>) {
        self.shared.own.get_or_init(|| Arc::downgrade(own));
    }

    /// The answer to a read for which this node's own copy is enough; `None` if the node must be asked by [`Handle::call`].
    pub fn read(&self, request: &Request) -> Option<Response> {
        if self.shared.traces.is_some() {
            return None;
        }
        let begun = Instant::now();
        let response = self.own_answer(request, begun)?;
        self.shared.measures.answered(request, begun, &response);
        Some(response)
    }

    fn own_answer(&self, request: &Request, now: Instant) -> Option<Response> {
        let Request::Get(get) = request else { return None };
        if !self.shared.phase.is_running() {
            return None;
        }
        self.shared.own.get()?.upgrade()?.read(get, now)
    }

    /// Asks the node and waits for its answer; for the configured time if `within` is `None`.
    pub async fn call(&self, request: Request, within: Option<Span>) -> Response {
        let mut unfinished = Unfinished { measures: &self.shared.measures, watch: None };
        let watch = unfinished.watch.insert(self.shared.measures.begin(&request));
        let open = self.shared.traces.as_ref().and_then(|traces| traces.begin(watch.kind(), &request));
        let mark = open.as_ref().map(Open::mark);
        let response = self.ask(request, within, watch.begun(), mark).await;
        let watch = unfinished.watch.take();
        if let (Some(traces), Some(open)) = (&self.shared.traces, open) {
            traces.end(open, refused(&response));
        }
        if let Some(watch) = watch {
            self.shared.measures.end(&watch, &response);
        }
        response
    }

    async fn ask(&self, request: Request, within: Option<Span>, asked: Instant, mark: Option<TraceMark>) -> Response {
        if !self.shared.phase.is_running() {
            return not_ready();
        }
        if mark.is_none()
            && let Some(response) = self.own_answer(&request, asked)
        {
            return response;
        }
        let seat = match needs_seat(&request) {
            true => match self.shared.seats.take() {
                Some(seat) => Some(seat),
                None => return self.shed(),
            },
            false => None,
        };
        let write = is_write(&request);
        let (to, answer) = oneshot::channel();
        let reply = Answer { to, seat };
        let within = within.unwrap_or(self.shared.limits.request_time);
        let request = Box::new(request);
        match self.events.try_send(Event::Client { request, within, asked, mark, reply }) {
            Ok(()) => answer.await.unwrap_or(Response::Refused(Refusal::NoAnswer { write })),
            Err(TrySendError::Full(_)) => self.shed(),
            Err(TrySendError::Closed(_)) => not_ready(),
        }
    }

    fn shed(&self) -> Response {
        self.shared.counters.shed.add(1);
        Response::Refused(Refusal::Overloaded)
    }

    /// A view of the items that this node stores, to be read on a thread that may block. `None` if the node is ending.
    pub async fn items(&self) -> Option<LocalItems> {
        let (reply, view) = oneshot::channel();
        self.events.send(Event::Items { reply }).await.ok()?;
        view.await.ok()
    }

    /// How things stand in the process. `None` if the node is ending.
    pub async fn gauges(&self) -> Option<Gauges> {
        let (reply, gauges) = oneshot::channel();
        self.events.send(Event::Gauges { reply }).await.ok()?;
        let gauges = gauges.await.ok()?;
        Some(Gauges { free_bytes: free_bytes(&self.shared.data_dir), ..gauges })
    }

    /// The node's id.
    pub fn node_id(&self) -> NodeId {
        self.shared.node
    }

    /// The node's name as it was when the process started.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How others reach this node: `http://host:port`.
    pub fn uri(&self) -> &str {
        &self.shared.uri
    }

    /// The API tokens that hold now.
    pub fn tokens(&self) -> &Arc<Tokens> {
        &self.shared.tokens
    }

    /// The audit log.
    pub fn audit(&self) -> &Arc<Audit> {
        &self.shared.audit
    }

    /// Where the node keeps its data.
    pub fn data_dir(&self) -> &std::path::Path {
        &self.shared.data_dir
    }

    /// What TLS is spoken with, if it is.
    pub fn tls(&self) -> Option<&Arc<Tls>> {
        self.shared.tls.as_ref()
    }

    /// The cluster's name for itself.
    pub fn cluster(&self) -> u128 {
        self.shared.cluster
    }

    /// The key that authenticates context tokens in this cluster.
    pub fn context_key(&self) -> [u8; 32] {
        self.shared.context_key
    }

    /// Bounds to keep when speaking for clients.
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// What the process has done so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// What clients asked for and how it went.
    pub fn measures(&self) -> &Measures {
        &self.shared.measures
    }

    /// Which requests are traced, if any are.
    pub fn traces(&self) -> Option<&Traces> {
        self.shared.traces.as_deref()
    }

    /// Word of events that arrive from now on.
    pub fn news(&self) -> News {
        self.shared.news.clone()
    }

    /// Asks the process to end; the node stays a member of its cluster.
    pub fn shutdown(&self) {
        self.shared.phase.stop(Ended::Stopped);
    }

    /// Waits until the process takes nothing new any more, and says why: the node has left, the process was asked to
    /// end, or storage failed. Whoever serves clients then finishes what is under way.
    pub async fn stopping(&self) -> Ended {
        self.shared.phase.stopping().await
    }

    /// Waits until the node has left its cluster and handed everything over. Never, if the process ends otherwise.
    pub async fn left(&self) {
        if self.shared.phase.stopping().await != Ended::Left {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the process has put everything away, and says how it ended.
    pub async fn ended(&self) -> Ended {
        self.shared.phase.ended().await
    }

    pub(crate) fn phase(&self) -> &PhaseCell {
        &self.shared.phase
    }

    pub(crate) fn events(&self) -> &EventSender {
        &self.events
    }

    pub(crate) fn shared_counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }
}

/// A request that is counted even if nobody waits for its answer any more.
struct Unfinished<'m> {
    measures: &'m Measures,
    watch: Option<Watch>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.take() {
            self.measures.abandon(&watch);
        }
    }
}

fn not_ready() -> Response {
    Response::Refused(Refusal::NotReady("this node is ending; ask another one".to_owned()))
}

fn refused(response: &Response) -> Option<&'static str> {
    match response {
        Response::Refused(refusal) => Some(Reason::of(refusal).name()),
        _ => None,
    }
}

/// Whoever runs the node is heard when it has too much to do; whoever waits for changes is no work.
fn needs_seat(request: &Request) -> bool {
    !matches!(request, Request::Admin(_) | Request::Watch(_))
}

fn is_write(request: &Request) -> bool {
    match request {
        Request::Get(_) | Request::Scan(_) | Request::Dump(_) | Request::Explain(_) | Request::Watch(_) => false,
        Request::Put(_) | Request::Cas(_) | Request::Amend(_) | Request::Restore(_) | Request::Admin(_) => true,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Handle, Shared};
    use crate::config::ServerConfig;
    use crate::event::{self, EVENTS_MAX, Event, EventSender};
    use crate::measures::Reason;
    use crate::phase::PhaseCell;
    use crate::seats::Seats;
    use proto::{Admin, Get, ItemKey, Refusal, Request, Response};
    use ring::NodeId;
    use tokio::sync::mpsc;

    /// A handle of node 1 whose events nobody handles but the test.
    pub(crate) fn handle() -> (Handle, mpsc::Receiver<Event>) {
        let (events, queue) = event::queue(0);
        (handle_on(events), queue)
    }

    /// A handle of node 1 that puts its events there.
    pub(crate) fn handle_on(events: EventSender) -> Handle {
        let shared = Shared {
            node: NodeId(1),
            name: "Ted".to_owned(),
            uri: "http://127.0.0.1:8080".to_owned(),
            tls: None,
            tokens: Default::default(),
            audit: crate::audit::Audit::nowhere(),
            cluster: 7,
            context_key: [0; 32],
            limits: ServerConfig::default().limits(),
            seats: Seats::new(2),
            counters: Default::default(),
            measures: Default::default(),
            traces: None,
            news: crate::news(0).1,
            data_dir: Default::default(),
            phase: PhaseCell::new(),
            own: Default::default(),
        };
        Handle::new(events, shared)
    }

    fn status() -> Request {
        Request::Admin(Admin::Status)
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let (handle, mut queue) = handle();
        let waiting: Vec<_> = (0..EVENTS_MAX)
            .map(|_| {
                let handle = handle.clone();
                tokio::spawn(async move { handle.call(status(), None).await })
            })
            .collect();
        while queue.len() < EVENTS_MAX {
            tokio::task::yield_now().await;
        }
        assert_eq!(handle.call(status(), None).await, Response::Refused(Refusal::Overloaded));
        assert_eq!(handle.counters().shed.get(), 1);
        while let Ok(Event::Client { reply, .. }) = queue.try_recv() {
            assert!(reply.send(Response::History(Vec::new())));
        }
        for call in waiting {
            assert_eq!(call.await.unwrap(), Response::History(Vec::new()));
        }
    }

    #[tokio::test]
    async fn without_a_seat_a_request_is_refused_before_it_is_queued() {
        let (handle, mut queue) = handle();
        let get = || Request::Get(Get { bucket: "default".to_owned(), key: ItemKey::plain("k"), level: None });
        let spawn = || {
            let handle = handle.clone();
            tokio::spawn(async move { handle.call(get(), None).await })
        };
        let (gone, stays) = (spawn(), spawn());
        while queue.len() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(handle.call(get(), None).await, Response::Refused(Refusal::Overloaded));
        gone.abort();
        assert!(gone.await.is_err_and(|error| error.is_cancelled()));
        // What its client has given up is still in the queue.
        assert_eq!(handle.call(get(), None).await, Response::Refused(Refusal::Overloaded));
        assert_eq!((queue.len(), handle.counters().shed.get()), (2, 2));
        drop(queue.recv().await);
        let Some(Event::Client { reply, .. }) = queue.recv().await else { panic!("the second one") };
        assert!(reply.send(Response::History(Vec::new())));
        assert_eq!(stays.await.unwrap(), Response::History(Vec::new()));
        let more = [spawn(), spawn()];
        while queue.len() < 2 {
            tokio::task::yield_now().await;
        }
        more.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn a_request_whose_client_gave_up_is_counted() {
        let (handle, mut queue) = handle();
        let call = tokio::spawn({
            let handle = handle.clone();
            async move { handle.call(status(), None).await }
        });
        let event = queue.recv().await;
        call.abort();
        assert!(call.await.is_err_and(|error| error.is_cancelled()));
        let refusals = handle.measures().refusals();
        let counted: u64 =
            refusals.iter().filter(|(_, reason, _)| *reason == Reason::Abandoned).map(|(_, _, count)| count).sum();
        assert_eq!(counted, 1);
        drop(event);
    }

    #[tokio::test]
    async fn an_ending_node_says_so() {
        let (handle, mut queue) = handle();
        let call = tokio::spawn({
            let handle = handle.clone();
            async move { handle.call(status(), None).await }
        });
        drop(queue.recv().await);
        assert_eq!(call.await.unwrap(), Response::Refused(Refusal::NoAnswer { write: true }));
        handle.shutdown();
        assert!(matches!(handle.call(status(), None).await, Response::Refused(Refusal::NotReady(_))));
    }
}
