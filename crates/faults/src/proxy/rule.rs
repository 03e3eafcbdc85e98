//! How one direction of a link behaves.

use std::time::Duration;

/// What happens to bytes on their way from one end to another. The default lets everything through at once.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rule {
    /// Nothing passes, and nobody is told: bytes wait until the cut is healed, as behind a cable that is pulled.
    pub cut: bool,
    /// Every piece takes this long.
    pub delay: Duration,
    /// And up to this much more.
    pub jitter: Duration,
    /// So many of 100 pieces take 200 ms to 1.2 s more: the price of a lost packet.
    pub stalled_percent: u8,
    /// Bytes trickle at this speed, a few at a time.
    pub bytes_per_second: Option<u32>,
    /// So many of 1000 pieces arrive twice in the stream.
    pub repeated_permille: u16,
    /// So many of 1000 pieces have a bit flipped.
    pub corrupt_permille: u16,
    /// So many of 1000 pieces are swallowed; the stream goes on without them.
    pub swallowed_permille: u16,
}

impl Rule {
    /// Nothing passes.
    pub fn cut() -> Rule {
        Rule { cut: true, ..Rule::default() }
    }

    /// Slow, and at times very slow.
    pub fn slow(millis: u64) -> Rule {
        let delay = Duration::from_millis(millis);
        Rule { delay, jitter: delay, stalled_percent: 2, ..Rule::default() }
    }

    /// So slow that it is nearly cut.
    pub fn trickle() -> Rule {
        Rule { bytes_per_second: Some(2_000), ..Rule::default() }
    }

    /// Bytes are changed, repeated and left out.
    pub fn damaging() -> Rule {
        Rule { repeated_permille: 10, corrupt_permille: 20, swallowed_permille: 10, ..Rule::default() }
    }
}
