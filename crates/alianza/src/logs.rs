//! The log of a node, on standard error.

use crate::exit::Failure;
use crate::settings::LogFormat;
use std::io::{self, IsTerminal as _};
use tracing_subscriber::EnvFilter;

/// Logs from here on.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::usage(format!("log must be a filter like info or info,server=debug, not \"{filter}\": {error}"))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(coloured()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}

fn coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
