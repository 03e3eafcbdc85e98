//! The first words on a connection between nodes: who are you, and do we speak the same protocol?
//!
//! Invariant: a node talks only to nodes of its own cluster; the one exception is a guest, who has none yet. Both sides
//! of a refusal can tell a person why.
//! Refuses to know what is said afterwards.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use codec::{HandshakeRefusal, Hello, PROTOCOL_MAX, PROTOCOL_MIN, Role, Welcome};
use proto::{Lane, Pulse};
use ring::NodeId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::peer::directory::Roster;
use crate::peer::{Local, Peer};
use crate::tls::TlsError;

/// How long a handshake may take.
pub(crate) const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

/// Room made for each read; mostly enough for a whole handshake.
const READ_BYTES: usize = 512;

/// Why a handshake failed.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The system failed the connection.
    Io(io::Error),
    /// The connection could not be made, or the other side's certificate is not accepted.
    Tls(TlsError),
    /// The other side went away.
    Closed,
    /// What the other side said was no handshake.
    Malformed(codec::HandshakeError),
    /// The other side took too long.
    TooSlow,
    /// The other side does not want to talk to us.
    Refused(HandshakeRefusal),
    /// Another node than the one that was dialled answered.
    SomebodyElse {
        /// Who.
        found: NodeId,
    },
    /// The node that was dialled answered, but on old records; the sentence is for whoever started it.
    Outdated(String),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Io(error) => error.fmt(f),
            HandshakeError::Tls(error) => error.fmt(f),
            HandshakeError::Closed => f.write_str("it closed the connection before it had said who it is"),
            HandshakeError::Malformed(error) => error.fmt(f),
            HandshakeError::TooSlow => f.write_str("it did not answer in time"),
            HandshakeError::Refused(refusal) => refusal.fmt(f),
            HandshakeError::SomebodyElse { found } => {
                write!(f, "another node, {found}, answers at this address; check the addresses that nodes advertise")
            }
            HandshakeError::Outdated(why) => f.write_str(why),
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> HandshakeError {
        HandshakeError::Io(error)
    }
}

/// What an accepted greeting brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Greeted {
    pub(crate) node: NodeId,
    pub(crate) cluster: u128,
    pub(crate) pulse: Pulse,
}

/// How this version introduces itself.
pub(crate) fn hello(node: NodeId, cluster: Option<u128>, role: Role, name: &str, pulse: Pulse) -> Hello {
    let name = name.to_owned();
    Hello { protocol_min: PROTOCOL_MIN, protocol_max: PROTOCOL_MAX, cluster, node, pulse, role, name }
}

/// The dialling side: introduces itself and waits for the welcome. What came behind it stays in `buffer`: whoever
/// welcomes may say more at once.
pub(crate) async fn greet<S>(stream: &mut S, buffer: &mut BytesMut, hello: &Hello) -> Result<Greeted, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&codec::encode_hello(hello)).await?;
    stream.flush().await?;
    loop {
        match codec::decode_welcome(buffer).map_err(HandshakeError::Malformed)? {
            Some(Welcome::Accepted { node, cluster, pulse, .. }) => return Ok(Greeted { node, cluster, pulse }),
            Some(Welcome::Refused(refusal)) => return Err(HandshakeError::Refused(refusal)),
            None => read_more(stream, buffer).await?,
        }
    }
}

/// The accepting side: waits for the introduction. What came behind it stays in `buffer`.
pub(crate) async fn await_hello<S>(stream: &mut S, buffer: &mut BytesMut) -> Result<Hello, HandshakeError>
where
    S: AsyncRead + Unpin,
{
    loop {
        match codec::decode_hello(buffer).map_err(HandshakeError::Malformed)? {
            Some(hello) => return Ok(hello),
            None => read_more(stream, buffer).await?,
        }
    }
}

/// The accepting side: answers the introduction.
pub(crate) async fn answer<S>(stream: &mut S, welcome: &Welcome) -> Result<(), HandshakeError>
where
    S: AsyncWrite + Unpin,
{
    stream.write_all(&codec::encode_welcome(welcome)).await?;
    Ok(stream.flush().await?)
}

