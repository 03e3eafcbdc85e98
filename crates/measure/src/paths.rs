//! What is measured, by name.

use crate::Work;
use crate::cluster::Cluster;
use bytes::{Bytes, BytesMut};
use causal::{Actor, Dot, DvvSet, VersionVector};
use codec::FrameDecoder;
use proto::{BucketId, ItemKey, Message, Record, Slot};
use resp::{Limits, Parser, Reply, Version};
use ring::{Allocation, Grid, Member, Newcomer, NodeId, Ring, Token, allocate};
use std::hint::black_box;
use stdx::Prng;

/// Every piece of work.
pub const NAMES: [&str; 13] = [
    "causal/write-with-context",
    "causal/merge-three-actors",
    "ring/replicas-of-a-key",
    "ring/token-of-a-key",
    "codec/frame-of-16-encoded",
    "codec/frame-of-16-decoded",
    "codec/record-encoded",
    "codec/record-decoded",
    "resp/16-sets-parsed",
    "resp/16-values-written",
    "node/get-one-node",
    "node/put-one-node",
    "node/put-three-nodes",
];

/// Keys that a cluster holds.
const KEYS: usize = 1_000;
/// Pipelined commands.
const DEPTH: usize = 16;

/// Makes what the work needs. `None` if there is no such work.
pub fn prepare(name: &str) -> Option<Work> {
    Some(match name {
        "causal/write-with-context" => write_with_context(),
        "causal/merge-three-actors" => merge(),
        "ring/replicas-of-a-key" => replicas(),
        "ring/token-of-a-key" => tokens(),
        "codec/frame-of-16-encoded" => frame_encoded(),
        "codec/frame-of-16-decoded" => frame_decoded(),
        "codec/record-encoded" => record_encoded(),
        "codec/record-decoded" => record_decoded(),
        "resp/16-sets-parsed" => parsed(),
        "resp/16-values-written" => written(),
        "node/get-one-node" => node(1, false),
        "node/put-one-node" => node(1, true),
        "node/put-three-nodes" => node(3, true),
        _ => return None,
    })
}

fn dot(node: u128, counter: u64) -> Dot {
    Dot { actor: Actor { node, incarnation: 1 }, counter }
}

fn write_with_context() -> Work {
    let mut set: DvvSet<Bytes> = DvvSet::new();
    let (value, mut counter) = (Bytes::from_static(b"value"), 0);
    Box::new(move || {
        counter += 1;
        let context = set.context();
        set.update(&context, dot(1, counter), value.clone());
        black_box(&set);
    })
}

/// Three replicas wrote at the same time, twice each; one learns of the others.
fn merge() -> Work {
    let value = Bytes::from_static(b"value");
    let sets: Vec<DvvSet<Bytes>> = (1..=3)
        .map(|node| {
            let mut set = DvvSet::new();
            (1..=2).for_each(|counter| set.update(&VersionVector::new(), dot(node, counter), value.clone()));
            set
        })
        .collect();
    Box::new(move || {
        let mut merged = sets[0].clone();
        black_box(merged.sync(&sets[1]));
        black_box(merged.sync(&sets[2]));
    })
}

fn ring_of(count: u128) -> Ring {
    let grid = Grid::new(12).expect("12 bits make a grid");
    let mut prng = Prng::new(1);
    (1..=count).fold(Ring::empty(grid), |ring, id| {
        let newcomer = Newcomer { weight: 100, zone: None, count: 16 };
        let tokens = allocate(&ring, &newcomer, 3, Allocation::Even, &mut prng).expect("boundaries are free");
        let (name, uri) = (format!("node-{id}"), String::new());
        ring.with(Member { id: NodeId(id), name, uri, tokens, weight: 100, zone: None }).expect("the tokens are free")
    })
}

fn keys() -> Vec<Bytes> {
    (0..KEYS).map(|number| Bytes::from(format!("{number:016}"))).collect()
}

fn replicas() -> Work {
    let (ring, keys, mut at) = (ring_of(10), keys(), 0);
    Box::new(move || {
        at = (at + 1) % keys.len();
        let partition = ring.grid().partition_of(&Token::of(&keys[at]));
        black_box(ring.preference_list(partition, 3));
    })
}

