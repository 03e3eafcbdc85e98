//! Changes that one node hands to another, and that the network or a queue keeps until nobody waits for them any more.
//!
//! A register remembers its last 16 changes by id. So a change that comes so late that 16 others were made since it was asked
//! for again elsewhere would be made a second time, were its sender not asked whether it still waits
//! (`docs/adr/0024-handed-changes-are-confirmed.md`).

mod support;

use bytes::Bytes;
use node::proto::{Cas, ChangeId, Edit, Ends, Expect, Get, ItemKey, Message, Refusal, Request, Response, Tried};
use node::{NodeEffect, NodeInput};
use ring::NodeId;
use support::Cluster;

/// More than a register remembers.
const OTHERS: usize = 20;

fn add(by: i64) -> Cas {
    let (bucket, key) = ("locks".to_owned(), ItemKey::plain("k"));
    Cas { bucket, key, expect: Expect::Any, edit: Edit::Add(by), ends: Ends::Never, id: None, tried: Tried::No }
}

fn is_forward(input: &NodeInput) -> bool {
    matches!(input, NodeInput::Peer { message: Message::Forward { .. }, .. })
}

/// The number that everybody reads at this node.
fn read(cluster: &mut Cluster, at: u128) -> Option<Bytes> {
    let get = Get { bucket: "locks".to_owned(), key: ItemKey::plain("k"), level: None };
    match cluster.ask(at, Request::Get(get)) {
        Response::Current(current) => current.value.map(|value| value.bytes),
        other => panic!("{other:?}"),
    }
}

/// A cluster whose nodes know each other's lives, so that a change is handed on at once, and one of them that hands on
/// changes of the item.
fn cluster() -> (Cluster, u128) {
    let mut cluster = Cluster::with_locks();
    for at in 1..=4 {
        cluster.ask(at, Request::Cas(add(0)));
    }
    let mut hands_on = |at: &u128| {
        let client = cluster.hand_in(*at, Request::Cas(add(0)));
        step(&mut cluster);
        let is_handed_on = cluster.queue.iter().any(|(_, input)| is_forward(input));
        cluster.deliver();
        assert!(matches!(cluster.answer(client), Response::Swapped(_)));
        is_handed_on
    };
    let sender = (1..=4).find(&mut hands_on).expect("three of four are not the first replica");
    (cluster, sender)
}

/// The first input of the queue, and nothing that follows from it.
fn step(cluster: &mut Cluster) {
    let (at, input) = cluster.queue.pop_front().expect("something is under way");
    let mut effects: Vec<NodeEffect> = Vec::new();
    let now = cluster.time();
    cluster.nodes.get_mut(&at).expect("it runs").handle(now, input, &mut effects);
    cluster.carry_out(at, effects);
}

/// Takes what is handed on out of the network.
fn keep_forward(cluster: &mut Cluster) -> (NodeId, NodeInput) {
    cluster.deliver_until(|cluster| cluster.queue.iter().any(|(_, input)| is_forward(input)));
    let at = cluster.queue.iter().position(|(_, input)| is_forward(input)).expect("just seen");
    cluster.queue.remove(at).expect("just seen")
}

fn others(cluster: &mut Cluster) {
    for _ in 0..OTHERS {
        assert!(matches!(cluster.ask(1, Request::Cas(add(1_000))), Response::Swapped(_)));
    }
}

#[test]
fn what_the_network_kept_beyond_its_time_is_not_made_beside_what_was_asked_for_again() {
    let (mut cluster, sender) = cluster();
    let named = Cas { id: Some(ChangeId(7)), ..add(1) };
    let client = cluster.hand_in(sender, Request::Cas(named.clone()));
    let kept = keep_forward(&mut cluster);
    cluster.run();
    assert_eq!(cluster.answer(client), Response::Refused(Refusal::NoAnswer { write: true }));
    let again = cluster.ask(1 + sender % 4, Request::Cas(Cas { tried: Tried::Before, ..named }));
    assert!(matches!(again, Response::Swapped(_)), "{again:?}");
    others(&mut cluster);
    cluster.queue.push_back(kept);
    cluster.deliver();
    assert_eq!(read(&mut cluster, 3), Some("20001".into()));
    assert!(matches!(cluster.ask(1, Request::Cas(add(1))), Response::Swapped(_)), "nobody waits behind it");
}

#[test]
fn what_was_handed_to_a_second_node_is_not_made_by_the_first_later() {
    let (mut cluster, sender) = cluster();
    let client = cluster.hand_in(sender, Request::Cas(add(1)));
    let (first, kept) = keep_forward(&mut cluster);
    cluster.queue.push_back((NodeId(sender), NodeInput::Unreachable { peer: first }));
    cluster.run();
    assert!(matches!(cluster.answer(client), Response::Swapped(_)));
    others(&mut cluster);
    cluster.queue.push_back((first, kept));
    cluster.deliver();
    assert_eq!(read(&mut cluster, 3), Some("20001".into()));
}
