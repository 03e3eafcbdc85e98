//! For unit tests: what a node is that has founded a cluster and is alone in it.

use super::Core;
use crate::config::Config;
use crate::event::Genesis;
use crate::history::History;
use crate::machine::Machine;
use crate::request::Join;
use ring::{Grid, NodeId};
use stdx::Now;

impl Core {
    /// The founder's.
    pub(crate) fn alone(node: NodeId) -> Core {
        let genesis = Genesis { cluster: 1, grid: Grid::new(2).unwrap(), n: 3, context_key: [0; 32] };
        let join = Join {
            node,
            name: "Ted".to_owned(),
            name_is_fixed: true,
            uri: String::new(),
            tokens: Vec::new(),
            token_count: 1,
            random_tokens: false,
            weight: 100,
            zone: None,
            seed: true,
        };
        let events = Machine::found(genesis, &join, 1, Now::default()).unwrap();
        Core::new(Config::default(), Now::default(), node, History::fold(events).unwrap(), 1)
    }
}
