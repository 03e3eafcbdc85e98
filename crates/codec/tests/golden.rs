//! The bytes of this version, kept in `testdata/`: a change of a layout shows as a change of a file there.
//!
//! `UPDATE_GOLDEN=1 cargo test -p codec --test golden` writes them anew. Bytes that were ever released must go on
//! being readable; see `docs/disk-format.md` and `docs/protocol.md`.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use bytes::{Bytes, BytesMut};
use causal::{Actor, Context, Dot, DvvSet, Stamp};
use codec::{
    FrameDecoder, HandshakeRefusal, Hello, MetaRecord, Role, Welcome, decode_hello, decode_hint, decode_meta,
    decode_stored, decode_welcome, encode_frame, encode_hello, encode_hint, encode_meta, encode_stored, encode_welcome,
    open_context, seal_context, slot_key, version_hash,
};
use proto::amended::{End, Mark, Parts, Tally};
use proto::counted::{Chain, Counted};
use proto::paxos::register::{Ask, Floor};
use proto::paxos::{AcceptorState, Ballot};
use proto::tree::{Patch, Tree};
use proto::{
    Act, Admin, ApiToken, Bucket, BucketId, Cas, Change, ChangeId, Decimal, Differences, Digest, Edit, Ends, Epoch,
    Event, Expect, Genesis, Hint, HintId, ItemKey, Join, Level, Message, OpId, Progress, Pulse, Range, Rate, Record,
    Request, Response, Restored, Right, SessionId, Slot, Spent, Spot, TokenId, Tried, Value, Version,
};
use ring::{Grid, Member, NodeId, PartitionId, Token};
use std::fmt::Write as _;
use std::{env, fs, path::PathBuf};
use stdx::{Span, Wall};

