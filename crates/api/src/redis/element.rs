//! Fields of hashes and members of sets as items: how their sort keys and values are laid out (docs/adr/0014).
//!
//! ```text
//! sort key   0x00 │ 'h' or 's' │ first 6 bytes of SHA-1(name) │ name
//! ```
//! Values are laid out as [`proto::element`] says.
//!
//! Invariant: items whose sort key begins with a zero byte keep siblings ([`proto::ItemKey::is_element`]). Their order is that of
//! the hashes, so that a cursor of 48 bits says how far a scan is.

use super::fault::Fault;
use bytes::{BufMut as _, Bytes, BytesMut};
use causal::{Context, Stamp};
use proto::element::{self, Shown};
use proto::{ItemKey, Sibling, Value};
use ring::Token;
use stdx::Wall;

/// Bits of the hash in a sort key.
pub(crate) const HASH_BITS: u32 = 48;
/// Begins every element's sort key.
const MARK: u8 = 0;
/// Bytes of a sort key before the name.
const HEAD: usize = 8;
/// Bytes that a name may have, so that its sort key is not longer than nodes take (32 KiB).
const NAME_BYTES_MAX: usize = (32 << 10) - HEAD;

/// What is under a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// A plain item.
    String,
    /// Fields.
    Hash,
    /// Members.
    Set,
}

impl Kind {
    /// As TYPE says it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Hash => "hash",
            Kind::Set => "set",
        }
    }

    /// What kind of key has such an item; `None` if it is none of Redis's.
    pub(crate) fn of(key: &ItemKey) -> Option<Kind> {
        match key.sort_key.as_deref() {
            None => Some(Kind::String),
            Some([MARK, b'h', ..]) => Some(Kind::Hash),
            Some([MARK, b's', ..]) => Some(Kind::Set),
            Some(_) => None,
        }
    }

    fn letter(self) -> u8 {
        if self == Kind::Set { b's' } else { b'h' }
    }

    /// The key of one of its elements.
    pub(crate) fn element(self, key: &Bytes, name: &[u8]) -> ItemKey {
        let mut sort = BytesMut::with_capacity(HEAD + name.len());
        sort.put_slice(&[MARK, self.letter()]);
        sort.put_slice(&Token::of(name).as_bytes()[..6]);
        sort.put_slice(name);
        ItemKey::sorted(key.clone(), sort.freeze())
    }

    /// Refuses an element whose name is longer than a sort key has room for.
    pub(crate) fn check(item: &ItemKey) -> Result<(), Fault> {
        let longest = HEAD + NAME_BYTES_MAX;
        let fits = item.sort_key.as_ref().is_none_or(|sort| sort.len() <= longest);
        if fits { Ok(()) } else { Err(Fault::new("ERR a field or member has at most 32,760 bytes")) }
    }

    /// The sort keys of its elements whose hashes are at least this: where they begin, and where they end.
    pub(crate) fn from(self, hash: u64) -> (Bytes, Bytes) {
        let mut from = vec![MARK, self.letter()];
        from.extend_from_slice(&hash.to_be_bytes()[2..]);
        (from.into(), vec![MARK, self.letter() + 1].into())
    }
}

/// Behind all elements of a key.
pub(crate) const END: &[u8] = &[MARK + 1];

/// A field or member that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Element {
    /// Its name.
    pub(crate) name: Bytes,
    /// Where it stands.
    pub(crate) hash: u64,
    /// Its bytes; empty for members.
    pub(crate) value: Bytes,
    /// When it goes.
    pub(crate) expires: Option<Wall>,
    /// What was written of it, and when, if anything was; the rest was added.
    base: Option<(Stamp, Bytes)>,
    /// Something was added to it: it is changed on top of what is there ([`proto::Amendment`]).
    pub(crate) counted: bool,
    /// Names what was seen of it.
    pub(crate) seen: Context,
}

