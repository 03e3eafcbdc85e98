//! A set of hashes, as small as it can be.

/// A set of hashes, none of which is 0: open addressing, 16 bytes for each place.
pub(super) struct Seen {
    places: Vec<u128>,
    count: usize,
}

impl Seen {
    pub(super) fn new() -> Seen {
        Seen { places: vec![0; 1 << 16], count: 0 }
    }

    /// False if it was in already.
    pub(super) fn insert(&mut self, hash: u128) -> bool {
        let hash = hash.max(1);
        if self.count * 4 > self.places.len() * 3 {
            let places = vec![0; self.places.len() * 2];
            for old in std::mem::replace(&mut self.places, places) {
                if old != 0 {
                    let at = self.place(old);
                    self.places[at] = old;
                }
            }
        }
        let at = self.place(hash);
        if self.places[at] == hash {
            return false;
        }
        self.places[at] = hash;
        self.count += 1;
        true
    }

    /// Where the hash is, or would go.
    fn place(&self, hash: u128) -> usize {
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        while self.places[at] != 0 && self.places[at] != hash {
            at = (at + 1) & mask;
        }
        at
    }
}
