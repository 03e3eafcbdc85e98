//! What two nodes say to each other before they know which protocol they share. These layouts never change: fields are
//! added, none changes its meaning.

use super::narrow;
use super::node::WireId;
use crate::error::DecodeError;
use crate::handshake::{HandshakeRefusal, Hello, Role, Welcome};
use proto::Pulse;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireHandshake {
    #[prost(oneof = "WireSide", tags = "1, 2")]
    side: Option<WireSide>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireSide {
    #[prost(message, tag = "1")]
    Hello(WireHello),
    #[prost(message, tag = "2")]
    Welcome(WireWelcome),
}

impl WireHandshake {
    pub(crate) fn hello(hello: &Hello, text_bytes_max: usize) -> WireHandshake {
        let hello = WireHello {
            protocols: WireProtocols::new((hello.protocol_min, hello.protocol_max)),
            cluster: hello.cluster.map(WireId::from),
            node: WireId::from(&hello.node),
            life: hello.pulse.life,
            role: wire_role(hello.role),
            name: cut(&hello.name, text_bytes_max),
            number: hello.pulse.number,
            batches: hello.pulse.batches,
        };
        WireHandshake { side: Some(WireSide::Hello(hello)) }
    }

    pub(crate) fn welcome(welcome: &Welcome, text_bytes_max: usize) -> WireHandshake {
        let answer = match welcome {
            Welcome::Accepted { protocol, node, cluster, pulse } => WireAnswer::Accepted(WireAccepted {
                protocol: u32::from(*protocol),
                node: node.into(),
                cluster: WireId::from(*cluster),
                life: pulse.life,
                number: pulse.number,
                batches: pulse.batches,
            }),
            Welcome::Refused(refusal) => WireAnswer::Refused(refused(refusal, text_bytes_max)),
        };
        WireHandshake { side: Some(WireSide::Welcome(WireWelcome { answer: Some(answer) })) }
    }

    pub(crate) fn into_hello(self) -> Result<Hello, DecodeError> {
        let Some(WireSide::Hello(hello)) = self.side else { return Err(DecodeError::missing("a hello")) };
        let (protocol_min, protocol_max) = hello.protocols.range()?;
        Ok(Hello {
            protocol_min,
            protocol_max,
            cluster: hello.cluster.map(u128::from),
            node: hello.node.into(),
            pulse: Pulse { number: hello.number, life: hello.life, batches: hello.batches },
            role: role(hello.role)?,
            name: hello.name,
        })
    }

    pub(crate) fn into_welcome(self) -> Result<Welcome, DecodeError> {
        let Some(WireSide::Welcome(welcome)) = self.side else { return Err(DecodeError::missing("a welcome")) };
        match welcome.answer.ok_or(DecodeError::newer("a welcome"))? {
            WireAnswer::Accepted(accepted) => Ok(Welcome::Accepted {
                protocol: protocol(accepted.protocol)?,
                node: accepted.node.into(),
                cluster: accepted.cluster.into(),
                pulse: Pulse { number: accepted.number, life: accepted.life, batches: accepted.batches },
            }),
            WireAnswer::Refused(refused) => refusal(refused).map(Welcome::Refused),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireHello {
    #[prost(message, required, tag = "1")]
    protocols: WireProtocols,
    #[prost(message, optional, tag = "2")]
    cluster: Option<WireId>,
    #[prost(message, required, tag = "3")]
    node: WireId,
    #[prost(fixed64, tag = "4")]
    life: u64,
    #[prost(uint32, tag = "5")]
    role: u32,
    #[prost(string, tag = "6")]
    name: String,
    #[prost(uint64, tag = "7")]
    number: u64,
    #[prost(uint64, tag = "8")]
    batches: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireProtocols {
    #[prost(uint32, tag = "1")]
    min: u32,
    #[prost(uint32, tag = "2")]
    max: u32,
}

impl WireProtocols {
    fn new((min, max): (u16, u16)) -> WireProtocols {
        WireProtocols { min: u32::from(min), max: u32::from(max) }
    }

    fn range(self) -> Result<(u16, u16), DecodeError> {
        Ok((protocol(self.min)?, protocol(self.max)?))
    }
}

fn protocol(wire: u32) -> Result<u16, DecodeError> {
    narrow(wire, "a protocol version")
}

fn wire_role(role: Role) -> u32 {
    match role {
        Role::Control => 1,
        Role::Data => 2,
        Role::Guest => 3,
    }
}

fn role(wire: u32) -> Result<Role, DecodeError> {
    match wire {
        1 => Ok(Role::Control),
        2 => Ok(Role::Data),
        3 => Ok(Role::Guest),
        _ => Err(DecodeError::newer("the role of a connection")),
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireWelcome {
    #[prost(oneof = "WireAnswer", tags = "1, 2")]
    answer: Option<WireAnswer>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum WireAnswer {
    #[prost(message, tag = "1")]
    Accepted(WireAccepted),
    #[prost(message, tag = "2")]
    Refused(WireRefused),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireAccepted {
    #[prost(uint32, tag = "1")]
    protocol: u32,
    #[prost(message, required, tag = "2")]
    node: WireId,
    #[prost(message, required, tag = "3")]
    cluster: WireId,
    #[prost(fixed64, tag = "4")]
    life: u64,
    #[prost(uint64, tag = "5")]
    number: u64,
    #[prost(uint64, tag = "6")]
    batches: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireRefused {
    /// In words, for a caller that does not know the reason.
    #[prost(string, tag = "1")]
    text: String,
    #[prost(oneof = "WireReason", tags = "2, 3, 4, 5, 6")]
    reason: Option<WireReason>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
enum WireReason {
    #[prost(message, tag = "2")]
    WrongCluster(WireWrongCluster),
    #[prost(message, tag = "3")]
    NoCommonProtocol(WireNoCommonProtocol),
    #[prost(message, tag = "4")]
    UnknownNode(()),
    #[prost(message, tag = "5")]
    NotReady(()),
    #[prost(message, tag = "6")]
    Ejected(()),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireWrongCluster {
    #[prost(message, required, tag = "1")]
    ours: WireId,
    #[prost(message, required, tag = "2")]
    theirs: WireId,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct WireNoCommonProtocol {
    #[prost(message, required, tag = "1")]
    ours: WireProtocols,
    #[prost(message, required, tag = "2")]
    theirs: WireProtocols,
}

fn refused(refusal: &HandshakeRefusal, text_bytes_max: usize) -> WireRefused {
    let reason = match refusal {
        HandshakeRefusal::WrongCluster { ours, theirs } => Some(WireReason::WrongCluster(WireWrongCluster {
            ours: WireId::from(*ours),
            theirs: WireId::from(*theirs),
        })),
        HandshakeRefusal::NoCommonProtocol { ours, theirs } => {
            Some(WireReason::NoCommonProtocol(WireNoCommonProtocol {
                ours: WireProtocols::new(*ours),
                theirs: WireProtocols::new(*theirs),
            }))
        }
        HandshakeRefusal::UnknownNode => Some(WireReason::UnknownNode(())),
        HandshakeRefusal::NotReady => Some(WireReason::NotReady(())),
        HandshakeRefusal::Ejected(_) => Some(WireReason::Ejected(())),
        HandshakeRefusal::Other(_) => None,
    };
    WireRefused { text: cut(&refusal.to_string(), text_bytes_max), reason }
}

fn refusal(wire: WireRefused) -> Result<HandshakeRefusal, DecodeError> {
    Ok(match wire.reason {
        Some(WireReason::WrongCluster(WireWrongCluster { ours, theirs })) => {
            HandshakeRefusal::WrongCluster { ours: ours.into(), theirs: theirs.into() }
        }
        Some(WireReason::NoCommonProtocol(WireNoCommonProtocol { ours, theirs })) => {
            HandshakeRefusal::NoCommonProtocol { ours: ours.range()?, theirs: theirs.range()? }
        }
        Some(WireReason::UnknownNode(())) => HandshakeRefusal::UnknownNode,
        Some(WireReason::NotReady(())) => HandshakeRefusal::NotReady,
        Some(WireReason::Ejected(())) => HandshakeRefusal::Ejected(wire.text),
        // A reason of a newer version comes with its sentence.
        None => HandshakeRefusal::Other(wire.text),
    })
}

fn cut(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}