async fn read_more<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut) -> Result<(), HandshakeError> {
    buffer.reserve(READ_BYTES);
    match stream.read_buf(buffer).await? {
        0 => Err(HandshakeError::Closed),
        _ => Ok(()),
    }
}

/// As what somebody is let in.
#[derive(Debug)]
pub(crate) enum Admission {
    /// A member, on one of its lanes.
    Peer(Arc<Peer>, Lane),
    /// Somebody who wants to become a member.
    Guest,
}

/// Whether to let somebody in who introduces itself like this, and which protocol to speak.
pub(crate) fn judge(hello: &Hello, local: &Local, roster: &Roster) -> Result<(Admission, u16), HandshakeRefusal> {
    let (ours, theirs) = ((PROTOCOL_MIN, PROTOCOL_MAX), (hello.protocol_min, hello.protocol_max));
    let protocol = codec::agree(ours, theirs).ok_or(HandshakeRefusal::NoCommonProtocol { ours, theirs })?;
    if let Some(theirs) = hello.cluster.filter(|cluster| *cluster != local.cluster) {
        return Err(HandshakeRefusal::WrongCluster { ours: local.cluster, theirs });
    }
    let lane = match hello.role {
        Role::Guest => return Ok((Admission::Guest, protocol)),
        Role::Control => Lane::Control,
        Role::Data => Lane::Data,
    };
    if let Some(why) = hello.cluster.and_then(|_| roster.outcast(hello.node)) {
        return Err(HandshakeRefusal::Ejected(why));
    }
    // Whoever names no cluster is a stranger, whatever its id.
    let peer = hello.cluster.and_then(|_| roster.get(hello.node)).ok_or(HandshakeRefusal::UnknownNode)?;
    match outdated(&peer, hello.pulse) {
        Some(why) => Err(HandshakeRefusal::Ejected(why)),
        None => Ok((Admission::Peer(peer, lane), protocol)),
    }
}

/// What a peer is to be told that comes, or answers, with this pulse, if its records are old.
pub(crate) fn outdated(peer: &Peer, pulse: Pulse) -> Option<String> {
    let known = peer.pulse.get();
    known.outdates(pulse).then(|| proto::pulse::outdated(&peer.name, known, pulse))
}

