//! Backup, restore, export and import against real nodes: while a writer runs, killed in the middle, incremental, damaged,
//! into an empty cluster and into one that went on living.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Process, Stopper, alianza, cluster, eventually, run, temporary, text};

/// Few partitions, so that each holds several items and debug builds are quick.
const SMALL: [&str; 2] = ["--partitions-bits", "6"];

fn ok(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn ok_json(arguments: &[&str]) -> Value {
    let out = ok(&[arguments, &["--json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
}

fn back_up(node: &Process, directory: &Path) -> Value {
    ok_json(&["backup", path(directory), "--url", &node.uri()])
}

fn restore(node: &Process, directory: &Path, more: &[&str]) -> Value {
    ok_json(&[&["restore", path(directory), "--url", &node.uri()], more].concat())
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}

/// The lines of an export, in an order that does not depend on the ring.
fn export(node: &Process) -> BTreeSet<String> {
    ok(&["export", "--url", &node.uri()]).lines().map(str::to_owned).collect()
}

fn files(directory: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).expect("the directory can be read") {
        let path = entry.expect("it can be listed").path();
        found.extend(if path.is_dir() { files(&path) } else { BTreeSet::from([path]) });
    }
    found
}

fn put(node: &Process, request: Value) {
    let answer = node.call(&request);
    assert_eq!(answer.status, 200, "{request}: {answer:?}");
}

fn make_bucket(nodes: &[Process], name: &str, settings: &[&str]) {
    ok(&[&["bucket", "set", name, "--url", &nodes[0].uri()], settings].concat());
    for node in nodes {
        eventually("every node knows the bucket", || node.get("/v1/buckets").body.contains(&format!("\"{name}\"")));
    }
}

/// Items of every kind: text and bytes, sort keys, siblings, deleted, expiring.
fn fill(nodes: &[Process]) {
    make_bucket(nodes, "carts", &["--rule", "siblings", "--w", "2"]);
    for i in 0..120 {
        put(&nodes[i % nodes.len()], json!({"type": "PUT", "key": format!("k{i}"), "value": format!("v{i}")}));
    }
    put(&nodes[0], json!({"type": "PUT", "key_base64": "/wA=", "sort_base64": "Af8=", "value_base64": "gIE="}));
    put(&nodes[0], json!({"type": "PUT", "key": "later", "value": "v", "ttl": "7d"}));
    for value in ["bread", "milk"] {
        put(&nodes[0], json!({"type": "PUT", "bucket": "carts", "key": "ann", "sort": "1", "value": value}));
    }
    put(&nodes[0], json!({"type": "PUT", "key": "gone", "value": "v"}));
    put(&nodes[0], json!({"type": "DELETE", "key": "gone"}));
}

#[test]
fn a_backup_restores_into_an_empty_cluster_and_exports_as_before() {
    let directory = temporary();
    let backups = directory.path().join("backups");
    let nodes = cluster(directory.path(), 3, &SMALL);
    fill(&nodes);
    let before = export(&nodes[1]);
    assert_eq!(before.len(), 123, "{before:?}");
    let taken = back_up(&nodes[1], &backups);
    assert_eq!(taken["records"], 124, "the tombstone is in it: {taken}");
    ok(&["backup", "verify", path(&backups)]);
    assert!(ok(&["backup", "list", path(&backups)]).contains(taken["name"].as_str().expect("a name")));
    drop(nodes);

    // Another number of partitions and of nodes: what counts are the items.
    let other = cluster(directory.path(), 2, &["--partitions-bits", "4"]);
    let restored = restore(&other[1], &backups, &[]);
    assert_eq!((&restored["written"], &restored["dead"]), (&json!(123), &json!(1)), "{restored}");
    assert_eq!((&restored["equal"], &restored["missing"]), (&json!(123), &json!(0)), "{restored}");
    assert_eq!(export(&other[0]), before, "values, expiries and siblings are as they were");
    let bucket = other[0].get("/v1/buckets").json();
    let carts = bucket["buckets"].as_array().expect("buckets").iter().find(|bucket| bucket["name"] == "carts");
    assert_eq!(carts.map(|carts| (&carts["rule"], &carts["w"])), Some((&json!("siblings"), &json!("2"))));
    let history = other[1].get("/v1/history").json();
    let events = history["events"].as_array().expect("events");
    let event = events.iter().find(|event| event["type"] == "RESTORE").expect("the history shows it");
    assert_eq!((&event["about"]["name"], &event["epoch"]), (&taken["name"], &restored["restore"]));

    // Once more, and going on with the first one: nothing is written twice.
    let again = restore(&other[0], &backups, &["--resume", &restored["restore"].to_string()]);
    assert_eq!((&again["written"], &again["done"]), (&json!(0), &json!(123)), "{again}");
    let newer = back_up(&other[0], &backups);
    let event = restored["restore"].to_string();
    let again = restore(&other[0], &backups, &["--resume", &event]);
    assert_eq!(
        (&again["name"], &again["done"]),
        (&taken["name"], &json!(123)),
        "it goes on with its own backup: {again}"
    );
    let newer = newer["name"].as_str().expect("a name");
    let refused = run(&["restore", path(&backups), "--resume", &event, "--name", newer, "--url", &other[0].uri()]);
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
    fs::remove_file(backups.join("manifests").join(newer)).expect("a backup is forgotten");
    let refused = run(&["restore", path(&backups), "--resume", "1", "--url", &other[0].uri()]);
    assert!(text(&refused.stderr).contains("those that did: "), "{}", text(&refused.stderr));
    let anew = restore(&other[0], &backups, &[]);
    assert_eq!((&anew["written"], &anew["kept"]), (&json!(0), &json!(123)), "{anew}");
    assert_eq!(export(&other[0]), before);
}

#[test]
fn a_restore_into_a_living_cluster_brings_back_what_was_deleted_and_spares_what_is_new() {
    let directory = temporary();
    let backups = directory.path().join("backups");
    let nodes = cluster(directory.path(), 3, &SMALL);
    fill(&nodes);
    back_up(&nodes[0], &backups);
    for i in 0..60 {
        put(&nodes[i % 3], json!({"type": "DELETE", "key": format!("k{i}")}));
    }
    put(&nodes[1], json!({"type": "PUT", "key": "k100", "value": "newer"}));
    let found = nodes[1].call(&json!({"type": "GET", "bucket": "carts", "key": "ann", "sort": "1"})).json();
    let context = &found["context"];
    put(&nodes[1], json!({"type": "DELETE", "bucket": "carts", "key": "ann", "sort": "1", "context": context}));

    let restored = restore(&nodes[2], &backups, &[]);
    assert_eq!((&restored["written"], &restored["kept"]), (&json!(61), &json!(62)), "{restored}");
    assert_eq!(restored["missing"], 0, "{restored}");
    assert_eq!((nodes[0].value("k7").as_deref(), nodes[0].value("k100").as_deref()), (Some("v7"), Some("newer")));
    assert_eq!(nodes[0].value("gone"), None, "what was deleted in the backup stays deleted");
    let cart = json!({"type": "GET", "bucket": "carts", "key": "ann", "sort": "1"});
    assert_eq!(nodes[0].call(&cart).json()["values"].as_array().map(Vec::len), Some(2), "siblings stay siblings");

    // What is deleted after the restore stays deleted, on all replicas.
    put(&nodes[0], json!({"type": "DELETE", "key": "k7"}));
    let over = restore(&nodes[1], &backups, &["--resume", &restored["restore"].to_string()]);
    assert_eq!(over["written"], 0, "{over}");
    assert_eq!(nodes[2].value("k7"), None);

    let over = restore(&nodes[1], &backups, &["--overwrite"]);
    assert_eq!(over["missing"], 0, "{over}");
    assert_eq!((nodes[0].value("k7").as_deref(), nodes[0].value("k100").as_deref()), (Some("v7"), Some("v100")));
    assert_eq!(over["different"], 0, "{over}");

    make_bucket(&nodes, "other", &["--rule", "siblings"]);
    let third = directory.path().join("third");
    back_up(&nodes[0], &third);
    let elsewhere = cluster(directory.path(), 1, &SMALL);
    make_bucket(&elsewhere, "other", &["--rule", "lww"]);
    let refused = run(&["restore", path(&third), "--url", &elsewhere[0].uri()]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(text(&refused.stderr).contains("bucket other has the rule lww here"), "{}", text(&refused.stderr));
}

#[test]
fn a_backup_holds_what_was_acknowledged_before_it_began_and_the_next_one_only_what_changed() {
    let directory = temporary();
    let backups = directory.path().join("backups");
    let nodes = cluster(directory.path(), 3, &SMALL);
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (before, taken) = std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0.. {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                put(&nodes[i % 3], json!({"type": "PUT", "key": format!("w{i}"), "value": "v"}));
                acknowledged.store(i + 1, Ordering::SeqCst);
            }
        });
        let _stopper = Stopper(&stop);
        eventually("some writes are acknowledged", || acknowledged.load(Ordering::SeqCst) >= 50);
        let before = acknowledged.load(Ordering::SeqCst);
        let taken = back_up(&nodes[1], &backups);
        (before, taken)
    });
    let other = cluster(directory.path(), 1, &SMALL);
    restore(&other[0], &backups, &[]);
    let restored = export(&other[0]);
    for i in 0..before {
        let line = format!("{{\"bucket\":\"default\",\"key\":\"w{i}\",\"value\":\"v\"}}");
        assert!(restored.contains(&line), "{line} was acknowledged before {taken} began");
    }

    let whole = back_up(&nodes[0], &backups);
    let quiet = files(&backups.join("parts"));
    let same = back_up(&nodes[2], &backups);
    assert_eq!((&same["writtenParts"], &same["writtenBytes"]), (&json!(0), &json!(0)), "{same}");
    assert_eq!(same["sameParts"], whole["partitions"]);
    assert_eq!(files(&backups.join("parts")), quiet, "a backup of the same content adds no part");
    put(&nodes[0], json!({"type": "PUT", "key": "w0", "value": "changed"}));
    let changed = back_up(&nodes[2], &backups);
    assert_eq!(changed["writtenParts"], 1, "{changed}");
    let now = files(&backups.join("parts"));
    assert_eq!((now.difference(&quiet).count(), quiet.difference(&now).count()), (1, 0));
    ok(&["backup", "verify", path(&backups)]);

    // The older ones can still be restored.
    let oldest = cluster(directory.path(), 1, &SMALL);
    restore(&oldest[0], &backups, &["--name", whole["name"].as_str().expect("a name")]);
    assert_eq!(oldest[0].value("w0").as_deref(), Some("v"));

    flip_a_byte(&nodes, &backups, &now, &quiet);
}

