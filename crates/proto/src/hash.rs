//! The hash that says whether two replicas hold the same versions of a slot.
//!
//! Invariant: it covers bucket, key and what names every version (its dot; the stamp, too, where it decides; what has
//! been seen), never the value itself: a dot names one value. It is never 0, so that the XOR of one is not that of none.

use crate::ids::BucketId;
use crate::item::ItemKey;
use crate::paxos::Ballot;
use crate::record::{Record, Version};
use causal::{Actor, Dot, DvvSet};
use stdx::bugs::planted;
use stdx::hash::Mixer;

/// The hash of what a replica holds of one slot.
pub fn version_hash(bucket: BucketId, key: &ItemKey, record: &Record) -> u64 {
    let mut mixer = Mixer::new(u64::from(bucket.0));
    mixer.bytes(&key.partition_key);
    match &key.sort_key {
        None => mixer.number(0),
        Some(sort_key) => {
            mixer.number(1);
            mixer.bytes(sort_key);
        }
    }
    match record {
        Record::Latest { dot, version } => {
            mixer.number(1);
            actor(&mut mixer, dot.actor);
            mixer.number(dot.counter);
            mixer.number(version.stamp.as_u64());
        }
        Record::Amended(amended) => {
            mixer.number(4);
            let parts = amended.parts();
            if let Some((dot, version)) = &parts.base {
                name(&mut mixer, *dot);
                mixer.number(version.stamp.as_u64());
            }
            mixer.number(parts.tallies.len() as u64);
            for (actor, tally) in parts.tallies.iter().filter(|_| !planted("hash trees miss tallies")) {
                name(&mut mixer, Dot { actor: *actor, counter: tally.counter });
            }
            if let Some(end) = &parts.end {
                name(&mut mixer, end.dot);
                mixer.number(end.stamp.as_u64());
            }
        }
        Record::Siblings(set) => {
            mixer.number(2);
            siblings(&mut mixer, set);
        }
        Record::Counted(counted) => {
            mixer.number(5);
            siblings(&mut mixer, &counted.set);
            mixer.number(counted.chains.len() as u64);
            for (first, chain) in counted.chains.iter().filter(|_| !planted("hash trees miss chains")) {
                name(&mut mixer, *first);
                mixer.number(chain.counter);
                mixer.number(chain.gone);
            }
            if let Some(end) = &counted.end {
                name(&mut mixer, end.dot);
                mixer.number(end.stamp.as_u64());
            }
        }
        // The promise, too: a hand-over must not pass over a replica that lacks nothing but a promise.
        Record::Register(register) => {
            mixer.number(3);
            ballot(&mut mixer, register.state.promised);
            ballot(&mut mixer, register.accepted_under());
        }
    }
    mixer.finish().max(1)
}

/// One hash over a list of hashes, in their order.
pub fn list_hash(hashes: impl Iterator<Item = u64>) -> u64 {
    let mut mixer = Mixer::new(0);
    hashes.for_each(|hash| mixer.number(hash));
    mixer.finish()
}

fn siblings(mixer: &mut Mixer, set: &DvvSet<Version>) {
    for (of, seen, values) in set.entries() {
        actor(mixer, of);
        mixer.number(seen);
        mixer.number(values.len() as u64);
        values.iter().for_each(|(counter, _)| mixer.number(*counter));
    }
}

fn ballot(mixer: &mut Mixer, ballot: Ballot) {
    mixer.number(ballot.counter);
    actor(mixer, Actor { node: ballot.node.0, incarnation: ballot.incarnation });
}

fn name(mixer: &mut Mixer, dot: Dot) {
    actor(mixer, dot.actor);
    mixer.number(dot.counter);
}

fn actor(mixer: &mut Mixer, actor: Actor) {
    mixer.number((actor.node >> 64) as u64);
    mixer.number(actor.node as u64);
    mixer.number(actor.incarnation);
}
