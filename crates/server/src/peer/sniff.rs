//! Tells peers from clients by the first bytes of a connection, without taking them away.
//!
//! Invariant: a connection that is handed on as a client's is untouched.
//! Refuses to know what comes after the first bytes.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long a connection may say nothing at first.
pub(crate) const SNIFF_TIME: Duration = Duration::from_secs(10);

/// Between two looks at a beginning that is too short to tell. There is no event for "more bytes than these".
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Who opened a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opener {
    /// A node, or one that wants to become one.
    Peer,
    /// Anybody else.
    Client,
}

/// Waits for the first bytes and tells who sent them. `None` if nobody said anything for too long or went away.
pub(crate) async fn sniff(stream: &TcpStream) -> Option<Opener> {
    timeout(SNIFF_TIME, look(stream)).await.ok()?.ok()?
}

async fn look(stream: &TcpStream) -> io::Result<Option<Opener>> {
    let mut bytes = [0; codec::MAGIC.len()];
    let mut seen = 0;
    loop {
        match stream.peek(&mut bytes).await? {
            0 => return Ok(None),
            n if !codec::MAGIC.starts_with(&bytes[..n]) => return Ok(Some(Opener::Client)),
            n if n == bytes.len() => return Ok(Some(Opener::Peer)),
            // The other side closed in the middle: a peek does not tell, but nothing more comes either.
            n => {
                if n == seen {
                    sleep(LOOK_AGAIN).await;
                }
                seen = n;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Opener, sniff};
    use crate::peer::tests::pair;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn clients_are_handed_on_untouched() {
        let (mut client, mut server) = pair().await;
        client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        assert_eq!(sniff(&server).await, Some(Opener::Client));
        let mut bytes = [0; 16];
        server.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"GET / HTTP/1.1\r\n");
    }

    #[tokio::test]
    async fn peers_are_known_even_byte_by_byte() {
        let (mut peer, server) = pair().await;
        peer.set_nodelay(true).unwrap();
        let sniffing = tokio::spawn(async move { sniff(&server).await });
        for byte in codec::MAGIC {
            peer.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(sniffing.await.unwrap(), Some(Opener::Peer));
    }

    #[tokio::test]
    async fn silence_ends() {
        let (_silent, server) = pair().await;
        tokio::time::pause();
        assert_eq!(sniff(&server).await, None);
    }

    #[tokio::test]
    async fn going_away_ends() {
        let (client, server) = pair().await;
        drop(client);
        assert_eq!(sniff(&server).await, None);
    }
}
