//! One direction of one connection: reads a piece, does to it what the rule says, passes it on.

use super::links::{Counts, End, Links, Way};
use super::rule::Rule;
use bytes::BytesMut;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::sleep;

const PIECE_BYTES: usize = 16 << 10;
/// A trickle comes this many times in a second.
const TRICKLES_PER_SECOND: u32 = 20;

/// Passes everything on until the source ends, which the sink is told. What is in `piece` comes first.
pub(super) async fn pump(
    mut piece: BytesMut,
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    links: &Links,
    way: Way,
) -> io::Result<()> {
    loop {
        if piece.is_empty() {
            piece.reserve(PIECE_BYTES);
            let read = from.read_buf(&mut piece).await?;
            // The end of a stream does not get through a cut, either.
            if links.passable(way).await {
                Counts::add(&links.counts.held, 1);
            }
            if read == 0 {
                return to.shutdown().await;
            }
        }
        let rule = links.rule(way);
        pass(&mut piece, &mut to, links, way, rule).await?;
        piece.clear();
    }
}

async fn pass(piece: &mut BytesMut, to: &mut WriteHalf<'_>, links: &Links, way: Way, rule: Rule) -> io::Result<()> {
    let counts = &links.counts;
    Counts::add(&counts.pieces, 1);
    if matches!(way, (End::Node(_), End::Node(_))) {
        Counts::add(&counts.peer_bytes, piece.len() as u64);
    }
    wait(links, rule).await;
    if happens(links, rule.swallowed_permille) {
        Counts::add(&counts.swallowed, 1);
        return Ok(());
    }
    if happens(links, rule.corrupt_permille) {
        Counts::add(&counts.corrupted, 1);
        let at = links.below(piece.len() as u64) as usize;
        piece[at] ^= 1 << links.below(8);
    }
    if happens(links, rule.repeated_permille) {
        Counts::add(&counts.repeated, 1);
        to.write_all(piece).await?;
    }
    match rule.bytes_per_second {
        None => to.write_all(piece).await,
        Some(speed) => {
            Counts::add(&counts.trickled, 1);
            trickle(piece, to, links, way, speed).await
        }
    }
}

async fn wait(links: &Links, rule: Rule) {
    let mut delay = rule.delay;
    if !rule.jitter.is_zero() {
        delay += Duration::from_micros(links.below(rule.jitter.as_micros() as u64));
    }
    if links.below(100) < u64::from(rule.stalled_percent) {
        Counts::add(&links.counts.stalled, 1);
        delay += Duration::from_millis(200 + links.below(1_000));
    }
    if !delay.is_zero() {
        Counts::add(&links.counts.delayed, 1);
        sleep(delay).await;
    }
}

/// Passes a piece on at so many bytes a second, until the rule changes.
async fn trickle(piece: &[u8], to: &mut WriteHalf<'_>, links: &Links, way: Way, speed: u32) -> io::Result<()> {
    let drop_bytes = (speed / TRICKLES_PER_SECOND).max(1) as usize;
    for (at, bytes) in piece.chunks(drop_bytes).enumerate() {
        if links.rule(way).bytes_per_second.is_none() {
            return to.write_all(&piece[at * drop_bytes..]).await;
        }
        to.write_all(bytes).await?;
        sleep(Duration::from_secs(1) / TRICKLES_PER_SECOND).await;
    }
    Ok(())
}

fn happens(links: &Links, permille: u16) -> bool {
    permille > 0 && links.below(1_000) < u64::from(permille)
}
