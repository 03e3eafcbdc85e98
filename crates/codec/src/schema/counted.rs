//! What was added to an element.

use super::amended::{WireDecimal, WireEnd};
use super::causal::WireDot;
use super::{all, may, need};
use crate::error::DecodeError;
use causal::{Dot, Stamp};
use proto::amended::End;
use proto::counted::{Chain, Counted};
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireChains {
    #[prost(message, repeated, tag = "1")]
    chains: Vec<WireChain>,
    #[prost(message, optional, tag = "2")]
    end: Option<WireEnd>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireChain {
    /// The name of the first increment.
    #[prost(message, optional, tag = "1")]
    first: Option<WireDot>,
    /// Counter of the newest.
    #[prost(uint64, tag = "2")]
    counter: u64,
    #[prost(message, optional, tag = "3")]
    sum: Option<WireDecimal>,
    #[prost(fixed64, tag = "4")]
    stamp: u64,
    /// Up to this counter it was taken away.
    #[prost(uint64, tag = "5")]
    gone: u64,
    #[prost(message, optional, tag = "6")]
    taken: Option<WireDecimal>,
}

impl From<&Counted> for WireChains {
    fn from(counted: &Counted) -> WireChains {
        let chain = |(first, chain): (&Dot, &Chain)| WireChain {
            first: Some(first.into()),
            counter: chain.counter,
            sum: Some(chain.sum.into()),
            stamp: chain.stamp.as_u64(),
            gone: chain.gone,
            taken: Some(chain.taken.into()),
        };
        WireChains { chains: counted.chains.iter().map(chain).collect(), end: counted.end.as_ref().map(WireEnd::from) }
    }
}

impl TryFrom<WireChain> for (Dot, Chain) {
    type Error = DecodeError;

    fn try_from(wire: WireChain) -> Result<(Dot, Chain), DecodeError> {
        let (first, sum, taken) = (need(wire.first, "a dot")?, need(wire.sum, "a sum")?, need(wire.taken, "a sum")?);
        let stamp = Stamp::from_u64(wire.stamp);
        Ok((first, Chain { counter: wire.counter, sum, stamp, gone: wire.gone, taken }))
    }
}

impl TryFrom<WireChains> for (BTreeMap<Dot, Chain>, Option<End>) {
    type Error = DecodeError;

    fn try_from(wire: WireChains) -> Result<(BTreeMap<Dot, Chain>, Option<End>), DecodeError> {
        let chains: Vec<(Dot, Chain)> = all(wire.chains)?;
        Ok((chains.into_iter().collect(), may(wire.end)?))
    }
}