/// Damage is found, named by file, and stops a restore before it begins.
fn flip_a_byte(nodes: &[Process], backups: &Path, now: &BTreeSet<PathBuf>, quiet: &BTreeSet<PathBuf>) {
    let file = now.difference(quiet).next().expect("one part is new");
    let mut bytes = fs::read(file).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).expect("it can be written");
    let verify = run(&["backup", "verify", path(backups)]);
    assert_eq!(verify.status.code(), Some(1));
    assert!(text(&verify.stderr).contains(path(file)), "{}", text(&verify.stderr));
    let epoch = nodes[0].get("/v1/cluster").json()["epoch"].clone();
    let refused = run(&["restore", path(backups), "--url", &nodes[0].uri()]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stdout));
    assert_eq!(nodes[0].get("/v1/cluster").json()["epoch"], epoch, "nothing was begun");
}

#[test]
fn a_backup_that_is_killed_leaves_the_older_ones_as_they_are() {
    let directory = temporary();
    let backups = directory.path().join("backups");
    let nodes = cluster(directory.path(), 1, &[]);
    put(&nodes[0], json!({"type": "PUT", "key": "first", "value": "v"}));
    back_up(&nodes[0], &backups);
    let lines: String = (0..1_000).map(|i| format!("{{\"key\":\"k{i}\",\"value\":\"v\"}}\n")).collect();
    let file = directory.path().join("items");
    fs::write(&file, lines).expect("it can be written");
    ok(&["import", path(&file), "--url", &nodes[0].uri()]);

    let manifests = || files(&backups.join("manifests")).len();
    let unfinished = || files(&backups.join("unfinished")).len();
    let mut in_the_middle = false;
    for _ in 0..20 {
        let before = manifests();
        let child = alianza().args(["backup", path(&backups), "--url", &nodes[0].uri()]).stdout(Stdio::null()).spawn();
        let mut child = child.expect("the binary runs");
        eventually("it is writing, or done", || {
            unfinished() > 0 || manifests() > before || child.try_wait().is_ok_and(|ended| ended.is_some())
        });
        child.kill().expect("it can be killed");
        child.wait().expect("it has ended");
        let listed = ok_json(&["backup", "list", path(&backups)]);
        let listed = listed.as_array().expect("a list");
        assert!(listed.iter().all(|backup| backup["error"].is_null()), "{listed:?}");
        in_the_middle |= manifests() == before && unfinished() > 0;
        if in_the_middle {
            break;
        }
    }
    assert!(in_the_middle, "no backup was killed in the middle");
    ok(&["backup", "verify", path(&backups)]);
    let taken = back_up(&nodes[0], &backups);
    assert_eq!(taken["records"], 1_001);
    assert_eq!(unfinished(), 0, "what the killed one left behind is gone");
}

