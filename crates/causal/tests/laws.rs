//! The laws of causality: joins form a semilattice, and the sets agree with explicit causal histories whatever the
//! order of messages. The last tests show what the preconditions are for, by breaking them.

mod oracle;

use std::collections::BTreeSet;

use causal::{Actor, Dot, DvvSet, HybridClock, Stamp, VersionVector};
use oracle::{CLIENTS, KEYS, REPLICAS, Step, World};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

fn step() -> impl Strategy<Value = Step> {
    let (client, replica, key) = (0..CLIENTS, 0..REPLICAS, 0..KEYS);
    let at = (client.clone(), replica.clone(), key.clone());
    prop_oneof![
        3 => at.clone().prop_map(|(client, replica, key)| Step::Read { client, replica, key }),
        1 => (client, key.clone()).prop_map(|(client, key)| Step::Forget { client, key }),
        4 => at.clone().prop_map(|(client, replica, key)| Step::Write { client, replica, key }),
        1 => at.prop_map(|(client, replica, key)| Step::Remove { client, replica, key }),
        3 => (replica.clone(), key).prop_map(|(replica, key)| Step::Send { replica, key }),
        4 => (any::<usize>(), replica).prop_map(|(message, replica)| Step::Deliver { message, replica }),
    ]
}

/// Any well-formed set, reachable or not. Values follow from dots, as they do in life.
fn any_set() -> impl Strategy<Value = DvvSet<Dot>> {
    let counters = (1..8_u64).prop_flat_map(|seen| (Just(seen), btree_set(1..=seen, 0..5)));
    btree_map(0..3_u128, counters, 0..=3).prop_map(|actors| {
        let entries = actors.into_iter().map(|(node, (seen, counters))| {
            let actor = actor(node);
            (actor, seen, counters.into_iter().map(|counter| (counter, Dot { actor, counter })).collect())
        });
        DvvSet::from_entries(entries).expect("the entries are well formed")
    })
}

fn actor(node: u128) -> Actor {
    Actor { node, incarnation: 1 }
}

fn join(left: &DvvSet<Dot>, right: &DvvSet<Dot>) -> DvvSet<Dot> {
    let mut joined = left.clone();
    joined.sync(right);
    joined
}

fn dots<V>(set: &DvvSet<V>) -> BTreeSet<Dot> {
    set.values().map(|(dot, _)| dot).collect()
}

proptest! {
    #[test]
    fn a_run_agrees_with_causal_histories(steps in vec(step(), 0..80)) {
        let mut world = World::run(&steps);
        world.exchange_everything();
        for key in 0..KEYS {
            let first = world.copy(0, key).set;
            prop_assert_eq!(dots(&first), world.maximal(key));
            for replica in 1..REPLICAS {
                prop_assert_eq!(&world.copy(replica, key).set, &first);
            }
        }
    }

    #[test]
    fn joining_reached_states_is_a_semilattice(steps in vec(step(), 0..60), key in 0..KEYS) {
        let world = World::run(&steps);
        let [a, b, c] = std::array::from_fn(|replica| world.copy(replica, key).set);
        prop_assert_eq!(join(&a, &a), a.clone());
        prop_assert_eq!(join(&a, &b), join(&b, &a));
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
    }

    #[test]
    fn joining_any_states_is_a_semilattice(a in any_set(), b in any_set(), c in any_set()) {
        prop_assert_eq!(join(&a, &a), a.clone());
        prop_assert_eq!(join(&a, &b), join(&b, &a));
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
        let mut context = a.context();
        context.merge(&b.context());
        prop_assert_eq!(join(&a, &b).context(), context);
    }

    #[test]
    fn a_set_survives_being_taken_apart(set in any_set()) {
        let parts: Vec<_> = set.entries().map(|(actor, seen, values)| (actor, seen, values.to_vec())).collect();
        prop_assert_eq!(DvvSet::from_entries(parts), Ok(set.clone()));
        prop_assert_eq!(set.values().count(), set.len());
        prop_assert!(set.values().all(|(dot, value)| dot == *value && set.get(&dot) == Some(value) && set.covers(&dot)));
    }

    #[test]
    fn version_vectors_are_ordered_by_what_they_have_seen(a in any_set(), b in any_set()) {
        let (a, b) = (a.context(), b.context());
        let mut both = a.clone();
        both.merge(&b);
        prop_assert!(both.descends_from(&a) && both.descends_from(&b));
        prop_assert_eq!(a.descends_from(&b), both == a);
        prop_assert_eq!(a.descends_from(&b) && b.descends_from(&a), a == b);
        prop_assert_eq!(a.concurrent_with(&b), both != a && both != b);
        prop_assert_eq!(both.iter().collect::<VersionVector>(), both);
    }

    #[test]
    fn stamps_only_rise_whatever_the_wall_clock_does(moves in vec((any::<bool>(), 0..1_000_u64, any::<u16>()), 1..60)) {
        let mut clock = HybridClock::new();
        for (remote, wall_ms, counter) in moves {
            let last = clock.last();
            if remote {
                let stamp = Stamp::new(wall_ms, counter);
                let followed = clock.observe(stamp, 400, 100).is_ok();
                prop_assert_eq!(followed, wall_ms <= 500 || stamp <= last);
                prop_assert_eq!(clock.last(), if followed { last.max(stamp) } else { last });
            } else {
                let stamp = clock.tick(wall_ms);
                prop_assert!(stamp > last && stamp.millis() >= wall_ms && clock.last() == stamp);
            }
        }
    }
}

