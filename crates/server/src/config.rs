//! What a process is told before it starts, and the bounds it tells those who speak for clients.
//!
//! Invariant: a configuration that passes `check` can be started with; what is wrong with it is said in one sentence.
//! Refuses to know where it was written down: command line, environment or file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use proto::Digest;
use ring::{Grid, Token};
use stdx::Span;
use storage::DiskOptions;

use crate::address::Address;
use crate::error::StartError;
use crate::tls::TlsFiles;

/// Everything one server process is told.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen for peers and clients alike. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// How others reach this node: `http://host:port`. Empty: the address listened on. Port 0: the port listened on.
    pub advertise: String,
    /// The node's name; one is chosen if none is given.
    pub name: Option<String>,
    /// Where the node keeps its data.
    pub data_dir: PathBuf,
    /// Nodes of the cluster to come into. Without any besides this node itself, an empty node founds a cluster.
    pub seeds: Vec<String>,
    /// How many tokens to take.
    pub token_count: u16,
    /// Explicit tokens, instead of `token_count` chosen ones.
    pub tokens: Vec<Token>,
    /// Choose tokens at random, as the reference does, instead of evenly.
    pub random_tokens: bool,
    /// Share of the load; 100 is normal.
    pub weight: u32,
    /// What this node shares a fate with.
    pub zone: Option<String>,
    /// Copies of each item of the bucket `default`, if this node founds the cluster.
    pub n: u8,
    /// Binary logarithm of the number of partitions, if this node founds the cluster.
    pub grid_bits: u8,
    /// Listen beyond the loopback although peers and clients are not authenticated.
    pub insecure: bool,
    /// Another address at which clients are served who are reached beyond the loopback and need no password there.
    pub also_open: Option<SocketAddr>,
    /// What TLS is spoken with, by peers and clients alike; without it nobody speaks TLS.
    pub tls: Option<TlsFiles>,
    /// A token that this node takes besides those of the cluster.
    pub own_token: Option<proto::ApiToken>,
    /// Bounds and times of the machine.
    pub node: proto::Config,
    /// Bounds of the engine.
    pub disk: DiskOptions,
    /// The dead node, by name or id, whose place this one takes if its data directory is empty.
    pub replace: Option<String>,
    /// The plan that showed what that loses, if it may lose something.
    pub replace_plan: Option<Digest>,
    /// How long to try the seeds before giving up.
    pub join_patience: Duration,
    /// Connections of clients served at once; kept by whoever serves them.
    pub http_connections_max: usize,
    /// Requests that take longer are logged; zero: none.
    pub slow: Span,
    /// Of a million requests that come without a trace of their own, so many are traced; none: nothing is traced at all.
    pub traced_per_million: Option<u64>,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], crate::address::PORT_DEFAULT)),
            advertise: String::new(),
            name: None,
            data_dir: PathBuf::from("data"),
            seeds: Vec::new(),
            token_count: 16,
            tokens: Vec::new(),
            random_tokens: false,
            weight: 100,
            zone: None,
            n: 3,
            grid_bits: 12,
            insecure: false,
            also_open: None,
            tls: None,
            own_token: None,
            node: proto::Config::default(),
            disk: DiskOptions::default(),
            replace: None,
            replace_plan: None,
            join_patience: Duration::from_secs(60),
            http_connections_max: 1_024,
            slow: Span::secs(1),
            traced_per_million: None,
        }
    }
}

