//! Requests and responses.

use super::cluster::{api_token, event, status};
use super::explain::explanation;
use super::register::{cas, current};
use super::{
    all_progress, bucket, bytes, context, decimal, digest, dot, durability, epoch, item_key, level, node, partition,
    record, span, text, token, tree, value, version,
};
use causal::Stamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::BucketId;
use proto::explain::Explain;
use proto::watch::{Changed, Followed, Interest, Places, Position, Watch, Watched};
use proto::{
    Admin, Found, Get, Join, Page, Plan, Put, Records, Refusal, Request, Response, Restore, Scan, Scope, TokenId,
};
use proto::{Amending, Amendment, Outcome, Unchanged, When};
use proto::{RepairStatus, Risk, Sibling, TreeStatus, Written};
use stdx::{Span, Wall};

fn put() -> BoxedStrategy<Put> {
    let settings = (option::of(level()), durability(), option::of(span()));
    (text(), item_key(), option::of(value()), option::of(context()), settings)
        .prop_map(|(bucket, key, value, context, (level, durability, ttl))| Put {
            bucket,
            key,
            value,
            context,
            level,
            durability,
            ttl,
        })
        .boxed()
}

fn scan() -> BoxedStrategy<Scan> {
    let scope = prop_oneof![
        (bytes(), option::of(bytes()), option::of(bytes()), option::of(item_key()))
            .prop_map(|(partition_key, from, to, after)| Scope::SortKeys { partition_key, from, to, after }),
        (partition(), option::of(item_key())).prop_map(|(partition, after)| Scope::Partition { partition, after }),
    ];
    (text(), scope, any::<u32>(), option::of(level()))
        .prop_map(|(bucket, scope, limit, level)| Scan { bucket, scope, limit, level })
        .boxed()
}

fn join() -> BoxedStrategy<Join> {
    let names = (node(), text(), text(), option::of(text()));
    let numbers = (vec(token(), 0..3), any::<u16>(), any::<u32>());
    (names, numbers, any::<[bool; 3]>())
        .prop_map(|(names, numbers, flags)| Join {
            node: names.0,
            name: names.1,
            name_is_fixed: flags[0],
            uri: names.2,
            tokens: numbers.0,
            token_count: numbers.1,
            random_tokens: flags[1],
            weight: numbers.2,
            zone: names.3,
            seed: flags[2],
        })
        .boxed()
}

fn admin() -> BoxedStrategy<Admin> {
    prop_oneof![
        act(),
        act().prop_map(|change| Admin::Plan(Box::new(change))),
        (act(), digest()).prop_map(|(change, plan)| Admin::Apply { change: Box::new(change), plan }),
    ]
    .boxed()
}

fn act() -> BoxedStrategy<Admin> {
    prop_oneof![
        Just(Admin::Status),
        Just(Admin::History),
        join().prop_map(Admin::Join),
        node().prop_map(|node| Admin::Leave { node }),
        node().prop_map(|node| Admin::Remove { node }),
        (text(), join()).prop_map(|(old, join)| Admin::Replace { old, join }),
        (node(), any::<u32>()).prop_map(|(node, weight)| Admin::Reweigh { node, weight }),
        Just(Admin::Abort),
        option::of(partition()).prop_map(|partition| Admin::RepairStatus { partition }),
        Just(Admin::RepairRun),
        bucket().prop_map(Admin::SetBucket),
        api_token().prop_map(Admin::Grant),
        any::<u64>().prop_map(|id| Admin::Revoke { token: TokenId(id) }),
        (digest(), text(), vec(text(), 0..3), any::<bool>())
            .prop_map(|(backup, name, buckets, overwrite)| { Admin::Restored { backup, name, buckets, overwrite } }),
        (text(), text()).prop_map(|(name, uri)| Admin::Readdress { name, uri }),
    ]
    .boxed()
}

fn amending() -> BoxedStrategy<Amending> {
    let when =
        prop_oneof![Just(When::There), Just(When::Endless), Just(When::Ending), Just(When::Later), Just(When::Earlier)];
    let amendment = prop_oneof![
        (decimal(), any::<bool>()).prop_map(|(by, whole)| Amendment::Add { by, whole }),
        (option::of(any::<u64>()), when)
            .prop_map(|(expires, when)| Amendment::End { expires: expires.map(Wall), when }),
        option::of(value()).prop_map(Amendment::Put),
    ];
    let ends = option::of(any::<u64>().prop_map(Wall));
    (text(), item_key(), amendment, ends, option::of(level()), durability())
        .prop_map(|(bucket, key, amendment, ends, level, durability)| Amending {
            bucket,
            key,
            amendment,
            ends,
            level,
            durability,
        })
        .boxed()
}