/// A write on `set` by a client that has seen nothing.
fn blind(set: &mut DvvSet<&'static str>, actor: Actor, counter: u64, value: &'static str) {
    set.update(&VersionVector::new(), Dot { actor, counter }, value);
}

/// Two replicas after `first` took the writes and sent them to `second`.
fn replicated(first: Actor) -> (DvvSet<&'static str>, DvvSet<&'static str>) {
    let mut here = DvvSet::new();
    blind(&mut here, first, 1, "old");
    let context = here.context();
    here.update(&context, Dot { actor: first, counter: 2 }, "newer");
    (here.clone(), here)
}

fn all(set: &DvvSet<&'static str>) -> Vec<&'static str> {
    set.values().map(|(_, value)| *value).collect()
}

#[test]
fn a_replica_that_lost_its_state_loses_writes_if_it_keeps_its_incarnation() {
    let (_, mut second) = replicated(actor(1));
    let mut first = DvvSet::new();
    blind(&mut first, actor(1), 1, "written after the loss");
    first.sync(&second);
    second.sync(&first);
    // An acknowledged write is gone everywhere, although nobody overwrote it.
    assert_eq!((all(&first), all(&second)), (vec!["newer"], vec!["newer"]));
}

#[test]
fn a_replica_that_lost_its_state_loses_nothing_under_a_new_incarnation() {
    let (_, mut second) = replicated(actor(1));
    let mut first = DvvSet::new();
    blind(&mut first, Actor { node: 1, incarnation: 2 }, 1, "written after the loss");
    first.sync(&second);
    second.sync(&first);
    assert_eq!(first, second);
    assert_eq!(all(&first), ["newer", "written after the loss"]);
}

#[test]
fn an_actor_that_writes_on_an_old_state_loses_its_own_write() {
    let old = DvvSet::new();
    let (mut latest, mut stray) = (old.clone(), old);
    blind(&mut latest, actor(1), 1, "first");
    blind(&mut stray, actor(1), 2, "second, on a state without the first");
    latest.sync(&stray);
    assert_eq!(all(&latest), ["second, on a state without the first"]);
}

#[test]
fn a_context_of_another_key_covers_what_its_holder_never_saw() {
    let (mut one, mut other) = (DvvSet::new(), DvvSet::new());
    blind(&mut one, actor(1), 1, "never read by the client");
    blind(&mut other, actor(1), 2, "read by the client");
    one.update(&other.context(), Dot { actor: actor(1), counter: 3 }, "written with the wrong context");
    assert_eq!(all(&one), ["written with the wrong context"]);
}
