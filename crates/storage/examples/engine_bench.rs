//! Measures the disk engine with the work of a node: one thread that applies, one that syncs, 64 requests under way.
//!
//! ```text
//! cargo run --release -p storage --example engine_bench -- \
//!     DIRECTORY [VALUE_BYTES [KEYS [MEMTABLE_MIB [CACHE_MIB]]]]
//! ```
//!
//! Keys are a 2-byte partition (of 4096) and a 20-byte token. The figures in docs/adr/0008 come from here.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement ends at the first failure and prints")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;
use stdx::Prng;
use storage::{Batch, DiskEngine, DiskOptions, Engine, Reader, Seq, Space, Syncer};

const WRITERS: u64 = 64;
const PARTITIONS: u64 = 4096;
const PART: &str = "ENGINE_BENCH_PART";
const READY: &str = "ready to be killed";

/// What to measure, from the command line.
struct Plan {
    path: PathBuf,
    value_bytes: usize,
    keys: u64,
    options: DiskOptions,
}

/// The parts run as processes of their own, so that memory is that of each part and one of them can be killed.
fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let directory = arguments.first().expect("the first argument is a missing or empty directory");
    let number = |at: usize, default| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    let usual = DiskOptions::default();
    let options = DiskOptions {
        memtable_bytes: number(3, usual.memtable_bytes >> 20) << 20,
        cache_bytes: number(4, usual.cache_bytes >> 20) << 20,
        ..usual
    };
    let value_bytes = number(1, 100) as usize;
    let plan = Plan { path: PathBuf::from(directory), value_bytes, keys: number(2, 300_000), options };
    match env::var(PART).as_deref() {
        Ok("load") => plan.load(),
        Ok("reopen") => plan.reopen(),
        Ok("write until killed") => plan.write_until_killed(),
        _ => {
            println!("{} keys, values of {value_bytes} bytes, {WRITERS} requests under way, {options:?}", plan.keys);
            assert!(part(&arguments, "load", Stdio::inherit()).wait().unwrap().success());
            println!("-- after a clean end");
            assert!(part(&arguments, "reopen", Stdio::inherit()).wait().unwrap().success());
            println!("-- after a kill");
            kill_when_ready(part(&arguments, "write until killed", Stdio::piped()));
            assert!(part(&arguments, "reopen", Stdio::inherit()).wait().unwrap().success());
        }
    }
}

fn part(arguments: &[String], name: &str, output: Stdio) -> Child {
    Command::new(env::current_exe().unwrap()).args(arguments).env(PART, name).stdout(output).spawn().unwrap()
}

fn kill_when_ready(mut child: Child) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().is_ok_and(|line| line == READY)).unwrap().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
}

impl Plan {
    fn load(&self) {
        let keys = self.keys;
        let mut bench = Bench::open(self);
        report_memory("resident, new and idle");
        bench.write("durable put, new keys", keys, |n| n, false);
        report_memory("resident after the load");
        let mut prng = Prng::new(1);
        bench.write("durable put, overwriting", keys, |_| prng.below(keys), false);
        let mut prng = Prng::new(2);
        bench.write("durable get + put", keys / 2, |_| prng.below(keys), true);
        report_memory("resident after the writes");
        bench.get(keys);
        bench.scan(keys);
        bench.drop_slices();
        println!("{:32} {:>8} MB", "on disk", bench.engine.size().unwrap() >> 20);
        std::thread::sleep(Duration::from_secs(2));
        report_memory("resident, idle again");
    }

    fn reopen(&self) {
        let started = Instant::now();
        let engine = DiskEngine::open(&self.path, &self.options).unwrap();
        println!("{:32} {:>8.0?}", "reopened in", started.elapsed());
        std::thread::sleep(Duration::from_secs(1));
        report_memory("resident, reopened and idle");
        drop(engine);
    }

    fn write_until_killed(&self) {
        let mut bench = Bench::open(self);
        let mut prng = Prng::new(5);
        bench.write("before the kill", self.keys, |_| prng.below(self.keys), false);
        println!("{READY}");
        loop {
            bench.put(&key(prng.below(self.keys)), false);
        }
    }
}

/// The engine in the hands of a node's thread, and the thread that syncs.
struct Bench {
    engine: DiskEngine,
    value_bytes: usize,
    prng: Prng,
    durable: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    syncing: Option<JoinHandle<()>>,
}

