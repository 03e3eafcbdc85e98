//! `explore`: searches every case and prints how many states each has. The only place here that reads a clock.

use explore::cases::{sound, unsound};
use explore::search::{Verdict, search};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> io::Result<ExitCode> {
    let states_max = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(50_000_000);
    let mut out = io::stdout();
    let mut code = ExitCode::SUCCESS;
    for case in unsound().into_iter().chain(sound()) {
        let began = Instant::now();
        let found = search(&case, states_max);
        let planted = case.bug.map_or(String::new(), |bug| format!(" with {bug:?}"));
        let what = match &found.verdict {
            Verdict::Holds => "holds".to_owned(),
            Verdict::Unfinished => "unfinished".to_owned(),
            Verdict::Violated { what, way } => format!("VIOLATED after {} steps: {what}", way.len()),
        };
        let seconds = began.elapsed().as_secs_f32();
        writeln!(
            out,
            "{}{planted}: {} states, depth {}, {seconds:.1} s: {what}",
            case.name, found.states, found.depth
        )?;
        if case.bug.is_none()
            && let Verdict::Violated { way, .. } = found.verdict
        {
            for step in way {
                writeln!(out, "    {step}")?;
            }
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
