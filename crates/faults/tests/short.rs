//! The short form of the suite, against a debug build: kills, pauses, bad links, and a `kill -9` of all nodes at once.

use faults::scenario::{self, Options};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The binary under test. It belongs to another crate, so cargo does not build it for this one: what lies next to this
/// test is taken if it is newer than all sources, as it is after a build of the workspace; else it is built now.
fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its file");
    // target/debug/deps/short-… is two below target/debug/alianza.
    let built = own.ancestors().nth(2).expect("a test lies in a profile's directory").join("alianza");
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if modified(&built) > newest_source(&crates) {
        return built;
    }
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--package", "alianza", "--manifest-path"]);
    let status = command.arg(crates.join("../Cargo.toml")).status().expect("cargo runs");
    assert!(status.success(), "alianza does not build");
    built
}

fn newest_source(directory: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(directory).expect("the sources are there");
    let newest = |path: PathBuf| if path.is_dir() { newest_source(&path) } else { modified(&path) };
    let sources = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    sources.filter(|path| !path.ends_with("faults") && !path.ends_with("sim")).map(newest).max().flatten()
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|data| data.modified()).ok()
}

#[test]
fn nothing_acknowledged_is_lost_in_the_short_form() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let options = Options {
        binary: binary(),
        parent: directory.path().to_owned(),
        nodes: 3,
        clients: 6,
        per_second: 20,
        seed: 7,
        until: None,
    };
    let report = scenario::short(&options).expect("the run can be made");
    println!("{}", report.text());
    if !report.passed() {
        let kept = directory.keep();
        panic!("the run failed; logs, data and history are in {}", kept.display());
    }
    let done: Vec<&str> = report.faults.keys().copied().collect();
    for kind in ["kill -9 of one", "kill -9 of all", "pause", "cut: isolated", "cut: one way, mute", "damaging links"] {
        assert!(done.contains(&kind), "{kind} was not done, only {done:?}");
    }
    assert!(report.verdict.acknowledged > 200, "{}", report.text());
}
