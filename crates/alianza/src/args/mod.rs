//! The command line: every command, and what it takes. Settings of `start` come from their own table (`settings::list`).
//!
//! Refuses to know what commands do.

mod bench;
mod cluster;
mod copy;
mod item;
mod node;
mod token;

pub(crate) use bench::Bench;
pub(crate) use cluster::{
    Bucket, BucketCommand, BucketSet, Change, Cluster, ClusterCommand, Repair, RepairCommand, RingReport, Which,
};
pub(crate) use copy::{Backup, BackupCommand, Export, Import, Restore};
pub(crate) use item::{ChangeName, Condition, Delete, Explain, Get, Incr, Item, Place, Put, Scan, Writing};
pub(crate) use node::{Dev, Health, Leave, Start};
pub(crate) use token::{Audit, Cert, CertCommand, Token, TokenCommand, TokenCreate};

use crate::exit;
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
    /// Show who did what to the cluster through a node, oldest first, and whether the log is whole
    Audit(Audit),
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
