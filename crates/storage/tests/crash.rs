//! kill -9 at random moments: every acknowledged batch is there after reopening, and no batch is half there.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of a test; the child reports on its output")]

mod writer;

use stdx::Prng;
use storage::DiskEngine;
use writer::{OPTIONS, Writer, check_whole, newest, said_before_the_end, write_if_child};

const ROUNDS: u64 = 8;

#[test]
fn acknowledged_batches_survive_kill() {
    write_if_child();
    let dir = tempfile::tempdir().unwrap();
    let mut prng = Prng::new(u64::from(std::process::id()));
    let mut last_newest = 0;
    for round in 1..=ROUNDS {
        let numbers = said_before_the_end(&mut prng, round % 4 == 0);
        let writer = Writer::start("acknowledged_batches_survive_kill", dir.path(), numbers);
        assert!(writer.id() > 0);
        let acknowledged = writer.kill();
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
