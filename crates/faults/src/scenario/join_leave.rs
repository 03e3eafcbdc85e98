//! Nodes that join and leave a cluster full of data while clients work: no request fails, waiting times stay near the
//! quiet ones, and not much more moves than has to.

use super::Options;
use crate::http;
use crate::load::{Asker, Verdict, value};
use crate::nemesis;
use crate::place::Place;
use crate::report::{Report, Spread};
use crate::session::Session;
use serde_json::{Value, json};
use sim::outside::Outcome;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use stdx::Prng;

/// Threads that load data before the run.
const LOADERS: u64 = 32;

/// How much data.
#[derive(Clone, Copy, Debug)]
pub struct Bulk {
    /// Items loaded before clients begin.
    pub keys: u64,
    /// Bytes of each value.
    pub value_bytes: usize,
    /// Count bytes between nodes, with the proxy, which costs time.
    pub proxied: bool,
}

const PREFIX: &str = "bulk-";

/// The metric of bytes that tables were written with.
const WRITTEN: &str = "alianza_storage_written_bytes_total";

/// Nodes that have written no table for so long are done with what was loaded.
const AT_REST: Duration = Duration::from_secs(5);

/// Loads data, lets a node join and leave under load, and reads everything back.
pub fn join_leave(options: &Options, bulk: Bulk) -> Result<Report, String> {
    let mut plan = options.plan();
    plan.preloaded = Some((PREFIX.to_owned(), bulk.keys));
    plan.plain = true;
    let mut session = Session::prepare("join-leave", options.setup(bulk.proxied, Place::Directory), plan)?;
    let went = (|| {
        let begun = Instant::now();
        load(&session, bulk)?;
        let loading = begun.elapsed().as_secs_f64();
        session.figures.insert("keys".to_owned(), bulk.keys.into());
        session.figures.insert("keys loaded per second".to_owned(), (bulk.keys as f64 / loading).into());
        session.fleet.wait_rest(Duration::from_secs(300))?;
        wait_merged(&session)?;
        session.begin_load()?;
        session.let_run(Duration::from_secs(20))?;
        let bytes = |session: &Session| session.fleet.proxy.as_ref().map(|p| p.links().counts.all()["peer bytes"]);
        let before = bytes(&session);
        let number = nemesis::join(&mut session)?;
        note_move(&mut session, "join", number, bulk, before);
        session.let_run(Duration::from_secs(10))?;
        nemesis::leave(&mut session, number)?;
        note_time(&mut session, "leave");
        session.let_run(Duration::from_secs(5))?;
        let missing = read_all(&session, bulk)?;
        session.figures.insert("loaded keys missing or wrong at the end".to_owned(), missing.into());
        if missing > 0 { Err(format!("{missing} of {} loaded keys are missing or wrong", bulk.keys)) } else { Ok(()) }
    })();
    compare_waiting(&mut session);
    Ok(session.finish(went))
}

fn key(number: u64) -> String {
    format!("{PREFIX}{number}")
}

