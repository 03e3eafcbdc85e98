//! The two directions of a standing connection: writing what waits for a peer, and reading what a peer says.
//!
//! Invariant: whatever waits when a write begins goes into one frame, up to about a mebibyte; bytes that are no frame
//! end the connection, and nothing after them is read.
//! Refuses to know messages; frames are `codec`'s.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use codec::{FRAME_BYTES_MAX, FrameDecoder, FrameEncoder, FrameError};
use proto::{Lane, Message};
use stdx::{Mono, Span};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::warn;

use crate::event::Event;
use crate::peer::{Peer, Surroundings};
use crate::tls::Stream;

/// Bytes of messages that go into one frame; a larger message has a frame of its own.
pub(crate) const FRAME_BYTES: usize = 1 << 20;

/// How long the other side may read nothing of what is written to it.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// How long a peer may say nothing at all while it is written to. A machine that is gone without a word, or came
/// back with another memory, is noticed after this time and not after the many minutes TCP takes.
const SILENCE: Span = Span::secs(10);

/// Room made for each read.
const READ_BYTES: usize = 16 << 10;

/// Why a connection ended.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The other side closed it.
    Closed,
    /// The system failed it.
    Io(io::Error),
    /// What came was no frame.
    Frame(FrameError),
    /// The other side does not read, or is gone.
    Stuck,
    /// Nothing was heard of the peer for too long.
    Silent,
    /// This process ends.
    Ending,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Closed => f.write_str("the other side closed it"),
            Broken::Io(error) => error.fmt(f),
            Broken::Frame(error) => error.fmt(f),
            Broken::Stuck => f.write_str("the other side does not read"),
            Broken::Silent => f.write_str("nothing was heard of the other side"),
            Broken::Ending => f.write_str("this node is ending"),
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Io(error)
    }
}

/// Serves a connection that this node dialled until it breaks. `buffer` holds what has come of it already.
pub(crate) async fn serve_dialled(
    stream: Stream,
    buffer: BytesMut,
    peer: &Peer,
    lane: Lane,
    surroundings: &Surroundings,
) -> Broken {
    match stream {
        Stream::Plain(mut stream) => dialled(stream.split(), buffer, peer, lane, surroundings).await,
        Stream::Tls(stream) => dialled(tokio::io::split(*stream), buffer, peer, lane, surroundings).await,
    }
}

async fn dialled(
    (mut reading, mut writing): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    buffer: BytesMut,
    peer: &Peer,
    lane: Lane,
    surroundings: &Surroundings,
) -> Broken {
    tokio::select! {
        broken = send(&mut writing, peer, lane, surroundings) => broken,
        broken = receive(&mut reading, buffer, peer, surroundings) => broken,
    }
}

/// Serves a connection that `peer` has opened until it breaks. `buffer` holds what has come of it already.
pub(crate) async fn serve_accepted(
    stream: Stream,
    buffer: BytesMut,
    peer: &Peer,
    lane: Lane,
    surroundings: &Surroundings,
) -> Broken {
    match stream {
        Stream::Plain(mut stream) => accepted(stream.split(), buffer, peer, lane, surroundings).await,
        Stream::Tls(stream) => accepted(tokio::io::split(*stream), buffer, peer, lane, surroundings).await,
    }
}

async fn accepted(
    (mut reading, mut writing): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    buffer: BytesMut,
    peer: &Peer,
    lane: Lane,
    surroundings: &Surroundings,
) -> Broken {
    let _way_back = peer.way_back(lane);
    tokio::select! {
        broken = receive(&mut reading, buffer, peer, surroundings) => broken,
        broken = send_back(&mut writing, peer, lane, surroundings) => broken,
    }
}

/// Writes what waits for `peer` until the connection breaks.
async fn send<W>(writing: &mut W, peer: &Peer, lane: Lane, surroundings: &Surroundings) -> Broken
where
    W: AsyncWrite + Unpin,
{
    let since = surroundings.clock.mono();
    loop {
        let messages = peer.outbox(lane).take(FRAME_BYTES).await;
        if let Err(broken) = write_heard(writing, &messages, peer, since, surroundings).await {
            return broken;
        }
    }
}

