//! A cluster of nodes over model engines on a perfect network.

#![allow(dead_code, reason = "each test file uses a part of it")]

use node::proto::{
    Admin, Bucket, ClientId, Config, Context, Durability, Genesis, Get, ItemKey, Join, Level, Mode, Plan, Put, Refusal,
    Request, Response, Value,
};
use node::{Founding, Node, NodeEffect, NodeInput};
use ring::{Grid, NodeId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stdx::{Mono, Now, Wall};
use storage::{CrashLoss, ModelDisk, ModelEngine};

pub(crate) struct Cluster {
    pub(crate) nodes: BTreeMap<NodeId, Node<ModelEngine>>,
    pub(crate) disks: BTreeMap<NodeId, ModelDisk>,
    pub(crate) queue: VecDeque<(NodeId, NodeInput)>,
    replies: BTreeMap<ClientId, Response>,
    pub(crate) left: BTreeSet<NodeId>,
    pub(crate) ejected: BTreeMap<NodeId, String>,
    /// Links that lose everything, one way.
    pub(crate) cut: BTreeSet<(NodeId, NodeId)>,
    now: Mono,
    clients: u64,
}

impl Cluster {
    pub(crate) fn found(n: u8) -> Cluster {
        let mut cluster = Cluster {
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            queue: VecDeque::new(),
            replies: BTreeMap::new(),
            left: BTreeSet::new(),
            ejected: BTreeMap::new(),
            cut: BTreeSet::new(),
            now: Mono(1),
            clients: 0,
        };
        let grid = Grid::new(6).expect("6 bits make a grid");
        let genesis = Genesis { cluster: 7, grid, n, context_key: [1; 32] };
        let disk = ModelDisk::new();
        let mut engine = disk.open().expect("a new disk opens");
        let founding = Founding { genesis, join: join(1) };
        Node::found(&mut engine, founding, 1, cluster.time()).expect("a cluster can be founded");
        cluster.open(NodeId(1), disk, engine);
        cluster.run();
        cluster
    }

    pub(crate) fn of(n: u8, nodes: u128) -> Cluster {
        let mut cluster = Cluster::found(n);
        (2..=nodes).for_each(|id| cluster.join(id));
        cluster
    }

    /// Four nodes, three copies, and a linearizable bucket `locks`.
    pub(crate) fn with_locks() -> Cluster {
        let mut cluster = Cluster::of(3, 4);
        let bucket = Bucket { name: "locks".to_owned(), mode: Mode::Linearizable, ..Bucket::default_bucket(3) };
        cluster.ask(2, Request::Admin(Admin::SetBucket(bucket)));
        cluster.run();
        cluster
    }

    pub(crate) fn time(&self) -> Now {
        Now { mono: self.now, wall: Wall(1_000_000 + self.now.0 / 1_000) }
    }

    pub(crate) fn open(&mut self, id: NodeId, disk: ModelDisk, engine: ModelEngine) {
        self.open_as(id, id.0 as u64, disk, engine);
    }

    /// Opens a node with a life of this name.
    pub(crate) fn open_as(&mut self, id: NodeId, life: u64, disk: ModelDisk, engine: ModelEngine) {
        disk.mark_durable(disk.applied()).expect("the disk syncs");
        let (node, effects) = Node::open(engine, Config::default(), life, self.time()).expect("the node opens");
        self.nodes.insert(id, node);
        self.disks.insert(id, disk);
        self.carry_out(id, effects);
    }

    pub(crate) fn carry_out(&mut self, at: NodeId, effects: Vec<NodeEffect>) {
        for effect in effects {
            match effect {
                NodeEffect::Send { to, .. } if self.cut.contains(&(at, to)) => {}
                NodeEffect::Send { to, message } if self.nodes.contains_key(&to) => {
                    self.queue.push_back((to, NodeInput::Peer { from: at, message }));
                }
                NodeEffect::Send { to, .. } => self.queue.push_back((at, NodeInput::Unreachable { peer: to })),
                NodeEffect::Reply { client, response } => {
                    assert!(self.replies.insert(client, response).is_none(), "{client:?} was answered twice");
                }
                NodeEffect::Sync(seq) => {
                    let synced = self.disks[&at].mark_durable(seq);
                    self.queue.push_back((at, NodeInput::Synced(synced)));
                }
                NodeEffect::Left => {
                    self.left.insert(at);
                }
                NodeEffect::Ejected(why) => {
                    self.ejected.insert(at, why);
                }
                NodeEffect::Stop(why) => panic!("{at} stopped: {why}"),
                NodeEffect::Peers(_) | NodeEffect::Pulse { .. } | NodeEffect::Note(_) => {}
            }
        }
    }

    pub(crate) fn deliver(&mut self) {
        while let Some((at, input)) = self.queue.pop_front() {
            let now = self.time();
            let Some(node) = self.nodes.get_mut(&at) else { continue };
            let mut effects = Vec::new();
            node.handle(now, input, &mut effects);
            self.carry_out(at, effects);
        }
    }

    /// Delivers what is under way, one after the other, until something is so.
    pub(crate) fn deliver_until(&mut self, is_so: impl Fn(&Cluster) -> bool) {
        while !is_so(self) {
            let (at, input) = self.queue.pop_front().expect("it becomes so before nothing is under way any more");
            let now = self.time();
            let Some(node) = self.nodes.get_mut(&at) else { continue };
            let mut effects = Vec::new();
            node.handle(now, input, &mut effects);
            self.carry_out(at, effects);
        }
    }

    /// Lets 20 seconds pass.
    pub(crate) fn run(&mut self) {
        let end = self.now + stdx::Span::secs(20);
        loop {
            self.deliver();
            let next = self.nodes.iter().filter_map(|(id, node)| Some((node.next_deadline()?, *id))).min();
            let Some((at, id)) = next.filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.max(at);
            self.queue.push_back((id, NodeInput::Tick));
        }
        self.now = end;
        for id in self.left.clone() {
            self.nodes.remove(&id);
        }
    }

    pub(crate) fn ask(&mut self, at: u128, request: Request) -> Response {
        self.clients += 1;
        let client = ClientId(self.clients);
        self.queue.push_back((NodeId(at), NodeInput::Client { client, request, within: None }));
        self.deliver();
        if !self.replies.contains_key(&client) {
            self.run();
        }
        self.replies.remove(&client).expect("every request is answered")
    }

    pub(crate) fn join(&mut self, id: u128) {
        let answer = self.ask(1, Request::Admin(Admin::Join(join(id))));
        let Response::Changed { history, progress, .. } = answer else { panic!("{answer:?}") };
        let disk = ModelDisk::new();
        let mut engine = disk.open().expect("a new disk opens");
        Node::adopt(&mut engine, NodeId(id), &history, &progress).expect("the history is whole");
        self.open(NodeId(id), disk, engine);
        self.run();
        let status = self.status(id);
        assert_eq!(status.stable, status.epoch, "the join did not settle: {:?}", status.blocked);
    }

    pub(crate) fn status(&mut self, at: u128) -> node::proto::Status {
        match self.ask(at, Request::Admin(Admin::Status)) {
            Response::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn put(
        &mut self,
        at: u128,
        bucket: &str,
        key: &str,
        value: Option<&str>,
        context: Option<Context>,
    ) -> Response {
        let put = Put {
            bucket: bucket.to_owned(),
            key: ItemKey::plain(key.to_owned()),
            value: value.map(|value| Value::plain(value.to_owned())),
            context,
            level: None,
            durability: Durability::Fsync,
            ttl: None,
        };
        self.ask(at, Request::Put(put))
    }

    pub(crate) fn get(&mut self, at: u128, bucket: &str, key: &str, level: Option<Level>) -> (Vec<String>, Context) {
        let get = Get { bucket: bucket.to_owned(), key: ItemKey::plain(key.to_owned()), level };
        match self.ask(at, Request::Get(get)) {
            Response::Found(found) => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let values = found.siblings.iter().filter_map(|sibling| sibling.version.value.as_ref());
                (values.map(|value| text(&value.bytes)).collect(), found.context)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Kills a process; what its disk had not made durable is lost.
    pub(crate) fn kill(&mut self, id: u128) {
        self.nodes.remove(&NodeId(id));
        self.disks[&NodeId(id)].crash(CrashLoss::Unsynced);
    }

    /// Starts a node again on its disk.
    pub(crate) fn restart(&mut self, id: u128) {
        let disk = self.disks[&NodeId(id)].clone();
        let engine = disk.open().expect("the disk opens again");
        self.open(NodeId(id), disk, engine);
        let others: Vec<NodeId> = self.nodes.keys().copied().filter(|other| *other != NodeId(id)).collect();
        for other in others {
            self.queue.push_back((other, NodeInput::Connected { peer: NodeId(id) }));
        }
    }

    /// Opens a new node that the cluster has taken in.
    pub(crate) fn adopt(&mut self, id: u128, answer: Response) {
        let Response::Changed { history, progress, .. } = answer else { panic!("{answer:?}") };
        let disk = ModelDisk::new();
        let mut engine = disk.open().expect("a new disk opens");
        Node::adopt(&mut engine, NodeId(id), &history, &progress).expect("the history is whole");
        self.open(NodeId(id), disk, engine);
    }

    /// Asks for a change of the cluster.
    pub(crate) fn change(&mut self, at: u128, admin: Admin) -> Response {
        self.ask(at, Request::Admin(admin))
    }

    /// Asks for a change and delivers nothing yet.
    pub(crate) fn post(&mut self, at: u128, admin: Admin) -> ClientId {
        self.hand_in(at, Request::Admin(admin))
    }

    /// Asks and delivers nothing yet.
    pub(crate) fn hand_in(&mut self, at: u128, request: Request) -> ClientId {
        self.clients += 1;
        let client = ClientId(self.clients);
        self.queue.push_back((NodeId(at), NodeInput::Client { client, request, within: None }));
        client
    }

    /// What was answered.
    pub(crate) fn answer(&mut self, client: ClientId) -> Response {
        self.replies.remove(&client).expect("every request is answered")
    }

    /// Asks for a change and delivers until that node has it in its history.
    pub(crate) fn begin(&mut self, at: u128, admin: Admin) {
        self.post(at, admin);
        let epoch = |cluster: &Cluster| cluster.nodes[&NodeId(at)].machine().history().epoch();
        let before = epoch(self);
        self.deliver_until(|cluster| epoch(cluster) > before);
    }

    /// Asks for two changes at once, on two nodes.
    pub(crate) fn ask_both(&mut self, first: (u128, Admin), second: (u128, Admin)) -> [Response; 2] {
        let clients = [first, second].map(|(at, admin)| self.post(at, admin));
        self.run();
        clients.map(|client| self.answer(client))
    }

    /// The sentence with which a change is refused.
    pub(crate) fn refusal(&mut self, at: u128, admin: Admin) -> String {
        match self.change(at, admin) {
            Response::Refused(Refusal::ChangeRefused(why) | Refusal::NotReady(why)) => why,
            other => panic!("not refused in words: {other:?}"),
        }
    }

    /// What a change would move.
    pub(crate) fn plan(&mut self, at: u128, admin: &Admin) -> Plan {
        match self.change(at, Admin::Plan(Box::new(admin.clone()))) {
            Response::Plan(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    /// Lets time pass until the newest change has settled on every node that runs.
    pub(crate) fn settle(&mut self) {
        (0..5).for_each(|_| self.run());
        let running: Vec<u128> = self.nodes.keys().map(|node| node.0).collect();
        for id in running {
            let status = self.status(id);
            assert_eq!(status.stable, status.epoch, "{id}: {:?} {:?}", status.steps, status.blocked);
        }
    }

    pub(crate) fn copies(&self, id: u128) -> usize {
        let mut count = 0;
        let items = node::LocalItems::new(storage::Engine::reader(self.nodes[&NodeId(id)].engine()));
        items
            .each(Wall(0), &mut |_| {
                count += 1;
                std::ops::ControlFlow::Continue(())
            })
            .expect("items can be read");
        count
    }
}

pub(crate) fn join(id: u128) -> Join {
    Join {
        node: NodeId(id),
        name: format!("node-{id}"),
        name_is_fixed: true,
        uri: format!("http://127.0.0.1:{}", 8_079 + id),
        tokens: Vec::new(),
        token_count: 4,
        random_tokens: false,
        weight: 100,
        zone: None,
        seed: id == 1,
    }
}