fn load(session: &Session, bulk: Bulk) -> Result<(), String> {
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let urls = session.fleet.client_urls();
    std::thread::scope(|scope| {
        for loader in 0..LOADERS {
            let (next, failed, urls) = (&next, &failed, &urls);
            scope.spawn(move || {
                let mut asker = Asker::new(urls, Prng::keyed(loader, "loader", &[]));
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= bulk.keys || crate::stop::wanted() {
                        return;
                    }
                    let key = key(number);
                    let value = value::make(&key, &format!("b{number}"), bulk.value_bytes);
                    let body = json!({ "type": "PUT", "key": key, "value": value, "timeout": "10s" });
                    // Loading the same value twice does no harm.
                    if !matches!(asker.ask(&body, true).verdict, Verdict::Answered(200, _)) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    match failed.into_inner() {
        0 => Ok(()),
        count => Err(format!("{count} of {} keys could not be loaded", bulk.keys)),
    }
}

/// Waits until no node writes tables any more: what was loaded is merged for a while after it is there, and would make the
/// quiet time less quiet than it is.
fn wait_merged(session: &Session) -> Result<(), String> {
    let agent = http::agent(Duration::from_secs(5));
    let written = || -> Vec<String> {
        let page = |node: &crate::node::Node| http::get(&agent, &format!("{}/metrics", node.url()));
        let pages =
            session.fleet.nodes.iter().filter_map(page).filter_map(|(_, page)| page.as_str().map(str::to_owned));
        pages
            .flat_map(|page| {
                page.lines().filter(|line| line.starts_with(WRITTEN)).map(str::to_owned).collect::<Vec<_>>()
            })
            .collect()
    };
    let begun = Instant::now();
    let (mut before, mut since) = (written(), Instant::now());
    if before.is_empty() {
        return Err(format!("no node tells {WRITTEN}"));
    }
    while since.elapsed() < AT_REST {
        if begun.elapsed() > Duration::from_secs(300) || crate::stop::wanted() {
            return Err("the nodes did not finish merging what was loaded".to_owned());
        }
        std::thread::sleep(Duration::from_millis(200));
        let now = written();
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
    Ok(())
}

/// Reads all loaded items by scans at a quorum; how many are missing or wrong.
fn read_all(session: &Session, bulk: Bulk) -> Result<u64, String> {
    let mut asker = Asker::new(&[session.fleet.nodes[0].url()], Prng::new(1));
    let mut seen = vec![false; bulk.keys as usize];
    let mut cursor = Value::Null;
    loop {
        let mut body = json!({ "type": "SCAN", "limit": 2_000, "timeout": "3s" });
        if !cursor.is_null() {
            body["cursor"] = cursor;
        }
        let Verdict::Answered(200, page) = asker.ask(&body, true).verdict else {
            return Err("a scan at the end was not answered".to_owned());
        };
        for item in page["items"].as_array().into_iter().flatten() {
            let (Some(key), Some(text)) = (item["key"].as_str(), item["value"].as_str()) else { continue };
            let number = key.strip_prefix(PREFIX).and_then(|number| number.parse::<usize>().ok());
            let Some(slot) = number.and_then(|number| seen.get_mut(number)) else { continue };
            *slot = value::check(key, text) == Some(&format!("b{}", &key[PREFIX.len()..]));
        }
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return Ok(seen.iter().filter(|seen| !**seen).count() as u64);
        }
        if crate::stop::wanted() {
            return Err("stopped by a signal".to_owned());
        }
    }
}

fn note_time(session: &mut Session, what: &str) {
    if let Some(act) = session.acts.last() {
        let seconds = act.lifted.since(act.begun).as_millis() as f64 / 1e3;
        session.figures.insert(format!("{what}, seconds until all data has moved"), seconds.into());
    }
}

/// What has to move: the copies that the newcomer gained, at the size of a key and a value.
fn note_move(session: &mut Session, what: &str, number: usize, bulk: Bulk, before: Option<u64>) {
    note_time(session, what);
    let Some(status) = session.fleet.nodes[number].cluster() else { return };
    let own =
        status["members"].as_array().and_then(|members| members.iter().find(|member| member["self"] == true).cloned());
    let copies = own.and_then(|own| own["copies"].as_u64()).unwrap_or(0) as f64;
    let share = copies / status["partitions"].as_f64().unwrap_or(1.0);
    let least = share * bulk.keys as f64 * (key(bulk.keys).len() + bulk.value_bytes) as f64;
    session.figures.insert(format!("{what}, bytes that have to move (keys and values)"), (least as u64).into());
    let now = session.fleet.proxy.as_ref().map(|proxy| proxy.links().counts.all()["peer bytes"]);
    if let (Some(before), Some(now)) = (before, now) {
        session.figures.insert(format!("{what}, bytes between nodes, clients' included"), (now - before).into());
    }
}

/// Waiting times of clients while quiet, and while a node joins and leaves.
fn compare_waiting(session: &mut Session) {
    let Ok((all, _)) = session.recorder.all() else { return };
    let first = session.acts.first().map_or(u64::MAX, |act| act.begun.0);
    let within = |from: u64, to: u64| {
        let entries = all.iter().map(|r| &r.entry).filter(|e| e.outcome != Outcome::NotDone);
        let entries = entries.filter(|entry| from <= entry.begun.0 && entry.begun.0 < to);
        Spread::of(entries.map(|entry| entry.ended.since(entry.begun).as_micros() as f64 / 1e3).collect())
    };
    let quiet = within(0, first);
    session.figures.insert("waiting quiet, ms".to_owned(), quiet.json());
    for act in session.acts.clone() {
        let spread = within(act.begun.0, act.lifted.0);
        session.figures.insert(format!("waiting during {}, ms", act.kind), spread.json());
        let ratio = (spread.p99 / quiet.p99.max(0.001) * 100.0).round() / 100.0;
        session.figures.insert(format!("p99 during {} / quiet p99", act.kind), ratio.into());
    }
}
