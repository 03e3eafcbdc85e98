//! Strategies for everything that is encoded: small values, and the corners of each type.

use bytes::Bytes;
use causal::{Actor, Context, Dot, DvvSet, Stamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::amended::{End, Mark, Parts, Tally};
use proto::counted::{Chain, Counted};
use proto::paxos::register::Floor;
use proto::tree::Tree;
use proto::{
    Bucket, BucketId, Decimal, Digest, Durability, Epoch, ItemKey, Level, Mode, Progress, Pulse, Record, Rule, Value,
    Version,
};
use ring::{Grid, Member, NodeId, PartitionId, Token};
use stdx::{Span, Wall};

pub(crate) mod cluster;
pub(crate) mod explain;
pub(crate) mod message;
pub(crate) mod register;
pub(crate) mod request;

pub(crate) fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..300_u64, Just(u64::MAX), any::<u64>()]
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-zñ/ 0-9]{1,12}"]
}

pub(crate) fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

pub(crate) fn node() -> impl Strategy<Value = NodeId> {
    prop_oneof![0..4_u128, Just(u128::MAX), any::<u128>()].prop_map(NodeId)
}

pub(crate) fn epoch() -> impl Strategy<Value = Epoch> {
    number().prop_map(Epoch)
}

pub(crate) fn bucket_id() -> impl Strategy<Value = BucketId> {
    prop_oneof![0..3_u32, any::<u32>()].prop_map(BucketId)
}

pub(crate) fn partition() -> impl Strategy<Value = PartitionId> {
    any::<u16>().prop_map(PartitionId)
}

pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    (partition(), bucket_id()).prop_map(|(partition, bucket)| Tree { partition, bucket })
}

pub(crate) fn token() -> impl Strategy<Value = Token> {
    any::<[u8; 20]>().prop_map(Token::from_bytes)
}

pub(crate) fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

pub(crate) fn span() -> impl Strategy<Value = Span> {
    number().prop_map(Span)
}

pub(crate) fn item_key() -> BoxedStrategy<ItemKey> {
    (bytes(), option::of(bytes())).prop_map(|(partition_key, sort_key)| ItemKey { partition_key, sort_key }).boxed()
}

fn actor() -> BoxedStrategy<Actor> {
    (node(), any::<u64>()).prop_map(|(node, incarnation)| Actor { node: node.0, incarnation }).boxed()
}

pub(crate) fn dot() -> BoxedStrategy<Dot> {
    (actor(), 1..=u64::MAX).prop_map(|(actor, counter)| Dot { actor, counter }).boxed()
}

pub(crate) fn context() -> BoxedStrategy<Context> {
    vec((actor(), number()), 0..4).prop_map(|seen| seen.into_iter().collect()).boxed()
}

pub(crate) fn value() -> BoxedStrategy<Value> {
    (bytes(), option::of(text())).prop_map(|(bytes, content_type)| Value { bytes, content_type }).boxed()
}

pub(crate) fn version() -> BoxedStrategy<Version> {
    (any::<u64>(), option::of(number()), option::of(value()))
        .prop_map(|(stamp, expires, value)| Version {
            stamp: Stamp::from_u64(stamp),
            expires: expires.map(Wall),
            value,
        })
        .boxed()
}

fn siblings() -> BoxedStrategy<DvvSet<Version>> {
    let values = proptest::collection::btree_map(1..1_000_u64, version(), 0..3);
    let entries = proptest::collection::btree_map(actor(), (values, 1..5_u64), 0..4);
    entries
        .prop_map(|entries| {
            let entries = entries.into_iter().map(|(actor, (values, above))| {
                let seen = values.last_key_value().map_or(0, |(counter, _)| *counter) + above - 1;
                (actor, seen.max(1), values.into_iter().collect())
            });
            DvvSet::from_entries(entries).unwrap()
        })
        .boxed()
}

fn mark() -> BoxedStrategy<Mark> {
    (any::<u64>(), dot()).prop_map(|(stamp, dot)| Mark { stamp: Stamp::from_u64(stamp), dot }).boxed()
}

pub(crate) fn decimal() -> impl Strategy<Value = Decimal> {
    any::<i128>().prop_map(Decimal::from_units)
}

