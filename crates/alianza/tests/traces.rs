//! Traces across real nodes: a fake collector gets one trace with the parts of every node that took part.

mod support;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use support::{Process, agent, cluster, eventually, free_port, run, temporary};

/// Takes what exporters send.
struct Collector {
    uri: String,
    /// Each span with the node it comes from.
    spans: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Collector {
    fn start() -> Collector {
        let socket = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let uri = format!("http://{}", socket.local_addr().expect("a bound socket has an address"));
        let spans = Arc::<Mutex<Vec<(String, Value)>>>::default();
        let taken = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let taken = Arc::clone(&taken);
                std::thread::spawn(move || while take(&mut &stream, &taken).is_some() {});
            }
        });
        Collector { uri, spans }
    }

    /// The same over TLS, with a certificate and a key in PEM files.
    fn start_with_tls(certificate: &Path, key: &Path) -> Collector {
        let chain = vec![CertificateDer::from_pem_file(certificate).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.expect("versions").with_no_client_auth().with_single_cert(chain, key).expect("they fit");
        let (config, socket) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").expect("loopback has a free port"));
        let uri = format!("https://{}", socket.local_addr().expect("a bound socket has an address"));
        let spans = Arc::<Mutex<Vec<(String, Value)>>>::default();
        let taken = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let (config, taken) = (Arc::clone(&config), Arc::clone(&taken));
                std::thread::spawn(move || {
                    let tls = ServerConnection::new(config).expect("a connection");
                    let mut stream = StreamOwned::new(tls, stream);
                    while take(&mut stream, &taken).is_some() {}
                });
            }
        });
        Collector { uri, spans }
    }

    fn of_trace(&self, trace: &str) -> Vec<(String, Value)> {
        let spans = self.spans.lock().expect("nobody panics with it");
        spans.iter().filter(|(_, span)| span["traceId"] == trace).cloned().collect()
    }
}

/// Takes one request; none if the connection is over.
fn take(stream: &mut (impl Read + Write), spans: &Mutex<Vec<(String, Value)>>) -> Option<()> {
    let mut reader = BufReader::new(&mut *stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).ok().filter(|bytes| *bytes > 2).is_some() {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok().filter(|()| length > 0)?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    let resource = &body["resourceSpans"][0];
    let attributes = resource["resource"]["attributes"].as_array()?;
    let node = attributes.iter().find(|attribute| attribute["key"] == "alianza.node.name")?;
    let node = node["value"]["stringValue"].as_str()?;
    let all = resource["scopeSpans"][0]["spans"].as_array()?;
    spans.lock().ok()?.extend(all.iter().map(|span| (node.to_owned(), span.clone())));
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").ok()
}

#[test]
fn one_trace_has_the_parts_of_coordinator_and_replicas() {
    let (directory, collector) = (temporary(), Collector::start());
    let nodes = cluster(directory.path(), 3, &["--otlp", &collector.uri, "--otlp-ratio", "0"]);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let ask = |body: &str, flags: &str| {
        let request =
            agent().post(nodes[0].uri()).header("traceparent", format!("00-{trace}-b7ad6b7169203331-{flags}"));
        assert_eq!(request.send(body).expect("an answer").status(), 200);
    };
    ask(r#"{"type":"PUT","key":"untraced","value":"v"}"#, "00");
    ask(r#"{"type":"PUT","key":"k","value":"v","level":"all"}"#, "01");
    let nodes_of = |spans: &[(String, Value)]| spans.iter().map(|(node, _)| node.clone()).collect::<BTreeSet<_>>();
    eventually("all nodes' parts have come", || nodes_of(&collector.of_trace(trace)).len() == 3);
    let spans = collector.of_trace(trace);
    let (roots, parts): (Vec<_>, Vec<_>) =
        spans.iter().map(|(_, span)| span).partition(|span| span["parentSpanId"] == "b7ad6b7169203331");
    assert_eq!(roots.len(), 1, "{spans:?}");
    assert_eq!(roots[0]["name"], "put");
    assert_eq!(parts.len(), 2, "{spans:?}");
    for part in parts {
        assert_eq!((&part["parentSpanId"], part["name"].as_str()), (&roots[0]["spanId"], Some("replicate")));
        let time = |span: &Value, name: &str| span[name].as_str().expect("a time").parse::<u64>().expect("a number");
        assert!(time(part, "endTimeUnixNano") >= time(part, "startTimeUnixNano"));
    }
    let everything = collector.spans.lock().expect("nobody panics with it").len();
    assert_eq!(everything, 3, "nothing else is traced");
}

#[test]
fn a_request_that_is_handed_on_is_followed() {
    let (directory, collector) = (temporary(), Collector::start());
    let nodes = cluster(directory.path(), 3, &["--n", "1", "--otlp", &collector.uri, "--otlp-ratio", "1"]);
    // Of ten keys with one copy each, some live elsewhere.
    (0..10).for_each(|at| assert_eq!(nodes[0].put(&format!("key_{at}"), "v").status, 200));
    let handed_on = || {
        let spans = collector.spans.lock().expect("nobody panics with it").clone();
        let names: BTreeMap<String, String> =
            spans.iter().map(|(_, span)| (span["spanId"].to_string(), span["name"].to_string())).collect();
        let parents = spans.iter().filter(|(_, span)| span["name"] == "forward");
        parents
            .filter_map(|(_, span)| names.get(&span["parentSpanId"].to_string()))
            .filter(|name| *name == "\"put\"")
            .count()
    };
    eventually("what was handed on is there with its cause", || handed_on() > 0);
}

#[test]
fn a_collector_is_reached_over_tls_and_what_is_lost_is_counted() {
    let directory = temporary();
    let at = |file: &str| directory.path().join("tls").join(file).to_str().expect("UTF-8").to_owned();
    for arguments in [&["cert", "ca", &at("")][..], &["cert", "node", &at(""), "--host", "127.0.0.1"]] {
        assert!(run(arguments).status.success());
    }
    let collector = Collector::start_with_tls(at("node.pem").as_ref(), at("node.key").as_ref());
    let start = |uri: &str| {
        let flags = ["--otlp", uri, "--otlp-ca", &at("ca.pem"), "--otlp-ratio", "1"];
        let node = Process::start(directory.path(), &flags);
        assert_eq!(node.put("k", "v").status, 200);
        node
    };
    let _told = start(&collector.uri);
    let has_put =
        || collector.spans.lock().expect("nobody panics with it").iter().any(|(_, span)| span["name"] == "put");
    eventually("the span has come", has_put);
    let silent = start(&format!("https://127.0.0.1:{}", free_port()));
    let lost = || {
        let metrics = agent().get(format!("{}/metrics", silent.uri())).call().expect("an answer");
        let text = metrics.into_body().read_to_string().expect("text");
        text.lines().any(|line| line.starts_with("alianza_spans_lost_total ") && !line.ends_with(" 0.0"))
    };
    eventually("what was lost is counted", lost);
    let without = run(&["start", "--port", "0", "--otlp", &collector.uri, "--data-dir", &at("none")]);
    assert!(!without.status.success(), "{without:?}");
}
