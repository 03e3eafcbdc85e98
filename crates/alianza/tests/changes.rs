//! Watching for changes at real nodes: whatever is acknowledged meanwhile is told, or a gap is.

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Process, Stopper, agent, cluster, eventually, temporary};

/// One event of a stream.
#[derive(Clone, Debug)]
struct Event {
    id: String,
    kind: String,
    data: Value,
}

/// The events of a stream, until its connection ends. Signs of life are events without a kind.
fn events(uri: &str, query: &str, from: Option<&str>) -> Option<impl Iterator<Item = Event> + use<>> {
    let mut request = agent().get(format!("{uri}/v1/buckets/default/changes?{query}"));
    if let Some(id) = from {
        request = request.header("last-event-id", id);
    }
    let answer = request.call().ok().filter(|answer| answer.status() == 200)?;
    let lines = BufReader::new(answer.into_body().into_reader()).lines().map_while(Result::ok);
    let mut event = Event { id: String::new(), kind: String::new(), data: Value::Null };
    Some(lines.filter_map(move |line| {
        match line.split_once(": ") {
            Some(("id", id)) => event.id = id.to_owned(),
            Some(("event", kind)) => event.kind = kind.to_owned(),
            Some(("data", data)) => event.data = serde_json::from_str(data).expect("data is JSON"),
            _ if line.is_empty() && !event.id.is_empty() => {
                let whole = event.clone();
                (event.kind, event.data) = (String::new(), Value::Null);
                return Some(whole);
            }
            _ => {}
        }
        None
    }))
}

fn key(event: &Event) -> Option<String> {
    event.data["key"].as_str().map(str::to_owned)
}

#[test]
fn changes_are_told_as_they_are_made_and_gone_on_with() {
    let directory = temporary();
    let nodes = cluster(directory.path(), 3, &[]);
    let mut all = events(&nodes[0].uri(), "", None).expect("a stream");
    let mut some = events(&nodes[1].uri(), "prefix=user:", None).expect("a stream");
    let mut one = events(&nodes[2].uri(), "key=user:1", None).expect("a stream");
    for stream in [&mut all as &mut dyn Iterator<Item = Event>, &mut some, &mut one] {
        assert_eq!(stream.next().map(|event| event.kind).as_deref(), Some("ready"));
    }
    for (at, written) in ["user:1", "other", "user:2"].into_iter().enumerate() {
        assert_eq!(nodes[at].put(written, "v").status, 200);
    }
    let keys = |stream: &mut dyn Iterator<Item = Event>, count: usize| -> BTreeSet<String> {
        stream.filter(|event| event.kind == "change").take(count).filter_map(|event| key(&event)).collect()
    };
    assert_eq!(keys(&mut all, 3), BTreeSet::from(["other", "user:1", "user:2"].map(str::to_owned)));
    assert_eq!(keys(&mut some, 2), BTreeSet::from(["user:1", "user:2"].map(str::to_owned)));
    let first = one.next().expect("a change");
    assert_eq!(
        (first.kind.as_str(), key(&first).as_deref(), &first.data["gone"]),
        ("change", Some("user:1"), &Value::Null)
    );
    // The client goes, and comes back: to the same node, and to another one.
    drop(one);
    let delete = serde_json::json!({"type": "DELETE", "key": "user:1"});
    assert_eq!(nodes[0].call(&delete).status, 200);
    for at in [2, 0] {
        let mut again = events(&nodes[at].uri(), "key=user:1", Some(&first.id)).expect("a stream");
        let first = again.next().expect("a word");
        assert_eq!(first.kind, "resumed", "node {at}: {first:?}");
        let gone = again.find(|event| event.kind == "change").expect("what was missed");
        assert_eq!((key(&gone).as_deref(), &gone.data["gone"]), (Some("user:1"), &Value::Bool(true)));
    }
    let refused = agent().get(format!("{}/v1/buckets/default/changes?from=x", nodes[0].uri())).call();
    assert_eq!(refused.expect("an answer").status(), 400);
    let unknown = agent().get(format!("{}/v1/buckets/nothing/changes", nodes[0].uri())).call();
    assert_eq!(unknown.expect("an answer").status(), 404);
}

