//! Nodes that die, are replaced, removed and weighed anew, and changes that are taken back.

mod support;

use node::proto::{Admin, Bucket, BucketId, Epoch, Message, OpId, Refusal, Response};
use node::{NodeEffect, NodeInput};
use ring::NodeId;
use support::{Cluster, join};

const KEYS: u32 = 60;

fn filled(n: u8, nodes: u128) -> Cluster {
    let mut cluster = Cluster::of(n, nodes);
    for i in 0..KEYS {
        let answer = cluster.put(1, "default", &format!("key_{i}"), Some("v"), None);
        assert!(matches!(answer, Response::Written(_)), "{answer:?}");
    }
    cluster.run();
    cluster
}

/// Every key has its copies and nobody holds more.
fn assert_complete(cluster: &mut Cluster, at: u128, n: usize) {
    let running: Vec<u128> = cluster.nodes.keys().map(|node| node.0).collect();
    let copies: usize = running.iter().map(|id| cluster.copies(*id)).sum();
    assert_eq!(copies, KEYS as usize * n);
    for i in 0..KEYS {
        assert_eq!(cluster.get(at, "default", &format!("key_{i}"), None).0, ["v"]);
    }
}

fn replace(old: u128, new: u128) -> Admin {
    Admin::Replace { old: format!("node-{old}"), join: join(new) }
}

#[test]
fn a_dead_node_is_replaced_and_banned() {
    let mut cluster = filled(3, 4);
    let why = cluster.refusal(1, replace(3, 5));
    assert!(why.contains("node-3") && why.contains("is alive") && why.contains("leave"), "{why}");
    cluster.kill(3);
    cluster.run();
    let plan = cluster.plan(1, &replace(3, 5));
    assert_eq!((plan.risk.at_risk, plan.risk.lost, plan.gains.len()), (0, 0, 1));
    let tokens = |cluster: &mut Cluster, id: u128| {
        let status = cluster.status(1);
        status.members.into_iter().find(|member| member.member.id == NodeId(id)).map(|member| member.member.tokens)
    };
    let before = tokens(&mut cluster, 3).expect("it is a member");
    let answer = cluster.change(2, replace(3, 5));
    cluster.adopt(5, answer);
    cluster.settle();
    assert_eq!(tokens(&mut cluster, 5), Some(before));
    assert_eq!(tokens(&mut cluster, 3), None);
    assert_complete(&mut cluster, 5, 3);

    // The old one comes back: it learns that it is out, and stays so at each start.
    cluster.restart(3);
    cluster.run();
    for _ in 0..2 {
        let why = cluster.ejected.remove(&NodeId(3)).expect("it was told");
        assert!(why.contains("replaced by node-5") && why.contains("data directory"), "{why}");
        let refused = cluster.put(3, "default", "key_1", Some("old"), None);
        assert!(matches!(refused, Response::Refused(Refusal::NotReady(_))), "{refused:?}");
        cluster.kill(3);
        cluster.restart(3);
    }
    cluster.kill(3);
    let why = cluster.refusal(1, Admin::Join(join(3)));
    assert!(why.contains("for good"), "{why}");
    assert!(cluster.refusal(1, replace(3, 6)).contains("already"));
    // Who asks again has lost the answer.
    assert!(matches!(cluster.change(1, replace(3, 5)), Response::Changed { .. }));
}

