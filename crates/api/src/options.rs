//! The bounds and facts that the HTTP side of a node is set up with.

use stdx::Span;

/// How the HTTP side behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Largest value of one write, in bytes.
    pub value_bytes_max: usize,
    /// Longest partition and sort key together, in bytes.
    pub key_bytes_max: usize,
    /// Bytes of request bodies held at once; beyond, requests are refused as overload.
    pub bodies_bytes_max: usize,
    /// Connections served at once; more must wait until one ends.
    pub connections_max: usize,
    /// How long a client may pause in the middle of a body.
    pub body_patience: Span,
    /// The node listens on loopback only. Then browsers must have come by a loopback address as well, so that a foreign
    /// site whose name was pointed at this machine is refused.
    pub loopback_only: bool,
    /// The host others reach this node under.
    pub advertised_host: String,
    /// Rows that one SQL query may return.
    pub sql_rows_max: usize,
    /// How long one SQL query may take.
    pub sql_time_max: Span,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            value_bytes_max: 64 << 20,
            key_bytes_max: 16 << 20,
            bodies_bytes_max: 512 << 20,
            connections_max: 1_024,
            body_patience: Span::secs(30),
            loopback_only: true,
            advertised_host: "127.0.0.1".to_owned(),
            sql_rows_max: 10_000,
            sql_time_max: Span::secs(5),
        }
    }
}

impl Options {
    /// Largest body of a request. A text in JSON may be twice as long as what it stands for (quotation marks, line
    /// ends, base64); more than that is only needed for text full of control characters.
    pub(crate) fn body_bytes_max(&self) -> usize {
        2 * (self.value_bytes_max + self.key_bytes_max) + (64 << 10)
    }
}
