//! `explore [STATES] [TEXT]`: searches every case whose name has the text, or every one, up to so many states, and prints
//! how many each has. The only place here that reads a clock. Bugs are looked for in the models of the register always, in the
//! nodes if this was built with the feature `mutants`.

use explore::cases::{collecting, moving, register};
use explore::collecting::Collecting;
use explore::moving::Moving;
use explore::register::Deciding;
use explore::search::{Found, Verdict, search, search_shortest};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

/// Enough for every case but the largest, in the memory of a small machine.
const STATES_MAX: usize = 50_000_000;

fn main() -> io::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let states_max = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(STATES_MAX);
    let text = arguments.next().unwrap_or_default();
    let mut all_well = true;
    for case in register::unsound().into_iter().chain(register::sound()) {
        let bug = case.bug.map(|bug| format!("{bug:?}"));
        let name = format!("register: {}", case.name);
        if name.contains(&text) {
            all_well &= explore(&name, bug.as_deref(), || (search(&Deciding::new(case), states_max), String::new()))?;
        }
    }
    for case in collecting::unsound().into_iter().chain(collecting::sound()) {
        let (name, bug) = (format!("collection: {}", case.name), case.bug.map(|bug| format!("{bug:?}")));
        let is_possible = case.bug.is_none_or(|bug| bug.planted().is_empty()) || stdx::bugs::POSSIBLE;
        if name.contains(&text) && is_possible {
            let search = || {
                let model = Collecting::new(case);
                let found =
                    if bug.is_some() { search_shortest(&model, states_max) } else { search(&model, states_max) };
                (found, String::new())
            };
            all_well &= explore(&name, bug.as_deref(), search)?;
        }
    }
    let planted = if stdx::bugs::POSSIBLE { moving::unsound() } else { Vec::new() };
    for case in planted.into_iter().chain(moving::sound()) {
        let (name, bug) = (format!("move: {}", case.name), case.bug);
        if name.contains(&text) {
            all_well &= explore(&name, bug, || {
                let model = Moving::new(case);
                let found =
                    if bug.is_some() { search_shortest(&model, states_max) } else { search(&model, states_max) };
                (found, format!(", {} different nodes", model.met().0))
            })?;
        }
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Searches a case and prints what was found. True if it was what should be found.
fn explore(name: &str, bug: Option<&str>, search: impl FnOnce() -> (Found, String)) -> io::Result<bool> {
    let began = Instant::now();
    let (found, more) = search();
    let seconds = began.elapsed().as_secs_f32();
    let planted = bug.map_or(String::new(), |bug| format!(" with {bug:?}"));
    let (what, is_well) = match &found.verdict {
        Verdict::Holds => ("holds".to_owned(), bug.is_none()),
        Verdict::Unfinished => ("unfinished".to_owned(), bug.is_none()),
        Verdict::Violated { what, way } => (format!("VIOLATED after {} steps: {what}", way.len()), bug.is_some()),
    };
    let mut out = io::stdout();
    let Found { states, steps, depth, .. } = found;
    writeln!(out, "{name}{planted}: {states} states, {steps} steps, depth {depth}{more}, {seconds:.1} s: {what}")?;
    if let (Verdict::Violated { way, .. }, None) = (found.verdict, bug) {
        way.iter().try_for_each(|step| writeln!(out, "    {step}"))?;
    }
    Ok(is_well)
}
