//! Who opened a connection: a node, by its name, or a client.

use bytes::BytesMut;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Clients keep connections open before they say something.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name that a node gave, and what was read to know it. Nothing if the caller went away without a word.
pub(super) async fn caller(stream: &mut TcpStream) -> Option<(Option<String>, BytesMut)> {
    let mut first = BytesMut::new();
    loop {
        let read = timeout(PATIENCE, stream.read_buf(&mut first)).await.ok()?.ok()?;
        if read == 0 {
            return None;
        }
        // Decoding takes the bytes away, and the node wants them, too.
        match codec::decode_hello(&mut first.clone()) {
            Ok(Some(hello)) => return Some((Some(hello.name), first)),
            Ok(None) => {}
            Err(_) => return Some((None, first)),
        }
    }
}
