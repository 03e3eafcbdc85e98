//! Commands that bring data out of a cluster and into one.

use super::Target;
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

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
