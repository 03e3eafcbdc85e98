//! `alianza completions`: a script that completes commands and flags in a shell.

use crate::args::{Args, Completions};
use crate::exit::Failure;
use crate::output;
use clap::CommandFactory as _;

/// Prints the script.
pub(crate) fn run(args: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "alianza", &mut script);
    output::print_bytes(&script)
}
