//! What `alianza bench` takes.

use super::Access;
use clap::Args as ClapArgs;

#[derive(ClapArgs, Debug)]
pub(crate) struct Bench {
    /// Where to send requests; connections are spread over all [default: 127.0.0.1:6379, with --protocol http
    /// 127.0.0.1:8080]
    #[arg(value_name = "HOST:PORT")]
    pub(crate) addresses: Vec<String>,
    /// Which interface: redis, http (`POST /`) or v1 (items under `/v1`); or, to compare with that, http-livez, nats, etcd, etcd-serializable or k2v (Garage)
    #[arg(long, value_name = "NAME", default_value = "redis")]
    pub(crate) protocol: String,
    /// Operations: get, set, a to f as in YCSB (half read half write; 5 % written; only read; the latest; ranges; read,
    /// then write), or shares of read, update, insert, scan and modify, like read=90,update=10
    #[arg(long, default_value = "a")]
    pub(crate) mix: String,
    /// How keys are chosen: uniform, zipfian or latest [default: what goes with the mix]
    #[arg(long, value_name = "HOW")]
    pub(crate) choose: Option<String>,
    /// Number of keys
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    pub(crate) keys: u64,
    /// Bytes of a key
    #[arg(long, value_name = "BYTES", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) key_bytes: u16,
    /// Bytes of a value, or the smallest and largest like 16..4096
    #[arg(long, value_name = "BYTES", default_value = "100")]
    pub(crate) value: String,
    /// Connections, all from one thread
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub(crate) connections: u32,
    /// Requests under way on each connection
    #[arg(long, value_name = "DEPTH", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) pipeline: u32,
    /// Operations to begin in each second, whether earlier ones are answered or not; latencies are counted from when each
    /// was to begin [default: each connection goes on when it is answered]
    #[arg(long, value_name = "PER-SECOND")]
    pub(crate) rate: Option<f64>,
    /// How long to measure [default: 10, or until --operations are made]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<f64>,
    /// End after so many operations
    #[arg(long, value_name = "COUNT")]
    pub(crate) operations: Option<u64>,
    /// Write every key once before measuring
    #[arg(long)]
    pub(crate) load: bool,
    /// Prove that what is acknowledged is read afterwards, also after the end; each connection writes keys of its own
    #[arg(long)]
    pub(crate) verify: bool,
    /// Seconds after which a request without an answer has failed
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub(crate) patience: f64,
    /// Seeds every random choice
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// What Redis clients must say
    #[arg(long, value_name = "TEXT", env = "ALIANZA_REDIS_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,
    #[command(flatten)]
    pub(crate) access: Access,
    /// Database of a Redis server
    #[arg(long, value_name = "NUMBER")]
    pub(crate) database: Option<u32>,
    /// With a Redis server that has replicas: a write counts when so many of them have it, too
    #[arg(long, value_name = "REPLICAS", default_value_t = 0)]
    pub(crate) wait: u8,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
