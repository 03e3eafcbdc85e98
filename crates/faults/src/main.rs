//! The command line of the fault suite. A run that fails ends with 1, one that could not be made with 2.

use clap::{Args, Parser, Subcommand};
use faults::report::Report;
use faults::scenario::{self, Bulk, Options};
use faults::{binary, probe, stop};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Real alianza processes under real faults.
#[derive(Parser, Debug)]
#[command(name = "faults")]
struct Command {
    #[command(subcommand)]
    scenario: Scenario,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Common {
    /// The binary under test [default: the newest build of this workspace]
    #[arg(long, value_name = "FILE", global = true)]
    bin: Option<PathBuf>,
    /// Where nodes keep their data during the run
    #[arg(long, value_name = "DIR", global = true, default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
    /// Where to write reports
    #[arg(long, value_name = "DIR", global = true)]
    out: Option<PathBuf>,
    /// Number of nodes
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=9))]
    nodes: u8,
    /// Number of clients
    #[arg(long, global = true, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    clients: u16,
    /// Requests of each client in a second, at most
    #[arg(long, global = true, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Seeds every choice [default: from the clock]
    #[arg(long, global = true)]
    seed: Option<u64>,
}

#[derive(Subcommand, Debug)]
enum Scenario {
    /// Say what this machine permits
    Probe,
    /// The short form that runs with the tests
    Short,
    /// All scenarios, one after the other
    All {
        /// How long in all, about
        #[arg(long, default_value_t = 30)]
        minutes: u64,
    },
    /// kill -9 of one node, of several, of all at once
    Kills {
        /// How many
        #[arg(long, default_value_t = 200)]
        count: u32,
    },
    /// SIGSTOP for 1 to 30 s
    Pauses {
        /// How many
        #[arg(long, default_value_t = 20)]
        count: u32,
    },
    /// Restarts in order, one node at a time
    Rolling {
        /// How many rounds
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
    /// Nodes that die for good, with their disks or not, and are replaced
    Replaced {
        /// How many
        #[arg(long, default_value_t = 6)]
        count: u32,
    },
    /// Links that are cut, one-way, slow, damaging
    Cuts {
        /// How many cuts; other trouble comes between them
        #[arg(long, default_value_t = 50)]
        count: u32,
    },
    /// Power cuts (ext4 in a file; needs root)
    Power {
        /// How many
        #[arg(long, default_value_t = 100)]
        count: u32,
    },
    /// A disk that gets full (tmpfs; needs root)
    Diskfull {
        /// How often
        #[arg(long, default_value_t = 5)]
        count: u32,
    },
    /// System calls that fail (strace)
    Injected {
        /// How many
        #[arg(long, default_value_t = 12)]
        count: u32,
    },
    /// A node joins and leaves a cluster full of data, under load
    JoinLeave {
        /// Items loaded before
        #[arg(long, default_value_t = 1_000_000)]
        keys: u64,
        /// Bytes of each value
        #[arg(long, default_value_t = 100)]
        value_bytes: usize,
        /// Count bytes between nodes, which costs time
        #[arg(long)]
        count_bytes: bool,
    },
}

fn main() -> ExitCode {
    stop::listen();
    match run(Command::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<bool, String> {
    let common = command.common;
    if matches!(command.scenario, Scenario::Probe) {
        return Ok(show_probe(&common));
    }
    let seed = common.seed.unwrap_or_else(seed_of_the_clock);
    let options = Options {
        binary: binary::find(common.bin.as_deref())?,
        parent: common.dir,
        nodes: common.nodes.into(),
        clients: common.clients.into(),
        per_second: common.rate,
        seed,
        until: None,
    };
    println!("faults: testing {}, seed {seed}", options.binary.display());
    let out = common.out;
    match command.scenario {
        Scenario::All { minutes } => all(&options, minutes, out.as_ref()),
        one => match skipped(&one, &options) {
            Some(why) => Err(format!("SKIPPED: {why}")),
            None => settle(scenario_of(&one, &options)?, out.as_ref()),
        },
    }
}

fn scenario_of(scenario: &Scenario, options: &Options) -> Result<Report, String> {
    match scenario {
        Scenario::Probe | Scenario::All { .. } | Scenario::Short => scenario::short(options),
        Scenario::Kills { count } => scenario::kills(options, *count),
        Scenario::Pauses { count } => scenario::pauses(options, *count),
        Scenario::Rolling { rounds } => scenario::rolling(options, *rounds),
        Scenario::Replaced { count } => scenario::replaced(options, *count),
        Scenario::Cuts { count } => scenario::cuts(options, *count),
        Scenario::Power { count } => scenario::power(options, *count),
        Scenario::Diskfull { count } => scenario::disk_full(options, *count),
        Scenario::Injected { count } => scenario::injected(options, *count),
        Scenario::JoinLeave { keys, value_bytes, count_bytes } => {
            let bulk = Bulk { keys: *keys, value_bytes: *value_bytes, proxied: *count_bytes };
            scenario::join_leave(options, bulk)
        }
    }
}

/// Why a scenario cannot run on this machine, if it cannot.
fn skipped(scenario: &Scenario, options: &Options) -> Option<String> {
    let means = match scenario {
        Scenario::Power { .. } => probe::loop_ext4(&options.parent),
        Scenario::Diskfull { .. } => probe::tmpfs(&options.parent),
        Scenario::Injected { .. } => probe::strace(),
        _ => return None,
    };
    means.missing.map(|why| format!("{scenario:?} needs {} for {}: {why}", means.name, means.purpose))
}

/// Every scenario gets its share of the time.
fn all(options: &Options, minutes: u64, out: Option<&PathBuf>) -> Result<bool, String> {
    let many = u32::MAX;
    let keys = 2_000 * minutes;
    let scenarios = [
        (Scenario::Kills { count: many }, 20),
        (Scenario::Power { count: many }, 20),
        (Scenario::Cuts { count: many }, 20),
        (Scenario::Pauses { count: many }, 10),
        (Scenario::Rolling { rounds: many }, 5),
        (Scenario::Replaced { count: many }, 5),
        (Scenario::Diskfull { count: many }, 5),
        (Scenario::Injected { count: many }, 5),
        (Scenario::JoinLeave { keys, value_bytes: 100, count_bytes: false }, 10),
    ];
    let (mut passed, mut left_out) = (true, Vec::new());
    for (scenario, share) in scenarios {
        if stop::wanted() {
            return Err("stopped by a signal".to_owned());
        }
        if let Some(why) = skipped(&scenario, options) {
            println!("SKIPPED: {why}");
            left_out.push(why);
            continue;
        }
        let until = Instant::now() + Duration::from_secs(minutes * 60 * share / 100);
        let options = Options { until: Some(until), ..options.clone() };
        passed &= settle(scenario_of(&scenario, &options)?, out)?;
    }
    left_out.iter().for_each(|why| println!("SKIPPED: {why}"));
    Ok(passed)
}

fn settle(report: Report, out: Option<&PathBuf>) -> Result<bool, String> {
    print!("{}", report.text());
    out.map_or(Ok(()), |directory| report.write(directory))?;
    Ok(report.passed())
}

fn show_probe(common: &Common) -> bool {
    for means in probe::all(&common.dir) {
        let state = means.missing.as_ref().map_or("yes".to_owned(), |why| format!("NO: {why}"));
        println!("{:<14} {:<55} {state}", means.name, means.purpose);
    }
    true
}

fn seed_of_the_clock() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |now| now.as_micros() as u64)
}
