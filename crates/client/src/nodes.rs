//! The nodes that can be asked, how each did lately, and which one is next.
//!
//! Invariant: a node that was picked is ended with one outcome; one whose breaker is open is not picked. Where no member of the
//! cluster can be used, the nodes that the user named are. Time is an argument, chance comes from a seed.

use crate::address::Address;
use crate::error::Error;
use crate::health::{BreakerSettings, Health, Outcome};
use crate::map::Map;
use crate::policy::{self, Candidate, NodeNumber, Policy};
use crate::retry::{Attempts, Budget, Next, RetrySettings};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stdx::hash::Mixer;
use stdx::{Mono, Prng};

/// What a request is about, as far as that says where it goes.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct About<'a> {
    /// Bucket and partition key.
    pub(crate) key: Option<(&'a str, &'a [u8])>,
    /// The owner serves it best.
    pub(crate) owner_first: bool,
}

/// A node that was picked.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) address: Address,
    /// How many others could be picked now that were not tried for this request.
    pub(crate) others: usize,
}

/// All of them.
pub(crate) struct Nodes {
    seeds: Vec<Address>,
    map: Option<Arc<Map>>,
    health: BTreeMap<Address, Health>,
    policy: Box<dyn Policy>,
    breaker: BreakerSettings,
    budget: Budget,
    prng: Prng,
}

impl Nodes {
    /// Nothing is known but the seeds, of which there is at least one.
    pub(crate) fn new(
        seeds: Vec<Address>,
        policy: Box<dyn Policy>,
        breaker: BreakerSettings,
        retry: &RetrySettings,
        prng: Prng,
    ) -> Nodes {
        Nodes { seeds, map: None, health: BTreeMap::new(), policy, breaker, budget: Budget::new(retry), prng }
    }

    /// The ring, if it is known.
    pub(crate) fn map(&self) -> Option<&Arc<Map>> {
        self.map.as_ref()
    }

    /// Another ring; an older one than that which is known is not taken. Nodes that are in neither are forgotten.
    pub(crate) fn learn(&mut self, map: Map) {
        if self.map.as_ref().is_some_and(|known| known.epoch > map.epoch) {
            return;
        }
        let nodes: BTreeSet<&Address> = map.nodes().chain(&self.seeds).collect();
        self.health.retain(|address, _| nodes.contains(address));
        self.map = Some(Arc::new(map));
    }

    /// Chance.
    pub(crate) fn prng(&mut self) -> &mut Prng {
        &mut self.prng
    }

    /// An operation begins: it brings its share of retries.
    pub(crate) fn earn(&mut self) {
        self.budget.earn();
    }

    /// What to do about a failed attempt.
    pub(crate) fn after(&mut self, attempts: &mut Attempts, error: &Error, others: usize, now: Mono) -> Next {
        attempts.failed(error, others, now, &mut self.budget, &mut self.prng)
    }

    /// Picks a node, one that was not `tried` if there is one, and counts the request as under way there.
    pub(crate) fn pick(&mut self, about: About<'_>, tried: &BTreeSet<Address>, now: Mono) -> Result<Picked, Error> {
        let members: Vec<Address> = match &self.map {
            Some(map) => map.nodes().cloned().collect(),
            None => self.seeds.clone(),
        };
        let usable = |nodes: &[Address], fresh: bool| -> Vec<Address> {
            let may = |node: &&Address| {
                (!fresh || !tried.contains(*node)) && self.health.get(*node).is_none_or(|health| health.is_usable(now))
            };
            nodes.iter().filter(may).cloned().collect()
        };
        let fresh = usable(&members, true);
        let others = fresh.len().saturating_sub(1);
        let choices = [fresh, usable(&members, false), usable(&self.seeds, false)];
        let nodes = choices.into_iter().find(|nodes| !nodes.is_empty()).ok_or(Error::NoneUsable)?;
        let address = self.choose(about, nodes, now);
        self.health_of(&address).begin(now);
        Ok(Picked { address, others })
    }

    /// What became of a request at a node.
    pub(crate) fn end(&mut self, node: &Address, outcome: Outcome, now: Mono) {
        if let Some(health) = self.health.get_mut(node) {
            health.end(outcome, now, &mut self.prng);
        }
    }

    fn choose(&mut self, about: About<'_>, nodes: Vec<Address>, now: Mono) -> Address {
        let candidates: Vec<Candidate> =
            nodes.iter().map(|node| self.health_of(node).candidate(number(node), now)).collect();
        let replicas: Vec<NodeNumber> = match (&self.map, about.key) {
            (Some(map), Some((bucket, key))) => map.replicas(bucket, key).into_iter().map(number).collect(),
            _ => Vec::new(),
        };
        let key = about.key.map(|(_, key)| hash(key));
        let ask = policy::Ask { key, replicas: &replicas, owner_first: about.owner_first };
        let at = self.policy.choose(&ask, &candidates, &mut self.prng);
        nodes.into_iter().nth(at).expect("a policy chooses one of the candidates")
    }

    fn health_of(&mut self, node: &Address) -> &mut Health {
        self.health.entry(node.clone()).or_insert_with(|| Health::new(&self.breaker))
    }
}

/// The number of a node: the same at all clients, so that they agree where a key goes by hashing.
fn number(node: &Address) -> NodeNumber {
    NodeNumber(hash(node.as_str().as_bytes()))
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hash = Mixer::new(0);
    hash.bytes(bytes);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::{About, Nodes};
    use crate::address::Address;
    use crate::error::Error;
    use crate::health::{BreakerSettings, Outcome};
    use crate::policy::RoundRobin;
    use crate::retry::RetrySettings;
    use std::collections::BTreeSet;
    use stdx::{Mono, Prng};

    fn nodes(count: usize) -> Nodes {
        let seeds = (0..count).map(|at| Address::parse(&format!("http://n{at}")).unwrap()).collect();
        let breaker = BreakerSettings { failures: 1, ..BreakerSettings::default() };
        Nodes::new(seeds, Box::new(RoundRobin::default()), breaker, &RetrySettings::default(), Prng::new(1))
    }

    #[test]
    fn a_node_that_was_tried_comes_last_and_one_that_failed_not_at_all() {
        let (mut nodes, mut tried) = (nodes(3), BTreeSet::new());
        for left in [2, 1, 0] {
            let picked = nodes.pick(About::default(), &tried, Mono(0)).unwrap();
            assert_eq!(picked.others, left);
            assert!(tried.insert(picked.address));
        }
        let again = nodes.pick(About::default(), &tried, Mono(0)).unwrap();
        assert!(tried.contains(&again.address));
        for node in &tried {
            nodes.end(node, Outcome::Failed, Mono(0));
        }
        assert!(matches!(nodes.pick(About::default(), &BTreeSet::new(), Mono(0)), Err(Error::NoneUsable)));
        assert!(nodes.pick(About::default(), &BTreeSet::new(), Mono(60_000_000)).is_ok());
    }
}
