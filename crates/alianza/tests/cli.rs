//! The binary's manners, without a cluster: exit codes, streams, settings from all places, completions.

use std::process::{Command, Output};
use tempfile::TempDir;

fn alianza(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alianza"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ALIANZA_")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    alianza(arguments).output().expect("the binary starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the process ended by itself")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An address where nobody listens.
fn nobody() -> String {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", socket.local_addr().expect("an address"))
}

#[test]
fn help_lists_exit_codes_on_standard_output() {
    let help = run(&["--help"]);
    assert_eq!(code(&help), 0);
    for line in ["0  done", "2  usage", "3  not found", "4  conflict", "5  unavailable"] {
        assert!(out(&help).contains(line), "{}", out(&help));
    }
    assert_eq!(out(&run(&["--version"])).trim(), format!("alianza {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_2() {
    for arguments in [&["gte"][..], &["get"], &["put", "key"], &["start", "--colour", "red"], &["dev", "--nodes", "0"]]
    {
        let output = run(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", err(&output));
        assert!(out(&output).is_empty() && err(&output).starts_with("error: "), "{arguments:?}");
    }
}

#[test]
fn nobody_there_is_5_and_one_sentence() {
    let url = nobody();
    for command in
        [&["get", "k"][..], &["put", "k", "v"], &["scan"], &["ring"], &["events"], &["leave"], &["cluster", "status"]]
    {
        let output = run(&[command, &["--url", &url]].concat());
        assert_eq!(code(&output), 5, "{command:?}: {}", err(&output));
        assert_eq!(err(&output).lines().count(), 1, "{}", err(&output));
        assert!(err(&output).contains("alianza dev"), "{}", err(&output));
    }
    let from_environment = alianza(&["get", "k"]).env("ALIANZA_URL", &url).output().expect("the binary starts");
    assert!(err(&from_environment).contains(&url));
}

#[test]
fn settings_come_from_file_environment_and_flags_in_this_order() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("alianza.toml");
    std::fs::write(&file, "port = 9001\nname = \"File\"\nzone = \"File\"\n").expect("a file");
    let output = alianza(&["start", "--print-config", "--name", "Flag", "--config"])
        .arg(&file)
        .env("ALIANZA_NAME", "Environment")
        .env("ALIANZA_ZONE", "Environment")
        .output()
        .expect("the binary starts");
    assert_eq!(code(&output), 0, "{}", err(&output));
    let text = out(&output);
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    assert!(line("port = 9001").contains("# file ") && line("port").ends_with("alianza.toml"), "{text}");
    assert!(line("name = \"Flag\"").ends_with("# flag --name"), "{text}");
    assert!(line("zone = \"Environment\"").ends_with("# environment ALIANZA_ZONE"), "{text}");
    assert!(line("n = 3").ends_with("# default"), "{text}");
    assert!(line("data-dir = \"alianza-data-9001\"").ends_with("# default"), "{text}");
}

#[test]
fn wrong_settings_are_2_and_name_themselves() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("alianza.toml");
    std::fs::write(&file, "prot = 9001\n").expect("a file");
    let output = alianza(&["start", "--config"]).arg(&file).output().expect("the binary starts");
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("did you mean \"port\"?"), "{}", err(&output));
    let output = run(&["start", "--port", "70000"]);
    assert_eq!((code(&output), err(&output).lines().count()), (2, 1));
    assert!(
        err(&output).contains("port must be a number from 0 to 65535, not \"70000\" (flag --port)"),
        "{}",
        err(&output)
    );
    let output = run(&["start", "--config", "no-such-file.toml"]);
    assert_eq!(code(&output), 2);
}

#[test]
fn nobody_listens_beyond_loopback_by_accident() {
    let directory = TempDir::new().expect("a directory");
    let output = alianza(&["start", "--listen", "0.0.0.0", "--port", "0", "--data-dir"])
        .arg(directory.path().join("data"))
        .output()
        .expect("the binary starts");
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("--insecure"), "{}", err(&output));
}

#[test]
fn a_port_in_use_is_1_and_says_what_to_do() {
    let directory = TempDir::new().expect("a directory");
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = held.local_addr().expect("an address").port().to_string();
    let output = alianza(&["start", "--port", &port, "--data-dir"])
        .arg(directory.path().join("data"))
        .output()
        .expect("the binary starts");
    assert_eq!(code(&output), 1);
    assert!(err(&output).contains(&format!("port {port} of 127.0.0.1 is in use")), "{}", err(&output));
    let output = run(&["dev", "--port", &port]);
    assert_eq!(code(&output), 1);
    assert!(err(&output).contains("--port 0"), "{}", err(&output));
}

#[test]
fn completions_and_the_ring_report_need_no_cluster() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        assert!(out(&run(&["completions", shell])).contains("ring-report"), "{shell}");
    }
    let report = run(&["ring-report", "--partitions-bits", "8", "--tokens", "8", "--sizes", "3,5"]);
    assert_eq!(code(&report), 0, "{}", err(&report));
    assert!(out(&report).contains("256 partitions, 3 copies"), "{}", out(&report));
    assert_eq!(code(&run(&["ring-report", "--sizes", "5,3"])), 2);
}
