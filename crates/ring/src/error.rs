//! What can be wrong with a change of the ring, each said in one clear sentence.
//!
//! Invariant: an error names the members and tokens it is about, so that an operator can act on it alone.

use std::fmt;

use crate::{NodeId, Token};

/// Why a ring refused a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingError {
    /// A node with this identity is a member already.
    DuplicateMember {
        /// The identity.
        id: NodeId,
        /// The name under which it is a member.
        name: String,
    },
    /// No node with this identity is a member.
    UnknownMember {
        /// The identity.
        id: NodeId,
    },
    /// The member has no token, so it could own nothing.
    NoTokens {
        /// The member's name.
        name: String,
    },
    /// The token belongs to another member.
    TokenTaken {
        /// The token.
        token: Token,
        /// The name of the member that has it.
        holder: String,
        /// The name of the member that was to get it.
        wanted_by: String,
    },
    /// The token is not on a boundary of the grid.
    OffBoundary {
        /// The token.
        token: Token,
        /// The name of the member that was to get it.
        wanted_by: String,
        /// The number of partitions of the grid.
        partitions: u32,
    },
    /// Every boundary has a token already, so no further node fits.
    Full {
        /// The number of partitions of the grid.
        partitions: u32,
    },
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RingError::DuplicateMember { id, name } => write!(f, "node {id} is a member already, as {name:?}"),
            RingError::UnknownMember { id } => write!(f, "node {id} is not a member"),
            RingError::NoTokens { name } => write!(f, "{name:?} has no token, so it could own nothing"),
            RingError::TokenTaken { token, holder, wanted_by } => {
                write!(f, "token {token}, wanted by {wanted_by:?}, belongs to {holder:?} already")
            }
            RingError::OffBoundary { token, wanted_by, partitions } => {
                write!(f, "token {token} of {wanted_by:?} is not on a boundary of the {partitions} partitions")
            }
            RingError::Full { partitions } => {
                write!(f, "all {partitions} boundaries have a token already, so no further node fits")
            }
        }
    }
}

impl std::error::Error for RingError {}
