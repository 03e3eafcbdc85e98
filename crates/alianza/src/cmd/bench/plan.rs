//! What was asked for on the command line, checked before anything is sent.

use crate::args::{Access, Bench};
use crate::client::{authority, token};
use crate::exit::Failure;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use workload::stamp;
use workload::wire::{Greeting, Protocol, Shape, Signer};
use workload::{Act, Choice, Mix, Pace, Sizes};

/// Requests under way on a connection while keys are loaded or looked at again.
const FAST_DEPTH: usize = 16;

/// Whom to trust.
pub(super) struct Trust {
    pub(super) config: Arc<ClientConfig>,
    /// The name that each address must have in its certificate.
    pub(super) hosts: Vec<ServerName<'static>>,
}

/// What to do, where, and how.
pub(super) struct Plan {
    pub(super) addresses: Vec<SocketAddr>,
    /// If TLS is spoken.
    pub(super) tls: Option<Trust>,
    pub(super) shape: Shape,
    pub(super) greeting: Greeting,
    pub(super) mix: Mix,
    pub(super) choice: Choice,
    pub(super) keys: u64,
    pub(super) sizes: Sizes,
    pub(super) connections: usize,
    pub(super) depth: usize,
    pub(super) pace: Option<Pace>,
    pub(super) rate: Option<f64>,
    /// Nanoseconds after which no further operation begins.
    pub(super) end: Option<u64>,
    /// Operations after which no further one begins.
    pub(super) operations: Option<u64>,
    /// Nanoseconds after which a request has failed.
    pub(super) patience: u64,
    pub(super) verify: bool,
    pub(super) seed: u64,
    /// Tells the values of this run from those of others.
    pub(super) run: u32,
}

impl Plan {
    /// Reads and checks it.
    pub(super) fn of(args: &Bench) -> Result<Plan, Failure> {
        let protocol = protocol(args)?;
        let (mix, choice) = Mix::parse(&args.mix).ok_or_else(|| {
            Failure::usage("--mix must be get, set, a letter from a to f, or shares like read=90,update=10")
        })?;
        let choice = args.choose.as_deref().map_or(Ok(choice), choose)?;
        let value_max = protocol.limits().1;
        let sizes = Sizes::parse(&args.value).filter(|sizes| sizes.high <= value_max).ok_or_else(|| {
            Failure::usage(format!("--value must be a number of bytes up to {value_max}, or two like 16..4096"))
        })?;
        let rows = mix.has(Act::Scan);
        let token = token(&args.access)?;
        // It is part of every request for as long as the process runs.
        let shown = token.clone().map(|token| &*token.leak());
        let shape = Shape { protocol, key_bytes: usize::from(args.key_bytes), rows, wait: args.wait, token: shown };
        let (addresses, hosts) = addresses(args, protocol)?;
        let tls = trusted(&args.access)?.map(|config| Trust { config, hosts });
        let plan = Plan {
            addresses,
            tls,
            shape,
            greeting: Greeting { password: args.password.clone().or(token), database: args.database },
            mix,
            choice,
            keys: args.keys,
            sizes,
            connections: args.connections as usize,
            depth: args.pipeline as usize,
            pace: args.rate.map(rate).transpose()?.map(Pace::new),
            rate: args.rate,
            end: end(args)?,
            operations: args.operations,
            patience: nanoseconds("--patience", args.patience)?,
            verify: args.verify,
            seed: args.seed,
            run: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u32),
        };
        plan.fits()?;
        Ok(plan)
    }

    /// Requests under way on a connection where nothing is measured.
    pub(super) fn fast_depth(&self) -> usize {
        self.depth.max(FAST_DEPTH).min(self.shape.protocol.limits().0)
    }

    fn fits(&self) -> Result<(), Failure> {
        let largest = if self.shape.rows { self.keys / workload::wire::ROW } else { self.keys };
        if self.shape.key_bytes < largest.checked_ilog10().unwrap_or(0) as usize + 1 {
            return Err(Failure::usage("--key-bytes is too small for the number of --keys"));
        }
        if self.shape.rows && self.shape.protocol != Protocol::Http {
            return Err(Failure::usage("ranges of keys are read through HTTP only; use --protocol http"));
        }
        if self.depth > self.shape.protocol.limits().0 {
            return Err(Failure::usage("--pipeline does not go with this --protocol; use more --connections"));
        }
        if self.shape.wait > 0 && self.shape.protocol != Protocol::Redis {
            return Err(Failure::usage("--wait goes with --protocol redis only"));
        }
        if self.verify && self.sizes.low < stamp::BYTES {
            return Err(Failure::usage(format!("--verify needs values of at least {} bytes", stamp::BYTES)));
        }
        if self.verify && self.keys < self.connections as u64 {
            return Err(Failure::usage("--verify needs at least one key for each connection"));
        }
        Ok(())
    }
}

