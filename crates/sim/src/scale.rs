//! Many nodes and hardly any data: what it costs a cluster to know itself. The same node as everywhere, on links that only
//! take their time and disks that only do; so a thousand of them fit into one process for some seconds of their life.
//!
//! A cluster is not formed join by join, it begins as if that were long over: everybody has the same history and has settled.
//! Then nothing happens for a while (`Idle`), an event that moves no data spreads (`Spread`), and a node joins (`Joined`).
//!
//! Invariant: what happens follows from the number of nodes alone; processor time is read by whoever calls.
//! Refuses to judge: the simulator's runs (`run`) do that, with fewer nodes and everything going wrong.

mod cluster;
mod start;

use cluster::{Cluster, Traffic};
use stdx::Span;

/// Nodes and seconds of theirs for first probes before anything is measured, and then for idle ones: of many nodes less time
/// is enough for as many messages.
const NODE_SECONDS: u64 = 1_000;
const SECONDS_MAX: u64 = 5;
/// A change that takes longer than this has failed.
const PATIENCE: Span = Span::secs(300);

/// What was sent in some time, by kind of message, and what it took to compute.
#[derive(Clone, Default, Debug)]
pub struct Cost {
    /// Simulated time, in microseconds.
    pub micros: u64,
    /// Messages of all nodes.
    pub messages: u64,
    /// Their bytes, as they are on the wire, without frames.
    pub bytes: u64,
    /// Processor time of the simulation, in milliseconds.
    pub cpu_millis: u64,
    /// Kind, messages, bytes; the one with the most bytes first.
    pub kinds: Vec<(&'static str, u64, u64)>,
}

/// What came of a number of nodes.
#[derive(Clone, Debug)]
pub struct Scaled {
    /// Nodes before the join.
    pub nodes: usize,
    /// Nobody asks for anything.
    pub idle: Cost,
    /// Until the last node knows of an event, from when it was asked for.
    pub spread: Cost,
    /// When half of the nodes, nine in ten, and all knew of it, in microseconds.
    pub known: [u64; 3],
    /// From the newcomer's request until every node has settled, if it was tried.
    pub joined: Option<Joined>,
}

/// What a join costs.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Until every node has settled.
    pub cost: Cost,
    /// From the request to the answer that the newcomer is taken in, in microseconds.
    pub taken_in: u64,
}

/// Measures a cluster of so many nodes, and a join if one is asked for. `cpu` tells the processor time used so far, in milliseconds. The error says what did not
/// happen in time.
pub fn scale(nodes: usize, joins: bool, mut cpu: impl FnMut() -> u64) -> Result<Scaled, String> {
    let mut cluster = Cluster::of(nodes);
    let span = Span::secs((NODE_SECONDS / nodes as u64).clamp(1, SECONDS_MAX));
    cluster.run(span);
    let mut from = Mark::of(&cluster, cpu());
    cluster.run(span);
    let idle = from.until(&cluster, cpu());
    let known = cluster.spread(PATIENCE)?;
    let spread = from.until(&cluster, cpu());
    let mut joined = None;
    if joins {
        let taken_in = cluster.join(PATIENCE)?;
        joined = Some(Joined { cost: from.until(&cluster, cpu()), taken_in });
    }
    Ok(Scaled { nodes, idle, spread, known, joined })
}

/// What had been used by some moment.
struct Mark {
    micros: u64,
    cpu: u64,
    traffic: Traffic,
}

impl Mark {
    fn of(cluster: &Cluster, cpu: u64) -> Mark {
        Mark { micros: cluster.now().0, cpu, traffic: cluster.traffic().clone() }
    }

    /// What was used since, and begins anew.
    fn until(&mut self, cluster: &Cluster, cpu: u64) -> Cost {
        let before = std::mem::replace(self, Mark::of(cluster, cpu));
        let since = |kind: &'static str, now: [u64; 2]| {
            let then = before.traffic.get(kind).copied().unwrap_or_default();
            (kind, now[0] - then[0], now[1] - then[1])
        };
        let mut kinds: Vec<_> = self.traffic.iter().map(|(kind, now)| since(kind, *now)).collect();
        kinds.retain(|(_, messages, _)| *messages > 0);
        kinds.sort_by_key(|(kind, _, bytes)| (std::cmp::Reverse(*bytes), *kind));
        Cost {
            micros: self.micros - before.micros,
            messages: kinds.iter().map(|(_, messages, _)| messages).sum(),
            bytes: kinds.iter().map(|(.., bytes)| bytes).sum(),
            cpu_millis: cpu - before.cpu,
            kinds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Scaled, scale};

    #[test]
    fn a_small_cluster_hears_of_an_event_and_takes_a_node_in() {
        let bytes = |scaled: &Scaled| scaled.joined.as_ref().map(|joined| joined.cost.bytes);
        let scaled = scale(6, true, || 0).expect("it works");
        assert!(scaled.idle.messages > 6 * 5 * 5, "nodes probe each other: {:?}", scaled.idle);
        assert!(scaled.known[2] > 0 && scaled.known[2] < 5_000_000, "{:?}", scaled.known);
        assert!(bytes(&scaled).is_some_and(|bytes| bytes > 1_000), "{:?}", scaled.joined);
        let again = scale(6, true, || 0).expect("it works");
        assert_eq!(bytes(&again), bytes(&scaled), "it follows from the number of nodes alone");
    }
}
