//! `alianza bench`: loads a cluster, or any Redis server, and says how fast it answered and whether it kept its word.
//!
//! Invariant: whatever the servers do, every operation that was begun is counted as answered or as failed.

mod connection;
mod driver;
mod plan;
mod report;
mod tally;
mod timer;

use crate::args::Bench;
use crate::exit::{Code, Failure};
use crate::output;
use driver::{Driver, Phase};
use plan::Plan;
use tally::Tally;
use workload::{Chooser, Source};

/// Loads, measures, looks again, and prints.
pub(crate) fn run(args: &Bench) -> Result<(), Failure> {
    let plan = Plan::of(args)?;
    let mut driver = Driver::connect(&plan)?;
    if args.load {
        load(&plan, &mut driver)?;
    }
    let chooser = Chooser::new(plan.choice, plan.keys);
    let source = Source::work(plan.mix.clone(), chooser, plan.seed, plan.keys, plan.connections, plan.verify);
    let mut phase = Phase::new(source, plan.depth);
    (phase.end, phase.operations, phase.pace) = (plan.end, plan.operations, plan.pace);
    let mut tally = driver.run(phase)?;
    if plan.verify {
        look(plan.fast_depth(), &mut driver, &mut tally)?;
    }
    if args.json {
        output::print_json(&report::json(&plan, &tally))?;
    } else {
        output::print(&report::text(&plan, &tally))?;
    }
    verdict(&tally)
}

fn load(plan: &Plan, driver: &mut Driver) -> Result<(), Failure> {
    output::remark(&format!("loading {} keys", report::thousands(plan.keys)));
    let loaded = driver.run(Phase::new(Source::Fill { next: 0, end: plan.keys }, plan.fast_depth()))?;
    for (error, count) in &loaded.errors {
        output::remark(&format!("while loading: {} × {error}", report::thousands(*count)));
    }
    match loaded.failed() {
        0 => Ok(()),
        failed => Err(Failure::unavailable(format!(
            "{failed} of {} keys could not be loaded: {}",
            plan.keys,
            loaded.commonest_error().unwrap_or("the servers went away")
        ))),
    }
}

/// Reads every key that was written.
fn look(depth: usize, driver: &mut Driver, tally: &mut Tally) -> Result<(), Failure> {
    let written = driver.written();
    let count = written.len() as u64;
    output::remark(&format!("looking at {} written keys again", report::thousands(count)));
    let looked = driver.run(Phase::new(Source::Look(written), depth))?;
    tally.looked_again(looked, count);
    Ok(())
}

fn verdict(tally: &Tally) -> Result<(), Failure> {
    if tally.wrong() > 0 {
        return Err(Failure::error(format!(
            "{} reads did not agree with what was acknowledged; the first: {}",
            tally.wrong(),
            tally.examples[0]
        )));
    }
    if tally.unread() > 0 {
        return Err(Failure::unavailable(format!(
            "{} written keys could not be read again, so nothing is known of them: {}",
            tally.unread(),
            tally.commonest_error().unwrap_or("the servers went away")
        )));
    }
    match tally.commonest_error() {
        Some(error) if tally.succeeded() == 0 => {
            Err(Failure::new(Code::Unavailable, format!("no operation succeeded: {error}")))
        }
        _ => Ok(()),
    }
}
