//! Commands on the whole cluster: its members, its ring, its buckets, how equal its replicas are.

use super::Target;
use clap::{Args as ClapArgs, Subcommand};

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