#[test]
fn nobody_listens_to_a_banned_node() {
    let mut cluster = filled(3, 4);
    cluster.kill(3);
    cluster.run();
    assert!(matches!(cluster.change(1, Admin::Remove { node: NodeId(3) }), Response::Changed { .. }));
    cluster.settle();
    let epoch = cluster.status(1).epoch;
    let now = cluster.time();
    let say = |cluster: &mut Cluster, message: Message| {
        let mut effects = Vec::new();
        let node = cluster.nodes.get_mut(&NodeId(1)).expect("it runs");
        node.handle(now, NodeInput::Peer { from: NodeId(3), message }, &mut effects);
        effects.retain(|effect| matches!(effect, NodeEffect::Send { to: NodeId(3), .. }));
        effects
    };
    let key = node::proto::ItemKey::plain("key_1");
    let read = Message::Read { op: OpId(1), epoch, bucket: node::proto::BucketId::DEFAULT, key };
    assert!(say(&mut cluster, read).is_empty());
    assert!(say(&mut cluster, Message::Ping { nonce: 1 }).is_empty());
    let taught = say(&mut cluster, Message::PullEvents { from: Epoch(2) });
    assert!(matches!(taught.as_slice(), [NodeEffect::Send { message: Message::Events { .. }, .. }]), "{taught:?}");
}

#[test]
fn a_dead_node_is_removed_and_its_data_made_anew() {
    let mut cluster = filled(3, 5);
    let remove = Admin::Remove { node: NodeId(4) };
    assert!(cluster.refusal(2, remove.clone()).contains("is alive"));
    assert!(cluster.refusal(2, Admin::Remove { node: NodeId(9) }).contains("no such member"));
    cluster.kill(4);
    cluster.run();
    let plan = cluster.plan(2, &remove);
    assert!(plan.partitions > 0 && plan.risk.at_risk == 0, "{plan:?}");
    let apply = Admin::Apply { change: Box::new(remove.clone()), plan: plan.id };
    assert!(matches!(cluster.change(1, apply.clone()), Response::Changed { .. }));
    cluster.settle();
    assert_complete(&mut cluster, 2, 3);
    // It is so already.
    assert!(matches!(cluster.change(3, remove), Response::Changed { .. }));
}

#[test]
fn what_may_lose_data_needs_the_plan_that_showed_it() {
    let mut cluster = filled(3, 6);
    for id in [5, 6] {
        cluster.kill(id);
    }
    cluster.run();
    let remove = Admin::Remove { node: NodeId(5) };
    let why = cluster.refusal(1, remove.clone());
    assert!(why.contains("may lose data") && why.contains("plan"), "{why}");
    let plan = cluster.plan(1, &remove);
    assert!(plan.risk.at_risk > 0 && plan.risk.single > 0 && plan.risk.lost == 0, "{plan:?}");
    let wrong = Admin::Apply { change: Box::new(Admin::Remove { node: NodeId(6) }), plan: plan.id };
    assert_eq!(cluster.change(1, wrong), Response::Refused(Refusal::PlanChanged));
    let apply = Admin::Apply { change: Box::new(remove), plan: plan.id };
    assert!(matches!(cluster.change(1, apply), Response::Changed { .. }));
    let remove = Admin::Remove { node: NodeId(6) };
    let plan = cluster.plan(1, &remove);
    assert!(matches!(
        cluster.change(1, Admin::Apply { change: Box::new(remove), plan: plan.id }),
        Response::Changed { .. }
    ));
    cluster.settle();
    // Everything was on all replicas, so nothing is lost.
    assert_complete(&mut cluster, 3, 3);
}

#[test]
fn a_plan_is_refused_when_the_cluster_has_changed() {
    let mut cluster = filled(2, 4);
    let leave = Admin::Leave { node: NodeId(3) };
    let plan = cluster.plan(1, &leave);
    assert_eq!(cluster.plan(2, &leave).id, plan.id, "every node makes the same plan");
    let reweigh = Admin::Reweigh { node: NodeId(2), weight: 200 };
    assert!(matches!(cluster.change(1, reweigh), Response::Changed { .. }));
    let apply = Admin::Apply { change: Box::new(leave), plan: plan.id };
    assert_eq!(cluster.change(1, apply), Response::Refused(Refusal::PlanChanged));
}

