//! The settings of a node: one table of them, three places where they are given, one way in which they are merged.
//!
//! Defaults, then the file, then the environment, then flags; the later one wins. Invariant: every value knows where it
//! came from, and everything that is wrong with one says so.

mod env;
mod file;
mod flags;
mod list;
mod merge;
mod read;
mod show;
mod size;

pub(crate) use flags::Flags;
pub(crate) use merge::Merged;
pub(crate) use read::{LogFormat, Settings};
pub(crate) use show::show;

use crate::exit::Failure;
use std::path::Path;

/// Gathers the settings of a node from everywhere.
pub(crate) fn gather(config: Option<&Path>, flags: Flags) -> Result<Merged, Failure> {
    let mut merged = Merged::defaults();
    if let Some(path) = config {
        merged.over(file::read(path)?);
    }
    merged.over(env::read(|name| std::env::var(name).ok()));
    merged.over(flags.layer());
    finish(&mut merged);
    Ok(merged)
}

/// Fills in what follows from other settings, so that it can be shown.
fn finish(merged: &mut Merged) {
    let first =
        |merged: &Merged, name: &str| merged.get(name).and_then(|w| w.texts.first().cloned()).unwrap_or_default();
    let (host, port) = (first(merged, "listen"), first(merged, "port"));
    merged.fill("data-dir", read::data_dir(&port));
    if let Ok(ip) = host.parse::<std::net::IpAddr>()
        && !ip.is_unspecified()
    {
        let host = if ip.is_ipv6() { format!("[{ip}]") } else { host };
        merged.fill("advertise", format!("http://{host}:{port}"));
    }
}

#[cfg(test)]
mod tests;
