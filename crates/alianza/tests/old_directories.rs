//! Data directories that are older than what the cluster knows of their node, and copies that run beside it: the process
//! ends with a sentence, and the way out that it names works.

mod support;

use serde_json::json;
use std::fs;
use std::path::Path;
use support::{Process, cluster, eventually, temporary};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it can be read").map(|entry| entry.expect("it can be read")) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).expect("it can be copied");
        }
    }
}

fn name_of(node: &Process) -> String {
    let status = node.get("/v1/cluster").json();
    let members = status["members"].as_array().expect("members are a list").clone();
    let own = members.iter().find(|member| member["uri"] == json!(node.uri())).expect("the node is a member");
    own["name"].as_str().expect("a name is text").to_owned()
}

fn put_all(node: &Process, keys: &[String]) {
    keys.iter().for_each(|key| assert_eq!(node.put(key, key).status, 200, "{key}"));
}

fn keys(of: &str) -> Vec<String> {
    (0..20).map(|i| format!("{of} {i}")).collect()
}

#[test]
fn an_old_data_directory_is_refused_and_the_node_replaced() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let name = name_of(&nodes[2]);
    put_all(&nodes[0], &keys("before"));
    nodes[2].kill();
    let old = directory.path().join("copy");
    copy(&nodes[2].directory, &old);
    nodes[2].launch();
    put_all(&nodes[2], &keys("after"));
    nodes[2].kill();

    fs::remove_dir_all(&nodes[2].directory).expect("it can be removed");
    copy(&old, &nodes[2].directory);
    nodes[2].spawn();
    assert_eq!(nodes[2].wait_for_end().code(), Some(4), "a conflict");
    let log = nodes[2].log();
    let sentence = format!("this data directory is not the newest of {name}");
    assert!(log.contains(&sentence) && log.contains(&format!("--replace {name}")), "{log}");

    let seed = nodes[0].uri();
    let mut new = Process::prepare(directory.path(), &["--seeds", &seed, "--replace", &name]);
    new.launch();
    new.wait_settled(3);
    for key in [keys("before"), keys("after")].concat() {
        assert_eq!(new.value(&key).as_ref(), Some(&key));
    }
    eventually("the new node holds everything itself", || new.own_keys().len() == 40);
    // The old directory is now of a node that was put out.
    nodes[2].spawn();
    assert_eq!(nodes[2].wait_for_end().code(), Some(4));
    assert!(nodes[2].log().contains("was replaced by"), "{}", nodes[2].log());
}

/// The copy is of the life that runs, and may have its last pulse; what it lacks are batches.
#[test]
fn a_directory_copied_a_moment_before_is_refused() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    put_all(&nodes[0], &keys("before"));
    let old = directory.path().join("copy");
    nodes[2].signal("-STOP");
    copy(&nodes[2].directory, &old);
    nodes[2].signal("-CONT");
    put_all(&nodes[0], &keys("after"));
    nodes[2].kill();
    fs::remove_dir_all(&nodes[2].directory).expect("it can be removed");
    copy(&old, &nodes[2].directory);
    nodes[2].spawn();
    assert_eq!(nodes[2].wait_for_end().code(), Some(4), "a conflict");
    assert!(nodes[2].log().contains("this data directory is not the newest of"), "{}", nodes[2].log());
}

#[test]
fn a_copy_that_runs_beside_its_node_ends() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let name = name_of(&nodes[2]);
    nodes[2].kill();
    let mut twin = Process::prepare(directory.path(), &[]);
    copy(&nodes[2].directory, &twin.directory);
    nodes[2].launch();
    put_all(&nodes[2], &keys("beside"));
    twin.spawn();
    assert_eq!(twin.wait_for_end().code(), Some(4), "a conflict");
    assert!(twin.log().contains(&format!("this data directory is not the newest of {name}")), "{}", twin.log());
    put_all(&nodes[2], &keys("later"));
    assert_eq!(nodes[1].value("later 3").as_deref(), Some("later 3"));
}
