//! The bounds and facts that the Redis port is set up with.

use proto::Durability;
use resp::Limits;

/// How the Redis port behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedisOptions {
    /// Largest value of one write, in bytes.
    pub value_bytes_max: usize,
    /// Longest key, in bytes.
    pub key_bytes_max: usize,
    /// Bytes of large requests held at once, of all connections together; beyond, they are refused.
    pub requests_bytes_max: usize,
    /// Bytes of replies that wait to be taken, of all connections together, above which nothing is begun for those that have not
    /// taken theirs.
    pub replies_bytes_max: usize,
    /// Connections served at once; more are refused in words and closed.
    pub connections_max: usize,
    /// What clients must say before anything else; nothing if there is none.
    pub password: Option<String>,
    /// Buckets that databases stand for, by number. Database 0 is the bucket `default` if it is not named.
    pub databases: Vec<(u32, String)>,
    /// When strings that are written or deleted whole in an eventual bucket are acknowledged. Everything else is on disk
    /// first.
    pub durability: Durability,
    /// FLUSHDB deletes everything; without this it is refused.
    pub flush: bool,
    /// The port listened on, for INFO.
    pub port: u16,
}

impl Default for RedisOptions {
    fn default() -> RedisOptions {
        RedisOptions {
            value_bytes_max: 64 << 20,
            key_bytes_max: 16 << 20,
            requests_bytes_max: 512 << 20,
            replies_bytes_max: 256 << 20,
            connections_max: 1_024,
            password: None,
            databases: Vec::new(),
            durability: Durability::Fsync,
            flush: false,
            port: 6379,
        }
    }
}

impl RedisOptions {
    /// Bounds of one request.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            bulk_bytes_max: self.value_bytes_max.max(self.key_bytes_max),
            arguments_max: 1 << 20,
            request_bytes_max: self.value_bytes_max + self.key_bytes_max + (1 << 20),
        }
    }
}
