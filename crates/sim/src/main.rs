//! `sim`: runs plans. The only place here that reads a clock or a file or makes a seed of its own, and it prints it.

use clap::{Args, Parser, Subcommand};
use sim::{Cost, Joined, PROBES, Plan, Report, Scaled, Sink, Sweep, run_with, shrink};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
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
    /// Runs one plan, or many seeds, and says what came of it.
    Run {
        /// A plan, as `sim seed N --plan` prints it. Without one, seeds are run.
        plan: Option<PathBuf>,
        /// Writes everything that happens to this file.
        #[arg(long, requires = "plan")]
        trace: Option<PathBuf>,
        #[command(flatten)]
        many: Many,
    },
    /// Runs one seed.
    Seed {
        /// The seed.
        seed: u64,
        /// Prints everything that happens.
        #[arg(long)]
        trace: bool,
        /// Prints the plan and does not run it.
        #[arg(long)]
        plan: bool,
    },
    /// Measures clusters of many nodes and no data, and prints a table.
    Scale {
        /// How many nodes, one cluster after the other.
        #[arg(long, value_delimiter = ',', default_values_t = [10, 30, 100, 300, 1_000])]
        nodes: Vec<usize>,
        /// A node joins clusters of up to so many.
        #[arg(long, default_value_t = 100)]
        join_max: usize,
        /// Writes the figures to this file, as CSV.
        #[arg(long)]
        csv: Option<PathBuf>,
    },
    /// Prints the hash of one run, to be compared with another process.
    Hash {
        /// The seed.
        #[arg(long)]
        seed: u64,
    },
    /// Makes the plan of a failed run small and prints it.
    Shrink {
        /// The plan.
        plan: Option<PathBuf>,
        /// The seed, instead of a plan.
        #[arg(long, conflicts_with = "plan")]
        seed: Option<u64>,
        /// Runs at most.
        #[arg(long, default_value_t = 2_000)]
        runs: u32,
    },
}

