//! How far nodes are with the changes of the ring.

use super::node::WireId;
use crate::error::DecodeError;
use proto::{Epoch, Progress};
use ring::NodeId;

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireProgress {
    #[prost(uint64, tag = "1")]
    acked: u64,
    #[prost(uint64, tag = "2")]
    synced: u64,
    #[prost(uint64, tag = "3")]
    switched: u64,
    #[prost(uint64, tag = "4")]
    settled: u64,
}

impl From<&Progress> for WireProgress {
    fn from(progress: &Progress) -> WireProgress {
        WireProgress {
            acked: progress.acked.0,
            synced: progress.synced.0,
            switched: progress.switched.0,
            settled: progress.settled.0,
        }
    }
}

impl From<WireProgress> for Progress {
    fn from(wire: WireProgress) -> Progress {
        Progress {
            acked: Epoch(wire.acked),
            synced: Epoch(wire.synced),
            switched: Epoch(wire.switched),
            settled: Epoch(wire.settled),
        }
    }
}

/// The progress of one node.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireNodeProgress {
    #[prost(message, required, tag = "1")]
    node: WireId,
    #[prost(message, required, tag = "2")]
    progress: WireProgress,
}

impl From<&(NodeId, Progress)> for WireNodeProgress {
    fn from((node, progress): &(NodeId, Progress)) -> WireNodeProgress {
        WireNodeProgress { node: node.into(), progress: progress.into() }
    }
}

impl TryFrom<WireNodeProgress> for (NodeId, Progress) {
    type Error = DecodeError;

    fn try_from(wire: WireNodeProgress) -> Result<(NodeId, Progress), DecodeError> {
        Ok((wire.node.into(), wire.progress.into()))
    }
}