fn tokens() -> Work {
    let (keys, mut at) = (keys(), 0);
    Box::new(move || {
        at = (at + 1) % keys.len();
        black_box(Token::of(&keys[at]));
    })
}

/// What nodes say to each other while some keys are written.
fn said() -> Vec<Message> {
    let mut cluster = Cluster::of(3);
    let value = Bytes::from(vec![b'v'; 100]);
    cluster.said = Some(Vec::new());
    let keys = keys();
    for key in keys.iter().take(DEPTH) {
        cluster.put(key, &value);
    }
    let said = cluster.said.take().unwrap_or_default();
    said.into_iter().filter(|message| matches!(message, Message::Replicate { .. })).take(DEPTH).collect()
}

fn frame_encoded() -> Work {
    let messages = said();
    Box::new(move || {
        black_box(codec::encode_frame(&messages));
    })
}

fn frame_decoded() -> Work {
    let frame = codec::encode_frame(&said());
    Box::new(move || {
        let mut buffer = BytesMut::from(&frame[..]);
        let messages = FrameDecoder::default().next(&mut buffer).expect("what was encoded is decoded");
        assert_eq!(messages.map_or(0, |messages| messages.len()), DEPTH);
    })
}

fn stored() -> (Slot, Record) {
    let grid = Grid::new(8).expect("8 bits make a grid");
    let message = said().into_iter().next().expect("something is said");
    let Message::Replicate { bucket, key, record, .. } = message else { panic!("a replication") };
    (Slot::new(grid, bucket, key), record)
}

fn record_encoded() -> Work {
    let (slot, record) = stored();
    Box::new(move || {
        let key = codec::slot_key(&slot);
        black_box(codec::encode_stored(&key, &slot, &record));
    })
}

fn record_decoded() -> Work {
    let (slot, record) = stored();
    let key = codec::slot_key(&slot);
    let value = codec::encode_stored(&key, &slot, &record);
    Box::new(move || {
        let found: (BucketId, ItemKey, Record) = codec::decode_stored(&key, &value).expect("it is whole");
        black_box(found);
    })
}

fn parsed() -> Work {
    let mut bytes = Vec::new();
    for number in 0..DEPTH {
        bytes.extend_from_slice(format!("*3\r\n$3\r\nSET\r\n$16\r\n{number:016}\r\n$100\r\n").as_bytes());
        bytes.extend_from_slice(&[b'v'; 100]);
        bytes.extend_from_slice(b"\r\n");
    }
    let limits = Limits { bulk_bytes_max: 1 << 20, arguments_max: 1 << 10, request_bytes_max: 1 << 20 };
    Box::new(move || {
        let (mut parser, mut buffer) = (Parser::new(limits), BytesMut::from(&bytes[..]));
        let mut count = 0;
        while let Some(request) = parser.next(&mut buffer).expect("it is the protocol") {
            count += request.len();
        }
        assert_eq!(count, 3 * DEPTH);
    })
}

fn written() -> Work {
    let reply = Reply::Bulk(Bytes::from(vec![b'v'; 100]));
    let mut out = BytesMut::new();
    Box::new(move || {
        out.clear();
        (0..DEPTH).for_each(|_| reply.write(Version::Two, &mut out));
        black_box(&out);
    })
}

fn node(count: u128, writes: bool) -> Work {
    let mut cluster = Cluster::of(count);
    let (keys, value, mut at) = (keys(), Bytes::from(vec![b'v'; 100]), 0);
    keys.iter().for_each(|key| cluster.put(key, &value));
    Box::new(move || {
        at = (at + 1) % keys.len();
        if writes { cluster.put(&keys[at], &value) } else { cluster.get(&keys[at]) }
    })
}

#[cfg(test)]
mod tests {
    use super::{NAMES, prepare};

    #[test]
    fn every_name_is_a_piece_of_work_that_can_be_repeated() {
        for name in NAMES {
            let mut work = prepare(name).unwrap_or_else(|| panic!("{name} is no work"));
            (0..20).for_each(|_| work());
        }
        assert!(prepare("nothing").is_none());
    }
}
