//! `alianza backup`: a snapshot of a running cluster into a directory, and looking at what is in such a directory.
//!
//! Invariant: a backup that lacks anything is not one, unless that was allowed, and then it says so.

mod list;
mod take;

use crate::args::{Backup, BackupCommand};
use crate::exit::Failure;

/// Makes a backup, or looks at those there are.
pub(crate) fn run(args: &Backup) -> Result<(), Failure> {
    match (&args.command, &args.directory) {
        (Some(BackupCommand::List { directory, json }), _) => list::list(directory, *json),
        (Some(BackupCommand::Verify { directory, name, json }), _) => list::verify(directory, name.as_deref(), *json),
        (None, Some(directory)) => take::run(args, directory),
        (None, None) => Err(Failure::usage("name a directory for the backup")),
    }
}

/// Something is wrong with a directory of backups.
pub(super) fn failed(error: backup::Error) -> Failure {
    Failure::error(error.to_string())
}
