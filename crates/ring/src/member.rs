//! Members: the nodes of a ring and what the ring must know of each.
//!
//! Invariant: an identity is never reused; a node that lost its disk comes back under a new [`NodeId`].
//! Refuses to know whether a node is up.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::Token;

/// The identity of a node, written as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u128);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Uuid::from_u128(self.0).hyphenated())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    /// Reads the hyphenated form only, of either case.
    fn from_str(text: &str) -> Result<NodeId, NodeIdError> {
        // Of the forms `Uuid` knows, only the hyphenated one has 36 characters.
        if text.len() != 36 {
            return Err(NodeIdError);
        }
        Uuid::parse_str(text).map(|uuid| NodeId(uuid.as_u128())).map_err(|_| NodeIdError)
    }
}

/// The text is not the identity of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeIdError;

impl fmt::Display for NodeIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node id is written as a UUID with hyphens, like 7b9e5a10-3c2f-4d61-9a70-0f5d2c8e4b13")
    }
}

impl std::error::Error for NodeIdError {}

/// A node of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its identity.
    pub id: NodeId,
    /// Its readable name.
    pub name: String,
    /// How clients and peers reach it.
    pub uri: String,
    /// Its places on the ring, on boundaries of the grid. A ring keeps them sorted and without repetitions.
    pub tokens: Vec<Token>,
    /// Its share of the load relative to the others; 100 is normal.
    pub weight: u32,
    /// What it shares a fate with, such as a rack or a data centre. A node without a zone is alone in its own.
    pub zone: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{NodeId, NodeIdError};

    #[test]
    fn ids_are_hyphenated_uuids() {
        let id = NodeId(0x7b9e_5a10_3c2f_4d61_9a70_0f5d_2c8e_4b13);
        assert_eq!(id.to_string(), "7b9e5a10-3c2f-4d61-9a70-0f5d2c8e4b13");
        assert_eq!("7b9e5a10-3c2f-4d61-9a70-0f5d2c8e4b13".parse(), Ok(id));
        assert_eq!("7B9E5A10-3C2F-4D61-9A70-0F5D2C8E4B13".parse(), Ok(id));
        for other in ["", "7b9e5a103c2f4d619a700f5d2c8e4b13", "7b9e5a10-3c2f-4d61-9a70-0f5d2c8e4b1x"] {
            assert_eq!(other.parse::<NodeId>(), Err(NodeIdError));
        }
    }
}
