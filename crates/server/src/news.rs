//! Word that the membership history has grown, for those who wait for it.
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

/// A teller, and who hears it.
pub fn news() -> (Teller, News) {
    let (teller, news) = watch::channel(0);
    (Teller(teller), News(news))
}

impl Teller {
    /// Something has arrived.
    pub fn tell(&self) {
        self.0.send_modify(|count| *count += 1);
    }
}

impl News {
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
        let (teller, mut listener) = news();
        teller.tell();
        teller.tell();
        assert!(listener.more().await);
        let mut other = listener.clone();
        teller.tell();
        assert!(listener.more().await && other.more().await);
        drop(teller);
        assert!(!listener.more().await);
    }
}
