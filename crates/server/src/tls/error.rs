//! What goes wrong with TLS, in sentences.
//!
//! Invariant: a sentence names the file or the host, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    File {
        /// Which.
        file: PathBuf,
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key do not belong together, or cannot be used for TLS.
    Pair(String),
    /// The node's own certificate would not be accepted by other nodes.
    Unfit(String),
    /// This host can stand in no certificate.
    Name(String),
    /// The other side does not speak TLS.
    Plain,
    /// The other node speaks TLS, and this one is not set up for it.
    Unset,
    /// The connection could not be made in time.
    TooSlow,
    /// The connection failed, or the other side's certificate is not accepted.
    Io(io::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::File { file, what, why } => {
                write!(f, "{} cannot be used as {what}: {why}; give a PEM file", file.display())
            }
            TlsError::Pair(why) => write!(f, "tls-cert and tls-key cannot be used together: {why}"),
            TlsError::Unfit(why) => {
                write!(f, "other nodes would refuse the certificate in tls-cert: {why}")
            }
            TlsError::Name(host) => write!(f, "\"{host}\" is no name that a certificate can have"),
            TlsError::Plain => f.write_str("it does not speak TLS"),
            TlsError::Unset => f.write_str("it wants TLS; start this node with tls-cert, tls-key and tls-ca"),
            TlsError::TooSlow => f.write_str("it did not answer in time"),
            TlsError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> TlsError {
        TlsError::Io(error)
    }
}

impl TlsError {
    /// True if it says something about certificates, and not just about the network.
    pub(crate) fn is_about_trust(&self) -> bool {
        match self {
            TlsError::Io(error) => error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
            TlsError::Unset | TlsError::Plain | TlsError::Name(_) => true,
            _ => false,
        }
    }
}
