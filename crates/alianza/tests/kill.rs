//! `kill -9` under load: no acknowledged write is missing afterwards, and reads and writes go on at the other nodes.

mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Process, Stopper, cluster, eventually, temporary};

/// Writes numbered keys through `uri` until told to stop; returns those that were acknowledged.
fn write_until(stop: &AtomicBool, uri: &str, writer: usize, acknowledged: &Mutex<Vec<String>>, count: &AtomicUsize) {
    let agent = support::agent();
    for i in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("writer_{writer}_key_{i}");
        let body = serde_json::json!({"type": "PUT", "key": key, "value": key}).to_string();
        let answer = agent.post(format!("{uri}/")).send(body);
        if answer.is_ok_and(|answer| answer.status().as_u16() == 200) {
            acknowledged.lock().expect("no writer panics").push(key);
            count.fetch_add(1, Ordering::Relaxed);
        } else {
            std::thread::yield_now();
        }
    }
}

/// Runs writers against all nodes while `disturb` does its worst, then returns what was acknowledged.
fn under_load(nodes: &mut [Process], disturb: impl FnOnce(&mut [Process], &dyn Fn(usize))) -> Vec<String> {
    let stop = AtomicBool::new(false);
    let acknowledged = Mutex::new(Vec::new());
    let count = AtomicUsize::new(0);
    let uris: Vec<String> = nodes.iter().map(Process::uri).collect();
    std::thread::scope(|scope| {
        for (writer, uri) in uris.iter().enumerate().flat_map(|(i, uri)| [(2 * i, uri), (2 * i + 1, uri)]) {
            let (stop, acknowledged, count) = (&stop, &acknowledged, &count);
            scope.spawn(move || write_until(stop, uri, writer, acknowledged, count));
        }
        let wait_for = |more: usize| {
            let target = count.load(Ordering::Relaxed) + more;
            eventually("more writes are acknowledged", || count.load(Ordering::Relaxed) >= target);
        };
        let _stopper = Stopper(&stop);
        disturb(nodes, &wait_for);
    });
    acknowledged.into_inner().expect("no writer panicked")
}

fn assert_all_there(nodes: &[Process], keys: &[String]) {
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(nodes[i % nodes.len()].value(key).as_ref(), Some(key));
    }
}

#[test]
fn one_node_after_the_other_is_killed_and_nothing_acknowledged_is_lost() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let keys = under_load(&mut nodes, |nodes, wait_for| {
        wait_for(30);
        for i in [1, 2, 0, 1] {
            nodes[i].kill();
            // The other two go on acknowledging.
            wait_for(30);
            nodes[i].launch();
            wait_for(30);
        }
    });
    nodes.iter().for_each(|node| node.wait_settled(3));
    assert_all_there(&nodes, &keys);
}

#[test]
fn all_nodes_are_killed_at_once_and_nothing_acknowledged_is_lost() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let keys = under_load(&mut nodes, |nodes, wait_for| {
        for _ in 0..3 {
            wait_for(60);
            nodes.iter_mut().for_each(Process::kill);
            nodes.iter_mut().for_each(Process::launch);
        }
    });
    nodes.iter().for_each(|node| node.wait_settled(3));
    assert_all_there(&nodes, &keys);
}

#[test]
fn a_node_joins_and_leaves_under_load() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let seed = nodes[0].uri();
    let keys = under_load(&mut nodes, |nodes, wait_for| {
        wait_for(60);
        let mut fourth = Process::start(directory.path(), &["--seeds", &seed]);
        fourth.wait_settled(4);
        wait_for(30);
        let answer = fourth.post("/shutdown", "");
        assert!((200..300).contains(&answer.status), "{answer:?}");
        assert!(fourth.wait_for_end().success());
        nodes[0].wait_settled(3);
        wait_for(30);
    });
    assert_all_there(&nodes, &keys);
}