fn position() -> BoxedStrategy<Position> {
    any::<(u64, u64)>().prop_map(|(life, seq)| Position { life, seq }).boxed()
}

fn watch() -> BoxedStrategy<Watch> {
    let interest = (any::<u32>().prop_map(BucketId), option::of(partition()))
        .prop_map(|(bucket, partition)| Interest { bucket, partition });
    prop_oneof![
        (option::of(text()), option::of(bytes()), vec(node(), 0..3), option::of(node()))
            .prop_map(|(bucket, partition_key, prefer, avoid)| Watch::Places { bucket, partition_key, prefer, avoid }),
        (node(), vec(interest, 0..3), option::of(position()), any::<u32>())
            .prop_map(|(node, interests, after, limit)| Watch::Follow { node, interests, after, limit }),
    ]
    .boxed()
}

fn watched() -> BoxedStrategy<Watched> {
    let key = (any::<u32>().prop_map(BucketId), partition(), item_key());
    let times = (option::of(any::<u64>().prop_map(Stamp::from_u64)), option::of(any::<u64>().prop_map(Wall)));
    let changed =
        (any::<(u64, bool)>(), key, times).prop_map(|((seq, gone), (bucket, partition, key), (stamp, expires))| {
            Changed { seq, bucket, partition, key, stamp, expires, gone }
        });
    let of = vec((node(), vec(partition(), 0..3)), 0..3);
    prop_oneof![
        (option::of(any::<u32>().prop_map(BucketId)), (epoch(), epoch(), epoch()), of)
            .prop_map(|(bucket, views, of)| Watched::Places(Places { bucket, views, of })),
        (position(), any::<u64>(), vec(any::<u64>(), 0..3), vec(changed, 0..3), any::<bool>()).prop_map(
            |(at, oldest, since, changes, more)| Watched::Followed(Followed { at, oldest, since, changes, more })
        ),
    ]
    .boxed()
}

pub(crate) fn request() -> BoxedStrategy<Request> {
    let get = (text(), item_key(), option::of(level())).prop_map(|(bucket, key, level)| Get { bucket, key, level });
    let restore = (text(), item_key(), record(), option::of(level()))
        .prop_map(|(bucket, key, record, level)| Request::Restore(Restore { bucket, key, record, level }));
    prop_oneof![
        get.prop_map(Request::Get),
        put().prop_map(Request::Put),
        cas().prop_map(Request::Cas),
        watch().prop_map(Request::Watch),
        scan().prop_map(Request::Scan),
        scan().prop_map(Request::Dump),
        restore,
        amending().prop_map(Request::Amend),
        (text(), item_key()).prop_map(|(bucket, key)| Request::Explain(Explain { bucket, key })),
        admin().prop_map(Request::Admin),
    ]
    .boxed()
}

fn siblings() -> BoxedStrategy<Vec<Sibling>> {
    vec((dot(), version()).prop_map(|(dot, version)| Sibling { dot, version }), 0..3).boxed()
}

fn repair_status() -> BoxedStrategy<RepairStatus> {
    let since = vec((node(), any::<u64>().prop_map(Wall)), 0..3);
    let tree_status = (tree(), option::of(any::<u64>().prop_map(Wall)), since, vec(node(), 0..3)).prop_map(
        |(tree, identical_at, differing, not_compared)| TreeStatus { tree, identical_at, differing, not_compared },
    );
    let collected = (any::<u32>(), any::<u64>(), vec(text(), 0..3));
    let oldest = option::of(any::<u64>().prop_map(Wall));
    (option::of(node()), any::<[u32; 8]>(), oldest, vec(tree_status, 0..3), collected)
        .prop_map(|(node, numbers, oldest, listed, (spent, collected, uncollected))| RepairStatus {
            node,
            trees: numbers[0],
            identical: numbers[1],
            differing: numbers[2],
            oldest,
            building: numbers[3],
            comparing: numbers[4],
            left_in_pass: numbers[5],
            repairing: numbers[6],
            damaged: numbers[7],
            spent,
            collected,
            uncollected,
            listed,
        })
        .boxed()
}

