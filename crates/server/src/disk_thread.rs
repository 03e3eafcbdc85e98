//! The thread that makes writes durable, so that the event loop never waits for the disk (group commit).
//!
//! Invariant: at most one fsync is under way; what is wanted meanwhile shares the next one.
//! Refuses to know what was written.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use storage::{Seq, StorageError, Syncer};
use tokio::sync::oneshot;

use crate::counters::Counters;
use crate::event::{Event, EventSender};

/// How long the last fsync may take before the process ends without it.
const LAST_SYNC_TIME: Duration = Duration::from_secs(10);

/// Between two attempts to bring writes to a disk that has no room for them.
const FULL_PAUSE: Duration = Duration::from_millis(200);

/// The event loop's side of the thread.
pub(crate) struct DiskThread {
    requests: mpsc::SyncSender<()>,
    /// Closed when the thread has put its syncer away.
    over: oneshot::Receiver<()>,
    /// The newest batch that somebody wants durable.
    wanted: Seq,
    durable: Seq,
    syncing: bool,
}

impl DiskThread {
    /// Starts the thread.
    pub(crate) fn start(
        syncer: Box<dyn Syncer>,
        events: EventSender,
        counters: Arc<Counters>,
    ) -> io::Result<DiskThread> {
        let (requests, wishes) = mpsc::sync_channel(1);
        let (alive, over) = oneshot::channel();
        thread::Builder::new().name("fsync".to_owned()).spawn(move || {
            serve(syncer, &wishes, &events, &counters);
            drop(alive);
        })?;
        Ok(DiskThread { requests, over, wanted: Seq(0), durable: Seq(0), syncing: false })
    }

    /// Notes that everything up to `seq` is to be made durable. Nothing happens before `kick`.
    pub(crate) fn want(&mut self, seq: Seq) {
        self.wanted = self.wanted.max(seq);
    }

    /// Notes how far an fsync came.
    pub(crate) fn synced(&mut self, result: &Result<Seq, StorageError>) {
        self.syncing = false;
        match result {
            Ok(seq) => self.durable = self.durable.max(*seq),
            // A failed fsync is not repeated by itself: nobody knows any more what is on disk. After a full disk the node
            // asks for another one.
            Err(_) => self.wanted = self.durable,
        }
    }

    /// Starts an fsync if one is wanted and none is under way.
    pub(crate) fn kick(&mut self) {
        if self.wanted > self.durable && !self.syncing {
            // The channel holds the one request there can be; it is closed only if the thread has died, and then
            // the machine's deadlines answer whoever waits.
            self.syncing = self.requests.try_send(()).is_ok();
        }
    }

    /// True if an fsync is wanted or under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.syncing || self.wanted > self.durable
    }

    /// Makes everything durable one last time and ends the thread. False if that took too long.
    pub(crate) async fn finish(self) -> bool {
        drop(self.requests);
        tokio::time::timeout(LAST_SYNC_TIME, self.over).await.is_ok()
    }
}

fn serve(mut syncer: Box<dyn Syncer>, wishes: &mpsc::Receiver<()>, events: &EventSender, counters: &Counters) {
    while wishes.recv().is_ok() {
        counters.fsyncs.add(1);
        let begun = Instant::now();
        let synced = syncer.sync();
        counters.fsync_times.observe(begun.elapsed());
        if matches!(synced, Err(StorageError::Full { .. })) {
            tracing::warn!("writes wait for room on the disk");
            thread::sleep(FULL_PAUSE);
        }
        // The event loop does not listen any more when it is about to end; the last sync below is for that.
        let _ = events.blocking_send(Event::Synced(synced));
    }
    counters.fsyncs.add(1);
    if let Err(error) = syncer.sync() {
        tracing::error!("the last writes may be lost: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::DiskThread;
    use crate::event::{self, Event};
    use std::sync::{Arc, Mutex, mpsc};
    use storage::{Seq, StorageError, Syncer};

    /// A disk whose every fsync waits for permission and reports what was applied when it began.
    struct SlowDisk {
        permits: mpsc::Receiver<()>,
        applied: Arc<Mutex<Seq>>,
    }

    impl Syncer for SlowDisk {
        fn sync(&mut self) -> Result<Seq, StorageError> {
            let applied = *self.applied.lock().unwrap();
            self.permits.recv().map_err(|_| StorageError::Closed)?;
            Ok(applied)
        }
    }

    #[tokio::test]
    async fn wishes_share_the_next_fsync() {
        let (permit, permits) = mpsc::channel();
        let applied = Arc::new(Mutex::new(Seq(1)));
        let (events, mut queue) = event::queue(0);
        let disk = SlowDisk { permits, applied: applied.clone() };
        let counters = Arc::default();
        let mut thread = DiskThread::start(Box::new(disk), events, Arc::clone(&counters)).unwrap();
        let mut reports = Vec::new();
        for seq in 1..=50 {
            *applied.lock().unwrap() = Seq(seq);
            thread.want(Seq(seq));
            thread.kick();
        }
        while thread.is_busy() {
            permit.send(()).unwrap();
            let Some(Event::Synced(result)) = queue.recv().await else { panic!("no report") };
            thread.synced(&result);
            reports.push(result.unwrap());
            thread.kick();
        }
        assert_eq!(reports.last(), Some(&Seq(50)));
        assert!(reports.len() <= 2, "{reports:?}");
        permit.send(()).unwrap();
        assert!(thread.finish().await);
        assert_eq!(counters.fsyncs.get(), reports.len() as u64 + 1);
    }

    #[tokio::test]
    async fn a_failed_fsync_is_not_repeated() {
        let (permit, permits) = mpsc::channel::<()>();
        drop(permit);
        let (events, mut queue) = event::queue(0);
        let disk = SlowDisk { permits, applied: Arc::default() };
        let mut thread = DiskThread::start(Box::new(disk), events, Arc::default()).unwrap();
        thread.want(Seq(1));
        thread.kick();
        let Some(Event::Synced(result)) = queue.recv().await else { panic!("no report") };
        assert_eq!(result, Err(StorageError::Closed));
        thread.synced(&result);
        assert!(!thread.is_busy());
    }
}
