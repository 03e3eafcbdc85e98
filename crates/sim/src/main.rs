//! `sim`: runs seeds. The only place here that reads a clock or makes a seed of its own, and it prints it.

use clap::{Parser, Subcommand};
use sim::{Plan, Report, Sweep, run_with};
use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Runs the database in a simulated world.
#[derive(Parser)]
#[command(name = "sim", about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs many seeds and prints one line about all of them.
    Run {
        /// Seeds to run, such as 0..500.
        #[arg(long, default_value = "0..100", value_parser = parse_range)]
        seeds: Range<u64>,
        /// Fresh seeds to run as well.
        #[arg(long, default_value_t = 0)]
        fresh: u64,
        /// Threads.
        #[arg(long, default_value_t = 2)]
        threads: usize,
    },
    /// Runs one seed.
    Seed {
        /// The seed.
        seed: u64,
        /// Prints everything that happens.
        #[arg(long)]
        trace: bool,
        /// Prints the plan first.
        #[arg(long)]
        plan: bool,
    },
    /// Prints the hash of one run, to be compared with another process.
    Hash {
        /// The seed.
        #[arg(long)]
        seed: u64,
    },
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("\"{text}\" is not a range of seeds; write it like 0..500");
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |part: &str| part.trim().parse().map_err(|_| wrong());
    Ok(number(start)?..number(end)?)
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run { seeds, fresh, threads } => sweep(seeds, fresh, threads),
        Command::Seed { seed, trace, plan } => one(seed, trace, plan),
        Command::Hash { seed } => hash(seed),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Whoever read the output has gone.
            let _ = writeln!(io::stderr(), "sim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn sweep(seeds: Range<u64>, fresh: u64, threads: usize) -> io::Result<bool> {
    // Panics of a run are reported with its seed; the standard message would only say where.
    std::panic::set_hook(Box::new(|_| ()));
    let base = fresh_base();
    let all = seeds.chain((0..fresh).map(|n| base.wrapping_add(n)));
    let began = Instant::now();
    let sweep = Sweep::over(all, threads, |report| {
        let _ = tell(report);
    });
    let core_millis = began.elapsed().as_millis() as u64 * threads.max(1) as u64;
    let speed = sweep.hours_per_core_minute(core_millis);
    let mut out = io::stdout().lock();
    writeln!(out, "{sweep}")?;
    writeln!(out, "{}.{:02} simulated hours per core-minute", speed / 100, speed % 100)?;
    writeln!(out, "faults: {:?}", sweep.faults)?;
    writeln!(out, "marks: {:?}", sweep.marks)?;
    if fresh > 0 {
        writeln!(out, "fresh seeds: {base}..{}", base.wrapping_add(fresh))?;
    }
    for report in &sweep.failed {
        let first = report.failures.first().map_or("", |failure| failure.property);
        writeln!(out, "FAILED {}: {first}; replay with: sim seed {} --trace", report.seed, report.seed)?;
    }
    Ok(sweep.failed.is_empty())
}

fn tell(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for failure in report.failures.iter().take(3) {
        writeln!(out, "seed {}: {failure}", report.seed)?;
    }
    out.flush()
}

fn one(seed: u64, trace: bool, plan: bool) -> io::Result<bool> {
    let planned = Plan::of_seed(seed);
    if plan {
        writeln!(io::stdout(), "{planned:#?}")?;
    }
    let sink: Option<sim::Sink> = trace.then(|| -> sim::Sink {
        let mut out = io::BufWriter::new(io::stdout());
        Box::new(move |line| {
            let _ = writeln!(out, "{line}");
        })
    });
    let report = run_with(planned, sink);
    tell(&report)?;
    let [done, refused, unknown] = report.counts.requests;
    writeln!(
        io::stdout(),
        "seed {seed}: {} after {} s, {} events, requests {done} ok {refused} refused {unknown} unknown, faults {:?}, hash {:016x}",
        if report.is_ok() { "ok" } else { "FAILED" },
        report.time,
        report.events,
        report.counts.faults,
        report.hash
    )?;
    Ok(report.is_ok())
}

fn hash(seed: u64) -> io::Result<bool> {
    let report = sim::run(Plan::of_seed(seed));
    writeln!(io::stdout(), "{:016x}", report.hash)?;
    Ok(true)
}

/// A seed that no earlier run is likely to have used.
fn fresh_base() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos() as u64);
    stdx::Prng::keyed(now, "fresh", &[u64::from(std::process::id())]).next_u64()
}