#[derive(Args)]
struct Many {
    /// Seeds to run, such as 0..500.
    #[arg(long, default_value = "0..100", value_parser = parse_range)]
    seeds: Range<u64>,
    /// Fresh seeds to run as well.
    #[arg(long, default_value_t = 0)]
    fresh: u64,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Fails if one of these was never hit: `all`, or a file with a probe on each line.
    #[arg(long)]
    require_probes: Option<PathBuf>,
    /// Fails below so many simulated hours per core-minute.
    #[arg(long)]
    require_speed: Option<f64>,
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("\"{text}\" is not a range of seeds; write it like 0..500");
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |part: &str| part.trim().parse().map_err(|_| wrong());
    Ok(number(start)?..number(end)?)
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run { plan: Some(plan), trace, .. } => run_file(&plan, trace.as_deref()),
        Command::Run { many, .. } => sweep(&many),
        Command::Seed { seed, plan: true, .. } => print_plan(&Plan::of_seed(seed)),
        Command::Seed { seed, trace, .. } => one(Plan::of_seed(seed), trace.then(|| to(io::stdout()))),
        Command::Scale { nodes, join_max, csv } => scaled(&nodes, join_max, csv.as_deref()),
        Command::Hash { seed } => hash(seed),
        Command::Shrink { plan, seed, runs } => shrunk(plan.as_deref(), seed, runs),
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

fn sweep(many: &Many) -> io::Result<bool> {
    silence_panics();
    let base = fresh_base();
    let all = many.seeds.clone().chain((0..many.fresh).map(|n| base.wrapping_add(n)));
    let began = Instant::now();
    let sweep = Sweep::over(all, many.threads, |report| {
        let _ = tell(report);
    });
    let waited = began.elapsed().as_millis() as u64 * many.threads.max(1) as u64;
    let speed = sweep.hours_per_core_minute(core_millis().unwrap_or(waited)) as f64 / 100.0;
    let mut out = io::stdout().lock();
    writeln!(out, "{sweep}\n{speed:.2} simulated hours per core-minute")?;
    writeln!(out, "faults: {:?}", sweep.faults)?;
    writeln!(out, "largest sizes: {:?}", sweep.peaks)?;
    writeln!(out, "probes:")?;
    for (probe, count) in counts(&sweep.marks) {
        writeln!(out, "{count:>12} {probe}")?;
    }
    if many.fresh > 0 {
        writeln!(out, "fresh seeds: {base}..{}", base.wrapping_add(many.fresh))?;
    }
    for report in &sweep.failed {
        let first = report.failures.first().map_or("", |failure| failure.property);
        writeln!(out, "FAILED {}: {first}; replay with: sim seed {} --trace", report.seed, report.seed)?;
    }
    let missed = missed(many.require_probes.as_deref(), &sweep.marks)?;
    for probe in &missed {
        writeln!(out, "FAILED: the probe {probe} was never hit")?;
    }
    let slow = many.require_speed.filter(|required| speed < *required);
    if let Some(required) = slow {
        writeln!(out, "FAILED: {speed:.2} simulated hours per core-minute; {required} are required")?;
    }
    Ok(sweep.failed.is_empty() && missed.is_empty() && slow.is_none())
}

/// Every probe with its count, also those that were never hit.
fn counts(marks: &BTreeMap<&'static str, u64>) -> BTreeMap<&'static str, u64> {
    let mut counts: BTreeMap<&'static str, u64> = PROBES.iter().map(|probe| (*probe, 0)).collect();
    counts.extend(marks);
    counts
}

/// The required probes that were never hit.
fn missed(required: Option<&Path>, marks: &BTreeMap<&'static str, u64>) -> io::Result<Vec<String>> {
    let required: Vec<String> = match required {
        None => Vec::new(),
        Some(all) if all == Path::new("all") => PROBES.iter().map(|probe| (*probe).to_owned()).collect(),
        Some(file) => {
            let text = read(file)?;
            text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
        }
    };
    Ok(required.into_iter().filter(|probe| !marks.contains_key(probe.as_str())).collect())
}

fn tell(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for failure in report.failures.iter().take(3) {
        writeln!(out, "seed {}: {failure}", report.seed)?;
    }
    out.flush()
}

fn run_file(path: &Path, trace: Option<&Path>) -> io::Result<bool> {
    let plan = plan_of(path)?;
    let sink = match trace {
        Some(path) => Some(to(fs::File::create(path)?)),
        None => None,
    };
    one(plan, sink)
}

fn plan_of(path: &Path) -> io::Result<Plan> {
    Plan::from_json(&read(path)?).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

fn print_plan(plan: &Plan) -> io::Result<bool> {
    writeln!(io::stdout(), "{}", plan.to_json())?;
    Ok(true)
}

/// Lines of a trace go there.
fn to(out: impl Write + 'static) -> Sink {
    let mut out = io::BufWriter::new(out);
    Box::new(move |line| {
        let _ = writeln!(out, "{line}");
    })
}

fn one(plan: Plan, sink: Option<Sink>) -> io::Result<bool> {
    let report = run_with(plan, sink);
    tell(&report)?;
    let [done, refused, unknown] = report.counts.requests;
    writeln!(
        io::stdout(),
        "seed {}: {} after {} s, {} events, requests {done} ok {refused} refused {unknown} unknown, faults {:?}, hash {:016x}",
        report.seed,
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

/// A row for each size as soon as it is there.
fn scaled(nodes: &[usize], join_max: usize, csv: Option<&Path>) -> io::Result<bool> {
    const HEAD: &str = "nodes,idle_messages_per_node_second,idle_bytes_per_node_second,idle_cpu_us_per_node_second,\
                        half_know_ms,nine_in_ten_know_ms,all_know_ms,spread_messages,spread_bytes,\
                        taken_in_ms,settled_ms,join_messages,join_bytes,join_cpu_ms";
    let mut out = io::stdout().lock();
    let mut rows = format!("{HEAD}\n");
    writeln!(out, "{HEAD}")?;
    for count in nodes {
        let cpu = || core_millis().unwrap_or(0);
        let Scaled { idle, spread, known, joined, .. } =
            sim::scale(*count, *count <= join_max, cpu).map_err(io::Error::other)?;
        let each = |sum: u64| sum as f64 * 1e6 / (idle.micros.max(1) * *count as u64) as f64;
        // What idle nodes would have sent meanwhile is not the change's.
        let more = |cost: &Cost, of: fn(&Cost) -> u64| {
            of(cost).saturating_sub((of(&idle) as f64 * cost.micros as f64 / idle.micros.max(1) as f64) as u64)
        };
        let (messages, bytes): (fn(&Cost) -> u64, fn(&Cost) -> u64) = (|cost| cost.messages, |cost| cost.bytes);
        let [half, most, all] = known.map(|micros| micros as f64 / 1e3);
        let join = joined.as_ref().map_or(",,,,".to_owned(), |Joined { cost, taken_in }| {
            let (messages, bytes) = (more(cost, messages), more(cost, bytes));
            let (taken_in, settled) = (*taken_in as f64 / 1e3, cost.micros as f64 / 1e3);
            format!("{taken_in:.1},{settled:.1},{messages},{bytes},{}", more(cost, |cost| cost.cpu_millis))
        });
        let row = format!(
            "{count},{:.1},{:.0},{:.0},{half:.1},{most:.1},{all:.1},{},{},{join}",
            each(idle.messages),
            each(idle.bytes),
            each(idle.cpu_millis * 1_000),
            more(&spread, messages),
            more(&spread, bytes)
        );
        writeln!(out, "{row}")?;
        rows.push_str(&row);
        rows.push('\n');
        let costs =
            [("idle", Some(&idle)), ("spread", Some(&spread)), ("join", joined.as_ref().map(|join| &join.cost))];
        for (what, cost) in costs.into_iter().filter_map(|(what, cost)| Some((what, cost?))) {
            writeln!(io::stderr(), "{count} nodes, {what}: {:?}, {:?}", cost.micros, cost.kinds)?;
        }
    }
    csv.map_or(Ok(()), |path| fs::write(path, rows))?;
    Ok(true)
}

fn shrunk(path: Option<&Path>, seed: Option<u64>, runs: u32) -> io::Result<bool> {
    silence_panics();
    let plan = match (path, seed) {
        (Some(path), _) => plan_of(path)?,
        (None, Some(seed)) => Plan::of_seed(seed),
        (None, None) => return Err(io::Error::other("name a plan, or a seed with --seed")),
    };
    let mut steps = |step: &str| {
        let _ = writeln!(io::stderr(), "still fails: {step}");
    };
    let Some(small) = shrink(plan, runs, &mut steps) else {
        writeln!(io::stderr(), "sim: this plan does not fail")?;
        return Ok(false);
    };
    for failure in small.report.failures.iter().take(3) {
        writeln!(io::stderr(), "{failure}")?;
    }
    writeln!(io::stderr(), "{} runs; the smallest plan that fails:", small.runs)?;
    print_plan(&small.plan)
}

/// Panics of a run are reported with its seed; the standard message would only say where.
fn silence_panics() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// What this process has used of the processors, where the system says so: a busy machine must not look like slow code.
fn core_millis() -> Option<u64> {
    const TICK_MILLIS: u64 = 10;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) * TICK_MILLIS)
}

/// A seed that no earlier run is likely to have used.
fn fresh_base() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos() as u64);
    stdx::Prng::keyed(now, "fresh", &[u64::from(std::process::id())]).next_u64()
}
