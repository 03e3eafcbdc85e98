//! From texts to what the server and the HTTP side take.
//!
//! Invariant: a wrong value is refused with its setting, its text and where it came from.

use super::list::Setting;
use super::merge::{Merged, Written};
use super::size;
use crate::exit::Failure;
use api::{Options, RedisOptions, span};
use proto::Durability;
use ring::Token;
use server::{Address, DiskOptions, ServerConfig, TlsFiles};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use stdx::Span;

/// How to write the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The settings of a node, ready to start with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// For the server.
    pub(crate) server: ServerConfig,
    /// For the HTTP side.
    pub(crate) http: Options,
    /// Where Redis clients are served, and how, if they are.
    pub(crate) redis: Option<(SocketAddr, RedisOptions)>,
    /// The collector of traces, if there is one.
    pub(crate) otlp: Option<String>,
    /// The certificate of the authority that it is trusted by, where it speaks TLS.
    pub(crate) otlp_ca: Option<PathBuf>,
    /// Where the token of this node is, if it has one.
    pub(crate) admin_token_file: Option<PathBuf>,
    /// What to log.
    pub(crate) log: String,
    /// How to log.
    pub(crate) log_format: LogFormat,
}

impl Settings {
    /// Reads all settings.
    pub(crate) fn read(merged: &Merged) -> Result<Settings, Failure> {
        let from = Reader(merged);
        let mut server = server(&from)?;
        let redis = redis(&from, &server)?;
        let open = redis.as_ref().filter(|(listen, options)| !listen.ip().is_loopback() && options.password.is_none());
        server.also_open = open.map(|(listen, _)| *listen);
        Ok(Settings {
            http: http(&server),
            redis,
            admin_token_file: from.text("admin-token-file")?.map(PathBuf::from),
            server,
            otlp: from.text("otlp")?,
            otlp_ca: from.text("otlp-ca")?.map(PathBuf::from),
            log: from.text("log")?.unwrap_or_default(),
            log_format: from.read("log-format", "text or json", |text| match text {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            })?,
        })
    }
}

fn server(from: &Reader<'_>) -> Result<ServerConfig, Failure> {
    let port = from.number("port", 0..=u16::MAX)?;
    let host: IpAddr = from.read("listen", "an IP address like 127.0.0.1 or ::1", host)?;
    Ok(ServerConfig {
        also_open: None,
        listen: SocketAddr::new(host, port),
        advertise: from.text("advertise")?.unwrap_or_default(),
        name: from.text("name")?,
        data_dir: from.text("data-dir")?.unwrap_or_else(|| data_dir(&port.to_string())).into(),
        seeds: from
            .list("seeds", "addresses like http://10.0.0.1:8080", |text| Address::from_str(text).ok())?
            .iter()
            .map(ToString::to_string)
            .collect(),
        token_count: from.number("tokens", 1..=4096)?,
        tokens: from.list("token", "tokens of 40 hex digits", |text| Token::parse_hex(text).ok())?,
        random_tokens: from.switch("random-tokens")?,
        weight: from.number("weight", 1..=1_000_000)?,
        zone: from.text("zone")?,
        n: from.number("n", 1..=255)?,
        grid_bits: from.number("partitions-bits", 0..=16)?,
        insecure: from.switch("insecure")?,
        tls: tls(from)?,
        own_token: None,
        node: node(from)?,
        disk: disk(from)?,
        replace: from.text("replace")?,
        replace_plan: from
            .text("replace-plan")?
            .map(|_| from.read("replace-plan", "64 hex digits", digest))
            .transpose()?,
        join_patience: from.span("join-patience")?.into(),
        slow: from.span("slow")?,
        traced_per_million: from.text("otlp")?.map(|_| per_million(from)).transpose()?,
        http_connections_max: from.number("connections-max", 1..=1_000_000)?,
    })
}

fn per_million(from: &Reader<'_>) -> Result<u64, Failure> {
    let share = from.read("otlp-ratio", "a number from 0 to 1", |text| {
        text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share))
    })?;
    Ok((share * 1e6).round() as u64)
}

fn tls(from: &Reader<'_>) -> Result<Option<TlsFiles>, Failure> {
    match (from.text("tls-cert")?, from.text("tls-key")?, from.text("tls-ca")?) {
        (None, None, None) => Ok(None),
        (Some(cert), Some(key), Some(ca)) => Ok(Some(TlsFiles { cert: cert.into(), key: key.into(), ca: ca.into() })),
        _ => Err(Failure::usage("tls-cert, tls-key and tls-ca belong together; set all three or none")),
    }
}

/// Where a node keeps its data if nobody says.
pub(super) fn data_dir(port: &str) -> String {
    format!("alianza-data-{port}")
}

fn digest(text: &str) -> Option<server::proto::Digest> {
    text.parse().ok()
}

fn host(text: &str) -> Option<IpAddr> {
    if text.eq_ignore_ascii_case("localhost") { Some(IpAddr::from([127, 0, 0, 1])) } else { text.parse().ok() }
}

fn node(from: &Reader<'_>) -> Result<server::proto::Config, Failure> {
    Ok(server::proto::Config {
        request_time: from.span("request-time")?,
        requests_max: from.number("requests-max", 1..=10_000_000)?,
        siblings_max: from.number("siblings-max", 1..=100_000)?,
        hints_max: from.number("hints-max", 1..=1_000_000_000)?,
        value_bytes_max: from.size("value-max")? as usize,
        key_bytes_max: from.size("key-max")? as usize,
        gossip_every: from.span("gossip-every")?,
        compare_every: from.span("compare-every")?,
        liveness: liveness(from)?,
        move_bytes_per_second: from.size("move-rate")?,
        ..server::proto::Config::default()
    })
}

