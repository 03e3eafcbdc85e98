//! Commands on one node: run it, ask for its health, let it leave.

use super::Target;
use crate::settings::Flags;
use clap::Args as ClapArgs;
use std::path::PathBuf;

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
pub(crate) struct Health {
    /// Ask only whether its process answers
    #[arg(long)]
    pub(crate) live: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct Leave {
    /// The node that leaves: its name or id [default: the node that is asked]
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}
