//! The audit log over real files and over a disk that fails.

use super::files::{End, FILE_BYTES_MAX, FILES_MAX, Store, hash, list};
use super::{Audit, By, Deed, Outcome};
use crate::counters::Counters;
use ring::NodeId;
use serde_json::{Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use stdx::Wall;

/// Keeps nothing.
pub(crate) struct Nowhere;

impl Store for Nowhere {
    fn end(&mut self) -> io::Result<End> {
        Ok(End { next: 1, hash: [0; 32] })
    }

    fn append(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// A disk that may be full.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<(bool, Vec<u8>)>>);

impl Store for Disk {
    fn end(&mut self) -> io::Result<End> {
        let kept = self.0.lock().unwrap().1.clone();
        let lines: Vec<&[u8]> = kept.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        Ok(End { next: lines.len() as u64 + 1, hash: lines.last().map_or([0; 32], |line| hash(line)) })
    }

    fn append(&mut self, _: u64, lines: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        if disk.0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.1.extend(lines);
        Ok(())
    }
}

fn open(directory: &Path) -> Arc<Audit> {
    Arc::new(Audit::open(directory, NodeId(1), Arc::default()).unwrap())
}

fn deed() -> Deed {
    Deed::new("bucket.set", json!({ "name": "carts" }))
}

fn parsed(text: &[u8]) -> Vec<Value> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// Everything, and that each line carries the hash of the one before it.
fn all(audit: &Audit) -> Vec<Value> {
    let (mut text, mut after) = (Vec::new(), 0);
    loop {
        let page = audit.read(after, Wall(0)).unwrap();
        text.extend(&page.lines);
        after = page.last;
        if !page.more {
            break;
        }
    }
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    for pair in lines.windows(2) {
        let expected: String = hash(pair[0]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(parsed(pair[1])[0]["prev"], expected.as_str());
    }
    parsed(&text)
}

#[tokio::test]
async fn a_deed_has_a_beginning_and_an_end_also_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let audit = open(directory.path());
    let begun = audit.begin(By::LOCAL, deed()).await;
    assert_eq!(all(&audit).len(), 1, "it is on disk before it may be begun");
    begun.end(Outcome::Failed("No.".to_owned())).await;
    drop(audit);
    let audit = open(directory.path());
    audit.told(&By::LOCAL, deed(), &Outcome::Done).await;
    let lines = all(&audit);
    let states: Vec<_> = lines.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["begun", "failed", "done"]);
    assert_eq!((&lines[0]["seq"], &lines[1]["of"], &lines[1]["why"]), (&json!(1), &json!(1), &json!("No.")));
    assert_eq!(lines[2]["seq"], 3);
}

#[tokio::test]
async fn a_deed_whose_asker_went_away_has_an_end_too() {
    let directory = tempfile::tempdir().unwrap();
    let audit = open(directory.path());
    drop(audit.begin(By::LOCAL, deed()).await);
    audit.told(&By::LOCAL, deed(), &Outcome::Done).await;
    assert_eq!(all(&audit)[1]["state"], "unknown");
}

#[tokio::test]
async fn what_was_torn_by_a_crash_goes_and_what_was_damaged_hides_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let change = |how: &dyn Fn(String) -> String| {
        let (_, path) = list(&directory.path().join("audit")).unwrap().pop().unwrap();
        let text = how(std::fs::read_to_string(&path).unwrap());
        std::fs::write(&path, text).unwrap();
    };
    open(directory.path()).told(&By::LOCAL, deed(), &Outcome::Done).await;
    change(&|text| text + "{\"seq\":2,\"at");
    open(directory.path()).told(&By::LOCAL, deed(), &Outcome::Done).await;
    let lines = all(&open(directory.path()));
    assert_eq!((lines.len(), &lines[1]["seq"]), (2, &json!(2)));
    change(&|text| format!("nonsense\n{}", text.split_once('\n').unwrap().1));
    let page = open(directory.path()).read(0, Wall(0)).unwrap();
    let lines = parsed(&page.lines);
    assert_eq!((&lines[0]["damaged"], &lines[1]["seq"]), (&json!(true), &json!(2)));
}

#[tokio::test]
async fn files_are_bounded_and_the_chain_goes_over_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = super::files::Files::new(directory.path().join("audit"));
    let line = |seq: u64| {
        let text = json!({ "seq": seq, "at": seq, "filler": "x".repeat(1 << 20) }).to_string();
        text.into_bytes().into_iter().chain([b'\n']).collect::<Vec<u8>>()
    };
    let per_file = FILE_BYTES_MAX / line(1).len() as u64;
    let count = (FILES_MAX as u64 + 3) * per_file;
    (1..=count).for_each(|seq| files.append(seq, &line(seq)).unwrap());
    let kept = list(&directory.path().join("audit")).unwrap();
    assert_eq!((kept.len(), kept[0].0), (FILES_MAX, 3 * per_file + 1));
    let page = super::page::read(&directory.path().join("audit"), count - per_file - 1, 0).unwrap();
    assert_eq!(parsed(&page.lines)[0]["seq"], count - per_file);
    let page = super::page::read(&directory.path().join("audit"), 0, count - 1).unwrap();
    assert_eq!((parsed(&page.lines)[0]["seq"].as_u64(), page.more), (Some(count - 1), true));
}

#[tokio::test]
async fn on_a_full_disk_deeds_go_on_and_are_told_later() {
    let disk = Disk::default();
    let counters = Arc::<Counters>::default();
    let audit = Audit::over(disk.clone(), PathBuf::new(), NodeId(1), Arc::clone(&counters)).unwrap();
    let audit = Arc::new(audit);
    disk.0.lock().unwrap().0 = true;
    audit.begin(By::LOCAL, deed()).await.end(Outcome::Done).await;
    assert_eq!((counters.audit_unwritten.get(), disk.0.lock().unwrap().1.len()), (2, 0));
    disk.0.lock().unwrap().0 = false;
    audit.told(&By::LOCAL, deed(), &Outcome::Done).await;
    let lines = parsed(&disk.0.lock().unwrap().1);
    let late: Vec<_> = lines.iter().map(|line| (line["seq"].as_u64().unwrap(), line["late"] == true)).collect();
    assert_eq!(late, [(1, true), (2, true), (3, false)]);
}

#[tokio::test]
async fn who_repeats_himself_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let audit = open(directory.path());
    let by = By { via: "http", from: Some(([10, 0, 0, 1], 7).into()), ..By::default() };
    (0..1_000).for_each(|_| audit.refused(&by, Deed::new("login", json!({})), "No."));
    audit.part(&by, Deed::new("import", json!({}))).await;
    audit.part(&by, Deed::new("import", json!({}))).await;
    assert_eq!(all(&audit).len(), 2);
}