fn amended() -> BoxedStrategy<Record> {
    let tally = (1..=u64::MAX, mark(), any::<u64>(), decimal()).prop_map(|(counter, after, stamp, sum)| Tally {
        counter,
        after,
        stamp: Stamp::from_u64(stamp),
        sum,
    });
    let end = (option::of(mark()), mark(), option::of(number())).prop_map(|(of, made, expires)| End {
        of,
        dot: made.dot,
        stamp: made.stamp,
        expires: expires.map(Wall),
    });
    let tallies = proptest::collection::btree_map(actor(), tally, 0..4);
    (option::of((dot(), version())), tallies, option::of(end))
        .prop_filter_map("nothing", |(base, tallies, end)| {
            Parts { base, tallies, end }.join(&Parts::default()).record()
        })
        .boxed()
}

fn counted() -> BoxedStrategy<Record> {
    let chain = (any::<u64>(), decimal(), any::<u64>(), any::<u64>(), decimal()).prop_map(
        |(counter, sum, stamp, gone, taken)| Chain { counter, sum, stamp: Stamp::from_u64(stamp), gone, taken },
    );
    let end = (mark(), option::of(number())).prop_map(|(made, expires)| End {
        of: None,
        dot: made.dot,
        stamp: made.stamp,
        expires: expires.map(Wall),
    });
    let chains = proptest::collection::btree_map(dot(), chain, 1..4);
    (siblings(), chains, option::of(end))
        .prop_filter_map("nothing", |(set, chains, end)| Counted { set, chains, end }.record())
        .boxed()
}

pub(crate) fn record() -> BoxedStrategy<Record> {
    prop_oneof![
        (dot(), version()).prop_map(|(dot, version)| Record::Latest { dot, version }),
        siblings().prop_map(Record::Siblings),
        amended(),
        counted(),
        register::register().prop_map(Record::Register),
    ]
    .boxed()
}

pub(crate) fn item() -> BoxedStrategy<(BucketId, ItemKey, Record)> {
    (bucket_id(), item_key(), record()).boxed()
}

pub(crate) fn level() -> BoxedStrategy<Level> {
    prop_oneof![
        Just(Level::Any),
        Just(Level::One),
        Just(Level::Quorum),
        Just(Level::All),
        any::<u8>().prop_map(Level::Count),
    ]
    .boxed()
}

pub(crate) fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![Just(Durability::Memory), Just(Durability::Fsync)]
}

pub(crate) fn bucket() -> BoxedStrategy<Bucket> {
    let mode = prop_oneof![Just(Mode::Eventual), Just(Mode::Linearizable)];
    let rule = prop_oneof![Just(Rule::LastWriterWins), Just(Rule::Siblings)];
    (bucket_id(), text(), any::<u8>(), (level(), level()), mode, rule, option::of(span()))
        .prop_map(|(id, name, n, (r, w), mode, rule, ttl)| Bucket { id, name, n, r, w, mode, rule, ttl })
        .boxed()
}

pub(crate) fn member() -> BoxedStrategy<Member> {
    (node(), text(), text(), vec(token(), 0..4), any::<u32>(), option::of(text()))
        .prop_map(|(id, name, uri, tokens, weight, zone)| Member { id, name, uri, tokens, weight, zone })
        .boxed()
}

pub(crate) fn grid() -> impl Strategy<Value = Grid> {
    (0_u8..=16).prop_map(|bits| Grid::new(bits).unwrap())
}

pub(crate) fn pulse() -> BoxedStrategy<Pulse> {
    any::<(u64, u64, u64)>().prop_map(|(number, life, batches)| Pulse { number, life, batches }).boxed()
}

pub(crate) fn progress() -> BoxedStrategy<Progress> {
    let floor = option::of(any::<(u64, u64)>().prop_map(|(ballot, number)| Floor { ballot, number }));
    (epoch(), epoch(), epoch(), epoch(), pulse(), any::<(u64, u64)>(), floor)
        .prop_map(|(acked, synced, switched, settled, pulse, (clear, collected), floor)| {
            let collected = causal::Stamp::from_u64(collected);
            Progress { acked, synced, switched, settled, pulse, clear, collected, floor }
        })
        .boxed()
}

pub(crate) fn all_progress() -> BoxedStrategy<Vec<(NodeId, Progress)>> {
    vec((node(), progress()), 0..4).boxed()
}