#[test]
fn a_node_gets_another_weight() {
    let mut cluster = filled(1, 4);
    let share = |cluster: &mut Cluster| {
        let status = cluster.status(1);
        let member = status.members.into_iter().find(|member| member.member.id == NodeId(2)).expect("a member");
        (member.member.weight, member.copies)
    };
    let (_, before) = share(&mut cluster);
    let reweigh = Admin::Reweigh { node: NodeId(2), weight: 300 };
    let plan = cluster.plan(3, &reweigh);
    assert!(plan.gains.iter().all(|(node, _)| *node == NodeId(2)), "{plan:?}");
    let apply = Admin::Apply { change: Box::new(reweigh), plan: plan.id };
    assert!(matches!(cluster.change(4, apply), Response::Changed { .. }));
    cluster.settle();
    let (weight, after) = share(&mut cluster);
    assert!(weight == 300 && after > before, "{before} {after}");
    assert_complete(&mut cluster, 3, 1);
    assert!(cluster.refusal(1, Admin::Reweigh { node: NodeId(2), weight: 0 }).contains("weight"));
}

/// A cluster in which a node is away that alone holds a part of the data, so that a change cannot go on.
fn stuck() -> Cluster {
    let mut cluster = filled(1, 4);
    cluster.kill(4);
    cluster.run();
    cluster
}

#[test]
fn a_join_is_taken_back() {
    let mut cluster = stuck();
    let answer = cluster.change(1, Admin::Join(join(5)));
    cluster.adopt(5, answer);
    cluster.run();
    let status = cluster.status(2);
    assert!(status.stable < status.epoch && status.steps.len() == 1, "{status:?}");
    assert!(status.steps[0].contains("node-5 joins"), "{:?}", status.steps);
    assert!(status.blocked.iter().any(|why| why.contains("node-4")), "{:?}", status.blocked);
    assert!(matches!(cluster.change(2, Admin::Abort), Response::Changed { .. }));
    assert!(cluster.refusal(2, Admin::Abort).contains("has just been taken back"));
    cluster.put(1, "default", "key_1", Some("v"), None);
    cluster.restart(4);
    cluster.settle();
    assert!(cluster.left.contains(&NodeId(5)), "the newcomer goes again");
    assert_complete(&mut cluster, 3, 1);
    assert!(cluster.refusal(2, Admin::Abort).contains("no change is under way"));
}

/// Sim seed 9439303485685531263: the newcomer of a join that was taken back never came up, and everybody waited for it.
#[test]
fn a_join_is_taken_back_although_the_newcomer_never_came_up() {
    let mut cluster = filled(3, 4);
    let answer = cluster.change(1, Admin::Join(join(5)));
    assert!(matches!(answer, Response::Changed { .. }));
    assert!(cluster.refusal(2, Admin::Abort).contains("not yet clear whether node-5"));
    cluster.run();
    let status = cluster.status(2);
    assert!(status.blocked.iter().any(|why| why.contains("node-5") && why.contains("remove")), "{:?}", status.blocked);
    assert!(matches!(cluster.change(2, Admin::Abort), Response::Changed { .. }));
    cluster.settle();
    let status = cluster.status(2);
    assert_eq!((status.stable, status.members.len()), (status.epoch, 4));
    assert_complete(&mut cluster, 3, 3);
}

#[test]
fn a_leave_is_taken_back() {
    let mut cluster = stuck();
    assert!(matches!(cluster.change(3, Admin::Leave { node: NodeId(3) }), Response::Changed { .. }));
    assert!(matches!(cluster.change(1, Admin::Abort), Response::Changed { .. }));
    cluster.restart(4);
    cluster.settle();
    assert!(!cluster.left.contains(&NodeId(3)));
    assert_complete(&mut cluster, 3, 1);
    assert!(cluster.copies(3) > 0);
}

