//! Values that tell whether they are what was written: `<unique>.<checksum of it and the key>.<padding>`.

/// The value of a write: unique in the run by `unique`, padded to `bytes`.
pub fn make(key: &str, unique: &str, bytes: usize) -> String {
    let mut value = format!("{unique}.{:08x}.", checksum(key, unique));
    while value.len() < bytes {
        value.push('x');
    }
    value
}

/// The unique part of a value that was read under `key`; nothing if it is not one that was ever made for this key.
pub fn check<'a>(key: &str, value: &'a str) -> Option<&'a str> {
    let mut parts = value.splitn(3, '.');
    let (unique, sum, padding) = (parts.next()?, parts.next()?, parts.next()?);
    let right = sum == format!("{:08x}", checksum(key, unique)) && padding.bytes().all(|byte| byte == b'x');
    right.then_some(unique)
}

fn checksum(key: &str, unique: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key.as_bytes());
    hasher.update(&[0]);
    hasher.update(unique.as_bytes());
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::{check, make};

    #[test]
    fn another_key_and_any_changed_byte_are_noticed() {
        let value = make("k", "v7c1", 40);
        assert_eq!((value.len(), check("k", &value)), (40, Some("v7c1")));
        assert_eq!(check("j", &value), None);
        for at in 0..value.len() {
            let mut bytes = value.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(check("k", &String::from_utf8(bytes).unwrap()), None, "byte {at}");
        }
    }
}
