//! API tokens with real processes: made once, good everywhere, gone everywhere when revoked.

mod support;

use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use support::{Process, ask, cluster, eventually, free_port, run, temporary, text, try_start};

/// Makes a token at a node that is shown `admin`.
fn create(node: &Process, admin: &str, name: &str, scope: &str) -> String {
    let output = ask(node, admin, &["token", "create", "--name", name, "--scope", scope]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn the_first_token_closes_every_node_and_revoking_reaches_all() {
    let directory = temporary();
    let mut nodes = cluster(directory.path(), 3, &[]);
    assert_eq!(nodes[0].put("k", "v").status, 200);
    let refused = ask(&nodes[0], "", &["token", "create", "--name", "app", "--scope", "read"]);
    assert_eq!(code(&refused), Some(4), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("first token"), "{}", text(&refused.stderr));
    let admin = create(&nodes[1], "", "root", "admin");
    let closed = |node: &Process| node.get("/v1/cluster").status == 401;
    nodes.iter().for_each(|node| eventually("nobody gets in without a token", || closed(node)));
    let denied = ask(&nodes[0], "", &["get", "k"]);
    assert_eq!(code(&denied), Some(6), "{}", text(&denied.stderr));

    let app = create(&nodes[0], &admin, "app", "read:default");
    for node in &nodes {
        eventually("the token is known everywhere", || code(&ask(node, &app, &["get", "k"])) == Some(0));
        assert_eq!(code(&ask(node, &app, &["put", "k", "w"])), Some(6));
        assert_eq!(code(&ask(node, &app, &["token", "list"])), Some(6));
    }
    let file = directory.path().join("token");
    std::fs::write(&file, &admin).unwrap();
    let list = ask(&nodes[2], "", &["token", "list", "--token-file", file.to_str().unwrap()]);
    let listed = text(&list.stdout);
    assert!(listed.contains("root") && listed.contains("read:default"), "{listed}{}", text(&list.stderr));
    let secret = app.rsplit('_').next().unwrap();
    assert!(!listed.contains(secret) && !ask_history(&nodes[0], &admin).contains(secret));

    assert_eq!(code(&ask(&nodes[2], &admin, &["token", "revoke", "app"])), Some(0));
    for node in &nodes {
        eventually("the token is worth nothing anywhere", || code(&ask(node, &app, &["get", "k"])) == Some(6));
    }
    let last = ask(&nodes[0], &admin, &["token", "revoke", "root"]);
    assert_eq!(code(&last), Some(4), "{}", text(&last.stderr));
    nodes.iter_mut().for_each(Process::kill);
    nodes.iter_mut().for_each(Process::launch);
    assert!(nodes.iter().all(closed), "tokens are durable");
    eventually("the data is there", || code(&ask(&nodes[0], &admin, &["get", "k"])) == Some(0));
}

/// The membership history, as it is shown.
fn ask_history(node: &Process, token: &str) -> String {
    text(&ask(node, token, &["events", "--json"]).stdout)
}

/// An authority, a certificate and a token in `dir`, and the flags that name them.
fn secrets(dir: &Path) -> Vec<String> {
    let at = |name: &str| dir.join(name).to_str().expect("a path in UTF-8").to_owned();
    let hosts = ["--host", "127.0.0.1"];
    for arguments in [&["cert", "ca", &at("")][..], &[&["cert", "node", &at("")][..], &hosts].concat()] {
        let output = run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let output = run(&["token", "bootstrap", &at("admin.token")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let flags = [("--tls-cert", "node.pem"), ("--tls-key", "node.key"), ("--tls-ca", "ca.pem")];
    let flags = flags.into_iter().chain([("--admin-token-file", "admin.token")]);
    flags.flat_map(|(flag, file)| [flag.to_owned(), at(file)]).collect()
}

#[test]
fn a_node_that_others_reach_needs_tls_and_a_token() {
    let directory = temporary();
    let secrets = secrets(directory.path());
    let start = |more: &[&str]| {
        let open = ["--listen", "0.0.0.0", "--advertise", "http://127.0.0.1:0"];
        let output = try_start(&directory.path().join("data"), &[&open[..], more].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    assert!(start(&[]).contains("without TLS"));
    let flags: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let without_token = start(&flags[..6]);
    assert!(without_token.contains("nobody would need a token"), "{without_token}");
    let newcomer = start(&[&flags[..6], &["--seeds", "https://127.0.0.1:1"]].concat());
    assert!(newcomer.contains("nobody would need a token"), "it is no member of anything yet: {newcomer}");
    assert!(!directory.path().join("data").join("FORMAT").exists() || without_token.contains("token"));
    let redis = format!("0.0.0.0:{}", free_port());
    let redis_alone = try_start(&directory.path().join("other"), &[&["--redis", &redis], &flags[..6]].concat());
    assert_eq!(redis_alone.status.code(), Some(2), "{}", text(&redis_alone.stderr));
    assert!(text(&redis_alone.stderr).contains(&redis), "{}", text(&redis_alone.stderr));
    let token = directory.path().join("admin.token");
    std::fs::set_permissions(&token, PermissionsExt::from_mode(0o660)).unwrap();
    let writable = start(&flags);
    assert!(writable.contains("can be written by others"), "{writable}");
    std::fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).unwrap();
    let open = ["--listen", "0.0.0.0", "--advertise", "https://127.0.0.1:0"];
    let node = Process::start(directory.path(), &[&flags[..], &open].concat());
    assert_eq!(node.get("/v1/cluster").status, 401);
}

#[test]
fn three_nodes_with_tls_and_tokens_on_every_interface() {
    let directory = temporary();
    let dir = directory.path();
    let flags = secrets(dir);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let admin = std::fs::read_to_string(dir.join("admin.token")).expect("it was written").trim().to_owned();
    let mut first = Process::start(dir, &flags);
    first.token = Some(admin.clone());
    let (seed, redis) = (first.uri(), format!("127.0.0.1:{}", free_port()));
    let mut nodes = vec![first];
    for more in [&["--seeds", &seed][..], &["--seeds", &seed, "--redis", &redis]] {
        let mut node = Process::start(dir, &[&flags[..], more].concat());
        node.token = Some(admin.clone());
        nodes.push(node);
    }
    nodes.iter().for_each(|node| node.wait_settled(3));
    assert_eq!(nodes[1].put("k", "v").status, 200);
    let ca = dir.join("ca.pem");
    let command = |token: &str, arguments: &[&str]| {
        let ca = ca.to_str().expect("a path in UTF-8");
        ask(&nodes[2], token, &[arguments, &["--ca", ca]].concat())
    };
    let root = command(&admin, &["token", "create", "--name", "root", "--scope", "admin"]);
    assert!(root.status.success(), "{}", text(&root.stderr));
    let made = command(&admin, &["token", "create", "--name", "app", "--scope", "read:default"]);
    let app = text(&made.stdout).trim().to_owned();
    assert!(app.starts_with("alianza_"), "{}", text(&made.stderr));
    let writer = command(&admin, &["token", "create", "--name", "writer", "--scope", "read:default,write:default"]);
    nodes[2].token = None;
    for path in
        ["/v1/cluster", "/v1/ring", "/v1/stats", "/metrics", "/v1/events", "/v1/buckets/default/items/k", "/v1/history"]
    {
        assert_eq!(nodes[2].get(path).status, 401, "{path}");
    }
    let get = json!({"type": "GET", "key": "k"}).to_string();
    for path in
        ["/", "/v1/batch", "/rpc", "/console/sql", "/shutdown", "/v1/backup/page", "/v1/tokens", "/v1/cluster/apply"]
    {
        assert_eq!(nodes[2].post(path, &get).status, 401, "{path}");
    }
    nodes[2].token = Some(app.clone());
    assert_eq!(nodes[2].value("k").as_deref(), Some("v"));
    assert_eq!(nodes[2].put("k", "w").status, 403);
    assert_eq!(nodes[2].post("/shutdown", "").status, 403);
    assert_eq!(nodes[2].get("/v1/cluster").status, 200);
    let name = nodes[0].get("/readyz").json()["name"].as_str().expect("a name").replace(' ', "%20");
    assert_eq!(nodes[2].get(&format!("/v1/stats?node={name}")).status, 200, "a node asks another one");
    redis_cli(&redis, &ca, (&app, text(&writer.stdout).trim()));
}

/// As far as redis-cli is there.
fn redis_cli(address: &str, ca: &Path, (token, writer): (&str, &str)) {
    let (host, port) = address.split_once(':').expect("host:port");
    let ask = |login: &[&str], arguments: &[&str]| {
        let mut command = Command::new("redis-cli");
        command
            .args(["-h", host, "-p", port, "--no-auth-warning", "--tls", "--cacert"])
            .arg(ca)
            .args(login)
            .args(arguments);
        command.output().ok().map(|output| text(&output.stdout).trim().to_owned() + text(&output.stderr).trim())
    };
    let Some(nothing) = ask(&[], &["get", "k"]) else { return };
    assert!(nothing.contains("NOAUTH"), "{nothing}");
    let wrong = ask(&["-a", "alianza_0_0"], &["get", "k"]).expect("it is there");
    assert!(wrong.contains("WRONGPASS") || wrong.contains("NOAUTH"), "{wrong}");
    assert_eq!(ask(&["-a", token], &["get", "k"]).as_deref(), Some("v"));
    assert_eq!(ask(&["--user", "app", "-a", token], &["get", "k"]).as_deref(), Some("v"));
    let write = ask(&["-a", token], &["set", "k", "w"]).expect("it is there");
    assert!(write.contains("NOPERM"), "{write}");
    assert_eq!(ask(&["-a", writer], &["append", "k", "w"]).as_deref(), Some("2"), "an edit is a write");
}
