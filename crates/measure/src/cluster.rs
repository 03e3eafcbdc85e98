//! Some nodes in one thread: real machines over the model engine, a perfect network, fsyncs that end at once.

use bytes::Bytes;
use node::{Founding, Node, NodeEffect, NodeInput};
use proto::{Admin, ClientId, Config, Durability, Genesis, Get, ItemKey, Join, Message, Put, Request, Response, Value};
use ring::{Grid, NodeId};
use std::collections::{BTreeMap, VecDeque};
use stdx::{Mono, Now, Span, Wall};
use storage::{ModelDisk, ModelEngine};

/// Nodes, and what is under way between them.
pub(crate) struct Cluster {
    nodes: BTreeMap<NodeId, (Node<ModelEngine>, ModelDisk)>,
    queue: VecDeque<(NodeId, NodeInput)>,
    answer: Option<Response>,
    /// What nodes say to each other, if it is kept.
    pub(crate) said: Option<Vec<Message>>,
    now: Mono,
    clients: u64,
    effects: Vec<NodeEffect>,
}

impl Cluster {
    /// So many settled nodes that keep three copies.
    pub(crate) fn of(count: u128) -> Cluster {
        let mut cluster = Cluster {
            nodes: BTreeMap::new(),
            queue: VecDeque::new(),
            answer: None,
            said: None,
            now: Mono(1),
            clients: 0,
            effects: Vec::new(),
        };
        let grid = Grid::new(8).expect("8 bits make a grid");
        let genesis = Genesis { cluster: 7, grid, n: 3, context_key: [1; 32] };
        let disk = ModelDisk::new();
        let mut engine = disk.open().expect("a new disk opens");
        Node::found(&mut engine, Founding { genesis, join: join(1) }, 1, cluster.time()).expect("a cluster is founded");
        cluster.open(NodeId(1), disk, engine);
        cluster.pass();
        for id in 2..=count {
            let answer = cluster.ask(NodeId(1), Request::Admin(Admin::Join(join(id))));
            let Some(Response::Changed { history, progress, .. }) = answer else { panic!("{answer:?}") };
            let disk = ModelDisk::new();
            let mut engine = disk.open().expect("a new disk opens");
            Node::adopt(&mut engine, NodeId(id), &history, &progress).expect("the history is whole");
            cluster.open(NodeId(id), disk, engine);
            cluster.pass();
        }
        cluster
    }

    /// Writes a key through the first node.
    pub(crate) fn put(&mut self, key: &Bytes, value: &Bytes) {
        let put = Put {
            bucket: "default".to_owned(),
            key: ItemKey::plain(key.clone()),
            value: Some(Value::plain(value.clone())),
            context: None,
            level: None,
            durability: Durability::Fsync,
            ttl: None,
        };
        let answer = self.ask(NodeId(1), Request::Put(put));
        assert!(matches!(answer, Some(Response::Written(_))), "{answer:?}");
    }

    /// Reads a key through the first node.
    pub(crate) fn get(&mut self, key: &Bytes) {
        let get = Get { bucket: "default".to_owned(), key: ItemKey::plain(key.clone()), level: None };
        let answer = self.ask(NodeId(1), Request::Get(get));
        assert!(matches!(answer, Some(Response::Found(_))), "{answer:?}");
    }

    fn ask(&mut self, at: NodeId, request: Request) -> Option<Response> {
        self.clients += 1;
        self.now += Span::micros(100);
        let now = self.now;
        let due = self.nodes.iter().filter(|(_, (node, _))| node.next_deadline().is_some_and(|at| at <= now));
        let due: Vec<NodeId> = due.map(|(id, _)| *id).collect();
        self.queue.extend(due.into_iter().map(|id| (id, NodeInput::Tick)));
        let client = ClientId(self.clients);
        self.queue.push_back((at, NodeInput::Client { client, request, within: None }));
        self.deliver();
        if self.answer.is_none() {
            self.pass();
        }
        self.answer.take()
    }

    fn time(&self) -> Now {
        Now { mono: self.now, wall: Wall(1_000_000 + self.now.0 / 1_000) }
    }

    fn open(&mut self, id: NodeId, disk: ModelDisk, engine: ModelEngine) {
        disk.mark_durable(disk.applied()).expect("the disk syncs");
        let (node, effects) = Node::open(engine, Config::default(), id.0 as u64, self.time()).expect("the node opens");
        self.nodes.insert(id, (node, disk));
        self.effects.extend(effects);
        self.carry_out(id);
    }

    fn deliver(&mut self) {
        while let Some((at, input)) = self.queue.pop_front() {
            let now = self.time();
            let Some((node, _)) = self.nodes.get_mut(&at) else { continue };
            node.handle(now, input, &mut self.effects);
            self.carry_out(at);
        }
    }

    fn carry_out(&mut self, at: NodeId) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                NodeEffect::Send { to, message } => {
                    if let Some(said) = &mut self.said {
                        said.push(message.clone());
                    }
                    self.queue.push_back((to, NodeInput::Peer { from: at, message }));
                }
                NodeEffect::Reply { response, .. } => self.answer = Some(response),
                NodeEffect::Sync(seq) => {
                    let synced = self.nodes[&at].1.mark_durable(seq);
                    self.queue.push_back((at, NodeInput::Synced(synced)));
                }
                NodeEffect::Left | NodeEffect::Ejected(_) | NodeEffect::Stop(_) => panic!("{at} ends"),
                NodeEffect::Peers(_) | NodeEffect::Pulse { .. } | NodeEffect::Note(_) => {}
            }
        }
        self.effects = effects;
    }

    /// Lets 20 seconds pass.
    fn pass(&mut self) {
        let end = self.now + Span::secs(20);
        loop {
            self.deliver();
            let next = self.nodes.iter().filter_map(|(id, (node, _))| Some((node.next_deadline()?, *id))).min();
            let Some((at, id)) = next.filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.max(at);
            self.queue.push_back((id, NodeInput::Tick));
        }
        self.now = end;
    }
}

fn join(id: u128) -> Join {
    Join {
        node: NodeId(id),
        name: format!("node-{id}"),
        name_is_fixed: true,
        uri: format!("http://127.0.0.1:{}", 8_079 + id),
        tokens: Vec::new(),
        token_count: 16,
        random_tokens: false,
        weight: 100,
        zone: None,
        seed: id == 1,
    }
}