impl ServerConfig {
    /// Says what is wrong before anything is touched.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        if self.is_exposed() && self.tls.is_none() {
            return Err(StartError::Insecure { listen: self.listen });
        }
        self.grid()?;
        self.advertised(self.listen)?;
        self.seed_addresses()?;
        let invalid = |what: &str| Err(StartError::Config(what.to_owned()));
        if self.name.as_deref().is_some_and(|name| name.trim().is_empty()) {
            return invalid("the name of the node is empty; leave it out to have one chosen");
        }
        if self.tokens.is_empty() && self.token_count == 0 {
            return invalid("a node needs at least one token; give a number of tokens above 0");
        }
        if self.weight == 0 {
            return invalid("the weight of the node is 0; give 100 for a normal share of the load");
        }
        if self.replace.is_some() && self.seeds.is_empty() {
            return invalid("a node that replaces another needs seeds; give the address of a node that runs");
        }
        if self.n == 0 {
            return invalid("the number of copies is 0; give at least 1");
        }
        Ok(())
    }

    /// Others than this machine reach the node, and it was not said that this needs no protection.
    pub(crate) fn is_exposed(&self) -> bool {
        !self.listen.ip().is_loopback() && !self.insecure
    }

    /// The address at which everybody in the network would be served if no token were needed.
    pub(crate) fn open_to_network(&self) -> Option<SocketAddr> {
        if self.insecure { None } else { Some(self.listen).filter(|_| self.is_exposed()).or(self.also_open) }
    }

    pub(crate) fn grid(&self) -> Result<Grid, StartError> {
        Grid::new(self.grid_bits).ok_or_else(|| {
            StartError::Config(format!("2^{} partitions are too many; give at most 16 bits", self.grid_bits))
        })
    }

    /// How others reach this node, given the address it really listens on.
    pub(crate) fn advertised(&self, listening: SocketAddr) -> Result<Address, StartError> {
        let tls = self.tls.is_some();
        if self.advertise.is_empty() {
            return Ok(Address { tls, ..Address::from(listening) });
        }
        let address: Address = self.advertise.parse().map_err(|error| StartError::Config(format!("{error}")))?;
        if address.tls && !tls {
            let what = "advertise says https, but the node is not set up for TLS; set tls-cert, tls-key and tls-ca";
            return Err(StartError::Config(what.to_owned()));
        }
        let port = if address.port == 0 { listening.port() } else { address.port };
        Ok(Address { port, tls, ..address })
    }

    pub(crate) fn seed_addresses(&self) -> Result<Vec<Address>, StartError> {
        let seeds = self.seeds.iter().map(|seed| seed.parse());
        seeds.collect::<Result<_, _>>().map_err(|error: crate::AddressError| StartError::Config(error.to_string()))
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            value_bytes_max: self.node.value_bytes_max,
            key_bytes_max: self.node.key_bytes_max,
            request_time: self.node.request_time,
            http_connections_max: self.http_connections_max,
        }
    }
}

/// Bounds that those who speak for clients keep, so that the machine need not see what it would refuse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Largest value of one write, in bytes.
    pub value_bytes_max: usize,
    /// Longest partition key and sort key together, in bytes.
    pub key_bytes_max: usize,
    /// How long a request may take if the client does not say.
    pub request_time: Span,
    /// Connections of clients to serve at once.
    pub http_connections_max: usize,
}

#[cfg(test)]
mod tests {
    use super::ServerConfig;
    use crate::StartError;

    #[test]
    fn beyond_the_loopback_takes_consent() {
        let open = ServerConfig { listen: "0.0.0.0:8080".parse().unwrap(), ..ServerConfig::default() };
        assert!(matches!(open.check(), Err(StartError::Insecure { .. })));
        assert!(ServerConfig { insecure: true, ..open }.check().is_ok());
        assert!(ServerConfig::default().check().is_ok());
    }

    #[test]
    fn the_advertised_port_follows_the_socket() {
        let listening = "127.0.0.1:4711".parse().unwrap();
        let advertised = |advertise: &str| {
            let config = ServerConfig { advertise: advertise.to_owned(), ..ServerConfig::default() };
            config.advertised(listening).unwrap().to_string()
        };
        assert_eq!(advertised(""), "http://127.0.0.1:4711");
        assert_eq!(advertised("http://node:0"), "http://node:4711");
        assert_eq!(advertised("http://node:80"), "http://node:80");
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let refused = |config: ServerConfig| config.check().unwrap_err().to_string();
        assert!(refused(ServerConfig { n: 0, ..ServerConfig::default() }).contains("copies"));
        assert!(refused(ServerConfig { token_count: 0, ..ServerConfig::default() }).contains("token"));
        assert!(refused(ServerConfig { grid_bits: 17, ..ServerConfig::default() }).contains("partitions"));
        assert!(refused(ServerConfig { seeds: vec!["a b".to_owned()], ..ServerConfig::default() }).contains("a b"));
    }
}
