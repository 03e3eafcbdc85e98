//! Our ranges in lsm-tree's terms, which panics on bounds longer than its longest key.
//!
//! Invariant: a storable key lies in the translated range exactly if it lies in ours.
//! Refuses to know spaces.

use std::ops::Bound;

use crate::batch::KEY_BYTES_MAX;

/// A range as lsm-tree takes it.
pub(super) type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// The keys from `start` (inclusive) to `end` (exclusive), or `None` if there can be none.
pub(super) fn bounds<'a>(start: &'a [u8], end: Option<&'a [u8]>) -> Option<Bounds<'a>> {
    if end.is_some_and(|end| end <= start) {
        return None;
    }
    let lower = match start.get(..KEY_BYTES_MAX) {
        _ if start.is_empty() => Bound::Unbounded,
        // No storable key lies between a bound that is too long and its storable prefix.
        Some(prefix) if start.len() > KEY_BYTES_MAX => Bound::Excluded(prefix),
        _ => Bound::Included(start),
    };
    let upper = match end {
        None => Bound::Unbounded,
        Some(end) => match end.get(..KEY_BYTES_MAX) {
            Some(prefix) if end.len() > KEY_BYTES_MAX => Bound::Included(prefix),
            _ => Bound::Excluded(end),
        },
    };
    match (lower, upper) {
        // Both bounds were too long and agree up to there.
        (Bound::Excluded(lower), Bound::Included(upper)) if lower >= upper => None,
        bounds => Some(bounds),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::{Excluded, Included, Unbounded};

    use super::{KEY_BYTES_MAX, bounds};

    #[test]
    fn ordinary_ranges_stay_as_they_are() {
        assert_eq!(bounds(b"a", Some(b"b")), Some((Included(b"a".as_slice()), Excluded(b"b".as_slice()))));
        assert_eq!(bounds(b"", None), Some((Unbounded, Unbounded)));
    }

    #[test]
    fn inverted_and_empty_ranges_hold_nothing() {
        assert_eq!(bounds(b"b", Some(b"a")), None);
        assert_eq!(bounds(b"a", Some(b"a")), None);
        assert_eq!(bounds(b"", Some(b"")), None);
    }

    #[test]
    fn bounds_too_long_to_be_keys_are_cut() {
        let long = vec![7; KEY_BYTES_MAX + 1];
        let longer = vec![7; KEY_BYTES_MAX + 2];
        let prefix = &long[..KEY_BYTES_MAX];
        assert_eq!(bounds(&long, None), Some((Excluded(prefix), Unbounded)));
        assert_eq!(bounds(b"a", Some(&long)), None, "7 sorts before a");
        assert_eq!(bounds(b"\x01", Some(&long)), Some((Included(b"\x01".as_slice()), Included(prefix))));
        assert_eq!(bounds(&long, Some(&longer)), None);
    }
}
