//! Garage's K2V: items by partition key and sort key over HTTP, each request signed (AWS signature version 4).
//!
//! Invariant: a request is signed for the day and the second at which the load began, which Garage takes for a day.

use super::{Shape, decimal};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Garage's region and service, as they are signed.
const SCOPE: &str = "garage/k2v/aws4_request";
/// What is signed instead of the body's hash.
const BODY: &str = "UNSIGNED-PAYLOAD";
/// The bucket, which has to be there.
const BUCKET: &str = "bench";
/// Bytes of `20261122T071500Z`.
const MOMENT: usize = 16;
/// Bytes of the name of a Garage key: `GK` and 24 digits.
const ID: usize = 26;

/// Who asks: the name of a Garage key, what its secret makes of this day, and the moment that is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    id: [u8; ID],
    key: [u8; 32],
    moment: [u8; MOMENT],
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// From `ID:SECRET` and the seconds since 1970. `None` if the first is none of Garage's.
    pub fn new(credentials: &str, seconds: u64) -> Option<Signer> {
        let (id, secret) = credentials.split_once(':')?;
        let moment = moment(seconds);
        let mut key = hmac(format!("AWS4{secret}").as_bytes(), &moment[..8]);
        for part in SCOPE.split('/') {
            key = hmac(&key, part.as_bytes());
        }
        Some(Signer { id: id.as_bytes().try_into().ok()?, key, moment })
    }

    fn day(&self) -> &str {
        text(&self.moment[..8])
    }

    /// The signature of a request, in hexadecimal.
    fn sign(&self, method: &str, key: &str) -> String {
        let moment = text(&self.moment);
        let request = format!(
            "{method}\n/{BUCKET}/{key}\nsort_key=v\nhost:localhost\nx-amz-content-sha256:{BODY}\nx-amz-date:{moment}\n\nhost;x-amz-content-sha256;x-amz-date\n{BODY}"
        );
        let said = format!("AWS4-HMAC-SHA256\n{moment}\n{}/{SCOPE}\n{}", self.day(), hex(&Sha256::digest(request)));
        hex(&hmac(&self.key, said.as_bytes()))
    }
}

pub(super) fn get(signer: &Signer, shape: Shape, number: u64, out: &mut Vec<u8>) {
    head(signer, "GET", shape, number, out);
    // Inserts name nothing that they have seen, so an item may have several values, which come as JSON.
    out.extend_from_slice(b"accept: application/octet-stream, application/json\r\n\r\n");
}

pub(super) fn put(signer: &Signer, shape: Shape, number: u64, value: &[u8], out: &mut Vec<u8>) {
    head(signer, "PUT", shape, number, out);
    out.extend_from_slice(b"content-length: ");
    decimal(value.len(), out);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(value);
}

fn head(signer: &Signer, method: &str, shape: Shape, number: u64, out: &mut Vec<u8>) {
    let mut key = Vec::new();
    shape.key(number, &mut key);
    let key = text(&key);
    let signature = signer.sign(method, key);
    let (id, day, moment) = (text(&signer.id), signer.day(), text(&signer.moment));
    out.extend_from_slice(
        format!(
            "{method} /{BUCKET}/{key}?sort_key=v HTTP/1.1\r\nhost: localhost\r\nx-amz-date: {moment}\r\nx-amz-content-sha256: {BODY}\r\nauthorization: AWS4-HMAC-SHA256 Credential={id}/{day}/{SCOPE}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}\r\n"
        )
        .as_bytes(),
    );
}

/// The moment in UTC as it is signed (proleptic Gregorian calendar, by the days of eras of 400 years that begin in March).
fn moment(seconds: u64) -> [u8; MOMENT] {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let text = format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z");
    text.as_bytes().try_into().expect("a year of four digits")
}

fn hmac(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("keys, names and moments are ASCII")
}

#[cfg(test)]
mod tests {
    use super::{Signer, hex, hmac, moment, text};

    #[test]
    fn moments() {
        for (seconds, expected) in
            [(0, "19700101T000000Z"), (951_782_399, "20000228T235959Z"), (1_709_210_096, "20240229T123456Z")]
        {
            assert_eq!(text(&moment(seconds)), expected);
        }
    }

    /// RFC 4231, test case 2.
    #[test]
    fn the_keyed_hash_is_the_usual_one() {
        let found = hex(&hmac(b"Jefe", b"what do ya want for nothing?"));
        assert_eq!(found, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn names_that_are_none_of_garage() {
        assert!(Signer::new("GK31c2f218a2e44f485b94239e:secret", 0).is_some());
        assert!(Signer::new("GK31:secret", 0).is_none());
        assert!(Signer::new("no colon", 0).is_none());
    }
}
