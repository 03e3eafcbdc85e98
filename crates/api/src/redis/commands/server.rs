//! What clients and tools ask about the server: INFO, CONFIG, TIME and the like.

use super::run;
use crate::redis::Redis;
use crate::redis::arguments::is;
use crate::redis::call::Call;
use crate::redis::fault::{Fault, Outcome};
use crate::redis::pattern;
use crate::redis::session::Session;
use crate::redis::table::{Command, Flag, family, later, now};
use crate::redis::time;
use bytes::Bytes;
use proto::{Admin, Durability, Request, Response, Status};
use resp::Reply;
use server::Process;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The Redis that is spoken: clients choose what they send by it.
pub(super) const REDIS_VERSION: &str = "7.2.4";

pub(super) fn commands() -> Vec<Command> {
    vec![
        later("info", -1, "How the server is", run!(info)).differs(
            "Fields that have no meaning here or are not counted are missing: hits, misses, errors, refused connections, bytes sent and \
             received, commands per second (take two readings of `total_commands_processed`). Memory is that of the process. How many \
             keys a database has is not known without reading them (DBSIZE), so `# Keyspace` names its bucket.",
        ),
        now("time", 1, "What the time is", what_time).flags(&[Flag::Fast]),
        now("role", 1, "Whether others follow this server", role)
            .differs("Every node is equal: each says that it is a master without replicas."),
        family("config", "Is about settings"),
        now("config|get", -3, "Settings by pattern", config_get)
            .flags(&[Flag::Admin])
            .differs(
                "Has the names that tools ask for, without `dir`, `bind`, `hz` and `loglevel`, and with `requirepass` only if there is \
                 no password; `alianza start --print-config` has all settings.",
            ),
        now("config|set", -4, "Refused: settings are given at the start", config_set)
            .flags(&[Flag::Admin])
            .differs("Settings are given when the node is started; setting one to what it is does nothing."),
        now("config|resetstat", 2, "Begins counting anew", reset_statistics).flags(&[Flag::Admin]),
        now("config|help", 2, "What CONFIG can do", super::about::help),
        family("module", "Is about modules"),
        now("module|list", 2, "There are none", |_, _, _| Ok(Reply::Array(Vec::new()))).flags(&[Flag::Admin]),
        now("cluster", -2, "Refused: this is no Redis Cluster", |_, _, _| Err(NO_CLUSTER))
            .differs("Answers as a Redis without cluster mode does; ask any node for any key."),
        now("lastsave", 1, "When data was last on disk: now", last_save).flags(&[Flag::Fast]),
    ]
}

/// In Redis's words, which clients look for.
const NO_CLUSTER: Fault = Fault::of("ERR This instance has cluster support disabled");

fn what_time(_: &mut Session, _: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    let micros = time::micros();
    Ok(Reply::texts([(micros / 1_000_000).to_string(), (micros % 1_000_000).to_string()]))
}

fn last_save(_: &mut Session, _: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    Ok(Reply::Integer((time::micros() / 1_000_000) as i64))
}

fn role(_: &mut Session, _: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    Ok(Reply::Array(vec![Reply::word("master"), Reply::Integer(0), Reply::Array(Vec::new())]))
}

