//! TLS with real processes: clients and peers, strangers, and certificates that change while the node is busy.

mod support;

use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Process, Stopper, alianza, cluster, complaint, eventually, free_port, run, temporary, text, try_start};

/// Makes an authority and a certificate in `dir`, and gives the flags that name them.
fn certificates(dir: &Path) -> Vec<String> {
    let at = dir.to_str().expect("a path in UTF-8");
    for arguments in [&["cert", "ca", at][..], &["cert", "node", at, "--host", "127.0.0.1"]] {
        let output = run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let flag = |name: &str, file: &str| [format!("--tls-{name}"), dir.join(file).to_str().expect("UTF-8").to_owned()];
    [flag("cert", "node.pem"), flag("key", "node.key"), flag("ca", "ca.pem")].concat()
}

fn refs(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

#[test]
fn three_nodes_talk_to_each_other_and_to_clients_with_tls_only() {
    let directory = temporary();
    let tls = directory.path().join("tls");
    let redis = format!("127.0.0.1:{}", free_port());
    let flags = certificates(&tls);
    let mut nodes = cluster(directory.path(), 2, &refs(&flags));
    let seed = nodes[0].uri();
    nodes.push(Process::start(directory.path(), &[&refs(&flags)[..], &["--seeds", &seed, "--redis", &redis]].concat()));
    nodes.iter().for_each(|node| node.wait_settled(3));
    assert_eq!(nodes[0].put("k", "v").status, 200);
    assert_eq!(nodes[2].value("k").as_deref(), Some("v"));
    let names: Vec<String> =
        nodes.iter().map(|node| node.get("/readyz").json()["name"].as_str().unwrap().to_owned()).collect();
    let elsewhere = nodes[0].get(&format!("/v1/stats?node={}", names[1].replace(' ', "%20")));
    assert_eq!(elsewhere.json()["node"], names[1].as_str(), "{elsewhere:?}");

    let ca = tls.join("ca.pem");
    let ask =
        |more: &[&str]| alianza().args(["get", "k", "--url", &seed]).args(more).output().expect("the binary runs");
    let trusted = ask(&["--ca", ca.to_str().unwrap()]);
    assert_eq!((trusted.status.code(), text(&trusted.stdout).trim()), (Some(0), "v"), "{}", text(&trusted.stderr));
    let untrusted = ask(&[]);
    assert_eq!(untrusted.status.code(), Some(5));
    assert!(text(&untrusted.stderr).contains("--ca"), "{}", text(&untrusted.stderr));

    let mut plain = TcpStream::connect(("127.0.0.1", nodes[0].port)).unwrap();
    plain.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut told = String::new();
    plain.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 400") && told.contains("https://"), "{told}");

    let mut plain = TcpStream::connect(&redis).unwrap();
    plain.write_all(b"PING\r\n").unwrap();
    let mut told = String::new();
    plain.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("-ERR") && told.contains("rediss://"), "{told}");
    redis_cli(&redis, &ca);
}

/// As far as redis-cli is there.
fn redis_cli(address: &str, ca: &Path) {
    let (host, port) = address.split_once(':').expect("host:port");
    let ask = |arguments: &[&str]| {
        Command::new("redis-cli")
            .args(["-h", host, "-p", port, "--tls", "--cacert"])
            .arg(ca)
            .args(arguments)
            .output()
            .ok()
    };
    let Some(set) = ask(&["set", "r", "x"]) else { return };
    assert_eq!(text(&set.stdout).trim(), "OK", "{}", text(&set.stderr));
    let large = "y".repeat(300_000);
    assert_eq!(ask(&["set", "large", &large[..100_000]]).map(|output| text(&output.stdout)).as_deref(), Some("OK\n"));
    assert_eq!(ask(&["get", "r"]).map(|output| text(&output.stdout)).as_deref(), Some("x\n"));
    assert_eq!(ask(&["strlen", "large"]).map(|output| text(&output.stdout)).as_deref(), Some("100000\n"));
    assert_eq!(ask(&["get", "large"]).map(|output| output.stdout.len()), Some(100_001));
}

#[test]
fn a_node_with_a_certificate_of_another_authority_does_not_come_in() {
    let directory = temporary();
    let flags = certificates(&directory.path().join("ours"));
    let node = Process::start(directory.path(), &refs(&flags));
    let foreign = certificates(&directory.path().join("theirs"));
    let plain: Vec<String> = Vec::new();
    for (flags, sentence) in [(foreign, "certificate"), (plain, "tls-cert")] {
        let data = directory.path().join("stranger");
        let uri = node.uri();
        let output = try_start(&data, &[&["--seeds", &uri, "--join-patience", "1s"], &refs(&flags)[..]].concat());
        assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
        assert!(complaint(&output).contains(sentence), "{}", complaint(&output));
    }
    assert!(node.log().contains("closed a connection from 127.0.0.1"), "{}", node.log());
    assert_eq!(node.get("/v1/cluster").json()["members"].as_array().unwrap().len(), 1);
}

#[test]
fn certificates_change_while_clients_write() {
    let directory = temporary();
    let tls = directory.path().join("tls");
    let flags = certificates(&tls);
    let nodes = cluster(directory.path(), 2, &refs(&flags));
    let reload = |node: &Process| {
        let pid = Pid::from_raw(node.id() as i32).unwrap();
        kill_process(pid, Signal::HUP).unwrap();
    };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0;
            while !over.load(Ordering::Relaxed) {
                // A new connection each time.
                let answer = nodes[written % 2].put(&format!("k{written}"), "v");
                assert_eq!(answer.status, 200, "{answer:?}");
                written += 1;
            }
            written
        });
        let stopper = Stopper(&over);
        for name in ["node.pem", "node.key"] {
            std::fs::remove_file(tls.join(name)).unwrap();
        }
        let made = run(&["cert", "node", tls.to_str().unwrap(), "--host", "127.0.0.1"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        nodes.iter().for_each(reload);
        let told = |node: &Process, sentence: &str| eventually(sentence, || node.log().contains(sentence));
        nodes.iter().for_each(|node| told(node, "certificates were read again"));
        std::fs::write(tls.join("node.pem"), "nothing of use").unwrap();
        nodes.iter().for_each(reload);
        nodes.iter().for_each(|node| told(node, "the old certificates stay in use"));
        drop(stopper);
        assert!(writer.join().unwrap() > 0);
    });
    assert_eq!(nodes[1].put("after", "v").status, 200);
}

#[test]
fn a_certificate_that_does_not_fit_is_refused_at_the_start() {
    let directory = temporary();
    let flags = certificates(directory.path());
    let start = |more: &[&str]| {
        let output = alianza()
            .args(["start", "--port", &free_port().to_string(), "--data-dir"])
            .arg(directory.path().join("data"))
            .args(more)
            .output()
            .expect("the binary runs");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    assert!(start(&refs(&flags)[..4]).contains("belong together"));
    let elsewhere = start(&[&refs(&flags)[..], &["--advertise", "https://node-9.example:1"]].concat());
    assert!(elsewhere.contains("node-9.example"), "{elsewhere}");
}