const NODE: NodeId = NodeId(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(format!("{name}.hex"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.chunks(32).fold(String::new(), |mut text, line| {
        line.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
        text.push('\n');
        text
    })
}

/// Compares with the file and gives what stands there, for it must be readable.
fn golden(name: &str, bytes: &[u8]) -> Bytes {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path(name), hex(bytes)).unwrap();
    }
    let text = fs::read_to_string(path(name)).unwrap_or_else(|_| panic!("testdata/{name}.hex is missing"));
    assert_eq!(hex(bytes), text, "the layout of {name} has changed");
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn dot(counter: u64) -> Dot {
    Dot { actor: Actor { node: NODE.0, incarnation: 3 }, counter }
}

fn version(value: Option<&'static str>) -> Version {
    let value = value.map(|text| Value { bytes: text.into(), content_type: Some("text/plain".to_owned()) });
    Version { stamp: Stamp::new(1_700_000_000_000, 7), expires: Some(Wall(1_800_000_000_000)), value }
}

fn latest() -> Record {
    Record::Latest { dot: dot(9), version: version(Some("value")) }
}

fn siblings() -> Record {
    let mut set = DvvSet::new();
    let seen: Context = [(Actor { node: 5, incarnation: 1 }, 4)].into_iter().collect();
    set.update(&seen, dot(9), version(Some("one")));
    set.update(&seen, Dot { actor: Actor { node: 6, incarnation: 1 }, counter: 2 }, version(None));
    Record::Siblings(set)
}

fn amended() -> Record {
    let mark = Mark { stamp: Stamp::new(1_700_000_000_000, 7), dot: dot(9) };
    let tally = Tally { counter: 11, after: mark, stamp: Stamp::new(1_700_000_000_500, 0), sum: Decimal::whole(-3) };
    let end = End { of: Some(mark), dot: dot(12), stamp: Stamp::new(1_700_000_000_600, 0), expires: None };
    let base = Version { value: Some(Value::plain("40")), ..version(None) };
    let parts = Parts {
        base: Some((mark.dot, base)),
        tallies: [(Actor { node: 6, incarnation: 1 }, tally)].into(),
        end: Some(end),
    };
    parts.record().expect("there is something")
}

fn counted() -> Record {
    let Record::Siblings(set) = siblings() else { unreachable!("siblings are siblings") };
    let stamp = Stamp::new(1_700_000_000_500, 0);
    let chain = Chain { counter: 15, sum: Decimal::whole(12), stamp, gone: 13, taken: Decimal::whole(5) };
    let end = End { of: None, dot: dot(14), stamp, expires: Some(Wall(1_800_000_000_000)) };
    Counted { set, chains: [(dot(10), chain)].into(), end: Some(end) }.record().expect("there is something")
}

fn member() -> Member {
    Member {
        id: NODE,
        name: "Quilla".to_owned(),
        uri: "http://127.0.0.1:3001".to_owned(),
        tokens: vec![Token::from_bytes([0x10; 20])],
        weight: 100,
        zone: Some("west".to_owned()),
    }
}

fn event(epoch: u64, change: Change) -> Event {
    let previous = Digest([epoch as u8; 32]);
    Event { epoch: Epoch(epoch), previous, at: Wall(1_700_000_000_000), nonce: 0x0102_0304, change }
}

fn changes() -> Vec<(&'static str, Change)> {
    let genesis = Genesis { cluster: 0xc1, grid: Grid::default(), n: 3, context_key: [7; 32] };
    let bucket = Bucket { ttl: Some(Span::secs(60)), r: Level::Count(2), ..Bucket::default_bucket(3) };
    let restored = Restored {
        backup: Digest([9; 32]),
        name: "20260101T000000Z-09090909".to_owned(),
        buckets: vec!["default".to_owned()],
        overwrite: true,
        stamp: Stamp::new(1_700_000_000_000, 7),
    };
    let token = ApiToken {
        id: TokenId(0x0102_0304_0506_0708),
        name: "app".to_owned(),
        digest: Digest([5; 32]),
        scopes: vec![Right::ALL, Right { act: Act::Read, bucket: Some("carts".to_owned()) }],
        rate: Some(Rate { per_second: 100, burst: 200 }),
        expires: Some(Wall(1_800_000_000_000)),
    };
    let (name, uri) = ("Inti".to_owned(), "http://127.0.0.1:3002".to_owned());
    vec![
        ("create", Change::Create(genesis)),
        ("add", Change::Add { member: member(), seed: true }),
        ("remove", Change::Remove { member: member() }),
        ("readdress", Change::Readdress { node: NODE, name, uri }),
        ("bucket", Change::Bucket(bucket)),
        ("restored", Change::Restored(restored)),
        ("grant", Change::Grant(token)),
        ("revoke", Change::Revoke { token: TokenId(0x0102_0304_0506_0708) }),
        ("eject", Change::Eject { member: member() }),
        ("replace", Change::Replace { old: NodeId(9), member: member(), seed: true }),
        ("reweigh", Change::Reweigh { node: NODE, weight: 50, tokens: member().tokens }),
        ("abort", Change::Abort { of: Epoch(9), undo: Box::new(Change::Remove { member: member() }) }),
    ]
}

/// With batches, which older releases do not tell.
const COUNTED: Pulse = Pulse { number: 8, life: 5, batches: 900 };

#[test]
fn stored_items() {
    let long = |len: usize| Bytes::from(vec![b'k'; len]);
    for (name, key, record) in [
        ("plain", ItemKey::plain("key_2"), latest()),
        ("sorted", ItemKey::sorted("key_2", "sort"), siblings()),
        ("long", ItemKey::sorted(long(1_025), "sort"), latest()),
        ("amended", ItemKey::plain("key_2"), amended()),
        ("counted", ItemKey::sorted("key_3", "\0h"), counted()),
    ] {
        let slot = Slot::new(Grid::default(), BucketId(1), key);
        let storage_key = slot_key(&slot);
        let key = golden(&format!("item-{name}-key"), &storage_key);
        let value = golden(&format!("item-{name}-value"), &encode_stored(&storage_key, &slot, &record));
        assert_eq!(decode_stored(&key, &value), Ok((slot.bucket, slot.key, record)));
    }
}

#[test]
fn records_of_the_node() {
    let pulse = Pulse { number: 7, life: 0x0506_0708, batches: 0 };
    let progress = Progress {
        acked: Epoch(4),
        synced: Epoch(3),
        switched: Epoch(2),
        settled: Epoch(1),
        pulse,
        clear: 7,
        collected: causal::Stamp::new(5, 1),
        floor: None,
    };
    let above = Progress { floor: Some(Floor { ballot: 300, number: 12 }), ..progress };
    let ballot = Ballot { counter: 2, node: NODE, incarnation: 3 };
    let accepted = Some((ballot, event(2, changes().remove(1).1)));
    let state = AcceptorState { promised: Ballot { counter: 3, ..ballot }, accepted };
    let mut records = vec![
        ("node".to_owned(), MetaRecord::Node(NODE)),
        ("incarnation".to_owned(), MetaRecord::Incarnation(3)),
        ("acceptor".to_owned(), MetaRecord::Acceptor { epoch: Epoch(2), state }),
        ("pulses".to_owned(), MetaRecord::Pulses(vec![(NODE, pulse)])),
        ("pulses-counted".to_owned(), MetaRecord::Pulses(vec![(NODE, COUNTED)])),
        ("progress".to_owned(), MetaRecord::Progress { progress, stable: Epoch(1) }),
        ("peers".to_owned(), MetaRecord::Peers(vec![(NODE, progress)])),
        ("progress-floor".to_owned(), MetaRecord::Progress { progress: above, stable: Epoch(1) }),
    ];
    for (epoch, (name, change)) in (1..).zip(changes()) {
        records.push((format!("event-{name}"), MetaRecord::Event(event(epoch, change))));
    }
    for (name, record) in records {
        let (key, value) = encode_meta(&record);
        let key = golden(&format!("meta-{name}-key"), &key);
        let value = golden(&format!("meta-{name}-value"), &value);
        assert_eq!(decode_meta(&key, &value), Ok(record));
    }
}

#[test]
fn hints() {
    let key = ItemKey::sorted("key_2", "");
    let hint = Hint { id: HintId(5), target: NODE, bucket: BucketId(1), key, record: latest() };
    let (key, value) = encode_hint(&hint);
    let (key, value) = (golden("hint-key", &key), golden("hint-value", &value));
    assert_eq!(decode_hint(&key, &value), Ok(hint));
}

#[test]
fn messages() {
    let (op, epoch, bucket, key) = (OpId(1), Epoch(2), BucketId(3), ItemKey::plain("key_2"));
    let join = Join {
        node: NODE,
        name: "Quilla".to_owned(),
        name_is_fixed: true,
        uri: "http://127.0.0.1:3001".to_owned(),
        tokens: vec![],
        token_count: 16,
        random_tokens: false,
        weight: 100,
        zone: None,
        seed: false,
    };
    let range = Range::Partition { partition: PartitionId(9), bucket: None, after: Some((bucket, key.clone())) };
    let history = changes().into_iter().zip(1..).map(|((_, change), epoch)| event(epoch, change)).collect();
    let changed = Response::Changed { history, node: Some(NODE), progress: vec![(NODE, Progress::default())] };
    let (session, tree) = (SessionId(7), Tree { partition: PartitionId(9), bucket });
    let window = Spot::Window { from: PartitionId(0), to: PartitionId(9), list: 5 };
    let spots = vec![(window, vec![u64::MAX]), (Spot::Leaves(tree, 31), vec![0, 1]), (Spot::Branches(tree), vec![1])];
    let differences = Differences { differ: vec![0, 31], unknown: vec![0] };
    let ballot = Ballot { counter: 2, node: NODE, incarnation: 3 };
    let (bucket_name, edit, id) = ("locks".to_owned(), Edit::Delete, Some(ChangeId(7)));
    let (expect, ends, tried) = (Expect::Version(3), Ends::Never, Tried::Lately);
    let cas = Cas { bucket: bucket_name, key: key.clone(), expect, edit, ends, id, tried };
    let spent = Spent { bucket, key: key.clone(), hash: 1, left: 0 };
    for (name, message) in [
        (
            "replicate",
            Message::Replicate { op, epoch, bucket, key: key.clone(), record: siblings(), fsync: true, round: 6 },
        ),
        ("collect", Message::Collect { session, epoch, round: 6, wall: Wall(9), items: vec![spent] }),
        (
            "replicated",
            Message::Replicated {
                op,
                ack: proto::Ack::Stale(proto::Fences { epoch, switched: proto::Epoch(3), stable: proto::Epoch(2) }),
                pulse: None,
            },
        ),
        ("replicated-counted", Message::Replicated { op, ack: proto::Ack::Done, pulse: Some(COUNTED) }),
        ("reached", Message::Reached { pulse: COUNTED, urgent: true }),
        ("register", Message::Register { op, epoch, bucket, key: key.clone(), ask: Ask::Prepare(ballot), round: 6 }),
        (
            "change",
            Message::Forward {
                op,
                request: Request::Cas(cas),
                within: Span::secs(5),
                life: 9,
                round: 6,
                confirms: false,
            },
        ),
        ("confirm", Message::Confirm { op, attempt: proto::OpId(300) }),
        ("confirmed", Message::Confirmed { attempt: proto::OpId(300), waits: true }),
        ("read", Message::Read { op, epoch, bucket, key }),
        ("scan", Message::Scan { op, epoch, range, limit: 100 }),
        (
            "join",
            Message::Forward {
                op,
                request: Request::Admin(Admin::Join(join)),
                within: Span::secs(5),
                life: 0,
                round: 0,
                confirms: false,
            },
        ),
        ("changed", Message::Forwarded { op, response: Box::new(changed) }),
        ("gossip", Message::Gossip { epoch, head: Digest([5; 32]), progress: vec![], answer: true }),
        ("prepare", Message::Prepare { epoch, ballot }),
        ("compare", Message::Compare { session, epoch, spots }),
        ("differ", Message::Differ { session, spots: vec![differences] }),
        ("fetch", Message::Fetch { epoch, patches: vec![Patch { tree, branch: 31, leaves: 1 << 31 | 1 }] }),
        ("ping", Message::Ping { nonce: 0x0102_0304_0506_0708 }),
    ] {
        let bytes = golden(&format!("frame-{name}"), &encode_frame(std::slice::from_ref(&message)));
        let mut buffer = BytesMut::from(bytes.as_ref());
        assert_eq!(FrameDecoder::default().next(&mut buffer), Ok(Some(vec![message])));
    }
}

#[test]
fn handshakes() {
    let hello = Hello {
        protocol_min: 1,
        protocol_max: 2,
        cluster: Some(0xc1),
        node: NODE,
        pulse: Pulse { number: 9, life: 0x0102_0304, batches: 0 },
        role: Role::Data,
        name: "Quilla".to_owned(),
    };
    let bytes = golden("hello", &encode_hello(&hello));
    assert_eq!(decode_hello(&mut BytesMut::from(bytes.as_ref())), Ok(Some(hello)));
    let refusal = HandshakeRefusal::NoCommonProtocol { ours: (1, 1), theirs: (2, 3) };
    for (name, welcome) in [
        (
            "welcome",
            Welcome::Accepted {
                protocol: 1,
                node: NODE,
                cluster: 0xc1,
                pulse: Pulse { number: 8, life: 5, batches: 0 },
            },
        ),
        ("welcome-counted", Welcome::Accepted { protocol: 1, node: NODE, cluster: 0xc1, pulse: COUNTED }),
        ("refused", Welcome::Refused(refusal)),
    ] {
        let bytes = golden(name, &encode_welcome(&welcome));
        assert_eq!(decode_welcome(&mut BytesMut::from(bytes.as_ref())), Ok(Some(welcome)));
    }
}

#[test]
fn context_tokens_and_hashes_of_versions() {
    let (bucket, key) = (BucketId(1), ItemKey::sorted("key_2", "sort"));
    let token = seal_context(&[7; 32], bucket, &key, &siblings().context());
    let token = String::from_utf8(golden("context-token", token.as_bytes()).to_vec()).unwrap();
    assert_eq!(open_context(&[7; 32], bucket, &key, &token), Ok(siblings().context()));
    golden("version-hash-latest", &version_hash(bucket, &key, &latest()).to_be_bytes());
    golden("version-hash-amended", &version_hash(bucket, &key, &amended()).to_be_bytes());
    golden("version-hash-counted", &version_hash(bucket, &key, &counted()).to_be_bytes());
    golden("version-hash-siblings", &version_hash(bucket, &key, &siblings()).to_be_bytes());
}