impl Element {
    /// What a read has found under an element's key; `None` if nothing is there. Of several values the one that was written
    /// last counts.
    pub(crate) fn read(key: &ItemKey, siblings: &[Sibling]) -> Option<Element> {
        let sort = key.sort_key.as_ref().filter(|sort| sort.len() >= HEAD)?;
        let hash = sort[2..HEAD].iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte));
        let (mut seen, mut newest, mut added) = (Context::new(), None, None);
        for sibling in siblings {
            let expires = sibling.version.expires;
            match element::read(&sibling.version) {
                Some(Shown::Bytes(stamp, bytes)) => {
                    newest = newest.max(Some((stamp, sibling.dot, bytes, expires)));
                    seen.include(sibling.dot);
                }
                Some(Shown::Sum(_)) => added = Some(expires),
                None => seen.include(sibling.dot),
            }
        }
        let value = element::shown(siblings.iter().map(|sibling| (sibling.dot, &sibling.version)))?;
        let expires = newest.as_ref().map(|(_, _, _, expires)| *expires).or(added)?;
        let base = newest.map(|(stamp, _, bytes, _)| (stamp, bytes));
        Some(Element { name: sort.slice(HEAD..), hash, value, expires, base, counted: added.is_some(), seen })
    }

    /// What was written, with nothing changed but its end, as a value. Another write that it has not seen stays the later one.
    pub(crate) fn again(&self) -> Option<Value> {
        self.base.as_ref().map(|(stamp, bytes)| element::again(*stamp, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::{Element, Kind};
    use bytes::Bytes;
    use causal::{Actor, Dot, Stamp};
    use proto::element::plain as written;
    use proto::{Decimal, Sibling, Value, Version};

    fn sibling(counter: u64, stamp: u64, value: Value) -> Sibling {
        let dot = Dot { actor: Actor { node: counter.into(), incarnation: 1 }, counter };
        Sibling { dot, version: Version { stamp: Stamp::from_u64(stamp), expires: None, value: Some(value) } }
    }

    #[test]
    fn names_are_read_back_in_the_order_of_hashes() {
        let key = Bytes::from_static(b"user:7");
        for name in [&b""[..], b"name", b"\0\xff"] {
            let item = Kind::Hash.element(&key, name);
            assert!(item.is_element() && Kind::of(&item) == Some(Kind::Hash));
            let element = Element::read(&item, &[sibling(1, 5, written(b"v"))]).unwrap();
            assert_eq!((&element.name[..], &element.value[..]), (name, &b"v"[..]));
            let (from, to) = Kind::Hash.from(element.hash);
            let sort = item.sort_key.unwrap();
            assert!(from <= sort && sort < to);
            assert!(Kind::Hash.from(element.hash + 1).0 > sort);
        }
        assert_eq!(Kind::of(&Kind::Set.element(&key, b"a")), Some(Kind::Set));
    }

    #[test]
    fn a_golden_sort_key() {
        let item = Kind::Set.element(&Bytes::from_static(b"k"), b"abc");
        assert_eq!(item.sort_key.unwrap().escape_ascii().to_string(), r"\x00s\xa9\x99>6G\x06abc");
    }

    #[test]
    fn a_new_end_is_no_new_value() {
        let item = Kind::Hash.element(&Bytes::from_static(b"k"), b"f");
        let old = Element::read(&item, &[sibling(1, 10, written(b"old"))]).unwrap();
        // Written again at 30, while another wrote at 20.
        let both = [sibling(2, 30, old.again().unwrap()), sibling(3, 20, written(b"new"))];
        assert_eq!(Element::read(&item, &both).unwrap().value, "new");
        let again = Element::read(&item, &both[..1]).unwrap();
        assert_eq!((&again.value[..], again.base), (&b"old"[..], Some((Stamp::from_u64(10), "old".into()))));
    }
    #[test]
    fn what_was_added_is_added_to_what_was_written() {
        let item = Kind::Hash.element(&Bytes::from_static(b"k"), b"f");
        let sum = |counter| sibling(counter, 20, proto::element::sum(Decimal::whole(5)));
        let alone = Element::read(&item, &[sum(7)]).unwrap();
        assert_eq!((&alone.value[..], alone.counted, alone.again()), (&b"5"[..], true, None));
        let both = Element::read(&item, &[sibling(1, 10, written(b"10")), sum(7)]).unwrap();
        assert_eq!((&both.value[..], both.counted, both.again().is_some()), (&b"15"[..], true, true));
        assert!(both.seen.covers(&sibling(1, 10, written(b"")).dot), "what was written is replaced by its name");
        assert!(!both.seen.covers(&sum(7).dot), "what was added is not");
        let text = Element::read(&item, &[sibling(1, 10, written(b"word")), sum(7)]).unwrap();
        assert_eq!(text.value, "word");
    }
}