impl Bench {
    fn open(plan: &Plan) -> Bench {
        let engine = DiskEngine::open(&plan.path, &plan.options).unwrap();
        let (durable, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (syncer, node) = (engine.syncer(), std::thread::current());
        let syncing = std::thread::spawn({
            let (durable, stop) = (Arc::clone(&durable), Arc::clone(&stop));
            move || sync_until(&stop, syncer, &durable, &node)
        });
        Bench { engine, value_bytes: plan.value_bytes, prng: Prng::new(7), durable, stop, syncing: Some(syncing) }
    }

    /// Keeps `WRITERS` puts under way until `count` are durable.
    fn write(&mut self, name: &str, count: u64, mut pick: impl FnMut(u64) -> u64, read_first: bool) {
        let (mut applies, mut answers) = (Timings::default(), Timings::default());
        let mut under_way = std::collections::VecDeque::new();
        let started = Instant::now();
        let mut begun = 0;
        while begun < count || !under_way.is_empty() {
            while begun < count && (under_way.len() as u64) < WRITERS {
                let request = Instant::now();
                under_way.push_back((self.put(&key(pick(begun)), read_first), request));
                applies.add(request.elapsed());
                begun += 1;
            }
            let durable = Seq(self.durable.load(Ordering::Acquire));
            match under_way.front() {
                Some((seq, request)) if *seq <= durable => {
                    answers.add(request.elapsed());
                    under_way.pop_front();
                }
                _ => std::thread::park_timeout(Duration::from_millis(1)),
            }
        }
        println!("{name:32} {:>8.0} op/s", count as f64 / started.elapsed().as_secs_f64());
        applies.report("  apply");
        answers.report("  until durable");
    }

    fn put(&mut self, key: &[u8], read_first: bool) -> Seq {
        if read_first {
            std::hint::black_box(self.engine.get(Space::Items, key).unwrap());
        }
        let mut batch = Batch::new();
        batch.put(Space::Items, key, value(&mut self.prng, self.value_bytes));
        self.engine.apply(batch).unwrap()
    }

    fn get(&mut self, keys: u64) {
        let mut prng = Prng::new(3);
        let mut timings = Timings::default();
        let started = Instant::now();
        for _ in 0..keys {
            let key = key(prng.below(keys));
            let request = Instant::now();
            assert!(self.engine.get(Space::Items, &key).unwrap().is_some());
            timings.add(request.elapsed());
        }
        println!("{:32} {:>8.0} op/s", "get, uniform", keys as f64 / started.elapsed().as_secs_f64());
        timings.report("  each");
    }

    fn scan(&self, keys: u64) {
        let mut prng = Prng::new(4);
        let mut timings = Timings::default();
        let (mut seen, mut bytes) = (0u64, 0);
        let started = Instant::now();
        for _ in 0..1000 {
            let (start, end) = slice(prng.below(PARTITIONS));
            let request = Instant::now();
            let mut visit = |key: &[u8], value: &Bytes| {
                seen += 1;
                bytes += key.len() + value.len();
                ControlFlow::Continue(())
            };
            self.engine.scan(Space::Items, &start, Some(&end), &mut visit).unwrap();
            timings.add(request.elapsed());
        }
        let megabytes = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
        let average = seen as f64 / 1000.0;
        println!("{:32} {megabytes:>8.0} MB/s, {average:.0} of {keys} keys each", "scan of 1/4096");
        timings.report("  each");
    }

    fn drop_slices(&mut self) {
        let mut timings = Timings::default();
        for partition in 0..200 {
            let (start, end) = slice(partition);
            let mut batch = Batch::new();
            batch.delete_range(Space::Items, start, Some(end));
            let request = Instant::now();
            self.engine.apply(batch).unwrap();
            timings.add(request.elapsed());
        }
        println!("drop of 1/4096");
        timings.report("  each");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(syncing) = self.syncing.take() {
            syncing.join().unwrap();
        }
    }
}

fn sync_until(stop: &AtomicBool, mut syncer: Box<dyn Syncer>, durable: &AtomicU64, node: &Thread) {
    while !stop.load(Ordering::Acquire) {
        let seq = syncer.sync().unwrap();
        if durable.swap(seq.0, Ordering::AcqRel) < seq.0 {
            node.unpark();
        } else {
            // Nothing was written meanwhile; a node would wait for the next batch here.
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

fn key(n: u64) -> [u8; 22] {
    let mut prng = Prng::keyed(0, "key", &[n]);
    let mut key = [0; 22];
    key[..2].copy_from_slice(&(prng.below(PARTITIONS) as u16).to_be_bytes());
    key[2..18].copy_from_slice(&prng.next_u128().to_be_bytes());
    key[18..].copy_from_slice(&(prng.next_u64() as u32).to_be_bytes());
    key
}

/// Half of it compresses, as text and JSON about do.
fn value(prng: &mut Prng, bytes: usize) -> Vec<u8> {
    let mut value = vec![b'x'; bytes];
    for word in value[..bytes / 2].chunks_exact_mut(8) {
        word.copy_from_slice(&prng.next_u64().to_le_bytes());
    }
    value
}

fn slice(partition: u64) -> (Vec<u8>, Vec<u8>) {
    ((partition as u16).to_be_bytes().to_vec(), (partition as u16 + 1).to_be_bytes().to_vec())
}

fn report_memory(name: &str) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() >> 10
    };
    println!("{name:32} {:>8} MiB (highest {})", field("VmRSS:"), field("VmHWM:"));
}

/// Durations of one kind of call.
#[derive(Default)]
struct Timings(Vec<Duration>);

impl Timings {
    fn add(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    fn report(mut self, name: &str) {
        self.0.sort_unstable();
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize];
        let over = self.0.iter().filter(|duration| **duration > Duration::from_millis(10)).count();
        let (p50, p99, p999, worst) = (at(0.5), at(0.99), at(0.999), at(1.0));
        println!("{name:32} p50 {p50:.1?}, p99 {p99:.1?}, p99.9 {p999:.1?}, worst {worst:.1?}, {over} over 10 ms");
    }
}
