//! `/v1/restore`: records of a backup coming back. First an event of the membership history says that it begins, then the
//! items come in any order, any number of times.
//!
//! Invariant: what was written after the event is never overwritten; see `proto::restoring`.

use super::{ask, tell};
use crate::access::Asker;
use crate::fields::{Fields, excerpt, invalid, missing};
use crate::json;
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::refusal;
use crate::router::Api;
use axum::extract::{self, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use backup::{Entry, Frame, FrameReader};
use proto::restoring::{Restoring, There, Verdict};
use proto::{
    Act, Admin, Cas, Change, Current, Digest, Edit, Ends, Event, Expect, Found, Get, ItemKey, Level, Mode, Request,
    Restore, Restored, Rule, Sibling, Tried,
};
use serde_json::json;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use stdx::Wall;
use tokio::task::JoinSet;

/// Items worked on at the same time, for one request.
const AT_ONCE: usize = 64;

/// `POST /v1/restore`: puts the restore into the history.
pub(crate) async fn begin(Asker(api): Asker, request: extract::Request) -> Result<Response, Problem> {
    let body = api.bodies.read(request, &api.options).await?;
    let mut fields = Fields::read(&body.bytes)?;
    let backup = fields
        .text_needed("backup")?
        .parse::<Digest>()
        .map_err(|_| invalid("backup", "must be the 64 hex digits of the manifest's hash"))?;
    let name = fields.text_needed("name")?.into_owned();
    let buckets: Vec<String> = fields.text_needed("buckets")?.split(',').map(str::to_owned).collect();
    let overwrite = match fields.text_needed("mode")?.as_ref() {
        "only-missing" => false,
        "overwrite" => true,
        _ => return Err(invalid("mode", "must be \"only-missing\" or \"overwrite\"")),
    };
    fields.finish("a restore", &["backup", "name", "buckets", "mode"])?;
    let asked = |of: &Restored| (of.backup, of.overwrite, &of.buckets) == (backup, overwrite, &buckets);
    let change = Admin::Restored { backup, name, buckets: buckets.clone(), overwrite };
    match api.database().call(Request::Admin(change), None).await {
        proto::Response::Changed { history, .. } => {
            let begun = history.iter().rev().find(|event| matches!(&event.change, Change::Restored(of) if asked(of)));
            let begun = begun.ok_or_else(|| crate::cluster::nothing_of("event of this restore"))?;
            Ok(json::answer(StatusCode::CREATED, json!({ "restore": begun.epoch.0 }).to_string()))
        }
        other => Err(refusal::unexpected(other)),
    }
}

/// What came of the items of one request.
#[derive(Clone, Copy, Default)]
struct Counts {
    written: u64,
    done: u64,
    kept: u64,
    dead: u64,
    equal: u64,
    different: u64,
    missing: u64,
}

/// `POST /v1/restore/items?restore=12&bucket=carts&act=write`: records in frames. With `act=check` nothing is written, and
/// what is there is compared with them.
pub(crate) async fn items(
    Asker(api): Asker,
    RawQuery(query): RawQuery,
    request: extract::Request,
) -> Result<Response, Problem> {
    let mut query = Query::read(query.as_deref())?;
    let epoch = query.text("restore")?.ok_or_else(|| missing("restore"))?;
    let bucket = query.text("bucket")?.ok_or_else(|| missing("bucket"))?;
    let check = match query.text("act")?.as_deref() {
        Some("write") => false,
        Some("check") => true,
        _ => return Err(invalid("act", "must be write or check")),
    };
    query.finish(&["restore", "bucket", "act"])?;
    api.demand(if check { Act::Read } else { Act::Admin }, Some(&bucket))?;
    let restoring = Arc::new(find(&api, &epoch, &bucket).await?);
    let what = if check { "restore.check" } else { "restore.items" };
    tell(api.database(), what, json!({ "restore": excerpt(epoch.as_bytes()), "bucket": bucket })).await;
    let (_, rule, mode) = api.buckets.whole(api.database(), &bucket).await?;
    let body = api.bodies.read(request, &api.options).await?;
    let mut reader = FrameReader::new(body.bytes.clone());
    let mut tasks = JoinSet::new();
    let mut counts = Counts::default();
    loop {
        let frame = reader
            .next_frame()
            .map_err(|error| Problem::new(Kind::InvalidField, format!("The body is wrong: {error}.")))?;
        if tasks.len() >= AT_ONCE || frame.is_none() {
            let Some(ended) = tasks.join_next().await else { break };
            count(&mut counts, ended)?;
        }
        match frame {
            Some(Frame::Entry(entry)) => {
                let job = Job {
                    api: Arc::clone(&api),
                    restoring: Arc::clone(&restoring),
                    bucket: bucket.clone(),
                    rule,
                    mode,
                };
                tasks.spawn(async move { job.item(entry, check).await });
            }
            Some(_) => return Err(Problem::new(Kind::InvalidField, "The body must be records and nothing else.")),
            None => {}
        }
    }
    let Counts { written, done, kept, dead, equal, different, missing } = counts;
    Ok(json::ok(&json!({
        "written": written, "done": done, "kept": kept, "dead": dead,
        "equal": equal, "different": different, "missing": missing,
    })))
}

fn count(all: &mut Counts, ended: Result<Result<Counts, Problem>, tokio::task::JoinError>) -> Result<(), Problem> {
    let one =
        ended.map_err(|_| Problem::new(Kind::Internal, "An item was given up; look at the log of this node."))??;
    all.written += one.written;
    all.done += one.done;
    all.kept += one.kept;
    all.dead += one.dead;
    all.equal += one.equal;
    all.different += one.different;
    all.missing += one.missing;
    Ok(())
}

/// The restore that an event of the history began.
async fn find(api: &Api, epoch: &str, bucket: &str) -> Result<Restoring, Problem> {
    let epoch: u64 = epoch.parse().map_err(|_| invalid("restore", "must be the number of an event"))?;
    let history = match api.database().call(Request::Admin(Admin::History), None).await {
        proto::Response::History(history) => history,
        other => return Err(refusal::unexpected(other)),
    };
    let event = history.into_iter().find_map(|event| match event {
        Event { epoch: at, change: Change::Restored(restored), .. } if at.0 == epoch => Some((at, restored)),
        _ => None,
    });
    match event {
        Some((epoch, event @ Restored { .. })) if event.buckets.iter().any(|name| name == bucket) => {
            Ok(Restoring { epoch, event })
        }
        Some(_) => Err(invalid("bucket", format!("must be one of those that restore {epoch} named"))),
        None => Err(invalid(
            "restore",
            format!("is {epoch}, which is no restore in the history of this node; ask again in a moment"),
        )),
    }
}

struct Job {
    api: Arc<Api>,
    restoring: Arc<Restoring>,
    bucket: String,
    rule: Rule,
    mode: Mode,
}

impl Job {
    async fn item(&self, entry: Entry, check: bool) -> Result<Counts, Problem> {
        let stored = codec::decode_stored(&entry.key, &entry.value);
        let (_, key, record) =
            stored.map_err(|error| Problem::new(Kind::InvalidField, format!("A record is damaged: {error}.")))?;
        let versions = self.restoring.versions(&entry.key, &record, wall());
        if versions.is_empty() {
            return Ok(Counts { dead: 1, ..Counts::default() });
        }
        let found = self.found(&key).await?;
        if check {
            return Ok(compare(&versions, &found));
        }
        if self.mode == Mode::Linearizable {
            return self.change(key, versions, &found).await;
        }
        let there = There { live: !found.siblings.is_empty(), context: found.context, newest: found.newest };
        match self.restoring.verdict(self.rule.of_key(&key), versions, &there) {
            Verdict::Kept => Ok(Counts { kept: 1, ..Counts::default() }),
            Verdict::Done => Ok(Counts { done: 1, ..Counts::default() }),
            Verdict::Write(record) => {
                let (bucket, level) = (self.bucket.clone(), Some(Level::Quorum));
                let restore = Restore { bucket, key: key.clone(), record, level };
                match ask(self.api.database(), Request::Restore(restore)).await {
                    proto::Response::Written(_) => Ok(Counts { written: 1, ..Counts::default() }),
                    other => Err(about(&key, refusal::unexpected(other))),
                }
            }
        }
    }

    /// Restores an item of a linearizable bucket: by a change, which looks once more at what is there.
    async fn change(
        &self,
        key: ItemKey,
        versions: Vec<(causal::Dot, proto::Version)>,
        found: &Found,
    ) -> Result<Counts, Problem> {
        let (kept, stamp) = (Counts { kept: 1, ..Counts::default() }, self.restoring.event.stamp);
        let overwrite = self.restoring.event.overwrite;
        let Some((_, version)) = versions.into_iter().next() else { return Ok(kept) };
        match found.newest {
            Some(newest) if newest == stamp => return Ok(Counts { done: 1, ..Counts::default() }),
            Some(newest) if newest > stamp || !found.siblings.is_empty() && !overwrite => return Ok(kept),
            _ => {}
        }
        let (bucket, edit) = (self.bucket.clone(), Edit::Restore { version, overwrite });
        let (expect, ends) = (Expect::Any, Ends::Never);
        let cas = Cas { bucket, key: key.clone(), expect, edit, ends, id: None, tried: Tried::No };
        match ask(self.api.database(), Request::Cas(cas)).await {
            // Others may have changed it again before the answer came; then all that is known is that it was made.
            proto::Response::Swapped(now) if now.stamp == Some(stamp) || now.stamp.is_none() && now.version > 0 => {
                Ok(Counts { written: 1, ..Counts::default() })
            }
            proto::Response::Swapped(_) => Ok(kept),
            other => Err(about(&key, refusal::unexpected(other))),
        }
    }

    /// What a quorum knows of the item. Not by a scan, which would read whatever lies beside it on disk.
    async fn found(&self, key: &ItemKey) -> Result<Found, Problem> {
        let get = Get { bucket: self.bucket.clone(), key: key.clone(), level: Some(Level::Quorum) };
        match ask(self.api.database(), Request::Get(get)).await {
            proto::Response::Found(found) => Ok(found),
            proto::Response::Current(current) => Ok(found_of(current)),
            other => Err(about(key, refusal::unexpected(other))),
        }
    }
}

fn compare(versions: &[(causal::Dot, proto::Version)], found: &Found) -> Counts {
    let mut counts = Counts::default();
    let known = |wanted: &proto::Version| {
        let is = |is: &proto::Version| (&is.value, is.expires) == (&wanted.value, wanted.expires);
        found.siblings.iter().any(|sibling| is(&sibling.version))
    };
    if found.siblings.len() == versions.len() && versions.iter().all(|(_, version)| known(version)) {
        counts.equal = 1;
    } else if found.newest.is_none() {
        counts.missing = 1;
    } else {
        counts.different = 1;
    }
    counts
}

/// An item of a linearizable bucket as one of another that has one value.
pub(super) fn found_of(current: Current) -> Found {
    let Current { value, expires, stamp, version } = current;
    let dot = causal::Dot { actor: causal::Actor { node: 0, incarnation: 0 }, counter: version };
    let version = |value| proto::Version { stamp: stamp.unwrap_or_default(), expires, value: Some(value) };
    let siblings = value.into_iter().map(|value| Sibling { dot, version: version(value) }).collect();
    Found { siblings, context: causal::Context::default(), newest: stamp, answered: 0 }
}

/// The problem, with the key in front of its sentence.
fn about(key: &ItemKey, problem: Problem) -> Problem {
    let detail = format!("At key \"{}\": {}", excerpt(&key.partition_key), problem.detail());
    Problem::new(problem.kind(), detail)
}

pub(super) fn wall() -> Wall {
    Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64))
}