/// Writes what waits for `peer` whenever this node has no connection of its own to it.
async fn send_back<W>(writing: &mut W, peer: &Peer, lane: Lane, surroundings: &Surroundings) -> Broken
where
    W: AsyncWrite + Unpin,
{
    let since = surroundings.clock.mono();
    let mut dialled = peer.watch_dialled(lane);
    while dialled.wait_for(|dialled| !dialled).await.is_ok() {
        if surroundings.events.send(Event::Connected { peer: peer.id }).await.is_err() {
            break;
        }
        loop {
            let messages = tokio::select! {
                biased;
                _ = dialled.wait_for(|dialled| *dialled) => break,
                messages = peer.outbox(lane).take(FRAME_BYTES) => messages,
            };
            // Not inside the select, because half a frame would spoil the connection.
            if let Err(broken) = write_heard(writing, &messages, peer, since, surroundings).await {
                return broken;
            }
        }
    }
    Broken::Ending
}

/// Writes to a peer on a connection that stands since `since`; an error also if nothing is heard of the peer.
async fn write_heard<W>(
    writing: &mut W,
    messages: &[Message],
    peer: &Peer,
    since: Mono,
    surroundings: &Surroundings,
) -> Result<(), Broken>
where
    W: AsyncWrite + Unpin,
{
    let bytes = write_frame(writing, messages).await?;
    surroundings.counters.peer_bytes_out.add(bytes as u64);
    surroundings.counters.peer_frames_out.add(1);
    let silent = surroundings.clock.mono() - peer.heard().max(since) > SILENCE;
    if silent { Err(Broken::Silent) } else { Ok(()) }
}

/// Writes `messages` together and returns how many bytes that took.
pub(crate) async fn write_frame<W>(stream: &mut W, messages: &[Message]) -> Result<usize, Broken>
where
    W: AsyncWrite + Unpin,
{
    let mut encoder = FrameEncoder::default();
    for message in messages {
        if let Err(error) = encoder.push(message) {
            warn!("dropped a message to a peer: {error}");
        }
    }
    let mut frame = encoder.finish();
    let bytes = frame.len();
    // Timed piece by piece: a slow network takes a large frame, if only it takes it steadily.
    while frame.has_remaining() {
        match timeout(WRITE_TIME, stream.write_buf(&mut frame)).await.map_err(|_| Broken::Stuck)?? {
            0 => return Err(Broken::Closed),
            _ => continue,
        }
    }
    timeout(WRITE_TIME, stream.flush()).await.map_err(|_| Broken::Stuck)??;
    Ok(bytes)
}

/// Reads what `peer` says, starting with what `buffer` holds already, until the connection breaks.
async fn receive<R>(stream: &mut R, buffer: BytesMut, peer: &Peer, surroundings: &Surroundings) -> Broken
where
    R: AsyncRead + Unpin,
{
    let mut frames = Frames::new(stream, buffer, FRAME_BYTES_MAX);
    loop {
        let messages = match frames.next().await {
            Ok(messages) => messages,
            Err(broken) => return broken,
        };
        surroundings.counters.peer_bytes_in.add(frames.take_bytes() as u64);
        surroundings.counters.peer_frames_in.add(1);
        peer.hear(surroundings.clock.mono());
        // Waiting here for a busy event loop makes the peer wait too, through TCP.
        if surroundings.events.send(Event::Peer { from: peer.id, messages }).await.is_err() {
            return Broken::Ending;
        }
    }
}

/// The frames of one connection.
pub(crate) struct Frames<'a, R> {
    stream: &'a mut R,
    buffer: BytesMut,
    decoder: FrameDecoder,
    /// Bytes read since they were last asked for.
    bytes: usize,
}

