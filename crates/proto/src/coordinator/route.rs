//! Which of several replicas to hand a request to.
//!
//! Invariant: whoever looks unreachable comes last, and whoever is slow now comes after those who are not; among equals the
//! order of the preference list stays. Refuses to know what is asked, and whether it may be asked twice.

use liveness::{Pace, is_slow};
use ring::NodeId;
use std::collections::BTreeMap;
use stdx::{Mono, Span};

/// What is known of the nodes requests are handed to.
#[derive(Clone, Default, Debug)]
pub(crate) struct Routes {
    paces: BTreeMap<NodeId, Pace>,
}

impl Routes {
    /// Orders nodes from the one to ask first to the one to ask last.
    pub(crate) fn order(&self, now: Mono, nodes: &mut [NodeId], is_usable: impl Fn(NodeId) -> bool) {
        let cost = |node: &NodeId| self.cost(now, *node);
        let least = nodes.iter().filter(|node| is_usable(**node)).map(cost).min().unwrap_or_default();
        // A stable sort keeps the order of the preference list.
        nodes.sort_by_key(|node| (!is_usable(*node), is_slow(cost(node), least)));
    }

    /// What a request to a node has to expect.
    pub(crate) fn cost(&self, now: Mono, node: NodeId) -> Span {
        self.paces.get(&node).map_or(Span::ZERO, |pace| pace.cost(now))
    }

    /// How long a node usually takes.
    pub(crate) fn usual(&self, node: NodeId) -> Span {
        self.paces.get(&node).map_or(Span::ZERO, Pace::usual)
    }

    /// A request goes to a node.
    pub(crate) fn on_sent(&mut self, node: NodeId) {
        self.paces.entry(node).or_default().on_sent();
    }

    /// It came back.
    pub(crate) fn on_answer(&mut self, now: Mono, node: NodeId, sent: Mono) {
        self.paces.entry(node).or_default().on_answer(now, now.since(sent));
    }

    /// It is not waited for any more.
    pub(crate) fn on_given_up(&mut self, now: Mono, node: NodeId, sent: Mono) {
        self.paces.entry(node).or_default().on_given_up(now, now.since(sent));
    }

    /// Forgets nodes that are no longer about.
    pub(crate) fn keep(&mut self, is_about: impl Fn(NodeId) -> bool) {
        self.paces.retain(|node, _| is_about(*node));
    }
}

#[cfg(test)]
mod tests {
    use super::Routes;
    use ring::NodeId;
    use stdx::{Mono, Span};

    const T: Mono = Mono(10_000_000);

    fn routes(paces: &[(u128, u64)]) -> Routes {
        let mut routes = Routes::default();
        for (node, millis) in paces {
            for _ in 0..20 {
                routes.on_sent(NodeId(*node));
                routes.on_answer(T, NodeId(*node), Mono(T.0 - Span::millis(*millis).0));
            }
        }
        routes
    }

    fn ordered(routes: &Routes, down: u128) -> Vec<u128> {
        let mut nodes = [NodeId(1), NodeId(2), NodeId(3)];
        routes.order(T, &mut nodes, |node| node.0 != down);
        nodes.map(|node| node.0).to_vec()
    }

    #[test]
    fn the_preference_list_decides_among_equals() {
        assert_eq!(ordered(&Routes::default(), 0), [1, 2, 3]);
        assert_eq!(ordered(&routes(&[(1, 4), (2, 2), (3, 3)]), 0), [1, 2, 3]);
    }

    #[test]
    fn slow_nodes_come_later_and_unreachable_ones_last() {
        assert_eq!(ordered(&routes(&[(1, 300), (2, 2), (3, 2)]), 0), [2, 3, 1]);
        assert_eq!(ordered(&routes(&[(1, 300), (2, 2), (3, 2)]), 2), [3, 1, 2]);
    }
}