#[test]
fn partitions_that_cannot_be_read_at_a_quorum_make_it_fail_unless_they_may_be_left_out() {
    let directory = temporary();
    let backups = directory.path().join("backups");
    let mut nodes = cluster(directory.path(), 3, &["--partitions-bits", "2", "--n", "2", "--request-time", "300ms"]);
    for i in 0..40 {
        put(&nodes[0], json!({"type": "PUT", "key": format!("k{i}"), "value": "v"}));
    }
    // With two copies a quorum is both, so what has one of them on this node cannot be read, and the rest can.
    nodes[2].kill();
    let refused = run(&["backup", path(&backups), "--url", &nodes[0].uri()]);
    assert_eq!(refused.status.code(), Some(5), "{}", text(&refused.stdout));
    assert!(text(&refused.stderr).contains("cannot be read at a quorum"), "{}", text(&refused.stderr));
    assert_eq!(ok_json(&["backup", "list", path(&backups)]), json!([]));
    let partial = ok_json(&["backup", path(&backups), "--partial", "--url", &nodes[0].uri()]);
    let missing = partial["missing"].as_array().expect("a list").len();
    assert!((1..=4).contains(&missing), "{partial}");
    assert!(ok(&["backup", "list", path(&backups)]).contains("partial, without"));
    nodes[2].launch();
    let whole = back_up(&nodes[0], &backups);
    assert_eq!((&whole["missing"], &whole["records"]), (&json!([]), &json!(40)));
}

