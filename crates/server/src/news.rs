//! Word that the membership history has grown, for those who wait for it, and how far it has.
//!
//! Invariant: whoever listens hears of each event that arrives after that, though several may be one word; when the node ends,
//! listeners hear that there is no more to come.
//! Refuses to know what arrived: the history tells.

use tokio::sync::watch;

/// Tells.
#[derive(Debug)]
pub struct Teller(watch::Sender<u64>);

/// Listens. Clones made from one hear the same.
#[derive(Clone, Debug)]
pub struct News(watch::Receiver<u64>);

/// A teller, and who hears it, when the newest event is that of `epoch`.
pub fn news(epoch: u64) -> (Teller, News) {
    let (teller, news) = watch::channel(epoch);
    (Teller(teller), News(news))
}

impl Teller {
    /// The event of `epoch` has arrived.
    pub fn tell(&self, epoch: u64) {
        self.0.send_modify(|newest| *newest = epoch.max(*newest));
    }
}

impl News {
    /// The epoch of the newest event.
    pub fn epoch(&self) -> u64 {
        *self.0.borrow()
    }

    /// Waits for something that has arrived since the last call, or since this was cloned. False if the node has ended.
    pub async fn more(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::news;

    #[tokio::test]
    async fn listeners_hear_what_arrives_and_the_end() {
        let (teller, mut listener) = news(3);
        assert_eq!(listener.epoch(), 3);
        teller.tell(4);
        teller.tell(5);
        assert!(listener.more().await);
        let mut other = listener.clone();
        teller.tell(6);
        assert!(listener.more().await && other.more().await);
        assert_eq!(listener.epoch(), 6);
        drop(teller);
        assert!(!listener.more().await);
    }
}
