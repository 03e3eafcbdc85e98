//! Events, acceptors, statuses, handshakes.

use super::{all_progress, bucket, digest, epoch, grid, member, node, number, progress, pulse, span, text, token};
use causal::Stamp;
use codec::{HandshakeRefusal, Hello, MetaRecord, Role, Welcome};
use liveness::Condition;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proto::paxos::{AcceptorState, Ballot};
use proto::{
    Act, ApiToken, Change, Event, Genesis, HintsWaiting, MemberStatus, Rate, Restored, Right, Status, TokenId,
};
use stdx::Wall;

fn restored() -> BoxedStrategy<Restored> {
    (digest(), text(), vec(text(), 0..3), any::<bool>(), any::<u64>())
        .prop_map(|(backup, name, buckets, overwrite, stamp)| Restored {
            backup,
            name,
            buckets,
            overwrite,
            stamp: Stamp::from_u64(stamp),
        })
        .boxed()
}

pub(crate) fn api_token() -> BoxedStrategy<ApiToken> {
    let act = prop_oneof![Just(Act::Monitor), Just(Act::Read), Just(Act::Write), Just(Act::Admin)];
    let right = (act, option::of(text())).prop_map(|(act, bucket)| Right { act, bucket });
    let rate = any::<(u32, u32)>().prop_map(|(per_second, burst)| Rate { per_second, burst });
    (any::<u64>(), text(), digest(), vec(right, 0..4), option::of(rate), option::of(number()))
        .prop_map(|(id, name, digest, scopes, rate, expires)| ApiToken {
            id: TokenId(id),
            name,
            digest,
            scopes,
            rate,
            expires: expires.map(Wall),
        })
        .boxed()
}

fn change() -> BoxedStrategy<Change> {
    let genesis = (any::<u128>(), grid(), any::<u8>(), any::<[u8; 32]>())
        .prop_map(|(cluster, grid, n, context_key)| Genesis { cluster, grid, n, context_key });
    prop_oneof![
        genesis.prop_map(Change::Create),
        (member(), any::<bool>()).prop_map(|(member, seed)| Change::Add { member, seed }),
        member().prop_map(|member| Change::Remove { member }),
        (node(), text(), text()).prop_map(|(node, name, uri)| Change::Readdress { node, name, uri }),
        bucket().prop_map(Change::Bucket),
        restored().prop_map(Change::Restored),
        api_token().prop_map(Change::Grant),
        any::<u64>().prop_map(|id| Change::Revoke { token: TokenId(id) }),
        member().prop_map(|member| Change::Eject { member }),
        (node(), member(), any::<bool>()).prop_map(|(old, member, seed)| Change::Replace { old, member, seed }),
        (node(), any::<u32>(), vec(token(), 0..3)).prop_map(|(node, weight, tokens)| Change::Reweigh {
            node,
            weight,
            tokens
        }),
        (epoch(), member(), any::<bool>()).prop_map(|(of, member, seed)| {
            let undo = if seed { Change::Add { member, seed } } else { Change::Remove { member } };
            Change::Abort { of, undo: Box::new(undo) }
        }),
    ]
    .boxed()
}

pub(crate) fn event() -> BoxedStrategy<Event> {
    (epoch(), digest(), number(), any::<u64>(), change())
        .prop_map(|(epoch, previous, at, nonce, change)| Event { epoch, previous, at: Wall(at), nonce, change })
        .boxed()
}

pub(crate) fn ballot() -> BoxedStrategy<Ballot> {
    (number(), node(), any::<u64>())
        .prop_map(|(counter, node, incarnation)| Ballot { counter, node, incarnation })
        .boxed()
}

pub(crate) fn accepted() -> BoxedStrategy<Option<(Ballot, Event)>> {
    option::of((ballot(), event())).boxed()
}