/// Sim seed 8557678314680522642: what nobody had been asked to accept was proposed again when it was no longer so, and a
/// node that had left and ended was a member again.
#[test]
fn a_leave_that_settles_while_the_abort_waits_for_voters_is_not_taken_back() {
    let mut cluster = filled(3, 4);
    cluster.begin(1, Admin::Leave { node: NodeId(4) });
    let epoch = cluster.nodes[&NodeId(1)].machine().history().epoch();
    cluster.deliver_until(|cluster| cluster.nodes[&NodeId(2)].machine().history().epoch() == epoch);
    let abort = cluster.post(2, Admin::Abort);
    let is_prepare = |input: &NodeInput| matches!(input, NodeInput::Peer { message: Message::Prepare { epoch: of, .. }, .. } if *of == epoch.next());
    cluster.deliver_until(|cluster| cluster.queue.iter().any(|(_, input)| is_prepare(input)));
    cluster.queue.retain(|(_, input)| !is_prepare(input));
    cluster.deliver();
    cluster.settle();
    let answer = cluster.answer(abort);
    let Response::Refused(Refusal::ChangeRefused(why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("no change is under way"), "{why}");
    assert!(cluster.left.contains(&NodeId(4)));
    assert_complete(&mut cluster, 2, 3);
}

/// Sim seed 4673145337899112467: an abort that one voter had accepted was decided long after, when its change had settled.
#[test]
fn what_one_voter_has_accepted_is_decided_before_anything_settles() {
    let mut cluster = filled(3, 4);
    cluster.begin(1, Admin::Leave { node: NodeId(4) });
    let epoch = cluster.nodes[&NodeId(1)].machine().history().epoch();
    cluster.deliver_until(|cluster| cluster.nodes[&NodeId(2)].machine().history().epoch() == epoch);
    cluster.post(2, Admin::Abort);
    let is_accept = |input: &NodeInput| matches!(input, NodeInput::Peer { message: Message::Accept { epoch: of, .. }, .. } if *of == epoch.next());
    cluster.deliver_until(|cluster| cluster.queue.iter().any(|(to, input)| *to == NodeId(3) && is_accept(input)));
    cluster.queue.retain(|(to, input)| *to == NodeId(3) || !is_accept(input));
    cluster.kill(2);
    cluster.deliver();
    assert_eq!(cluster.nodes[&NodeId(3)].machine().history().epoch(), epoch, "nobody has heard what was decided");
    cluster.run();
    assert_eq!(cluster.nodes[&NodeId(1)].machine().history().epoch(), epoch.next(), "the voter has proposed it itself");
    cluster.restart(2);
    cluster.settle();
    assert!(!cluster.left.contains(&NodeId(4)));
    assert_complete(&mut cluster, 2, 3);
}

#[test]
fn a_weight_and_a_number_of_copies_are_taken_back() {
    let mut cluster = stuck();
    let before = cluster.status(1).members;
    assert!(matches!(cluster.change(1, Admin::Reweigh { node: NodeId(2), weight: 50 }), Response::Changed { .. }));
    assert!(matches!(cluster.change(1, Admin::Abort), Response::Changed { .. }));
    let bucket = Bucket::default_bucket(2);
    assert!(matches!(cluster.change(1, Admin::SetBucket(bucket)), Response::Changed { .. }));
    assert!(matches!(cluster.change(2, Admin::Abort), Response::Changed { .. }));
    cluster.restart(4);
    cluster.settle();
    let after = cluster.status(1).members;
    assert!(before.iter().zip(&after).all(|(before, after)| before.member == after.member));
    assert_complete(&mut cluster, 4, 1);
}

#[test]
fn a_replacement_is_not_taken_back() {
    let mut cluster = filled(2, 5);
    cluster.kill(4);
    cluster.kill(5);
    cluster.run();
    let plan = cluster.plan(1, &replace(4, 6));
    let answer = cluster.change(1, Admin::Apply { change: Box::new(replace(4, 6)), plan: plan.id });
    assert!(matches!(answer, Response::Changed { .. }), "{answer:?}");
    assert!(cluster.refusal(1, Admin::Abort).contains("never comes back"));
}

#[test]
fn two_operators_get_one_order_and_one_refusal() {
    let mut cluster = filled(3, 5);
    cluster.kill(4);
    cluster.run();
    let answers = cluster.ask_both((1, replace(4, 6)), (2, replace(4, 7)));
    let (done, refused): (Vec<Response>, Vec<Response>) =
        answers.into_iter().partition(|answer| matches!(answer, Response::Changed { .. }));
    let [Response::Changed { node: Some(winner), .. }] = done.as_slice() else { panic!("{done:?}") };
    let [Response::Refused(Refusal::ChangeRefused(why))] = refused.as_slice() else { panic!("{refused:?}") };
    assert!(why.contains("already"), "{why}");
    let winner = winner.0;
    cluster.adopt(winner, done.into_iter().next().expect("just seen"));
    cluster.settle();
    assert_complete(&mut cluster, 2, 3);
}

/// The replica sets shrink, so the others do not go on without the leaver by themselves.
#[test]
fn a_leaver_that_dies_on_its_way_out_is_removed() {
    let mut cluster = filled(3, 3);
    cluster.begin(1, Admin::Leave { node: NodeId(3) });
    cluster.kill(3);
    cluster.run();
    let status = cluster.status(1);
    assert!(status.stable < status.epoch, "what the leaver holds is not handed over");
    assert!(status.blocked.iter().any(|why| why.contains("node-3")), "{:?}", status.blocked);
    assert!(matches!(cluster.change(1, Admin::Remove { node: NodeId(3) }), Response::Changed { .. }));
    cluster.settle();
    assert_complete(&mut cluster, 1, 2);
}

/// The replica sets keep their size, so the others go on without the leaver; only collection waits for it.
#[test]
fn a_leaver_that_dies_before_it_has_settled_is_given_up() {
    let mut cluster = filled(3, 5);
    cluster.begin(1, Admin::Leave { node: NodeId(5) });
    cluster.kill(5);
    cluster.settle();
    let uncollected = |cluster: &mut Cluster| match cluster.change(1, Admin::RepairStatus { partition: None }) {
        Response::Repair(status) => status.uncollected.join("; "),
        other => panic!("{other:?}"),
    };
    let status = cluster.status(1);
    assert_eq!(status.stable, status.epoch, "the others have gone on without it");
    assert!(status.members.iter().any(|known| known.member.id == NodeId(5) && known.leaving), "it is still named");
    let advice = "`alianza cluster remove node-5`";
    assert!(status.blocked.iter().any(|why| why.contains(advice)), "{:?}", status.blocked);
    assert!(uncollected(&mut cluster).contains(advice), "{}", uncollected(&mut cluster));
    let remove = Admin::Remove { node: NodeId(5) };
    let plan = cluster.plan(2, &remove);
    assert_eq!((plan.partitions, plan.risk.at_risk), (0, 0), "nothing is left to move");
    assert!(matches!(cluster.change(2, remove.clone()), Response::Changed { .. }));
    cluster.settle();
    assert_eq!((uncollected(&mut cluster), cluster.status(1).blocked), (String::new(), Vec::new()));
    assert!(cluster.status(3).members.iter().all(|known| known.member.id != NodeId(5)));
    assert_complete(&mut cluster, 2, 3);
    // Given up for good: everybody has that on disk, and what it says counts no more.
    for id in 1..=4 {
        cluster.kill(id);
        cluster.restart(id);
    }
    cluster.settle();
    assert_eq!(uncollected(&mut cluster), "");
    assert_complete(&mut cluster, 3, 3);
}

/// Sim seed 12627717850144637723: a node that had not handed over what it gave up by the first change did both at once,
/// when the others had handed over the first one alone. What it was given by the first was handed on by nobody.
#[test]
fn a_change_that_others_have_handed_over_is_not_passed_over() {
    let mut cluster = filled(1, 5);
    let three = Bucket { id: BucketId(7), name: "three".to_owned(), ..Bucket::default_bucket(3) };
    assert!(matches!(cluster.change(1, Admin::SetBucket(three)), Response::Changed { .. }));
    cluster.settle();
    for i in 0..KEYS {
        cluster.put(1, "three", &format!("key_{i}"), Some("v"), None);
    }
    // What 1 says to 4 is lost, so that 4 cannot hand over.
    cluster.cut.insert((NodeId(1), NodeId(4)));
    cluster.begin(2, Admin::Leave { node: NodeId(5) });
    cluster.run();
    let epoch = cluster.nodes[&NodeId(2)].machine().history().epoch();
    let synced = |id| cluster.nodes[&NodeId(id)].machine().progress_of(NodeId(id)).synced;
    assert!(synced(5) == epoch && synced(4) < epoch);
    // What 5 has given to 4 goes to 3.
    cluster.begin(2, Admin::Reweigh { node: NodeId(3), weight: 300 });
    cluster.run();
    cluster.cut.clear();
    cluster.settle();
    for i in 0..KEYS {
        assert_eq!(cluster.get(2, "default", &format!("key_{i}"), None).0, ["v"], "key_{i}");
    }
}

/// Sim seed 16652775523305119143: the image was younger than the last pulse, so its old round of collection was taken, and what
/// the node pushed was refused for ever.
#[test]
fn a_directory_that_knows_fewer_steps_than_were_told_is_noticed() {
    let mut cluster = filled(3, 4);
    let told = |cluster: &Cluster| cluster.nodes[&NodeId(1)].machine().progress_of(NodeId(4));
    // A pulse goes with the first write after a while; the image is younger.
    for i in 0..KEYS {
        cluster.put(4, "default", &format!("key_{i}"), Some("w"), None);
    }
    let (image, before) = (cluster.disks[&NodeId(4)].fork(), told(&cluster));
    cluster.begin(1, Admin::SetBucket(Bucket::default_bucket(2)));
    cluster.deliver();
    assert!(
        told(&cluster).acked > before.acked && told(&cluster).pulse.number == before.pulse.number,
        "{:?}",
        told(&cluster)
    );
    cluster.kill(4);
    cluster.disks[&NodeId(4)].restore(&image);
    cluster.restart(4);
    cluster.run();
    let why = cluster.ejected.get(&NodeId(4)).expect("it has ended");
    assert!(why.contains("not the newest of node-4") && why.contains("--replace node-4"), "{why}");
}

/// The image is younger than the last pulse, and knows all steps; what it lacks is what it has acknowledged to another node since.
#[test]
fn a_directory_that_lacks_batches_that_others_rely_on_is_noticed() {
    let mut cluster = filled(3, 4);
    let told = |cluster: &Cluster, by| cluster.nodes[&NodeId(by)].machine().progress_of(NodeId(4)).pulse;
    for i in 0..KEYS {
        cluster.put(4, "default", &format!("key_{i}"), Some("w"), None);
    }
    let (image, before) = (cluster.disks[&NodeId(4)].fork(), told(&cluster, 1));
    for i in 0..KEYS {
        cluster.put(1, "default", &format!("key_{i}"), Some("x"), None);
    }
    let after = told(&cluster, 1);
    assert!(after.batches > image.batches() && after.number == before.number, "{before:?} {after:?}");
    cluster.kill(4);
    cluster.disks[&NodeId(4)].restore(&image);
    restart_as(&mut cluster, 4, 99);
    cluster.run();
    let why = cluster.ejected.get(&NodeId(4)).expect("it has ended");
    assert!(why.contains("was told of") && why.contains("--replace node-4"), "{why}");
}

/// Starts a node again, as a life of this name.
fn restart_as(cluster: &mut Cluster, id: u128, life: u64) {
    let disk = cluster.disks[&NodeId(id)].clone();
    let engine = disk.open().expect("the disk opens again");
    cluster.open_as(NodeId(id), life, disk, engine);
}

/// A node that loses what was not on disk, and one that loses nothing, have all batches that were told.
#[test]
fn a_node_that_crashes_is_not_taken_for_an_old_one() {
    let mut cluster = filled(3, 4);
    for round in 0..6_u128 {
        for i in 0..KEYS {
            cluster.put(1 + (u128::from(i) + round) % 4, "default", &format!("key_{i}"), Some("w"), None);
        }
        let id = 1 + round % 4;
        cluster.kill(id);
        restart_as(&mut cluster, id, 100 + round as u64);
        cluster.settle();
    }
    assert!(cluster.ejected.is_empty(), "{:?}", cluster.ejected);
}

#[test]
fn changes_queue_up_to_a_bound() {
    let mut cluster = stuck();
    for weight in 101..=108 {
        let answer = cluster.change(1, Admin::Reweigh { node: NodeId(2), weight });
        assert!(matches!(answer, Response::Changed { .. }), "{answer:?}");
    }
    let why = cluster.refusal(1, Admin::Reweigh { node: NodeId(2), weight: 300 });
    assert!(why.contains("no more may be queued"), "{why}");
    // What helps is let in.
    assert!(matches!(cluster.change(1, Admin::Abort), Response::Changed { .. }));
    cluster.restart(4);
    cluster.settle();
    assert_complete(&mut cluster, 3, 1);
}

#[test]
fn without_a_majority_of_voters_changes_wait_and_data_flows() {
    let mut cluster = filled(3, 3);
    cluster.kill(2);
    cluster.kill(3);
    cluster.run();
    let blocked = cluster.status(1).blocked;
    assert!(blocked.iter().any(|why| why.contains("majority of the voters") && why.contains("node-2")), "{blocked:?}");
    let answer = cluster.change(1, Admin::SetBucket(Bucket::default_bucket(2)));
    assert!(matches!(answer, Response::Refused(Refusal::NoMajority { voters: 3, reached: 1 })), "{answer:?}");
    cluster.restart(2);
    cluster.run();
    assert_eq!(cluster.status(1).blocked, Vec::<String>::new());
}

/// Sim seed 14637234992334943608: the answer to a newcomer was lost, and all other members were leaving, so nobody told it
/// again that it was in, and nothing could settle without it.
#[test]
fn a_newcomer_that_lost_its_answer_is_told_by_those_who_leave() {
    let mut cluster = filled(1, 2);
    assert!(matches!(cluster.change(1, Admin::Join(join(3))), Response::Changed { .. }));
    for leaver in [1, 2] {
        let answer = cluster.change(leaver, Admin::Leave { node: NodeId(leaver) });
        assert!(matches!(answer, Response::Changed { .. }), "{answer:?}");
    }
    assert_eq!(cluster.left.len(), 0, "nobody goes before the newcomer has everything");
    let answer = cluster.change(2, Admin::Join(join(3)));
    cluster.adopt(3, answer);
    cluster.settle();
    assert_eq!(cluster.left.len(), 2);
    assert_complete(&mut cluster, 3, 1);
}

#[test]
fn a_leaver_keeps_what_it_gave_and_gives_nothing_when_it_starts_again() {
    let mut cluster = filled(2, 4);
    let held = cluster.copies(4);
    assert!(matches!(cluster.change(4, Admin::Leave { node: NodeId(4) }), Response::Changed { .. }));
    cluster.settle();
    assert!(cluster.left.remove(&NodeId(4)) && held > 0);
    assert_complete(&mut cluster, 1, 2);
    for i in 0..KEYS {
        let (_, context) = cluster.get(1, "default", &format!("key_{i}"), None);
        cluster.put(1, "default", &format!("key_{i}"), None, Some(context));
    }
    // One more change, which the leaver hears of only when it starts again.
    assert!(matches!(cluster.change(1, Admin::Reweigh { node: NodeId(2), weight: 200 }), Response::Changed { .. }));
    cluster.settle();
    cluster.restart(4);
    assert_eq!(cluster.copies(4), held);
    cluster.run();
    assert!(cluster.left.contains(&NodeId(4)), "it ends again");
    for i in 0..KEYS {
        assert!(cluster.get(1, "default", &format!("key_{i}"), None).0.is_empty(), "key_{i} came back");
    }
}
