//! Whether a client's request is still worth beginning when its turn comes.
//!
//! Invariant: whoever waited too long is told so at once, before any work is done for him: work for those who have given up
//! is what keeps an overloaded node overloaded (Nichols and Jacobson, *Controlling Queue Delay*, 2012, on standing queues).
//! Refuses to know what the request is.

use stdx::Span;

/// The longest a request may have stood in the queue.
const QUEUED_MAX: Span = Span::secs(1);

/// What is left of the time `within` which a request may take after it stood in the queue for `queued`; `None` if it is to be
/// refused: it stood there for longer than is reasonable, or for most of its time.
pub(crate) fn left(within: Span, queued: Span) -> Option<Span> {
    let may_begin = queued <= QUEUED_MAX && queued.0 <= within.0 / 2;
    may_begin.then(|| Span(within.0 - queued.0))
}

#[cfg(test)]
mod tests {
    use super::left;
    use stdx::Span;

    #[test]
    fn a_short_wait_counts_towards_the_time_of_the_request() {
        assert_eq!(left(Span::secs(5), Span::ZERO), Some(Span::secs(5)));
        assert_eq!(left(Span::secs(5), Span::millis(200)), Some(Span::millis(4_800)));
    }

    #[test]
    fn a_long_wait_ends_the_request() {
        assert_eq!(left(Span::secs(60), Span::millis(1_001)), None);
        assert_eq!(left(Span::millis(100), Span::millis(51)), None);
    }
}
