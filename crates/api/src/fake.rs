//! A scripted node, for tests of everything around it.

use crate::database::{Database, Waiting};
use causal::{Actor, Dot, Stamp};
use node::LocalItems;
use proto::{
    Act, Bucket, BucketId, Epoch, ItemKey, MemberStatus, Progress, Record, Refusal, Request, Response, Slot, Status,
    Value, Version,
};
use ring::{Grid, Member, NodeId, Token};
use server::{Audit, Counters, Gauges, Measures, News, PeerQueue, Teller, Tokens};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use stdx::Span;
use storage::{Batch, Engine as _, ModelDisk, ModelEngine, Space};

type Script = dyn Fn(&Request) -> Response + Send + Sync;

/// A node that answers by a script and remembers what it was asked.
pub(crate) struct Fake {
    script: Box<Script>,
    engine: Mutex<ModelEngine>,
    pub(crate) asked: Mutex<Vec<(Request, Option<Span>)>>,
    pub(crate) stopped: AtomicBool,
    /// Nobody may do anything any more, as when a token has ended.
    pub(crate) shut: AtomicBool,
    teller: Teller,
    news: News,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) audit: Option<Arc<Audit>>,
    measures: Measures,
    counters: Counters,
}

impl Fake {
    pub(crate) fn new(script: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Fake {
        let engine = Mutex::new(ModelDisk::new().open().unwrap());
        let (teller, news) = server::news(3);
        Fake {
            teller,
            news,
            script: Box::new(script),
            engine,
            asked: Mutex::default(),
            stopped: AtomicBool::new(false),
            shut: AtomicBool::new(false),
            tokens: Arc::default(),
            audit: None,
            measures: Measures::default(),
            counters: Counters::default(),
        }
    }

    /// Stores an item on this node.
    pub(crate) fn store(&self, bucket: BucketId, key: ItemKey, value: &[u8]) {
        let mut engine = self.engine.lock().unwrap();
        let counter = engine.applied().0 + 1;
        let version =
            Version { stamp: Stamp::new(counter, 0), expires: None, value: Some(Value::plain(value.to_vec())) };
        let record = Record::Latest { dot: Dot { actor: Actor { node: 1, incarnation: 1 }, counter }, version };
        let slot = Slot::new(Grid::default(), bucket, key);
        let stored_key = codec::slot_key(&slot);
        let stored = codec::encode_stored(&stored_key, &slot, &record);
        let mut batch = Batch::new();
        batch.put(Space::Items, stored_key, stored);
        engine.apply(batch).unwrap();
    }

    /// The items stored on this node.
    pub(crate) fn local_items(&self) -> LocalItems {
        LocalItems::new(self.engine.lock().unwrap().reader())
    }

    /// What it answers.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        (self.script)(request)
    }

    /// Tells those who listen that the history has grown.
    pub(crate) fn tell(&self) {
        self.teller.tell(4);
    }

    /// Refuses everything for one reason.
    pub(crate) fn refusing(refusal: Refusal) -> Fake {
        Fake::new(move |_| Response::Refused(refusal.clone()))
    }
}

impl Database for Fake {
    fn call(&self, request: Request, within: Option<Span>) -> Waiting<'_, Response> {
        let response = (self.script)(&request);
        self.asked.lock().unwrap().push((request, within));
        Box::pin(async move { response })
    }

    fn node_id(&self) -> NodeId {
        NodeId(1)
    }

    fn context_key(&self) -> [u8; 32] {
        [7; 32]
    }

    fn items(&self) -> Waiting<'_, Option<LocalItems>> {
        Box::pin(async { Some(self.local_items()) })
    }

    fn gauges(&self) -> Waiting<'_, Option<Gauges>> {
        let peers = vec![PeerQueue { peer: NodeId(2), messages: 3, bytes: 300 }];
        let gauges = Gauges {
            stored_bytes: Some(12_345),
            free_bytes: Some(999),
            upkeep: Default::default(),
            events: 1,
            requests: 2,
            peers,
        };
        Box::pin(async { Some(gauges) })
    }

    fn measures(&self) -> &Measures {
        &self.measures
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn news(&self) -> News {
        self.news.clone()
    }

    fn may(&self, act: Act, _: Option<&str>) -> Result<(), Refusal> {
        let shut = self.shut.load(Ordering::SeqCst);
        if shut { Err(Refusal::NotAllowed(format!("no {} any more", act.word()))) } else { Ok(()) }
    }

    fn audit(&self) -> Option<Arc<Audit>> {
        self.audit.clone()
    }

    fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    fn shutdown(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

/// The status of a cluster of nodes of these names; the first one answers.
pub(crate) fn status(names: &[&str]) -> Status {
    let members = names.iter().enumerate().map(|(at, name)| member(at as u128 + 1, name)).collect();
    Status {
        node: NodeId(1),
        cluster: 0xa11a,
        epoch: Epoch(3),
        stable: Epoch(3),
        reading: Epoch(3),
        partitions: 16,
        members,
        buckets: vec![Bucket::default_bucket(3)],
        voters: vec![NodeId(1)],
        moving: 0,
        hints: Vec::new(),
        steps: Vec::new(),
        left: (0, 0),
        blocked: Vec::new(),
        leaving: false,
    }
}

fn member(id: u128, name: &str) -> MemberStatus {
    let mut head = [0; 20];
    head[0] = (id as u8) << 4;
    MemberStatus {
        member: Member {
            id: NodeId(id),
            name: name.to_owned(),
            uri: format!("http://127.0.0.1:{}", 8079 + id),
            tokens: vec![Token::from_bytes(head)],
            weight: 100,
            zone: None,
        },
        leaving: false,
        seed: id == 1,
        condition: liveness::Condition::Up,
        reached_by_others: false,
        round_trip: None,
        phi: 0,
        progress: Progress::default(),
        copies: 16,
    }
}
