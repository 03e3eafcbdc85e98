//! Ballots, promises and what an acceptor must not forget.

use super::event::WireEvent;
use super::node::WireId;
use super::{may, need};
use crate::error::DecodeError;
use proto::paxos::{AcceptorState, Ballot};
use proto::{Epoch, Event, Message};

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireBallot {
    #[prost(uint64, tag = "1")]
    counter: u64,
    #[prost(message, required, tag = "2")]
    node: WireId,
    #[prost(uint64, tag = "3")]
    incarnation: u64,
}

impl From<&Ballot> for WireBallot {
    fn from(ballot: &Ballot) -> WireBallot {
        WireBallot { counter: ballot.counter, node: WireId::from(&ballot.node), incarnation: ballot.incarnation }
    }
}

impl TryFrom<WireBallot> for Ballot {
    type Error = DecodeError;

    fn try_from(wire: WireBallot) -> Result<Ballot, DecodeError> {
        Ok(Ballot { counter: wire.counter, node: wire.node.into(), incarnation: wire.incarnation })
    }
}

/// An event under the ballot it was accepted in.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireAccepted {
    #[prost(message, optional, tag = "1")]
    ballot: Option<WireBallot>,
    #[prost(message, optional, tag = "2")]
    event: Option<WireEvent>,
}

impl From<&(Ballot, Event)> for WireAccepted {
    fn from((ballot, event): &(Ballot, Event)) -> WireAccepted {
        WireAccepted { ballot: Some(ballot.into()), event: Some(event.into()) }
    }
}

impl TryFrom<WireAccepted> for (Ballot, Event) {
    type Error = DecodeError;

    fn try_from(wire: WireAccepted) -> Result<(Ballot, Event), DecodeError> {
        Ok((need(wire.ballot, "a ballot")?, need(wire.event, "an event")?))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireAcceptor {
    #[prost(message, optional, tag = "1")]
    promised: Option<WireBallot>,
    #[prost(message, optional, tag = "2")]
    accepted: Option<WireAccepted>,
}

impl From<&AcceptorState<Event>> for WireAcceptor {
    fn from(state: &AcceptorState<Event>) -> WireAcceptor {
        WireAcceptor {
            promised: Some(WireBallot::from(&state.promised)),
            accepted: state.accepted.as_ref().map(WireAccepted::from),
        }
    }
}

impl TryFrom<WireAcceptor> for AcceptorState<Event> {
    type Error = DecodeError;

    fn try_from(wire: WireAcceptor) -> Result<AcceptorState<Event>, DecodeError> {
        Ok(AcceptorState { promised: need(wire.promised, "a ballot")?, accepted: may(wire.accepted)? })
    }
}

/// A ballot on event number `epoch`: the body of a prepare and of an accepted.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireOnBallot {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(message, optional, tag = "2")]
    ballot: Option<WireBallot>,
}

impl WireOnBallot {
    pub(crate) fn new(epoch: Epoch, ballot: &Ballot) -> WireOnBallot {
        WireOnBallot { epoch: epoch.0, ballot: Some(ballot.into()) }
    }

    pub(crate) fn parts(self) -> Result<(Epoch, Ballot), DecodeError> {
        Ok((Epoch(self.epoch), need(self.ballot, "a ballot")?))
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WirePromise {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(message, optional, tag = "2")]
    ballot: Option<WireBallot>,
    #[prost(message, optional, tag = "3")]
    accepted: Option<WireAccepted>,
}

impl WirePromise {
    pub(crate) fn new(epoch: Epoch, ballot: &Ballot, accepted: Option<&(Ballot, Event)>) -> WirePromise {
        WirePromise { epoch: epoch.0, ballot: Some(ballot.into()), accepted: accepted.map(WireAccepted::from) }
    }
}

impl TryFrom<WirePromise> for Message {
    type Error = DecodeError;

    fn try_from(wire: WirePromise) -> Result<Message, DecodeError> {
        let ballot = need(wire.ballot, "a ballot")?;
        Ok(Message::Promise { epoch: Epoch(wire.epoch), ballot, accepted: may(wire.accepted)? })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireAccept {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(message, optional, tag = "2")]
    ballot: Option<WireBallot>,
    #[prost(message, optional, tag = "3")]
    event: Option<WireEvent>,
}

impl WireAccept {
    pub(crate) fn new(epoch: Epoch, ballot: &Ballot, event: &Event) -> WireAccept {
        WireAccept { epoch: epoch.0, ballot: Some(ballot.into()), event: Some(event.into()) }
    }
}

impl TryFrom<WireAccept> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireAccept) -> Result<Message, DecodeError> {
        let ballot = need(wire.ballot, "a ballot")?;
        Ok(Message::Accept { epoch: Epoch(wire.epoch), ballot, event: need(wire.event, "an event")? })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct WireNack {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(message, optional, tag = "2")]
    ballot: Option<WireBallot>,
    #[prost(message, optional, tag = "3")]
    promised: Option<WireBallot>,
}

impl WireNack {
    pub(crate) fn new(epoch: Epoch, ballot: &Ballot, promised: &Ballot) -> WireNack {
        WireNack { epoch: epoch.0, ballot: Some(ballot.into()), promised: Some(promised.into()) }
    }
}

impl TryFrom<WireNack> for Message {
    type Error = DecodeError;

    fn try_from(wire: WireNack) -> Result<Message, DecodeError> {
        let ballot = need(wire.ballot, "a ballot")?;
        Ok(Message::Nack { epoch: Epoch(wire.epoch), ballot, promised: need(wire.promised, "a ballot")? })
    }
}
