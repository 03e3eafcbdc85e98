//! Numbers as Redis reads and writes them.
//!
//! Invariant: [`integer`] takes exactly what `i64` prints, so no sign but a minus, no leading zeros and no spaces.

use bytes::BytesMut;

/// Reads a whole number.
pub fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [] => return None,
        [b'0'] => return (!negative).then_some(0),
        [b'0', ..] => return None,
        _ => {}
    }
    let mut number: i64 = 0;
    for digit in digits {
        let digit = i64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        let shifted = number.checked_mul(10)?;
        number = if negative { shifted.checked_sub(digit)? } else { shifted.checked_add(digit)? };
    }
    Some(number)
}

/// Appends a whole number.
pub(crate) fn write(out: &mut BytesMut, number: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::{integer, write};
    use bytes::BytesMut;

    #[test]
    fn what_is_printed_is_read() {
        for number in [0, 1, -1, 9, 10, 99, 100, 12_345, i64::MAX, i64::MIN] {
            let mut out = BytesMut::new();
            write(&mut out, number);
            assert_eq!(&out[..], number.to_string().as_bytes());
            assert_eq!(integer(&out), Some(number));
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in ["", "-", "+1", " 1", "1 ", "01", "-0", "1.0", "9223372036854775808", "-9223372036854775809", "x"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }
}
