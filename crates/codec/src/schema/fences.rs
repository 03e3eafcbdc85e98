//! Where the fences of a replica stand.

use proto::{Epoch, Fences};

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct WireFences {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(uint64, tag = "2")]
    switched: u64,
    #[prost(uint64, tag = "3")]
    stable: u64,
}

impl From<Fences> for WireFences {
    fn from(fences: Fences) -> WireFences {
        WireFences { epoch: fences.epoch.0, switched: fences.switched.0, stable: fences.stable.0 }
    }
}

impl From<WireFences> for Fences {
    fn from(wire: WireFences) -> Fences {
        Fences { epoch: Epoch(wire.epoch), switched: Epoch(wire.switched), stable: Epoch(wire.stable) }
    }
}
