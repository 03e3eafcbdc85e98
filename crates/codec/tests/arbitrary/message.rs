//! Messages of every kind.

use super::cluster::{accepted, ballot, event};
use super::explain::account;
use super::register::{answer, ask};
use super::request::{request, response};
use super::{
    all_progress, bucket_id, bytes, digest, epoch, item, item_key, node, number, partition, pulse, record, span, tree,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::tree::Patch;
use proto::{
    Ack, Differences, Fences, Likeness, Message, Offered, OpId, Outline, Range, ReadAnswer, ScanAnswer, SessionId,
    Spent, Spot, TraceMark,
};
use stdx::Wall;

fn op() -> impl Strategy<Value = OpId> {
    number().prop_map(OpId)
}

fn session() -> impl Strategy<Value = SessionId> {
    number().prop_map(SessionId)
}

pub(crate) fn fences() -> impl Strategy<Value = Fences> {
    (epoch(), epoch(), epoch()).prop_map(|(epoch, switched, stable)| Fences { epoch, switched, stable })
}

fn ack() -> BoxedStrategy<Ack> {
    prop_oneof![Just(Ack::Done), fences().prop_map(Ack::Stale), Just(Ack::Full), Just(Ack::Failed)].boxed()
}

fn range() -> BoxedStrategy<Range> {
    let bounds = (option::of(bytes()), option::of(bytes()), option::of(item_key()));
    prop_oneof![
        (bucket_id(), bytes(), bounds).prop_map(|(bucket, partition_key, (from, to, after))| Range::SortKeys {
            bucket,
            partition_key,
            from,
            to,
            after,
        }),
        (partition(), option::of(bucket_id()), option::of((bucket_id(), item_key())))
            .prop_map(|(partition, bucket, after)| Range::Partition { partition, bucket, after }),
    ]
    .boxed()
}

fn items_message() -> BoxedStrategy<Message> {
    let read_answer = prop_oneof![
        option::of(record()).prop_map(ReadAnswer::Held),
        fences().prop_map(ReadAnswer::Stale),
        Just(ReadAnswer::Failed),
        Just(ReadAnswer::Damaged),
    ];
    let scan_answer = prop_oneof![
        (vec(item(), 0..3), any::<bool>()).prop_map(|(items, more)| ScanAnswer::Held { items, more }),
        fences().prop_map(ScanAnswer::Stale),
        Just(ScanAnswer::Failed),
    ];
    prop_oneof![
        (op(), epoch(), item(), any::<(bool, u64)>()).prop_map(|(op, epoch, (bucket, key, record), (fsync, round))| {
            Message::Replicate { op, epoch, bucket, key, record, fsync, round }
        }),
        (op(), ack(), option::of(pulse())).prop_map(|(op, ack, pulse)| Message::Replicated { op, ack, pulse }),
        (pulse(), any::<bool>()).prop_map(|(pulse, urgent)| Message::Reached { pulse, urgent }),
        (op(), node(), item(), number()).prop_map(|(op, target, (bucket, key, record), round)| Message::KeepHint {
            op,
            target,
            bucket,
            key,
            record,
            round,
        }),
        (op(), epoch(), bucket_id(), item_key()).prop_map(|(op, epoch, bucket, key)| Message::Read {
            op,
            epoch,
            bucket,
            key
        }),
        (op(), read_answer).prop_map(|(op, answer)| Message::ReadReply { op, answer }),
        (op(), epoch(), bucket_id(), item_key(), (ask(), number())).prop_map(
            |(op, epoch, bucket, key, (ask, round))| { Message::Register { op, epoch, bucket, key, ask, round } }
        ),
        (op(), answer()).prop_map(|(op, answer)| Message::RegisterReply { op, answer }),
        (op(), epoch(), range(), any::<u32>()).prop_map(|(op, epoch, range, limit)| Message::Scan {
            op,
            epoch,
            range,
            limit
        }),
        (op(), bucket_id(), item_key()).prop_map(|(op, bucket, key)| Message::Explain { op, bucket, key }),
        (op(), account()).prop_map(|(op, account)| Message::Explained { op, account: Box::new(account) }),
        (op(), scan_answer).prop_map(|(op, answer)| Message::ScanReply { op, answer }),
        (op(), request(), span(), number(), number(), any::<bool>()).prop_map(
            |(op, request, within, life, round, confirms)| Message::Forward {
                op,
                request,
                within,
                life,
                round,
                confirms
            }
        ),
        (op(), op()).prop_map(|(op, attempt)| Message::Confirm { op, attempt }),
        (op(), any::<bool>()).prop_map(|(attempt, waits)| Message::Confirmed { attempt, waits }),
        (op(), number()).prop_map(|(op, life)| Message::Introduce { op, life }),
        (op(), response()).prop_map(|(op, response)| Message::Forwarded { op, response: Box::new(response) }),
    ]
    .boxed()
}

fn spot() -> BoxedStrategy<Spot> {
    prop_oneof![
        (partition(), partition(), any::<u64>()).prop_map(|(from, to, list)| Spot::Window { from, to, list }),
        vec(tree(), 0..4).prop_map(Spot::Roots),
        tree().prop_map(Spot::Branches),
        (tree(), 0u8..32).prop_map(|(tree, branch)| Spot::Leaves(tree, branch)),
    ]
    .boxed()
}

fn wall() -> impl Strategy<Value = Wall> {
    any::<u64>().prop_map(Wall)
}

fn spent() -> BoxedStrategy<Spent> {
    (bucket_id(), item_key(), any::<(u64, u64)>())
        .prop_map(|(bucket, key, (hash, left))| Spent { bucket, key, hash, left })
        .boxed()
}

fn stream_message() -> BoxedStrategy<Message> {
    let differences = (vec(any::<u32>(), 0..4), vec(any::<u32>(), 0..4))
        .prop_map(|(differ, unknown)| Differences { differ, unknown });
    let patch = (tree(), 0u8..32, any::<u32>()).prop_map(|(tree, branch, leaves)| Patch { tree, branch, leaves });
    let offered = (bucket_id(), item_key(), any::<u64>()).prop_map(|(bucket, key, hash)| Offered { bucket, key, hash });
    let place = || (bucket_id(), item_key());
    let outline = (partition(), vec(bucket_id(), 0..3), place(), place(), any::<u32>(), any::<u64>()).prop_map(
        |(partition, buckets, first, last, items, hash)| Outline { partition, buckets, first, last, items, hash },
    );
    let likeness = prop_oneof![Just(Likeness::Same), Just(Likeness::Nothing), Just(Likeness::Other)];
    prop_oneof![
        (session(), epoch(), outline).prop_map(|(session, epoch, outline)| Message::Outline {
            session,
            epoch,
            outline
        }),
        (session(), option::of(likeness)).prop_map(|(session, likeness)| Message::Outlined { session, likeness }),
        (session(), epoch(), partition(), vec(offered, 0..3))
            .prop_map(|(session, epoch, partition, items)| { Message::Offer { session, epoch, partition, items } }),
        (session(), option::of(vec(any::<u32>(), 0..4))).prop_map(|(session, items)| Message::Want { session, items }),
        (session(), epoch(), vec(item(), 0..3), any::<u64>())
            .prop_map(|(session, epoch, items, round)| Message::Push { session, epoch, items, round }),
        (session(), epoch(), wall(), vec(spent(), 0..3)).prop_map(|(session, epoch, wall, items)| Message::Agree {
            session,
            epoch,
            wall,
            items
        }),
        (session(), any::<u64>(), wall(), vec(any::<u32>(), 0..4))
            .prop_map(|(session, round, wall, items)| Message::Agreed { session, round, wall, items }),
        (session(), epoch(), any::<u64>(), wall(), vec(spent(), 0..3))
            .prop_map(|(session, epoch, round, wall, items)| Message::Collect { session, epoch, round, wall, items }),
        (session(), any::<bool>()).prop_map(|(session, ok)| Message::Collected { session, ok }),
        (session(), any::<bool>()).prop_map(|(session, ok)| Message::Pushed { session, ok }),
        (session(), epoch(), vec((spot(), vec(any::<u64>(), 0..4)), 0..4))
            .prop_map(|(session, epoch, spots)| Message::Compare { session, epoch, spots }),
        (session(), vec(differences, 0..4)).prop_map(|(session, spots)| Message::Differ { session, spots }),
        (epoch(), vec(patch, 0..4)).prop_map(|(epoch, patches)| Message::Fetch { epoch, patches }),
    ]
    .boxed()
}

fn control_message() -> BoxedStrategy<Message> {
    prop_oneof![
        (epoch(), digest(), all_progress(), any::<bool>())
            .prop_map(|(epoch, head, progress, answer)| Message::Gossip { epoch, head, progress, answer }),
        epoch().prop_map(|from| Message::PullEvents { from }),
        vec(event(), 0..3).prop_map(|events| Message::Events { events }),
        (epoch(), ballot()).prop_map(|(epoch, ballot)| Message::Prepare { epoch, ballot }),
        (epoch(), ballot(), accepted()).prop_map(|(epoch, ballot, accepted)| Message::Promise {
            epoch,
            ballot,
            accepted
        }),
        (epoch(), ballot(), event()).prop_map(|(epoch, ballot, event)| Message::Accept { epoch, ballot, event }),
        (epoch(), ballot()).prop_map(|(epoch, ballot)| Message::Accepted { epoch, ballot }),
        (epoch(), ballot(), ballot()).prop_map(|(epoch, ballot, promised)| Message::Nack { epoch, ballot, promised }),
        number().prop_map(|nonce| Message::Ping { nonce }),
        number().prop_map(|nonce| Message::Pong { nonce }),
        (node(), number()).prop_map(|(about, nonce)| Message::ProbeFor { about, nonce }),
        (node(), number(), any::<bool>()).prop_map(|(about, nonce, reached)| Message::ProbedFor {
            about,
            nonce,
            reached
        }),
        (number(), any::<u128>(), number())
            .prop_map(|(op, trace, span)| Message::Traced { op: OpId(op), mark: TraceMark { trace, span } }),
    ]
    .boxed()
}

pub(crate) fn message() -> BoxedStrategy<Message> {
    prop_oneof![11 => items_message(), 6 => stream_message(), 11 => control_message()].boxed()
}