/// What somebody knows who watches, and reads everything again after a gap.
#[derive(Default)]
struct Known {
    keys: Mutex<BTreeSet<String>>,
    gaps: AtomicUsize,
    resumed: AtomicUsize,
    ready: AtomicBool,
    stop: AtomicBool,
}

impl Known {
    fn holds(&self, keys: &[String]) -> bool {
        let known = self.keys.lock().expect("nobody panics");
        keys.iter().all(|key| known.contains(key))
    }

    fn watch(&self, uris: &[String]) {
        let mut last: Option<String> = None;
        for uri in uris.iter().cycle() {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let Some(stream) = events(uri, "prefix=writer", last.as_deref()) else { continue };
            for event in stream {
                last = Some(event.id.clone());
                match event.kind.as_str() {
                    "change" => self.keys.lock().expect("nobody panics").extend(key(&event)),
                    "ready" => self.ready.store(true, Ordering::Relaxed),
                    "resumed" => drop(self.resumed.fetch_add(1, Ordering::Relaxed)),
                    "gap" => {
                        self.gaps.fetch_add(1, Ordering::Relaxed);
                        eventually("everything is read again", || uris.iter().any(|uri| self.read_all(uri)));
                    }
                    _ => {}
                }
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }

    /// Reads all keys; false if that cannot be done through this node now.
    fn read_all(&self, uri: &str) -> bool {
        let Ok(answer) = agent().get(format!("{uri}/v1/buckets/default/items")).call() else { return false };
        let Ok(text) = answer.into_body().read_to_string() else { return false };
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let keys = lines.iter().filter_map(|line| line["key"].as_str().map(str::to_owned));
        self.keys.lock().expect("nobody panics").extend(keys);
        lines.last().is_some_and(|line| line["end"] == Value::Bool(true))
    }
}

#[test]
fn nothing_acknowledged_is_missed_in_silence_while_nodes_die_and_join() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &["--n", "3"]);
    let uris: Vec<String> = nodes.iter().map(Process::uri).collect();
    let watchers: Vec<Known> = (0..3).map(|_| Known::default()).collect();
    let (written, count, stop) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _stoppers: Vec<Stopper<'_>> = watchers.iter().map(|known| Stopper(&known.stop)).collect();
        let stopper = Stopper(&stop);
        for (at, known) in watchers.iter().enumerate() {
            let mut uris = uris.clone();
            uris.rotate_left(at);
            scope.spawn(move || known.watch(&uris));
        }
        eventually("all watch", || watchers.iter().all(|known| known.ready.load(Ordering::Relaxed)));
        for (writer, uri) in uris.iter().enumerate() {
            let (written, count, stop) = (&written, &count, &stop);
            scope.spawn(move || {
                let agent = agent();
                for i in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let key = format!("writer_{writer}_{i}");
                    let body = serde_json::json!({"type": "PUT", "key": key, "value": "v"}).to_string();
                    match agent.post(format!("{uri}/")).send(body) {
                        Ok(answer) if answer.status() == 200 => {
                            written.lock().expect("nobody panics").push(key);
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        _ => std::thread::yield_now(),
                    }
                }
            });
        }
        let more = |more: usize| {
            let target = count.load(Ordering::Relaxed) + more;
            eventually("more is written", || count.load(Ordering::Relaxed) >= target);
        };
        more(50);
        nodes[1].kill();
        more(50);
        nodes[1].launch();
        more(50);
        let fourth = Process::start(directory.path(), &["--seeds", &uris[0]]);
        fourth.wait_settled(4);
        more(50);
        drop(stopper);
        let all = || written.lock().expect("nobody panics").clone();
        eventually("everybody knows everything", || watchers.iter().all(|known| known.holds(&all())));
        // A last change wakes those who wait for one.
        watchers.iter().for_each(|known| known.stop.store(true, Ordering::Relaxed));
        nodes.iter().for_each(|node| drop(node.put("writer_last", "v")));
    });
    for (at, known) in watchers.iter().enumerate() {
        let gaps = known.gaps.load(Ordering::Relaxed);
        assert!(gaps >= 1, "the ring has changed under watcher {at}");
        assert!(gaps < 50, "watcher {at} was told of {gaps} gaps");
    }
}