/// The settings that tools ask for, under Redis's names.
fn settings(redis: &Redis) -> Vec<(&'static str, String)> {
    let options = &redis.options;
    let fixed = [
        ("appendonly", "yes"),
        ("cluster-enabled", "no"),
        ("maxmemory", "0"),
        ("maxmemory-policy", "noeviction"),
        ("notify-keyspace-events", ""),
        ("save", ""),
        ("slowlog-max-len", "0"),
        ("timeout", "0"),
    ];
    let mut settings: Vec<(&'static str, String)> =
        fixed.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    // What is acknowledged from memory is on its way to disk at once, which Redis has no word for; it promises no more than this.
    let appendfsync = if options.durability == Durability::Memory { "everysec" } else { "always" };
    settings.push(("appendfsync", appendfsync.to_owned()));
    settings.push(("databases", redis.places.count().to_string()));
    settings.push(("maxclients", options.connections_max.to_string()));
    settings.push(("port", options.port.to_string()));
    // A password is never told; that there is none, is.
    if options.password.is_none() && redis.gate.is_open() {
        settings.push(("requirepass", String::new()));
    }
    settings.push(("proto-max-bulk-len", options.value_bytes_max.to_string()));
    settings.sort();
    settings
}

fn config_get(_: &mut Session, redis: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let wanted = |name: &str| request[2..].iter().any(|p| pattern::matches(&p.to_ascii_lowercase(), name.as_bytes()));
    let settings = settings(redis).into_iter().filter(|(name, _)| wanted(name));
    Ok(Reply::Map(settings.map(|(name, value)| (Reply::word(name), Reply::text(value))).collect()))
}

fn config_set(_: &mut Session, redis: &Arc<Redis>, request: &[Bytes]) -> Outcome {
    let settings = settings(redis);
    for pair in request[2..].chunks(2) {
        let [name, value] = pair else {
            return Err(Fault::new("ERR wrong number of arguments for 'config|set' command"));
        };
        let is_so = settings.iter().any(|(known, now)| is(name, known) && now.as_bytes() == value);
        if !is_so {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(Fault::new(format!(
                "ERR CONFIG SET failed (possibly related to argument '{name}') - settings are given when the node is \
                 started; see `alianza start --help`"
            )));
        }
    }
    Ok(Reply::OK)
}

fn reset_statistics(_: &mut Session, redis: &Arc<Redis>, _: &[Bytes]) -> Outcome {
    redis.commands.store(0, Ordering::Relaxed);
    Ok(Reply::OK)
}

async fn info(call: Call) -> Outcome {
    let status = match call.ask(Request::Admin(Admin::Status)).await {
        Response::Status(status) => status,
        other => return Err(Fault::unexpected(other)),
    };
    let wanted = call.args(1);
    let all = ["default", "all", "everything"];
    let is_wanted = |section: &str| {
        wanted.is_empty() || wanted.iter().any(|name| is(name, section) || all.iter().any(|all| is(name, all)))
    };
    let mut text = String::new();
    for (section, fields) in sections(&call.redis, &status) {
        if is_wanted(&section.to_ascii_lowercase()) {
            let gap = if text.is_empty() { "" } else { "\r\n" };
            let _ = write!(text, "{gap}# {section}\r\n{fields}");
        }
    }
    Ok(Reply::Verbatim(text))
}

fn sections(redis: &Redis, status: &Status) -> Vec<(&'static str, String)> {
    let fields = |pairs: &[(&str, String)]| -> String {
        pairs.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect()
    };
    let word = |text: &str| text.to_owned();
    let (clients, ever) = redis.clients.count();
    let (memory, peak) = Process::memory();
    let memory = memory.unwrap_or(0);
    let up = redis.started.elapsed().as_secs();
    let server = [
        ("redis_version", word(REDIS_VERSION)),
        ("server_name", word("alianza")),
        ("alianza_version", word(env!("CARGO_PKG_VERSION"))),
        ("redis_mode", word("standalone")),
        ("os", word(std::env::consts::OS)),
        ("arch_bits", usize::BITS.to_string()),
        ("process_id", std::process::id().to_string()),
        ("run_id", format!("{:032x}{:08x}", status.node.0, std::process::id())),
        ("tcp_port", redis.options.port.to_string()),
        ("server_time_usec", time::micros().to_string()),
        ("uptime_in_seconds", up.to_string()),
        ("uptime_in_days", (up / 86_400).to_string()),
    ];
    let connected = [
        ("connected_clients", clients.to_string()),
        ("maxclients", redis.options.connections_max.to_string()),
        ("blocked_clients", word("0")),
    ];
    let used = [
        ("used_memory", memory.to_string()),
        ("used_memory_human", human(memory)),
        ("used_memory_rss", memory.to_string()),
        ("used_memory_rss_human", human(memory)),
        ("maxmemory", word("0")),
        ("maxmemory_human", word("0B")),
        ("maxmemory_policy", word("noeviction")),
        ("mem_allocator", word("mimalloc")),
    ];
    let mut used: Vec<(&str, String)> = used.into();
    if let Some(peak) = peak {
        used.push(("used_memory_peak", peak.to_string()));
        used.push(("used_memory_peak_human", human(peak)));
    }
    let persistence = [("loading", word("0")), ("async_loading", word("0")), ("aof_enabled", word("1"))];
    let statistics = [
        ("total_connections_received", ever.to_string()),
        ("total_commands_processed", redis.commands.load(Ordering::Relaxed).to_string()),
        ("expired_keys", word("0")),
        ("evicted_keys", word("0")),
    ];
    let cpu = Process::cpu_parts().map_or_else(String::new, |(user, system)| {
        fields(&[
            ("used_cpu_sys", format!("{:.6}", system.as_secs_f64())),
            ("used_cpu_user", format!("{:.6}", user.as_secs_f64())),
        ])
    });
    let replication = [("role", word("master")), ("connected_slaves", word("0"))];
    let cluster = [
        ("cluster_enabled", word("0")),
        ("alianza_epoch", status.epoch.0.to_string()),
        ("alianza_nodes", status.members.len().to_string()),
        ("alianza_partitions", status.partitions.to_string()),
    ];
    let keyspace: String = redis.places.all().map(|(n, place)| format!("db{n}_bucket:{}\r\n", place.bucket)).collect();
    vec![
        ("Server", fields(&server)),
        ("Clients", fields(&connected)),
        ("Memory", fields(&used)),
        ("Persistence", fields(&persistence)),
        ("Stats", fields(&statistics)),
        ("Replication", fields(&replication)),
        ("CPU", cpu),
        ("Cluster", fields(&cluster)),
        ("Keyspace", keyspace),
    ]
}

fn human(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes}B"),
        1_024..1_048_576 => format!("{:.2}K", bytes as f64 / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.2}M", bytes as f64 / 1_048_576.0),
        _ => format!("{:.2}G", bytes as f64 / 1_073_741_824.0),
    }
}
