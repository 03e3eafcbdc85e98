//! `alianza`: the server and its command line in one binary.
//!
//! Invariant: data goes to standard output, everything else to standard error; what goes wrong is one sentence and one
//! of the exit codes of [`exit::Code`].

mod args;
mod client;
mod cmd;
mod dev;
mod exit;
mod logs;
mod output;
mod reload;
mod settings;
mod signals;
mod spans;
mod start;
mod table;

use args::{Args, Command};
use clap::Parser as _;
use exit::Failure;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Planted bugs are for the simulator's tests; a server with them must not exist.
const _: () = assert!(!stdx::bugs::POSSIBLE, "alianza is never built with the feature `mutants`");

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return exit::of_command_line(&error),
    };
    match run(args.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => exit::report(&failure),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev::run(&args),
        Command::Start(args) => start::run(*args),
        Command::Get(args) => cmd::get::run(&args),
        Command::Put(args) => cmd::put::run(&args),
        Command::Delete(args) => cmd::delete::run(&args),
        Command::Incr(args) => cmd::incr::run(&args),
        Command::Scan(args) => cmd::scan::run(&args),
        Command::Explain(args) => cmd::explain::run(&args),
        Command::Cluster(args) => cmd::cluster::run(&args),
        Command::Bucket(args) => cmd::bucket::run(&args),
        Command::Health(args) => cmd::health::run(&args),
        Command::Ring(args) => cmd::ring::run(&args),
        Command::RingReport(args) => cmd::ring_report::run(&args),
        Command::Repair(args) => cmd::repair::run(&args),
        Command::Events(args) => cmd::events::run(&args),
        Command::Backup(args) => cmd::backup::run(&args),
        Command::Restore(args) => cmd::restore::run(&args),
        Command::Export(args) => cmd::export::run(&args),
        Command::Import(args) => cmd::import::run(&args),
        Command::Leave(args) => cmd::leave::run(&args),
        Command::Bench(args) => cmd::bench::run(&args),
        Command::Audit(args) => cmd::audit::run(&args),
        Command::Token(args) => cmd::token::run(&args),
        Command::Cert(args) => cmd::cert::run(&args),
        Command::Completions(args) => cmd::completions::run(&args),
    }
}
