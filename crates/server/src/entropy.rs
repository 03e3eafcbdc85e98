//! Randomness from the operating system: identities, keys and the seeds of every generator in the process.
//!
//! Invariant: every byte comes from the system's generator; there is no fallback, because a guessable context key
//! would let clients forge what they have seen.
//! Refuses to know what the numbers are for.

use std::fs::File;
use std::io::{self, Read};

use ring::NodeId;

/// Where Unix systems offer their random bytes.
const SOURCE: &str = "/dev/urandom";

/// Fresh random bytes.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open(SOURCE)?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A fresh seed for a generator.
pub(crate) fn seed() -> io::Result<u64> {
    bytes().map(u64::from_le_bytes)
}

/// A fresh name for a cluster.
pub(crate) fn cluster() -> io::Result<u128> {
    bytes().map(u128::from_le_bytes)
}

/// A node id that was never used before: a UUID of version 4.
pub(crate) fn node_id() -> io::Result<NodeId> {
    let mut bytes: [u8; 16] = bytes()?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Ok(NodeId(u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn node_ids_are_random_uuids() {
        let text = super::node_id().unwrap().to_string();
        assert_eq!(text.as_bytes()[14], b'4');
        assert!("89ab".contains(char::from(text.as_bytes()[19])));
        assert_ne!(super::node_id().unwrap(), super::node_id().unwrap());
    }
}
