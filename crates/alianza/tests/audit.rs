//! The audit log with real processes: what was done through which node, also over a crash, and what somebody changes in it.

mod support;

use serde_json::Value;
use std::process::Output;
use support::{ask, cluster, eventually, temporary, text};

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn has(lines: &[Value], what: &str, state: &str) -> bool {
    lines.iter().any(|line| line["what"] == what && line["state"] == state)
}

#[test]
fn what_was_done_through_each_node_is_told_and_a_changed_log_is_noticed() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    let made = ask(&nodes[0], "", &["token", "create", "--name", "root", "--scope", "admin"]);
    let admin = text(&made.stdout).trim().to_owned();
    for node in &nodes {
        eventually("the token is known", || ask(node, &admin, &["token", "list"]).status.success());
    }
    assert!(ask(&nodes[1], &admin, &["bucket", "set", "carts", "--n", "3"]).status.success());
    let wrong = format!("{}x", &admin[..admin.len() - 1]);
    assert_eq!(ask(&nodes[1], &wrong, &["get", "k"]).status.code(), Some(6));
    nodes[1].kill();
    nodes[1].launch();
    let all = || ask(&nodes[0], &admin, &["audit", "--node", "all", "--json"]);
    eventually("all nodes tell", || all().status.success());
    let told = lines(&all());
    // The second and the third came in through a node that runs.
    assert!(has(&told, "cluster.join", "done") && has(&told, "token.create", "done"), "{told:?}");
    let second = ask(&nodes[1], &admin, &["audit", "--json"]);
    assert!(second.status.success(), "{}", text(&second.stderr));
    let second = lines(&second);
    assert!(has(&second, "bucket.set", "begun") && has(&second, "bucket.set", "done"), "{second:?}");
    assert!(has(&second, "login", "refused"), "{second:?}");
    assert_eq!(second.iter().filter(|line| line["what"] == "process.start").count(), 2);
    let by = &second.iter().find(|line| line["what"] == "bucket.set").expect("a line")["by"];
    assert_eq!((&by["name"], &by["via"]), (&"root".into(), &"http".into()));
    assert!(by["from"].as_str().is_some_and(|from| from.starts_with("127.0.0.1:")), "{by}");
    assert!(!text(&all().stdout).contains(admin.rsplit('_').next().expect("a secret")));

    let folder = nodes[1].directory.join("audit");
    let file = std::fs::read_dir(folder).expect("a folder").next().expect("a file").expect("a file").path();
    let whole = std::fs::read_to_string(&file).expect("text");
    std::fs::write(&file, whole.replacen("carts", "shops", 1)).expect("written");
    let changed = ask(&nodes[1], &admin, &["audit"]);
    assert_eq!(changed.status.code(), Some(1), "{}", text(&changed.stdout));
    assert!(text(&changed.stderr).contains("does not follow"), "{}", text(&changed.stderr));
    let nobody = ask(&nodes[1], &admin, &["audit", "--node", "Nobody"]);
    assert_eq!(nobody.status.code(), Some(3), "{}", text(&nobody.stderr));
}
