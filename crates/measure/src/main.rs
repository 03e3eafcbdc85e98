//! `measure NAME ROUNDS`: does one piece of work so many times, for a tool that counts instructions. Without arguments it
//! lists the names.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => {
            use std::io::Write as _;
            let written = std::io::stdout().write_all(format!("{}\n", measure::NAMES.join("\n")).as_bytes());
            ExitCode::from(u8::from(written.is_err()))
        }
        [name, rounds] => match (measure::prepare(name), rounds.parse::<u64>()) {
            (Some(mut work), Ok(rounds)) => {
                (0..rounds).for_each(|_| work());
                ExitCode::SUCCESS
            }
            _ => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: measure NAME ROUNDS, with one of the names that `measure` lists");
    ExitCode::from(2)
}
