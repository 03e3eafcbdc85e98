//! Mounting and unmounting, with the system's own programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a program of the system to its end.
pub(super) fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{program} {}` failed: {}", arguments.join(" "), said.trim()))
}

/// Unmounts; what is still in use goes away when it no longer is.
pub(super) fn unmount(point: &Path) -> Result<(), String> {
    let text = point.to_str().ok_or_else(|| format!("{} is not UTF-8", point.display()))?;
    let mut last = Ok(());
    for _ in 0..100 {
        last = run("umount", &[text]);
        if last.is_ok() {
            return last;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    run("umount", &["-l", text]).and(last)
}

/// What is mounted below a directory, deepest first.
pub(super) fn below(directory: &Path) -> Vec<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from);
    let mut points: Vec<PathBuf> = points.filter(|point| point.starts_with(directory)).collect();
    points.sort();
    points.reverse();
    points
}
