//! What a person gets wrong when starting a node: one clear sentence, the right exit code, nothing lost.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use support::{Process, cluster, complaint, eventually, free_port, temporary, try_start};

#[test]
fn an_unreachable_seed_is_named() {
    let directory = temporary();
    let seed = format!("http://127.0.0.1:{}", free_port());
    let output = try_start(&directory.path().join("data"), &["--seeds", &seed, "--join-patience", "1s"]);
    assert_eq!(output.status.code(), Some(5), "unavailable");
    assert!(complaint(&output).contains(&seed), "{}", complaint(&output));
}

#[test]
fn a_data_directory_of_another_version_is_refused_and_left_alone() {
    let directory = temporary();
    let mut node = Process::start(directory.path(), &[]);
    assert_eq!(node.put("k", "v").status, 200);
    node.kill();
    let format = node.directory.join("FORMAT");
    let before = fs::read(&format).expect("the format file is there");
    fs::write(&format, "alianza data 99\n").expect("it can be written");
    let output = try_start(&node.directory, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("format"), "{}", complaint(&output));
    fs::write(&format, before).expect("it can be written");
    node.launch();
    assert_eq!(node.value("k").as_deref(), Some("v"));
}

#[test]
fn a_directory_with_something_else_in_it_is_refused() {
    let directory = temporary();
    fs::write(directory.path().join("holiday.txt"), "photos").expect("it can be written");
    let output = try_start(directory.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("data directory"), "{}", complaint(&output));
    assert_eq!(fs::read_dir(directory.path()).expect("it can be read").count(), 1);
}

#[test]
fn a_data_directory_in_use_is_refused() {
    let directory = temporary();
    let node = Process::start(directory.path(), &[]);
    let output = try_start(&node.directory, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("another process"), "{}", complaint(&output));
    assert_eq!(node.put("k", "v").status, 200);
}

#[test]
fn nodes_of_two_clusters_refuse_each_other() {
    let directory = temporary();
    let mut ours = cluster(directory.path(), 2, &[]);
    let mut other = Process::start(directory.path(), &[]);
    // A node of another cluster takes over the address of one of ours.
    let port = ours[1].port;
    ours[1].kill();
    other.kill();
    other.port = port;
    other.launch();
    eventually("the refusal is logged", || {
        ours[0].log().contains("refused this node: the called node belongs to cluster")
    });
    assert_eq!(ours[0].put("k", "v").status, 503, "a quorum of two cannot be had");
    assert_eq!(other.value("k"), None);
    other.kill();
    ours[1].launch();
    eventually("our own node is welcome", || ours[0].put("k", "v").status == 200);
}

#[test]
fn a_taken_name_and_a_taken_token_are_refused() {
    let directory = temporary();
    let token = format!("8{}", "0".repeat(39));
    let first = Process::start(directory.path(), &["--name", "Ted", "--token", &token]);
    let seed = first.uri();
    for (arguments, word) in [(["--name", "Ted"], "Ted"), (["--token", token.as_str()], "Ted")] {
        let data = directory.path().join("second");
        let output = try_start(&data, &[&["--seeds", seed.as_str()], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(4), "a conflict: {arguments:?}");
        assert!(complaint(&output).contains(word), "{}", complaint(&output));
    }
    assert_eq!(first.events().len(), 1);
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let directory = temporary();
    let mount = directory.path().join("small");
    fs::create_dir(&mount).expect("it can be made");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(&mount).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED a_full_disk_refuses_writes_and_loses_nothing: this machine does not let us mount a tmpfs");
        return;
    }
    let _unmount = Unmount(&mount);
    let mut node = Process::start(&mount, &["--journal", "64MiB"]);
    let value = "x".repeat(100_000);
    let mut written = 0;
    let refusal = loop {
        match node
            .try_post("/", serde_json::json!({"type": "PUT", "key": format!("k{written}"), "value": value}).to_string())
        {
            Some(answer) if answer.status == 200 => written += 1,
            refusal => break refusal,
        }
        assert!(written < 1_000, "24 MiB took {written} values of 100 kB");
    };
    // Either the node says it is full, or its disk failed in the middle of an fsync and it stopped with a sentence.
    match refusal {
        Some(answer) => assert_eq!(answer.status, 507, "{answer:?}"),
        None => assert!(node.log().contains("no space is left"), "{}", node.log()),
    }
    node.kill();
    let resized = Command::new("mount").args(["-o", "remount,size=128m"]).arg(&mount).status();
    assert!(resized.is_ok_and(|status| status.success()), "the tmpfs can be made larger");
    node.launch();
    for i in 0..written {
        assert_eq!(node.value(&format!("k{i}")).as_ref(), Some(&value), "k{i} of {written}");
    }
    assert_eq!(node.put("after", "v").status, 200);
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}
