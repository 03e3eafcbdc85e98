//! Scripted protocol transcripts: each file in `tests/transcripts/` is a story in commands, followed by everything the
//! nodes said to each other. They teach the protocol and show any change of it as a difference.
//!
//! `UPDATE_TRANSCRIPTS=1 cargo test -p node --test transcripts` writes them anew; read the difference before keeping it.
//!
//! Commands: `nodes COUNT n=N` starts a settled cluster; `put AT KEY VALUE [LEVEL]`, `delete AT KEY`, `get AT KEY [LEVEL]`
//! ask a node; `deliver` hands over all messages until there are none; `drop FROM TO` and `heal FROM TO` cut and mend a
//! link; `down NODE` and `up NODE` stop a process and start it on its disk; `pass SECONDS` lets time pass, quietly;
//! `leave NODE`; `show KEY` prints what each replica holds. `#` begins a comment.

use node::proto::{
    Admin, ClientId, Config, Durability, Genesis, Get, ItemKey, Join, Lane, Level, Message, Put, Request, Response,
    Value,
};
use node::{Founding, Node, NodeEffect, NodeInput};
use ring::{Grid, NodeId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use stdx::{Mono, Now, Span, Wall};
use storage::{CrashLoss, Engine as _, ModelDisk, ModelEngine};

#[derive(Default)]
struct World {
    nodes: BTreeMap<NodeId, Node<ModelEngine>>,
    disks: BTreeMap<NodeId, ModelDisk>,
    queue: VecDeque<(NodeId, NodeInput)>,
    cut: BTreeSet<(NodeId, NodeId)>,
    last: Option<Response>,
    now: u64,
    lives: u64,
    told: String,
    quiet: bool,
}

impl World {
    fn time(&self) -> Now {
        Now { mono: Mono(self.now), wall: Wall(1_000_000 + self.now / 1_000) }
    }

    fn start(&mut self, count: u128, n: u8) {
        self.quiet = true;
        self.now = 1;
        let genesis =
            Genesis { cluster: 7, grid: Grid::new(3).expect("three bits make a grid"), n, context_key: [1; 32] };
        let disk = ModelDisk::new();
        let mut engine = disk.open().expect("a new disk opens");
        Node::found(&mut engine, Founding { genesis, join: join(1) }, 1, self.time()).expect("it can be founded");
        self.open(NodeId(1), disk, engine);
        for id in 2..=count {
            self.pass(5);
            self.ask(NodeId(1), Request::Admin(Admin::Join(join(id))));
            self.pass(5);
            let Some(Response::Changed { history, progress, .. }) = self.last.take() else { panic!("it did not join") };
            let disk = ModelDisk::new();
            let mut engine = disk.open().expect("a new disk opens");
            Node::adopt(&mut engine, NodeId(id), &history, &progress).expect("the history is whole");
            self.open(NodeId(id), disk, engine);
        }
        self.pass(20);
        self.quiet = false;
    }

    fn open(&mut self, id: NodeId, disk: ModelDisk, engine: ModelEngine) {
        disk.mark_durable(disk.applied()).expect("the disk syncs");
        self.lives += 1;
        let config = Config { compare_every: Span::ZERO, ..Config::default() };
        let (node, effects) = Node::open(engine, config, self.lives, self.time()).expect("the node opens");
        self.nodes.insert(id, node);
        self.disks.insert(id, disk);
        self.carry_out(id, effects);
    }

    fn carry_out(&mut self, at: NodeId, effects: Vec<NodeEffect>) {
        for effect in effects {
            match effect {
                NodeEffect::Send { to, message } => self.send(at, to, message),
                NodeEffect::Reply { response, .. } => {
                    self.tell(&format!("{} answers its client: {}", short(at), describe(&response)));
                    self.last = Some(response);
                }
                NodeEffect::Sync(seq) => {
                    let synced = self.disks[&at].mark_durable(seq);
                    self.queue.push_back((at, NodeInput::Synced(synced)));
                }
                NodeEffect::Left => self.tell(&format!("{} has left and may end", short(at))),
                NodeEffect::Ejected(why) => self.tell(&format!("{} ends: {why}", short(at))),
                NodeEffect::Stop(why) => panic!("{at} stopped: {why}"),
                NodeEffect::Peers(_) | NodeEffect::Pulse { .. } | NodeEffect::Note(_) => {}
            }
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: Message) {
        let lost = self.cut.contains(&(from, to)) || !self.nodes.contains_key(&to);
        // Probes and gossip never stop; they would drown the story.
        if message.lane() == Lane::Data {
            let fate = if lost { "  (lost)" } else { "" };
            self.tell(&format!("{} -> {}  {}{fate}", short(from), short(to), say(&message)));
        }
        if lost {
            self.queue.push_back((from, NodeInput::Unreachable { peer: to }));
        } else {
            self.queue.push_back((to, NodeInput::Peer { from, message }));
        }
    }

    fn tell(&mut self, line: &str) {
        if !self.quiet {
            let _ = writeln!(self.told, "    {line}");
        }
    }

    fn deliver(&mut self) {
        while let Some((at, input)) = self.queue.pop_front() {
            let now = self.time();
            let Some(node) = self.nodes.get_mut(&at) else { continue };
            let mut effects = Vec::new();
            node.handle(now, input, &mut effects);
            self.carry_out(at, effects);
        }
    }

    fn pass(&mut self, seconds: u64) {
        let end = self.now + seconds * 1_000_000;
        loop {
            self.deliver();
            let next = self.nodes.iter().filter_map(|(id, node)| Some((node.next_deadline()?.0, *id))).min();
            let Some((at, id)) = next.filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.max(at);
            self.queue.push_back((id, NodeInput::Tick));
        }
        self.now = end;
    }

    fn ask(&mut self, at: NodeId, request: Request) {
        let input = NodeInput::Client { client: ClientId(1), request, within: None };
        self.queue.push_back((at, input));
    }

    fn run(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let node = |at: usize| NodeId(words[at].parse().expect("a node is a number"));
        let level = |at: usize| words.get(at).and_then(|word| Level::parse(word));
        match words[0] {
            "nodes" => self.start(node(1).0, words[2].trim_start_matches("n=").parse().expect("n is a number")),
            "put" => self.ask(node(1), put(words[2], Some(words[3]), level(4))),
            "delete" => self.ask(node(1), put(words[2], None, level(3))),
            "get" => {
                let key = ItemKey::plain(words[2].to_owned());
                self.ask(node(1), Request::Get(Get { bucket: "default".to_owned(), key, level: level(3) }));
            }
            "leave" => self.ask(node(1), Request::Admin(Admin::Leave { node: node(1) })),
            "deliver" => self.deliver(),
            "drop" => drop(self.cut.insert((node(1), node(2)))),
            "heal" => {
                self.cut.remove(&(node(1), node(2)));
                self.queue.push_back((node(1), NodeInput::Connected { peer: node(2) }));
            }
            "down" => {
                self.nodes.remove(&node(1));
                self.disks[&node(1)].crash(CrashLoss::Unsynced);
            }
            "up" => {
                let disk = self.disks[&node(1)].clone();
                let engine = disk.open().expect("the disk opens again");
                self.open(node(1), disk, engine);
                let others: Vec<NodeId> = self.nodes.keys().copied().filter(|other| *other != node(1)).collect();
                for other in others {
                    self.queue.push_back((other, NodeInput::Connected { peer: node(1) }));
                }
            }
            "pass" => self.pass(words[1].parse().expect("seconds are a number")),
            "show" => self.show(words[1]),
            other => panic!("no such command: {other}"),
        }
    }

    fn show(&mut self, key: &str) {
        let mut lines = Vec::new();
        for (id, node) in &self.nodes {
            let mut held = "nothing".to_owned();
            let items = node::LocalItems::new(node.engine().reader());
            let visit = &mut |item: node::LocalItem| {
                if item.key == ItemKey::plain(key.to_owned()) {
                    held = String::from_utf8_lossy(&item.value.bytes).into_owned();
                }
                ControlFlow::Continue(())
            };
            items.each(self.time().wall, visit).expect("items can be read");
            lines.push(format!("{} holds {held}", short(*id)));
        }
        lines.iter().for_each(|line| self.tell(line));
    }
}

fn join(id: u128) -> Join {
    Join {
        node: NodeId(id),
        name: format!("node-{id}"),
        name_is_fixed: true,
        uri: format!("http://node-{id}"),
        tokens: Vec::new(),
        token_count: 2,
        random_tokens: false,
        weight: 100,
        zone: None,
        seed: id == 1,
    }
}

fn put(key: &str, value: Option<&str>, level: Option<Level>) -> Request {
    Request::Put(Put {
        bucket: "default".to_owned(),
        key: ItemKey::plain(key.to_owned()),
        value: value.map(|value| Value::plain(value.to_owned())),
        context: None,
        level,
        durability: Durability::Fsync,
        ttl: None,
    })
}

fn short(node: NodeId) -> String {
    format!("node {}", node.0)
}

/// The kind of a message and what distinguishes it for a reader.
fn say(message: &Message) -> String {
    let debug = format!("{message:?}");
    let kind = debug.split([' ', '{']).next().unwrap_or_default();
    match message {
        Message::Replicated { ack, .. } => format!("{kind} {ack:?}"),
        Message::ReadReply { answer: node::proto::ReadAnswer::Held(record), .. } => {
            format!("{kind} {}", if record.is_some() { "a version" } else { "nothing" })
        }
        Message::Outline { outline: all, .. } => format!("{kind} partition {}, {} items", all.partition.0, all.items),
        Message::Outlined { likeness: Some(likeness), .. } => format!("{kind} {likeness:?}"),
        Message::Offer { partition, items, .. } => format!("{kind} partition {}, {} items", partition.0, items.len()),
        Message::Want { items: Some(items), .. } => format!("{kind} {} of them", items.len()),
        Message::Push { items, .. } => format!("{kind} {} items", items.len()),
        _ => kind.to_owned(),
    }
}

fn describe(response: &Response) -> String {
    match response {
        Response::Found(found) if found.siblings.is_empty() => "not found".to_owned(),
        Response::Found(found) => {
            let values = found.siblings.iter().filter_map(|sibling| sibling.version.value.as_ref());
            let values: Vec<String> = values.map(|v| String::from_utf8_lossy(&v.bytes).into_owned()).collect();
            format!("found {} ({} replicas)", values.join(" and "), found.answered)
        }
        Response::Written(written) => format!("written ({} replicas)", written.acknowledged),
        Response::Changed { history, .. } => format!("epoch {}", history.len()),
        Response::Refused(refusal) => format!("refused, {refusal:?}"),
        other => format!("{other:?}"),
    }
}

fn play(script: &str) -> String {
    let mut world = World::default();
    for line in script.lines().filter(|line| !line.starts_with("    ")) {
        world.told.push_str(line);
        world.told.push('\n');
        if !line.trim().is_empty() && !line.starts_with('#') {
            world.run(line);
        }
    }
    world.told
}

#[test]
fn the_stories_are_told_as_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut stories = 0;
    for entry in std::fs::read_dir(&directory).expect("the transcripts are there") {
        let path = entry.expect("the directory can be read").path();
        let written = std::fs::read_to_string(&path).expect("a transcript is text");
        let told = play(&written);
        if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
            std::fs::write(&path, &told).expect("the transcript can be written");
        } else {
            assert_eq!(told, written, "{} is told otherwise now", path.display());
        }
        stories += 1;
    }
    assert!(stories >= 5, "only {stories} stories were found");
}
