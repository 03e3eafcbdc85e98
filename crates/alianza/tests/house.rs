//! Keeps the house: which crate may use which, that nothing below `server` knows a clock or a socket, that every file
//! says what it owns, and that the paths named in the documents exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const OURS: [&str; 19] = [
    "stdx", "backup", "causal", "ring", "liveness", "proto", "codec", "storage", "node", "server", "api", "sim",
    "alianza", "faults", "explore", "resp", "workload", "measure", "client",
];

/// What each crate may use of ours. Tests of a crate may use more.
fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let below_server = ["stdx", "causal", "ring", "liveness", "proto", "codec", "storage", "node"];
    let with = |more: &[&'static str]| below_server.iter().chain(more).copied().collect::<BTreeSet<_>>();
    let only = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    [
        ("stdx", only(&[])),
        ("causal", only(&[])),
        ("ring", only(&["stdx"])),
        ("liveness", only(&["stdx"])),
        ("proto", only(&["causal", "ring", "liveness", "stdx"])),
        ("codec", only(&["proto", "causal", "ring", "liveness", "stdx"])),
        ("storage", only(&["stdx"])),
        ("node", only(&["proto", "codec", "storage", "ring", "stdx"])),
        ("backup", only(&["proto", "codec", "ring"])),
        ("server", with(&[])),
        ("resp", only(&[])),
        ("api", with(&["server", "backup", "resp"])),
        ("sim", with(&[])),
        ("workload", only(&["stdx"])),
        ("client", only(&["ring", "liveness", "stdx"])),
        ("measure", with(&["resp"])),
        ("alianza", with(&["server", "api", "backup", "workload", "client"])),
        ("explore", only(&["proto", "ring", "stdx"])),
        ("faults", only(&["stdx", "codec", "sim"])),
    ]
    .into()
}

#[test]
fn crates_use_only_what_they_may() {
    let allowed = allowed();
    for name in OURS {
        let used: BTreeSet<String> = dependencies(name).into_iter().filter(|used| OURS.contains(&&**used)).collect();
        for used in used {
            assert!(allowed[name].contains(used.as_str()), "crate {name} must not use {used}; see ARCHITECTURE.md");
        }
    }
}

#[test]
fn nothing_below_the_server_knows_a_runtime() {
    for name in [
        "stdx", "causal", "ring", "liveness", "proto", "codec", "storage", "node", "sim", "resp", "workload", "measure",
    ] {
        for banned in ["tokio", "hyper", "axum", "rand", "getrandom"] {
            assert!(!dependencies(name).contains(banned), "crate {name} must not use {banned}");
        }
    }
}

#[test]
fn the_deterministic_crates_read_no_clock_and_no_random_order() {
    let banned = ["Instant::now", "SystemTime", "std::net", "std::thread", "HashMap", "HashSet", "thread_rng"];
    for name in ["stdx", "causal", "ring", "liveness", "proto", "codec", "node", "resp", "workload", "measure"] {
        for file in rust_files(&root().join("crates").join(name).join("src")) {
            let text = read(&file);
            for word in banned {
                assert!(!text.contains(word), "{} uses {word}, which is not deterministic", file.display());
            }
        }
    }
    for file in rust_files(&root().join("crates/storage/src/model")) {
        assert!(!read(&file).contains("SystemTime"), "{}", file.display());
    }
}

#[test]
fn every_file_says_what_it_owns() {
    for name in OURS {
        for file in rust_files(&root().join("crates").join(name)) {
            assert!(read(&file).starts_with("//!"), "{} does not open with //!", file.display());
        }
    }
}

#[test]
fn every_planted_bug_is_found_or_listed_as_not_found() {
    let mut known = read(&root().join("docs/testing.md")).replace("\n", " ");
    known.push_str(&read(&root().join("crates/sim/tests/mutants.rs")));
    known.push_str(&read(&root().join("crates/explore/src/cases/moving.rs")));
    known.push_str(&read(&root().join("crates/explore/src/collecting/case.rs")));
    let mut checked = 0;
    for name in ["proto", "node", "ring", "liveness", "codec"] {
        for file in rust_files(&root().join("crates").join(name).join("src")) {
            let text = read(&file);
            for part in text.split("planted(\"").skip(1) {
                let bug = part.split('"').next().unwrap_or_default();
                assert!(known.contains(bug), "{} plants {bug:?}, which no test looks for", file.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 30, "only {checked} planted bugs were found; the pattern is wrong");
}

#[test]
fn only_the_simulator_and_the_search_may_have_planted_bugs() {
    for name in OURS {
        let manifest = read(&root().join("crates").join(name).join("Cargo.toml"));
        let allows = manifest.contains("/mutants")
            || manifest.contains("\"mutants\"]") && !manifest.contains("required-features");
        assert!(!allows || ["sim", "explore"].contains(&name), "crate {name} switches planted bugs on");
        assert!(!manifest.contains("default = "), "crate {name} has default features; keep planted bugs out of them");
    }
}

#[test]
fn paths_named_in_documents_exist() {
    let mut checked = 0;
    for document in documents() {
        for path in paths_in(&read(&document)) {
            assert!(exists(&path), "{} names {path}, which does not exist", document.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} paths were found; the pattern is wrong");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names under `[dependencies]` and `[build-dependencies]`.
fn dependencies(name: &str) -> BTreeSet<String> {
    let manifest = read(&root().join("crates").join(name).join("Cargo.toml"));
    let mut section = String::new();
    let mut names = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
        } else if matches!(section.as_str(), "dependencies" | "build-dependencies") {
            let name: String = line.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
            if !name.is_empty() {
                names.insert(name);
            }
        }
    }
    names
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn documents() -> Vec<PathBuf> {
    let mut documents = ["README.md", "README.es.md", "ARCHITECTURE.md"].map(|name| root().join(name)).to_vec();
    for directory in ["docs", "docs/adr", "docs/how-to", "docs/explanation"] {
        let entries = fs::read_dir(root().join(directory)).expect("the documents are there");
        let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        documents.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    documents
}

/// Paths in back-ticks that begin with one of our top folders.
fn paths_in(text: &str) -> Vec<String> {
    let tops = ["crates/", "docs/", "bench/", "fuzz/", ".ci/", "deploy/", "tests/", "console/"];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|quoted| tops.iter().any(|top| quoted.starts_with(top)))
        .filter(|quoted| !quoted.contains([' ', '*', '<', '\n']))
        .map(|quoted| quoted.split("::").next().unwrap_or(quoted).to_owned())
        .collect()
}

fn exists(path: &str) -> bool {
    root().join(path).exists()
}