fn protocol(args: &Bench) -> Result<Protocol, Failure> {
    match args.protocol.as_str() {
        "redis" => Ok(Protocol::Redis),
        "http" => Ok(Protocol::Http),
        "v1" => Ok(Protocol::V1),
        "http-livez" => Ok(Protocol::Livez),
        "nats" => Ok(Protocol::Nats),
        "etcd" => Ok(Protocol::Etcd { serializable: false }),
        "etcd-serializable" => Ok(Protocol::Etcd { serializable: true }),
        "k2v" => {
            let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
            let signer = args.password.as_deref().and_then(|password| Signer::new(password, seconds));
            signer.map(Protocol::K2v).ok_or_else(|| {
                Failure::usage(
                    "--protocol k2v needs --password ID:SECRET with a key of Garage that may use its bucket `bench`",
                )
            })
        }
        _ => {
            Err(Failure::usage("--protocol must be redis, http, v1, http-livez, nats, etcd, etcd-serializable or k2v"))
        }
    }
}

fn choose(word: &str) -> Result<Choice, Failure> {
    match word {
        "uniform" => Ok(Choice::Uniform),
        "zipfian" => Ok(Choice::Zipfian),
        "latest" => Ok(Choice::Latest),
        _ => Err(Failure::usage("--choose must be uniform, zipfian or latest")),
    }
}

/// What TLS is spoken with, if an authority is named.
fn trusted(access: &Access) -> Result<Option<Arc<ClientConfig>>, Failure> {
    let Some(pem) = authority(access)? else { return Ok(None) };
    let config = ::client::tls_config(&pem).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Some(Arc::new(config)))
}

/// Where to connect to, and the name that each of them has.
fn addresses(args: &Bench, protocol: Protocol) -> Result<(Vec<SocketAddr>, Vec<ServerName<'static>>), Failure> {
    let usual = match protocol {
        Protocol::Redis => "127.0.0.1:6379",
        Protocol::Http | Protocol::V1 | Protocol::Livez => "127.0.0.1:8080",
        Protocol::Nats => "127.0.0.1:4222",
        Protocol::Etcd { .. } => "127.0.0.1:2379",
        Protocol::K2v(_) => "127.0.0.1:3904",
    };
    let usual = [usual.to_owned()];
    let given = if args.addresses.is_empty() { &usual[..] } else { &args.addresses };
    let resolve = |text: &String| {
        let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
        let host = text.rsplit_once(':').map_or("", |(host, _)| host.trim_matches(['[', ']']));
        let host = ServerName::try_from(host.to_owned()).ok();
        found.zip(host).ok_or_else(|| Failure::usage(format!("{text} is not an address; give one like 127.0.0.1:6379")))
    };
    given.iter().map(resolve).collect()
}

fn rate(rate: f64) -> Result<f64, Failure> {
    let sound = rate > 0.0 && rate <= 1e9;
    if sound { Ok(rate) } else { Err(Failure::usage("--rate must be a number of operations per second, more than 0")) }
}

fn end(args: &Bench) -> Result<Option<u64>, Failure> {
    match (args.seconds, args.operations) {
        (None, Some(_)) => Ok(None),
        (seconds, _) => nanoseconds("--seconds", seconds.unwrap_or(10.0)).map(Some),
    }
}

fn nanoseconds(flag: &str, seconds: f64) -> Result<u64, Failure> {
    let sound = (0.0..=1e7).contains(&seconds);
    if sound { Ok((seconds * 1e9) as u64) } else { Err(Failure::usage(format!("{flag} must be a number of seconds"))) }
}