pub(crate) fn meta() -> BoxedStrategy<MetaRecord> {
    let state = (ballot(), accepted()).prop_map(|(promised, accepted)| AcceptorState { promised, accepted });
    prop_oneof![
        node().prop_map(MetaRecord::Node),
        any::<u64>().prop_map(MetaRecord::Incarnation),
        vec((node(), pulse()), 0..4).prop_map(MetaRecord::Pulses),
        event().prop_map(MetaRecord::Event),
        (epoch(), state).prop_map(|(epoch, state)| MetaRecord::Acceptor { epoch, state }),
        (progress(), epoch()).prop_map(|(progress, stable)| MetaRecord::Progress { progress, stable }),
        all_progress().prop_map(MetaRecord::Peers),
    ]
    .boxed()
}

fn member_status() -> BoxedStrategy<MemberStatus> {
    let conditions = [Condition::Unknown, Condition::Up, Condition::Suspect, Condition::Down];
    let condition = proptest::sample::select(conditions.to_vec());
    let seen = (condition, any::<bool>(), proptest::option::of(span()), any::<u32>());
    (member(), any::<bool>(), any::<bool>(), seen, progress(), any::<u32>())
        .prop_map(|(member, leaving, seed, seen, progress, copies)| MemberStatus {
            member,
            leaving,
            seed,
            condition: seen.0,
            reached_by_others: seen.1,
            round_trip: seen.2,
            phi: seen.3,
            progress,
            copies,
        })
        .boxed()
}

fn hints_waiting() -> impl Strategy<Value = HintsWaiting> {
    (node(), any::<u64>(), any::<[bool; 2]>()).prop_map(|(node, waiting, [more, full])| HintsWaiting {
        node,
        waiting,
        more,
        full,
    })
}

pub(crate) fn status() -> BoxedStrategy<Status> {
    let names = (node(), any::<u128>(), any::<u32>(), vec(node(), 0..3));
    let epochs = (epoch(), epoch(), epoch());
    let lists = (vec(member_status(), 0..3), vec(bucket(), 0..3), vec(text(), 0..3), vec(text(), 0..3));
    let state = (any::<u32>(), vec(hints_waiting(), 0..3), any::<bool>(), any::<(u64, u64)>());
    (names, epochs, lists, state)
        .prop_map(|(names, epochs, lists, state)| Status {
            node: names.0,
            cluster: names.1,
            epoch: epochs.0,
            stable: epochs.1,
            reading: epochs.2,
            partitions: names.2,
            members: lists.0,
            buckets: lists.1,
            voters: names.3,
            moving: state.0,
            hints: state.1,
            steps: lists.3,
            left: state.3,
            blocked: lists.2,
            leaving: state.2,
        })
        .boxed()
}

pub(crate) fn hello() -> BoxedStrategy<Hello> {
    let role = prop_oneof![Just(Role::Control), Just(Role::Data), Just(Role::Guest)];
    (any::<(u16, u16)>(), option::of(any::<u128>()), node(), pulse(), role, text())
        .prop_map(|((protocol_min, protocol_max), cluster, node, pulse, role, name)| Hello {
            protocol_min,
            protocol_max,
            cluster,
            node,
            pulse,
            role,
            name,
        })
        .boxed()
}

pub(crate) fn welcome() -> BoxedStrategy<Welcome> {
    let refusal = prop_oneof![
        any::<(u128, u128)>().prop_map(|(ours, theirs)| HandshakeRefusal::WrongCluster { ours, theirs }),
        any::<[(u16, u16); 2]>().prop_map(|[ours, theirs]| HandshakeRefusal::NoCommonProtocol { ours, theirs }),
        Just(HandshakeRefusal::UnknownNode),
        Just(HandshakeRefusal::NotReady),
        text().prop_map(HandshakeRefusal::Ejected),
        text().prop_map(HandshakeRefusal::Other),
    ];
    prop_oneof![
        (any::<u16>(), node(), any::<u128>(), pulse()).prop_map(|(protocol, node, cluster, pulse)| Welcome::Accepted {
            pulse,
            protocol,
            node,
            cluster
        }),
        refusal.prop_map(Welcome::Refused),
    ]
    .boxed()
}
