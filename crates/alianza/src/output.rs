//! Writing to standard output: the only place that does.
//!
//! Invariant: a reader that goes away early, as `head` does, is no error.

use crate::exit::Failure;
use serde_json::Value;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

/// Prints a text as it is.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// Prints a line.
pub(crate) fn print_line(text: &str) -> Result<(), Failure> {
    print(&format!("{text}\n"))
}

/// Prints bytes as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::error(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints JSON on one line.
pub(crate) fn print_json(value: &Value) -> Result<(), Failure> {
    print_line(&value.to_string())
}

/// Whether to use colours on standard output.
pub(crate) fn coloured() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A remark for people, on standard error.
pub(crate) fn remark(text: &str) {
    eprintln!("{text}");
}
