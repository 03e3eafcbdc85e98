//! How things stand in the process at one moment, as the event loop sees it.

use ring::NodeId;
use storage::Upkeep;

/// How things stand.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Gauges {
    /// Bytes that the node keeps on disk, about; none if that cannot be told.
    pub stored_bytes: Option<u64>,
    /// Bytes that are free on the disk that it keeps its data on; none if that cannot be told.
    pub free_bytes: Option<u64>,
    /// What the storage engine does beside writes.
    pub upkeep: Upkeep,
    /// Events that wait to be handled.
    pub events: usize,
    /// Requests of clients under way.
    pub requests: usize,
    /// What waits to be sent to each peer.
    pub peers: Vec<PeerQueue>,
}

/// What waits to be sent to one peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerQueue {
    /// The peer.
    pub peer: NodeId,
    /// Messages.
    pub messages: usize,
    /// Their bytes, about.
    pub bytes: usize,
}