fn liveness(from: &Reader<'_>) -> Result<server::liveness::Config, Failure> {
    from.read("failure-detection", "fast, balanced or reliable", |text| match text {
        "fast" => Some(server::liveness::Config::fast()),
        "balanced" => Some(server::liveness::Config::default()),
        "reliable" => Some(server::liveness::Config::reliable()),
        _ => None,
    })
}

fn disk(from: &Reader<'_>) -> Result<DiskOptions, Failure> {
    Ok(DiskOptions {
        cache_bytes: from.size("cache")?,
        memtable_bytes: from.size("memtable")?,
        journal_bytes: from.size("journal")?,
        reserve_bytes: from.size("disk-reserve")?,
    })
}

fn http(server: &ServerConfig) -> Options {
    let advertised = Address::from_str(&server.advertise).map(|address| address.host);
    Options {
        value_bytes_max: server.node.value_bytes_max,
        key_bytes_max: server.node.key_bytes_max,
        connections_max: server.http_connections_max,
        loopback_only: server.listen.ip().is_loopback(),
        advertised_host: advertised.unwrap_or_else(|_| server.listen.ip().to_string()),
        ..Options::default()
    }
}

fn redis(from: &Reader<'_>, server: &ServerConfig) -> Result<Option<(SocketAddr, RedisOptions)>, Failure> {
    let password = from.text("redis-password")?;
    let databases =
        from.list("redis-databases", "pairs of a number from 0 to 65535 and a bucket, like 1=locks", database)?;
    let flush = from.switch("redis-flush")?;
    let durability = from.read("redis-durability", "fsync or memory", |text| match text {
        "fsync" => Some(Durability::Fsync),
        "memory" => Some(Durability::Memory),
        _ => None,
    })?;
    if from.text("redis")?.is_none() {
        return Ok(None);
    }
    let listen = from.read("redis", "an address like 127.0.0.1:6379", socket)?;
    let guarded = password.is_some() || server.tls.is_some();
    if !listen.ip().is_loopback() && !guarded && !server.insecure {
        return Err(Failure::usage(format!(
            "redis must not listen on {listen} without a password or TLS; set redis-password, or tls-cert, tls-key and \
             tls-ca, listen on 127.0.0.1, or give --insecure"
        )));
    }
    let options = RedisOptions {
        value_bytes_max: server.node.value_bytes_max,
        key_bytes_max: server.node.key_bytes_max,
        connections_max: server.http_connections_max,
        password,
        databases,
        durability,
        flush,
        port: listen.port(),
        ..RedisOptions::default()
    };
    Ok(Some((listen, options)))
}

fn socket(text: &str) -> Option<SocketAddr> {
    let (name, port) = text.rsplit_once(':')?;
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    Some(SocketAddr::new(host(name)?, port.parse().ok()?))
}

fn database(text: &str) -> Option<(u32, String)> {
    let (number, bucket) = text.split_once('=')?;
    let number: u16 = number.trim().parse().ok()?;
    server::proto::Bucket::name_is_valid(bucket.trim()).then(|| (u32::from(number), bucket.trim().to_owned()))
}

struct Reader<'a>(&'a Merged);

impl Reader<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Written { texts, .. }) if texts.len() == 1 => Ok(texts.first().cloned()),
            Some(written) => Err(wrong(name, written, "one value")),
        }
    }

    fn read<T>(&self, name: &str, must: impl Display, parse: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
        let Some(text) = self.text(name)? else {
            return Err(Failure::usage(format!("{name} is not set; set it with --{name}")));
        };
        parse(text.trim()).ok_or_else(|| match self.0.get(name) {
            Some(written) => wrong(name, written, must),
            None => Failure::usage(format!("{name} must be {must}")),
        })
    }

    fn number<T: FromStr + PartialOrd + Display>(&self, name: &str, range: RangeInclusive<T>) -> Result<T, Failure> {
        let must = format!("a number from {} to {}", range.start(), range.end());
        self.read(name, must, |text| text.parse().ok().filter(|number| range.contains(number)))
    }

    fn switch(&self, name: &str) -> Result<bool, Failure> {
        self.read(name, "true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        })
    }

    fn span(&self, name: &str) -> Result<Span, Failure> {
        self.read(name, "a span of time like 500ms, 30s or 5m", span::parse)
    }

    fn size(&self, name: &str) -> Result<u64, Failure> {
        self.read(name, "a size like 64MiB", |text| size::parse(text).filter(|bytes| *bytes > 0))
    }

    fn list<T>(&self, name: &str, must: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Failure> {
        let Some(written) = self.0.get(name) else { return Ok(Vec::new()) };
        let values = written.texts.iter().map(|text| parse(text.trim())).collect::<Option<Vec<T>>>();
        values.ok_or_else(|| wrong(name, written, must))
    }
}

fn wrong(name: &str, written: &Written, must: impl Display) -> Failure {
    let text = written.texts.join(",");
    let where_from = match Setting::named(name) {
        Some(_) => format!(" ({})", written.origin),
        None => String::new(),
    };
    Failure::usage(format!("{name} must be {must}, not \"{text}\"{where_from}"))
}
