//! What this machine permits. Each line names a means, what it is for, and whether it is here; a scenario that lacks one
//! is skipped by name.

use crate::place::{self, Place};
use std::path::Path;
use std::process::{Command, Stdio};

/// One means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Means {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Why it is not here, if it is not.
    pub missing: Option<String>,
}

/// Tries everything that scenarios may want. `parent` is where directories are made.
pub fn all(parent: &Path) -> Vec<Means> {
    vec![
        Means { name: "signals", purpose: "kill -9, SIGSTOP of own processes", missing: None },
        Means { name: "proxy", purpose: "bad links between nodes", missing: None },
        tmpfs(parent),
        loop_ext4(parent),
        strace(),
        program("faketime", "wall clocks that jump (not used yet)", &["--version"]),
        program("unshare", "network namespaces (not used yet: the proxy does more)", &["-n", "true"]),
    ]
}

/// A small file system in memory.
pub fn tmpfs(parent: &Path) -> Means {
    let place = Place::Small { nodes: vec![0], megabytes: 1 };
    Means { name: "tmpfs", purpose: "disks that get full", missing: place::is_permitted(&place, parent).err() }
}

/// ext4 in a file, and its shutdown.
pub fn loop_ext4(parent: &Path) -> Means {
    let place = Place::Loop { megabytes: 16 };
    Means { name: "ext4 by loop", purpose: "power cuts", missing: place::is_permitted(&place, parent).err() }
}

/// strace that may inject errors.
pub fn strace() -> Means {
    let arguments = ["-qq", "-o", "/dev/null", "-e", "trace=sync", "-e", "inject=sync:error=EIO", "true"];
    program("strace", "failing syncs and writes", &arguments)
}

fn program(name: &'static str, purpose: &'static str, arguments: &[&str]) -> Means {
    let run =
        Command::new(name).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let missing = match run {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    };
    Means { name, purpose, missing }
}
