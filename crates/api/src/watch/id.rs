//! Where a stream of changes is, as an opaque text that any node understands.
//!
//! Invariant: what [`Id::write`] writes, [`Id::read`] reads; anything else is refused. It holds nothing secret and grants nothing: a
//! made-up one only leads to a gap.

use crate::fields::invalid;
use crate::problem::Problem;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::watch::Position;
use ring::NodeId;

const VERSION: u8 = 1;
/// Bytes of one position.
const EACH: usize = 32;
/// Replicas in one.
const NODES_MAX: usize = 4_096;

/// How far a stream has followed each of its replicas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Id {
    /// Names which replica is followed for which partition.
    pub(super) print: u32,
    /// How far.
    pub(super) of: Vec<(NodeId, Position)>,
}

impl Id {
    /// The text of it.
    pub(super) fn write(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.print.to_be_bytes());
        for (node, position) in &self.of {
            bytes.extend(node.0.to_be_bytes());
            bytes.extend(position.life.to_be_bytes());
            bytes.extend(position.seq.to_be_bytes());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the text of one.
    pub(super) fn read(text: &str) -> Result<Id, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() <= 5 + EACH * NODES_MAX);
        bytes.and_then(|bytes| Id::decode(&bytes)).ok_or_else(|| {
            invalid("from", "must be the id of an event of this stream, as it was; leave it out to begin from now on")
        })
    }

    fn decode(bytes: &[u8]) -> Option<Id> {
        let (head, rest) = bytes.split_first_chunk::<5>()?;
        let [VERSION, print @ ..] = head else { return None };
        let (each, []) = rest.as_chunks::<EACH>() else { return None };
        let of = each.iter().map(|each| {
            let (node, rest) = each.split_first_chunk::<16>()?;
            let (life, seq) = rest.split_first_chunk::<8>()?;
            let position = Position { life: u64::from_be_bytes(*life), seq: u64::from_be_bytes(seq.try_into().ok()?) };
            Some((NodeId(u128::from_be_bytes(*node)), position))
        });
        Some(Id { print: u32::from_be_bytes(*print), of: of.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::Id;
    use proto::watch::Position;
    use ring::NodeId;

    #[test]
    fn ids_are_read_back_and_others_are_refused() {
        for of in [
            vec![],
            vec![(NodeId(7), Position { life: 1, seq: 2 }), (NodeId(u128::MAX), Position { life: 3, seq: u64::MAX })],
        ] {
            let id = Id { print: 9, of };
            assert_eq!(Id::read(&id.write()).unwrap(), id);
        }
        for text in ["", "x", "AQ", "AgAAAAk", &"A".repeat(200_000)] {
            assert!(Id::read(text).is_err(), "{text}");
        }
    }
}
