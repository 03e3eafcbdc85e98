//! Why a server could not start, in words for the person who started it.
//!
//! Invariant: every sentence says what happened, to what, and what to do.
//! Refuses to know how it is shown and with which exit code the process ends.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use node::OpenError;
use storage::StorageError;

use crate::address::Address;
use crate::tls::TlsError;

/// Why a server could not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration cannot be started with; the sentence says why.
    Config(String),
    /// The node would listen beyond the loopback without authentication.
    Insecure {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// The node would listen beyond the loopback, and nobody would need a token.
    NoToken {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// The node cannot speak TLS.
    Tls(TlsError),
    /// Something else listens there already.
    PortInUse {
        /// Where.
        addr: SocketAddr,
    },
    /// The system does not let the node listen there.
    Listen {
        /// Where.
        addr: SocketAddr,
        /// The system's words.
        error: io::Error,
    },
    /// The data directory cannot be opened.
    Storage(StorageError),
    /// What is in the data directory cannot be used.
    Open(OpenError),
    /// The system gave no random bytes.
    Entropy(io::Error),
    /// The system gave no thread.
    Thread(io::Error),
    /// No seed took this node in.
    SeedsUnreachable {
        /// The seeds that were tried.
        seeds: Vec<Address>,
        /// What the last failure was.
        last: String,
    },
    /// A seed decided that this node does not come in; the sentence says why.
    JoinRefused {
        /// The seed.
        seed: Address,
        /// Its words.
        why: String,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Config(what) => f.write_str(what),
            StartError::Insecure { listen } => write!(
                f,
                "the node would listen on {listen}, open to the network, without TLS; set tls-cert, tls-key and tls-ca, \
                 listen on 127.0.0.1, or allow it with --insecure in a network you trust"
            ),
            StartError::NoToken { listen } => write!(
                f,
                "the node would listen on {listen}, open to the network, and nobody would need a token; make one with \
                 `alianza token bootstrap FILE` and give it as --admin-token-file, listen on 127.0.0.1, or allow it with --insecure"
            ),
            StartError::Tls(error) => error.fmt(f),
            StartError::PortInUse { addr } => {
                write!(f, "port {} of {} is in use; stop what uses it or choose another port", addr.port(), addr.ip())
            }
            StartError::Listen { addr, error } => {
                write!(
                    f,
                    "could not listen on {addr}: {error}; choose an address of this machine and a port you may use"
                )
            }
            StartError::Storage(error) => error.fmt(f),
            StartError::Open(error) => error.fmt(f),
            StartError::Entropy(error) => {
                write!(f, "could not read random bytes from the system: {error}; make /dev/urandom available")
            }
            StartError::Thread(error) => {
                write!(f, "could not start the thread that makes writes durable: {error}; raise the limit on threads")
            }
            StartError::SeedsUnreachable { seeds, last } => write!(
                f,
                "none of the seeds {} took this node in, last: {last}; check that they run and that the addresses are right",
                list(seeds)
            ),
            StartError::JoinRefused { seed, why } => write!(f, "the seed {seed} did not take this node in: {why}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<StorageError> for StartError {
    fn from(error: StorageError) -> StartError {
        StartError::Storage(error)
    }
}

impl From<TlsError> for StartError {
    fn from(error: TlsError) -> StartError {
        StartError::Tls(error)
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> StartError {
        StartError::Open(error)
    }
}

fn list(seeds: &[Address]) -> String {
    seeds.iter().map(Address::to_string).collect::<Vec<_>>().join(", ")
}
