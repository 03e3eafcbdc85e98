//! Numbers that are counted with: whole ones and decimal fractions of up to 17 digits, added exactly.
//!
//! Invariant: what is printed is read back as the same number, without an exponent. Adding is exact or refused, so the sum
//! of many does not depend on their order, as that of binary fractions would.

use std::fmt;

/// Digits behind the point; as many as Redis prints.
const DIGITS: u32 = 17;
/// One.
const ONE: i128 = 10_i128.pow(DIGITS);
/// No number is further from zero: 10^21, which leaves room to add up some.
const MAX: i128 = ONE * 10_i128.pow(21);
/// Longest text that is looked at.
const TEXT_MAX: usize = 64;

/// A number, in units of 10^-17.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Decimal(i128);

impl Decimal {
    /// Nothing.
    pub const ZERO: Decimal = Decimal(0);

    /// A whole number.
    pub const fn whole(number: i64) -> Decimal {
        Decimal(number as i128 * ONE)
    }

    /// The number that the shortest text of a binary fraction says; none if it is none, or too large. What is smaller than
    /// 10^-17 is cut off.
    pub fn from_f64(number: f64) -> Option<Decimal> {
        if number.is_finite() && number.abs() < 1e22 { Decimal::parse(number.to_string().as_bytes()) } else { None }
    }

    /// The number as units of 10^-17.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// So many units of 10^-17, as [`Decimal::units`] gave them.
    pub const fn from_units(units: i128) -> Decimal {
        Decimal(units)
    }

    /// Reads a number: a sign, digits, a point with digits, an exponent. None if it is none, or further than 10^21 from zero.
    pub fn parse(text: &[u8]) -> Option<Decimal> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= TEXT_MAX)?;
        let (is_negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.unsigned_abs() <= 64)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if digits().next().is_none() || !digits().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let mut scale = DIGITS as i32 + exponent + whole.len() as i32;
        let mut units = 0_i128;
        for digit in digits() {
            scale -= 1;
            let value = i128::from(digit - b'0');
            if scale >= 0 && value > 0 {
                units = units.checked_add(value.checked_mul(10_i128.checked_pow(scale as u32)?)?)?;
            }
        }
        let units = if is_negative { -units } else { units };
        (units.unsigned_abs() <= MAX.unsigned_abs()).then_some(Decimal(units))
    }

    /// The sum; none if it is further than 10^21 from zero.
    pub fn plus(self, other: Decimal) -> Option<Decimal> {
        self.0.checked_add(other.0).filter(|units| units.unsigned_abs() <= MAX.unsigned_abs()).map(Decimal)
    }

    /// The sum, or what is nearest to it.
    #[must_use]
    pub const fn plus_at_most(self, other: Decimal) -> Decimal {
        Decimal(self.0.saturating_add(other.0))
    }

    /// The whole number of 64 bits that this is, if it is one.
    pub fn as_i64(self) -> Option<i64> {
        if self.0 % ONE == 0 { i64::try_from(self.0 / ONE).ok() } else { None }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) =
            (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{fraction:017}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    fn read(text: &str) -> Option<Decimal> {
        Decimal::parse(text.as_bytes())
    }

    #[test]
    fn numbers_are_printed_as_they_are_read_without_exponents() {
        for (text, printed) in [
            ("0", "0"),
            ("-0", "0"),
            ("10.50", "10.5"),
            ("+3.0e3", "3000"),
            ("5e-1", "0.5"),
            (".25", "0.25"),
            ("-7.", "-7"),
            ("0.00000000000000001", "0.00000000000000001"),
            ("0.000000000000000019", "0.00000000000000001"),
            ("9223372036854775807", "9223372036854775807"),
            ("1000000000000000000000", "1000000000000000000000"),
        ] {
            assert_eq!(read(text).map(|number| number.to_string()).as_deref(), Some(printed), "{text}");
        }
        for text in
            ["", "-", ".", "e", "1e", "1e99", "nan", "inf", "1 ", " 1", "0x10", "1.2.3", "1000000000000000000001"]
        {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(Decimal::from_f64(0.1), read("0.1"));
        assert_eq!((Decimal::from_f64(f64::NAN), Decimal::from_f64(1e300)), (None, None));
    }

    #[test]
    fn sums_are_exact_and_bounded() {
        let sum = |one: &str, other: &str| read(one)?.plus(read(other)?).map(|sum| sum.to_string());
        assert_eq!(sum("0.1", "0.2").as_deref(), Some("0.3"));
        assert_eq!(sum("-0.5", "0.5").as_deref(), Some("0"));
        assert_eq!(sum("1e21", "0.1"), None);
        assert_eq!(Decimal::whole(i64::MIN).as_i64(), Some(i64::MIN));
        assert_eq!(read("9223372036854775808").and_then(Decimal::as_i64), None);
        assert_eq!(read("1.5").and_then(Decimal::as_i64), None);
    }
}
