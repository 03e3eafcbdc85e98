//! Dots and contexts.

use super::node::WireId;
use crate::error::{DecodeError, Fault};
use causal::{Actor, Context, Dot};

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireDot {
    #[prost(fixed64, tag = "1")]
    node_high: u64,
    #[prost(fixed64, tag = "2")]
    node_low: u64,
    #[prost(uint64, tag = "3")]
    incarnation: u64,
    #[prost(uint64, tag = "4")]
    counter: u64,
}

impl WireDot {
    pub(crate) fn new(actor: Actor, counter: u64) -> WireDot {
        let WireId { high, low } = WireId::from(actor.node);
        WireDot { node_high: high, node_low: low, incarnation: actor.incarnation, counter }
    }

    pub(crate) fn actor(&self) -> Actor {
        let node = WireId { high: self.node_high, low: self.node_low };
        Actor { node: node.into(), incarnation: self.incarnation }
    }

    pub(crate) fn counter(&self) -> u64 {
        self.counter
    }
}

impl From<&Dot> for WireDot {
    fn from(dot: &Dot) -> WireDot {
        WireDot::new(dot.actor, dot.counter)
    }
}

impl TryFrom<WireDot> for Dot {
    type Error = DecodeError;

    fn try_from(wire: WireDot) -> Result<Dot, DecodeError> {
        if wire.counter == 0 {
            return Err(DecodeError::new("the counter of a dot", Fault::OutOfRange));
        }
        Ok(Dot { actor: wire.actor(), counter: wire.counter })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireContext {
    #[prost(message, repeated, tag = "1")]
    seen: Vec<WireDot>,
}

impl From<&Context> for WireContext {
    fn from(context: &Context) -> WireContext {
        WireContext { seen: context.iter().map(|(actor, counter)| WireDot::new(actor, counter)).collect() }
    }
}

impl From<WireContext> for Context {
    fn from(wire: WireContext) -> Context {
        wire.seen.iter().map(|seen| (seen.actor(), seen.counter)).collect()
    }
}
