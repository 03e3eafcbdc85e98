//! A process that applies and syncs batches until somebody ends it, and the check of what it leaves behind.
//!
//! A test runs itself again as a child, which prints 0 before it opens the engine, and then each number that a sync reported.

use std::env;
use std::io::{BufRead, BufReader, Write, stdout};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use bytes::Bytes;
use stdx::Prng;
use storage::{Batch, DiskEngine, DiskOptions, Engine, Reader, Space};

const CHILD_DIRECTORY: &str = "STORAGE_WRITER_TEST_DIRECTORY";
const PARTS: u64 = 5;
const SPACES: [Space; PARTS as usize] = [Space::Items, Space::Hints, Space::Items, Space::Hints, Space::Items];

/// Small tables, so that flushes, rotations and compactions are among what gets killed.
pub(crate) const OPTIONS: DiskOptions =
    DiskOptions { cache_bytes: 1 << 20, memtable_bytes: 1 << 20, journal_bytes: 8 << 20, reserve_bytes: 0 };

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

/// The newest batch.
pub(crate) fn newest(engine: &DiskEngine) -> u64 {
    let value = engine.get(Space::Meta, b"newest").unwrap();
    value.map_or(0, |value| u64::from_be_bytes(value.as_ref().try_into().unwrap()))
}

/// Writes until it is ended, if this process is such a child.
pub(crate) fn write_if_child() {
    let Some(path) = env::var_os(CHILD_DIRECTORY) else { return };
    let path = Path::new(&path);
    // The test harness has begun a line.
    println!();
    say(0);
    let mut engine = DiskEngine::open(path, &OPTIONS).unwrap();
    let first = newest(&engine);
    let mut syncer = engine.syncer();
    std::thread::spawn(move || {
        loop {
            let durable = syncer.sync().unwrap();
            say(first + durable.0);
        }
    });
    for number in first + 1.. {
        engine.apply(batch(number)).unwrap();
    }
}

fn say(number: u64) {
    println!("{number}");
    stdout().flush().unwrap();
}

/// How many different numbers a child may say before it is ended: mostly several, `early` only that it is about to open the engine.
pub(crate) fn said_before_the_end(prng: &mut Prng, early: bool) -> u64 {
    if early { 1 } else { prng.between(2, 200) }
}

/// A child at work.
pub(crate) struct Writer {
    child: Child,
    acknowledged: JoinHandle<u64>,
}

impl Writer {
    /// Starts this program again to run the test `test` as a child on the data directory `path`, and waits until it has
    /// said so many different numbers. It goes on, and may be anywhere when this returns.
    pub(crate) fn start(test: &str, path: &Path, numbers: u64) -> Writer {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD_DIRECTORY, path);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (saying, said) = mpsc::channel();
        let acknowledged = std::thread::spawn(move || {
            let mut last = None;
            // Both filters drop what the test harness prints.
            for number in lines.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok()) {
                // A sync that had nothing to do says the same number again.
                if last.replace(number) != Some(number) {
                    let _ = saying.send(());
                }
            }
            last.unwrap_or(0)
        });
        (0..numbers).for_each(|_| said.recv().unwrap());
        Writer { child, acknowledged }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the child and returns the last number that it acknowledged.
    pub(crate) fn kill(mut self) -> u64 {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.acknowledged.join().unwrap()
    }
}

/// Every batch up to `newest` is there whole, and nothing of a later one.
pub(crate) fn check_whole(engine: &DiskEngine, newest: u64) {
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