#[test]
fn an_export_is_imported_once_however_often_and_wrong_lines_are_named() {
    let directory = temporary();
    let file = directory.path().join("items.ndjson");
    let nodes = cluster(directory.path(), 3, &SMALL);
    fill(&nodes);
    ok(&["export", path(&file), "--url", &nodes[2].uri()]);
    assert!(!directory.path().join("items.ndjson.unfinished").exists());
    let lines = fs::read_to_string(&file).expect("it was written");
    assert_eq!(lines.lines().count(), 123);
    let imported = ok_json(&["import", path(&file), "--url", &nodes[0].uri()]);
    assert_eq!((&imported["written"], &imported["same"]), (&json!(0), &json!(123)), "{imported}");

    let other = cluster(directory.path(), 1, &SMALL);
    make_bucket(&other, "carts", &["--rule", "siblings"]);
    let imported = ok_json(&["import", path(&file), "--url", &other[0].uri()]);
    assert_eq!((&imported["written"], &imported["same"]), (&json!(123), &json!(0)), "{imported}");
    let imported = ok_json(&["import", path(&file), "--url", &other[0].uri()]);
    assert_eq!((&imported["written"], &imported["same"]), (&json!(0), &json!(123)), "{imported}");
    let expiring = |line: &&String| line.contains("\"later\"");
    let same: BTreeSet<String> = export(&nodes[0]).into_iter().filter(|line| !expiring(&line)).collect();
    assert_eq!(export(&other[0]).into_iter().filter(|line| !expiring(&line)).collect::<BTreeSet<_>>(), same);

    let wrong = "{\"key\":\"good\",\"value\":\"v\"}\n\n{\"key\":\"bad\"}\nnot json\n{\"bucket\":\"nowhere\",\"key\":\"k\",\"value\":\"v\"}";
    fs::write(&file, wrong).expect("it can be written");
    let output = run(&["import", path(&file), "--url", &other[0].uri()]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    for line in ["line 3: \"value\" is missing", "line 4: it is not JSON", "line 5: There is no bucket \"nowhere\""] {
        assert!(complaint.contains(line), "{complaint}");
    }
    assert_eq!(other[0].value("good").as_deref(), Some("v"));
}
