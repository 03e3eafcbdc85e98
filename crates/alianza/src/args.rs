//! The command line: every command, and what it takes. Settings of `start` come from their own table (`settings::list`).
//!
//! Refuses to know what commands do.

use crate::exit;
use crate::settings::Flags;
use clap::{Args as ClapArgs, Parser, Subcommand};
use std::path::PathBuf;

/// A masterless distributed key-value database.
#[derive(Parser, Debug)]
#[command(name = "alianza", version, about, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a cluster on this machine to try things out; Ctrl-C stops it
    Dev(Dev),
    /// Run one node
    Start(Box<Start>),
    /// Read an item
    Get(Get),
    /// Write an item
    Put(Put),
    /// Delete an item
    Delete(Delete),
    /// Add to a counter in a linearizable bucket
    Incr(Incr),
    /// List items, of one key or of a whole bucket
    Scan(Scan),
    /// Show everything that is known of one key: where it lives, who holds what, what reads would answer
    Explain(Explain),
    /// Show the cluster, or plan and apply a change
    Cluster(Cluster),
    /// List buckets, or make and change one
    Bucket(Bucket),
    /// Ask one node whether it makes sense to send requests to it; the exit code says it, too
    Health(Health),
    /// Show who owns what
    Ring(Target),
    /// Measure how evenly the ring spreads data, without a cluster
    RingReport(RingReport),
    /// Show whether replicas hold the same, or compare them now
    Repair(Repair),
    /// Show the membership history, oldest first
    Events(Target),
    /// Back a running cluster up into a directory, or look at the backups in one
    Backup(Backup),
    /// Bring a backup back into a cluster, empty or alive
    Restore(Restore),
    /// Write items as lines of JSON
    Export(Export),
    /// Read items from lines of JSON
    Import(Import),
    /// Let a node leave: its data moves to the others, then its process ends
    Leave(Leave),
    /// Load a cluster, or any Redis server, and measure it
    Bench(Bench),
    /// Make, list and revoke API tokens
    Token(Token),
    /// Make certificates for trying TLS out: an authority, and nodes' certificates from it
    Cert(Cert),
    /// Write completions for a shell
    Completions(Completions),
}

/// Which node to ask, and how to answer.
#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Target {
    /// Any node of the cluster
    #[arg(long, value_name = "URL", env = "ALIANZA_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) access: Access,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to be let in.
