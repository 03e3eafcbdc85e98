//! Commands on items: which item, on which condition, with how many replicas.

use super::Target;
use clap::Args as ClapArgs;
use std::path::PathBuf;

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