impl<'a, R: AsyncRead + Unpin> Frames<'a, R> {
    /// Frames that begin in `buffer` and go on in `stream`, each of up to `bytes_max` bytes.
    pub(crate) fn new(stream: &'a mut R, buffer: BytesMut, bytes_max: usize) -> Frames<'a, R> {
        let bytes = buffer.len();
        Frames { stream, buffer, decoder: FrameDecoder::new(bytes_max), bytes }
    }

    /// Waits for the messages of the next frame.
    pub(crate) async fn next(&mut self) -> Result<Vec<Message>, Broken> {
        loop {
            if let Some(messages) = self.decoder.next(&mut self.buffer).map_err(Broken::Frame)? {
                return Ok(messages);
            }
            self.buffer.reserve(READ_BYTES);
            match self.stream.read_buf(&mut self.buffer).await? {
                0 => return Err(Broken::Closed),
                bytes => self.bytes += bytes,
            }
        }
    }

    /// Bytes read since the last call.
    pub(crate) fn take_bytes(&mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Broken, FRAME_BYTES, Frames, receive, serve_dialled};
    use crate::event::Event;
    use crate::peer::tests::{member, pair, surroundings};
    use crate::peer::{Peer, PulseCell};
    use bytes::BytesMut;
    use codec::FRAME_BYTES_MAX;
    use proto::{BucketId, Epoch, ItemKey, Lane, Message, OpId};
    use ring::NodeId;
    use tokio::io::AsyncWriteExt;

    fn read(op: u64, key_bytes: usize) -> Message {
        let key = ItemKey::plain(vec![b'k'; key_bytes]);
        Message::Read { op: OpId(op), epoch: Epoch(1), bucket: BucketId::DEFAULT, key }
    }

    #[tokio::test]
    async fn what_waits_goes_into_one_frame() {
        let (surroundings, _queue) = surroundings(1);
        let peer = Peer::new(&member(2, 9), PulseCell::default());
        let (writing, mut reading) = pair().await;
        let messages: Vec<_> = (0..100).map(|op| read(op, 10)).collect();
        for message in &messages {
            peer.outbox(Lane::Data).push(message.clone());
        }
        let received = async { Frames::new(&mut reading, BytesMut::new(), FRAME_BYTES_MAX).next().await };
        tokio::select! {
            broken = serve_dialled(writing.into(), BytesMut::new(), &peer, Lane::Data, &surroundings) => panic!("{broken}"),
            frame = received => assert_eq!(frame.unwrap(), messages),
        }
        assert_eq!(surroundings.counters.peer_frames_out.get(), 1);
    }

    #[tokio::test]
    async fn frames_stay_small_unless_a_message_is_large() {
        let (surroundings, _queue) = surroundings(1);
        let peer = Peer::new(&member(2, 9), PulseCell::default());
        let (writing, mut reading) = pair().await;
        let sizes = [FRAME_BYTES / 2, FRAME_BYTES / 3, FRAME_BYTES / 3, 3 * FRAME_BYTES, 10];
        for (op, size) in sizes.into_iter().enumerate() {
            peer.outbox(Lane::Data).push(read(op as u64, size));
        }
        let received = async {
            let mut frames = Frames::new(&mut reading, BytesMut::new(), FRAME_BYTES_MAX);
            let mut counts = Vec::new();
            while counts.iter().sum::<usize>() < sizes.len() {
                counts.push(frames.next().await.unwrap().len());
            }
            counts
        };
        tokio::select! {
            broken = serve_dialled(writing.into(), BytesMut::new(), &peer, Lane::Data, &surroundings) => panic!("{broken}"),
            counts = received => assert_eq!(counts, [2, 1, 1, 1]),
        }
    }

    #[tokio::test]
    async fn frames_are_handed_on_and_damaged_ones_end_the_connection() {
        let (surroundings, mut queue) = surroundings(1);
        let peer = Peer::new(&member(2, 9), PulseCell::default());
        let (mut writing, mut reading) = pair().await;
        let mut bytes = codec::encode_frame(&[read(1, 10), read(2, 10)]).to_vec();
        writing.write_all(&bytes).await.unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        writing.write_all(&bytes).await.unwrap();
        let broken = receive(&mut reading, BytesMut::new(), &peer, &surroundings).await;
        assert!(matches!(broken, Broken::Frame(codec::FrameError::Checksum { .. })), "{broken}");
        let Some(Event::Peer { from, messages }) = queue.recv().await else { panic!("no frame") };
        assert_eq!((from, messages), (NodeId(2), vec![read(1, 10), read(2, 10)]));
        assert!(queue.try_recv().is_err());
        assert_eq!(surroundings.counters.peer_bytes_in.get(), bytes.len() as u64 * 2);
    }

    #[tokio::test]
    async fn a_peer_that_closes_is_noticed_without_writing() {
        let (surroundings, _queue) = surroundings(1);
        let peer = Peer::new(&member(2, 9), PulseCell::default());
        let (writing, reading) = pair().await;
        drop(reading);
        assert!(matches!(
            serve_dialled(writing.into(), BytesMut::new(), &peer, Lane::Control, &surroundings).await,
            Broken::Closed
        ));
    }

    #[tokio::test]
    async fn a_peer_that_is_never_heard_of_is_given_up() {
        let (surroundings, _queue) = surroundings(1);
        let peer = Peer::new(&member(2, 9), PulseCell::default());
        let (writing, _reading) = pair().await;
        tokio::time::pause();
        let silent = async {
            loop {
                peer.outbox(Lane::Control).push(Message::Ping { nonce: 1 });
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            broken = serve_dialled(writing.into(), BytesMut::new(), &peer, Lane::Control, &surroundings) => {
                assert!(matches!(broken, Broken::Silent), "{broken}");
            }
            () = silent => {}
        }
    }
}
