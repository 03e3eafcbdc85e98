//! What must not grow: requests under way, streams, hints being replayed, messages waiting for a connection, what an
//! input makes. Sampled while a run goes on.
//!
//! Invariant: looking changes nothing. The bounds are stated here; they hold with everything
//! going wrong at once, and a calm cluster is far below them.

use crate::fault::HostId;
use crate::host::Host;
use crate::world::World;

/// Something that is bounded, and by what.
pub(crate) struct Bound {
    /// What it is, in words and in the plural.
    pub(crate) what: &'static str,
    max: u64,
    of: fn(&Host) -> u64,
}

/// Everything that is sampled.
pub(crate) const BOUNDS: &[Bound] = &[
    Bound {
        // Six clients and five operators ask one thing at a time. Each makes one operation where it asks and one where
        // that is forwarded, a read that repairs makes a second, and hints are replayed in bounded numbers to each peer.
        what: "operations under way",
        max: 600,
        of: |host| machine(host, |machine| machine.sizes().operations),
    },
    Bound { what: "streams under way", max: 40, of: |host| machine(host, |machine| machine.sizes().streams) },
    Bound { what: "hints being replayed", max: 64 * 8, of: |host| machine(host, |machine| machine.sizes().hints) },
    Bound { what: "messages waiting for connections", max: 256 * 8, of: |host| host.connections.waiting() as u64 },
];

fn machine(host: &Host, of: impl Fn(&node::proto::Machine) -> usize) -> u64 {
    host.node.as_ref().map_or(0, |node| of(node.machine()) as u64)
}

impl World {
    /// Looks at one host's sizes.
    pub(crate) fn sample(&mut self, host: HostId) {
        for bound in BOUNDS {
            let size = (bound.of)(&self.hosts[host.0]);
            let peak = self.counts.peaks.entry(bound.what).or_insert(0);
            *peak = size.max(*peak);
            if size > bound.max {
                let what = format!("{host} has {size} {}; at most {} are allowed", bound.what, bound.max);
                return self.fail("bounded queues", what);
            }
        }
    }
}
