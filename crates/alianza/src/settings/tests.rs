//! Which place wins, and what is said about wrong values.

use super::merge::{Layer, Merged};
use super::{Flags, LogFormat, Settings, env, file, finish, show};
use crate::exit::Code;
use clap::{Args as _, FromArgMatches as _};
use server::{DiskOptions, ServerConfig};
use std::path::Path;

fn flags(arguments: &[&str]) -> Layer {
    let command = Flags::augment_args(clap::Command::new("start"));
    let matches = command.try_get_matches_from([&["start"], arguments].concat()).unwrap();
    Flags::from_arg_matches(&matches).unwrap().layer()
}

fn environment(variables: &[(&str, &str)]) -> Layer {
    env::read(|name| variables.iter().find(|(variable, _)| *variable == name).map(|(_, text)| (*text).to_owned()))
}

fn merged(layers: Vec<Layer>) -> Merged {
    let mut merged = Merged::defaults();
    layers.into_iter().for_each(|layer| merged.over(layer));
    finish(&mut merged);
    merged
}

fn read(layers: Vec<Layer>) -> Settings {
    Settings::read(&merged(layers)).unwrap()
}

fn refused(layer: Layer) -> String {
    let failure = Settings::read(&merged(vec![layer])).unwrap_err();
    assert_eq!(failure.code(), Code::Usage);
    failure.to_string()
}

#[test]
fn the_later_place_wins() {
    let file = || file::parse("port = 1\nname = \"File\"\nzone = \"a\"", Path::new("a.toml")).unwrap();
    let environment = || environment(&[("ALIANZA_PORT", "2"), ("ALIANZA_NAME", "Environment")]);
    let settings = read(vec![file(), environment(), flags(&["--port", "3"])]);
    assert_eq!(settings.server.listen.port(), 3);
    assert_eq!(settings.server.name.as_deref(), Some("Environment"));
    assert_eq!(settings.server.zone.as_deref(), Some("a"));
    let text = show(&merged(vec![file(), environment(), flags(&["--port", "3"])]), false);
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(line("port").contains("= 3") && line("port").ends_with("# flag --port"), "{text}");
    assert!(line("name").ends_with("# environment ALIANZA_NAME"), "{text}");
    assert!(line("zone").ends_with("# file a.toml"), "{text}");
    assert!(line("weight").ends_with("# default"), "{text}");
}

#[test]
fn defaults_are_those_of_the_server() {
    let settings = read(Vec::new());
    let expected = ServerConfig::default();
    assert_eq!(settings.server.node, expected.node);
    assert_eq!(settings.server.disk, DiskOptions::default());
    assert_eq!(settings.server.listen, expected.listen);
    assert_eq!(settings.server.token_count, expected.token_count);
    assert_eq!((settings.server.n, settings.server.grid_bits), (expected.n, expected.grid_bits));
    assert_eq!(settings.server.join_patience, expected.join_patience);
    assert_eq!(settings.server.http_connections_max, expected.http_connections_max);
    assert_eq!(settings.server.data_dir, Path::new("alianza-data-8080"));
    assert_eq!((settings.log.as_str(), settings.log_format), ("info", LogFormat::Text));
}

#[test]
fn everything_can_be_a_flag() {
    let token = "1388ac756f07b0dda2961436ba8596c7b7995e94";
    let settings = read(vec![flags(&[
        "--port",
        "8082",
        "--listen",
        "0.0.0.0",
        "--insecure",
        "--advertise",
        "http://db-2:8082",
        "--seeds",
        "http://127.0.0.1:8080,http://127.0.0.1:8081",
        "--token",
        token,
        "--token",
        token,
        "--random-tokens",
        "--weight",
        "200",
        "--n",
        "2",
        "--partitions-bits",
        "8",
        "--value-max",
        "1MiB",
        "--request-time",
        "500ms",
        "--log-format",
        "json",
    ])]);
    assert_eq!(settings.server.listen.to_string(), "0.0.0.0:8082");
    assert_eq!(settings.server.seeds, ["http://127.0.0.1:8080", "http://127.0.0.1:8081"]);
    assert_eq!(settings.server.tokens.len(), 2);
    assert!(settings.server.insecure && settings.server.random_tokens);
    assert_eq!(settings.http.value_bytes_max, 1 << 20);
    assert!(!settings.http.loopback_only);
    assert_eq!(settings.http.advertised_host, "db-2");
    assert_eq!(settings.log_format, LogFormat::Json);
}

#[test]
fn wrong_values_say_what_and_where() {
    assert_eq!(
        refused(environment(&[("ALIANZA_PORT", "abc")])),
        "port must be a number from 0 to 65535, not \"abc\" (environment ALIANZA_PORT)"
    );
    assert!(refused(flags(&["--token", "123"])).contains("40 hex digits, not \"123\" (flag --token)"));
    assert!(refused(flags(&["--listen", "somewhere"])).contains("an IP address"));
    assert!(refused(flags(&["--request-time", "soon"])).contains("like 500ms"));
    assert!(refused(flags(&["--value-max", "0"])).contains("like 64MiB"));
    assert!(refused(flags(&["--log-format", "xml"])).contains("text or json"));
    assert!(refused(environment(&[("ALIANZA_INSECURE", "maybe")])).contains("true or false"));
}

#[test]
fn the_variable_that_kubernetes_sets_is_not_ours() {
    let settings = read(vec![environment(&[("ALIANZA_PORT", "tcp://10.0.0.1:8080"), ("ALIANZA_NAME", "")])]);
    assert_eq!((settings.server.listen.port(), settings.server.name), (8080, None));
}

#[test]
fn what_is_printed_can_be_read_as_a_file() {
    let before = merged(vec![flags(&["--seeds", "http://a:1,http://b:2", "--name", "Te\"d", "--port", "9"])]);
    let text = show(&before, false);
    let again = merged(vec![file::parse(&text, Path::new("a.toml")).unwrap()]);
    for setting in super::list::SETTINGS {
        let texts = |merged: &Merged| merged.get(setting.name).map(|written| written.texts.clone());
        assert_eq!(texts(&before), texts(&again), "{}", setting.name);
    }
    let json: serde_json::Value = serde_json::from_str(&show(&before, true)).unwrap();
    assert_eq!(json[0], serde_json::json!({ "name": "port", "value": "9", "origin": "flag --port" }));
}

#[test]
fn a_password_is_not_printed() {
    let settings = merged(vec![environment(&[("ALIANZA_REDIS_PASSWORD", "sesame")])]);
    let (text, json) = (show(&settings, false), show(&settings, true));
    assert!(!text.contains("sesame") && !json.contains("sesame"), "{text}{json}");
    assert!(text.contains("# redis-password = (set)") && json.contains("\"(set)\""), "{text}{json}");
    // Nor is it read back as something that nobody has said.
    let again = merged(vec![file::parse(&text, Path::new("a.toml")).unwrap()]);
    assert!(again.get("redis-password").is_none());
}
