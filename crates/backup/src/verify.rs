//! Reading everything a backup consists of, and naming each file that is not as it was written.

use crate::directory::Directory;
use crate::error::Error;
use crate::manifest::Manifest;
use crate::part::read_all;
use std::collections::BTreeSet;

/// A file that is damaged or missing, in a sentence that names it.
pub type Flaw = Error;

/// Reads every part of a backup to its end. `seen` remembers parts that were found whole, which other backups share.
pub fn verify(directory: &Directory, manifest: &Manifest, seen: &mut BTreeSet<[u8; 32]>) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for part in &manifest.parts {
        if seen.contains(&part.hash.0) {
            continue;
        }
        match read_all(&directory.part(part), part.hash, part.partition, &mut |_| Ok(())) {
            Ok(items) if items == part.items => {
                seen.insert(part.hash.0);
            }
            Ok(items) => {
                let path = directory.part(part);
                flaws.push(Error::damaged(&path, format!("it has {items} records instead of {}", part.items)));
            }
            Err(flaw) => flaws.push(flaw),
        }
    }
    flaws
}

#[cfg(test)]
mod tests {
    use super::verify;
    use crate::{BucketEntry, Directory, Entry, Manifest, Session};
    use causal::{Actor, Dot, Stamp};
    use proto::{Bucket, BucketId, ItemKey, Record, Slot, Value, Version};
    use ring::Grid;
    use std::collections::BTreeSet;
    use std::fs;

    fn entry(key: &str, value: &str) -> (Slot, Entry) {
        let slot = Slot::new(Grid::new(2).unwrap(), BucketId(0), ItemKey::plain(key.to_owned()));
        let dot = Dot { actor: Actor { node: 1, incarnation: 1 }, counter: 1 };
        let version = Version { stamp: Stamp::MIN, expires: None, value: Some(Value::plain(value.to_owned())) };
        let storage_key = codec::slot_key(&slot);
        let value = codec::encode_stored(&storage_key, &slot, &Record::Latest { dot, version });
        (slot, Entry { key: storage_key, value })
    }

    /// Makes a backup of these items.
    fn back_up(directory: &Directory, items: &[(&str, &str)], stamp: &str) -> (String, Manifest, crate::Written) {
        let mut session = Session::begin(directory).unwrap();
        for partition in Grid::new(2).unwrap().partitions() {
            let mut part = session.part(partition);
            let mut entries: Vec<_> = items.iter().map(|(key, value)| entry(key, value)).collect();
            entries.retain(|(slot, _)| slot.partition == partition);
            entries.sort_by(|a, b| a.1.key.cmp(&b.1.key));
            entries.iter().for_each(|(_, entry)| part.add(entry).unwrap());
            session.keep(part).unwrap();
        }
        let bucket = BucketEntry::of(&Bucket::default_bucket(3));
        let manifest = Manifest {
            cluster: 1,
            epoch: 2,
            began: 3,
            ended: 4,
            partitions: 4,
            buckets: vec![bucket],
            missing: Vec::new(),
            parts: Vec::new(),
        };
        session.finish(manifest, stamp).unwrap()
    }

    #[test]
    fn the_second_backup_writes_what_changed_and_the_first_stays_whole() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::create(temporary.path()).unwrap();
        let keys: Vec<String> = (0..20).map(|i| format!("key {i}")).collect();
        let mut items: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
        let (first, manifest, written) = back_up(&directory, &items, "1");
        assert_eq!((written.parts, written.same, manifest.items()), (4, 0, 20));
        items[0].1 = "other";
        let (_, _, written) = back_up(&directory, &items, "2");
        assert_eq!((written.parts, written.same), (1, 3));
        let listed = directory.list().unwrap();
        assert_eq!(listed.len(), 2);
        for listed in listed {
            let (manifest, _) = listed.manifest.unwrap();
            assert!(verify(&directory, &manifest, &mut BTreeSet::new()).is_empty());
        }
        assert_eq!(directory.manifest(&first).unwrap().0, manifest);
    }

    #[test]
    fn a_flipped_byte_and_a_missing_file_are_named() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::create(temporary.path()).unwrap();
        let (_, manifest, _) = back_up(&directory, &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")], "1");
        let path = directory.part(&manifest.parts[0]);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0x10;
            fs::write(&path, bad).unwrap();
            let flaws = verify(&directory, &manifest, &mut BTreeSet::new());
            assert_eq!(flaws.len(), 1, "byte {at}");
            assert!(flaws[0].to_string().contains(&manifest.parts[0].hash.to_string()), "{}", flaws[0]);
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(verify(&directory, &manifest, &mut BTreeSet::new()).len(), 1);
    }

    #[test]
    fn the_next_backup_does_not_build_on_a_damaged_part_but_writes_it_anew() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::create(temporary.path()).unwrap();
        let items = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")];
        let (_, first, _) = back_up(&directory, &items, "1");
        let path = directory.part(&first.parts[0]);
        let mut bytes = fs::read(&path).unwrap();
        bytes[20] ^= 1;
        fs::write(&path, bytes).unwrap();
        let (_, second, written) = back_up(&directory, &items, "2");
        assert_eq!((written.parts, written.same), (1, first.parts.len() as u64 - 1));
        for manifest in [first, second] {
            assert!(verify(&directory, &manifest, &mut BTreeSet::new()).is_empty());
        }
    }

    #[test]
    fn a_first_run_that_was_killed_before_the_directory_had_its_mark_is_followed_by_another() {
        let temporary = tempfile::tempdir().unwrap();
        fs::create_dir(temporary.path().join("parts")).unwrap();
        assert!(Directory::open(temporary.path()).is_err());
        Directory::create(temporary.path()).unwrap();
        Directory::open(temporary.path()).unwrap();
    }

    #[test]
    fn what_was_not_finished_is_not_listed_and_does_no_harm() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::create(temporary.path()).unwrap();
        back_up(&directory, &[("a", "1")], "1");
        let mut broken_off = Session::begin(&directory).unwrap();
        assert!(Session::begin(&directory).is_err_and(|error| error.to_string().contains("another backup")));
        let (slot, entry) = entry("b", "2");
        let mut part = broken_off.part(slot.partition);
        part.add(&entry).unwrap();
        broken_off.keep(part).unwrap();
        drop(broken_off);
        fs::write(directory.unfinished().join("2-half"), "{").unwrap();
        assert_eq!(directory.list().unwrap().len(), 1);
        back_up(&directory, &[("a", "1"), ("b", "2")], "3");
        assert_eq!(directory.list().unwrap().len(), 2);
    }

    #[test]
    fn a_directory_with_other_things_in_it_is_left_alone() {
        let temporary = tempfile::tempdir().unwrap();
        fs::write(temporary.path().join("thesis.txt"), "years of work").unwrap();
        assert!(Directory::create(temporary.path()).is_err());
        assert!(Directory::open(temporary.path()).is_err());
    }
}