#[derive(ClapArgs, Clone, Default, Debug)]
pub(crate) struct Access {
    /// The certificate of the authority that nodes' certificates come from (PEM), for https
    #[arg(long, value_name = "FILE", env = "ALIANZA_CA")]
    pub(crate) ca: Option<PathBuf>,
    /// A file with an API token; the environment's ALIANZA_TOKEN may be the token itself
    #[arg(long, value_name = "FILE", env = "ALIANZA_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// Which item.
#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Item {
    /// Its key
    pub(crate) key: String,
    /// Its sort key, if several items share the key
    #[arg(long, value_name = "KEY")]
    pub(crate) sort: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// In which bucket, and with how many replicas.
#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Place {
    /// Its bucket
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) bucket: String,
    /// Replicas that must answer: any, one, quorum, all or a number [default: what the bucket says]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<String>,
    /// How long to wait, like 2s
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Dev {
    /// Number of nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub(crate) nodes: u16,
    /// Port of the first node; the others follow. 0 takes any free ports
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Port for Redis clients at the first node; the others follow. 0 takes any free ports [default: 6379, or any free
    /// ports if those are in use]
    #[arg(long, value_name = "PORT")]
    pub(crate) redis_port: Option<u16>,
    /// Where to keep the data [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// With certificates made for this: clients and nodes speak TLS
    #[arg(long)]
    pub(crate) tls: bool,
    /// What the nodes write to their logs, like debug or info,server=debug
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub(crate) log: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// API tokens.
#[derive(ClapArgs, Debug)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

/// What to do with tokens.
#[derive(Subcommand, Debug)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, this once; from the first one on, everybody needs one
    Create(TokenCreate),
    /// List the tokens there are, without their secrets
    List(Target),
    /// Make a token worthless
    Revoke {
        /// Its number or its name
        token: String,
        #[command(flatten)]
        target: Target,
    },
    /// Write a new token for --admin-token-file into a file that only its owner may read, without asking a node
    Bootstrap {
        /// The file
        file: PathBuf,
    },
}

#[derive(ClapArgs, Debug)]
pub(crate) struct TokenCreate {
    /// What to call it
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// What it allows: read, write or admin, everywhere or, as in read:carts, in one bucket; or monitor
    #[arg(long = "scope", value_name = "SCOPE,…", required = true, value_delimiter = ',')]
    pub(crate) scopes: Vec<String>,
    /// Operations per second that it may be used for at each node
    #[arg(long, value_name = "COUNT")]
    pub(crate) rate: Option<u32>,
    /// Operations at once after a rest [default: the rate]
    #[arg(long, value_name = "COUNT", requires = "rate")]
    pub(crate) burst: Option<u32>,
    /// How long it is worth something, like 90d
    #[arg(long, value_name = "TIME")]
    pub(crate) ttl: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Makes certificates.
#[derive(ClapArgs, Debug)]
pub(crate) struct Cert {
    #[command(subcommand)]
    pub(crate) command: CertCommand,
}

/// What to make.
#[derive(Subcommand, Debug)]
pub(crate) enum CertCommand {
    /// Make an authority: ca.pem, which everybody may know, and ca.key, which signs
    Ca {
        /// Where to put them
        dir: PathBuf,
    },
    /// Make a node's certificate and key, signed by the authority in the same directory
    Node {
        /// Where the authority is, and where to put them
        dir: PathBuf,
        /// A name or an IP address that the node is reached under; repeat it to give several
        #[arg(long = "host", value_name = "HOST", required = true)]
        hosts: Vec<String>,
        /// What to call the files: NAME.pem and NAME.key
        #[arg(long, value_name = "NAME", default_value = "node")]
        name: String,
        /// For how many days it is valid
        #[arg(long, value_name = "COUNT", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Start {
    /// Read settings from this file (TOML); environment and flags go over it
    #[arg(long, value_name = "FILE", env = "ALIANZA_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Print every setting, its value and where it came from, and end
    #[arg(long)]
    pub(crate) print_config: bool,
    /// With --print-config, print JSON
    #[arg(long, requires = "print_config")]
    pub(crate) json: bool,
    /// End when standard input does, so that a node never outlives the process that started it
    #[arg(long, hide = true)]
    pub(crate) while_stdin: bool,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) item: Item,
    /// Print the bytes of the value and nothing else, not even the end of the line
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// A client's name for a change in a linearizable bucket.
#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct ChangeName {
    /// 16 random hexadecimal digits that name the change, so that it can be asked for again (linearizable buckets)
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// The id of a change that was asked for before and may have been made; it is not made twice (linearizable buckets)
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    pub(crate) again: Option<String>,
}

/// What must hold, in a linearizable bucket.
#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Condition {
    /// Only if there is no such item (linearizable buckets)
    #[arg(long, conflicts_with_all = ["if_version", "if_value"])]
    pub(crate) if_absent: bool,
    /// Only if the item has this version, as a get shows it; 0: there is none (linearizable buckets)
    #[arg(long, value_name = "VERSION", conflicts_with = "if_value")]
    pub(crate) if_version: Option<u64>,
    /// Only if the item has this value (linearizable buckets)
    #[arg(long, value_name = "VALUE")]
    pub(crate) if_value: Option<String>,
    #[command(flatten)]
    pub(crate) name: ChangeName,
}

impl Condition {
    /// Nothing has to hold, and the change has no name.
    pub(crate) fn is_none(&self) -> bool {
        let Condition { if_absent, if_version, if_value, name } = self;
        !if_absent && if_version.is_none() && if_value.is_none() && name.id.is_none() && name.again.is_none()
    }
}

/// What both kinds of writes take.
#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Writing {
    /// What was read before and is superseded by this, from the answer to a get
    #[arg(long, value_name = "TOKEN")]
    pub(crate) context: Option<String>,
    /// When a replica may count as holding it: fsync or memory
    #[arg(long, value_name = "WHEN")]
    pub(crate) durability: Option<String>,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Put {
    #[command(flatten)]
    pub(crate) item: Item,
    /// Its value; - reads it from standard input
    #[arg(required_unless_present = "file", conflicts_with = "file", allow_hyphen_values = true)]
    pub(crate) value: Option<String>,
    /// Read the value from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) condition: Condition,
    #[command(flatten)]
    pub(crate) writing: Writing,
    /// How long it lives, like 30s or 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) ttl: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) item: Item,
    #[command(flatten)]
    pub(crate) condition: Condition,
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Incr {
    #[command(flatten)]
    pub(crate) item: Item,
    /// How much to add
    #[arg(default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) by: i64,
    #[command(flatten)]
    pub(crate) name: ChangeName,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Scan {
    /// Only items of this key, by sort key
    pub(crate) key: Option<String>,
    /// First sort key
    #[arg(long, value_name = "KEY", requires = "key")]
    pub(crate) from: Option<String>,
    /// End of the sort keys, not included
    #[arg(long, value_name = "KEY", requires = "key")]
    pub(crate) to: Option<String>,
    /// Continue behind this sort key
    #[arg(long, value_name = "KEY", requires = "key")]
    pub(crate) after: Option<String>,
    /// Most items to print
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Explain {
    /// The key
    pub(crate) key: String,
    /// Its sort key, if several items share the key
    #[arg(long, value_name = "KEY")]
    pub(crate) sort: Option<String>,
    /// Its bucket
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) bucket: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Cluster {
    #[command(subcommand)]
    pub(crate) command: ClusterCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ClusterCommand {
    /// Members, what is moving, what blocks it
    Status(Target),
    /// Show what a change would move and put at risk, without doing it
    Plan {
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        target: Target,
    },
    /// Do what a plan showed
    Apply {
        /// The plan's id, from `alianza cluster plan`
        plan: String,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        target: Target,
    },
    /// Put a dead node out for good; what it held is made anew from the others
    Remove {
        /// The dead node: its name or id
        node: String,
        #[command(flatten)]
        target: Target,
    },
    /// Let a node bear another share of the load
    Weight {
        /// The node: its name or id
        node: String,
        /// Its new share, 100 is normal
        weight: u32,
        #[command(flatten)]
        target: Target,
    },
    /// Take the newest change back, if reads do not follow it yet
    Abort(Target),
}

/// One change of the cluster.
#[derive(ClapArgs, Clone, Debug)]
#[group(skip)]
pub(crate) struct Change {
    #[command(flatten)]
    pub(crate) which: Which,
    /// With --reweigh, the node's new share, 100 is normal
    #[arg(long, value_name = "NUMBER", requires = "reweigh")]
    pub(crate) weight: Option<u32>,
    /// With --bucket, its new number of copies
    #[arg(long, value_name = "COUNT", requires = "bucket")]
    pub(crate) n: Option<u8>,
}

/// Which change; nodes are given by name or id.
#[derive(ClapArgs, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The node leaves and hands its data over
    #[arg(long, value_name = "NODE")]
    pub(crate) leave: Option<String>,
    /// The dead node is put out for good
    #[arg(long, value_name = "NODE")]
    pub(crate) remove: Option<String>,
    /// A new node takes the dead node's place
    #[arg(long, value_name = "NODE")]
    pub(crate) replace: Option<String>,
    /// The node bears another share of the load, given with --weight
    #[arg(long, value_name = "NODE")]
    pub(crate) reweigh: Option<String>,
    /// The bucket has another number of copies, given with --n
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Health {
    /// Ask only whether its process answers
    #[arg(long)]
    pub(crate) live: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Repair {
    #[command(subcommand)]
    pub(crate) command: RepairCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum RepairCommand {
    /// For each node: how much of what it holds is identical on all replicas, and what differs
    Status {
        /// Only this partition, tree by tree
        #[arg(long, value_name = "NUMBER")]
        partition: Option<u16>,
        #[command(flatten)]
        target: Target,
    },
    /// Compare everything now, without pauses; replicas do so by themselves, too, at a slower pace
    Run(Target),
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Bucket {
    #[command(subcommand)]
    pub(crate) command: BucketCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum BucketCommand {
    /// List the buckets and their settings
    List(Target),
    /// Make a bucket, or change settings of one
    Set(BucketSet),
}

#[derive(ClapArgs, Debug)]
pub(crate) struct BucketSet {
    /// Its name: 1 to 64 of a-z, 0-9, '-', '_' and '.'
    pub(crate) name: String,
    /// Copies of each item
    #[arg(long, value_name = "COUNT")]
    pub(crate) n: Option<u8>,
    /// Level of reads if a request names none
    #[arg(long, value_name = "LEVEL")]
    pub(crate) r: Option<String>,
    /// Level of writes if a request names none
    #[arg(long, value_name = "LEVEL")]
    pub(crate) w: Option<String>,
    /// Which promise, fixed when the bucket is made: eventual or linearizable
    #[arg(long, value_name = "MODE")]
    pub(crate) mode: Option<String>,
    /// How concurrent writes are settled, fixed when the bucket is made: lww or siblings
    #[arg(long, value_name = "RULE")]
    pub(crate) rule: Option<String>,
    /// How long values live if a request does not say, like 7d; none lets them live forever
    #[arg(long, value_name = "TIME")]
    pub(crate) ttl: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    pub(crate) command: Option<BackupCommand>,
    /// Where to put it: a directory of earlier backups, of which only what changed is written, or a new one
    #[arg(value_name = "DIR", required = true)]
    pub(crate) directory: Option<PathBuf>,
    /// Only this bucket; may be given several times [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Vec<String>,
    /// Leave out partitions that cannot be read at a quorum, instead of making no backup
    #[arg(long)]
    pub(crate) partial: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Subcommand, Debug)]
pub(crate) enum BackupCommand {
    /// List the backups in a directory, oldest first
    List {
        /// The directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read every file of the backups in a directory and name those that are damaged
    Verify {
        /// The directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Only this backup
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Restore {
    /// The directory of backups
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Which of them [default: the newest]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Only this bucket; may be given several times [default: all of the backup]
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Vec<String>,
    /// Keep every item that is there; this is the default
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) only_missing: bool,
    /// Also over items that are there, unless they are written after the restore has begun
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Go on with a restore that was broken off: the number of its event
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["overwrite", "only_missing"])]
    pub(crate) resume: Option<u64>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Export {
    /// Where to write; - or nothing is standard output
    pub(crate) file: Option<PathBuf>,
    /// Only this bucket [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Import {
    /// The file; - is standard input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct RingReport {
    /// Binary logarithm of the number of partitions
    #[arg(long, value_name = "BITS", default_value_t = 12, value_parser = clap::value_parser!(u8).range(0..=16))]
    pub(crate) partitions_bits: u8,
    /// Copies of each item
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) copies: u8,
    /// Tokens of each node, or several to compare
    #[arg(long, value_name = "COUNT,…", value_delimiter = ',', default_value = "16,32,64")]
    pub(crate) tokens: Vec<u16>,
    /// Cluster sizes to take note at, ascending
    #[arg(long, value_name = "COUNT,…", value_delimiter = ',', default_value = "3,5,10,30,100")]
    pub(crate) sizes: Vec<u16>,
    /// Seeds every random choice
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Leave {
    /// The node that leaves: its name or id [default: the node that is asked]
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Bench {
    /// Where to send requests; connections are spread over all [default: 127.0.0.1:6379, with --protocol http
    /// 127.0.0.1:8080]
    #[arg(value_name = "HOST:PORT")]
    pub(crate) addresses: Vec<String>,
    /// Which interface: redis, http (`POST /`) or v1 (items under `/v1`); or, to compare with that, http-livez, nats, etcd or etcd-serializable
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

#[derive(ClapArgs, Debug)]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::Args;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