/// True if a refusal does not pass by itself: a person has to change something.
pub(crate) fn is_for_good(refusal: &HandshakeRefusal) -> bool {
    match refusal {
        HandshakeRefusal::WrongCluster { .. }
        | HandshakeRefusal::NoCommonProtocol { .. }
        | HandshakeRefusal::Ejected(_) => true,
        // A newcomer is unknown until the history that names it has arrived.
        HandshakeRefusal::UnknownNode | HandshakeRefusal::NotReady | HandshakeRefusal::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, HandshakeError, await_hello, greet, hello, judge};
    use crate::peer::directory::Roster;
    use crate::peer::tests::{CLUSTER, local, roster_of};
    use bytes::BytesMut;
    use codec::{HandshakeRefusal, Hello, PROTOCOL_MAX, Role, Welcome};
    use proto::{Lane, Pulse};
    use ring::NodeId;
    use tokio::io::AsyncWriteExt;

    fn from_two(cluster: Option<u128>, role: Role) -> Hello {
        hello(NodeId(2), cluster, role, "Larraine", Pulse { number: 5, life: 50, batches: 0 })
    }

    fn refusal(hello: &Hello, roster: &Roster) -> HandshakeRefusal {
        judge(hello, &local(1), roster).unwrap_err()
    }

    #[test]
    fn members_come_in_on_their_lane() {
        let roster = roster_of(&[2]);
        let (admission, protocol) = judge(&from_two(Some(CLUSTER), Role::Data), &local(1), &roster).unwrap();
        assert!(matches!(admission, Admission::Peer(peer, Lane::Data) if peer.id == NodeId(2)));
        assert_eq!(protocol, PROTOCOL_MAX);
    }

    #[test]
    fn guests_need_no_cluster_but_not_another_one() {
        let roster = Roster::default();
        assert!(matches!(judge(&from_two(None, Role::Guest), &local(1), &roster), Ok((Admission::Guest, _))));
        let refusal = refusal(&from_two(Some(8), Role::Guest), &roster);
        assert_eq!(refusal, HandshakeRefusal::WrongCluster { ours: CLUSTER, theirs: 8 });
    }

    #[test]
    fn strangers_stay_out() {
        let roster = roster_of(&[2]);
        assert_eq!(refusal(&from_two(Some(CLUSTER), Role::Data), &roster_of(&[3])), HandshakeRefusal::UnknownNode);
        assert_eq!(refusal(&from_two(None, Role::Control), &roster), HandshakeRefusal::UnknownNode);
        let wrong = refusal(&from_two(Some(8), Role::Control), &roster);
        assert_eq!(wrong, HandshakeRefusal::WrongCluster { ours: CLUSTER, theirs: 8 });
        let newer = Hello { protocol_min: 100, protocol_max: 101, ..from_two(Some(CLUSTER), Role::Data) };
        assert!(matches!(refusal(&newer, &roster), HandshakeRefusal::NoCommonProtocol { theirs: (100, 101), .. }));
    }

    #[test]
    fn whoever_was_put_out_is_told_so() {
        let roster = roster_of(&[3]);
        roster.banish([(NodeId(2), "it was replaced".to_owned())]);
        let told = refusal(&from_two(Some(CLUSTER), Role::Control), &roster);
        assert_eq!(told, HandshakeRefusal::Ejected("it was replaced".to_owned()));
    }

    #[test]
    fn whoever_runs_on_old_records_is_told_so() {
        let roster = roster_of(&[2]);
        let newer = |number, life| roster.get(NodeId(2)).unwrap().pulse.raise(Pulse { number, life, batches: 0 });
        newer(9, 50);
        assert!(judge(&from_two(Some(CLUSTER), Role::Data), &local(1), &roster).is_ok(), "the same life, further on");
        newer(10, 51);
        let HandshakeRefusal::Ejected(told) = refusal(&from_two(Some(CLUSTER), Role::Data), &roster) else {
            panic!("it was not told to end");
        };
        assert!(told.contains("record 10") && told.contains("from 5") && told.contains("--replace node-2"), "{told}");
    }

    #[tokio::test]
    async fn what_follows_a_hello_is_kept() {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 16);
        let said = from_two(Some(CLUSTER), Role::Data);
        let mut bytes = codec::encode_hello(&said).to_vec();
        bytes.extend_from_slice(b"more");
        theirs.write_all(&bytes).await.unwrap();
        let mut buffer = BytesMut::new();
        assert_eq!(await_hello(&mut ours, &mut buffer).await.unwrap(), said);
        assert_eq!(&buffer[..], b"more");
    }

    #[tokio::test]
    async fn what_follows_a_welcome_is_kept() {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 16);
        let welcome =
            Welcome::Accepted { protocol: PROTOCOL_MAX, node: NodeId(1), cluster: CLUSTER, pulse: Pulse::default() };
        let mut bytes = codec::encode_welcome(&welcome).to_vec();
        bytes.extend_from_slice(b"more");
        theirs.write_all(&bytes).await.unwrap();
        let mut buffer = BytesMut::new();
        let greeted = greet(&mut ours, &mut buffer, &from_two(Some(CLUSTER), Role::Data)).await.unwrap();
        assert_eq!((greeted.node, &buffer[..]), (NodeId(1), &b"more"[..]));
    }

    #[tokio::test]
    async fn whoever_answers_something_else_is_no_node() {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 16);
        theirs.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
        let error = greet(&mut ours, &mut BytesMut::new(), &from_two(None, Role::Guest)).await.unwrap_err();
        assert!(matches!(error, HandshakeError::Malformed(codec::HandshakeError::NotAPeer)));
        drop(theirs);
    }
}