fn plan() -> BoxedStrategy<Plan> {
    let gains = vec((node(), any::<u32>()), 0..3);
    (digest(), epoch(), option::of(node()), gains, any::<(u32, u64, u64, [u32; 4])>())
        .prop_map(|(id, epoch, node, gains, (partitions, bytes, seconds, [at_risk, lost, single, thin]))| Plan {
            id,
            epoch,
            node,
            gains,
            partitions,
            bytes,
            seconds,
            risk: Risk { at_risk, lost, single, thin },
        })
        .boxed()
}

fn refusal() -> BoxedStrategy<Refusal> {
    prop_oneof![
        text().prop_map(Refusal::UnknownBucket),
        (level(), any::<u8>()).prop_map(|(level, replicas)| Refusal::LevelImpossible { level, replicas }),
        any::<(u8, u8)>().prop_map(|(needed, reachable)| Refusal::OutOfReach { needed, reachable }),
        any::<(u8, u8, bool)>().prop_map(|(needed, got, write)| Refusal::QuorumUnmet { needed, got, write }),
        any::<bool>().prop_map(|write| Refusal::NoAnswer { write }),
        text().prop_map(Refusal::NotReady),
        Just(Refusal::Overloaded),
        any::<u32>().prop_map(|count| Refusal::TooManySiblings { count }),
        Just(Refusal::ContextUnknown),
        text().prop_map(Refusal::ModeUnsupported),
        current().prop_map(|current| Refusal::ConditionFailed(Box::new(current))),
        Just(Refusal::OutcomeUnknown),
        Just(Refusal::Unchanged(Unchanged::NotANumber)),
        Just(Refusal::Unchanged(Unchanged::Known)),
        Just(Refusal::DiskFull),
        text().prop_map(Refusal::StorageFailed),
        text().prop_map(Refusal::ChangeRefused),
        any::<(u8, u8)>().prop_map(|(voters, reached)| Refusal::NoMajority { voters, reached }),
        Just(Refusal::PlanChanged),
        text().prop_map(Refusal::Invalid),
        text().prop_map(Refusal::NotAllowed),
        any::<u64>().prop_map(|micros| Refusal::TooFast { wait: Span::micros(micros) }),
    ]
    .boxed()
}

pub(crate) fn response() -> BoxedStrategy<Response> {
    let found = (siblings(), context(), option::of(any::<u64>()), any::<u8>()).prop_map(
        |(siblings, context, newest, answered)| Found {
            siblings,
            context,
            newest: newest.map(Stamp::from_u64),
            answered,
        },
    );
    let written = (context(), any::<u8>()).prop_map(|(context, acknowledged)| Written { context, acknowledged });
    let page =
        (vec((item_key(), siblings()), 0..3), option::of(item_key())).prop_map(|(items, next)| Page { items, next });
    let records =
        (vec((item_key(), record()), 0..3), option::of(item_key())).prop_map(|(items, next)| Records { items, next });
    let changed = (vec(event(), 0..3), option::of(node()), all_progress())
        .prop_map(|(history, node, progress)| Response::Changed { history, node, progress });
    prop_oneof![
        found.prop_map(Response::Found),
        written.prop_map(Response::Written),
        (bytes(), option::of(any::<u64>()), any::<u8>()).prop_map(|(value, expires, acknowledged)| {
            Response::Amended(Outcome { value, expires: expires.map(Wall), acknowledged })
        }),
        page.prop_map(Response::Page),
        records.prop_map(Response::Records),
        explanation().prop_map(|explanation| Response::Explained(Box::new(explanation))),
        current().prop_map(Response::Current),
        current().prop_map(Response::Swapped),
        status().prop_map(|status| Response::Status(Box::new(status))),
        vec(event(), 0..3).prop_map(Response::History),
        changed,
        plan().prop_map(Response::Plan),
        repair_status().prop_map(|status| Response::Repair(Box::new(status))),
        refusal().prop_map(Response::Refused),
        watched().prop_map(|watched| Response::Watched(Box::new(watched))),
    ]
    .boxed()
}
