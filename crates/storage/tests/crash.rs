//! kill -9 at random moments: every acknowledged batch is there after reopening, and no batch is half there.
//!
//! The test runs itself again as a child that applies and syncs batches and prints each number that a sync reported.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of a test; the child reports on its output")]

use std::env;
use std::io::{BufRead, BufReader, Write, stdout};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use stdx::Prng;
use storage::{Batch, DiskEngine, DiskOptions, Engine, Reader, Space};

const CHILD_DIRECTORY: &str = "STORAGE_CRASH_TEST_DIRECTORY";
const ROUNDS: u64 = 8;
const PARTS: u64 = 5;
const SPACES: [Space; PARTS as usize] = [Space::Items, Space::Hints, Space::Items, Space::Hints, Space::Items];

/// Small tables, so that flushes, rotations and compactions are among what gets killed.
const OPTIONS: DiskOptions = DiskOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20, journal_bytes: 64 << 20 };

/// Batch `number` puts its parts, deletes those of an older batch, and overwrites the newest number.
fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    for part in 0..PARTS {
        let value = vec![number as u8; 200 + (number % 7 * 300) as usize];
        batch.put(SPACES[part as usize], key(number, part), value);
        if let Some(old) = number.checked_sub(100) {
            batch.delete(SPACES[part as usize], key(old, part));
        }
    }
    batch.put(Space::Meta, *b"newest", number.to_be_bytes().to_vec());
    batch
}

fn key(number: u64, part: u64) -> Vec<u8> {
    [part.to_be_bytes(), number.to_be_bytes()].concat()
}

fn newest(engine: &DiskEngine) -> u64 {
    let value = engine.get(Space::Meta, b"newest").unwrap();
    value.map_or(0, |value| u64::from_be_bytes(value.as_ref().try_into().unwrap()))
}

fn run_child(path: &Path) {
    let mut engine = DiskEngine::open(path, &OPTIONS).unwrap();
    let first = newest(&engine);
    let mut syncer = engine.syncer();
    std::thread::spawn(move || {
        loop {
            let durable = syncer.sync().unwrap();
            println!("{}", first + durable.0);
            stdout().flush().unwrap();
        }
    });
    for number in first + 1.. {
        engine.apply(batch(number)).unwrap();
    }
}

fn spawn_child(path: &Path) -> Child {
    let arguments = ["acknowledged_batches_survive_kill", "--exact", "--nocapture", "--test-threads=1"];
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments).env(CHILD_DIRECTORY, path).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command.spawn().unwrap()
}

/// Kills a child `time` after its first acknowledgement, or after its start if it is to be killed `early`. Returns the
/// last number it acknowledged.
fn kill_after(path: &Path, time: Duration, early: bool) -> u64 {
    let mut child = spawn_child(path);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (working, has_begun) = std::sync::mpsc::channel();
    let acknowledged = std::thread::spawn(move || {
        let mut last = 0;
        // Both filters drop what the test harness prints.
        for number in lines.map_while(Result::ok).filter_map(|line| line.parse().ok()) {
            last = number;
            let _ = working.send(());
        }
        last
    });
    if !early {
        has_begun.recv().unwrap();
    }
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged.join().unwrap()
}

fn check_whole(engine: &DiskEngine, newest: u64) {
    for number in newest.saturating_sub(150).max(1)..=newest + 50 {
        let expected = (number <= newest && number + 100 > newest).then_some(number as u8);
        for part in 0..PARTS {
            let value = engine.get(SPACES[part as usize], &key(number, part)).unwrap();
            let first = value.as_ref().and_then(|value| value.first().copied());
            assert_eq!(first, expected, "part {part} of batch {number}, newest is {newest}");
        }
    }
    let mut parts = 0;
    for space in [Space::Items, Space::Hints] {
        let mut visit = |_: &[u8], _: &Bytes| {
            parts += 1;
            ControlFlow::Continue(())
        };
        engine.scan(space, b"", None, &mut visit).unwrap();
    }
    assert_eq!(parts, newest.min(100) * PARTS);
}

#[test]
fn acknowledged_batches_survive_kill() {
    if let Some(path) = env::var_os(CHILD_DIRECTORY) {
        return run_child(Path::new(&path));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut prng = Prng::new(u64::from(std::process::id()));
    let mut last_newest = 0;
    for round in 1..=ROUNDS {
        let acknowledged = kill_after(dir.path(), Duration::from_millis(prng.between(5, 400)), round % 4 == 0);
        let engine = DiskEngine::open(dir.path(), &OPTIONS).unwrap();
        let newest = newest(&engine);
        println!("round {round}: acknowledged {acknowledged}, found {newest}");
        assert!(newest >= acknowledged, "batch {acknowledged} was acknowledged but {newest} is the newest");
        assert!(newest >= last_newest);
        check_whole(&engine, newest);
        last_newest = newest;
    }
    assert!(last_newest > 0, "no child lived long enough to write");
}
